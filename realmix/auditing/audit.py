"""`realmix.audit`: from data to findings, and the files that keep them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from realmix.auditing import words
from realmix.auditing.examine import MINUTES, audit_data, examine
from realmix.auditing.findings import Findings
from realmix.auditing.lists import write_lists
from realmix.auditing.page import page
from realmix.base.errors import StorageError
from realmix.base.files import write_atomically, write_json
from realmix.data.reading.load import from_arrays
from realmix.encoders.catalogue import AUTO

JSON, PAGE = "audit.json", "audit.html"


def audit(
    data: Any,
    unlabeled: str | None = None,
    test: str | None = None,
    *,
    out: str | Path | None = None,
    encoder: str = AUTO,
    image_size: int | None = None,
    minutes: float = MINUTES,
    seed: int = 0,
    **reading: Any,
) -> Findings:
    """What the pool is worth to the labels, before anything is trained.

    Args:
        data: what `realmix fit` takes; or a pair (X, y) of arrays, texts or a data frame, where y
            is -1 for rows of the pool.
        unlabeled: more rows for the pool.
        test: test rows.
        out: folder for audit.json, audit.html, and the cleaned pool.
        encoder: "auto", "none", or a name.
        image_size: side at which pictures are encoded.
        minutes: for an encoder; what it cannot see of the pool in this time is left, a random part.
        seed: deals labels into folds and draws that part.
        **reading: see `realmix.data.reading.load.load`.

    Raises:
        RealmixError: bad data, or the folder cannot be written.
    """
    if isinstance(data, tuple):
        dataset = from_arrays(*data)
        found = examine(dataset, ("arrays", None, None), encoder, image_size, minutes, seed)
    else:
        found = audit_data(
            str(data), unlabeled, test, encoder=encoder, image_size=image_size, minutes=minutes,
            seed=seed, **reading,
        )  # fmt: skip
    if out is not None:
        keep(found, Path(out), reading)
    return found


def keep(
    found: Findings, folder: Path, reading: Mapping[str, Any] = MappingProxyType({})
) -> str | None:
    """Write the findings into a folder.

    Args:
        found: the findings.
        folder: of them; made if it is not there.
        reading: how the data were read, as `realmix.data.reading.load.load` was told.

    Returns:
        The command that trains on what is left.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"The folder {folder} cannot be made: {error.strerror}.") from None
    lists = write_lists(found, folder, reading.get("label_column") or "label")
    command = words.next_command(found, lists, reading)
    said = {"headline": words.headline(found), "harm": words.harm(found), "next": command}
    write_json(folder / JSON, {**said, **found.to_json()})
    write_atomically(folder / PAGE, page(found, command))
    return command
