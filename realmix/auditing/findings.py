"""What an audit found, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realmix.auditing.class_shares import ClassShares
from realmix.auditing.copies import Copies, Pair
from realmix.auditing.labels import Doubt
from realmix.data.pools import Dataset
from realmix.functional.foreign.detect import Foreign

MOST_LISTED = 1000  # pairs and rows in audit.json
CLEAR = 0.4  # width of an interval of the foreign share from which on it tells little


@dataclass(frozen=True)
class Findings:
    """What an audit found.

    Attributes:
        dataset: what was read; a row's number is its place in it, test rows behind the others.
        data, unlabeled, test: as they were given.
        by: what made the features; weak: why little can be expected of them, or "".
        copies: rows that stand in the data more than once.
        doubted: labels that the other labels contradict, likeliest wrong first.
        judged: (M,) rows of the pool that were judged: those seen that are no copies.
        foreign: of these, the rows that belong to no class; None where it cannot be told.
        shares: of the classes among the others, of the classes in `classes`; None likewise.
        classes: names of the classes that have labels.
        unseen: rows of the pool that the encoder had no time for.
        left: seconds that they and such test rows would take it.
        untold: why there is no `foreign`, or "".
        apart: whether the labels stand together in the data, so are no random draw.
        left_out: why, by row of the pool, for rows that the cleaned pool lacks.
        seconds: by stage.
    """

    dataset: Dataset
    data: str
    unlabeled: str | None
    test: str | None
    by: str
    weak: str
    copies: Copies
    doubted: list[Doubt]
    judged: NDArray[np.int64]
    foreign: Foreign | None
    shares: ClassShares | None
    classes: tuple[str, ...]
    unseen: int
    left: float
    untold: str
    apart: bool
    left_out: dict[int, str]
    seconds: dict[str, float]

    @property
    def labels(self) -> int:
        return int((self.dataset.label >= 0).sum())

    @property
    def pool(self) -> int:
        return int((self.dataset.label < 0).sum())

    @property
    def tests(self) -> int:
        return 0 if self.dataset.test_label is None else len(self.dataset.test_label)

    @property
    def leaked(self) -> list[Pair]:
        """Test rows that are equal to a labeled one: their labels are known to what is tested."""
        return [pair for pair in self.copies.pairs["test", "labeled"] if pair.exact]

    @property
    def unclear(self) -> bool:
        """Whether the foreign share's interval tells little, or rests on labels of one place."""
        if self.foreign is None or self.apart:
            return True
        return self.foreign.share.high - self.foreign.share.low > CLEAR

    def name(self, row: int) -> str:
        """Where a row came from: a file, or a row of one."""
        count = len(self.dataset.label)
        names = self.dataset.names if row < count else self.dataset.test_names
        place = row if row < count else row - count
        return names[place] if names else f"{'row' if row < count else 'test row'} {place}"

    def shown(self, row: int) -> Any:
        """A row as it was read."""
        count = len(self.dataset.label)
        if row < count:
            return self.dataset.inputs[row]
        return None if self.dataset.test_inputs is None else self.dataset.test_inputs[row - count]

    def most_foreign(self, count: int) -> list[tuple[int, float]]:
        """Rows of the pool and their chance to belong to no class, the least fitting first."""
        if self.foreign is None:
            return []
        order = np.argsort(self.foreign.score, kind="stable")[:count]
        chances = self.foreign.probability[order].tolist()
        return list(zip(self.judged[order].tolist(), chances, strict=True))

    def to_json(self) -> dict[str, Any]:
        """What audit.json holds."""
        return {
            "data": self.data,
            "unlabeled": self.unlabeled,
            "test": self.test,
            "labels": self.labels,
            "pool": self.pool,
            "test_rows": self.tests,
            "classes": list(self.classes),
            "features": self.by,
            "unseen": self.unseen,
            "weak": self.weak,
            "unreadable": [list(pair) for pair in self.dataset.bad_files],
            "copies": {
                f"{a} in {b}": {
                    "exact": sum(p.exact for p in pairs),
                    "near": sum(not p.exact for p in pairs),
                    "pairs": self._listed(pairs),
                }
                for (a, b), pairs in self.copies.pairs.items()
            },
            "contradicting_labels": self._listed(self.copies.disputed),
            "suspicious_labels": [
                {
                    "row": self.name(d.row),
                    "label": self.classes[d.given],
                    "looks_like": self.classes[d.likely],
                    "chance_wrong": d.chance,
                }
                for d in self.doubted[:MOST_LISTED]
            ],
            "class_shares": self._shares(),
            "foreign": self._foreign(),
            "left_out": len(self.left_out),
            "notes": list(self.dataset.notes),
            "seconds": self.seconds,
        }

    def _listed(self, pairs: list[Pair]) -> list[list[str]]:
        return [[self.name(p.row), self.name(p.other)] for p in pairs[:MOST_LISTED]]

    def _shares(self) -> dict[str, Any] | None:
        if self.shares is None:
            return None
        rows = zip(self.classes, *self.shares, strict=True)
        return {
            name: {"labels": given, "pool": em, "bbse": bbse, "interval": [low, high]}
            for name, given, em, bbse, low, high in rows
        }

    def _foreign(self) -> dict[str, Any]:
        if self.foreign is None:
            return {"share": None, "untold": self.untold}
        share = self.foreign.share
        most = self.most_foreign(MOST_LISTED)
        return {
            "share": share.share,
            "interval": [share.low, share.high],
            "level": 0.9,
            "unclear": self.unclear,
            "labels_stand_together": self.apart,
            "score": self.foreign.by,
            "separation": share.separation,
            "rows": [{"row": self.name(row), "probability": chance} for row, chance in most],
        }
