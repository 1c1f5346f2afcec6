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


def test_what_pandas_holds_beside_plain_numbers_and_text_is_learned_from() -> None:
    table = pd.DataFrame(
        {
            "whole": pd.array([None if i % 9 == 0 else i % 5 for i in range(COUNT)], "Int64"),
            "part": pd.array([None if i % 7 == 0 else i / 8 for i in range(COUNT)], "Float64"),
            "yes": pd.array([None if i % 7 == 0 else i % 2 == 0 for i in range(COUNT)], "boolean"),
            "word": pd.array([None if i % 7 == 0 else "ab"[i % 2] for i in range(COUNT)], "string"),
            "kind": pd.Categorical(COLOR),
            "level": pd.Categorical(np.arange(COUNT) % 3),
            "day": pd.date_range("2024-01-01", periods=COUNT, tz="Europe/Berlin"),
            "pair": [[i % 2, 1] for i in range(COUNT)],
        }
    )
    model = SemiSupervisedClassifier("linear", gate=False, random_state=0).fit(table, LABEL)
    kinds = {column.name: column.kind for column in model.encoding_.columns}
    assert kinds == {
        **dict.fromkeys(("whole", "part", "level"), "number"),
        **dict.fromkeys(("word", "kind", "pair"), "category"),
        "yes": "boolean",
        "day": "date",
    }
    assert model.predict_proba(table).shape == (COUNT, 2)
