"""Flip averaging: the mean of what the network finds on a slice and on its three mirror images."""

from torch import Tensor

from cmrbridge.segmentation.segmenter import Predictor, Segmenter

ROWS, COLUMNS = -2, -1


def predictor(segmenter: Segmenter) -> Predictor:
    """p(x) = ¼ Σ F⁻¹ p₀(F x) over the flips F: none, of rows, of columns, of both (each its own inverse).

    Summed in pairs, so that a flipped slice gives exactly the flipped result: a flip swaps within pairs, and pairs.
    """

    def averaged(images: Tensor, case: Tensor | None = None) -> Tensor:
        def found(*axes: int) -> Tensor:
            return segmenter(images.flip(axes), case).flip(axes)

        upright = found() + found(ROWS)
        mirrored = found(COLUMNS) + found(ROWS, COLUMNS)
        return (upright + mirrored) / 4

    return averaged
