"""CSV files: from bytes in whatever encoding to columns of text, with line numbers for messages."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path

from realmix.base.errors import DataError
from realmix.base.wording import printable

Records = list[tuple[int, list[str]]]
"""(line on which the record ends, its cells) of each record; the first is the header."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decoded(path: Path) -> tuple[str, tuple[str, ...]]:
    """The file as text, and notes: UTF-8 or UTF-16 by its mark, else UTF-8, else Latin-1.

    Raises:
        DataError: with the line: it is not what its mark announces.
    """
    data = path.read_bytes()
    encoding = next((name for mark, name in _MARKS if data.startswith(mark)), "utf-8")
    try:
        return data.decode(encoding), ()
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        if encoding != "utf-8":
            raise DataError(
                f"'{printable(path)}', line {line}: byte {error.start} is not {encoding}, which "
                "the file's first bytes announce. Save it again as UTF-8."
            ) from None
    note = (
        f"'{printable(path)}' is not UTF-8 (see line {line}) and was read as Latin-1; check names "
        "with accents."
    )
    return data.decode("latin-1"), (note,)


def read_csv(path: Path) -> tuple[Records, tuple[str, ...]]:
    """The records of a CSV file, separated by comma, semicolon or tab as its header is.

    Returns:
        The records, blank lines left out, all as wide as the header; and notes for the user.

    Raises:
        DataError: with the line: no header, ragged rows, NUL bytes, broken quotes, a huge cell.
    """
    text, notes = decoded(path)
    where = f"'{printable(path)}', line"
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError(
            f"{where} {line}: a NUL byte. The file is damaged, or UTF-16 without a mark; save it "
            "again as UTF-8."
        )
    heading = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=heading.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records: Records = []
    try:
        for cells in reader:
            if not cells:
                continue
            if records and len(cells) != len(records[0][1]):
                raise DataError(
                    f"{where} {reader.line_num}: {len(cells)} cells, but the header has "
                    f"{len(records[0][1])} columns. Quote cells that hold {delimiter!r}."
                )
            records.append((reader.line_num, cells))
    except csv.Error as error:
        raise DataError(f"{where} {reader.line_num}: {error}. Mend that line.") from None
    if len(records) < 2:
        raise DataError(f"'{printable(path)}' has no rows below its header line.")
    return records, notes
