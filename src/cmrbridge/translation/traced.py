"""A function of images that differentiates through a network, as one graph of plain operators.

ONNX has no gradients. What autograd does when it is asked for one is therefore recorded (`make_fx`), with the operators
of the backward pass written in those of the forward pass.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._decomp import get_decompositions
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

ATEN = torch.ops.aten


def traced(function: Callable[[Tensor], Tensor], example: Tensor) -> GraphModule:
    """``function`` of a tensor shaped as ``example``, its gradients included, as a graph without any."""
    table: dict[Any, Any] = get_decompositions(
        [ATEN.native_group_norm_backward, ATEN._softmax_backward_data, ATEN.silu_backward]
    )
    table[ATEN.convolution_backward.default] = _convolution_backward
    with sdpa_kernel(SDPBackend.MATH), _Resizing():
        function(example)  # makes the matrices of all its resizing: in the graph they are constants
        graph = make_fx(function, table)(example)
    graph.graph.eliminate_dead_code()
    graph.recompile()
    return graph.eval()


class _Resizing(TorchFunctionMode):
    """Within it every `interpolate` is a product with two constant matrices, as is then its gradient: resizing is
    linear and the same along rows and columns."""

    def __init__(self) -> None:
        super().__init__()
        self._matrices: dict[tuple[Any, ...], Tensor] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is not F.interpolate:
            return func(*args, **kwargs)
        (images,), how = args, {name: value for name, value in kwargs.items() if name != "size"}
        sizes = kwargs.get("size") or (None, None)
        rows, columns = (self._matrix(count, size, how) for count, size in zip(images.shape[-2:], sizes, strict=True))
        return rows @ images @ columns.T

    def _matrix(self, count: int, size: int | None, how: dict[str, Any]) -> Tensor:
        key = (count, size, *sorted(how.items(), key=lambda item: item[0]))
        if key not in self._matrices:
            lines = torch.eye(count)[:, None, :, None].expand(count, 1, count, count)
            square = None if size is None else (size, size)
            self._matrices[key] = F.interpolate(lines, size=square, **how)[:, 0, :, 0].T.contiguous()
        return self._matrices[key]


def _convolution_backward(
    gradient: Tensor,
    images: Tensor,
    weight: Tensor,
    bias_sizes: object,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
    mask: Sequence[bool],
) -> tuple[Tensor, None, None]:
    """The gradient of the images: the transposed convolution. Weights are constants here and get none."""
    assert not transposed
    assert list(mask) == [True, False, False]
    short = [  # rows and columns that the stride left over
        size - ((out - 1) * step - 2 * pad + spread * (kernel - 1) + 1)
        for size, out, step, pad, spread, kernel in zip(
            images.shape[2:], gradient.shape[2:], stride, padding, dilation, weight.shape[2:], strict=True
        )
    ]
    back = ATEN.convolution.default(gradient, weight, None, stride, padding, dilation, True, short, groups)
    return back, None, None
