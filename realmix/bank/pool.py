"""A data set whose pool is joined by sentences of a bank."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from realmix.bank.features import Bank, Count
from realmix.bank.lines import Lines
from realmix.bank.retrieval import Retrieved, retrieve
from realmix.bank.search import KINDS, SEARCHES
from realmix.base.errors import DataError, UsageError
from realmix.base.randomness import derive
from realmix.base.wording import printable, suggestion
from realmix.data.pools import Dataset
from realmix.data.reading.check import NO_POOL
from realmix.data.texts.columns import as_texts
from realmix.encoders.encoder import TextEncoder
from realmix.encoders.texts.written import encoded_texts

HALF = 45  # stream of randomness
SHOWN = 5  # sentences in the report, of the nearest and of the farthest
SOUGHT = {
    "all": "to the mean of all labeled texts",
    "label": "to the mean of each class, which half of the labels make; these are not held out",
    "each": "to each labeled text",
}


class Wanted(NamedTuple):
    """What is wanted of a bank.

    Attributes:
        path: the file.
        rows: sentences.
        kind, search: see `retrieve`.
    """

    path: Path
    rows: int
    kind: str
    search: str

    def check(self, dataset: Dataset) -> None:
        """Refuse what cannot work, before anything is encoded.

        Raises:
            UsageError: the data are no texts, or a word is not known.
        """
        if not dataset.is_texts:
            raise UsageError("--bank is for texts, and these data are none. Leave it out.")
        for option, word, known in (
            ("bank-query", self.kind, KINDS),
            ("bank-search", self.search, tuple(SEARCHES)),
        ):
            if word not in known:
                raise UsageError(
                    f"--{option} takes {', '.join(known)}, not '{printable(word)}'."
                    f"{suggestion(word, known)}"
                )


def with_bank(
    dataset: Dataset,
    encoder: TextEncoder,
    wanted: Wanted,
    seed: int,
    counting: Count,
    note: Callable[[str], None],
) -> Dataset:
    """The data set with the sentences that are nearest to its labeled texts, as pool rows.

    Sentences that are near to the mean of a class tell of the labels that made it: on AG News a
    model that learned from them had 92 % of these right and 79 % of new rows. So with "label" a
    half of each class makes the mean, and is never held out.

    Args:
        dataset: of texts.
        encoder: where it computes.
        wanted: which sentences.
        seed: of the run.
        counting: is told what is encoded.
        note: is told what the user should know.

    Raises:
        UsageError: see `Wanted.check` and `Lines`.
        DataError: the bank cannot be read, or has no sentence that is not known.
        StorageError: its features cannot be kept.
    """
    wanted.check(dataset)
    bank = Bank(Lines(wanted.path), encoder, counting, note)
    known = np.flatnonzero(dataset.label >= 0)
    if wanted.kind == "label":
        known = half_of_each_class(dataset, seed)
    tests = [] if dataset.test_inputs is None else dataset.test_inputs.tolist()
    found = retrieve(
        bank,
        np.concatenate([*encoded_texts(encoder, dataset.inputs[known].tolist())]),
        dataset.label[known],
        len(dataset.classes),
        [*dataset.inputs.tolist(), *tests],
        kind=wanted.kind,
        search=wanted.search,
        rows=wanted.rows,
        seed=seed,
    )
    if not found.texts:
        raise DataError(f"The bank '{printable(wanted.path)}' has no sentence that is not here.")
    facts = figures(found, len(bank), wanted)
    told = (*(note for note in dataset.notes if note != NO_POOL), words(facts))
    bound = np.zeros(len(dataset.label), bool)
    if dataset.trains_only is not None:
        bound |= dataset.trains_only
    if wanted.kind == "label":
        bound[known] = True
    whole = replace(dataset, trains_only=bound, origin={**dataset.origin, "bank": facts})
    return replace(joined(whole, found, wanted.path), notes=told)


def half_of_each_class(dataset: Dataset, seed: int) -> np.ndarray:
    """Rows of the labels that make the means of classes: of each the larger half, at random."""
    rng = np.random.default_rng(derive(seed, HALF))
    own = [rng.permutation(np.flatnonzero(dataset.label == c)) for c in range(len(dataset.classes))]
    return np.sort(np.concatenate([rows[: -(-len(rows) // 2)] for rows in own]))


def figures(found: Retrieved, count: int, wanted: Wanted) -> dict[str, Any]:
    """What result.json says of it."""
    places = [*range(min(SHOWN, len(found.texts)))]
    places += [i for i in range(len(found.texts) - SHOWN, len(found.texts)) if i >= SHOWN]
    examples = [
        {
            "text": found.texts[i],
            "line": int(found.line[i]),
            "cosine": round(float(found.score[i]), 4),
        }
        for i in places
    ]
    shares = {"in_domain": found.in_domain, "in_domain_at_random": found.in_domain_at_random}
    return {
        "file": str(wanted.path),
        "sentences": count,
        "query": wanted.kind,
        "search": wanted.search,
        "retrieved": len(found.texts),
        **{name: None if math.isnan(share) else share for name, share in shares.items()},
        "examples": examples,
    }


def words(facts: dict[str, Any]) -> str:
    """The same in some sentences."""
    like, random = facts["in_domain"], facts["in_domain_at_random"]
    said = ""
    if like is not None:
        said = (
            f" {like:.0%} of them are as like a labeled text as these are like each other; of"
            f" sentences at random {random:.0%}."
        )
    return (
        f"{facts['retrieved']:,} of the {facts['sentences']:,} sentences of"
        f" '{printable(facts['file'])}' join the pool: those nearest"
        f" {SOUGHT[facts['query']]}.{said}"
    )


def joined(dataset: Dataset, found: Retrieved, path: Path) -> Dataset:
    """The data set with these sentences behind its rows, without a label."""
    count = len(found.texts)

    def longer(column: np.ndarray | None, fill: Any) -> np.ndarray | None:
        if column is None:
            return None
        return np.concatenate([column, np.full(count, fill, column.dtype)])

    names: Sequence[str] = dataset.names or [f"row {i}" for i in range(len(dataset.inputs))]
    label = longer(dataset.label, -1)
    assert label is not None
    return replace(
        dataset,
        inputs=np.concatenate([dataset.inputs, as_texts(found.texts)]),
        label=label,
        names=(*names, *(f"{printable(path)}:{line}" for line in found.line.tolist())),
        oracle=longer(dataset.oracle, -1),
        trains_only=longer(dataset.trains_only, False),
        copies=longer(dataset.copies, False),
        groups=longer(dataset.groups, -1),
        translated=longer(dataset.translated, ""),
        weak=longer(dataset.weak, -1),
    )
