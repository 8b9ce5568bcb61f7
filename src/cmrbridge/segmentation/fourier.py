"""Fourier amplitude mixing: an image keeps its phases, and with them its shapes, and takes on another's amplitudes."""

import torch
from torch import Tensor


def mix_amplitudes(images: Tensor, partners: Tensor, shares: Tensor) -> Tensor:
    """Images (n, 1, y, x) whose amplitude is (1 − λ) A(image) + λ A(partner) (Xu et al., CVPR 2021, eq. 4 to 6).

    partners: as images; shares: λ (n,), 0…1, of which 0 leaves an image as it is.
    """
    own, other = torch.fft.rfft2(images), torch.fft.rfft2(partners)
    amplitudes = torch.lerp(own.abs(), other.abs(), shares[:, None, None, None])
    return torch.fft.irfft2(torch.polar(amplitudes, own.angle()), s=images.shape[-2:])
