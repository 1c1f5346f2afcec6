"""Convex combinations of examples and their targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int
from scipy.special import betaincinv
from torch import Tensor, nn

from realmix.functional.targets import guess

Mixing = Literal["all", "labeled", "unlabeled", "separate", "none"]


def beta(alpha: float, count: int, rng: torch.Generator) -> Float[Tensor, " count"]:
    """`count` draws of Beta(alpha, alpha), float32 on the CPU, by inverting the distribution.

    torch's own Beta sampler takes no generator.
    """
    uniform = torch.rand(count, generator=rng, dtype=torch.float64)
    return torch.from_numpy(betaincinv(alpha, alpha, uniform.numpy())).float()


def larger_share(share: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """max(l, 1 - l): a mixed example stays closest to its own row (MixMatch, eq. 9)."""
    return share.maximum(1 - share)


def partners(count: int, rng: torch.Generator) -> Int[Tensor, " count"]:
    """A uniformly random permutation, on the CPU."""
    return torch.randperm(count, generator=rng)


def partners_within(
    labeled: int, unlabeled: int, mixing: Mixing, rng: torch.Generator
) -> Int[Tensor, " count"]:
    """Partners of a collection whose first rows are labeled; who is not mixed is its own partner.

    Args:
        labeled: rows of the first part.
        unlabeled: rows of the second part.
        mixing: "all" draws from the collection, "separate" from the part that a row belongs to,
            "labeled" and "unlabeled" do so in that part alone, "none" in neither.
        rng: CPU generator.
    """
    if mixing == "all":
        return partners(labeled + unlabeled, rng)
    one = partners(labeled, rng) if mixing in ("labeled", "separate") else torch.arange(labeled)
    other = torch.arange(unlabeled)
    if mixing in ("unlabeled", "separate"):
        other = partners(unlabeled, rng)
    return torch.cat([one, labeled + other])


def mixup(
    values: Float[Tensor, "B ..."], partner: Int[Tensor, " B"], share: Float[Tensor, " B"]
) -> Float[Tensor, "B ..."]:
    """share * v_i + (1 - share) * v_partner(i), with a share per example (mixup, eq. 1)."""
    share = share.to(values.dtype).view(-1, *[1] * (values.ndim - 1))
    return share * values + (1 - share) * values[partner]


def mix_pairs(
    inputs: Float[Tensor, "B ..."],
    targets: Float[Tensor, "B K"],
    alpha: float,
    rng: torch.Generator,
) -> tuple[Float[Tensor, "B ..."], Float[Tensor, "B K"]]:
    """Mix each row with a random row, by one share for the whole batch (ICT, algorithm 1).

    Args:
        inputs: rows.
        targets: one a row, which mixes as the row does: distributions or logits.
        alpha: of Beta(alpha, alpha); both the share and the partners are drawn anew.
        rng: CPU generator.
    """
    share = beta(alpha, 1, rng).expand(len(inputs)).to(inputs.device, non_blocking=True)
    partner = partners(len(inputs), rng).to(inputs.device, non_blocking=True)
    return mixup(inputs, partner, share), mixup(targets, partner, share)


def mix_together(
    inputs: Sequence[Tensor],
    targets: Sequence[Tensor],
    alpha: float,
    rng: torch.Generator,
    mixing: Mixing = "all",
    usable: Tensor | None = None,
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Mix every row of a collection with a random row of it (MixMatch, algorithm 1, lines 10-13).

    Args:
        inputs: (B_i, *shape) parts of the collection: labeled rows, each unlabeled view.
        targets: their (B_i, K) distributions.
        alpha: of Beta(alpha, alpha), from which each row draws its share.
        rng: CPU generator.
        mixing: see `partners_within`; the first part is labeled.
        usable: (B_0,) of the first part, 1 for rows that others may mix with; who draws another
            stays unmixed. None: all.

    Returns:
        Inputs and targets of the same parts, in which each row has kept the larger share.
    """
    lengths, rows = [len(part) for part in inputs], torch.cat(list(inputs))
    share = larger_share(beta(alpha, len(rows), rng)).to(rows.device, non_blocking=True)
    partner = partners_within(lengths[0], sum(lengths[1:]), mixing, rng)
    partner = partner.to(rows.device, non_blocking=True)
    if usable is not None:
        own, others = torch.arange(len(rows), device=rows.device), len(rows) - lengths[0]
        every = torch.cat([usable, usable.new_ones(others)])
        partner = torch.where(every[partner] > 0, partner, own)
    mixed_rows = mixup(rows, partner, share)
    mixed_targets = mixup(torch.cat(list(targets)), partner, share)
    return torch.split(mixed_rows, lengths), torch.split(mixed_targets, lengths)


def guess_and_mix(
    net: nn.Module,
    labeled: tuple[Tensor, Tensor],
    views: Sequence[Tensor],
    temperature: float,
    alpha: float,
    rng: torch.Generator,
    mixing: Mixing = "all",
    usable: Tensor | None = None,
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """MixMatch's algorithm 1 whole: one target for all views of an example, then everything mixed.

    Args:
        net: (N, *shape) to (N, K) logits.
        labeled: (B, *shape) inputs and their (B, K) distributions.
        views: (B', *shape) each, of the same unlabeled examples.
        temperature: T > 0 of the sharpening.
        alpha: of Beta(alpha, alpha).
        rng: CPU generator.
        mixing: see `partners_within`.
        usable: which labeled rows may be mixed into others, see `mix_together`.

    Returns:
        Mixed inputs and mixed targets, each with the labeled part first and then a part a view.
    """
    x, target_x = labeled
    q = guess(net, views, temperature)
    return mix_together((x, *views), (target_x, *[q for _ in views]), alpha, rng, mixing, usable)
