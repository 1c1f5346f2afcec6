"""Every method learns from a table of categories, blanks, dates and numbers, as its card allows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from realmix import SemiSupervisedClassifier
from realmix.base.errors import UsageError
from realmix.runs.methods import METHODS

REFUSED = {  # by their cards: pictures, a hundred labels, a column of weak labels
    "remixmatch": "images",
    "dividemix": "labels",
    "weak_labels": "labels of unknown quality",
}
RNG = np.random.default_rng(0)
COUNT = 60
COLOR = RNG.choice(["red", "blue", "green"], COUNT)
TABLE = pd.DataFrame(
    {
        "color": np.where(RNG.random(COUNT) < 0.1, None, COLOR),
        "size": np.where(RNG.random(COUNT) < 0.1, np.nan, RNG.normal(size=COUNT)),
        "day": pd.date_range("2024-01-01", periods=COUNT).astype(str),
        "new": RNG.random(COUNT) < 0.5,
    }
)
LABEL = np.where(np.arange(COUNT) < 16, (COLOR == "red").astype(int), -1)


def fitted(name: str) -> SemiSupervisedClassifier:
    fields = {"batch_size": 4}
    model = SemiSupervisedClassifier(name, gate=False, steps=2, fields=fields, random_state=0)
    return model.fit(TABLE, LABEL)


@pytest.mark.parametrize("name", [name for name in METHODS if name not in REFUSED])
def test_it_learns_from_columns_of_any_kind(name: str) -> None:
    probs = fitted(name).predict_proba(TABLE[40:])
    assert probs.shape == (20, 2)
    assert probs.sum(1) == pytest.approx(np.ones(20), abs=1e-5)


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_card_does_not_allow_is_a_sentence(name: str) -> None:
    with pytest.raises(UsageError, match=REFUSED[name]):
        fitted(name)
