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


def rows_with_blanks() -> tuple[np.ndarray, np.ndarray]:
    """Rows of three numbers, of which a tenth is missing, and labels of the first twelve."""
    rng, truth = np.random.default_rng(0), np.arange(60) % 2
    X = truth[:, None] + rng.normal(0, 0.2, (60, 3))
    X[rng.random((60, 3)) < 0.1] = np.nan
    return X, np.where(np.arange(60) < 12, truth, -1)


def test_an_array_with_blanks_is_a_table_of_columns_without_names() -> None:
    X, y = rows_with_blanks()
    model = SemiSupervisedClassifier(steps=20, random_state=0).fit(X, y)
    framed = SemiSupervisedClassifier(steps=20, random_state=0).fit(pd.DataFrame(X), y)
    assert model.encoding_.names[:2] == ("column 1", "column 1 is blank")
    assert np.array_equal(model.predict_proba(X), framed.predict_proba(pd.DataFrame(X)))
    assert model.n_features_in_ == 3
    assert (model.transduction_ == np.arange(60) % 2).mean() > 0.9
    assert np.array_equal(model.predict(X.tolist()), model.predict(X))
    with pytest.raises(ValueError, match="3 features"):
        model.predict(X[:, :2])
    X[0, 0] = np.inf
    with pytest.raises(ValueError, match="infin"):
        model.fit(X, y)


def test_blanks_where_the_fit_had_none_are_filled_with_the_median() -> None:
    X, y = rows_with_blanks()
    whole = np.nan_to_num(X)
    model = SemiSupervisedClassifier(steps=20, random_state=0).fit(whole, y)
    with pytest.warns(RealmixWarning, match=r"1 row of X have blanks"):
        found = model.predict_proba([[np.nan, 1.0, np.nan]])
    medians = np.median(whole, axis=0)
    assert np.array_equal(found, model.predict_proba([[medians[0], 1.0, medians[2]]]))
    with pytest.raises(ValueError, match="infinity"):
        model.predict([[np.inf, 1.0, 1.0]])


def test_rows_of_text_and_numbers_need_no_frame() -> None:
    truth = np.arange(60) % 2
    X = [[("red", "blue")[t], float(i % 5), None if i % 7 == 0 else t] for i, t in enumerate(truth)]
    y = np.where(np.arange(60) < 12, truth, -1)
    model = SemiSupervisedClassifier(steps=20, random_state=0).fit(X, y)
    assert [c.kind for c in model.encoding_.columns] == ["category", "number", "number"]
    assert (model.predict(np.array(X, object)) == truth).all()


class Table:
    """A frame as polars, pyarrow and Hugging Face's datasets have it."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    def to_pandas(self) -> pd.DataFrame:
        return self.frame


def test_tables_of_other_libraries_are_read() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    X, y = frame()
    names = ["no" if label == 0 else "yes" if label == 1 else None for label in y]
    arrow = pyarrow.Table.from_pandas(X)
    model = SemiSupervisedClassifier(steps=20, random_state=0).fit(arrow, pyarrow.array(names))
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.encoding_.columns_read == ("size", "color", "paid", "day")
    assert np.array_equal(model.predict(Table(X)), model.predict(X))


def test_a_table_that_needs_a_package_names_it() -> None:
    class Needs:
        def to_pandas(self) -> None:
            raise ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow")

    with pytest.raises(UsageError, match=r"'s Needs: pip install pyarrow"):
        SemiSupervisedClassifier().fit(Needs(), [0, 1])


@pytest.mark.parametrize("kind", ["Int64", "boolean", "string"])
def test_labels_of_pandas_types_keep_what_they_are(kind: str) -> None:
    X, truth = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2
    of_kind = {"Int64": [0, 1], "boolean": [False, True], "string": ["no", "yes"]}[kind]
    y = pd.Series([of_kind[t] if i < 12 else None for i, t in enumerate(truth)], dtype=kind)
    model = SemiSupervisedClassifier(steps=5, random_state=0).fit(X, y)
    assert model.classes_.tolist() == of_kind
    assert model.classes_.dtype.kind == {"Int64": "i", "boolean": "b", "string": "U"}[kind]


def test_a_sparse_matrix_is_refused_with_what_to_do() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"sparse matrix of shape \(4, 3\).*TruncatedSVD"):
        SemiSupervisedClassifier().fit(sparse.csr_array(np.eye(4, 3)), [0, 1, -1, -1])
