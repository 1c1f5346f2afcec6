"""Threads of the libraries below, held to one and given back."""

import pytest
import threadpoolctl

from realmix.functional.rows.threads import _libraries, one_thread


def counts(kind):
    """Threads of the libraries that are held; other tests may have loaded more since."""
    held = {pool["filepath"] for pool in _libraries().info()}
    info = threadpoolctl.threadpool_info()
    return {p["num_threads"] for p in info if p["user_api"] == kind and p["filepath"] in held}


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
