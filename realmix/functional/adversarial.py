"""The small step of an input that changes the loss, or the prediction, most."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from realmix.functional.losses import kl

Norm = Literal["inf", "l2"]

IMAGE_STEP = 6 / math.sqrt(3 * 32 * 32)  # of an average value in [-1, 1]: 0.108
FEATURE_STEP = IMAGE_STEP / 0.494  # of one whose deviation is 1, where CIFAR-10's is that


def usual_radius(shape: Sequence[int], norm: Norm = "l2") -> float:
    """Length of a step in inputs of that shape: images in [-1, 1], features of deviation 1.

    In the Euclidean norm 6 for images of 3 x 32 x 32 (VAT in Oliver et al., 2018); for others the
    same change of an average value, measured by the deviation of the values. In the norm of the
    largest value that change itself.

    >>> usual_radius((3, 32, 32)), round(usual_radius((1, 8, 8)), 3), round(usual_radius((64,)), 2)
    (6.0, 0.866, 1.75)
    """
    change = IMAGE_STEP if len(shape) == 3 else FEATURE_STEP
    return change * math.sqrt(math.prod(shape)) if norm == "l2" else change


def unit(vectors: Float[Tensor, "B ..."]) -> Float[Tensor, "B ..."]:
    """Each example's vector at Euclidean length 1, whatever its scale; zeros stay zeros.

    >>> unit(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
    tensor([[0.6000, 0.8000],
            [0.0000, 0.0000]])
    """
    flat = vectors.flatten(1)
    # by the largest first: the squares of small gradients underflow
    largest = flat.abs().amax(1, keepdim=True)
    flat = flat / torch.where(largest > 0, largest, 1.0)
    length: Tensor = torch.linalg.vector_norm(flat, dim=1, keepdim=True)
    return (flat / length.clamp(min=1)).view_as(vectors)


def fgsm(
    loss: Float[Tensor, " B"], inputs: Float[Tensor, "B ..."], radius: float, norm: Norm
) -> Float[Tensor, "B ..."]:
    """The step of that length along which each example's loss grows fastest, to first order.

    Fast gradient sign method (Goodfellow et al., 2014, section 4) for "inf"; the normalized
    gradient for "l2". The result carries no gradient, and the graph of `loss` is kept.

    Args:
        loss: of each example.
        inputs: from which it was computed; they require a gradient.
        radius: length in that norm.
        norm: largest change of a value, or Euclidean length of an example's change.
    """
    (gradient,) = torch.autograd.grad(loss.sum(), inputs, retain_graph=True)
    return radius * (gradient.sign() if norm == "inf" else unit(gradient))


def vat_direction(
    net: Callable[[Tensor], Tensor],
    inputs: Float[Tensor, "B ..."],
    target: Float[Tensor, "B K"],
    xi: float,
    iterations: int,
    rng: torch.Generator,
) -> Float[Tensor, "B ..."]:
    """Unit vectors along which KL(target || prediction) grows fastest (VAT, algorithm 1).

    The power iteration for the largest eigenvector of the divergence's Hessian, whose product with
    a vector is a difference of gradients over xi. The sign depends on the random start. No
    parameter's gradient is touched, and the result carries none.

    Args:
        net: to (B, K) logits; the same in each call: without dropout and the like.
        inputs: in the middle of the step.
        target: what `net` predicts there.
        xi: length of the difference. 1e-6, as published, is lost in rounding in float32.
        iterations: 1 or more; each is one pass there and back.
        rng: CPU generator of the start.
    """
    start = torch.randn(inputs.shape, generator=rng)  # float32, so that every dtype sees the same
    direction = unit(start.to(inputs.device, inputs.dtype, non_blocking=True))
    for _ in range(iterations):
        step = (xi * direction).requires_grad_()
        (gradient,) = torch.autograd.grad(kl(net(inputs + step), target).sum(), step)
        direction = unit(gradient)
    return direction


def codes_refused(method: str, columns: Sequence[str]) -> str:
    """Why a method that takes small steps cannot learn from columns of codes, and what can."""
    shown = ", ".join(f"{name!a}" for name in columns[:10])
    more = f", ... ({len(columns):,} in all)" if len(columns) > 10 else ""
    return (
        f"{method} moves every input by a small step, and these columns look like codes of"
        f" categories, where a step from 3 to 3.4 means nothing: {shown}{more}. One-hot encode"
        " them, or use another algorithm. If their numbers are quantities, set code_columns=true."
    )
