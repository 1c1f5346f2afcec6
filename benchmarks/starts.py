"""What the trainings of `benchmarks.transfer` begin with: data, a network, features, a teacher."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch

from benchmarks.records import trained
from benchmarks.tiny_imagenet import pictures
from realmix.data.encoded import Encoded, Kept
from realmix.data.pools import Dataset
from realmix.data.reading.load import load
from realmix.data.splits import stratified_labels
from realmix.encoders.catalogue import photo_encoder
from realmix.encoders.encoding import Encoding
from realmix.training.devices import best_precision

RANDOM, TINY, LITE0 = "random", "Tiny ImageNet", "lite0"
SIDE = 160  # of the pictures that lite0 sees


@dataclass(frozen=True)
class Setting:
    """On what, how long, and where the starts are kept.

    Attributes:
        data: a built-in name.
        few: labels of the transfer table; all other rows are the pool.
        base: rows of which 20, 50 and 100 % are labeled; all rows beside them are the pool.
        steps: of each training.
        folder: of networks that were pre-trained, and of what teachers say of a pool.
    """

    data: str
    few: tuple[int, ...]
    base: int
    steps: int
    folder: Path

    @property
    def sizes(self) -> tuple[int, ...]:
        """20, 50 and 100 % of the base."""
        return self.base // 5, self.base // 2, self.base

    def network(self, seed: int) -> Path:
        return self.folder / f"tiny-{self.steps}-{seed}.safetensors"

    def teacher(self, labels: int, seed: int) -> Path:
        return self.folder / f"lite0-{labels}-{seed}.npz"


@cache
def everything(name: str) -> Dataset:
    """The data set, read once a process."""
    return load(name)


def few_labels(whole: Dataset, labels: int, seed: int) -> Dataset:
    """So many labels, drawn as `realmix fit NAME@N` does; the pool is all else."""
    label = np.full(len(whole.label), -1)
    kept = stratified_labels(whole.label, labels, seed)
    label[kept] = whole.label[kept]
    return replace(whole, label=label)


def part_of_base(whole: Dataset, size: int, labels: int, seed: int) -> Dataset:
    """A part of the base with labels, the rest of the base left out; the pool does not change."""
    base = stratified_labels(whole.label, size, seed)
    kept = base[stratified_labels(whole.label[base], labels, seed)]
    pool = np.setdiff1d(np.arange(len(whole.label)), base)
    rows = np.concatenate([kept, pool])
    label = np.where(np.arange(len(rows)) < len(kept), whole.label[rows], -1)
    return replace(
        whole,
        inputs=whole.inputs[rows],
        label=label,
        names=None,
        oracle=None,
        encoded=of_rows(whole, rows),
    )


def pretrain(setting: Setting, seed: int) -> None:
    """A network that tells apart the classes of Tiny ImageNet that CIFAR-10 does not have.

    8,750 pictures of 175 classes. (The small setting: the classes of its own data.)
    """
    source = everything(setting.data)
    if setting.data == "cifar10":
        images, classes, known = pictures()
        label = np.unique(classes[~known], return_inverse=True)[1]
        names = tuple(str(number) for number in range(label.max() + 1))
        source = Dataset(images[~known], label, names, source.preset)
    trained(source, "supervised", setting.steps, seed, {}).classifier.save(setting.network(seed))


@cache
def with_features(data: str) -> Dataset:
    """With what lite0 (EfficientNet-Lite0 of ImageNet, frozen) makes of all pictures."""
    whole = everything(data)
    cpu = torch.device("cpu")
    encoder = photo_encoder("lite0", SIDE).on(cpu, best_precision(cpu, (3, SIDE, SIDE)))
    found = Encoding(whole, encoder).features(1, 0)
    rows = found.plain.features[found.plain.place]
    return replace(whole, encoded=replace(found, plain=Kept(rows, np.arange(len(rows)))))


def of_rows(whole: Dataset, rows: np.ndarray) -> Encoded | None:
    """The features of some training rows, and of all test rows."""
    if whole.encoded is None:
        return None
    tests = np.arange(len(whole.label), len(whole.encoded.plain.place))
    kept = Kept(whole.encoded.plain.features, np.concatenate([rows, tests]))
    return replace(whole.encoded, plain=kept)
