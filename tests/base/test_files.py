"""Files are whole or absent, whichever call fails."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest

from realmix.base import files
from realmix.base.errors import StorageError


class HalfWritten:
    """A file that takes half of the bytes and then finds the disk full."""

    def __init__(self, file):
        self.file = file

    def write(self, data):
        self.file.write(data[: len(data) // 2])
        self.file.flush()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def __getattr__(self, name):
        return getattr(self.file, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()


def fail(code):
    def raising(*_args, **_kwargs):
        raise OSError(code, os.strerror(code))

    return raising


def opens_half(path, mode="r", *args, **kwargs):
    file = open(path, mode, *args, **kwargs)  # noqa: SIM115 (its caller closes it)
    return HalfWritten(file) if mode in ("xb", "ab") else file


FAILURES = {
    "fsync": lambda patch: patch.setattr(files.os, "fsync", fail(errno.EIO)),
    "replace": lambda patch: patch.setattr(files.os, "replace", fail(errno.EACCES)),
    "open": lambda patch: patch.setattr(files, "open", fail(errno.EROFS), raising=False),
    "full disk": lambda patch: patch.setattr(files, "open", opens_half, raising=False),
}


@pytest.mark.parametrize("data", [b"new \x00 bytes", "new text é", b"", "x" * 3_000_000])
def test_what_was_written_is_read_back(tmp_path, data):
    target = tmp_path / "file"
    target.write_bytes(b"old")
    files.write_atomically(target, data)
    assert target.read_bytes() == (data.encode() if isinstance(data, str) else data)
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("old", [b"old and longer than the new one", None])
def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch, failure, old):
    target = tmp_path / "file"
    if old is not None:
        target.write_bytes(old)
    with monkeypatch.context() as patch:
        FAILURES[failure](patch)
        with pytest.raises(StorageError) as caught:
            files.write_atomically(target, b"new content")
    assert str(target) in str(caught.value)
    assert "11 bytes" in str(caught.value)
    assert list(tmp_path.iterdir()) == ([target] if old is not None else [])
    assert old is None or target.read_bytes() == old


def test_failure_of_the_folder_fsync_is_reported_and_the_new_file_is_whole(tmp_path, monkeypatch):
    target, real, calls = tmp_path / "file", os.fsync, []

    def second_fails(descriptor):
        calls.append(descriptor)
        if len(calls) == 2:
            raise OSError(errno.EIO, "injected")
        real(descriptor)

    monkeypatch.setattr(files.os, "fsync", second_fails)
    with pytest.raises(StorageError, match="injected"):
        files.write_atomically(target, b"new")
    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


def test_the_file_is_synced_before_the_rename_and_the_folder_after(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)

        def spy(*args, name=name, real=real):
            calls.append(name)
            return real(*args)

        monkeypatch.setattr(files.os, name, spy)
    files.write_atomically(tmp_path / "file", b"x")
    assert calls == ["fsync", "replace", "fsync"]


def test_interruption_leaves_no_temporary_file(tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        files.write_atomically(tmp_path / "file", b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_a_storage_error_with_printable_path(tmp_path):
    with pytest.raises(StorageError, match=r"No such file.*another folder") as caught:
        files.write_atomically(tmp_path / "gone\x1b[31m" / "file", b"x")
    assert "\x1b" not in str(caught.value)


def test_the_longest_file_name_works(tmp_path):
    files.write_atomically(tmp_path / ("n" * 255), b"x")
    assert (tmp_path / ("n" * 255)).read_bytes() == b"x"


def test_json_holds_plain_values_in_the_order_given(tmp_path):
    value = {
        "z": np.float32(0.5),
        "a": (np.int64(3), True, None, "é\udcff"),
        "nan": float("nan"),
        "array": np.array([[1.0, np.inf], [-np.inf, np.nan]]),
        "path": Path("a/b"),
        7: np.bool_(True),
    }
    files.write_json(tmp_path / "x.json", value)
    text = (tmp_path / "x.json").read_text()

    def refuse(name):
        raise AssertionError(name)

    read = json.loads(text, parse_constant=refuse)
    assert list(read.items()) == [
        ("z", 0.5),
        ("a", [3, True, None, "é\udcff"]),
        ("nan", None),
        ("array", [[1.0, None], [None, None]]),
        ("path", "a/b"),
        ("7", True),
    ]
    assert '\n  "z"' in text


def test_json_refuses_other_types_and_leaves_the_file(tmp_path):
    (tmp_path / "x.json").write_text("old")
    with pytest.raises(TypeError, match="set"):
        files.write_json(tmp_path / "x.json", {"a": {1}})
    assert (tmp_path / "x.json").read_text() == "old"


def test_log_lines_are_read_back_in_order(tmp_path):
    log = tmp_path / "metrics.jsonl"
    assert files.whole_lines(log) == []
    for step in range(3):
        files.append_line(log, {"step": step, "loss": np.float32("nan"), "phase": "a\nb"})
    assert files.whole_lines(log) == [
        {"step": step, "loss": None, "phase": "a\nb"} for step in range(3)
    ]


def test_a_log_cut_at_any_byte_gives_its_whole_lines_and_can_go_on(tmp_path):
    log = tmp_path / "metrics.jsonl"
    for step in range(3):
        files.append_line(log, {"step": step})
    data = log.read_bytes()
    for length in range(len(data) + 1):
        log.write_bytes(data[:length])
        whole = data[:length].count(b"\n")
        assert files.whole_lines(log) == [{"step": step} for step in range(whole)]
        assert files.cut_to_whole_lines(log) == length - (data[:length].rfind(b"\n") + 1)
        files.append_line(log, {"step": "next"})
        assert files.whole_lines(log)[whole:] == [{"step": "next"}]


def test_cutting_a_missing_log_does_nothing(tmp_path):
    assert files.cut_to_whole_lines(tmp_path / "none") == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("line", [b"{broken", b"\xff\x00", b"[1]", b""])
def test_a_damaged_line_inside_a_log_is_an_error_with_its_number(tmp_path, line):
    log = tmp_path / "metrics.jsonl"
    log.write_bytes(b'{"step": 1}\n' + line + b'\n{"step": 3}\n')
    with pytest.raises(StorageError, match="line 2"):
        files.whole_lines(log)


def test_a_full_disk_while_logging_is_an_error_and_repairable(tmp_path, monkeypatch):
    log = tmp_path / "metrics.jsonl"
    files.append_line(log, {"step": 1})
    with monkeypatch.context() as patch:
        FAILURES["full disk"](patch)
        with pytest.raises(StorageError, match="No space left"):
            files.append_line(log, {"step": 2})
    assert files.cut_to_whole_lines(log) > 0
    assert files.whole_lines(log) == [{"step": 1}]


@pytest.mark.parametrize("function", [files.whole_lines, files.cut_to_whole_lines])
def test_an_unreadable_log_is_a_storage_error(tmp_path, function):
    with pytest.raises(StorageError, match="Cannot re"):
        function(tmp_path)


def test_leftovers_of_killed_processes_are_removed_and_nothing_else(tmp_path, monkeypatch):
    keep = tmp_path / "model.tmp"
    keep.write_bytes(b"")
    with monkeypatch.context() as patch:
        patch.setattr(files.Path, "unlink", lambda *_, **__: None)
        patch.setattr(files.os, "replace", fail(errno.EIO))
        with pytest.raises(StorageError):
            files.write_atomically(tmp_path / "file", b"x")
    assert files.remove_leftovers(tmp_path) == 1
    assert list(tmp_path.iterdir()) == [keep]
