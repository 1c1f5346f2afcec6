"""The methods for feature rows that take no steps: against references, and in a whole run."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression

from realmix import SemiSupervisedClassifier
from realmix.augment.presets import PRESETS
from realmix.base.errors import Interrupted, UsageError
from realmix.base.randomness import derive
from realmix.contract.method import Facts
from realmix.data.pools import Data, Pool
from realmix.procedures.rows.balanced_self_training import BalancedSelfTraining
from realmix.procedures.rows.boosting import Boosting
from realmix.procedures.rows.committee import Committee
from realmix.procedures.rows.consensus import Consensus, agreeing, agreement_beyond_chance
from realmix.procedures.rows.forest import Forest
from realmix.procedures.rows.gaussian_mixture import GaussianMixture
from realmix.procedures.rows.label_spreading import LabelSpreading
from realmix.procedures.rows.linear import Linear
from realmix.procedures.rows.prototypes import Prototypes
from realmix.procedures.rows.shared import STRENGTHS, mean_square, pool_shares, strength_of
from realmix.training.parallel import inner
from tests.procedures.small import FEATURES, blobs, stages

METHODS = {
    "linear": Linear,
    "forest": Forest,
    "boosting": Boosting,
    "committee": Committee,
    "label_spreading": LabelSpreading,
    "balanced_self_training": BalancedSelfTraining,
    "gaussian_mixture": GaussianMixture,
    "prototypes": Prototypes,
    "consensus": Consensus,
}
EVERY = pytest.mark.parametrize("name", METHODS)


def probs_of(method, run):
    network = method.train(run)
    return run.predict(network, run.data.unlabeled.inputs).numpy()


def test_linear_is_scikit_learns_logistic_regression():
    run = stages(blobs())
    known = run.data.labeled
    model = LogisticRegression(C=0.5).fit(known.inputs.numpy(), known.label.numpy())
    theirs = model.predict_proba(run.data.unlabeled.inputs.numpy())
    assert probs_of(Linear(strength=0.5), run) == pytest.approx(theirs, abs=1e-3)


def test_a_committee_is_the_mean_of_four_models_of_scikit_learn():
    run = stages(blobs())
    known, new = run.data.labeled, run.data.unlabeled.inputs.numpy()
    rows, label = known.inputs.numpy().astype(float), known.label.numpy()
    seed = derive(run.seed) % 2**32
    few = {"max_leaf_nodes": 8, "min_samples_leaf": 5, "l2_regularization": 1.0}
    theirs = [
        LogisticRegression(C=strength_of(rows, label, run)[0]),
        RandomForestClassifier(7, random_state=seed),
        ExtraTreesClassifier(7, random_state=seed),
        HistGradientBoostingClassifier(max_iter=9, max_features=0.3, random_state=seed, **few),
    ]
    probs = np.mean([model.fit(rows, label).predict_proba(new) for model in theirs], 0)
    mine = probs_of(Committee(trees=7, rounds=9), run)
    assert mine == pytest.approx(np.maximum(probs, 1e-3), abs=3e-3)
    assert np.abs(mine - theirs[1].predict_proba(new)).max() > 0.1


def test_of_many_classes_a_committee_boosts_less():
    run = stages(blobs())
    network = inner(Committee(trees=2, rounds=200).train(run))
    assert len(network.boosting.roots) == 300
    assert len(network.forest.roots) == 4


def test_a_strength_that_was_found_is_not_sought_again(monkeypatch):
    run = stages(dataclasses.replace(blobs(), width=4))
    rows, label = run.data.labeled.inputs.numpy().astype(float), run.data.labeled.label.numpy()
    found = strength_of(rows + 0.5, label, run)
    monkeypatch.setattr("realmix.procedures.rows.shared.best_strength", None)
    assert strength_of(rows + 0.5, label, run) == found
    with pytest.raises(TypeError):
        strength_of(rows + 0.25, label, run)
    with pytest.raises(TypeError):
        strength_of(rows + 0.5, label[::-1], run)


def test_a_vote_asks_what_was_fitted_with_these_rows_before(monkeypatch):
    asked = []

    def counted(method):
        fit = method.fitted
        monkeypatch.setattr(
            method, "fitted", lambda self, run: asked.append(self) or fit(self, run)
        )

    for method in (GaussianMixture, BalancedSelfTraining, Prototypes):
        counted(method)
    run = stages(dataclasses.replace(blobs(), width=FEATURES), seed=41)
    alone = [method().train(run) for method in (GaussianMixture, BalancedSelfTraining, Prototypes)]
    assert len(asked) == 3
    vote = Consensus(least_kappa=0.0).train(run)
    assert len(asked) == 3
    Consensus(least_kappa=0.0).train(stages(run.data, seed=42))  # which draws by another seed
    assert len(asked) == 6
    GaussianMixture(dimensions=2).train(run)
    GaussianMixture(most_rows=30).train(run)
    assert len(asked) == 8
    GaussianMixture(most_rows=30_000).train(run)
    assert len(asked) == 8
    monkeypatch.setattr("realmix.procedures.rows.shared._layers", {})
    for method, before in zip((GaussianMixture, Consensus), (alone[0], vote), strict=True):
        anew = (method(least_kappa=0.0) if method is Consensus else method()).train(run)
        assert all(map(torch.equal, before.state_dict().values(), anew.state_dict().values()))


def test_what_was_fitted_long_ago_is_forgotten(monkeypatch):
    kept = {}
    monkeypatch.setattr("realmix.procedures.rows.shared._layers", kept)
    monkeypatch.setattr("realmix.procedures.rows.shared.REMEMBERED", 2)
    run = stages(blobs())
    first, second, third = (GaussianMixture(dimensions=d).remembered(run) for d in (1, 2, 3))
    assert list(map(id, kept.values())) == [id(second), id(third)]
    assert GaussianMixture(dimensions=1).remembered(run) is not first


def test_spread_scores_solve_zhous_system():
    run = stages(blobs(labeled=9, pool=30))
    rows, shares = LabelSpreading(alpha=0.9, neighbors=4).spread(run)
    unit = rows.numpy() / np.linalg.norm(rows.numpy(), axis=1, keepdims=True)
    similarity = unit @ unit.T - 2 * np.eye(39)
    weight = np.zeros((39, 39))
    for i in range(39):
        for j in np.argsort(-similarity[i])[:4]:
            weight[i, j] += max(similarity[i, j], 0) ** 3
            weight[j, i] += max(similarity[i, j], 0) ** 3
    degree = weight.sum(1)
    scaled = weight / np.sqrt(degree[:, None] * degree)
    given = np.zeros((39, 3))
    given[np.arange(9), run.data.labeled.label.numpy()] = 1 / 3
    scores = np.linalg.solve(np.eye(39) - 0.9 * scaled, given)
    expected = scores / scores.sum(1, keepdims=True)
    assert len(rows) == 39
    assert shares[9:].numpy() == pytest.approx(expected[9:], abs=1e-3)
    assert shares[:9].numpy() == pytest.approx(3 * given[:9])


def test_spreading_keeps_the_labels_and_so_many_of_the_pool():
    run = stages(blobs(labeled=9, pool=30))
    rows, _ = LabelSpreading(most_rows=12).spread(run)
    assert torch.equal(rows[:9], run.data.labeled.inputs)
    pool = run.data.unlabeled.inputs.tolist()
    assert 1 <= len(rows) - 9 <= 12
    assert all(row in pool for row in rows[9:].tolist())


def test_quotas_follow_the_larger_of_both_shares():
    """All of 10 rows look like class 0: a third of the labels allow 1/3 * 10 of them, or the sum
    of its probabilities if that is more."""
    pool, model = np.eye(1).repeat(10, 0), (np.array([[1.0], [0], [0]]), np.zeros(3))
    prior = np.full(3, 1 / 3)
    share = np.e / (np.e + 2)
    for slack, part in ((1.0, 1.0), (1.0, 0.5), (1.5, 0.5)):
        method = BalancedSelfTraining(slack=slack)
        chosen, pseudo = method.chosen(model, pool, prior, part)
        assert chosen.sum() == np.ceil(slack * part * share * 10)
        assert set(pseudo) == {0}
    chosen, _ = BalancedSelfTraining(slack=1.0).chosen(model, pool, np.array([0.9, 0.05, 0.05]), 1)
    assert chosen.sum() == 9


def test_without_weight_a_pool_changes_nothing():
    run = stages(blobs())
    alone = probs_of(Linear(), run)
    assert probs_of(BalancedSelfTraining(pool_weight=0), stages(blobs())) == pytest.approx(
        alone, abs=2e-3
    )
    assert probs_of(BalancedSelfTraining(), stages(blobs())) != pytest.approx(alone, abs=2e-3)


def test_a_strength_of_features_does_not_depend_on_the_unit_of_the_rows():
    run = stages(dataclasses.replace(blobs(), width=4))
    rows, label = run.data.labeled.inputs.numpy().astype(float), run.data.labeled.label.numpy()
    one, other = strength_of(rows, label, run), strength_of(7 * rows, label, run)
    assert one[0] == pytest.approx(49 * other[0])
    assert one[1] == pytest.approx(other[1], rel=0.05)
    assert any(one[0] * mean_square(rows) == pytest.approx(known) for known in STRENGTHS)


def test_prototypes_follow_cosines_of_rows_of_any_length():
    slopes, bias = Prototypes(pool_weight=0.0).fitted(stages(blobs(labeled=9)))
    rows = blobs(labeled=9).labeled
    sums = np.array([rows.inputs[rows.label == c].numpy().sum(0) for c in range(3)])
    cosines = (
        sums @ slopes.T / np.linalg.norm(sums, axis=1)[:, None] / np.linalg.norm(slopes, axis=1)
    )
    assert np.diag(cosines) == pytest.approx(np.ones(3))
    assert np.linalg.norm(slopes, axis=1) == pytest.approx(np.full(3, np.linalg.norm(slopes[0])))
    assert not bias.any()


@pytest.mark.parametrize("agreement", [0.0, 3.0])
def test_the_student_learns_what_most_say_and_less_where_they_differ(agreement, monkeypatch):
    """Four opinions of 60 rows; of an even vote the surer side is believed."""
    run, rng = stages(blobs()), np.random.default_rng(0)
    opinions = [rng.dirichlet(np.ones(3), 60) for _ in range(4)]
    monkeypatch.setattr(Consensus, "opinions", lambda self, stages, pool, mixture: opinions)
    votes = np.array(
        [np.bincount([o[u].argmax() for o in opinions], minlength=3) for u in range(60)]
    )
    mean = sum(opinions) / 4
    pseudo = [max(range(3), key=lambda c: (votes[u, c], mean[u, c])) for u in range(60)]
    weight = 0.5 * 20 / 60 * (votes.max(1) / 4) ** agreement
    known, pool = run.data.labeled, run.data.unlabeled.inputs.numpy()
    both = np.concatenate([known.inputs.numpy(), pool]).astype(float)
    model = LogisticRegression(C=2 / (both**2).sum(1).mean(), tol=1e-6, max_iter=1000)
    model.fit(both, np.r_[known.label.numpy(), pseudo], np.r_[np.ones(20), weight])
    fields = {"agreement": agreement, "times": 0.5, "strength": 2.0, "balance": 0.0}
    mine = probs_of(Consensus(least_kappa=0.0, **fields), run)
    assert mine == pytest.approx(model.predict_proba(pool), abs=2e-3)


def test_where_methods_agree_little_more_than_by_chance_the_mixture_is_followed(monkeypatch):
    run, rng = stages(blobs()), np.random.default_rng(0)
    opinions = [rng.dirichlet(np.ones(3), 60) for _ in range(4)]
    monkeypatch.setattr(Consensus, "opinions", lambda self, stages, pool, mixture: opinions)
    alone = probs_of(GaussianMixture(most_rows=10_000), run)
    assert probs_of(Consensus(), run) == pytest.approx(alone)
    assert probs_of(Consensus(least_kappa=0.0), run) != pytest.approx(alone, abs=0.01)


def test_prototypes_vote_where_they_do_not_disturb_the_others():
    """Two rows, two classes: three agree; the last agrees too, or names one class for both."""
    right, wrong = np.eye(2), np.array([[1.0, 0], [1, 0]])
    for last, count in ((right, 4), (wrong, 3)):
        heard, kappa = agreeing([right, right, right, last])
        assert (len(heard), kappa) == (count, 1.0)
    # (4, 0), (2, 2): kappa (2/3 - 5/8) / (3/8) = 1/9; without the last (3, 0), (1, 2): 1/4
    heard, kappa = agreeing([right, right, wrong, wrong])
    assert (len(heard), kappa) == (3, pytest.approx(1 / 4))
    heard, kappa = agreeing([right, wrong, right, right])
    assert (len(heard), kappa) == (4, pytest.approx(7 / 15))


def test_agreement_beyond_chance_by_hand():
    """(share of pairs of votes that agree - what chance would bring) / (1 - the latter)."""
    assert agreement_beyond_chance(np.array([[4.0, 0], [0, 4]])) == 1.0
    assert agreement_beyond_chance(np.array([[3.0, 1], [1, 3]])) == 0.0  # half, as by chance
    assert agreement_beyond_chance(np.array([[4.0, 0], [1, 3]])) == pytest.approx(
        ((1 + 0.5) / 2 - (0.625**2 + 0.375**2)) / (1 - (0.625**2 + 0.375**2))
    )
    assert agreement_beyond_chance(np.array([[2.0, 2], [2, 2]])) == 0.0  # below chance
    assert agreement_beyond_chance(np.array([[4.0, 0], [4, 0]])) == 1.0  # one class alone
    assert agreement_beyond_chance(np.zeros((0, 3))) == 1.0


def test_with_full_balance_the_pool_gets_its_supposed_shares():
    run = stages(blobs(labeled=21))
    found = probs_of(Consensus(balance=1.0, least_kappa=0.0), run).mean(0)
    assert found == pytest.approx(pool_shares(run), abs=1e-3)


def of_shares(shares, labeled=18, pool=300, apart=3.0):
    """As many labels of three classes, in a plane, and a pool in which they have these shares."""
    rng = np.random.default_rng(0)
    pool_label = np.repeat(np.arange(3), np.round(pool * np.array(shares)).astype(int))
    label = np.r_[np.arange(labeled) % 3, pool_label]
    turns = 2 * np.pi * label / 3
    rows = apart * np.stack([np.cos(turns), np.sin(turns), 0 * turns, 0 * turns], 1)
    rows = (rows + rng.normal(size=rows.shape)).astype(np.float32)
    known = Pool.of(rows[:labeled], label[:labeled])
    views = PRESETS["features"]((4,))
    return stages(Data(known, Pool.of(rows[labeled:]), tuple("abc"), views, "features"))


@pytest.mark.parametrize("shares", [(0.7, 0.2, 0.1), (0.1, 0.1, 0.8)])
def test_an_unequal_pool_is_told_from_equal_labels(shares):
    """A tenth of the pool's rows are supposed besides, of the labels' shares."""
    expected = (np.array(shares) + 0.1 / 3) / 1.1
    assert pool_shares(of_shares(shares)) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("apart", [3.0, 0.5])
def test_a_pool_like_the_labels_keeps_their_shares(apart):
    assert pool_shares(of_shares((1 / 3,) * 3, apart=apart)) == pytest.approx([1 / 3] * 3, abs=0.05)


@pytest.mark.parametrize("pool", [0, 60])
def test_where_nothing_can_be_told_a_pool_has_the_shares_of_the_labels(pool):
    """Of one label a class none can be left out; of no pool there is nothing to tell."""
    run = of_shares((0.8, 0.1, 0.1), labeled=18 if pool == 0 else 3, pool=pool)
    assert pool_shares(run) == pytest.approx([1 / 3] * 3)


def test_the_vote_names_rare_classes_of_the_pool_no_more_often_than_they_occur():
    shares = (0.85, 0.1, 0.05)
    found = probs_of(Consensus(), of_shares(shares, apart=1.7)).argmax(1)
    assert np.bincount(found, minlength=3) / 300 == pytest.approx(shares, abs=0.06)


def test_few_labels_and_a_wide_table_are_no_obstacle():
    """Two labels of one class, one of the other, and more columns than rows."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(23, 40)).astype(np.float32)
    y = np.array([0, 0, 1, *[-1] * 20])
    for name in METHODS:
        model = SemiSupervisedClassifier(name, gate=False, random_state=0).fit(rows, y)
        assert np.isfinite(model.predict_proba(rows)).all()


@pytest.mark.usefixtures("brief")
@EVERY
def test_a_whole_run_with_the_gate(name):
    x, truth = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(150)
    x, truth = x[order], truth[order]
    y = np.where(np.arange(150) < 30, truth, -1)
    model = SemiSupervisedClassifier(name, steps=2, random_state=0).fit(x, y)
    assert model.result_["algorithm"] == name
    alone = model.result_["labels_alone"]  # two steps of an MLP are no match
    assert alone == (name if name in ("linear", "forest", "boosting") else "committee")
    assert model.score(x[30:], truth[30:]) > 0.8


@EVERY
def test_images_are_refused(name):
    facts = Facts(2, 4, 4, (1, 8, 8), torch.full((2,), 0.5))
    with pytest.raises(UsageError, match=f"{name} learns from feature rows, and these are images"):
        METHODS[name]().check(facts)


@EVERY
def test_a_run_that_should_stop_does_not_begin_it(name):
    run = stages(stop=lambda: True)
    with pytest.raises(Interrupted):
        METHODS[name]().train(run)
    assert not run.begun
