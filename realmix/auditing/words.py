"""What an audit found, in sentences: what it means for training, and what to do."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from realmix.auditing.findings import Findings
from realmix.base.wording import counted, duration, printable, shortened
from realmix.comparison.cells import words_of
from realmix.runs.config import Config

NONE, FEW, MANY = 0.005, 0.1, 0.5  # foreign shares
SPENT = 0.8  # foreign share from which on hardly a row is left to tell the classes' shares
SHIFT = 0.1  # difference of a class's shares, both ends of its interval
_REPEATED = ("unlabeled_marker", "class_value")
_OF_COLUMNS = ("group", "weak_label_column")
_KINDS = {"labeled": "labeled row", "pool": "row of the pool", "test": "test row"}
_PLURALS = {"labeled": "labeled rows", "pool": "rows of the pool", "test": "test rows"}


def headline(found: Findings) -> str:
    """The finding that counts most, in one sentence."""
    if found.foreign is None:
        return found.untold
    share = found.foreign.share
    range_ = f"{share.low:.0%} to {share.high:.0%}"
    if found.apart:
        return "Cannot tell how much of the pool is foreign: the labels may be no random draw."
    if found.unclear:
        return f"Cannot tell how much of the pool is foreign: {range_}."
    if share.high < FEW:
        return f"The pool looks like the classes: at most {share.high:.0%} belongs to none."
    if share.low < NONE:
        return f"At most {share.high:.0%} of the pool belongs to none of the classes, perhaps none."
    return f"About {share.share:.0%} of the pool belongs to none of the classes ({range_})."


def harm(found: Findings) -> list[str]:
    """What to expect of training on this pool, in sentences."""
    told = (_of_foreign, _of_part, _of_shares, _of_copies, _of_labels)
    return [sentence for of in told for sentence in of(found)]


def _of_foreign(found: Findings) -> Iterator[str]:
    if found.foreign is None:
        return
    share = found.foreign.share
    each = found.labels / max(len(found.classes), 1)
    if found.apart:
        yield (
            "The labeled rows stand together in the data, as the first ones do. If they were drawn"
            " at random all the same, the share holds. If not, rows of another writer, camera"
            " or year count as foreign too: label some rows at random."
        )
    elif found.unclear:
        yield (
            f"With about {each:.0f} labels a class the share of foreign rows stays out of reach."
            " More labels narrow it: four times as many halve the interval."
        )
    elif share.high < FEW:
        yield "Little harm is to be expected from foreign rows."
    if share.high >= FEW and not found.apart:
        yield (
            "This holds if the labels are a random draw of their classes. If they come from another"
            " place or time than the pool, what is new there counts as foreign too."
        )
    if found.unclear or share.high < FEW:
        return
    if share.low < NONE:
        yield (
            "Perhaps no row is foreign. If the upper end of the interval holds, methods that guess"
            " labels give such rows a class that they do not have, which costs a part of what the"
            " pool brings."
        )
    elif share.share < MANY:
        yield (
            "Methods that guess labels give these rows a class that they do not have. That costs"
            " a part of what the pool brings, and rarely all of it."
        )
    else:
        yield (
            "Most of the pool can teach nothing. Methods that trust it fell below the labels alone"
            " at such shares (six kinds of CIFAR-10 animals, 75 % vehicles: MixMatch .654, the"
            " labels alone .718). Train on the cleaned pool, or expect the gate to refuse it."
        )


def _of_part(found: Findings) -> Iterator[str]:
    if found.unseen:
        yield (
            f"The encoder looked at {found.pool - found.unseen:,} of {found.pool:,} rows of the"
            " pool, drawn at random. The shares hold for all of it; which of the other rows are"
            f" foreign is not known, and none of them is left out for it. These take about"
            f" {duration(found.left)} more: begin again with"
            f" --minutes {math.ceil(found.left / 60)}."
        )


def _of_shares(found: Findings) -> Iterator[str]:
    if found.shares is None or found.foreign is None or found.foreign.share.low > SPENT:
        return
    given, em, low, high = found.shares.given, found.shares.em, found.shares.low, found.shares.high
    shifted = np.flatnonzero((low - given > SHIFT) | (given - high > SHIFT))
    if len(shifted):
        told = [f"{found.classes[c]} {given[c]:.0%} to {em[c]:.0%}" for c in shifted]
        yield (
            f"The classes have other shares in the pool than among the labels ({shortened(told)})."
            " Methods that align their predictions with the labels' shares do harm then, and a"
            " model's threshold is off where it is used on such rows: predict --class-shares."
        )


def _of_copies(found: Findings) -> Iterator[str]:
    pairs = found.copies.pairs
    if pairs["test", "labeled"] or pairs["pool", "test"]:
        yield "Accuracy on test rows that train measures memory. Take them out of one of the two."
    if found.copies.disputed:
        yield "Equal rows with different labels teach a contradiction: settle which is right."


def _of_labels(found: Findings) -> Iterator[str]:
    if found.doubted:
        share = len(found.doubted) / found.labels
        yield (
            f"{counted(len(found.doubted), 'label')} of {found.labels:,} ({share:.0%})"
            f" look{'s' if len(found.doubted) == 1 else ''} wrong to a classifier of the others."
            " At most half of them should be right after all, by its own reckoning, which errs"
            " with few labels: look at the first of them."
        )


def copies_told(found: Findings) -> list[str]:
    """One sentence for each kind of copies that there is, with the first pair."""
    told = []
    for (part, of), pairs in found.copies.pairs.items():
        if pairs:
            near = sum(not pair.exact for pair in pairs)
            what = counted(len(pairs), _KINDS[part], _PLURALS[part])
            be = "is a copy" if len(pairs) == 1 else "are copies"
            other = "another one" if part == of else f"a {_KINDS[of]}"
            first = f"{found.name(pairs[0].row)} is {found.name(pairs[0].other)}"
            kinds = f"{len(pairs) - near:,} exact, {near:,} near"
            told.append(printable(f"{what} {be} of {other} ({kinds}; first: {first})."))
    return told


def next_command(
    found: Findings, lists: dict[str, str], reading: Mapping[str, Any] = MappingProxyType({})
) -> str | None:
    """The command that trains on what is left.

    Args:
        found: the findings.
        lists: what was written in place of "data", of "unlabeled" and of "test".
        reading: how the data were read, as `realmix.data.reading.load.load` was told.
    """
    if not found.pool:
        return None
    kept = {name: value for name, value in reading.items() if value}
    if found.dataset.files and "data" in lists:  # a list of files, and no other column
        kept = {name: value for name, value in kept.items() if name not in _OF_COLUMNS}
    for name, value in kept.items():
        if name in _REPEATED:
            kept[name] = (value,) if isinstance(value, str) else tuple(value)
        elif isinstance(value, (list, tuple)):
            kept[name] = ",".join(value)
    pool = lists.get("unlabeled", found.unlabeled)
    data = lists.get("data", found.data)
    test = lists.get("test", found.test)
    bad = bool(found.dataset.bad_files)
    config = Config(**{"data": data, "unlabeled": pool, "test": test, "skip_bad": bad, **kept})
    return shlex.join(["realmix", "fit", *words_of(config)])
