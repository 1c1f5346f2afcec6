"""The built-in data sets: what they are, where they are found, and `name@N`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from realmix.base.errors import DataError, UsageError
from realmix.base.wording import printable, suggestion
from realmix.data.reading import layouts
from realmix.data.reading.layouts import Raw
from realmix.data.reading.source import Source
from realmix.data.splits import stratified_labels


class Layout(NamedTuple):
    """A form in which a data set lies on a disk."""

    mark: str  # path below the data root whose presence tells the layout
    read: Callable[[Path], Raw]


@dataclass(frozen=True)
class Card:
    """What is known of a built-in data set without opening it.

    Attributes:
        classes, train, test, unlabeled: how many there are, as published.
        shape: (C, H, W).
        preset: see `Dataset.preset`.
        layouts: where it is looked for, in this order. None: it is embedded.
        torchvision: the class of torchvision.datasets that can download it, and its arguments.
    """

    name: str
    classes: int
    train: int
    test: int
    unlabeled: int
    shape: tuple[int, int, int]
    preset: str
    layouts: tuple[Layout, ...] = ()
    torchvision: str = ""


_CARDS = (
    Card("digits", 10, 1_297, layouts.DIGITS_TEST, 0, (1, 8, 8), "digits"),
    Card(
        *("cifar10", 10, 50_000, 10_000, 0, (3, 32, 32), "cifar"),
        layouts=(
            Layout("cifar10_webp.npz", layouts.cifar10_webp),
            Layout("cifar-10-batches-py", layouts.cifar10_batches),
        ),
        torchvision="CIFAR10(root, download=True)",
    ),
    Card(
        *("cifar100", 100, 50_000, 10_000, 0, (3, 32, 32), "cifar"),
        layouts=(Layout("cifar-100-python", layouts.cifar100_batches),),
        torchvision="CIFAR100(root, download=True)",
    ),
    Card(
        *("svhn", 10, 73_257, 26_032, 0, (3, 32, 32), "svhn"),
        layouts=(Layout("train_32x32.mat", layouts.svhn_mat),),
        torchvision="SVHN(root, split=part, download=True) for part in ('train', 'test')",
    ),
    Card(
        *("stl10", 10, 5_000, 8_000, 100_000, (3, 96, 96), "cifar"),
        layouts=(Layout("stl10_binary", layouts.stl10_binary),),
        torchvision="STL10(root, download=True)",
    ),
    Card(
        *("mnist", 10, 60_000, 10_000, 0, (1, 28, 28), "digits"),
        layouts=(
            Layout("mnist.npz", layouts.mnist_npz),
            Layout("MNIST/raw/train-images-idx3-ubyte", layouts.mnist_idx),
            Layout("MNIST/raw/train-images-idx3-ubyte.gz", layouts.mnist_idx),
        ),
        torchvision="MNIST(root, download=True)",
    ),
    Card(
        *("usps", 10, 7_291, 2_007, 0, (1, 16, 16), "digits"),
        layouts=(Layout("usps.bz2", layouts.usps_bz2),),
        torchvision="USPS(root, train=part, download=True) for part in (True, False)",
    ),
)
BUILTIN: dict[str, Card] = {card.name: card for card in _CARDS}


def data_folder(data_root: str | None) -> Path | None:
    """`data_root`, else the environment's REALMIX_DATA, else None.

    Raises:
        UsageError: there is no such folder.
    """
    given = data_root or os.environ.get("REALMIX_DATA")
    if not given:
        return None
    if not Path(given).is_dir():
        raise UsageError(
            f"The data root '{printable(given)}' is not a folder. Give the folder that holds the "
            "built-in data sets (--data-root, or the environment variable REALMIX_DATA)."
        )
    return Path(given)


def find_layout(card: Card, root: Path | None) -> tuple[Layout, Path] | None:
    """The first layout of a data set below `root` or `root`/name, and the path that marks it."""
    for folder in () if root is None else (root, root / card.name):
        for layout in card.layouts:
            if (folder / layout.mark).exists():
                return layout, folder / layout.mark
    return None


@dataclass(frozen=True)
class Description:
    """A built-in data set and where it was found: "embedded", a path, or None."""

    card: Card
    found: str | None


def describe(name: str, data_root: str | None = None) -> Description:
    """What a built-in data set is and whether it is there.

    Raises:
        UsageError: there is no built-in data set of that name, or no folder `data_root`.
    """
    if name not in BUILTIN:
        raise unknown_name(name)
    card = BUILTIN[name]
    if not card.layouts:
        return Description(card, "embedded")
    found = find_layout(card, data_folder(data_root))
    return Description(card, str(found[1]) if found else None)


def unknown_name(given: str) -> UsageError:
    """The error for what is neither a built-in name nor a file or folder."""
    return UsageError(
        f"'{printable(given)}' is neither a built-in data set ({', '.join(BUILTIN)}) nor an "
        f"existing file or folder.{suggestion(given.partition('@')[0], BUILTIN)}"
    )


def _missing(card: Card, root: Path | None) -> DataError:
    where = f"in '{printable(root)}'" if root else "(no data root was given)"
    options = " or ".join(layout.mark for layout in card.layouts)
    here = f" The folder of that name here is ./{card.name}." if Path(card.name).is_dir() else ""
    return DataError(
        f"The data set {card.name} was not found {where}.{here}\n"
        f"Expected there: {options}.\n"
        "If you have it, give its folder with --data-root or the environment variable "
        "REALMIX_DATA.\n"
        "If not, torchvision can download it (pip install 'realmix[vision]'), in Python:\n"
        "  import torchvision.datasets as d; root = 'data'\n"
        f"  {'[' * (' for ' in card.torchvision)}d.{card.torchvision}"
        f"{']' * (' for ' in card.torchvision)}\n"
        "'digits' is embedded and needs no files."
    )


def _read_raw(card: Card, data_root: str | None) -> Raw:
    if not card.layouts:
        return layouts.scikit_digits()
    root = data_folder(data_root)
    found = find_layout(card, root)
    if found is None:
        raise _missing(card, root)
    layout, path = found
    try:
        raw = layout.read(path)
        _check(raw)
    except MemoryError:
        raise
    except Exception as error:  # a damaged file makes its format's reader raise anything
        raise DataError(
            f"'{printable(path)}' was found but cannot be read as {card.name}: "
            f"{type(error).__name__}: {printable(error)[:300]}. Get the files again."
        ) from error
    return raw


def _check(raw: Raw) -> None:
    """Refuse files that do not belong together, such as images cut off after some rows."""
    parts = (raw.images, raw.label), (raw.test_images, raw.test_label)
    for images, label in parts:
        if len(images) != len(label) or not len(label):
            raise ValueError(f"{len(images)} images but {len(label)} labels")
        if label.min() < 0 or label.max() >= len(raw.classes):
            raise ValueError(f"labels from {label.min()} to {label.max()}")


def _count(spec: str, card: Card, label: np.ndarray) -> int | None:
    """The N of `name@N`, checked against what there is."""
    _, mark, number = spec.partition("@")
    if not mark:
        return None
    if not (number.isascii() and number.isdigit()):
        raise UsageError(
            f"'{printable(spec)}': after '@' comes the number of labels, as in {card.name}@"
            f"{4 * card.classes}; '{printable(number)}' is not a whole number."
        )
    count, classes = int(number), len(np.unique(label))
    if not classes <= count <= len(label):
        raise UsageError(
            f"'{printable(spec)}': {card.name} has {classes} classes and {len(label):,} training "
            f"rows, so the number of labels is at least {classes} (one a class) and at most "
            f"{len(label):,}."
        )
    return count


def read_builtin(spec: str, data_root: str | None, seed: int) -> Source:
    """A built-in data set, all labels or N of them: ``cifar10`` or ``cifar10@250``.

    The N labels are drawn by `seed` as `stratified_labels` does. All other rows are the pool; the
    true labels that are known are in `truth`. The test set is the official one; for digits, which
    has none, it is a fixed, stratified set of 500 rows.

    Raises:
        UsageError: not a built-in name, or an N that does not fit.
        DataError: the files are not there, or damaged.
    """
    card = describe(spec.partition("@")[0], data_root).card
    raw = _read_raw(card, data_root)
    truth = raw.label.astype(np.int64)
    count = _count(spec, card, truth)
    images = raw.images
    if raw.unlabeled is not None:
        images = np.concatenate([images, raw.unlabeled])
        truth = np.concatenate([truth, np.full(len(raw.unlabeled), -1, dtype=np.int64)])
    label = truth
    if count is not None:
        label = np.full(len(truth), -1, dtype=np.int64)
        kept = stratified_labels(truth, count, seed)
        label[kept] = truth[kept]
    names = tuple(f"{card.name}[{i}]" for i in range(len(images)))
    source = Source(names, label, raw.classes, inputs=images, truth=truth, preset=card.preset)
    test_names = tuple(f"{card.name} test[{i}]" for i in range(len(raw.test_label)))
    test_label = raw.test_label.astype(np.int64)
    return replace(source, test=Source(test_names, test_label, raw.classes, inputs=raw.test_images))
