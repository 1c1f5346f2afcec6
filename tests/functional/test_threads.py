"""Threads of the libraries below, held to one and given back."""

import pytest
import threadpoolctl

from realmix.functional.rows.threads import one_thread


def counts(kind):
    """Threads of NumPy's and scikit-learn's libraries; other tests may have loaded more."""
    ours = ("numpy.libs", "scipy.libs", "scikit_learn.libs")
    return {
        pool["num_threads"]
        for pool in threadpoolctl.threadpool_info()
        if pool["user_api"] == kind and any(name in pool["filepath"] for name in ours)
    }


@pytest.mark.parametrize("kind", ["blas", "openmp"])
def test_one_kind_is_held_to_one_thread_and_given_back(kind):
    one_thread()  # loads the libraries
    with threadpoolctl.threadpool_limits(2):
        with one_thread(kind):
            assert counts(kind) == {1}
        assert counts(kind) == {2}


def test_both_kinds_are_held_where_none_is_named():
    one_thread()
    with threadpoolctl.threadpool_limits(2), one_thread():
        assert counts("blas") | counts("openmp") == {1}
