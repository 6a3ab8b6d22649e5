"""Whether heatmaps are true, where the truth is known: `python benchmarks/faithful.py`.

Scenes of one and of two patterned objects among clutter are drawn, and a small network is trained on them within a
minute. Then each method is asked where its class is: the pointing game (the share of maps whose highest place is on the
object; with two objects on that of the class, and on the other one), insertion above and deletion under orders that are
as coarse as the map but at random places, and the rank correlation that is left of the map when the last layer has
random weights.
"""

import argparse
import functools
import sys
from pathlib import Path

import numpy as np

import visionkit as vk

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.explain.scenes import accuracy, scenes, train, untrained

METHODS = {
    **{name: functools.partial(vk.explain.gradcam, method=name) for name in ("gradcam", "gradcam++", "hirescam")},
    **{name: functools.partial(vk.explain.gradcam, method=name) for name in ("layercam", "scorecam", "ablationcam")},
    "guided_gradcam": vk.explain.guided_gradcam,
    "occlusion": vk.explain.occlusion,
    "saliency": vk.explain.saliency,
    "smoothgrad": vk.explain.smoothgrad,
    "integrated_gradients": functools.partial(vk.explain.integrated_gradients, reduce="sum"),
}


def main() -> None:
    """Print a line for each method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=100, help="of each kind (default: 100)")
    parser.add_argument("--method", nargs="+", choices=METHODS, default=list(METHODS), metavar="NAME")
    parser.add_argument("--runs", type=int, default=8, help="of the random weights (default: 8)")
    options = parser.parse_args()
    network = untrained()
    train(network)
    one, two = (scenes(options.scenes, objects, seed=2) for objects in (1, 2))
    print(f"objects named: {accuracy(network, one):.3f} of one, {accuracy(network, two):.3f} of two\n")
    print(f"{'':<20}    one    own  other  insertion  deletion  random top")
    for name in options.method:
        print(f"{name:<20}  {line(name, network, one, two, options.runs)}", flush=True)


def line(name: str, network, one, two, runs: int) -> str:
    """The figures of one method."""
    maps = functools.partial(METHODS[name], network)
    alone = maps(one.images, target=one.labels[:, 0])
    hits = [vk.explain.pointing_game(alone, one.boxes[:, 0])]
    for object_ in (0, 1):
        found = maps(two.images, target=two.labels[:, 0])
        hits.append(vk.explain.pointing_game(found, two.boxes[:, object_]))
    given = {"target": one.labels[:, 0], "verbose": 0}
    made = [measure(network, one.images, alone, **given) for measure in (vk.explain.insertion, vk.explain.deletion)]
    above, under = (float(np.mean(result.scores - result.random)) for result in made)
    few = {"target": one.labels[:16, 0], "runs": runs, "verbose": 0}
    random = vk.explain.randomization(network, one.images[:16], METHODS[name], **few)
    return "  ".join(f"{hit:5.2f}" for hit in hits) + f"  {above:+9.3f}  {under:+8.3f}  {random.means[0]:10.2f}"


if __name__ == "__main__":
    main()
