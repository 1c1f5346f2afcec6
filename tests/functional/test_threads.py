"""Threads of the libraries below, held to one and given back."""

import pytest
import threadpoolctl

from realmix.functional.rows.threads import one_thread


def counts(kind):
    info = threadpoolctl.threadpool_info()
    return [pool["num_threads"] for pool in info if pool["user_api"] == kind]


@pytest.mark.parametrize(("kind", "other"), [("blas", "openmp"), ("openmp", "blas")])
def test_one_kind_is_held_to_one_thread_and_given_back(kind, other):
    one_thread()  # loads the libraries
    with threadpoolctl.threadpool_limits(2):
        with one_thread(kind):
            assert set(counts(kind)) == {1}
            assert set(counts(other)) == {2}
        assert set(counts(kind)) == {2}


def test_both_kinds_are_held_where_none_is_named():
    with threadpoolctl.threadpool_limits(2), one_thread():
        assert {*counts("blas"), *counts("openmp")} == {1}
