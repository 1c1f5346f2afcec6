"""A tiny network for images and batches as training makes them, for tests of algorithms."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import nn

from realmix.augment.presets import PRESETS
from realmix.contract.algorithm import Batch, Nets, Views
from realmix.data.pools import Data, Pool
from realmix.data.sampling import batch_at
from tests import tiny

SHAPE = (3, 8, 8)
IMAGES = {"shape": SHAPE, "preset": "photos"}  # for `tiny.facts`


def network(seed: int, normalized: bool = False) -> tiny.Network:
    """float64; with `normalized` its third layer is BatchNorm."""
    torch.manual_seed(seed)
    norm = [nn.BatchNorm1d(tiny.HIDDEN)] if normalized else []
    body = [nn.Flatten(), nn.Linear(192, tiny.HIDDEN), *norm, nn.Tanh()]
    return tiny.Network(*body, nn.Linear(tiny.HIDDEN, tiny.CLASSES)).double()


def nets(normalized: bool = False) -> Nets:
    """Two different networks."""
    return Nets(network(0, normalized), network(1, normalized).requires_grad_(False))


def data(labeled: int = 12, unlabeled: int = 28) -> Data:
    """Images of noise."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (labeled + unlabeled, *SHAPE), dtype=np.uint8)
    label = np.arange(labeled) % tiny.CLASSES
    pools = Pool.of(images[:labeled], label), Pool.of(images[labeled:])
    return Data(*pools, tuple("abc"), PRESETS["photos"](SHAPE), "photos")


def batch(views: Views, count: int = 8, step: int = 3) -> Batch:
    """As training makes it, but float64."""
    made = batch_at(data(), views, step, count, 1, seed=0)
    labeled, unlabeled = (
        dataclasses.replace(stream, views=tuple(view.double() for view in stream.views))
        for stream in (made.labeled, made.unlabeled)
    )
    return Batch(labeled, unlabeled)


def expected_rates(drawn: torch.Tensor, probs: np.ndarray, label: list[int]) -> torch.Tensor:
    """The rates after one batch of probes, by loops."""
    from realmix.contract.state import BIN_SHAPE

    seen: dict[tuple[int, int, int], list[float]] = {}
    for i, k in enumerate(label):
        match = 1 - 0.5 * sum(abs(p - (c == k)) for c, p in enumerate(probs[i]))
        for operation, *bins in drawn[i].tolist():
            for parameter, place in enumerate(bins):
                seen.setdefault((operation, parameter, place), []).append(match)
    rates = torch.ones(BIN_SHAPE)
    for cell, matches in seen.items():
        kept = 0.99 ** len(matches)
        rates[cell] = kept + (1 - kept) * float(np.mean(matches))
    return rates
