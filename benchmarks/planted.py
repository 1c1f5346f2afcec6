"""Labels and pools whose truth is known, drawn from features of four data sets.

REALMIX_DATA holds cifar10_webp.npz, tinyimagenet32_10k_webp.npz and clinc150_oos.jsonl.xz. Features
are kept in realmix's cache: lite0 at 160 pixels takes 20 to 30 minutes for CIFAR-10 on two cores.
"""

from __future__ import annotations

import json
import lzma
import os
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from benchmarks.tiny_imagenet import pictures
from realmix.auditing.features import features_of
from realmix.data.pools import Dataset
from realmix.data.reading.load import load

POOL = 1500
ANIMALS = (2, 3, 4, 5, 6, 7)
DIGITS, CLINC = "digits, six of ten", "CLINC150, 15 intents and out of scope"
ALL = "CIFAR-10, all classes"  # of which none is foreign

Case = tuple[np.ndarray, np.ndarray, np.ndarray]
"""(N, D) features, (N,) classes, -1 for rows that are always foreign, (K,) the classes inside."""


@cache
def seen(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Features and classes; -1 is foreign always."""
    if name == "digits":
        x, y = load_digits(return_X_y=True)
        return x.astype(np.float32) / 16, y.astype(np.int64)
    root = Path(os.environ["REALMIX_DATA"])
    if name == "cifar":
        data = load("cifar10", data_root=str(root))
        return features_of(data).rows[:50_000], data.label
    if name == "tiny":
        x, _, known = pictures()
        far = np.random.default_rng(0).permutation(np.flatnonzero(~known))[:2500]
        return features_of(_arrays(x[far])).rows, np.full(len(far), -1)
    with lzma.open(root / "clinc150_oos.jsonl.xz", "rt", encoding="utf8") as lines:
        rows = [json.loads(line) for line in lines]
    rows = [r for r in rows if r["split"] == "train"] + [r for r in rows if r["label"] == "oos"]
    names = sorted({r["label"] for r in rows} - {"oos"})
    label = np.array([names.index(r["label"]) if r["label"] in names else -1 for r in rows])
    texts = np.array([r["text"] for r in rows], object)
    return features_of(Dataset(texts, label, tuple(names), "words")).rows, label


def _arrays(x: np.ndarray) -> Dataset:
    return Dataset(x, np.zeros(len(x), np.int64), ("x",), "photos")


def _cifar(rng: np.random.Generator, inside: tuple[int, ...] | int) -> Case:
    x, y = seen("cifar")
    return x, y, np.array(inside) if isinstance(inside, tuple) else rng.permutation(10)[:inside]


def _tiny(rng: np.random.Generator) -> Case:
    (x, y), (far, none) = seen("cifar"), seen("tiny")
    return np.concatenate([x, far]), np.concatenate([y, none]), np.arange(10)


def _clinc(rng: np.random.Generator) -> Case:
    x, y = seen("clinc")
    inside = rng.permutation(150)[:15]
    kept = np.isin(y, inside) | (y < 0)
    return x[kept], y[kept], inside


CASES: dict[str, Callable[[np.random.Generator], Case]] = {
    DIGITS: lambda rng: (*seen("digits"), rng.permutation(10)[:6]),
    "CIFAR-10, six of ten": partial(_cifar, inside=6),
    "CIFAR-10, animals of all": partial(_cifar, inside=ANIMALS),
    ALL: partial(_cifar, inside=10),
    "CIFAR-10 and Tiny ImageNet": _tiny,
    CLINC: _clinc,
}


def drawn(
    data: str, share: float, per_class: int, seed: int, lacking: bool = False
) -> tuple[np.ndarray, ...]:
    """Labeled features, their classes in 0..K-1, the pool's features, and which are foreign.

    Args:
        data: one of `CASES`.
        share: of the pool that is foreign.
        per_class: labels.
        seed: of the draw.
        lacking: whether the pool holds a third of the classes only, evenly drawn.
    """
    rng = np.random.default_rng([seed, 1])
    x, y, inside = CASES[data](rng)
    by_class = [rng.permutation(np.flatnonzero(y == c)) for c in inside]
    labeled = np.concatenate([rows[:per_class] for rows in by_class])
    label = np.repeat(np.arange(len(inside)), [len(rows[:per_class]) for rows in by_class])
    held = rng.permutation(len(inside))[: len(inside) // 3] if lacking else range(len(inside))
    rest = rng.permutation(np.concatenate([by_class[c][per_class:] for c in held]))
    far = rng.permutation(np.flatnonzero(~np.isin(y, inside)))
    count = min(POOL, int(len(rest) / max(1 - share, 1e-9)), int(len(far) / max(share, 1e-9)))
    pool = np.concatenate([rest[: count - round(share * count)], far[: round(share * count)]])
    return x[labeled], label, x[pool], ~np.isin(y[pool], inside)
