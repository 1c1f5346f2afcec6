"""The report's pictures of rows as plain values for its template: augmented ones, and mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realmix.data.pixels.formats import BadImage
from realmix.data.reading.decode import read_header, read_image
from realmix.report import plots
from realmix.report.record import Run

AS_IT_IS = "as it is"
MEANINGS = {
    "weak": "what a small change leaves, such as a shift",
    "strong": "weak, then random operations and a hidden square",
    "cutout": "weak, of a copy with a hidden rectangle",
    "simple": "weak, of a copy that was changed before",
    "probe": "weak, then operations whose strengths are tried",
    "learned": "weak, then operations whose strengths are learned, and a hidden square",
    "uncovered": "weak, then operations whose strengths are learned",
}
"""What each view is, for someone who never heard of it."""


def views(run: Run) -> dict[str, Any] | None:
    """Labeled pictures in each view that training asks for; None where the run keeps none."""
    images, label = run.evidence.get("views_images"), run.evidence.get("views_label")
    names = run.evidence.get("views_names")
    if images is None or label is None or names is None or not len(images):
        return None
    settled = run.config.get("augmentation")
    shown = [AS_IT_IS, *names.tolist()[1:]]
    return {
        "preset": settled.get("preset") if isinstance(settled, dict) else None,
        "meanings": [(name, MEANINGS[name]) for name in shown if name in MEANINGS],
        "rows": [
            {
                "name": run.classes[int(given)],
                "pictures": list(zip(shown, map(plots.tile, row), strict=True)),
            }
            for row, given in zip(images, label, strict=True)
        ],
    }


def mistakes(run: Run) -> list[dict[str, Any]]:
    """Rows that the shipped model gets wrong, the surest first; none where the run keeps none."""
    evidence = run.evidence
    if "wrong_index" not in evidence:
        return []
    return [
        {
            "row": int(row),
            "file": name_of(run, "wrong", place),
            "picture": picture_of(run, "wrong", place),
            "text": text_of(run, "wrong", place),
            "given": run.classes[int(evidence["wrong_label"][place])],
            "name": run.classes[int(evidence["wrong_guess"][place])],
            "confidence": float(evidence["wrong_confidence"][place]),
        }
        for place, row in enumerate(evidence["wrong_index"])
    ]


def name_of(run: Run, kind: str, place: int) -> str | None:
    """Where the row at a place of a gallery came from: a file, or a row of one."""
    names = run.evidence.get(f"{kind}_names")
    return None if names is None else str(names[place])


def text_of(run: Run, kind: str, place: int) -> str | None:
    """The row at a place of a gallery, where it is a text."""
    texts = run.evidence.get(f"{kind}_texts")
    return None if texts is None else str(texts[place])


def picture_of(run: Run, kind: str, place: int) -> str | None:
    """The row at a place of a gallery, where it is an image."""
    images = run.evidence.get(f"{kind}_images")
    return None if images is None else plots.tile(images[place])


def large(name: str, picture: NDArray[np.uint8], side: int) -> str:
    """A picture at a larger side, from its file where that can be read, else as it was kept.

    Args:
        name: of the row, the path of its file where it came from one.
        picture: (C, H, W) as the run kept it.
        side: of what is shown.
    """
    channels, height, width = picture.shape
    try:
        if height == width < side and not read_header(Path(name)).deep:
            found = read_image(Path(name), (channels, side, side))
            return plots.tile(picture, side) if found is None else plots.photo(found)
    except BadImage:
        pass
    return plots.tile(picture, side)
