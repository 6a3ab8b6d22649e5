"""What changes from block to block: strides that become dilation, and rates that rise."""

from collections.abc import Sequence

from visionkit import _checks
from visionkit._errors import ArgumentError, describe


class Spacing:
    """Strides up to a limit, dilation beyond it.

    A map that would get smaller than ``1 / output_stride`` of the image keeps its size, and what follows looks at
    places as far apart as if it had got smaller.

    Args:
        where: for messages.
        output_stride: the limit.
        allowed: its possible values.

    Source: Chen et al., Rethinking Atrous Convolution, 2017 (arXiv 1706.05587), section 3.1.

    >>> spacing = Spacing("docs", 8, [8, 16, 32])
    >>> [spacing.next(2) for _ in range(5)], spacing.dilation
    ([(2, 1), (2, 1), (2, 1), (1, 1), (1, 2)], 4)
    """

    def __init__(self, where: str, output_stride: int, allowed: Sequence[int]) -> None:
        if output_stride not in allowed:
            names = ", ".join(map(str, allowed))
            raise ArgumentError(f"{where}: expected output_stride to be one of {names}, got {describe(output_stride)}")
        self.limit, self.stride, self.dilation = output_stride, 1, 1

    def next(self, strides: int) -> tuple[int, int]:
        """The strides that a layer really takes, and the dilation of what stands before or on them."""
        before = self.dilation
        if self.stride * strides > self.limit:
            self.dilation *= strides
            return 1, before
        self.stride *= strides
        return strides, before


def rising(where: str, rate: float, depths: Sequence[int], *, first: int = 1) -> list[list[float]]:
    """Rates that rise linearly over the blocks of all stages: ``rate * number / (number of blocks)``.

    Numbers start at ``first``; with 1 the last block has the rate itself (Huang et al. 2016, arXiv 1603.09382, eq. 4).

    >>> rising("docs", 0.5, (2, 3))
    [[0.1, 0.2], [0.3, 0.4, 0.5]]
    """
    rate, total, number = _checks.rate(where, "drop_path", rate), sum(depths), first
    rates: list[list[float]] = []
    for depth in depths:
        rates.append([round(rate * one / total, 12) for one in range(number, number + depth)])
        number += depth
    return rates
