"""Checkpoints: one safetensors file a generation, whole or not there, checked when read.

The file's own metadata holds a JSON header and the CRC32 of header and tensors (safetensors alone
would load a flipped bit). Two generations are kept; the newest that passes is loaded.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from realmix.base.errors import StorageError
from realmix.base.files import write_atomically

FORMAT = 1
KEPT = 2


def write(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors and a JSON header to `path`, atomically.

    Raises:
        StorageError: if it could not be written; what was at `path` is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    text = json.dumps({"format": FORMAT, **header}, sort_keys=True)
    # one entry: safetensors writes several in any order, and equal files should have equal bytes
    write_atomically(path, to_bytes(rows, {"realmix": f"{_checksum(rows, text):08x}{text}"}))


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and header of a file that `write` made.

    Raises:
        StorageError: if it is missing, damaged, or not a file of this format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise StorageError(f"{path} is not a whole safetensors file: {error}.") from None
    checksum, text = metadata.get("realmix", "")[:8], metadata.get("realmix", "")[8:]
    if checksum != f"{_checksum(tensors, text):08x}":
        raise StorageError(f"{path} is damaged, or not a file of realmix: its checksum differs.")
    header = json.loads(text)
    if header["format"] != FORMAT:
        raise StorageError(
            f"{path} has format {header['format']}; this realmix reads format {FORMAT}."
        )
    return tensors, header


def _checksum(tensors: Mapping[str, Tensor], header: str) -> int:
    value = zlib.crc32(header.encode())
    for name in sorted(tensors):
        rows = tensors[name]
        value = zlib.crc32(f"{name}{rows.dtype}{tuple(rows.shape)}".encode(), value)
        value = zlib.crc32(rows.reshape(-1).view(torch.uint8).numpy().tobytes(), value)
    return value


def save_generation(
    folder: Path, step: int, tensors: Mapping[str, Tensor], header: Mapping[str, Any]
) -> None:
    """Write the generation of `step` and remove those older than the one before it."""
    write(folder / f"step-{step:09d}.safetensors", tensors, {"step": step, **header})
    for old in generations(folder)[KEPT:]:
        old.unlink(missing_ok=True)


def generations(folder: Path) -> list[Path]:
    """The checkpoint files of a folder, newest first."""
    return sorted(folder.glob("step-*.safetensors"), reverse=True)


def newest(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The newest generation that is whole; None if there is no generation at all.

    Raises:
        StorageError: if there are generations and none of them is whole.
    """
    problems = []
    for path in generations(folder):
        try:
            return read(path)
        except StorageError as error:
            problems.append(str(error))
    if problems:
        raise StorageError(f"No checkpoint in {folder} can be read: {' '.join(problems)}")
    return None
