"""A bank: a file of sentences, a line each, read a block at a time; it is never held in memory."""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from realmix.base.errors import DataError, UsageError
from realmix.base.wording import printable
from realmix.data.cells.csv_text import OPENERS, kind_of, opened
from realmix.data.texts.columns import NAMES
from realmix.encoders.pictures import DIGEST

BLOCK = 1024  # sentences: what is encoded, kept and looked at together
LONGEST = 10_000  # characters of a line that are looked at
SUFFIXES = (".txt", ".tsv")


class Lines:
    """The sentences of a bank in their order: of a .txt file its lines, of a .tsv file one column.

    Lines without a text, or with a NUL byte, are passed over. Bytes that are no UTF-8 are read as
    Latin-1. Of a table with a header the column is the one that is called text, sentence, ...; of
    one without a header the first.

    Args:
        path: .txt or .tsv, or one of these compressed: .gz, .xz, .bz2.

    Raises:
        UsageError: there is no such file, or it is of another kind.
    """

    def __init__(self, path: Path) -> None:
        if kind_of(path) not in SUFFIXES:
            raise UsageError(
                f"--bank '{printable(path)}': a bank is a file of sentences, a line each:"
                f" {', '.join(SUFFIXES)}, or one of them with {', '.join(OPENERS)} behind it."
            )
        if not path.is_file():
            raise UsageError(f"--bank: there is no file '{printable(path)}'. Check the path.")
        self.path, self.is_table = path, kind_of(path) == ".tsv"

    def numbered(self) -> Iterator[tuple[int, str]]:
        """Each sentence with the number of its line, from 1.

        Raises:
            DataError: the file is damaged.
        """
        column = 0
        try:
            with opened(self.path) as file:
                for number, raw in enumerate(file, 1):
                    text = _decoded(raw[: 4 * LONGEST])
                    if self.is_table:
                        cells = text.rstrip("\r\n").split("\t")
                        named = [i for i, cell in enumerate(cells) if cell.strip().lower() in NAMES]
                        if number == 1 and named:
                            column = named[0]
                            continue
                        text = cells[column] if column < len(cells) else ""
                    text = text.strip()[:LONGEST]
                    if text and "\0" not in text:
                        yield number, text
        except (OSError, EOFError, lzma.LZMAError) as error:
            raise DataError(
                f"The bank '{printable(self.path)}' cannot be read to its end ({error}). Fetch it"
                " again, or unpack it."
            ) from None

    def blocks(self) -> Iterator[list[str]]:
        """The sentences, `BLOCK` at a time; the last ones may be fewer."""
        block: list[str] = []
        for _, text in self.numbered():
            block.append(text)
            if len(block) == BLOCK:
                yield block
                block = []
        if block:
            yield block

    @cached_property
    def digests(self) -> list[bytes]:
        """`DIGEST` bytes of the content of each block.

        Raises:
            DataError: there is no sentence.
        """
        found, self.count = [], 0
        for block in self.blocks():
            content = "\n".join(block).encode("utf-8", "surrogatepass")
            found.append(hashlib.blake2b(content, digest_size=DIGEST).digest())
            self.count += len(block)
        if not found:
            raise DataError(f"The bank '{printable(self.path)}' has no sentence in it.")
        return found

    def __len__(self) -> int:
        assert self.digests  # counts them
        return self.count


def mapped(path: str | None) -> np.ndarray | None:
    """The bytes of a bank, mapped; None where there is none.

    Raises:
        UsageError: see `Lines`.
    """
    if path is None:
        return None
    file = Lines(Path(path)).path
    return np.memmap(file, np.uint8, "r") if file.stat().st_size else np.zeros(0, np.uint8)


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")
