"""audit.html: one file that shows what an audit found; see `realmix.report.page`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from realmix.auditing import words
from realmix.auditing.copies import Pair
from realmix.auditing.findings import Findings
from realmix.report import plots
from realmix.report.page import environment

SHOWN = 24  # rows of a gallery
TWINS = 6  # pairs of near copies
MOST_CLASSES = 30
MOST_BAD_FILES = 50
LONGEST_TEXT = 300
_METHODS = {
    "prototypes": "the cosine to the nearest class' mean, the pool's variance evened out",
    "neighbors": "the cosine to the nearest labeled rows, the pool's variance evened out",
}


def page(found: Findings, next_command: str | None) -> str:
    """The page as HTML.

    Args:
        found: the findings.
        next_command: what to do next.
    """
    foreign = found.foreign
    context = {
        "title": found.data,
        "headline": words.headline(found),
        "found": found,
        "share": None if foreign is None else foreign.share,
        "harm": words.harm(found),
        "next": next_command,
        "foreign": [
            _item(found, row, f"{chance:.0%}") for row, chance in found.most_foreign(SHOWN)
        ],
        "copies": words.copies_told(found),
        "twins": _twins(found),
        "disputed": [_disputed(found, pair) for pair in found.copies.disputed[:SHOWN]],
        "doubted": [
            _item(found, d.row, f"{found.classes[d.likely]} {d.chance:.0%}", found.classes[d.given])
            for d in found.doubted[:SHOWN]
        ],
        "bad_files": found.dataset.bad_files[:MOST_BAD_FILES],
        "method": "" if foreign is None else _METHODS[foreign.by],
        "seconds": sum(found.seconds.values()),
        "features_seconds": found.seconds.get("features", 0) if found.seconds else 0,
        **_classes(found),
    }
    return environment(Path(__file__).parent).get_template("audit.html").render(context)


def _classes(found: Findings) -> dict[str, Any]:
    """The classes whose shares differ most."""
    if found.shares is None:
        return {"classes": [], "scale": 1, "more_classes": 0}
    order = np.argsort(-np.abs(found.shares.em - found.shares.given), kind="stable")
    rows: Sequence[dict[str, Any]] = [
        {
            "name": found.classes[c],
            **{key: float(value[c]) for key, value in found.shares._asdict().items()},
        }
        for c in order[:MOST_CLASSES]
    ]
    largest = max(max(row["given"], row["em"]) for row in rows)
    return {"classes": rows, "scale": largest, "more_classes": len(order) - len(rows)}


def _twins(found: Findings) -> list[dict[str, Any]]:
    """Pictures of near copies, one beside the other."""
    if not found.dataset.is_images:
        return []
    near = [pair for pairs in found.copies.pairs.values() for pair in pairs if not pair.exact]
    return [
        _item(found, row, f"pair {number}")
        for number, pair in enumerate(near[:TWINS], 1)
        for row in (pair.row, pair.other)
    ]


def _disputed(found: Findings, pair: Pair) -> str:
    classes, label = found.dataset.classes, found.dataset.label
    return (
        f"{found.name(pair.row)} ({classes[label[pair.row]]}) is"
        f" {found.name(pair.other)} ({classes[label[pair.other]]})"
    )


def _item(found: Findings, row: int, told: str, label: str | None = None) -> dict[str, Any]:
    """A row for a gallery."""
    value = found.shown(row)
    dataset = found.dataset
    return {
        "name": found.name(row),
        "told": told,
        "is": label,
        "picture": plots.tile(value) if dataset.is_images else None,
        "text": str(value)[:LONGEST_TEXT] if dataset.is_texts else None,
    }
