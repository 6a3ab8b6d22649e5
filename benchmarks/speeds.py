"""A speed is how many times as fast we are as a peer: the median over rounds, with the lowest and the highest."""

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class Speed:
    """Seconds of ours and of a peer's, who took turns.

    Args:
        what: was timed.
        peer: who did the same, or what nobody can be faster than.
        ours: our seconds, round by round.
        theirs: those of the peer.
        least: the ratio that we are held to.
        most: the seconds that we are held to.
    """

    what: str
    peer: str
    ours: list[float]
    theirs: list[float]
    least: float | None = None
    most: float | None = None

    @property
    def ratios(self) -> list[float]:
        """How many times as fast we were in each round."""
        return [theirs / ours for ours, theirs in zip(self.ours, self.theirs, strict=True)]

    @property
    def slower(self) -> bool:
        """Whether the peer is faster, as far as two digits behind the point tell."""
        return round(statistics.median(self.ratios), 2) < 1

    @property
    def times(self) -> str:
        """The median of the ratios, their lowest and their highest."""
        middle, low, high = (digits(of(self.ratios)) for of in (statistics.median, min, max))
        return f"{middle} ({low} to {high})"

    @property
    def seconds(self) -> str:
        """The median seconds of both."""
        return f"{short(statistics.median(self.ours))} / {short(statistics.median(self.theirs))}"

    @property
    def held(self) -> str:
        """What we are held to, and whether we are."""
        found = []
        if self.least is not None:
            met = statistics.median(self.ratios) >= self.least
            found.append(f"at least {self.least:g}: {'met' if met else 'missed'}")
        if self.most is not None:
            met = statistics.median(self.ours) <= self.most
            found.append(f"at most {short(self.most)}: {'met' if met else 'missed'}")
        return "; ".join(found)


def digits(value: float) -> str:
    """As many as a ratio is worth."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def short(seconds: float) -> str:
    """Seconds, or milliseconds."""
    return f"{digits(seconds)} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"
