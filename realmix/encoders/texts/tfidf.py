"""The encoder that needs nothing: words and characters by TF-IDF, reduced (latent semantics).

    v = [words, characters]     each tf-idf, length 1: tf is 1 + ln(count)
    features = v V              V (M, D): the right singular vectors of the texts' v

Deerwester et al. (1990). It is fitted on the texts of a run, so a model file holds it whole.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor

from realmix.base.errors import DataError
from realmix.data.encoded import Reference
from realmix.encoders.encoder import TEXTS, fingerprint, kept

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer

TFIDF = "tfidf"
DIMENSION, LEAST = 256, 8
ROWS_EACH = 8  # texts for each dimension: as many dimensions as texts would tell all texts apart
MOST_TERMS = 20_000  # of words, and of characters
MOST_TEXTS = 20_000  # that it is fitted on
LONGEST = 10_000  # characters of a text that are looked at
FORMS: dict[str, dict[str, Any]] = {
    "words": {"analyzer": "word", "ngram_range": (1, 2), "token_pattern": r"\w+"},
    "characters": {"analyzer": "char_wb", "ngram_range": (3, 5)},
}


class TfidfEncoder:
    """TF-IDF of words (1 and 2 together) and of characters in words (3 to 5), by a projection.

    Args:
        vectorizers: by `FORMS`, fitted; those that found terms.
        projection: (M, D) float16.

    Attributes:
        kind: "texts".
        reference: its fingerprint is of the terms and their weights.
    """

    kind = TEXTS

    def __init__(self, vectorizers: Mapping[str, TfidfVectorizer], projection: Tensor) -> None:
        self.vectorizers, self.projection = vectorizers, projection
        terms = hashlib.sha256(json.dumps(self._terms()).encode()).hexdigest()
        mark = fingerprint(self._weights(), {"terms": terms, "longest": LONGEST})
        self.reference = Reference(TFIDF, None, projection.shape[1], mark)

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Self:
        """On texts, of which many are enough; the same texts give the same encoder.

        Raises:
            DataError: there are no words in them.
        """
        from scipy import sparse
        from sklearn.decomposition import TruncatedSVD  # takes a second, and few runs need it

        step = -(-len(texts) // MOST_TEXTS)
        seen = [text[:LONGEST] for text in texts[:: max(step, 1)]]
        vectorizers: dict[str, TfidfVectorizer] = {}
        found = []
        for form in FORMS:
            one = _vectorizer(form, min(2, len(seen)))
            with suppress(ValueError):  # no terms in common, such as words that no space parts
                found.append(one.fit_transform(seen))
                vectorizers[form] = one
        if not found:
            raise DataError(
                "No two of the texts have a word in common, so TF-IDF finds nothing to learn"
                " from. Give more texts, or an encoder: --encoder minilm."
            )
        rows = sparse.hstack(found).tocsr()
        most = min(DIMENSION, max(len(seen) // ROWS_EACH, LEAST), min(rows.shape) - 1)
        with np.errstate(invalid="ignore"):  # equal texts have no variance to explain
            reduced = TruncatedSVD(max(most, 1), n_iter=3, random_state=0).fit(rows)
        return cls(vectorizers, torch.from_numpy(reduced.components_.T.copy()).half())

    @cached_property
    def state(self) -> dict[str, Tensor]:
        """What `restore` takes."""
        terms = np.frombuffer(json.dumps(self._terms()).encode(), np.uint8).copy()
        parts = {"terms": torch.from_numpy(terms), "projection": self.projection}
        return parts | self._weights()

    @classmethod
    def restore(cls, state: Mapping[str, Tensor]) -> Self:
        """What `state` was taken of."""
        terms = json.loads(state["terms"].numpy().tobytes())
        vectorizers = {}
        for form, known in terms.items():
            one = vectorizers[form] = _vectorizer(form, 1)
            one.vocabulary = dict(zip(known, range(len(known)), strict=True))
            one.idf_ = state[form].double().numpy()
        return cls(vectorizers, state["projection"])

    def on(self, device: torch.device, precision: torch.dtype) -> Self:
        """The same encoder: it computes on the CPU."""
        return self

    def encode(self, texts: Sequence[str]) -> Tensor:
        """B texts to (B, D) float16 features on the CPU."""
        from scipy import sparse

        seen = [text[:LONGEST] for text in texts]
        rows = sparse.hstack([one.transform(seen) for one in self.vectorizers.values()]).tocsr()
        return kept(torch.from_numpy(rows @ self.projection.float().numpy()))

    def _terms(self) -> dict[str, list[str]]:
        return {
            form: one.get_feature_names_out().tolist() for form, one in self.vectorizers.items()
        }

    def _weights(self) -> dict[str, Tensor]:
        return {form: torch.from_numpy(one.idf_).double() for form, one in self.vectorizers.items()}


def _vectorizer(form: str, least: int) -> TfidfVectorizer:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        **FORMS[form],
        lowercase=True,
        min_df=least,
        max_features=MOST_TERMS,
        sublinear_tf=True,
        dtype=np.float32,
    )
