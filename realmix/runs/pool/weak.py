"""What labels of unknown quality are worth, by the labels that are trusted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from realmix.data.pools import Dataset
from realmix.evaluate.intervals import wilson


def with_worth(dataset: Dataset) -> Dataset:
    """The data set, and in its notes and its origin how often its weak labels are right.

    Measured on the labeled rows that have one. Without weak labels nothing changes.
    """
    if dataset.weak is None:
        return dataset
    known, there = dataset.label >= 0, dataset.weak >= 0
    both = known & there
    right = int((dataset.weak == dataset.label)[both].sum())
    low, high = wilson(right, int(both.sum()))
    share = float(np.bincount(dataset.label[known]).max() / known.sum())
    facts: dict[str, Any] = {
        "pool": int((there & ~known).sum()),
        "compared": int(both.sum()),
        "right": right,
        "accuracy": right / both.sum() if both.any() else None,
        "interval": [low, high],
        "largest_class": share,
    }
    return replace(
        dataset,
        notes=(*dataset.notes, words(facts)),
        origin={**dataset.origin, "weak_labels": facts},
    )


def words(facts: dict[str, Any]) -> str:
    """The same in some sentences."""
    count = f"{facts['pool']:,} rows of the pool have a weak label."
    if not facts["compared"]:
        return (
            f"{count} No labeled row has one, so nothing is known of their quality: fill the column"
            " for labeled rows too."
        )
    low, high = facts["interval"]
    said = (
        f"{count} Of the {facts['compared']:,} trusted labels that can be compared they have"
        f" {facts['right']:,} right: {facts['accuracy']:.1%}, {low:.1%} to {high:.1%}."
    )
    if low <= facts["largest_class"]:
        said += (
            f" Always saying the largest class would have {facts['largest_class']:.1%}, so they may"
            " be worth nothing; the labels decide."
        )
    return said
