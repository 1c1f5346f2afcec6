"""How many threads the libraries below NumPy and scikit-learn use."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


def one_thread(kind: Literal["blas", "openmp"] | None = None) -> AbstractContextManager[Any]:
    """A computation so short that threads would wait for each other, and spin.

    Measured on two cores: of a logistic regression on 2,000 rows of 64 columns the time with one
    thread and with two is 18 and 104 ms; a fit of the estimator on digits took 8.6 s with as many
    as there are, and 4.5 s with one in what is fitted to the labels.

    Args:
        kind: of linear algebra, or of scikit-learn's and torch's own loops; None is both.
    """
    limited: AbstractContextManager[Any] = _libraries().limit(limits=1, user_api=kind)
    return limited


@cache
def _libraries() -> ThreadpoolController:
    """All that are loaded with scikit-learn; to look for them takes as long as a small fit."""
    import sklearn.utils  # noqa: F401  so that its own are loaded
    import torch  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
