"""What is known of the data before training: columns of codes, and the facts of the pools."""

import dataclasses

import numpy as np
import pytest
import torch

from realmix.data.pools import MOST_CODES, Data, Dataset, Pool
from realmix.runs.config import Config
from realmix.runs.phases import Phases
from realmix.runs.watch import Silent

CYCLE = np.arange(40)


def dataset(*columns, **others):
    inputs = np.stack(columns, 1).astype(np.float32)
    return Dataset(inputs, np.zeros(len(inputs), np.int64), ("a", "b"), "features", **others)


@pytest.mark.parametrize(
    ("column", "counts"),
    [
        (CYCLE % 3, True),
        (CYCLE % MOST_CODES, True),
        (CYCLE % 4 - 2, True),  # also below zero
        (100 * (CYCLE % 3), True),  # also far apart
        (CYCLE % 2, False),  # two values have no order to get wrong
        (CYCLE * 0 + 7, False),
        (CYCLE % (MOST_CODES + 1), False),
        (CYCLE % 3 + 0.5, False),
        (np.where(CYCLE == 39, 0.25, CYCLE % 3), False),  # one that is not whole
    ],
)
def test_columns_of_few_whole_numbers_look_like_codes(column, counts):
    found = dataset(CYCLE / 7, column, columns=("length", "color")).code_columns
    assert found == (("color",) if counts else ())


def test_columns_without_names_are_numbered_from_one():
    assert dataset(CYCLE % 3, CYCLE / 7, CYCLE % 5).code_columns == ("column 1", "column 3")


def test_images_have_no_columns_of_codes():
    images = np.zeros((6, 1, 2, 2), np.uint8)
    images[:, 0, 0, 0] = np.arange(6) % 3
    given = Dataset(images, np.zeros(6, np.int64), ("a", "b"), "digits")
    assert given.code_columns == ()


def pools(label, shape=(4,), **others):
    labeled = Pool.of(np.zeros((len(label), *shape), np.float32), label)
    pool = Pool.of(np.zeros((9, *shape), np.float32))
    return Data(labeled, pool, ("a", "b", "c"), {}, **others)


def test_facts_are_those_of_the_pools():
    facts = pools(np.array([0, 0, 2, 0]), preset="features", code_columns=("color",)).facts
    assert (facts.num_classes, facts.num_labeled, facts.num_unlabeled) == (3, 4, 9)
    assert (facts.shape, facts.is_images) == ((4,), False)
    assert (facts.preset, facts.code_columns) == ("features", ("color",))
    assert facts.class_shares.tolist() == [0.75, 0.0, 0.25]


def test_facts_of_images_have_their_shape():
    facts = pools(np.array([0, 1]), (3, 8, 6)).facts
    assert (facts.shape, facts.is_images) == ((3, 8, 6), True)


def test_soft_labels_count_by_their_shares():
    data = pools(np.array([0, 1]))
    soft = torch.tensor([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]])
    softened = dataclasses.replace(data, labeled=dataclasses.replace(data.labeled, label=soft))
    facts = softened.facts
    assert facts.num_classes == 3
    torch.testing.assert_close(facts.class_shares, torch.tensor([0.25, 0.125, 0.625]))


def test_a_run_tells_the_preset_and_the_codes_of_what_was_read():
    rng = np.random.default_rng(0)
    label = np.where(CYCLE < 20, CYCLE % 2, -1)
    x = np.stack([rng.normal(size=40), rng.integers(0, 4, 40)], 1).astype(np.float32)
    given = Dataset(x, label, ("a", "b"), "features", columns=("length", "color"))
    phases = Phases(given, Config("rows", algorithm="mixmatch", steps=2), None, Silent())
    phase = phases.only  # on all labels
    facts = phases.trainer(phase, 2).data.facts
    assert (facts.preset, facts.code_columns) == ("features", ("color",))
    assert (facts.num_labeled, facts.num_unlabeled) == (20, 20)
