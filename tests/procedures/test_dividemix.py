"""DivideMix: the loss against a reference, who judges whom, and resume."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from scipy.special import betaincinv

from realmix.base.errors import UsageError
from realmix.contract.algorithm import Batch
from realmix.data.pools import Pool
from realmix.functional.losses import entropy, prior_gap
from realmix.functional.targets import sharpen
from realmix.procedures import dividemix as module
from realmix.procedures.dividemix import CoDivided, DivideMix, clean_labels, divided, guesses
from realmix.training.trainer import Trainer
from tests import tiny
from tests.procedures.small import blobs, interrupted, same, stages, weights

FIELDS = {"warm_up": 0.25, "least_steps": 3, "few_labels": True}


def made(peer=None, wait=0, **fields):
    other = tiny.network(9)
    peer = peer or (lambda rows: other(rows).softmax(-1))
    objective = CoDivided(DivideMix(**fields), wait, peer)
    objective.setup(tiny.nets(), tiny.facts())
    return objective


def batch_of(objective, labeled=6, unlabeled=8):
    """With clean probabilities of all sizes."""
    batch = tiny.batch(objective.views, labeled, unlabeled)
    weight = torch.linspace(0.5, 1.0, labeled)
    return Batch(dataclasses.replace(batch.labeled, weight=weight), batch.unlabeled)


def reference(net, batch, step, temperature=0.5, alpha=4.0):
    """Algorithm 1, lines 15 to 25: predictions on the mixed rows, and their targets."""
    peer = tiny.network(9)
    x, u = ([view.numpy() for view in stream.views] for stream in (batch.labeled, batch.unlabeled))
    label, w = batch.labeled.label.numpy(), batch.labeled.weight.numpy()
    own = sum(tiny.softmax(tiny.logits(net, view)) for view in x) / 2
    refined = np.zeros_like(own)
    for i in range(len(label)):
        refined[i] = (1 - w[i]) * own[i]
        refined[i, label[i]] += w[i]
    target_x = tiny.sharpened_mean([refined], temperature)
    target_u = tiny.sharpened_mean(
        [tiny.softmax(tiny.logits(each, view)) for each in (net, peer) for view in u], temperature
    )
    rows, targets = np.concatenate([*x, *u]), [target_x, target_x, target_u, target_u]
    rng = torch.Generator().manual_seed(step.rng.initial_seed())
    uniform = torch.rand(1, generator=rng, dtype=torch.float64).numpy()
    share = float(betaincinv(alpha, alpha, uniform).astype(np.float32)[0])
    share = max(share, float(np.float32(1) - np.float32(share)))
    partner = torch.randperm(len(rows), generator=rng).numpy()
    targets = np.concatenate(targets)
    mixed = share * rows + (1 - share) * rows[partner]
    return tiny.logits(net, mixed), share * targets + (1 - share) * targets[partner], mixed


# --- the loss


@pytest.mark.parametrize(
    "fields", [{}, {"temperature": 0.8, "alpha": 0.7, "weight": 3.0, "prior_weight": 2.0}]
)
def test_all_terms_equal_the_reference(fields):
    nets, objective = tiny.nets(), made(ramp_steps=50, **fields)
    batch, step = batch_of(objective), tiny.step(90, 100)
    losses = objective.loss(nets, batch, step)
    mixing = {key: fields[key] for key in ("temperature", "alpha") if key in fields}
    z, targets, _ = reference(nets.student, batch, step, **mixing)
    mean = tiny.softmax(z).mean(0)
    expected = {
        "supervised": np.mean(tiny.cross_entropy(z[:12], targets[:12])),
        "unlabeled": fields.get("weight", 25) * np.mean(tiny.squared_error(z[12:], targets[12:])),
        "prior": fields.get("prior_weight", 1) * sum(np.log(1 / 3 / p) / 3 for p in mean),
    }
    assert losses.terms.keys() == expected.keys()
    for term, value in expected.items():
        assert losses.terms[term].item() == pytest.approx(value, rel=1e-5), term


def test_the_worked_refinement_and_penalty():
    refined = 0.8 * torch.tensor([[1.0, 0, 0]]) + 0.2 * torch.tensor([[0.5, 0.3, 0.2]])
    expected = torch.tensor([[0.993621, 0.004416, 0.001963]])
    torch.testing.assert_close(sharpen(refined, 0.5), expected, atol=5e-7, rtol=0)
    gap = prior_gap(torch.tensor([[0.5, 0.3, 0.2]]).log())
    assert gap.item() == pytest.approx(0.070240, abs=5e-7)


@pytest.mark.parametrize("total", [235_000, 10**6])  # 300 epochs, and a longer run
@pytest.mark.parametrize(("epoch", "weight"), [(10, 0), (14, 6.25), (18, 12.5), (26, 25), (40, 25)])
def test_the_weight_ramps_for_sixteen_epochs_of_the_paper_after_the_warm_up(epoch, weight, total):
    """Epochs of 50,000 labels in batches of 64, ten of them the warm-up."""
    assert ramped(round(epoch * 50_000 / 64), total, wait=round(10 * 50_000 / 64)) == (
        pytest.approx(weight, rel=1e-3)
    )


@pytest.mark.parametrize(
    ("index", "weight"), [(100, 0), (280, 5), (550, 12.5), (999, 25 * 899 / 900)]
)
def test_a_run_that_ends_before_the_ramp_is_one_ramp_after_the_warm_up(index, weight):
    assert ramped(index, 1000, wait=100) == pytest.approx(weight, rel=1e-9)


def ramped(index, total, wait):
    """The weight of the unlabeled term: that term over the same with a weight of 1."""
    nets, objective = tiny.nets(), made(wait=wait)
    unit = made(wait=0, weight=1.0, ramp_steps=1)
    batch = batch_of(objective)
    found, one = (
        each.loss(nets, batch, tiny.step(index, total)).terms["unlabeled"].item()
        for each in (objective, unit)
    )
    return found / one


def test_the_warm_up_is_the_labels_alone_and_ends_exactly():
    nets, objective = tiny.nets(), made(wait=5)
    batch = batch_of(objective)
    terms = objective.loss(nets, batch, tiny.step(4, 100)).terms
    z = tiny.logits(nets.student, batch.labeled.views[0].numpy())
    plain = np.mean(tiny.cross_entropy(z, batch.labeled.label.numpy()))
    assert list(terms) == ["supervised"]
    assert terms["supervised"].item() == pytest.approx(plain, rel=1e-6)
    assert "prior" in objective.loss(nets, batch, tiny.step(5, 100)).terms


def test_against_asymmetric_noise_the_warm_up_rewards_entropy():
    nets, objective = tiny.nets(), made(wait=5, unsure=True)
    batch = batch_of(objective)
    terms = objective.loss(nets, batch, tiny.step(0, 100)).terms
    p = tiny.softmax(tiny.logits(nets.student, batch.labeled.views[0].numpy()))
    assert terms["entropy"].item() == pytest.approx((p * np.log(p)).sum(1).mean(), rel=1e-6)
    worked = -entropy(torch.tensor([[0.7, 0.2, 0.1]]).log())
    assert worked.item() == pytest.approx(-0.801819, abs=1e-6)


def test_targets_carry_no_gradient_to_either_network():
    nets, other = tiny.nets(), tiny.network(9)
    objective = made(peer=lambda rows: other(rows).softmax(-1), ramp_steps=1)
    batch, step = batch_of(objective), tiny.step(50, 100)
    losses = objective.loss(nets, batch, step)
    _, targets, mixed = reference(nets.student, batch, step)
    rows, fixed = torch.from_numpy(mixed), torch.from_numpy(targets)
    wanted = 25 * (nets.student(rows).softmax(-1)[12:] - fixed[12:]).square().mean()
    for got, want in zip(
        tiny.gradients(losses.terms["unlabeled"], nets.student),
        tiny.gradients(wanted, nets.student), strict=True,
    ):  # fmt: skip
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-7)
    losses.total.backward()
    assert all(p.grad is None for p in other.parameters())


def test_its_own_guesses_and_the_mixed_pass_update_statistics():
    net, objective = tiny.normalizing_network(0), made()
    objective.loss(tiny.Nets(net, net), batch_of(objective), tiny.step(50, 100))
    assert net[1].num_batches_tracked == 5  # two views labeled, two unlabeled, all mixed


def test_the_clean_rate_is_that_of_all_labels():
    nets, objective = tiny.nets(), made(threshold=0.6)
    objective.clean.value[:, 0] = torch.linspace(0, 1, 12)
    losses = objective.loss(nets, batch_of(objective), tiny.step(50, 100))
    assert losses.metrics["clean_rate"].item() == pytest.approx(5 / 12)


# --- the division


def test_likely_labels_are_kept_with_their_weight_and_the_rest_is_unlabeled():
    data = blobs(labeled=6, pool=4)
    clean = torch.tensor([0.9, 0.5, 0.2, 0.51, 1.0, 0.0])
    found = divided(data, clean, 0.5)
    kept = [0, 3, 4]  # 0.5 is not more than 0.5
    assert torch.equal(found.labeled.inputs, data.labeled.inputs[kept])
    assert torch.equal(found.labeled.label, data.labeled.label[kept])
    assert torch.equal(found.labeled.weight, clean[kept])
    others = torch.cat([data.labeled.inputs[[1, 2, 5]], data.unlabeled.inputs])
    assert torch.equal(found.unlabeled.inputs, others)
    assert found.unlabeled.label.tolist() == [-1] * 7
    assert len(data.labeled) == 6


def test_each_side_keeps_at_least_one_row():
    data = blobs(labeled=4, pool=3)
    found = divided(data, torch.tensor([0.1, 0.3, 0.2, 0.0]), 0.5)
    assert (len(found.labeled), len(found.unlabeled)) == (1, 6)
    assert torch.equal(found.labeled.inputs, data.labeled.inputs[[1]])
    alone = dataclasses.replace(data, unlabeled=Pool.of(data.unlabeled.inputs[:0]))
    found = divided(alone, torch.tensor([0.9, 0.8, 0.7, 0.95]), 0.5)
    assert (len(found.labeled), len(found.unlabeled)) == (3, 1)
    assert torch.equal(found.unlabeled.inputs, data.labeled.inputs[[2]])


def test_clean_labels_come_from_the_losses_without_noise(monkeypatch):
    run, given = stages(), []
    network = run.trainer(made()).student
    monkeypatch.setattr(
        module, "clean_probability", lambda losses, seed: given.append((losses, seed)) or losses
    )
    clean_labels(run, network, 7)
    clean_labels(run, network, 8)
    with torch.no_grad():
        probs = network.eval()(run.data.labeled.inputs).softmax(-1)
    label = run.data.labeled.label
    expected = [-np.log(probs[i, c].item()) for i, c in enumerate(label.tolist())]
    assert given[0][0].tolist() == pytest.approx(expected, rel=1e-4)
    assert given[0][1] != given[1][1]
    assert 0 <= given[0][1] < 2**32


def test_a_probability_of_zero_is_a_large_but_finite_loss():
    run = stages()
    network = run.trainer(made()).student
    with torch.no_grad():
        network.network.head.weight.mul_(1e6)
    assert clean_labels(run, network, 0).isfinite().all()


# --- the procedure


def watched(monkeypatch, **options):
    """Who judged at which step, and what each network was trained on."""
    judged, ran = [], []
    original, run = module.clean_labels, Trainer.run

    def judge(given, network, start):
        number = [network is t.nets.student for t in given.trainers].index(True)
        judged.append((start, number, [t.step for t in given.trainers]))
        found = original(given, network, start)
        return found

    def running(self, until=None):
        ran.append((self.algorithm, self.step, until, self.data))
        return run(self, until)

    monkeypatch.setattr(module, "clean_labels", judge)
    monkeypatch.setattr(Trainer, "run", running)
    held = stages(**options)
    network = DivideMix(**FIELDS).train(held)
    return held, network, judged, ran


def test_networks_take_turns_and_each_is_judged_by_the_other(monkeypatch):
    held, _, judged, ran = watched(monkeypatch, steps=12)
    assert [(start, number) for start, number, _ in judged] == [
        (3, 1), (3, 0), (6, 1), (6, 0), (9, 1), (9, 0),
    ]  # fmt: skip
    assert all(at == [start, start] for start, _, at in judged)  # both before either trains
    one, two = (t.algorithm for t in held.trainers)
    turns = [(rule is two, start, until) for rule, start, until, _ in ran[:-2]]
    assert turns == [
        (False, 0, 3), (True, 0, 3), (False, 3, 6), (True, 3, 6), (False, 6, 9), (True, 6, 9),
        (False, 9, 12), (True, 9, 12),
    ]  # fmt: skip
    for _, start, _, data in ran[:-2]:
        assert len(data.labeled) + len(data.unlabeled) == 80
        assert len(data.labeled) == 20 or start
    for rule, trainer in ((one, held.trainers[0]), (two, held.trainers[1])):
        expected = divided(held.data, rule.clean.value[:, 0], 0.5)
        assert torch.equal(trainer.data.labeled.weight, expected.labeled.weight)


def test_each_network_asks_the_other_one(monkeypatch):
    asked = []
    monkeypatch.setattr(module, "guesses", lambda stages, number: asked.append(number) or uniform)

    def uniform(inputs):
        return torch.full((len(inputs), 3), 1 / 3)

    DivideMix(**FIELDS).train(stages())
    assert asked == [1, 0]


def test_the_peer_is_the_other_network_in_evaluation_mode():
    run = stages()
    objectives = [made(), made()]
    trainers = [run.trainer(objective) for objective in objectives]
    rows = run.data.unlabeled.inputs[:5]
    peer = guesses(run, 1)
    trainers[1].student.train()
    with torch.no_grad():
        found = peer(rows)
        expected = trainers[1].student.eval()(rows).softmax(-1)
    assert torch.equal(found, expected)
    assert not torch.equal(found, guesses(run, 0)(rows))


def test_the_networks_start_differently_and_are_shipped_together():
    run = stages()
    network = DivideMix(**FIELDS).train(run)
    one, two = (t.nets.ema for t in run.trainers)
    start = [weights(run.build(number, None))["head.weight"] for number in (0, 1)]
    assert not torch.equal(*start)
    rows = run.data.unlabeled.inputs
    with torch.no_grad():
        summed = one.eval()(rows) + two.eval()(rows)
        found = network.eval()(rows)
    torch.testing.assert_close(2 * found, summed)
    assert DivideMix().final_model("convnet") == "pair:convnet"
    fresh = run.build(0, DivideMix().final_model("mlp"))
    fresh.load_state_dict(network.network.state_dict())


def test_it_trains_twice_the_steps_and_finds_the_wrong_labels():
    data = blobs(labeled=120, pool=40, wrong=20)
    run = stages(data, steps=100, recipe=dataclasses.replace(DivideMix.recipe, learning_rate=0.005))
    procedure = DivideMix(**FIELDS)
    network = procedure.train(run)
    assert run.steps_done == 100 * procedure.trainings
    for trainer in run.trainers:
        clean = trainer.algorithm.clean.value[:, 0]
        assert clean[:20].mean() + 0.4 < clean[20:].mean()
    truth = torch.arange(120, 160) % 3
    assert (run.predict(network, data.unlabeled.inputs).argmax(1) == truth).float().mean() > 0.8


@pytest.mark.parametrize("every", [1, 2, 3, 5, 8, 13])
def test_an_interrupted_training_ends_with_the_same_bits(every, tmp_path):
    whole = weights(DivideMix(**FIELDS).train(stages()))
    assert same(weights(interrupted(DivideMix(**FIELDS), tmp_path, every)), whole)


def test_a_finished_training_is_read_back(tmp_path):
    whole = weights(DivideMix(**FIELDS).train(stages(folder=tmp_path)))
    again = stages(folder=tmp_path, stop=lambda: True)
    assert same(weights(DivideMix(**FIELDS).train(again)), whole)


@pytest.mark.parametrize(("warm_up", "judged"), [(0.0, 4), (1.0, 0)])
def test_no_warm_up_and_nothing_else_work(warm_up, judged, monkeypatch):
    calls = []
    original = module.clean_labels
    monkeypatch.setattr(
        module, "clean_labels", lambda *given: calls.append(given) or original(*given)
    )
    network = DivideMix(warm_up=warm_up, least_steps=6).train(stages())
    assert len(calls) == judged
    assert all(value.isfinite().all() for value in weights(network).values())


def test_too_few_labels_are_refused_with_what_to_do():
    balanced = tiny.facts(num_labeled=40)
    with pytest.raises(UsageError, match=r"40 labels, 13 of the rarest.*mixmatch.*few_labels=true"):
        DivideMix().check(balanced)
    shares = torch.tensor([0.05, 0.5, 0.45])
    with pytest.raises(UsageError, match=r"120 labels, 6 of the rarest"):
        DivideMix().check(tiny.facts(num_labeled=120, class_shares=shares))
    DivideMix().check(tiny.facts(num_labeled=120))
    DivideMix(few_labels=True).check(balanced)


def test_the_method_is_not_changed_by_training():
    procedure = DivideMix(**FIELDS)
    before = copy.deepcopy(procedure.fields())
    procedure.train(stages())
    assert procedure.fields() == before
