"""The topology of a U-Net from the geometry of its training cases, by nnU-Net's published rules.

Isensee et al., Nature Methods 2021, online methods and supplementary note 2.2. The patch is the canonical crop, and
of stacks as many slices as the median training case has; both are far below the memory that nnU-Net plans for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

SMALLEST = 4  # voxels along an axis at the bottleneck
FIRST, LARGEST = 32, {2: 512, 3: 320}  # channels: of the first stage, and at most for so many dimensions

Axes = tuple[int, ...]


@dataclass(frozen=True)
class Topology:
    """One entry a stage, the first at full resolution. strides: before a stage, per axis; kernels: within it."""

    strides: tuple[Axes, ...]
    kernels: tuple[Axes, ...]
    channels: tuple[int, ...]

    def step(self, axis: int) -> int:
        """What the patch must be a multiple of along an axis."""
        product = 1
        for stride in self.strides:
            product *= stride[axis]
        return product


def plan(shape: Sequence[int], spacing: Sequence[float]) -> Topology:
    """Stages for patches of ``shape`` voxels of ``spacing`` mm, both (y, x) or (z, y, x).

    An axis is halved as long as it keeps `SMALLEST` voxels and its spacing stays below twice the finest among the axes
    that can still be halved; one axis alone only if it has three times `SMALLEST`. Odd z are rounded up, for stacks
    are padded; a plane is halved while it is even, for the crop is not (nnU-Net pads both).
    A kernel is 1 along an axis until its spacing is below twice the finest, and 3 from there on, and at the bottleneck.
    """
    sizes, lengths, axes = list(shape), list(spacing), range(len(shape))
    strides: list[Axes] = [(1,) * len(sizes)]
    kernels: list[Axes] = []
    wide = [False for _ in axes]
    while halved := _halved(sizes, lengths):
        wide = [wide[axis] or lengths[axis] < 2 * min(lengths) for axis in axes]
        kernels.append(tuple(3 if wide[axis] else 1 for axis in axes))
        strides.append(tuple(2 if axis in halved else 1 for axis in axes))
        for axis in halved:
            sizes[axis] = -(-sizes[axis] // 2)
            lengths[axis] *= 2
    kernels.append((3,) * len(sizes))
    widest = LARGEST[len(sizes)]
    return Topology(tuple(strides), tuple(kernels), tuple(min(FIRST * 2**k, widest) for k in range(len(strides))))


def _halved(sizes: Sequence[int], lengths: Sequence[float]) -> list[int]:
    """The axes that the next stage halves."""
    stacks = len(sizes) == 3
    large = [axis for axis, size in enumerate(sizes) if size >= 2 * SMALLEST]
    able = [axis for axis in large if (stacks and axis == 0) or sizes[axis] % 2 == 0]
    finest = min((lengths[axis] for axis in able), default=0)
    chosen = [axis for axis in able if lengths[axis] < 2 * finest]
    return [] if len(chosen) == 1 and sizes[chosen[0]] < 3 * SMALLEST else chosen
