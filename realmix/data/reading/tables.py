"""Tables of image paths, feature columns or texts, with or without a label column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from realmix.base.errors import DataError, UsageError
from realmix.base.wording import printable, suggestion
from realmix.data.cells.inside import pictures_folder
from realmix.data.cells.table import (
    PATH_COLUMN,
    Table,
    groups_of,
    lost_numbers,
    row_for_names,
)
from realmix.data.columns import Wanted, no_features
from realmix.data.folders.named import image_column, image_paths, in_folder, missing_images
from realmix.data.labels import NOTHING_SAID, Labels, Marks, read_labels
from realmix.data.mixed.cells import AsText, as_read, column_of, with_thousands
from realmix.data.reading.source import Source, encode
from realmix.data.texts.columns import text_columns, text_source
from realmix.data.weak import weak_names

_LABELS = {
    *("labels", "label_text", "class", "class_name", "classes", "category", "target", "y", "tag"),
    *("species", "sentiment", "intent", "topic", "type", "outcome", "diagnosis", "result", "kind"),
}
NAMED_ABOVE = "If the first line is a row already, write the names of the columns above it."


@dataclass(frozen=True)
class Asked:
    """How rows are to be read; see `realmix.data.reading.load.load`."""

    data_root: str | None
    label_column: str
    seed: int
    group: str | None
    weak: str | None
    marks: Marks
    wanted: Wanted | Mapping[str, AsText] | None
    follow: bool

    def rows(self, table: Table, needs_labels: bool) -> Source:
        """Of a table; see `read_table`."""
        asked = self.marks, self.wanted, self.group, self.weak
        return read_table(table, self.label_column, needs_labels, *asked)

    def like(self, main: Source) -> Asked:
        """How further rows are read: the columns of the data, and as text those that are there."""
        assert isinstance(self.wanted, Wanted)
        if main.is_texts:
            return replace(self, marks=main.marks, wanted=Wanted(texts=main.columns or ()))
        found = {name: as_read(cells) for name, cells in (main.cells or {}).items()}
        written: dict[str, AsText] = {**found, **self.wanted.as_written}
        return replace(self, marks=main.marks, wanted=None if main.cells is None else written)


def _chosen(
    table: Table, columns: Sequence[str], labels: Labels, wanted: Wanted
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The feature columns of the data, and what is left out of them, in a sentence.

    Raises:
        UsageError: the user names a column that there is not.
        DataError: no column is left.
    """
    wanted.check(columns, f"'{printable(table.path)}'")
    names = wanted.features or [name for name in columns if name not in wanted.dropped]
    each = {name: column_of(table.cells[name], wanted.as_text(name)) for name in names}
    parsed = with_thousands(table.cells, each)
    if wanted.features:
        return parsed, ()
    given = {name: (table.cells[name], _as_numbers(column)) for name, column in parsed.items()}
    reasons = no_features(given, labels.names, table.indices)
    listed = ", ".join(f"'{printable(name)}' {why}" for name, why in [*reasons.items()][:10])
    more = f", ... ({len(reasons):,} in all)" if len(reasons) > 10 else ""
    said = (*wanted.categorical, *wanted.numeric)
    kept = {name: cells for name, cells in parsed.items() if name in said or name not in reasons}
    if not kept:
        raise DataError(
            f"'{printable(table.path)}' has no column to learn from: {listed or 'all are dropped'}"
            f"{more}. Expected feature columns; name them with --feature-columns if they are."
        )
    told = f"Columns that are no features are left out: {listed}{more}. To learn from them "
    return kept, (f"{told}nevertheless, list all you want: --feature-columns a,b,c.",) * bool(
        listed
    )


def _as_numbers(column: np.ndarray) -> np.ndarray | None:
    return column if column.dtype == np.float64 else None


def _usual(columns: Sequence[str]) -> str:
    """``" Is it 'species'?"`` for the column that is named as labels often are, or ""."""
    named = [name for name in columns if name.casefold() in _LABELS]
    return f" Is it '{named[0]}'?" if len(named) == 1 else ""


def _labels(table: Table, label_column: str, needed: bool, marks: Marks) -> Labels:
    if needed and label_column in table.several:
        row, held = table.several[label_column]
        raise DataError(
            f"{table.at(row)}: '{printable(label_column)}' holds several values ({held}). Expected"
            " one class a row: keep one, or leave it empty, which makes it a row of the pool."
        )
    if label_column not in table.cells:
        if not needed:
            return Labels([None] * len(table.places), {})
        columns = [printable(name) for name in table.cells]
        listed = ", ".join(columns[:10]) + (", ..." if len(columns) > 10 else "")
        near = suggestion(label_column, columns) or _usual(columns)
        raise UsageError(
            f"'{printable(table.path)}' has no label column '{printable(label_column)}'; its "
            f"columns are {listed}.{near} Name it with label_column (--label-column); a table"
            " without labels is a pool: --unlabeled."
            f" {row_for_names([*table.cells]) or NAMED_ABOVE} {' '.join(table.notes)}".rstrip()
        )
    where = f"Column '{printable(label_column)}' of '{printable(table.path)}'"
    return read_labels(table.cells[label_column], marks, where, asks=needed)


