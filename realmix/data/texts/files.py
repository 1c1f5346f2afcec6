"""Files of text: a folder of them, one text each, and one `.txt` file, a text a line."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from realmix.base.errors import DataError
from realmix.base.wording import printable
from realmix.data.cells.csv_text import decoded
from realmix.data.folders.walk import Bad, is_text, mostly_texts
from realmix.data.reading.source import Source, encode
from realmix.data.texts.columns import as_texts

NO_TEXT = "no text file"
MARK = "__label__"
_LABELED = re.compile(rf"{MARK}(\S+)\s+(\S.*)")


def are_texts(source: Source) -> bool:
    """Whether most of the files that a folder holds are texts."""
    return mostly_texts(source.files or ())


def read_text_files(source: Source) -> Source:
    """The texts of files that a folder holds; what is none is refused, or left out of the pool."""
    texts, refused, bad, notes = dict[int, str](), list[Bad](), list[Bad](), list[str]()
    for row, file in enumerate(source.files or ()):
        try:
            texts[row], told = _content(file)
            notes += told
        except DataError as error:
            (refused if source.label[row] >= 0 else bad).append((source.names[row], str(error)))
    kept = source.take(np.array(list(texts), dtype=np.int64))
    if len(notes) > 1:
        notes = [f"{len(notes):,} files are not UTF-8 and were read as Latin-1. {notes[0]}"]
    return replace(
        kept,
        files=None,
        inputs=as_texts(list(texts.values())),
        preset="words",
        notes=(*source.notes, *notes),
        refused=(*source.refused, *refused),
        bad_files=(*source.bad_files, *bad),
    )


def _content(file: Path) -> tuple[str, tuple[str, ...]]:
    if not is_text(file):
        raise DataError(NO_TEXT)
    if not file.is_file():
        raise DataError("no regular file")
    try:
        text, notes = decoded(file)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}") from None
    if "\0" in text:
        raise DataError("a NUL byte, so no text")
    return text.strip(), notes


def read_lines(path: Path) -> Source:
    """One text a line; blank lines are left out.

    Where a text has a label it stands before it as fastText has it: `__label__name text`.

    Raises:
        DataError: no text in it; with the line: a NUL byte, several labels, a label alone.
    """
    content, notes = decoded(path)
    if "\0" in content:
        line = content[: content.index("\0")].count("\n") + 1
        raise DataError(f"'{printable(path)}', line {line}: a NUL byte, so this is no text.")
    names, labels, texts = list[str](), list[str | None](), list[str]()
    for place, written in enumerate(map(str.strip, content.split("\n")), 1):
        labeled = _LABELED.match(written)
        name, text = labeled.groups() if labeled else (None, written)
        if text.startswith(MARK):
            raise DataError(
                f"'{printable(path)}', line {place}: '{printable(written[:40])}'. Expected one"
                f" {MARK}NAME, and a text behind it."
            )
        if text:
            names.append(f"{printable(path)}:{place}")
            labels.append(name)
            texts.append(text)
    if not texts:
        raise DataError(f"'{printable(path)}' has no text in it.")
    label, classes = encode(labels)
    return Source(tuple(names), label, classes, inputs=as_texts(texts), preset="words", notes=notes)


def read_labeled_lines(path: Path) -> Source:
    """The same, where some must have a label.

    Raises:
        DataError: none has; see `read_lines`.
    """
    source = read_lines(path)
    if not source.classes:
        raise DataError(
            f"No line of '{printable(path)}' begins with {MARK}NAME, so that none has a label."
            " Texts without labels are a pool: --unlabeled. If it is a table, rename it .csv."
        )
    return source
