"""Every picture through the encoder once: read ahead, in views, kept as it comes."""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from realmix.augment.views import network_input
from realmix.base.cache import cache_folder
from realmix.base.memory import freed_memory_kept
from realmix.base.randomness import Draws, derive, keys
from realmix.data.encoded import Kept, num_weak
from realmix.data.pools import View
from realmix.encoders.encoder import Encoder, PhotoEncoder
from realmix.encoders.pictures import Pictures
from realmix.encoders.store import Memory, Store

T = TypeVar("T")

MADE = 1  # changes when the same picture would be prepared otherwise
VIEWS = 41  # stream of randomness
BATCH = {"cpu": 32}  # rows a pass
LARGE_BATCH = 128  # on any other device
EVERY = 10.0  # seconds between blocks: what a kill costs
READ_AHEAD = 2
PLAIN: dict[str, object] = {"view": "plain"}  # what features of rows as they are follow from

Tell = Callable[[int, int], None]
"""Is told how many rows are done, of how many."""
Views = Callable[[Tensor, Tensor], Iterator[Tensor]]
"""(B, C, H, W) uint8 pictures and (B,) keys to each view as network inputs."""


def plain_view(images: Tensor, key: Tensor) -> Iterator[Tensor]:
    """The pictures as they are."""
    yield network_input(images)


def augmented_views(
    views_of: Callable[[tuple[int, ...]], Mapping[str, View]], count: int, seed: int
) -> Views:
    """`count` views, of which the first half is weak and the rest is strong.

    What is drawn is a function of the seed, the content of the picture and the number of the view.

    Args:
        views_of: what "weak" and "strong" mean for pictures of a shape.
        count: of views.
        seed: of the run.
    """
    names = ["weak" if v < num_weak(count) else "strong" for v in range(count)]

    def views(images: Tensor, key: Tensor) -> Iterator[Tensor]:
        made = views_of(tuple(images.shape[1:]))
        for number, name in enumerate(names):
            yield made[name](images, Draws(keys(derive(seed, VIEWS, number), key)))

    return views


def store_of(
    encoder: Encoder,
    views: Mapping[str, object],
    count: int,
    keeps: bool = True,
    note: Callable[[str], None] = lambda text: None,
) -> Store:
    """Where the features of an encoder and these views are kept.

    Args:
        encoder: the encoder.
        views: all that they follow from.
        count: of views.
        keeps: on the disk; else in memory, and empty.
        note: is told where another process has it.
    """
    if not keeps:
        return Memory((count, encoder.reference.dimension))
    facts = json.dumps({"made": MADE, **views}, sort_keys=True)
    mark = hashlib.sha256(facts.encode()).hexdigest()[:8]
    folder = cache_folder() / "features" / f"{encoder.reference.fingerprint}-{mark}"
    return Store(folder, (count, encoder.reference.dimension), note)


def extract(
    encoder: PhotoEncoder,
    pictures: Pictures,
    digests: Sequence[bytes],
    store: Store,
    views: Views,
    tell: Tell = lambda done, of: None,
) -> tuple[Kept, int]:
    """The features of all pictures; those that are not kept yet are made and kept.

    Args:
        encoder: the encoder.
        pictures: N of them.
        digests: of each.
        store: where features are kept.
        views: what is made of each picture.
        tell: looks on.

    Returns:
        The features, and of how many rows they were damaged on the disk and made again.

    Raises:
        StorageError: the disk is full or cannot be written; what was made is kept.
        DataError: a picture can no longer be read.
    """
    size = BATCH.get(encoder.device.type, LARGE_BATCH)
    inputs = partial(_inputs, pictures, digests, views, encoder.look.size)
    return keep(encoder.encode, digests, store, inputs, size, tell)


def keep(
    encode: Callable[[T], Tensor],
    digests: Sequence[bytes],
    store: Store,
    inputs: Callable[[Sequence[Sequence[int]]], Iterator[T]],
    size: int,
    tell: Tell,
) -> tuple[Kept, int]:
    """The features of all rows; those that are not kept yet are made and kept.

    Args:
        encode: a batch to (B, D) features.
        digests: of each row.
        store: where features are kept.
        inputs: batches of rows to what `encode` takes, batch by batch and view by view.
        size: rows a batch.
        tell: looks on.

    Returns, Raises: see `extract`.
    """
    with store.opened():
        broken = store.check(digests)
        missing = store.missing(digests)
        if missing:
            store.make_room(len(missing))
            tell(0, len(missing))
            batches = [missing[i : i + size] for i in range(0, len(missing), size)]
            with freed_memory_kept():
                _fill(encode, _ahead(inputs(batches)), batches, digests, store, tell)
        return Kept(store.features(), store.rows(digests)), broken


def features_of(encoder: PhotoEncoder, pictures: Pictures) -> Iterator[np.ndarray]:
    """(B, D) float32 features of one batch of pictures after another; nothing is kept."""
    size = BATCH.get(encoder.device.type, LARGE_BATCH)
    batches = [range(i, min(i + size, len(pictures))) for i in range(0, len(pictures), size)]
    read = (network_input(pictures.read(batch, encoder.look.size)) for batch in batches)
    with freed_memory_kept():
        for inputs in _ahead(read):
            features: np.ndarray = encoder.encode(inputs).float().numpy()
            yield features


def _fill(
    encode: Callable[[T], Tensor],
    inputs: Iterator[T],
    batches: Sequence[Sequence[int]],
    digests: Sequence[bytes],
    store: Store,
    tell: Tell,
) -> None:
    total = sum(map(len, batches))
    rows, made, began = list[int](), list[np.ndarray](), time.monotonic()
    done = 0
    try:
        for batch in batches:
            seen = [encode(next(inputs)) for _ in range(store.shape[0])]
            made.append(torch.stack(seen, 1).numpy())
            rows += batch
            if time.monotonic() - began > EVERY:
                store.append([digests[row] for row in rows], np.concatenate(made))
                done += len(rows)
                rows, made, began = [], [], time.monotonic()
            tell(done + len(rows), total)
    finally:  # whatever stops it, what is done is kept
        whole = rows[: sum(map(len, made))]
        if whole:
            store.append([digests[row] for row in whole], np.concatenate(made))


def _inputs(
    pictures: Pictures,
    digests: Sequence[bytes],
    views: Views,
    side: int,
    batches: Sequence[Sequence[int]],
) -> Iterator[Tensor]:
    """Batch by batch and view by view, what the encoder is given."""
    for batch in batches:
        words = [key_of(digests[row]) for row in batch]
        yield from views(pictures.read(batch, side), torch.tensor(words))


def least_seconds(encode: Callable[[], object]) -> float:
    """Of three passes after one that prepares: what else the machine does only adds to it."""
    spent = []
    with freed_memory_kept():
        encode()
        for _ in range(3):
            started = time.monotonic()
            encode()
            spent.append(time.monotonic() - started)
    return min(spent)


def key_of(digest: bytes) -> int:
    """A signed word of 64 bits, by which a row's draws are addressed."""
    return int.from_bytes(digest[:8], "little", signed=True)


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """The same, made in another thread while the last ones are used."""
    with ThreadPoolExecutor(1) as thread:
        end = object()
        waiting = deque(thread.submit(next, items, end) for _ in range(READ_AHEAD))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(thread.submit(next, items, end))
            yield item  # type: ignore[misc]
