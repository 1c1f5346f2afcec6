"""What is wrong with a data set that was read, and what its owner should be told."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np

from realmix.base.errors import DataError
from realmix.base.wording import printable, shortened
from realmix.data.label_doubts import WHOLE_NUMBER
from realmix.data.labels import NOTHING_SAID, Marks
from realmix.data.pools import Dataset
from realmix.data.texts.columns import no_text

_LARGEST = float(np.finfo(np.float32).max)
_POOL_NAMES = ("unlabeled", "unlabelled")

NO_POOL = (
    "Every row is labeled, so this is plain supervised training. Give unlabeled rows to learn from"
    " them too."
)


def check_classes(classes: Sequence[str], marks: Marks = NOTHING_SAID) -> None:
    """Refuse class names that are empty, twins of each other, or stand for the pool.

    Args:
        classes: their names.
        marks: names that the user says are classes.

    Raises:
        DataError: naming the class.
    """
    seen, twins = dict[str, str](), list[str]()
    for name in classes:
        key = unicodedata.normalize("NFC", name.strip().casefold())
        if not key:
            raise DataError("A class has an empty name. Give every class a name with letters.")
        if key.strip("_- ") in _POOL_NAMES and name not in marks.classes:
            raise DataError(
                f"A class is named '{printable(name)}', which would teach the model a class of "
                "that name. A folder that holds the pool must be named exactly 'unlabeled'; in a "
                "table leave the label cell empty; in an array use -1."
            )
        if key in seen:
            twins.append(f"{seen[key]!a} and {name!a}")
        seen.setdefault(key, name)
    if twins:
        raise DataError(
            f"{'Two classes' if len(twins) == 1 else 'Classes'} differ only in case, spaces or "
            f"Unicode form: {shortened(twins)}. Give them one name if they are one class, or "
            "clearly different names."
        )


def check_finite(inputs: np.ndarray, names: Sequence[str] | None, what: str) -> None:
    """Refuse feature rows (N, D) with NaN, infinite values, or some that float32 cannot hold.

    Raises:
        DataError: listing up to ten rows.
    """
    fits = (inputs <= _LARGEST) & (inputs >= -_LARGEST)  # which NaN does neither
    bad = np.flatnonzero(~fits.all(axis=1))
    if len(bad):
        rows = [f"row {i}" if names is None else names[i] for i in bad[:11]]
        more = f" and {len(bad) - 10:,} more" if len(bad) > 10 else ""
        raise DataError(
            f"{len(bad):,} of {len(inputs):,} {what} have missing, NaN or infinite values "
            "(infinity or a value too large for dtype float32): "
            f"{shortened(rows[:10])}{more}. Fill them in (a column's median, say) or remove the "
            "rows."
        )


def _check_rows(dataset: Dataset) -> None:
    if not len(dataset.inputs):
        raise DataError("There are no rows to learn from: the data set is empty.")
    if dataset.is_texts:
        _check_texts(dataset.inputs, dataset.names)
    elif not dataset.is_images:
        check_finite(dataset.inputs, dataset.names, "rows")
        if dataset.test_inputs is not None:
            check_finite(dataset.test_inputs, None, "test rows")
    if dataset.test_inputs is None:
        return
    given, expected = dataset.test_inputs.shape[1:], dataset.inputs.shape[1:]
    if given != expected:
        raise DataError(f"Test rows have shape {given}, training rows {expected}. Make them equal.")


def _check_texts(texts: np.ndarray, names: Sequence[str] | None) -> None:
    bad = {row: why for row, text in enumerate(texts) if (why := no_text(text))}
    if bad:
        where = {row: f"row {row}" if names is None else names[row] for row in bad}
        listed = shortened([f"{where[row]} ({why})" for row, why in bad.items()])
        raise DataError(
            f"{len(bad):,} of {len(texts):,} texts hold nothing to learn from: {listed}. Remove"
            " these rows."
        )


def _check_labels(dataset: Dataset, counts: np.ndarray) -> None:
    if not counts.sum():
        raise DataError(
            f"None of the {len(dataset.label):,} rows has a label. Learning needs a few of each "
            "class: class folders, a filled label column, or y other than -1."
        )
    if (counts > 0).sum() < 2:
        name = printable(dataset.classes[int(counts.argmax())])
        raise DataError(
            f"All {int(counts.sum()):,} labeled rows are of one class, '{name}'. A classifier "
            "needs labeled rows of at least two classes. (-1 means 'no label'; where it is a "
            "class: --class-value=-1.)"
        )


def _same_numbers(classes: Sequence[str]) -> list[str]:
    """Classes such as '1' and '01', in their order."""
    alike: dict[int, list[str]] = {}
    for name in classes:
        if WHOLE_NUMBER.fullmatch(name):
            alike.setdefault(int(name.partition(".")[0]), []).append(f"'{name}'")
    return [" and ".join(names) for names in alike.values() if len(names) > 1]


def validate(dataset: Dataset) -> tuple[str, ...]:
    """What the user should know about `dataset` before training, one sentence each.

    Raises:
        DataError: no rows, no labels, one class only, class names that cannot be told apart,
            missing or infinite features, test rows of another shape.
    """
    check_classes(dataset.classes)
    _check_rows(dataset)
    _check_labels(dataset, _counts(dataset))
    twins = tuple(
        f"The classes {twins} are one number but two classes, as they are written in two ways. "
        "Write them alike if they are one class."
        for twins in _same_numbers(dataset.classes)
    )
    return twins + label_notes(dataset)


def label_notes(dataset: Dataset) -> tuple[str, ...]:
    """What follows from how many labels each class has, and the pool; a sentence each."""
    counts, names = _counts(dataset), np.array(dataset.classes, dtype=object)
    notes = []
    if (counts == 1).any():
        notes.append(
            f"A single labeled example each: {shortened(names[counts == 1])}. Such a class always "
            "trains and is never held out, so how well it is recognised cannot be measured."
        )
    if (counts == 0).any():
        notes.append(
            f"Classes without a labeled example: {shortened(names[counts == 0])}. "
            "The model will not predict them."
        )
    if (dataset.label >= 0).all():
        notes.append(NO_POOL)
    return tuple(notes)


def _counts(dataset: Dataset) -> np.ndarray:
    return np.bincount(dataset.label[dataset.label >= 0], minlength=len(dataset.classes))
