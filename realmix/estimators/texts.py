"""Texts as estimators take them."""

from __future__ import annotations

from typing import Any

import numpy as np

from realmix.base.errors import DataError
from realmix.data.texts.given import given_texts
from realmix.runs.classifier import Classifier


def texts_as_in_fit(X: Any, classifier: Classifier) -> np.ndarray:
    """(N,) the texts of X, of a data frame those of the same columns.

    Raises:
        DataError: X holds none.
    """
    given = given_texts(X, classifier.about.get("columns"))
    if given is None:
        raise DataError("The model was fitted to texts, and X holds none: give a list of strings.")
    return given.texts
