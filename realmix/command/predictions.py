"""New inputs for a trained classifier, and its predictions as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from realmix.base.errors import DataError
from realmix.base.wording import counted, printable
from realmix.command.console import bad_files
from realmix.data.cells.csv_text import kind_of
from realmix.data.cells.read import read_files
from realmix.data.columns import Wanted
from realmix.data.folders.walk import TEXT, Bad
from realmix.data.mixed.columns import Number
from realmix.data.mixed.encoding import Encoding
from realmix.data.mixed.join import with_cells
from realmix.data.pixels.arrays import to_bytes
from realmix.data.reading.arrays import read_npz
from realmix.data.reading.builtin import BUILTIN, read_builtin, unknown_name
from realmix.data.reading.check import check_finite
from realmix.data.reading.folders import read_pool_folder
from realmix.data.reading.images import fit_images, read_images
from realmix.data.reading.shards import tables_at
from realmix.data.reading.source import Source
from realmix.data.reading.tables import read_table
from realmix.data.texts.columns import no_text
from realmix.data.texts.files import read_lines, read_text_files
from realmix.encoders.pictures import Arrays, Files
from realmix.evaluate.intervals import wilson
from realmix.report.predicted import write_predictions
from realmix.runs.classifier import Classifier

SHARES = "The accuracy is of these inputs as they are, not at the class shares that were given."
MOST_CLASSES = 10


@dataclass(frozen=True)
class Predictions:
    """What a classifier says of some inputs.

    Attributes:
        names: where each input came from.
        probs: (N, K) float32.
        classes: K names.
        bad: (path, reason) of the inputs that could not be read; they have no row.
        notes: what is unlike the training rows, in sentences.
        known: the true class of those of them whose folder, or cell, names one.
    """

    names: tuple[str, ...]
    probs: np.ndarray
    classes: tuple[str, ...]
    bad: tuple[Bad, ...]
    notes: tuple[str, ...] = ()
    known: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> list[str]:
        """The likeliest class of each input."""
        return [self.classes[place] for place in self.probs.argmax(1)]

    @property
    def confidence(self) -> np.ndarray:
        """(N,) probability of that class."""
        highest: np.ndarray = self.probs.max(1)
        return highest

    @property
    def accuracy(self) -> str:
        """The share of the known classes that is right, with its interval; "" if none is known."""
        pairs = zip(self.names, self.label, strict=True)
        right = [self.known[name] == label for name, label in pairs if name in self.known]
        if not right:
            return ""
        low, high = wilson(sum(right), len(right))
        share = f"{sum(right) / len(right):.1%} ({low:.1%} to {high:.1%})"
        return f"{share} of {counted(len(right), 'input')} whose class is known"

    def write(self, path: Path) -> None:
        """Write them as a CSV table.

        Raises:
            StorageError: it cannot be written.
        """
        write_predictions(path, self.names, self.classes, self.probs)

    def summary(self, path: Path, replaced: bool = False) -> RenderableType:
        """How many, how sure, which classes, what was left out, and where the table is, and
        whether it replaced an earlier one."""
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim")
        sure = f"mean confidence {self.confidence.mean():.1%}"
        table.add_row("predictions", f"{len(self.names):,}, {sure}")
        common = Counter(self.label).most_common(MOST_CLASSES)
        listed = ", ".join(f"{printable(name)} {count:,}" for name, count in common)
        more = ", ..." if len(set(self.label)) > len(common) else ""
        table.add_row("classes", Text(listed + more))
        if self.accuracy:
            table.add_row("accuracy", self.accuracy)
        if self.bad:
            table.add_row("skipped", Text(bad_files(self.bad)))
        for note in self.notes:
            table.add_row("note", Text(note))
        where = Text(printable(path), "bold")
        table.add_row("table", where.append(" in place of an earlier one" * replaced, "not bold"))
        return Padding(table, 1, expand=False)


def predict_all(
    classifier: Classifier, given: str, data_root: str | None, follow: bool = False
) -> Predictions:
    """Classify what a folder, a file, a table or a built-in name holds.

    Args:
        classifier: what classifies.
        given: the place.
        data_root: where built-in data sets are; default: the environment's REALMIX_DATA.
        follow: whether links in a folder that lead outside of it are followed.

    Raises:
        UsageError, DataError: there is no such thing, it does not fit, or cannot be read.
    """
    source = _open(given, data_root, classifier, follow)
    found = _of_source(source, classifier, f"'{printable(given)}'")
    told = {n: source.classes[c] for n, c in zip(source.names, source.label, strict=True) if c >= 0}
    known = {name: c for name, c in told.items() if c in classifier.classes}
    notes = found.notes + ((SHARES,) if known and classifier.shares is not None else ())
    return replace(found, known=known, notes=notes)


def _of_source(source: Source, classifier: Classifier, what: str) -> Predictions:
    if source.kind != classifier.takes:
        raise DataError(
            f"{what} holds {source.kind}, but this model was trained on {classifier.takes}."
        )
    if source.is_texts:
        return _of_texts(source, classifier, what)
    if not source.is_images:
        inputs = _numbers(source, classifier, what)
        check_finite(inputs, source.names, "rows")
        known, probs = classifier.encoding, classifier.predict_proba(inputs)
        notes = known.notes(source.cells, what) if known and source.cells else ()
        return Predictions(source.names, probs, classifier.classes, (), tuple(notes))
    if classifier.encoder is not None:
        return _by_encoder(source, classifier, what)
    inputs, names, bad = _images(source, classifier)
    if not names:
        raise _nothing_readable(what, bad)
    return Predictions(names, classifier.predict_proba(inputs), classifier.classes, bad)


def _of_texts(source: Source, classifier: Classifier, what: str) -> Predictions:
    """Texts of which something can be said."""
    assert source.inputs is not None
    reasons = {row: why for row, text in enumerate(source.inputs) if (why := no_text(text))}
    good = np.array([row for row in range(len(source)) if row not in reasons], np.int64)
    empty = ((source.names[row], why) for row, why in reasons.items())
    bad = (*empty, *source.refused, *source.bad_files)  # files in class folders are refused
    if not len(good):
        raise DataError(f"{what} holds no text that can be read ({bad[0][1]}).")
    kept = source.take(good)
    assert kept.inputs is not None
    probs = classifier.predict_texts(list(kept.inputs))
    return Predictions(kept.names, probs, classifier.classes, bad)


def _by_encoder(source: Source, classifier: Classifier, what: str) -> Predictions:
    """Pictures are read at the encoder's size, a batch at a time."""
    reasons: dict[int, str] = {}
    if source.files is None:
        assert source.inputs is not None
        probs = classifier.predict_pictures(Arrays(to_bytes(source.inputs, classifier.scale, "x")))
    else:
        probs = classifier.predict_pictures(Files(source.files, reasons, classifier.scale))
    bad = tuple((source.names[row], reason) for row, reason in reasons.items()) + source.bad_files
    good = [row for row in range(len(source)) if row not in reasons]
    if not good:
        raise _nothing_readable(what, bad)
    return Predictions(source.take(np.array(good)).names, probs[good], classifier.classes, bad)


