"""What an estimator is given to learn from, or to classify, as its run takes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
from sklearn.utils.validation import check_array, validate_data

from realmix.base.errors import DataError
from realmix.base.wording import counted
from realmix.data.pixels.arrays import one_array
from realmix.data.pools import Dataset
from realmix.data.reading.arrays import as_inputs, as_rows
from realmix.data.reading.decode import Shape
from realmix.estimators import faces
from realmix.estimators.frames import frame_rows
from realmix.estimators.others import rows_of
from realmix.estimators.pictures import files_proba, given_files, given_pictures
from realmix.estimators.texts import texts_as_in_fit
from realmix.runs.augmentation import augmented, encoding_of, with_encoder
from realmix.runs.classifier import Classifier
from realmix.runs.climb.encoders import best_in_time
from realmix.runs.climb.tuning import learned_from
from realmix.runs.config import Config
from realmix.runs.watch import Watch


def array_rows(model: Any, X: Any, reset: bool) -> np.ndarray:
    """`X`, checked in scikit-learn's words, as a `Dataset` holds it; writable, as torch asks.

    Args:
        model: the estimator, with its `encoding_`.
        X: features, a data frame of them, or images.
        reset: remember the features' count and names instead of comparing with them.
    """
    if model.encoding_ is not None:
        return as_rows(frame_rows(model, X, model.encoding_, reset))
    if (X if hasattr(X, "ndim") else one_array(X)).ndim <= 2:
        finite = True if reset else "allow-nan"
        kinds = [np.float64, np.float32]
        rows = validate_data(model, X, reset=reset, dtype=kinds, ensure_all_finite=finite)
        if reset:
            model.medians_ = np.median(rows, axis=0)
        return as_rows(filled(rows, model.medians_))
    if reset:
        faces.forget_features(model)
    images = check_array(X, ensure_2d=False, allow_nd=True, estimator=model, input_name="X")
    rows = as_rows(images) if reset else as_inputs(images, scale=model.classifier_.scale)
    return np.require(rows, requirements="W")


def filled(rows: np.ndarray, medians: np.ndarray) -> np.ndarray:
    """(N, D) numbers with a column's median in place of NaN, which no row of the fit had."""
    blank = np.isnan(rows)
    if not blank.any():
        return rows
    faces.warn(
        [
            f"{counted(int(blank.any(1).sum()), 'row')} of X have blanks (NaN), though no row of"
            " the fit had any; they are filled with the median of the column there."
        ]
    )
    return np.where(blank, medians, rows)


def proba(model: Any, X: Any) -> np.ndarray:
    """(N, K) float32 probabilities by a fitted estimator of inputs as in its fit."""
    classifier: Classifier = model.classifier_
    if isinstance(X, str):
        raise DataError("X is one string. Give a list of them: [X].")
    X = rows_of(X)
    if classifier.takes == "texts":
        return classifier.predict_proba(texts_as_in_fit(X, classifier))
    files = given_files(X)
    if files is not None:
        return files_proba(classifier, files)
    shape = cast(Shape, classifier.shape) if classifier.takes == "images" else None
    pictures = given_pictures(X, None if classifier.encoder else shape)
    if pictures is not None and shape is not None:
        return classifier.predict_proba(pictures)
    return classifier.predict_proba(array_rows(model, X, reset=False))


def seen(dataset: Dataset, config: Config, watch: Watch) -> tuple[Dataset, Config]:
    """The data set as a run learns from it, augmented and by an encoder where it has one, and the
    configuration with that encoder. Features stay in memory, as a fit writes no file.

    Raises:
        UsageError: there is no such encoder or augmentation, or it does not fit the data.
    """
    found, told = with_encoder(dataset, config)
    config, told = best_in_time(config, found, told, dataset, {}, watch)
    for note in told:
        watch.note(note)
    if not config.encodes:  # what could be better is a warning, what is done is none
        dataset = replace(dataset, notes=(*dataset.notes, *told))
    dataset = augmented(dataset, config).dataset
    encoding = encoding_of(dataset, config, watch, keeps=False)
    return learned_from(dataset, encoding, config), config


def pool_proba(classifier: Classifier, dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    """(n, K) float32 probabilities of these rows, by the features that an encoder made of them."""
    kept = dataset.encoded
    if kept is None or kept.longest is not None:  # token numbers are no features
        return classifier.predict_proba(dataset.inputs[rows])
    features = kept.plain.features[kept.plain.place[rows], 0].astype(np.float32)
    return replace(classifier, encoder=None).predict_proba(features)
