"""Labeled rows as test rows: of data that have none, and of the labels alone, to tune on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from realmix.base.errors import DataError, UsageError
from realmix.base.wording import counted
from realmix.data.pools import Dataset
from realmix.data.scenarios.truth import Truth, order, taken, true_labels
from realmix.data.splits import stratified_labels

_TEST = 44  # stream of randomness
_SHARE = "test_share (--test-share)"


def with_test_part(dataset: Dataset, share: float) -> tuple[Dataset, np.ndarray]:
    """A share of the labeled rows as test rows, the same whatever the seed of a run is.

    Args:
        dataset: with labels, and without test rows.
        share: of each class's labeled rows, in (0, 1).

    Returns:
        The data, and (M,) int64 which of the rows are left to learn from.

    Raises:
        UsageError: there are test rows already, or a share out of range.
        DataError: the part has no row.
    """
    if dataset.test_label is not None:
        raise UsageError(f"{_SHARE} holds labeled rows out, but the data have test rows already.")
    if not 0 < share < 1:
        raise UsageError(f"{_SHARE} must be above 0 and below 1, not {share:g}.")
    units = np.arange(len(dataset.label)) if dataset.groups is None else dataset.groups
    held: list[np.ndarray] = []
    for c in range(len(dataset.classes)):
        rows = np.flatnonzero(dataset.label == c)
        drawn = rows[order(len(rows), 0, _TEST, c)]
        held.append(drawn[: min(round(share * len(rows)), max(len(rows) - 1, 0))])
    part = np.concatenate(held)
    grouped = part[units[part] >= 0]
    mates = np.flatnonzero(np.isin(units, units[grouped]) & (dataset.label >= 0))
    part = np.union1d(part, mates)  # equal rows are never divided
    rest = np.setdiff1d(np.arange(len(dataset.label)), part)
    rest = rest[(dataset.label[rest] >= 0) | ~np.isin(units[rest], units[grouped])]
    if not len(part) or len(np.unique(dataset.label[rest])) < 2:
        raise DataError(
            f"{_SHARE} {share:g} leaves nothing to test on, or nothing to learn from: there are"
            f" {int((dataset.label >= 0).sum()):,} labels. Give test rows (--test)."
        )
    return tested_on(dataset, part, rest), rest


def with_validation(dataset: Dataset, share: float, seed: int) -> tuple[Dataset, Truth]:
    """A share of the labels as the test rows; those that there were are nowhere then.

    Args:
        dataset: with labels.
        share: of the labeled rows, in (0, 1); each class keeps at least one.
        seed: draws them.

    Raises:
        UsageError: a share that leaves nothing to test on, or a class without a label.
    """
    known = np.flatnonzero(dataset.label >= 0)
    count, present = round(share * len(known)), len(np.unique(dataset.label[known]))
    if not 1 <= count <= len(known) - present:
        raise UsageError(
            f"validation={100 * share:g}: of {counted(len(known), 'label')} that is {count}, and it"
            f" must be 1 or more and leave each of {counted(present, 'class', 'classes')} a label."
        )
    part = np.setdiff1d(known, stratified_labels(dataset.label, len(known) - count, seed))
    rest = np.setdiff1d(np.arange(len(dataset.label)), part)
    made = tested_on(replace(dataset, test_inputs=None, test_label=None), part, rest)
    return made, Truth(true_labels(made), made.label < 0, rest)


def tested_on(dataset: Dataset, part: np.ndarray, rest: np.ndarray) -> Dataset:
    """The rows `part` as test rows, and of the others `rest` to learn from."""
    named = dataset.names
    return replace(
        taken(dataset, rest),
        test_inputs=dataset.inputs[part],
        test_label=dataset.label[part],
        test_names=None if named is None else tuple(named[row] for row in part.tolist()),
        test_files=dataset.files and tuple(dataset.files[row] for row in part.tolist()),
    )
