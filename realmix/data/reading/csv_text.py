"""CSV files: from bytes in whatever encoding to columns of text, with line numbers for messages."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import lzma
import zlib
from pathlib import Path
from typing import IO, Any

from realmix.base.errors import DataError
from realmix.base.wording import printable

Records = list[tuple[int, list[str]]]
"""(line on which the record ends, its cells) of each record; the first is the header."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


OPENERS: dict[str, Any] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
"""Of files that are compressed, by what their names end in."""


def kind_of(path: Path) -> str:
    """What the name of a file ends in, in lower case: of a compressed one what is inside.

    >>> kind_of(Path("a.JSONL.xz")), kind_of(Path("a.csv"))
    ('.jsonl', '.csv')
    """
    inner = path.with_suffix("") if path.suffix.lower() in OPENERS else path
    return inner.suffix.lower()


def unpacked(path: Path) -> bytes:
    """What is in a file, whether it is compressed or not."""
    with opened(path) as file:
        return file.read()


def opened(path: Path) -> IO[bytes]:
    """A file to read from, whether it is compressed or not."""
    file: IO[bytes] = OPENERS.get(path.suffix.lower(), open)(path, "rb")
    return file


def decoded(path: Path) -> tuple[str, tuple[str, ...]]:
    """The file as text, and notes: UTF-8 or UTF-16 by its mark, else UTF-8, else Latin-1.

    Raises:
        DataError: with the line: it is not what its mark announces; a damaged archive.
    """
    try:
        data = unpacked(path)
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"'{printable(path)}' is no whole {path.suffix} file ({error}). Fetch it again."
        ) from None
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
        DataError: with the line: no header, ragged rows, NUL bytes, broken quotes.
    """
    text, notes = decoded(path)
    where = f"'{printable(path)}', line"
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError(
            f"{where} {line}: a NUL byte. The file is damaged, or UTF-16 without a mark; save it "
            "again as UTF-8."
        )
    records = _records(text, where)
    if len(records) < 2:
        raise DataError(f"'{printable(path)}' has no rows below its header line.")
    return records, notes


def _records(text: str, where: str) -> Records:
    heading = text.lstrip().partition("\n")[0]
    delimiter = max(",;\t", key=heading.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records: Records = []
    begins, limit = 1, csv.field_size_limit(len(text))  # a cell may be as long as the file
    try:
        for cells in reader:
            begins = reader.line_num + 1
            if not cells:
                continue
            if records and len(cells) != len(records[0][1]):
                raise DataError(
                    f"{where} {reader.line_num}: {len(cells)} cells, but the header has "
                    f"{len(records[0][1])} columns. Quote cells that hold {delimiter!r}."
                )
            records.append((reader.line_num, cells))
    except csv.Error as error:
        if str(error) == "unexpected end of data":  # found on the last line, wherever it opens
            raise DataError(f"{where} {begins}: a quote is opened and never closed.") from None
        raise DataError(f"{where} {reader.line_num}: {error}. Mend that line.") from None
    finally:
        csv.field_size_limit(limit)
    return records