def _nothing_readable(what: str, bad: Sequence[Bad]) -> DataError:
    listed = "".join(f"\n  {path}: {reason}" for path, reason in bad[:5])
    return DataError(f"No image in {what} can be read.{listed}")


def _open(given: str, data_root: str | None, classifier: Classifier, follow: bool) -> Source:
    """The rows of one place. Labels, and columns that the model does not know, are read past."""
    if given.partition("@")[0] in BUILTIN:
        exam = read_builtin(given, data_root, seed=0).test
        assert exam is not None
        return exam
    path = Path(given)
    if "\0" in given or not path.exists():
        raise unknown_name(given)
    takes_texts, tables = classifier.takes == "texts", tables_at(path)
    if path.is_dir() and not tables:
        found = read_pool_folder(path, follow)
        return read_text_files(found) if takes_texts else found
    if kind_of(path) == TEXT and takes_texts:
        return read_lines(path)
    if path.suffix.lower() == ".npz":
        return with_cells(read_npz(path, needs_labels=False), classifier.encoding)
    if tables:
        about, encoding = classifier.about, classifier.encoding
        known, group = about.get("columns"), about.get("group")
        columns: Any = encoding.as_text if encoding else known and dict.fromkeys(known, False)
        wanted = Wanted(texts=tuple(known or ())) if takes_texts else columns
        label_column = str(about.get("label_column", "label"))
        return read_table(
            read_files(tables, alike=False), label_column, False, wanted=wanted, group_column=group
        )
    return Source((printable(path),), np.full(1, -1), (), files=(path,))


def _images(
    source: Source, classifier: Classifier
) -> tuple[np.ndarray, tuple[str, ...], tuple[Bad, ...]]:
    """Images as in training, the names of those, and what is left out."""
    channels, height, width = classifier.shape
    if source.files is None:
        assert source.inputs is not None
        pixels = to_bytes(source.inputs, classifier.scale, "x")
        return fit_images(pixels, (channels, height, width)), source.names, source.bad_files
    images, reasons = read_images(source.files, (channels, height, width), classifier.scale)
    good = [row for row in range(len(source)) if row not in reasons]
    bad = ((source.names[row], reason) for row, reason in reasons.items())
    return images[good], tuple(source.names[row] for row in good), (*bad, *source.bad_files)


def _numbers(source: Source, classifier: Classifier, what: str) -> np.ndarray:
    """Feature rows as in training: of a table by its names, of an array by their order."""
    encoding, columns = classifier.encoding, classifier.about.get("columns")
    if source.cells is None:
        assert source.inputs is not None
        return source.inputs
    if encoding is None:  # a file of an older version, or a model of arrays
        kept = columns or source.cells
        encoding = Encoding(tuple(Number(name, "number", np.nan, False) for name in kept))
    return encoding(source.cells, what, source.unused)
