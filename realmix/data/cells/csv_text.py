"""CSV files: from bytes in whatever encoding to columns of text, with line numbers for messages."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import csv
import gzip
import io
import itertools
import lzma
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from realmix.base.errors import DataError
from realmix.base.wording import printable

Records = list[tuple[int, list[str]]]
"""(line on which the record ends, its cells) of each record; the first is the header."""

LOOKED_AT = 50  # lines, to find what separates cells, and what stands above them
SEPARATORS = ",;\t|"
_ABOVE = re.compile(r"#|sep=.\s*$|\s*$", re.IGNORECASE)  # a header; the second is Excel's
_NAME = re.compile(r"#\w")  # of a header that begins so, as in "#id,text"

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
    """The records of a CSV file, separated by one of `SEPARATORS`, whichever its rows fit.

    Comments above the header are passed over. Where tabs separate, quotes that no writer of CSV put
    there are part of the text.

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
    if above := _above_header(text):
        first = printable("".join(above).strip().splitlines()[0])[:60]
        notes += (f"'{printable(path)}': what is above the header is passed over: {first}",)
        text = "\n" * len(above) + text[sum(map(len, above)) :]
    records = _records(text, where)
    if len(records) < 2:
        raise DataError(f"'{printable(path)}' has no rows below its header line.")
    return records, notes


def _records(text: str, where: str) -> Records:
    delimiter = _delimiter(text)
    plain = _unquoted(text) if delimiter == "\t" and '"' in text else []
    try:
        records = _parsed(text, delimiter, where)
    except DataError:
        if not plain:
            raise
        return plain
    # each line had all columns, and quotes that are part of a text would join lines
    return max(records, plain, key=len)


def _above_header(text: str) -> list[str]:
    """The lines above the header, with their ends: none where all of them are blank.

    The last of them is the header where it begins with a name and is as wide as the line below.
    """
    lines = list(itertools.islice(io.StringIO(text, newline=""), LOOKED_AT))
    above = list(itertools.takewhile(_ABOVE.match, lines))
    rows = lines[len(above) :]
    if not rows:
        return []
    if above and _NAME.match(above[-1]):
        delimiter = _delimiter("".join(rows))
        with _long_cells(text):  # each by itself, as a quote may join the two
            header, first = (
                len(next(csv.reader([line], delimiter=delimiter))) for line in (above[-1], rows[0])
            )
        above = above[:-1] if header == first > 1 else above
    return above if any(map(str.strip, above)) else []


def _delimiter(text: str) -> str:
    """Of `SEPARATORS` the one by which most of the first rows are as the header is."""
    lines = list(itertools.islice(io.StringIO(text.lstrip(), newline=""), LOOKED_AT))

    def fits(delimiter: str) -> tuple[float, int]:
        header, *rows = [len(cells) for cells in csv.reader(lines, delimiter=delimiter)] or [0]
        return rows.count(header) * (header > 1), header

    with _long_cells(text):
        return max(SEPARATORS, key=fits)


def _unquoted(text: str) -> Records:
    """The records of a table of tabs whose quotes are characters; none if a line is not as wide."""
    lines = enumerate(io.StringIO(text, newline=""), 1)
    records = [(number, line.rstrip("\r\n").split("\t")) for number, line in lines if line.strip()]
    return records if len({len(cells) for _, cells in records}) == 1 else []


def _parsed(text: str, delimiter: str, where: str) -> Records:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    records: Records = []
    begins = 1
    with _long_cells(text):
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
    return records


@contextlib.contextmanager
def _long_cells(text: str) -> Iterator[None]:
    """A cell may be as long as the file."""
    limit = csv.field_size_limit(max(len(text), 1))
    try:
        yield
    finally:
        csv.field_size_limit(limit)
