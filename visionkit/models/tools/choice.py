"""The calls of a model that a user means by stages' names and numbers and layers' names."""

import difflib
from collections.abc import Sequence
from typing import Any

from visionkit._errors import ArgumentError, ModelError, describe
from visionkit.models.tools.stages import Call, Walk


def choose(walk: Walk, stages: Any) -> dict[str, Call]:
    """The calls whose outputs are asked for, by the names that they were asked for by."""
    known = {f"stage{number}": call for number, call in enumerate(walk.stages(), start=1)}
    asked = list(known) if stages is None else stages
    if isinstance(asked, str | int) or not isinstance(asked, Sequence):
        raise ArgumentError(f'features: expected stages to be a list such as ["stage2", -1], got {describe(asked)}')
    if not known and (stages is None or any(isinstance(one, int) for one in asked)):
        raise ModelError(
            "features: expected a model with convolutions over maps (N, H, W, C), got one without; "
            "name the layers whose outputs you want"
        )
    if not asked:
        raise ArgumentError("features: expected at least one stage, got none")
    chosen: dict[str, Call] = {}
    for one in asked:
        key, call = _number(known, one) if isinstance(one, int) else (one, _named(walk.calls, known, one))
        if key in chosen:
            raise ArgumentError(f"features: expected each stage once, got {key!r} twice")
        chosen[key] = call
        _called_once(walk.calls, call)
    return chosen


def _called_once(calls: list[Call], chosen: Call) -> None:
    """What gives inner tensors, too, takes the place of one call; other calls would need the layer as it is."""
    for depth in range(1, len(chosen.where)):
        [outer] = [call for call in calls if call.where == chosen.where[:depth]]
        times = sum(call.operation is outer.operation for call in calls)
        if times > 1:
            raise ArgumentError(
                f"features: expected layers inside of which a stage ends to be called once, got {outer.path!r}, "
                f"called {times} times; take the features of that layer, or name others"
            )


def _number(known: dict[str, Call], number: int) -> tuple[str, Call]:
    count = len(known)
    if isinstance(number, bool) or not 1 <= (number if number > 0 else count + 1 + number) <= count:
        raise ArgumentError(f"features: expected stages from 1 to {count}, or from -1 to -{count}, got {number}")
    key = f"stage{number if number > 0 else count + 1 + number}"
    return key, known[key]


def _named(calls: list[Call], known: dict[str, Call], name: Any) -> Call:
    if not isinstance(name, str):
        raise ArgumentError(
            f"features: expected the name or number of a stage, or a layer's name, got {describe(name)}"
        )
    # A path is exact: a layer at the top goes before others of its name inside of others.
    found = [call for call in calls if call.path == name] or [call for call in calls if call.operation.name == name]
    if name in known:
        if any(call.outputs[0] is not known[name].outputs[0] for call in found):
            raise ArgumentError(f"features: {name!r} is a stage and also a layer; give {name[5:]} for the stage")
        return known[name]
    if not found:
        names = [*known, *dict.fromkeys(call.operation.name for call in calls), *(call.path for call in calls)]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ArgumentError(
            f"features: expected the name of a stage ({', '.join(known) or 'it has none'}) or of a layer, "
            f"got {name!r}{hint}"
        )
    paths = list(dict.fromkeys(call.path for call in found))
    if len(paths) > 1:
        raise ArgumentError(
            f"features: expected the name of one layer, got {name!r}, which {len(paths)} have; "
            f"give one of {', '.join(paths[:8])}{', ...' if len(paths) > 8 else ''}"
        )
    if len(found) > 1 or len(found[0].outputs) > 1:
        what = f"is called {len(found)} times" if len(found) > 1 else f"has {len(found[0].outputs)} outputs"
        raise ArgumentError(f"features: expected a layer with one output, got {name!r}, which {what}; name another one")
    return found[0]
