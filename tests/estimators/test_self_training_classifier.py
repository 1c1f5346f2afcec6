"""Self-training around a scikit-learn classifier: its contract, its rule, and what it gains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks

import realmix
from realmix.base.errors import DataError, UsageError
from realmix.data.reading.load import load
from realmix.estimators.self_training_classifier import SelfTraining


def blobs(labeled: int = 2, spread: float = 0.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(60, 2) rows of three classes, labels of `labeled` each, and the true ones."""
    X, truth = make_blobs(60, centers=[[0, 0], [5, 0], [0, 5]], cluster_std=spread, random_state=1)
    y = np.full(60, -1)
    for c in range(3):
        y[np.flatnonzero(truth == c)[:labeled]] = c
    return X, y, truth


def told(labels_of_rows: dict[float, list[float]]) -> Any:
    """A classifier that predicts, what is written for a row; it remembers its fit."""

    class Told(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
        def fit(self, X: Any, y: Any) -> Any:
            self.classes_, self.seen_ = np.unique(y), dict(zip(X[:, 0], y, strict=True))
            return self

        def predict_proba(self, X: Any) -> Any:
            return np.array([labels_of_rows[x] for x in X[:, 0]])

        def predict(self, X: Any) -> Any:
            return self.classes_[self.predict_proba(X).argmax(1)]

    return Told()


# --- the contract of scikit-learn


@parametrize_with_checks(
    [
        # one check has the classes -1 and 1, which is refused until it is said
        SelfTraining(LogisticRegression(), rounds=2, class_value=-1),
        SelfTraining(GaussianNB(), rounds=2, recompute=True, class_value=-1),
    ]
)
def test_scikit_learn_contract(estimator: Any, check: Any, monkeypatch: Any) -> None:
    if check.func.__name__ == "check_array_api_input":
        monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # without it the check skips itself
    check(estimator)


def test_it_is_a_public_name() -> None:
    assert realmix.SelfTraining is SelfTraining
    assert "SelfTraining" in dir(realmix)


def test_clone_and_grid_search_reach_the_parameters_of_both() -> None:
    model = clone(SelfTraining(LogisticRegression(C=3), rounds=4))
    assert model.get_params()["estimator__C"] == 3
    X, _, truth = blobs()
    grid = {"rounds": [1, 3], "estimator__C": [0.1, 1.0]}
    search = GridSearchCV(SelfTraining(LogisticRegression()), grid, cv=2).fit(X, truth)
    assert set(search.best_params_) == set(grid)


def test_the_given_classifier_is_left_alone_and_only_the_last_fit_is_kept() -> None:
    X, y, _ = blobs()
    base = LogisticRegression()
    model = SelfTraining(base).fit(X, y)
    assert not hasattr(base, "classes_")
    assert model.estimator_.n_features_in_ == model.n_features_in_ == 2


def test_before_fit_nothing_is_predicted() -> None:
    with pytest.raises(NotFittedError):
        SelfTraining(LogisticRegression()).predict([[0.0, 1.0]])
    assert not hasattr(SelfTraining(GaussianNB()), "decision_function")
    assert hasattr(SelfTraining(LogisticRegression()), "decision_function")


# --- inputs


def test_string_labels_come_back_as_strings() -> None:
    X, y, truth = blobs()
    names = np.array(["cat", "dog", "owl"])
    given = [names[c] if c >= 0 else -1 for c in y]
    model = SelfTraining(LogisticRegression()).fit(X, given)
    assert list(model.classes_) == ["cat", "dog", "owl"]
    assert (model.predict(X) == names[truth]).all()
    assert (model.transduction_ == names[truth]).all()
    part = SelfTraining(LogisticRegression(), rounds=1, per_class=1).fit(X, given)
    assert (part.transduction_ == "").sum() == 60 - 6 - 3


def test_sparse_rows_data_frames_and_lists_of_texts_work() -> None:
    X, y, _ = blobs()
    dense = SelfTraining(LogisticRegression()).fit(X, y)
    thin = SelfTraining(LogisticRegression()).fit(sparse.csr_array(X), y)
    np.testing.assert_allclose(thin.predict_proba(X), dense.predict_proba(X), rtol=1e-4)
    frame = pd.DataFrame(X, columns=["a", "b"])
    named = SelfTraining(LogisticRegression()).fit(frame, y)
    assert list(named.feature_names_in_) == ["a", "b"]
    assert (named.predict(frame) == dense.predict(X)).all()
    texts = ["red wine", "dry red wine", "hot black tea", "black tea", "wine", "tea"]
    reader = make_pipeline(TfidfVectorizer(), LogisticRegression())
    model = SelfTraining(reader, rounds=2).fit(texts, ["w", None, "t", None, None, None])
    assert list(model.predict(["a wine", "a tea"])) == ["w", "t"]


def test_all_rows_labeled_is_a_fit_of_the_classifier() -> None:
    X, _, truth = blobs()
    model = SelfTraining(LogisticRegression()).fit(X, truth)
    assert model.n_iter_ == 0
    np.testing.assert_array_equal(
        model.predict_proba(X), LogisticRegression().fit(X, truth).predict_proba(X)
    )


def test_no_labels_at_all_are_refused() -> None:
    with pytest.raises(DataError, match="nothing to begin with"):
        SelfTraining(LogisticRegression()).fit([[0.0], [1.0]], [-1, -1])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rounds": 0}, "rounds must be a whole number of 1 or more, not 0"),
        ({"rounds": 1.5}, "rounds"),
        ({"rounds": None}, "rounds"),
        ({"per_class": 0}, "per_class must be"),
        ({"threshold": 1.1}, r"threshold must be in \[0, 1\], not 1.1"),
        ({"estimator": LinearSVC()}, "LinearSVC has no predict_proba"),
    ],
)
def test_parameters_that_do_not_fit_are_explained(changes: dict[str, Any], words: str) -> None:
    X, y, _ = blobs()
    with pytest.raises(UsageError, match=words):
        SelfTraining(LogisticRegression()).set_params(**changes).fit(X, y)


