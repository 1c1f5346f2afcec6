"""Features on disk: whole or not there, whatever happens to the file."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from realmix.base.errors import StorageError
from realmix.encoders.store import BLOCKS, FEATURES, WAITS, Memory, Store

SHAPE = (2, 3)


def digest(number: int) -> bytes:
    return number.to_bytes(16, "little")


def digests(*numbers: int) -> list[bytes]:
    return [digest(number) for number in numbers]


def features(*numbers: int) -> np.ndarray:
    """(rows, 2, 3): of row n the numbers 6 n .. 6 n + 5."""
    return np.stack([6 * n + np.arange(6).reshape(SHAPE) for n in numbers]).astype(np.float16)


def filled(folder: Path) -> Store:
    """Rows 0 to 4 in a block of two and one of three."""
    store = Store(folder, SHAPE)
    with store.opened():
        store.append(digests(0, 1), features(0, 1))
        store.append(digests(2, 3, 4), features(2, 3, 4))
    return store


def held(folder: Path, *numbers: int) -> np.ndarray:
    """What a new process finds of these rows."""
    store = Store(folder, SHAPE)
    with store.opened():
        assert store.check(digests(*numbers)) == 0
        return store.features()[store.rows(digests(*numbers))]


def test_rows_are_found_by_their_digest(tmp_path: Path) -> None:
    filled(tmp_path)
    np.testing.assert_array_equal(held(tmp_path, 3, 0, 3, 4), features(3, 0, 3, 4))


def test_missing_names_each_content_once(tmp_path: Path) -> None:
    store = filled(tmp_path)
    with store.opened():
        assert store.missing(digests(9, 1, 9, 8)) == [0, 3]


def test_a_block_without_its_line_is_cut_off(tmp_path: Path) -> None:
    """What a kill leaves between the bytes and the line."""
    filled(tmp_path)
    with open(tmp_path / FEATURES, "ab") as file:
        file.write(features(7, 8).tobytes()[:-5])
    store = Store(tmp_path, SHAPE)
    with store.opened():
        assert store.missing(digests(4, 7)) == [1]
        assert (tmp_path / FEATURES).stat().st_size == 5 * 12
        store.append(digests(7), features(7))
    np.testing.assert_array_equal(held(tmp_path, 7, 2), features(7, 2))


def test_half_a_line_does_not_count(tmp_path: Path) -> None:
    filled(tmp_path)
    lines = (tmp_path / BLOCKS).read_text()
    (tmp_path / BLOCKS).write_text(lines[:-10])
    store = Store(tmp_path, SHAPE)
    with store.opened():
        assert store.missing(digests(0, 1, 2, 3, 4)) == [2, 3, 4]
        store.append(digests(2), features(2))
    np.testing.assert_array_equal(held(tmp_path, 0, 2), features(0, 2))


def test_a_line_whose_bytes_are_gone_does_not_count(tmp_path: Path) -> None:
    filled(tmp_path)
    os.truncate(tmp_path / FEATURES, 4 * 12)
    store = Store(tmp_path, SHAPE)
    with store.opened():
        assert store.missing(digests(0, 1, 2, 3, 4)) == [2, 3, 4]
        store.append(digests(4), features(4))
    np.testing.assert_array_equal(held(tmp_path, 1, 4), features(1, 4))


def test_a_flipped_bit_costs_its_block_alone(tmp_path: Path) -> None:
    filled(tmp_path)
    with open(tmp_path / FEATURES, "r+b") as file:
        file.seek(3 * 12 + 1)  # of row 3
        byte = file.read(1)[0]
        file.seek(3 * 12 + 1)
        file.write(bytes([byte ^ 1]))
    store = Store(tmp_path, SHAPE)
    with store.opened():
        assert store.check(digests(0, 1)) == 0  # what is not asked for is not looked at
        assert store.check(digests(0, 4)) == 3
        assert store.missing(digests(0, 1, 2, 3, 4)) == [2, 3, 4]
        store.append(digests(3), features(3))
    np.testing.assert_array_equal(held(tmp_path, 0, 3), features(0, 3))


def test_a_damaged_list_is_begun_anew(tmp_path: Path) -> None:
    filled(tmp_path)
    lines = (tmp_path / BLOCKS).read_text().splitlines()
    (tmp_path / BLOCKS).write_text("\n".join(["{]", *lines[1:]]) + "\n")
    store = Store(tmp_path, SHAPE)
    with store.opened():
        assert store.missing(digests(0, 4)) == [0, 1]
        store.append(digests(4), features(4))
    np.testing.assert_array_equal(held(tmp_path, 4), features(4))


def test_a_list_of_something_else_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / BLOCKS).write_text(json.dumps({"digests": "xyz", "checksum": 3}) + "\n")
    store = Store(tmp_path, SHAPE)
    with store.opened():
        assert store.missing(digests(0)) == [0]


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with store.opened():
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(StorageError, match="REALMIX_CACHE"):
                store.append(digests(5), features(5))
        assert (tmp_path / FEATURES).stat().st_size == 5 * 12
        assert store.missing(digests(5)) == [0]
    np.testing.assert_array_equal(held(tmp_path, 4), features(4))


def test_what_does_not_fit_is_not_begun(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.make_room(3)
    with pytest.raises(StorageError, match=r"Features need 12,000,000,000,000,000 bytes"):
        store.make_room(10**15)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(StorageError, match="cannot be written"),
        Store(tmp_path / "file" / "x", SHAPE).opened(),
    ):
        pass


def test_whoever_waits_for_another_process_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realmix.encoders.store.PATIENCE", 0.0)
    first, told = FileLock(tmp_path / "lock"), list[str]()
    first.acquire()

    def let_go(text: str) -> None:
        told.append(text)
        first.release()

    with Store(tmp_path, SHAPE, let_go).opened():
        assert told == [WAITS]
    with Store(tmp_path, SHAPE, told.append).opened():
        assert len(told) == 1


def test_features_in_memory_are_those_that_were_added() -> None:
    store, rows = Memory(SHAPE), digests(5, 6, 7)
    with store.opened():
        assert store.check(rows) == 0
        assert store.missing([*rows, digest(5)]) == [0, 1, 2]
        store.append(rows[:2], features(5, 6))
        store.append(rows[2:], features(7))
        assert store.missing(rows) == []
        found = store.features()[store.rows(digests(7, 5))]
    np.testing.assert_array_equal(found, features(7, 5))
