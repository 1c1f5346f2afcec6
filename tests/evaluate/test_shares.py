"""Predictions at other class shares, by hand and on data drawn anew."""

import numpy as np
import pytest

from realmix.base.errors import UsageError
from realmix.evaluate.shares import parsed, reweighted


def test_by_hand():
    got = reweighted(np.array([[0.5, 0.5]]), np.array([0.9, 0.1]), np.array([0.5, 0.5]))
    assert got[0] == pytest.approx([1 / 10, 9 / 10])  # .5 * 5/9 against .5 * 5


def test_the_same_shares_change_nothing():
    probs = np.random.default_rng(0).dirichlet([1, 1, 1], 9)
    shares = np.array([0.2, 0.3, 0.5])
    assert reweighted(probs, shares, shares) == pytest.approx(probs, abs=1e-6)


def test_it_is_bayes_rule():
    """Two normal classes: the posterior under one prior becomes that under the other."""
    x = np.linspace(-3, 3, 13)[:, None]
    density = np.exp(-((x - np.array([-1.0, 1.0])) ** 2) / 2)

    def posterior(prior):
        joint = density * prior
        return joint / joint.sum(1, keepdims=True)

    given, wanted = np.array([0.97, 0.03]), np.array([0.6, 0.4])
    assert reweighted(posterior(given), given, wanted) == pytest.approx(posterior(wanted), abs=1e-6)


def test_a_class_that_never_occurs_and_one_without_labels():
    probs = np.array([[0.7, 0.3], [1.0, 0.0]])
    never = reweighted(probs, np.array([0.5, 0.5]), np.array([0.0, 1.0]))
    assert never.tolist() == [[0.0, 1.0], [1.0, 0.0]]  # nothing is left of the second
    unlabeled = reweighted(probs, np.array([1.0, 0.0]), np.array([1.0, 0.0]))
    assert unlabeled == pytest.approx(probs)


def test_how_they_are_written():
    assert parsed("equal", ("a", "b", "c", "d")).tolist() == [0.25] * 4
    assert parsed("b = 3, a=1", ("a", "b")).tolist() == [0.25, 0.75]
    assert parsed("x=y=1,z=0", ("x=y", "z")).tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cta=1,dog=1", "Did you mean 'cat'"),
        ("cat", "is no number of a class"),
        ("cat=1,cat=2,dog=1", "each class once"),
        ("cat=1", "none for dog"),
        ("cat=0,dog=0", "all are 0"),
        ("cat=-1,dog=2", "no number of 0 or more"),
        ("cat=nan,dog=2", "no number of 0 or more"),
        ("cat=inf,dog=2", "no number of 0 or more"),
    ],
)
def test_what_is_mistyped(text, words):
    with pytest.raises(UsageError, match=words):
        parsed(text, ("cat", "dog"))
