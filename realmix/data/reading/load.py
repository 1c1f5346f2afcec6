"""`load`: from a name, a folder, a table or a file to one `Dataset`; `from_arrays` from Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from realmix.base.errors import DataError, UsageError
from realmix.base.wording import printable, suggestion
from realmix.data.cells.csv_text import kind_of
from realmix.data.cells.read import SUFFIXES, read_cells
from realmix.data.columns import Wanted
from realmix.data.examine.equal import as_groups
from realmix.data.examine.leakage import examined
from realmix.data.folders.walk import TEXT
from realmix.data.labels import Marks
from realmix.data.mixed.join import encoded
from realmix.data.pixels.arrays import common_scale, scale_notes, to_bytes
from realmix.data.pools import Dataset
from realmix.data.reading.answers import with_answers
from realmix.data.reading.arrays import as_labels, as_rows, feature_notes, read_npz
from realmix.data.reading.assemble import assemble
from realmix.data.reading.builtin import BUILTIN, read_builtin, unknown_name
from realmix.data.reading.check import check_classes, validate
from realmix.data.reading.folders import grouped, read_class_folders, read_pool_folder
from realmix.data.reading.shards import read_shards, tables_beside, tables_in
from realmix.data.reading.source import Source, exam_rows
from realmix.data.reading.tables import Asked
from realmix.data.texts.files import are_texts, read_labeled_lines, read_lines, read_text_files
from realmix.data.texts.given import given_texts
from realmix.data.weak import as_places, require_weak, weak_names

MAX_IMAGE_SIZE = 1024
_INSTEAD = dict.fromkeys((".xls", ".ods"), " Save the sheet as .xlsx or CSV.")
_INSTEAD |= dict.fromkeys((".zip", ".tar", ".tgz", ".gz", ".7z", ".rar"), " Unpack it.")
_INSTEAD |= dict.fromkeys((".data", ".dat", ".tab"), " If it is a table, rename it .csv.")


def load(
    data: str,
    *,
    unlabeled: str | None = None,
    answers: str | None = None,
    test: str | None = None,
    data_root: str | None = None,
    image_size: int | None = None,
    label_column: str = "label",
    feature_columns: str | Sequence[str] | None = None,
    drop_columns: str | Sequence[str] | None = None,
    categorical: str | Sequence[str] | None = None,
    numeric: str | Sequence[str] | None = None,
    text_column: str | Sequence[str] | None = None,
    weak_label_column: str | None = None,
    unlabeled_marker: str | Sequence[str] | None = None,
    class_value: str | Sequence[str] | None = None,
    skip_bad: bool = False,
    group: str | None = None,
    allow_leakage: bool = False,
    follow_links: bool = False,
    seed: int = 0,
) -> Dataset:
    """Read labeled rows, the pool and test rows into one `Dataset`.

    Args:
        data: a built-in name, with or without a number of labels (``digits@40``); a folder of
            class folders of images or of .txt files, where one named ``unlabeled`` holds the pool,
            or of tables, see `realmix.data.reading.shards`;
            a table (CSV, Excel, Parquet, Arrow, JSON) with a ``path`` column of image files,
            columns of text or feature columns, and a label column that is empty where unlabeled;
            a ``.txt`` file, see `realmix.data.texts.files.read_lines`; a ``.npz`` with x, y
            (-1 = unlabeled) and, if wanted, classes, x_test and y_test. A built-in name comes
            before a folder of the same name: write ``./digits`` for the folder.
        unlabeled: more rows for the pool, of the same kinds. Their labels, if any, never train;
            where they name a known class they are kept in `Dataset.oracle`.
        answers: CSV table with the columns name and label, whose names are those of unlabeled rows;
            these become labeled, to train only (see `Dataset.trains_only`).
        test: labeled test rows, of the same kinds, instead of those that come with `data`. Of a
            built-in data set its test rows are taken.
        data_root: where built-in data sets are; default: the environment's REALMIX_DATA.
        image_size: side in pixels that all images are resized to; default: see `choose_shape`.
        label_column: the label column of tables.
        feature_columns: the columns of a table that are learned from, a list or separated by
            commas. Without it all but the label, and but those that are no features: pandas' index,
            row numbers, names of rows, the label once more.
        drop_columns: instead, columns that are not learned from.
        categorical: columns of a table whose values are categories, though they are numbers, or
            many.
        numeric: columns whose values are numbers; cells that are none are blank.
        text_column: instead, the column of a table that holds texts, or several, which are joined;
            see `realmix.data.texts.columns` for what is taken without it.
        weak_label_column: the column of a table with labels of unknown quality.
        unlabeled_marker: label values that mean "no label", beside those that always do
            (`realmix.data.labels.NO_LABEL`); also names of class folders.
        class_value: label values that are classes, although they read like "no label".
        skip_bad: leave out labeled and test images that cannot be read instead of refusing them.
        group: what tells which rows belong together (one patient, one video), so that none of them
            is held out while another trains: a column of tables; of folders a regular expression
            that finds it in the paths of the files.
        allow_leakage: take test rows that are among the labeled rows, with a note.
        follow_links: follow links in folders that lead outside of them.
        seed: draws the labels of ``name@N``.

    Raises:
        UsageError: a name, file, column or number that does not exist or does not fit.
        DataError: data that cannot be used as given.
    """
    if image_size is not None and not 1 <= image_size <= MAX_IMAGE_SIZE:
        raise UsageError(f"image_size {image_size} is not between 1 and {MAX_IMAGE_SIZE} pixels.")
    said = Marks.of(unlabeled_marker, class_value)
    wanted = Wanted.of(feature_columns, drop_columns, categorical, numeric, text_column)
    asked = Asked(
        data_root, label_column, seed, group, weak_label_column, said, wanted, follow_links
    )
    main = _opened(data, asked)
    if main.columns is None and wanted != Wanted():
        raise UsageError(
            "--feature-columns, --drop-columns, --categorical, --numeric and --text-column are for"
            " tables with such columns."
        )
    if group is not None and main.groups is None:
        raise UsageError("--group is for tables and folders of images. Leave it out.")
    require_weak(weak_label_column, main.weak)
    parts, asked = [main], asked.like(main)
    if unlabeled is not None:
        parts.append(_open(unlabeled, asked, is_pool=True).as_pool(main.classes))
    exam = main.test
    if test is not None:
        exam = _open(test, asked, is_exam=True)
        exam = exam.test if test in BUILTIN and exam.test is not None else exam
    if exam is not None:
        exam = exam_rows(exam, main.classes, test or data)
    ready, exam, encoding = encoded(parts, exam, wanted)
    dataset = replace(assemble(ready, exam, image_size, skip_bad), encoding=encoding)
    if answers is not None:
        dataset = with_answers(dataset, Path(answers), main.marks)
    given = [name for name in (data, unlabeled, test) if name is not None]
    if all(name.partition("@")[0] in BUILTIN for name in given):
        return dataset  # published as they are, and known
    return examined(dataset, allow_leakage or test in BUILTIN)


def from_arrays(
    X: Any,
    y: Any,
    classes: Sequence[str] | None = None,
    groups: Any = None,
    *,
    unlabeled_marker: Any = None,
    class_value: Any = None,
    weak_labels: Any = None,
) -> Dataset:
    """A `Dataset` of arrays.

    Args:
        X: (N, D) float features; or images, (N, H, W), (N, H, W, C) or (N, C, H, W) with 1 or 3
            channels, uint8 in 0..255 or floats in [0, 1]; other numbers are scaled by their range;
            or N texts, or a data frame with columns of them.
        y: N integers or names; -1, "", None or NaN where unlabeled, and what else always means
            that (`realmix.data.labels.NO_LABEL`).
        classes: class names in label order; default: the labels that occur, sorted.
        groups: N numbers or names of what rows belong together, or None.
        unlabeled_marker: further values of y that mean "no label": one, or a list of them.
        class_value: values of y that are classes, although they read like "no label".
        weak_labels: N labels of unknown quality, with the classes' names; see `as_places`.

    Raises:
        DataError: arrays of another form, values out of range, or labels nothing can be learned
            from.
    """
    texts = given_texts(X)
    rows = as_rows(X) if texts is None else texts.texts
    scale = common_scale([rows]) if rows.ndim == 4 else None
    inputs = to_bytes(rows, scale) if rows.ndim == 4 else rows
    said = Marks.of(unlabeled_marker, class_value)
    named = None if classes is None else tuple(classes)
    label, order, labels = as_labels(y, len(inputs), named, marks=said)
    preset = {4: "photos", 2: "features", 1: "words"}[inputs.ndim]
    columns = None if texts is None else texts.columns
    together = None if groups is None else as_groups(groups, len(inputs))
    dataset = Dataset(inputs, label, order, preset, groups=together, scale=scale, columns=columns)
    more = scale_notes(rows, scale) if rows.ndim == 4 else ()
    # -1 is what whoever names the classes marks the other places with
    quiet = ("",) if classes is None else ("", "-1")
    notes = labels.notes(quiet=frozenset(quiet)) + feature_notes(X, inputs, label)
    if weak_labels is not None:
        weak, doubts = as_places(weak_names(weak_labels, count=len(inputs)), order)
        dataset, notes = replace(dataset, weak=weak), notes + doubts
    return examined(replace(dataset, notes=notes + more + validate(dataset)))


def _opened(data: str, asked: Asked) -> Source:
    """The data; a folder that is refused, or holds one class, is told of the table in it."""
    beside = tables_beside(Path(data))
    try:
        main = _open(data, asked)
        check_classes(main.classes, asked.marks)
        if beside and len(main.classes) == 1:
            raise DataError(f"All images are of one class, '{printable(main.classes[0])}'.")
        return main
    except DataError as error:
        if not beside:
            raise
        raise DataError(
            f"{error}\nIn this folder lies a table: if it says which image is of which class, give"
            f" it instead: realmix fit '{printable(beside[0])}'."
        ) from None


def _open(given: str, asked: Asked, *, is_pool: bool = False, is_exam: bool = False) -> Source:
    """The rows of one place, whatever kind it is; image files are listed, not read."""
    name, mark, _ = given.partition("@")
    if name in BUILTIN:
        if mark and is_pool:
            raise UsageError(f"'{printable(given)}': a pool has no labels. Give '{name}'.")
        return read_builtin(given, asked.data_root, asked.seed)
    path = Path(given)
    if "\0" in given or not path.exists():
        raise _not_there(given)
    if path.is_dir():
        if tables := tables_in(path, alone=is_pool):
            return read_shards(path, tables, asked, is_pool, is_exam)
        if is_pool:
            found = read_pool_folder(path, asked.follow)
        else:
            found = read_class_folders(path, is_exam, asked.marks, asked.follow)
            found = found if asked.group is None else grouped(found, path, asked.group)
        return read_text_files(found) if are_texts(found) else found
    if path.suffix.lower() == ".npz":
        return read_npz(path, not is_pool, asked.marks)
    if kind_of(path) in SUFFIXES and path.is_file():
        return asked.rows(read_cells(path), not is_pool)
    if kind_of(path) == TEXT and path.is_file():
        return read_lines(path) if is_pool else read_labeled_lines(path)
    instead = _INSTEAD.get(path.suffix.lower(), "")
    raise UsageError(
        f"'{printable(given)}' is a file of a kind that is not read. Expected a folder of images "
        f"or of texts, a table ({', '.join(SUFFIXES)}), a .npz file or lines of text with labels"
        f" ({TEXT}).{instead}"
    )


def _not_there(given: str) -> UsageError:
    path = Path(given.replace("\0", ""))
    if path.parent == Path() and kind_of(path) not in (*SUFFIXES, ".npz"):
        return unknown_name(given)
    beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    hint = printable(suggestion(path.name, beside))
    return UsageError(f"There is no file or folder '{printable(given)}'.{hint} Check the path.")
