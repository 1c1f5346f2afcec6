"""`SelfTraining`: classic self-training around any scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_consistent_length, check_is_fitted, indexable

from realmix.base.errors import DataError, UsageError
from realmix.data.labels import EXPECTED, Marks
from realmix.estimators.faces import labeled_score, python_words, warn
from realmix.estimators.labels import UNLABELED, divide, read
from realmix.functional.selection import labeled_further, quota


def _has(name: str) -> Callable[[Any], bool]:
    """Whether the classifier has that method; its own AttributeError otherwise."""

    def has(model: Any) -> bool:
        getattr(getattr(model, "estimator_", model.estimator), name)
        return True

    return has


class SelfTraining(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """Confident predictions become labels, round by round, equally many of each class.

    The classifier is fitted to the labels; then, in each round, the most confident of the
    unlabeled rows that it predicts as each class get that label, and it is fitted anew. The rule is
    that of `--algorithm self_training` (Scudder, 1965; Nigam and Ghani, 2000).

    Args:
        estimator: a classifier with `predict_proba`; it is cloned, not changed.
        rounds: after the first fit, 1 or more; fewer where a round changes no label.
        per_class: how many rows of each class a round labels; None is what gets through all
            unlabeled rows in so many rounds.
        threshold: that the probability of a label must exceed, in [0, 1].
        recompute: label anew in each round, the r * per_class most confident in round r, instead
            of keeping what was given.
        unlabeled_marker: value of `y` that means "no label", or a list of them, beside -1, "",
            None, NaN and what else always does (`realmix.data.labels.NO_LABEL`).
        class_value: value of `y` that is a class although it reads like "no label", or a list: -1
            where classes are -1 and 1.

    Attributes:
        estimator_: the classifier of the last round.
        classes_: (K,) the classes, sorted.
        transduction_: (N,) labels of the last fit: as given, or pseudo-labels; -1 (or "" among
            strings) where a row has none.
        labeled_iter_: (N,) int64 round in which a row got its label, 0 as given, -1 where none.
        n_iter_: rounds that changed a label.
        n_features_in_, feature_names_in_: those of the classifier, where it has them.

    Example:
        >>> from sklearn.linear_model import LogisticRegression
        >>> X = [[0.0], [0.1], [0.2], [0.8], [0.9], [1.0]]
        >>> y = [0, -1, -1, -1, -1, 1]
        >>> model = SelfTraining(LogisticRegression(), rounds=2).fit(X, y)
        >>> model.transduction_, model.labeled_iter_
        (array([0, 0, 0, 1, 1, 1]), array([0, 1, 2, 2, 1, 0]))
    """

    def __init__(
        self,
        estimator: Any,
        *,
        rounds: int = 10,
        per_class: int | None = None,
        threshold: float = 0.0,
        recompute: bool = False,
        unlabeled_marker: Any = None,
        class_value: Any = None,
    ) -> None:
        self.estimator = estimator
        self.rounds = rounds
        self.per_class = per_class
        self.threshold = threshold
        self.recompute = recompute
        self.unlabeled_marker = unlabeled_marker
        self.class_value = class_value

    @python_words
    def fit(self, X: Any, y: Any) -> Self:
        """Label and fit, round by round.

        Args:
            X: (N, ...) rows as the classifier takes them: an array, sparse, a data frame, a list.
            y: (N,) whole numbers or strings; -1, "", None or NaN where unlabeled. What may be a
                class or mean "no label" is refused until `unlabeled_marker` or `class_value` says
                which, such as -1 beside 1 alone.

        Raises:
            ValueError: labels nothing can be learned from, or parameters out of range.
        """
        self._check()
        if y is None:
            raise DataError("fit requires y to be passed, but the target y is None.")
        marks = Marks.of(self.unlabeled_marker, self.class_value)
        values, known = divide(y, marks)
        warn(read(y, marks)[1].notes(quiet=EXPECTED))
        (X,) = indexable(X)
        check_consistent_length(X, known)
        if not known.any():
            raise DataError("No row of y has a label: there is nothing to begin with.")
        self.classes_, places = np.unique(values, return_inverse=True)
        label = np.full(len(known), UNLABELED)
        label[known] = places
        self.labeled_iter_, self.n_iter_ = np.where(known, 0, -1), 0
        self._fit(X, label)
        pool = np.flatnonzero(~known)
        for number in range(1, self.rounds + 1) if len(pool) else ():
            found = self._labels(_safe_indexing(X, pool), label[pool], number)
            if np.array_equal(found, label[pool]):
                break
            first = (found >= 0) & (self.labeled_iter_[pool] < 0)
            self.labeled_iter_[pool] = np.where(first, number, self.labeled_iter_[pool])
            self.labeled_iter_[pool[found < 0]] = -1
            label[pool], self.n_iter_ = found, number
            self._fit(X, label)
        missing = np.array("" if self.classes_.dtype.kind == "U" else UNLABELED)
        self.transduction_ = np.where(label < 0, missing, self.classes_[label])
        return self

    def _labels(self, pool: Any, label: np.ndarray, number: int) -> np.ndarray:
        """The pseudo-labels of the next round, by those so far and the classifier's opinion."""
        probs = torch.from_numpy(np.asarray(self.estimator_.predict_proba(pool), np.float64))
        k = self.per_class or quota(len(label), len(self.classes_), self.rounds)
        k = k * number if self.recompute else k
        found = labeled_further(
            probs, torch.from_numpy(label), int(k), float(self.threshold), bool(self.recompute)
        )
        labels: np.ndarray = found.numpy()
        return labels

    def _fit(self, X: Any, label: np.ndarray) -> None:
        rows = np.flatnonzero(label >= 0)
        self.estimator_ = clone(self.estimator)
        self.estimator_.fit(_safe_indexing(X, rows), self.classes_[label[rows]])

    def _check(self) -> None:
        """Raises UsageError for a parameter that is out of range."""
        if not hasattr(self.estimator, "predict_proba"):
            raise UsageError(
                f"{type(self.estimator).__name__} has no predict_proba, by which rows are chosen."
                " Wrap it in sklearn.calibration.CalibratedClassifierCV."
            )
        for name in ("rounds", "per_class"):
            value = getattr(self, name)
            if not (value is None and name == "per_class") and not (
                isinstance(value, Integral) and int(value) >= 1
            ):
                raise UsageError(f"{name} must be a whole number of 1 or more, not {value!r}.")
        if not (isinstance(self.threshold, Real) and 0 <= float(self.threshold) <= 1):
            raise UsageError(f"threshold must be in [0, 1], not {self.threshold!r}.")

    @available_if(_has("predict"))  # type: ignore[untyped-decorator]
    def predict(self, X: Any) -> np.ndarray:
        """(N,) classes. Raises NotFittedError before `fit`."""
        check_is_fitted(self)
        label: np.ndarray = self.estimator_.predict(X)
        return label

    @available_if(_has("predict"))  # type: ignore[untyped-decorator]
    @python_words
    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """See `labeled_score`. Raises ValueError where no row has a label."""
        return labeled_score(self, X, y, sample_weight)

    @available_if(_has("predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> np.ndarray:
        """(N, K) probabilities in the order of `classes_`. Raises NotFittedError before `fit`."""
        check_is_fitted(self)
        probs: np.ndarray = self.estimator_.predict_proba(X)
        return probs

    @available_if(_has("decision_function"))  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> np.ndarray:
        """As the classifier's. Raises NotFittedError before `fit`."""
        check_is_fitted(self)
        scores: np.ndarray = self.estimator_.decision_function(X)
        return scores

    @property
    def n_features_in_(self) -> int:
        check_is_fitted(self)
        count: int = self.estimator_.n_features_in_
        return count

    @property
    def feature_names_in_(self) -> np.ndarray:
        check_is_fitted(self)
        names: np.ndarray = self.estimator_.feature_names_in_
        return names

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        inner = get_tags(self.estimator)
        tags.input_tags, tags.classifier_tags = inner.input_tags, inner.classifier_tags
        return tags
