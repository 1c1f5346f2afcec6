"""Passes with noise, and the denoising of what they give: the parts of a ladder network."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from realmix.functional.noise import gaussian

EPSILON = 1e-5  # added to variances, as BatchNorm does

Level = tuple[Tensor, Tensor | float, Tensor | float]
"""(B, D) standardized values, and the (D,) mean and deviation that they had."""


def standardize(values: Float[Tensor, "B D"]) -> Level:
    """Values with mean 0 and variance 1 over the batch, the mean, and the standard deviation.

    Gradients flow through all three.
    """
    mean, variance = values.mean(0), values.var(0, unbiased=False)
    deviation = (variance + EPSILON).sqrt()
    return (values - mean) / deviation, mean, deviation


def denoised(
    noisy: Float[Tensor, "B D"], above: Float[Tensor, "B D"], a: Float[Tensor, "10 D"]
) -> Float[Tensor, "B D"]:
    """(z - m(u)) v(u) + m(u), m and v each a sigmoid and a line (Rasmus et al., 2015, eq. 2).

    Args:
        noisy: z.
        above: u, what the level above says, standardized.
        a: the parameters a_1 .. a_10 of each unit.
    """
    mean = a[0] * torch.sigmoid(a[1] * above + a[2]) + a[3] * above + a[4]
    share = a[5] * torch.sigmoid(a[6] * above + a[7]) + a[8] * above + a[9]
    return (noisy - mean) * share + mean


def denoising_costs(
    clean: Sequence[Level],
    noisy: Sequence[Tensor],
    above: Tensor,
    a: Sequence[Tensor],
    v: Sequence[Tensor],
) -> list[Tensor]:
    """Mean squared error of each level's estimate, from the lowest level to the highest.

    From the top down each level is estimated from its noisy values and the estimate above it.
    Estimates are compared on the scale on which the clean values are standardized.

    Args:
        clean: what should be estimated.
        noisy: (B, D_l) each, of the same levels.
        above: (B, D_L), what the highest level is told: the noisy pass' prediction.
        a: (10, D_l) of each level.
        v: (D_l, D_{l + 1}) of each level but the highest.
    """
    costs: list[Tensor] = []
    for level in reversed(range(len(noisy))):
        values, mean, deviation = clean[level]
        estimate = denoised(noisy[level], standardize(above)[0], a[level])
        costs.insert(0, ((estimate - mean) / deviation - values).square().mean())
        above = estimate @ v[level - 1].T if level else above
    return costs


def denoising_start(width: int) -> Float[Tensor, "10 D"]:
    """a_1 .. a_10 of each unit before training: a_2 = a_7 = 1, so that every estimate is 0."""
    a = torch.zeros(10, width)
    a[[1, 6]] = 1.0
    return a


def random_kernel(below: int, above: int, seed: int) -> Float[Tensor, "below above"]:
    """Normal, with variance 1 / above."""
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(below, above, generator=rng) / math.sqrt(above)


# --- passes


def norm_widths(net: nn.Module) -> list[int]:
    """Units of each BatchNorm of a `body` of layers in a row; none where there is no such body."""
    body = getattr(_inner(net), "body", None)
    layers = body if isinstance(body, nn.Sequential) else ()
    return [layer.num_features for layer in layers if isinstance(layer, nn.BatchNorm1d)]


def clean_pass(net: nn.Module, inputs: Tensor, hidden: Sequence[int]) -> list[Level]:
    """Every level without noise: the inputs, what enters each BatchNorm, and the logits.

    Args:
        net: (B, *shape) to (B, K).
        inputs: (B, *shape).
        hidden: `norm_widths` of the network; if there are none, the logits are the only level.
    """
    if not hidden:
        return [standardize(net(inputs))]
    return [(inputs, 0.0, 1.0), *map(standardize, _layers(net, inputs))]


def noisy_pass(
    net: nn.Module, inputs: Tensor, hidden: Sequence[int], noise: float, rng: torch.Generator
) -> tuple[list[Tensor], Tensor]:
    """Every level with noise, and the logits that come of it.

    Noise comes to the inputs and to what is standardized, before BatchNorm's scale and shift.
    Logits are standardized, given noise, and scaled back: the evaluated network has no norm there.
    Where the logits are the only level, the features are given noise instead of the layers.

    Args:
        net: as in `clean_pass`.
        inputs: as in `clean_pass`.
        hidden: as in `clean_pass`.
        noise: standard deviation.
        rng: CPU generator.
    """
    inputs = gaussian(inputs, noise, rng)
    levels = [inputs] if hidden else []
    if hidden:
        nothing = [inputs.new_zeros(len(inputs), width) for width in hidden]
        added = [gaussian(zeros, noise, rng) for zeros in nothing]
        *entered, logits = _layers(net, inputs, added)
        levels += [standardize(h)[0] + part for h, part in zip(entered, added, strict=True)]
    else:
        features: Tensor = net.features(inputs)  # type: ignore[operator]
        values, mean, deviation = standardize(features)
        features = mean + deviation * gaussian(values, noise, rng)
        (logits,) = _through(net, lambda own: (_inner(net).head(own),), features)
    values, mean, deviation = standardize(logits)
    top = gaussian(values, noise, rng)
    return [*levels, top], mean + deviation * top


def _layers(net: nn.Module, rows: Tensor, noise: Sequence[Tensor] = ()) -> tuple[Tensor, ...]:
    """What enters each BatchNorm of the body, with `noise` added to its outcome; the logits."""
    inner, widths = _inner(net), [part.shape[1] for part in (rows, *noise)]

    def walk(own: Tensor) -> tuple[Tensor, ...]:
        h, *added = torch.split(own, widths, 1)
        entered = []
        for layer in inner.body:
            if isinstance(layer, _BatchNorm):
                entered.append(h)
                h = layer(h) + layer.weight * added.pop(0) if added else layer(h)
            else:
                h = layer(h)
        return (*entered, inner.head(h))

    return _through(net, walk, torch.cat([rows, *noise], 1))


def _inner(net: Any) -> Any:
    return getattr(net, "network", net)


def _through(
    net: Any, function: Callable[[Tensor], tuple[Tensor, ...]], inputs: Tensor
) -> tuple[Tensor, ...]:
    """By the network's own `through`, which divides the rows among processes, if it has one."""
    through = getattr(net, "through", lambda function, inputs: function(inputs))
    values: tuple[Tensor, ...] = through(function, inputs)
    return values
