"""Numbers of classes, and rows drawn by them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from realmix.base.errors import UsageError
from realmix.contract.algorithm import Views
from realmix.data.class_numbers import class_numbers, class_weights, rows_by_weight
from realmix.data.pools import Data, Pool
from realmix.data.sampling import batch_at

CLASSES = ("a", "b=c", "d")


def test_balanced_is_scikit_learns():
    label = np.array([0] * 7 + [1] * 2 + [2] * 4)
    expected = compute_class_weight("balanced", classes=np.arange(3), y=label)
    np.testing.assert_allclose(class_weights("balanced", label, CLASSES), expected)


def test_numbers_are_read_from_words_or_json():
    assert class_numbers("-", "a=1, b=c=2.5", CLASSES, "") == {"a": 1.0, "b=c": 2.5}
    assert class_numbers("-", '{"b=c": 3, "d": 0}', CLASSES, "") == {"b=c": 3.0, "d": 0.0}
    np.testing.assert_array_equal(class_weights("d=4", np.zeros(1, int), CLASSES), [1, 1, 4])


@pytest.mark.parametrize("text", ["e=1", "a", "a=1,a=2", "", "a=x", "a=-1", "a=inf", '{"e": 1}'])
def test_what_is_no_number_of_a_class_is_refused(text):
    with pytest.raises(UsageError, match=r"^--class-weight: .* is no number of"):
        class_numbers("--class-weight", text, CLASSES, "balanced")


def test_rows_come_as_often_as_their_class_weighs():
    label = torch.tensor([0, 1, 0, 2])
    found = rows_by_weight(label, np.array([1.0, 2.5, 5.0])).bincount(minlength=4)
    assert found.tolist() == [8, 20, 8, 40]
    extreme = rows_by_weight(label, np.array([1e3, 10.0, 1e-4])).bincount()
    assert extreme.tolist() == [200, 2, 200, 1]
    soft = torch.eye(3)[label]
    assert rows_by_weight(soft, np.array([1.0, 2.5, 5.0])).bincount().tolist() == found.tolist()


def test_batches_draw_by_the_weights_and_the_facts_stay():
    label = np.array([0] * 30 + [1] * 10)
    pools = Pool.of(np.zeros((40, 2), np.float32), label), Pool.of(np.zeros((5, 2), np.float32))
    views = {"plain": lambda rows, draws: rows}
    asked = Views(("plain",), ("plain",))
    plain = Data(*pools, ("a", "b"), views)
    weights = class_weights("balanced", label, ("a", "b"))
    weighed = Data(*pools, ("a", "b"), views, class_weight=weights)
    assert weighed.facts.class_shares.tolist() == plain.facts.class_shares.tolist() == [0.75, 0.25]
    assert len(weighed.labeled) == 40
    drawn = torch.cat([batch_at(weighed, asked, s, 16, 1, 0).labeled.label for s in range(30)])
    assert drawn.bincount().tolist() == [240, 240]  # an epoch: 30 x 8 of the one, 10 x 24
    rows = torch.cat([batch_at(weighed, asked, s, 16, 1, 0).labeled.index for s in range(30)])
    assert rows.bincount().tolist() == [8] * 30 + [24] * 10
    pool = [batch_at(data, asked, 3, 4, 1, 0).unlabeled.index for data in (plain, weighed)]
    assert torch.equal(*pool)
