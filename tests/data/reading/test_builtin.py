"""The built-in data sets: layouts, `name@N`, the cache, and pickles that are refused."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from PIL import Image

from realmix.base import cache
from realmix.base.errors import DataError, UsageError
from realmix.data.reading.builtin import BUILTIN, describe, find_layout
from realmix.data.reading.layouts import read_batch
from realmix.data.reading.load import load

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("REALMIX_DATA", raising=False)


def pixels(count: int, *shape: int) -> np.ndarray:
    return RNG.integers(0, 256, (count, *shape), dtype=np.uint8)


def python2_batch(path: Path, data: np.ndarray, **rest: Any) -> None:
    """A batch as Python 2 wrote it: byte strings for text, numpy.core.multiarray."""
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = data.tobytes()

    def text(value: str) -> bytes:
        return b"U" + bytes([len(value)]) + value.encode()

    def number(value: int) -> bytes:
        return b"K" + bytes([value])

    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
        + (number(0) + b"\x85" + text("b") + b"\x87R(")
        + (number(1) + b"(" + number(data.shape[0]) + b"M" + struct.pack("<H", data.shape[1]))
        + (b"tcnumpy\ndtype\n" + text("u1") + number(0) + number(1) + b"\x87R(" + number(3))
        + (text("|") + b"NNN" + b"J\xff\xff\xff\xff" * 2 + number(0) + b"tb" + b"\x89")
        + (b"T" + struct.pack("<I", len(raw)) + raw + b"tb")
    )
    body = b"\x80\x02}(" + text("data") + array
    for key, values in rest.items():
        items = [number(v) if isinstance(v, int) else text(v) for v in values]
        body += text(key) + b"](" + b"".join(items) + b"e"
    path.write_bytes(body + b"u.")


def write_cifar10(root: Path) -> dict[str, np.ndarray]:
    folder = root / "cifar-10-batches-py"
    written = {}
    for i in range(1, 7):
        name = "test_batch" if i == 6 else f"data_batch_{i}"
        written[name] = pixels(4, 3072)
        labels = [(4 * i + j) % 10 for j in range(4)]
        if i == 1:
            python2_batch(folder / name, written[name], labels=labels)
        else:  # as torchvision's own copies can be written: by a recent Python
            content = {b"data": written[name], b"labels": labels}
            (folder / name).write_bytes(pickle.dumps(content, protocol=2 if i % 2 else 4))
    return written


def write_cifar100(root: Path) -> None:
    folder = root / "cifar-100-python"
    names = [f"c{i:02}" for i in range(100)]
    for part, count in (("train", 200), ("test", 100)):
        labels = [i % 100 for i in range(count)]
        python2_batch(folder / part, pixels(count, 3072), fine_labels=labels)
    folder.joinpath("meta").write_bytes(pickle.dumps({"fine_label_names": names}, protocol=2))


def write_svhn(root: Path) -> None:
    for part in ("train", "test"):
        y = np.arange(1, 21)[:, None] % 10
        content = {"X": pixels(32, 32, 3, 20), "y": np.where(y == 0, 10, y).astype(np.uint8)}
        scipy.io.savemat(root / f"{part}_32x32.mat", content)


def write_stl10(root: Path) -> None:
    folder = root / "stl10_binary"
    folder.mkdir()
    for part, count in (("train", 20), ("test", 10), ("unlabeled", 7)):
        pixels(count, 3, 96, 96).tofile(folder / f"{part}_X.bin")
        (np.arange(count) % 10 + 1).astype(np.uint8).tofile(folder / f"{part}_y.bin")
    names = ["airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck"]
    (folder / "class_names.txt").write_text("\n".join(names) + "\n", "utf-8")


def idx(array: np.ndarray) -> bytes:
    return (
        b"\0\0\x08"
        + bytes([array.ndim])
        + struct.pack(f">{array.ndim}i", *array.shape)
        + (array.tobytes())
    )


def write_mnist(root: Path, packed: bool) -> np.ndarray:
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True)
    images = pixels(20, 28, 28)
    for part in ("train", "t10k"):
        for kind, array in (("images-idx3", images), ("labels-idx1", np.arange(20) % 10)):
            content = idx(array.astype(np.uint8))
            name = f"{part}-{kind}-ubyte"
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(content))
            else:
                (folder / name).write_bytes(content)
    return images


def write_usps(root: Path) -> None:
    for name in ("usps.bz2", "usps.t.bz2"):
        lines = [
            f"{i % 10 + 1} " + " ".join(f"{j + 1}:{(-1) ** (i + j)}.0" for j in range(256))
            for i in range(20)
        ]
        (root / name).write_bytes(bz2.compress("\n".join(lines).encode()))


def write_webp(path: Path) -> np.ndarray:
    images = pixels(20, 32, 32, 3)
    files = []
    for image in images:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "WEBP", lossless=True)
        files.append(buffer.getvalue())
    np.savez(
        path,
        blob=np.frombuffer(b"".join(files), np.uint8),
        offsets=np.cumsum([0] + [len(f) for f in files]),
        label=(np.arange(20) % 10).astype(np.uint8),
        split=(np.arange(20) >= 10).astype(np.uint8),
        class_names=np.array([f"class{i}" for i in range(10)]),
    )
    return images.transpose(0, 3, 1, 2)


def test_digits_are_embedded_and_their_test_set_is_fixed() -> None:
    data, again = load("digits"), load("digits@40", seed=5)
    assert data.inputs.shape == (1297, 1, 8, 8)
    assert (data.inputs.min(), data.inputs.max()) == (0, 255)
    assert set(np.unique(data.inputs)) == {round(v * 255 / 16) for v in range(17)}
    assert data.test_inputs is not None
    assert data.test_inputs.shape == (500, 1, 8, 8)
    assert np.array_equal(data.test_inputs, again.test_inputs)
    assert data.test_label is not None
    assert np.bincount(data.test_label).tolist() == [50, 51, 49, 51, 50, 51, 50, 50, 48, 50]
    together = np.concatenate([data.inputs, data.test_inputs])
    from sklearn.datasets import load_digits

    expected = np.round(load_digits().images * 255 / 16).reshape(1797, -1)
    assert sorted(together.reshape(1797, -1).tolist()) == sorted(expected.tolist())
    assert data.preset == "digits"
    assert data.classes == tuple("0123456789")


def test_a_number_of_labels_leaves_the_rest_to_the_pool() -> None:
    data, full = load("digits@40", seed=1), load("digits")
    assert np.bincount(data.label + 1).tolist() == [1257] + [4] * 10
    assert data.oracle is not None
    assert np.array_equal(data.oracle, full.label)
    known = data.label >= 0
    assert np.array_equal(data.label[known], full.label[known])
    assert np.array_equal(data.label, load("digits@40", seed=1).label)
    assert not np.array_equal(data.label, load("digits@40", seed=2).label)


@pytest.mark.parametrize("number", ["7", "9", "0", "-1", "99999", "1298", "x", "", "4.5", "²"])
def test_a_number_of_labels_that_does_not_fit_is_explained(number: str) -> None:
    with pytest.raises(UsageError, match=r"at least 10 .* at most 1,297|not a whole number"):
        load(f"digits@{number}")


def test_cifar10_batches(tmp_path: Path) -> None:
    written = write_cifar10(tmp_path)
    data = load("cifar10@10", data_root=str(tmp_path))
    expected = np.concatenate([written[f"data_batch_{i}"] for i in range(1, 6)])
    assert np.array_equal(data.inputs, expected.reshape(-1, 3, 32, 32))
    assert data.oracle is not None
    assert data.oracle.tolist() == [(4 + i) % 10 for i in range(20)]
    assert np.array_equal(data.test_inputs, written["test_batch"].reshape(-1, 3, 32, 32))
    assert data.classes[0] == "airplane"
    assert data.preset == "cifar"


def test_cifar100_batches(tmp_path: Path) -> None:
    write_cifar100(tmp_path)
    data = load("cifar100@100", data_root=str(tmp_path))
    assert data.inputs.shape == (200, 3, 32, 32)
    assert data.classes[99] == "c99"
    assert (data.label >= 0).sum() == 100


def test_svhn_turns_ten_into_zero(tmp_path: Path) -> None:
    write_svhn(tmp_path)
    data = load("svhn", data_root=str(tmp_path))
    assert data.inputs.shape == (20, 3, 32, 32)
    stored = scipy.io.loadmat(tmp_path / "train_32x32.mat")["X"]
    assert np.array_equal(data.inputs[3, 2], stored[:, :, 2, 3])
    assert data.label[:10].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    assert data.preset == "svhn"


def test_stl10_has_a_pool_of_its_own(tmp_path: Path) -> None:
    write_stl10(tmp_path)
    data = load("stl10@10", data_root=str(tmp_path))
    assert data.inputs.shape == (27, 3, 96, 96)
    assert (data.label >= 0).sum() == 10
    assert data.oracle is not None
    assert (data.oracle[20:] == -1).all()
    stored = np.fromfile(tmp_path / "stl10_binary" / "train_X.bin", np.uint8)
    assert np.array_equal(data.inputs[1, 0], stored.reshape(-1, 3, 96, 96)[1, 0].T)
    full = load("stl10", data_root=str(tmp_path), image_size=32)
    assert (full.label >= 0).sum() == 20
    assert full.inputs.shape == (27, 3, 32, 32)


@pytest.mark.parametrize("packed", [False, True])
def test_mnist_idx_files(tmp_path: Path, packed: bool) -> None:
    images = write_mnist(tmp_path, packed)
    data = load("mnist", data_root=str(tmp_path))
    assert np.array_equal(data.inputs, images[:, None])
    assert data.label.tolist() == [i % 10 for i in range(20)]


def test_usps(tmp_path: Path) -> None:
    write_usps(tmp_path)
    data = load("usps", data_root=str(tmp_path))
    assert data.inputs.shape == (20, 1, 16, 16)
    assert data.inputs[0, 0, 0, :2].tolist() == [255, 0]
    assert data.label.tolist() == [i % 10 for i in range(20)]


def test_the_folder_may_carry_the_name_and_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mnist").mkdir()
    write_mnist(tmp_path / "mnist", packed=False)
    monkeypatch.setenv("REALMIX_DATA", str(tmp_path))
    assert len(load("mnist@10").inputs) == 20
    found = describe("mnist").found
    assert found is not None
    assert found.startswith(str(tmp_path))


def test_webp_is_decoded_once_and_mapped_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = write_webp(tmp_path / "cifar10_webp.npz")
    first = load("cifar10", data_root=str(tmp_path))
    (kept,) = cache.cache_folder().iterdir()
    monkeypatch.setattr(
        "realmix.data.reading.layouts.Image.open", lambda *_, **__: pytest.fail("decoded")
    )
    second = load("cifar10", data_root=str(tmp_path))
    for data in (first, second):
        assert np.array_equal(data.inputs, images[:10])
        assert np.array_equal(data.test_inputs, images[10:])
        assert data.inputs.flags.writeable
    second.inputs[:] = 0  # copy-on-write: the file is not touched
    assert np.array_equal(np.load(kept), images)


def test_a_changed_archive_or_a_cut_cache_is_decoded_again(tmp_path: Path) -> None:
    path = tmp_path / "cifar10_webp.npz"
    write_webp(path)
    load("cifar10", data_root=str(tmp_path))
    images = write_webp(path)
    assert np.array_equal(load("cifar10", data_root=str(tmp_path)).inputs, images[:10])
    for kept in cache.cache_folder().iterdir():
        kept.write_bytes(kept.read_bytes()[:-9])
    assert np.array_equal(load("cifar10", data_root=str(tmp_path)).inputs, images[:10])
    assert not list(cache.cache_folder().glob("*.tmp"))


def test_a_cache_that_cannot_be_written_costs_only_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder", "utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    images = write_webp(tmp_path / "cifar10_webp.npz")
    assert np.array_equal(load("cifar10", data_root=str(tmp_path)).inputs, images[:10])

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    monkeypatch.setattr("realmix.base.cache.os.fsync", full)
    assert len(load("cifar10", data_root=str(tmp_path)).inputs) == 10
    assert not list(cache.cache_folder().iterdir())


class _Attack:
    def __init__(self, call: Any, *arguments: Any) -> None:
        self.call = call, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("call", [os.system, eval, os.mkdir, pickle.loads, getattr, np.load])
def test_a_malicious_batch_is_refused_and_not_run(tmp_path: Path, call: Any) -> None:
    write_cifar10(tmp_path)
    proof = tmp_path / "proof"
    command = f"touch {proof}" if call is os.system else str(proof)
    attack = pickle.dumps({"data": _Attack(call, command), "labels": []}, protocol=2)
    (tmp_path / "cifar-10-batches-py" / "data_batch_3").write_bytes(attack)
    with pytest.raises(DataError, match="which no batch needs; refused"):
        load("cifar10", data_root=str(tmp_path))
    assert not proof.exists()


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "batch"
    for array in (np.array([{}], dtype=object), np.zeros(3), np.zeros(3, "u1,u1")):
        path.write_bytes(pickle.dumps({"data": array}, protocol=2))
        with pytest.raises(pickle.UnpicklingError, match="array of type"):
            read_batch(path)
    path.write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(pickle.UnpicklingError, match="not a table"):
        read_batch(path)


def test_a_fortran_ordered_array_is_read(tmp_path: Path) -> None:
    array = np.asfortranarray(pixels(4, 6))
    (tmp_path / "batch").write_bytes(pickle.dumps({"data": array}, protocol=2))
    assert np.array_equal(read_batch(tmp_path / "batch")["data"], array)


@pytest.mark.parametrize("name", [name for name in BUILTIN if name != "digits"])
def test_what_is_missing_is_explained(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="download=True") as error:
        load(name, data_root=str(tmp_path))
    assert BUILTIN[name].layouts[0].mark in str(error.value)
    assert len(str(error.value).splitlines()) <= 12
    with pytest.raises(DataError, match="no data root was given"):
        load(name)


def test_a_folder_of_the_name_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "usps").mkdir()
    with pytest.raises(DataError, match=r"The folder of that name here is \./usps\."):
        load("usps", data_root=str(tmp_path))


def test_a_data_root_that_is_no_folder_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        load("cifar10", data_root=str(tmp_path / "none"))


def test_damaged_files_are_explained(tmp_path: Path) -> None:
    write_cifar10(tmp_path)
    write_usps(tmp_path)
    write_stl10(tmp_path)
    write_mnist(tmp_path, packed=False)
    for file in (
        "cifar-10-batches-py/data_batch_2",
        "cifar-10-batches-py/test_batch",
        "usps.bz2",
        "stl10_binary/train_X.bin",
        "stl10_binary/train_y.bin",
        "MNIST/raw/train-images-idx3-ubyte",
    ):
        path = tmp_path / file
        whole = path.read_bytes()
        name = file.split("-b")[0].split("_")[0].split("/")[0].split(".")[0].replace("-", "")
        for content in (b"", whole[: len(whole) // 2], whole[:-1]):
            path.write_bytes(content)
            with pytest.raises(DataError, match=r"cannot be read as .*Get the files again"):
                load(name.lower(), data_root=str(tmp_path))
        path.write_bytes(whole)


def test_labels_out_of_range_are_explained(tmp_path: Path) -> None:
    write_stl10(tmp_path)
    np.full(20, 11, np.uint8).tofile(tmp_path / "stl10_binary" / "train_y.bin")
    with pytest.raises(DataError, match="labels from 10 to 10"):
        load("stl10", data_root=str(tmp_path))


def test_describe() -> None:
    assert describe("digits").found == "embedded"
    assert describe("cifar10").found is None
    card = describe("stl10").card
    assert (card.train, card.test, card.unlabeled, card.shape) == (5000, 8000, 100000, (3, 96, 96))
    with pytest.raises(UsageError, match="Did you mean 'mnist'"):
        describe("mnits")
    assert find_layout(card, None) is None


def test_built_in_pools_and_test_sets(tmp_path: Path) -> None:
    write_mnist(tmp_path, packed=False)
    root = str(tmp_path)
    data = load("digits@40", unlabeled="mnist", test="mnist", data_root=root)
    assert data.inputs.shape == (1317, 1, 8, 8)
    assert data.oracle is not None
    assert data.oracle[-20:].tolist() == [i % 10 for i in range(20)]
    assert data.test_inputs is not None
    assert data.test_inputs.shape == (20, 1, 8, 8)
    with pytest.raises(UsageError, match="a pool has no labels"):
        load("digits@40", unlabeled="mnist@10", data_root=root)


@pytest.mark.data
def test_real_cifar10(data_root: str) -> None:
    data = load("cifar10@250", data_root=data_root)
    assert data.inputs.shape == (50000, 3, 32, 32)
    assert np.bincount(data.label + 1).tolist() == [49750] + [25] * 10
    assert np.bincount(data.oracle).tolist() == [5000] * 10
    mean = data.inputs.mean(axis=(0, 2, 3)) / 255
    assert np.allclose(mean, (0.49140, 0.48216, 0.44653), atol=1e-5)
    assert data.classes[:3] == ("airplane", "automobile", "bird")
    assert data.test_label is not None
    assert np.bincount(data.test_label).tolist() == [1000] * 10


@pytest.mark.data
def test_real_mnist(data_root: str) -> None:
    data = load("mnist@40", data_root=data_root)
    assert data.inputs.shape == (60000, 1, 28, 28)
    assert data.test_inputs is not None
    assert len(data.test_inputs) == 10000
    assert abs(data.inputs.mean() / 255 - 0.13066) < 1e-5
    assert np.bincount(data.label + 1).tolist() == [59960] + [4] * 10
