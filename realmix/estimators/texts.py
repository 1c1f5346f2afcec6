"""Texts as estimators take them: read by an encoder in memory, as a fit writes no file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from realmix.base.errors import DataError
from realmix.data.pools import Dataset
from realmix.data.texts.given import Given, given_texts
from realmix.runs.augmentation import text_encoding
from realmix.runs.classifier import Classifier
from realmix.runs.climb.tuning import learned_from
from realmix.runs.config import Config
from realmix.runs.watch import Silent


def read_by_encoder(dataset: Dataset, given: Given, config: Config) -> Dataset:
    """The data set with features of its texts.

    Raises:
        UsageError: there is no such encoder.
    """
    encoding = text_encoding(dataset, config, Silent(), keeps=False)
    return replace(learned_from(dataset, encoding, config), columns=given.columns)


def texts_as_in_fit(X: Any, classifier: Classifier) -> np.ndarray:
    """(N,) the texts of X, of a data frame those of the same columns.

    Raises:
        DataError: X holds none.
    """
    if isinstance(X, str):
        raise DataError("X is one text. Give a list of texts: [text].")
    given = given_texts(X, classifier.about.get("columns"))
    if given is None:
        raise DataError("The model was fitted to texts, and X holds none: give a list of strings.")
    return given.texts
