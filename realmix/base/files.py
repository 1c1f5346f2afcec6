"""Files that are either whole or absent, whatever kills the process or fills the disk.

`write_atomically` never changes a file in place: readers see the old bytes or the new ones. A log
of JSON lines grows at its end, so it can end in a partial line; its readers leave that line out.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from realmix.base.errors import StorageError
from realmix.base.wording import printable

LEFTOVER = ".realmix-*.tmp"
"""Pattern of the temporary files, which only a killed process leaves behind."""


def write_atomically(path: Path | str, data: bytes | str) -> None:
    """Replace `path` by a file holding `data` (text as UTF-8), durably, or leave it as it was.

    The temporary file lies in the folder of `path`, because a rename is only atomic inside one
    file system. Its name is random, so two writers never share one.

    Raises:
        StorageError: the disk is full, the folder is missing, read-only or has vanished.
    """
    target = Path(path)
    content = data.encode() if isinstance(data, str) else data
    temporary = target.parent / f".realmix-{secrets.token_hex(8)}.tmp"
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
        _sync_folder(target.parent)
    except OSError as error:
        raise _storage_error("write", target, error, len(content)) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_json(path: Path | str, value: object) -> None:
    """Write `value` as JSON that any parser reads: keys in given order, NaN and infinity as null.

    Raises:
        StorageError: see `write_atomically`.
        TypeError: `value` holds something `plain` does not know.
    """
    # ASCII escapes carry the lone surrogates that Python makes of undecodable file names
    write_atomically(path, json.dumps(plain(value), indent=2, allow_nan=False) + "\n")


def append_line(path: Path | str, record: Mapping[str, object]) -> None:
    """Add `record` to the end of a log of JSON lines.

    Not fsynced: the line survives the end of the process, and a power cut may cost the last ones.

    Raises:
        StorageError: the line could not be written whole; `cut_to_whole_lines` repairs the log.
    """
    line = json.dumps(plain(record), allow_nan=False).encode() + b"\n"
    try:
        with open(path, "ab") as file:
            file.write(line)
    except OSError as error:
        raise _storage_error("write", Path(path), error, len(line)) from error


def whole_lines(path: Path | str) -> list[dict[str, Any]]:
    """The records of a log of JSON lines, without a last line that was cut off.

    A log that does not exist yet has no records.

    Raises:
        StorageError: the file cannot be read, or a whole line of it is not a JSON object.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _storage_error("read", Path(path), error) from error
    records = []
    for number, line in enumerate(data.split(b"\n")[:-1], start=1):
        record = _parsed(line)
        if not isinstance(record, dict):
            raise StorageError(f"{printable(path)}, line {number}, is damaged: not a JSON object.")
        records.append(record)
    return records


def cut_to_whole_lines(path: Path | str) -> int:
    """Remove a partial last line in place, so that the next one starts on its own.

    Returns:
        How many bytes were removed.

    Raises:
        StorageError: the file cannot be read or shortened.
    """
    try:
        with open(path, "r+b") as file:
            data = file.read()
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                file.truncate(whole)
                file.flush()
                os.fsync(file.fileno())
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise _storage_error("repair", Path(path), error) from error
    return len(data) - whole


def remove_leftovers(folder: Path | str) -> int:
    """Delete the temporary files of killed processes. Only for the holder of the folder's lock.

    Returns:
        How many files were deleted.
    """
    leftovers = list(Path(folder).glob(LEFTOVER))
    for path in leftovers:
        path.unlink(missing_ok=True)
    return len(leftovers)


def plain(value: object) -> Any:
    """`value` as JSON types: arrays and tuples as lists, paths as text, NaN and infinity as None.

    Raises:
        TypeError: a value of another type.
    """
    if hasattr(value, "tolist"):  # NumPy arrays and scalars, tensors
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _parsed(line: bytes) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` survive a power cut."""
    if os.name == "nt":  # Windows cannot open folders; NTFS journals the rename itself
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _storage_error(
    verb: str, path: Path, error: OSError, needed: int | None = None
) -> StorageError:
    message = f"Cannot {verb} {printable(path)}: {error.strerror or error}."
    if needed is not None:
        message += f" It needs {needed:,} bytes"
        with contextlib.suppress(OSError):
            message += f", {shutil.disk_usage(path.parent).free:,} are free"
        message += ". Make space or choose another folder, then run the same command again."
    return StorageError(message)