# --- the rule


PROBS = {0.0: [0.9, 0.1], 1.0: [0.1, 0.9], 2.0: [0.8, 0.2], 3.0: [0.7, 0.3], 4.0: [0.4, 0.6]}
ROWS, GIVEN = np.arange(5.0)[:, None], [0, 1, -1, -1, -1]


def test_each_round_labels_the_most_confident_of_each_class() -> None:
    model = SelfTraining(told(PROBS), rounds=3, per_class=1).fit(ROWS, GIVEN)
    assert list(model.labeled_iter_) == [0, 0, 1, 2, 1]
    assert list(model.transduction_) == [0, 1, 0, 0, 1]
    assert model.n_iter_ == 2
    assert model.estimator_.seen_ == {0: 0, 1: 1, 2: 0, 3: 0, 4: 1}


def test_the_threshold_must_be_exceeded() -> None:
    model = SelfTraining(told(PROBS), rounds=3, threshold=0.7).fit(ROWS, GIVEN)
    assert list(model.transduction_) == [0, 1, 0, -1, -1]
    none = SelfTraining(told(PROBS), rounds=3, threshold=0.8).fit(ROWS, GIVEN)
    assert none.n_iter_ == 0
    assert list(none.transduction_) == GIVEN


def test_by_default_the_quota_gets_through_the_pool_in_the_given_rounds() -> None:
    X, y, truth = blobs()  # 54 unlabeled rows, 18 of each class
    model = SelfTraining(LogisticRegression(), rounds=3).fit(X, y)
    for number in (1, 2, 3):
        assert [int((model.labeled_iter_[truth == c] == number).sum()) for c in range(3)] == [6] * 3
    assert (model.transduction_ == truth).all()


def test_recomputing_grows_the_quota() -> None:
    model = SelfTraining(told(PROBS), rounds=2, per_class=1, recompute=True).fit(ROWS, GIVEN)
    assert list(model.labeled_iter_) == [0, 0, 1, 2, 1]


def test_recomputed_labels_may_change() -> None:
    """The opinion of row 2 changes with the second fit, which row 3 has a part in."""

    class Wavering(DecisionTreeClassifier):  # type: ignore[misc]
        def fit(self, X: Any, y: Any) -> Any:
            self.count_ = len(y)
            return super().fit(X, y)

        def predict_proba(self, X: Any) -> Any:
            rows = {2.0: [0.8, 0.2] if self.count_ == 2 else [0.1, 0.9], 3.0: [0.6, 0.4]}
            return np.array([rows.get(x, [0.5, 0.5]) for x in np.asarray(X)[:, 0]])

    kept = SelfTraining(Wavering(), rounds=2, per_class=1).fit(ROWS[:4], GIVEN[:4])
    assert list(kept.transduction_) == [0, 1, 0, 0]
    anew = SelfTraining(Wavering(), rounds=2, per_class=1, recompute=True)
    assert list(anew.fit(ROWS[:4], GIVEN[:4]).transduction_) == [0, 1, 1, 0]
    assert list(anew.labeled_iter_) == [0, 0, 1, 2]


def test_it_ends_where_a_round_changes_nothing() -> None:
    X, y, _ = blobs()
    for recompute in (False, True):
        model = SelfTraining(LogisticRegression(), rounds=50, per_class=18, recompute=recompute)
        assert model.fit(X, y).n_iter_ == 1


def test_true_labels_never_change() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 3)), np.full(80, -1)
    y[:12] = rng.integers(0, 3, 12)
    for recompute in (False, True):
        model = SelfTraining(LogisticRegression(), recompute=recompute).fit(X, y)
        assert (model.transduction_[:12] == y[:12]).all()


# --- what it is for


def accuracies(labels: int, seed: int) -> tuple[float, float, float]:
    """On digits: of the classifier alone, with our rule, and with scikit-learn's default."""
    data = load(f"digits@{labels}", seed=seed)
    assert data.test_inputs is not None
    X, test = (rows.reshape(len(rows), -1) / 255 for rows in (data.inputs, data.test_inputs))
    base, known = LogisticRegression(max_iter=1000), data.label >= 0
    models = (
        clone(base).fit(X[known], data.label[known]),
        SelfTraining(base).fit(X, data.label),
        SelfTrainingClassifier(base).fit(X, data.label),
    )
    return tuple(float((m.predict(test) == data.test_label).mean()) for m in models)  # type: ignore[return-value]


@pytest.mark.slow
def test_it_gains_where_a_mere_threshold_loses() -> None:
    alone, ours, theirs = np.mean([accuracies(20, seed) for seed in (0, 1)], axis=0)
    assert ours > alone + 0.02
    assert theirs < ours


if __name__ == "__main__":
    for labels in (20, 40):
        found = np.array([accuracies(labels, seed) for seed in range(5)])
        for name, column in zip(("alone", "ours", "scikit-learn"), found.T, strict=True):
            print(f"{labels} {name:14}{column.mean():.3f} +- {column.std(ddof=1):.3f}", column)
