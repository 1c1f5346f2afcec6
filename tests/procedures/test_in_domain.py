"""In-domain filtering: what is kept of the pool, and who learns from it."""

import dataclasses

import numpy as np
import pytest
import torch

from realmix.algorithms import ALGORITHMS
from realmix.algorithms.uda import UDA
from realmix.base.errors import UsageError
from realmix.data.pools import Data, Pool
from realmix.procedures.in_domain import InDomain
from tests import tiny
from tests.procedures.small import blobs, stages


def kept(monkeypatch, probs, **fields):
    """Pool rows that are kept of those with these predictions."""
    run = stages(blobs(labeled=6, pool=len(probs)))
    monkeypatch.setattr(run, "predict", lambda network, inputs: torch.tensor(probs))
    data = InDomain(**fields).kept(run, None)
    assert data.labeled is run.data.labeled
    assert (data.unlabeled.label == -1).all()
    pool = run.data.unlabeled.inputs.tolist()
    return [pool.index(row) for row in data.unlabeled.inputs.tolist()]


def test_the_likeliest_of_each_class_are_kept_even_where_another_class_is_likelier(monkeypatch):
    probs = [[0.9, 0.1, 0.0], [0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.7, 0.0, 0.3], [0.5, 0.2, 0.3]]
    assert kept(monkeypatch, probs, share=0.6) == [0, 2, 3]  # one of each class, of equal the first


def test_the_share_is_of_the_pool_and_equal_for_all_classes(monkeypatch):
    rng = np.random.default_rng(0)
    probs = tiny.softmax(3 * rng.normal(size=(60, 3)))
    for share, each in ((0.5, 10), (0.21, 5), (0.001, 1)):
        found = kept(monkeypatch, probs, share=share)
        expected = set()
        for c in range(3):
            expected |= set(np.argsort(-probs[:, c])[:each].tolist())
        assert set(found) == expected
        assert len(found) <= 3 * each
    assert kept(monkeypatch, probs, share=1.0)


def test_rows_of_no_class_are_left_out():
    """Half of the pool lies between the clusters."""
    data = blobs(labeled=30, pool=60)
    rng = np.random.default_rng(1)
    between = (0.05 * rng.normal(size=(60, 4))).astype(np.float32)
    mixed = torch.cat([data.unlabeled.inputs, torch.from_numpy(between)])
    run = stages(Data(data.labeled, Pool.of(mixed), data.classes, data.views), steps=100)
    InDomain(share=0.4).train(run)
    pool = run.trainers[1].data.unlabeled.inputs.tolist()
    foreign = sum(row in pool for row in torch.from_numpy(between).tolist())
    assert foreign / len(pool) < 0.15


def test_the_classifier_of_the_labels_judges_and_the_base_learns(monkeypatch):
    run, asked = stages(), []
    predict = run.predict
    monkeypatch.setattr(run, "predict", lambda net, x: asked.append(net) or predict(net, x))
    shipped = InDomain().train(run)
    judge, base = run.trainers
    assert asked == [judge.nets.ema]
    assert isinstance(base.algorithm, UDA)
    assert shipped is base.nets.ema
    assert len(judge.data.unlabeled) == 60
    assert len(base.data.unlabeled) <= 30
    assert run.steps_done == 24


@pytest.mark.parametrize("name", ["mixmatch", "temporal_ensembling"])
def test_any_algorithm_may_learn_from_what_is_kept(name):
    run = stages(recipe=InDomain.recipe)
    InDomain(base=name).train(run)
    assert type(run.trainers[1].algorithm) is ALGORITHMS[name]
    own = ALGORITHMS[name].recipe
    assert run.trainers[1].recipe.optimizer == own.optimizer
    assert run.trainers[1].recipe.unlabeled_ratio == own.unlabeled_ratio
    assert run.trainers[1].recipe.batch_size == 8


def test_the_base_takes_its_own_fields():
    run, fields = stages(recipe=InDomain.recipe), {"threshold": 0.4, "weight": 2.0}
    InDomain(base="fixmatch", base_fields=fields).train(run)
    assert run.trainers[1].algorithm.fields() == {**ALGORITHMS["fixmatch"]().fields(), **fields}
    assert InDomain(base_fields='{"temperature": 0.5}').learner().temperature == 0.5
    assert InDomain().learner().fields() == UDA().fields()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"tempreture": 1}, "UDA has no field 'tempreture'.*Did you mean 'temperature'"),
        ({"threshold": 2}, "UDA.threshold cannot be 2"),
        ("threshold=1", "InDomain.base_fields cannot be 'threshold=1'"),
    ],
)
def test_what_the_base_does_not_take_is_refused_at_construction(fields, words):
    with pytest.raises(UsageError, match=words):
        InDomain(base_fields=fields)


def test_what_the_base_does_not_go_together_with_is_refused():
    released = InDomain(base="mixmatch", base_fields={"compatibility": "released"})
    released.check_recipe(InDomain.recipe)  # of which the base takes only what the run changed
    with pytest.raises(UsageError, match="interleaves"):
        released.check_recipe(dataclasses.replace(InDomain.recipe, unlabeled_ratio=2))


def test_the_default_recipe_is_the_base_s():
    assert InDomain.recipe == UDA.recipe


def test_an_unknown_base_is_explained():
    with pytest.raises(UsageError, match=r"InDomain.base cannot be 'ud'.*Known: supervised"):
        InDomain(base="ud")


def test_a_share_of_nothing_is_refused():
    with pytest.raises(UsageError, match="keeps nothing"):
        InDomain(share=0.0).check(tiny.facts())
    InDomain(share=0.1).check(tiny.facts())
