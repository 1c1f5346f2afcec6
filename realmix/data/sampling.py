"""A batch as a pure function of (seed, step)."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from realmix.base.randomness import Draws, derive, generator, keys
from realmix.contract.algorithm import Batch, Examples, Views
from realmix.data.pools import Data

ORDER, LABELED, UNLABELED, COPY = range(4)  # streams of randomness
PROBE = "probe"  # the view that gives what it drew as well
LEARNED = ("learned", "uncovered")  # the views that draw by rates
CUTOUT = "cutout"


def rows_at(seed: int, stream: int, step: int, size: int, count: int) -> Tensor:
    """(size,) int64 rows in 0 .. count - 1 of batch number `step`.

    Batches are consecutive pieces of an endless order in which each epoch is a permutation of its
    own: every row comes once an epoch, and a batch may reach into the next one.
    """
    start = step * size
    pieces = []
    while start < (step + 1) * size:
        epoch, offset = divmod(start, count)
        taken = min(count - offset, (step + 1) * size - start)
        pieces.append(_order(seed, stream, epoch, count)[offset : offset + taken])
        start += taken
    return torch.cat(pieces)


@functools.lru_cache(maxsize=8)
def _order(seed: int, stream: int, epoch: int, count: int) -> Tensor:
    return torch.randperm(count, generator=generator(seed, ORDER, stream, epoch))


def batch_at(
    data: Data, views: Views, step: int, batch_size: int, unlabeled_ratio: int, seed: int
) -> Batch:
    """The batch of that step: rows gathered, views drawn, all on the device of `data`.

    Args:
        data: the pools and what each view name means.
        views: the views to make.
        step: optimizer steps taken so far.
        batch_size: labeled examples, B.
        unlabeled_ratio: unlabeled examples per labeled one; without a pool there are none.
        seed: of the run.
    """
    return Batch(
        _examples(data, views, LABELED, step, batch_size, seed),
        _examples(data, views, UNLABELED, step, batch_size * unlabeled_ratio, seed),
    )


def _examples(data: Data, views: Views, stream: int, step: int, size: int, seed: int) -> Examples:
    """One stream of the batch; no examples where no view of it is asked for, or there are none."""
    labeled = stream == LABELED
    pool, names = (data.labeled, views.labeled) if labeled else (data.unlabeled, views.unlabeled)
    copies = 0 if labeled else views.copies
    device = pool.inputs.device
    if not names or len(pool) == 0:
        nothing = torch.zeros(0, dtype=torch.int64, device=device)
        return Examples((), nothing, nothing, nothing.float())
    often = data.drawn if labeled else None
    count = len(pool) * max(copies, 1) if often is None else len(often)
    place = rows_at(seed, stream, step, size, count).to(device, non_blocking=True)
    place = place if often is None else often[place]
    row, copy = place % len(pool), place // len(pool)
    inputs = pool.inputs[row]
    position = torch.arange(size, device=device)
    if copies:
        copy_key = keys(derive(seed, COPY), row + len(pool) * copy)
    else:  # one that lasts for this step
        copy_key = keys(derive(seed, COPY, stream, step), position)
    settings = {**dict.fromkeys(LEARNED, (views.rates,)), CUTOUT: (views.erasing,)}
    made, drawn = [], None
    for number, name in enumerate(names):
        draws = Draws(keys(derive(seed, stream, step, number), position), Draws(copy_key))
        view = data.views[name](inputs, draws, *settings.get(name, ()))
        if name == PROBE:
            view, drawn = view
        made.append(view)
    return Examples(tuple(made), row, pool.label[row], pool.weight[row], drawn)
