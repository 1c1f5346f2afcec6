"""Rows that a run keeps so that its report can show them: augmented ones, and mistakes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from realmix.base.randomness import Draws, derive, keys
from realmix.contract.algorithm import Views
from realmix.contract.state import BIN_SHAPE
from realmix.data.pools import Dataset, View
from realmix.data.sampling import CUTOUT, LEARNED, PROBE
from realmix.report.evidence import GALLERY, Evidence, shown

SHOWN = 8  # labeled rows of which the views are kept
_SHOW, _COPY = 31, 32  # streams of randomness


def view_evidence(dataset: Dataset, views: Mapping[str, View], asked: Views, seed: int) -> Evidence:
    """A few labeled pictures, as they are and in each view that a method asks for.

    Args:
        dataset: what was read; of feature rows nothing is kept.
        views: what each name means.
        asked: what the method asks for.
        seed: of the run; what is drawn here trains nothing.

    Returns:
        views_images (n, V, C, H, W) uint8, views_names (V,), of which the first is "plain", and
        views_label (n,) classes.
    """
    if not dataset.is_images:
        return {}
    rows = one_of_each(dataset.label, SHOWN)
    names = tuple(dict.fromkeys(("plain", *asked.labeled, *asked.unlabeled)))
    images = torch.from_numpy(dataset.inputs[rows])
    made = []
    for number, name in enumerate(names):
        index = torch.arange(len(rows))
        draws = Draws(
            keys(derive(seed, _SHOW, number), index), Draws(keys(derive(seed, _COPY), index))
        )
        made.append(_pixels(_seen(views[name], name, images, draws, asked)))
    return {
        "views_images": np.stack(made, 1),
        "views_names": np.array(names),
        "views_label": dataset.label[rows],
    }


def one_of_each(label: np.ndarray, count: int) -> np.ndarray:
    """At most `count` labeled rows: the first of each class, then the second of each, and so on.

    >>> one_of_each(np.array([0, 0, 0, -1, 1]), 3)
    array([0, 4, 1])
    """
    known = np.flatnonzero(label >= 0)
    classes = label[known]
    order = classes.argsort(kind="stable")  # class by class, in which a row's turn is its place
    sizes = np.bincount(classes)
    turn = np.arange(len(known)) - np.repeat(sizes.cumsum() - sizes, sizes)
    return known[order[np.lexsort((classes[order], turn))[:count]]]


def _seen(view: View, name: str, images: Tensor, draws: Draws, asked: Views) -> Tensor:
    """(n, C, H, W) network inputs; where strengths are learned, as before anything is."""
    rates = torch.ones(BIN_SHAPE) if asked.rates is None else asked.rates
    more = {**dict.fromkeys(LEARNED, (rates,)), CUTOUT: (asked.erasing,)}.get(name, ())
    seen = view(images, draws, *more)
    inputs: Tensor = seen[0] if name == PROBE else seen
    return inputs


def _pixels(inputs: Tensor) -> np.ndarray:
    """Network inputs in [-1, 1] as uint8."""
    pixels: np.ndarray = ((inputs + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()
    return pixels


def mistake_evidence(
    dataset: Dataset, held_rows: np.ndarray, evidence: Evidence, which: str
) -> Evidence:
    """Test rows, or without them held-out ones, that were predicted wrong, the surest first.

    Args:
        dataset: what was read.
        held_rows: (n,) its rows that were held out, in the order of the evidence.
        evidence: with the labels of "test" or "heldout" rows and what a model says of them.
        which: the name of that model in it.

    Returns:
        wrong_index (m,) places among these rows, wrong_label and wrong_guess (m,) classes,
        wrong_confidence (m,), wrong_images or wrong_texts where they are that, and wrong_names
        where they have names; m is at most `GALLERY`.
    """
    part = "test" if "test_label" in evidence else "heldout"
    label, probs = evidence[f"{part}_label"], evidence[f"{part}_{which}"]
    wrong = np.flatnonzero(probs.argmax(1) != label)
    index = wrong[(-probs[wrong].max(1)).argsort(kind="stable")][:GALLERY]
    inputs, names, rows = dataset.test_inputs, dataset.test_names, index
    if part == "heldout":
        inputs, names, rows = dataset.inputs, dataset.names, held_rows[index]
    kept = {
        "wrong_index": index,
        "wrong_label": label[index],
        "wrong_guess": probs[index].argmax(1),
        "wrong_confidence": probs[index].max(1),
    }
    if inputs is not None:
        kept |= shown(dataset, "wrong", inputs[rows])
    if names is not None:
        kept["wrong_names"] = np.array([names[row] for row in rows], str)
    return kept
