"""to_label.html: the pictures of the rows to label, in one file without script or request.

It does not say what the models predict: who knows that is no independent judge.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from realmix.evaluate import plots
from realmix.evaluate.report import environment

SIDE = 192  # pixels


def label_page(
    title: str, rows: Sequence[tuple[str, NDArray[np.uint8]]], classes: Sequence[str]
) -> str:
    """The page.

    Args:
        title: of the run.
        rows: name and (C, H, W) image of each row, in the order in which they are asked.
        classes: what they can be.
    """
    shown = [
        {"number": number, "name": name, "picture": plots.tile(image, SIDE)}
        for number, (name, image) in enumerate(rows, 1)
    ]
    template = environment().get_template("to_label.html")
    return template.render(title=title, rows=shown, classes=classes, side=SIDE)