def read_table(
    table: Table,
    label_column: str,
    needs_labels: bool,
    marks: Marks = NOTHING_SAID,
    wanted: Wanted | Mapping[str, AsText] | None = None,
    group_column: str | None = None,
    weak_column: str | None = None,
) -> Source:
    """The rows of a table: the image files that a column names, its texts, or its features.

    Args:
        table: its cells; image paths in it are relative to its folder.
        label_column: the column with class names or numbers; what means "no label" in it:
            `realmix.data.labels`.
        needs_labels: whether the label column must be there, and hold classes.
        marks: what the user says of values in it.
        wanted: which columns the user wants of the data; for further rows the names of theirs, and
            whether they are read as text, or None where they have none, which takes all.
        group_column: what tells which rows belong together; it is no feature.
        weak_column: labels of unknown quality, where the table has it; it is no feature.

    Raises:
        DataError: nothing can be learned from it; paths that lead elsewhere.
        UsageError: there is no such label column.
    """
    path = table.path
    labels = _labels(table, label_column, needs_labels, marks)
    label, classes = encode(labels.names)
    told = labels.notes(f" in '{printable(path)}'") if needs_labels else ()
    notes, settled = table.notes + told, marks.settled(labels)
    groups = groups_of(table, group_column, needs_labels)
    weak = None if weak_column not in table.cells else weak_names(table.cells[weak_column], marks)
    others = tuple(n for n in table.cells if n not in (label_column, group_column, weak_column))
    pictures = _pictures(table, others, wanted)
    if pictures is not None:
        files = image_paths(table, pictures)
        inside = any(isinstance(cell, Path) for cell in table.cells[pictures])
        names = table.names if inside else tuple(printable(file) for file in files)
        if inside or pictures != PATH_COLUMN:
            kept = f"holds the images, kept as files in '{printable(pictures_folder())}'"
            does = kept if inside else f"names the images{in_folder(table, pictures)}"
            notes += (f"Column '{printable(pictures)}' {does}.",)
        left = [name for name in others if name != pictures]
        instead = "" if pictures == PATH_COLUMN else " (--feature-columns takes them instead)"
        notes += _unused(f"Columns not used beside the images{instead}", left)
        return Source(
            names, label, classes, None, files, groups=groups, weak=weak, marks=settled, notes=notes
        )
    if not others:
        raise DataError(
            f"'{printable(path)}' has no column beside '{printable(label_column)}'. Expected "
            f"feature columns, or a column of image files. {' '.join(table.notes)}".rstrip()
        )
    texts = text_columns(table, others, labels, wanted) if isinstance(wanted, Wanted) else ()
    if texts:
        source = text_source(table, texts, others, label, classes)
        return replace(source, groups=groups, weak=weak, marks=settled, notes=source.notes + told)
    if isinstance(wanted, Wanted):
        missing = missing_images(table, others)
        if missing and len(others) == 1:
            raise DataError(f"'{printable(path)}' has no column to learn from. {missing}")
        parsed, more = _chosen(table, others, labels, wanted)
        notes += (missing,) * bool(missing) + lost_numbers(table, parsed)
    else:
        as_text = dict[str, AsText].fromkeys(others, False) if wanted is None else wanted
        parsed = {n: column_of(table.cells[n], as_text[n]) for n in as_text if n in others}
        left = [name for name in others if name not in parsed]
        more = _unused(f"Columns of '{printable(path)}' not used", left)
    return Source(
        table.names,
        label,
        classes,
        cells=parsed,
        columns=tuple(parsed),
        unused=tuple(name for name in others if name not in parsed),
        groups=groups,
        weak=weak,
        preset="features",
        marks=settled,
        notes=notes + more,
    )


def _pictures(
    table: Table, names: Sequence[str], wanted: Wanted | Mapping[str, AsText] | None
) -> str | None:
    """The column of image files to be learned from; None where other columns are."""
    if not isinstance(wanted, Wanted):
        names = names if wanted is None else [name for name in names if name == PATH_COLUMN]
    elif wanted.texts:
        return None
    elif wanted != Wanted():
        names = [name for name in names if name == PATH_COLUMN]
    return image_column(table, names)


def _unused(what: str, names: Sequence[str]) -> tuple[str, ...]:
    listed = ", ".join(printable(name) for name in names[:10])
    return (f"{what}: {listed}{', ...' if len(names) > 10 else ''}.",) if names else ()
