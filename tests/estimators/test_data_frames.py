"""Data frames with columns of any kind, through `SemiSupervisedClassifier`."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from realmix import SemiSupervisedClassifier
from realmix.base.errors import RealmixWarning, UsageError

pytestmark = pytest.mark.usefixtures("brief")


def frame(count: int = 60) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows whose color and day of week tell the class, as do their numbers."""
    rng = np.random.default_rng(0)
    truth = np.arange(count) % 2
    monday = pd.Timestamp("2024-01-01")
    X = pd.DataFrame(
        {
            "size": np.where(rng.random(count) < 0.2, np.nan, truth + rng.normal(0, 0.1, count)),
            "color": pd.Categorical(np.where(truth == 1, "red", "blue")),
            "paid": truth == 1,
            "day": [monday + pd.Timedelta(days=int(7 * i + t)) for i, t in enumerate(truth)],
        }
    )
    return X, np.where(np.arange(count) < 12, truth, -1)


def fitted() -> tuple[SemiSupervisedClassifier, pd.DataFrame]:
    X, y = frame()
    return SemiSupervisedClassifier(steps=20, random_state=0).fit(X, y), X


def test_a_data_frame_is_learned_from_as_it_is() -> None:
    model, X = fitted()
    assert model.encoding_.names == (
        *("size", "size is blank", "color=blue", "color=red", "paid"),
        *("day: year", "day: month", "day: day of week", "day: days"),
    )
    assert model.feature_names_in_.tolist() == ["size", "color", "paid", "day"]
    assert model.n_features_in_ == 4
    assert (model.transduction_ == np.arange(60) % 2).all()
    kept = pickle.loads(pickle.dumps(model))
    assert np.array_equal(kept.predict_proba(X), model.predict_proba(X))


def test_new_values_are_warnings_and_other_columns_errors() -> None:
    model, X = fitted()
    new = X.head(2).assign(color=["green", "red"])
    with pytest.warns(RealmixWarning, match=r"color 'green' \(1 row\)"):
        model.predict(new)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X.drop(columns="size"))
    with pytest.raises(UsageError, match="by its columns' names"):
        model.predict(np.zeros((2, 4)))


def test_numbers_are_categories_where_that_is_said() -> None:
    X = pd.DataFrame({"code": np.arange(60) % 2 * 7, "noise": np.arange(60) % 5})
    y = np.where(np.arange(60) < 12, np.arange(60) % 2, -1)
    model = SemiSupervisedClassifier(steps=20, random_state=0)
    assert model.fit(X, y).encoding_ is None
    model.set_params(categorical="code").fit(X, y)
    assert model.encoding_.names == ("code=0", "code=7", "noise")
    with pytest.raises(UsageError, match="X is none"):
        model.fit(X.to_numpy(), y)
