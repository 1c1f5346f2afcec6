"""The files that the built-in data sets come in: torchvision's layouts and compact `.npz` files.

Every reader takes the path that marks its layout and gives a `Raw`. A file that breaks off raises
whatever its format's reader raises; `builtin` says so in its own words.
"""

from __future__ import annotations

import bz2
import gzip
import io
import pickle
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from realmix.base.cache import cached
from realmix.data.splits import stratified_labels

CIFAR10_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
DIGITS = tuple("0123456789")
DIGITS_TEST = 500  # test rows of the digits of scikit-learn, 48 to 51 of each class


class Raw(NamedTuple):
    """A data set as its files hold it: images (N, C, H, W) uint8, labels (N,) of any integer."""

    classes: tuple[str, ...]
    images: np.ndarray
    label: np.ndarray
    test_images: np.ndarray
    test_label: np.ndarray
    unlabeled: np.ndarray | None = None


class _Dtype:
    """Stands in for numpy.dtype while a batch is read: remembers the type's code."""

    def __init__(self, code: str, *_: object) -> None:
        self.code = code

    def __setstate__(self, state: object) -> None:
        """Byte order and the like; a batch holds single bytes."""


class _Array:
    """Stands in for numpy.ndarray: makes a byte array and nothing else."""

    value: np.ndarray

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, in_columns, data = state
        if dtype.code != "u1":
            raise pickle.UnpicklingError(f"array of type {dtype.code}")
        raw = data.encode("latin-1") if isinstance(data, str) else data
        flat = np.frombuffer(raw, np.uint8)
        self.value = flat.reshape(shape[::-1]).T if in_columns else flat.reshape(shape)


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _encode(text: str, encoding: str = "latin1") -> bytes:
    return text.encode("latin-1")


class _Batch(pickle.Unpickler):
    """Reads CIFAR's Python batches. A pickle names the functions it wants called; only these exist.

    Not even NumPy's own are reached: their stand-ins above can make byte arrays only.
    """

    allowed = {  # noqa: RUF012 - a constant
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Dtype,
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
        ("_codecs", "encode"): _encode,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.allowed:
            raise pickle.UnpicklingError(f"asks for {module}.{name}, which no batch needs; refused")
        return self.allowed[module, name]


def read_batch(path: Path) -> dict[str, Any]:
    """One of CIFAR's Python batch files: arrays of bytes, lists and text by their names.

    Raises:
        pickle.UnpicklingError: the file asks for anything else; nothing of it was run.
    """
    with path.open("rb") as file:
        batch = _Batch(file, encoding="latin1").load()
    if not isinstance(batch, dict):
        raise pickle.UnpicklingError("not a table of names")
    text = {k.decode() if isinstance(k, bytes) else k: v for k, v in batch.items()}
    return {k: v.value if isinstance(v, _Array) else v for k, v in text.items()}


def _batches(paths: list[Path], label: str) -> tuple[np.ndarray, np.ndarray]:
    batches = [read_batch(path) for path in paths]
    images = np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32)
    return images, np.concatenate([np.array(batch[label]) for batch in batches])


def cifar10_batches(folder: Path) -> Raw:
    """cifar-10-batches-py."""
    train = [folder / f"data_batch_{i}" for i in range(1, 6)]
    return Raw(
        CIFAR10_CLASSES, *_batches(train, "labels"), *_batches([folder / "test_batch"], "labels")
    )


def cifar100_batches(folder: Path) -> Raw:
    """cifar-100-python, with its 100 fine classes."""
    names = tuple(read_batch(folder / "meta")["fine_label_names"])
    train, test = (_batches([folder / part], "fine_labels") for part in ("train", "test"))
    return Raw(names, *train, *test)


def cifar10_webp(path: Path) -> Raw:
    """cifar10_webp.npz: lossless WebP files end to end; decoded once and cached."""
    with np.load(path, allow_pickle=False) as archive:
        label, split = archive["label"], archive["split"]
        names = tuple(archive["class_names"].tolist())

    def decode() -> np.ndarray:
        with np.load(path, allow_pickle=False) as archive:
            blob, offsets = archive["blob"].tobytes(), archive["offsets"].tolist()
        images = np.empty((len(label), 3, 32, 32), dtype=np.uint8)
        for i, (start, end) in enumerate(pairwise(offsets)):
            image = Image.open(io.BytesIO(blob[start:end]), formats=("WEBP",)).convert("RGB")
            images[i] = np.asarray(image).transpose(2, 0, 1)
        return images

    images = cached(path, decode)
    train = int((split == 0).sum())  # the training rows come first: slices stay memory-mapped
    if (split[:train] != 0).any():
        raise ValueError("training rows are not the first ones")
    return Raw(names, images[:train], label[:train], images[train:], label[train:])


def svhn_mat(path: Path) -> Raw:
    """train_32x32.mat and test_32x32.mat; the digit 0 is stored as 10."""
    from scipy.io import loadmat

    parts: list[np.ndarray] = []
    for name in ("train_32x32.mat", "test_32x32.mat"):
        content = loadmat(path.parent / name, variable_names=["X", "y"])
        parts += [np.ascontiguousarray(content["X"].transpose(3, 2, 0, 1))]
        parts += [content["y"].ravel().astype(np.int64) % 10]
    return Raw(DIGITS, *parts)


def stl10_binary(folder: Path) -> Raw:
    """stl10_binary: columns before rows, labels from 1, and 100,000 images without a label."""

    def images(name: str) -> np.ndarray:
        stored = np.memmap(folder / name, dtype=np.uint8, mode="r").reshape(-1, 3, 96, 96)
        return np.ascontiguousarray(stored.transpose(0, 1, 3, 2))

    def label(name: str) -> np.ndarray:
        return np.fromfile(folder / name, dtype=np.uint8).astype(np.int64) - 1

    names = tuple((folder / "class_names.txt").read_text("utf-8").split())
    train, test = images("train_X.bin"), images("test_X.bin")
    pool = images("unlabeled_X.bin")
    return Raw(names, train, label("train_y.bin"), test, label("test_y.bin"), pool)


def _idx(path: Path) -> np.ndarray:
    """An array of bytes in MNIST's idx format, compressed or not."""
    packed = path.with_name(path.name + ".gz")
    data = path.read_bytes() if path.exists() else gzip.decompress(packed.read_bytes())
    if data[:3] != b"\0\0\x08":
        raise ValueError(f"{path.name} is not an idx file of bytes")
    shape = np.frombuffer(data, ">i4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape).copy()


def mnist_idx(path: Path) -> Raw:
    """MNIST/raw, the four idx files, with or without .gz."""
    parts: list[np.ndarray] = []
    for part in ("train", "t10k"):
        parts += [_idx(path.parent / f"{part}-images-idx3-ubyte")[:, None]]
        parts += [_idx(path.parent / f"{part}-labels-idx1-ubyte")]
    return Raw(DIGITS, *parts)


def mnist_npz(path: Path) -> Raw:
    """mnist.npz with X, label and split (0 = train)."""
    with np.load(path, allow_pickle=False) as archive:
        images, label, test = archive["X"][:, None], archive["label"], archive["split"] != 0
    return Raw(DIGITS, images[~test], label[~test], images[test], label[test])


def usps_bz2(path: Path) -> Raw:
    """usps.bz2 and usps.t.bz2: text, labels from 1, 256 values in [-1, 1] a line."""
    parts: list[np.ndarray] = []
    for name in ("usps.bz2", "usps.t.bz2"):
        with bz2.open(path.with_name(name), "rt", encoding="ascii") as lines:
            rows = [line.split() for line in lines]
        values = np.array([[cell.rpartition(":")[2] for cell in row[1:]] for row in rows], float)
        pixels = np.round((values + 1) / 2 * 255).astype(np.uint8)
        parts += [pixels.reshape(-1, 1, 16, 16), np.array([int(row[0]) - 1 for row in rows])]
    return Raw(DIGITS, *parts)


def scikit_digits() -> Raw:
    """The 8 x 8 digits inside scikit-learn, 0..16 scaled to 0..255.

    They have no official test set; a stratified draw with a fixed seed always is.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    images, label = np.round(digits.images[:, None] * (255 / 16)).astype(np.uint8), digits.target
    test = np.zeros(len(label), dtype=bool)
    test[stratified_labels(label, DIGITS_TEST, seed=0)] = True
    return Raw(DIGITS, images[~test], label[~test], images[test], label[test])
