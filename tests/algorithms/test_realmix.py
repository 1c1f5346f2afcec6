"""RealMix: MixMatch when its parts are off, and each part against a reference."""

import math

import numpy as np
import pytest
import torch

from realmix.algorithms import MixMatch, RealMix
from realmix.augment.presets import PRESETS
from realmix.base.errors import UsageError
from realmix.contract.algorithm import Erasing, Nets, Views
from realmix.data.pools import Data, Pool
from realmix.data.sampling import batch_at
from tests import tiny

PAPER = Erasing(0.3, (0.02, 0.4))
OFF = {"annealing": "off", "extension": "none", "out_of_distribution": 0.0}


def made(cls=RealMix, **fields):
    algorithm = cls(**fields)
    algorithm.setup(tiny.nets(), tiny.facts())
    return algorithm


def annealed(progress, schedule):
    coefficient = {
        "linear": progress,
        "log": 1 - math.exp(-5 * progress),
        "exp": math.exp(5 * (progress - 1)),
        "off": math.inf,
    }[schedule]
    return coefficient * (1 - 1 / 3) + 1 / 3


def reference(net, batch, step, schedule, phi, released):
    """Both terms, the second without its weight, and the two kept rates."""
    inputs, targets, count = tiny.mixmatch_parts(net, batch, step, 0.5, 0.75)
    z = tiny.logits(net, inputs)
    p, threshold = tiny.softmax(z), annealed(step.progress, schedule)
    total, kept = 0.0, 0
    for i, ce in enumerate(tiny.cross_entropy(z[:count], targets[:count])):
        unlearned = schedule == "off"
        for c in range(3):
            if released:
                unlearned |= p[i, c] * (targets[i, c] > 0) < threshold * z[i, c]
            else:
                unlearned |= targets[i, c] > 0 and p[i, c] < threshold * targets[i, c]
        total, kept = total + unlearned * ce, kept + unlearned
    confidence = p[count:].max(1)
    dropped = int(round(phi * 1000) * len(confidence)) // 1000
    if released and 0 < phi < 1:
        trusted = confidence > np.sort(confidence)[dropped]
    else:
        trusted = np.ones(len(confidence), bool)
        trusted[np.argsort(confidence, kind="stable")[:dropped]] = False
    errors = np.array(tiny.squared_error(z[count:], targets[count:]))
    unlabeled = (trusted * errors).sum() / max(trusted.sum(), 1)
    return total / max(kept, 1), unlabeled, kept / count, trusted.mean()


@pytest.mark.parametrize("compatibility", ["paper", "released"])
@pytest.mark.parametrize("schedule", ["linear", "log", "exp", "off"])
@pytest.mark.parametrize("phi", [0.0, 0.25, 0.6, 1.0])
def test_both_terms_equal_the_reference(compatibility, schedule, phi):
    nets = tiny.nets()
    algorithm = made(
        annealing=schedule, out_of_distribution=phi, compatibility=compatibility, ramp_steps=60
    )
    for index in (1, 45, 90):
        batch, step = tiny.batch(algorithm.views, 9, 9, seed=index), tiny.step(index, 100)
        losses = algorithm.loss(nets, batch, step)
        supervised, unlabeled, unlearned_rate, trusted_rate = reference(
            nets.student, batch, step, schedule, phi, compatibility == "released"
        )
        weight = 75 * min(index / 60, 1)
        assert losses.terms["supervised"].item() == pytest.approx(supervised, rel=1e-6, abs=1e-12)
        assert losses.terms["unlabeled"].item() == pytest.approx(
            weight * unlabeled, rel=1e-6, abs=1e-12
        )
        assert losses.metrics["unlearned_rate"].item() == pytest.approx(unlearned_rate)
        assert losses.metrics["trusted_rate"].item() == pytest.approx(trusted_rate)


def test_the_cases_above_release_some_labels_and_keep_some():
    rates = set()
    for index in (1, 45, 90):
        algorithm = made()
        batch = tiny.batch(algorithm.views, 9, 9, seed=index)
        losses = algorithm.loss(tiny.nets(), batch, tiny.step(index, 100))
        rates.add(round(losses.metrics["unlearned_rate"].item(), 3))
    assert any(0 < rate < 1 for rate in rates)


@pytest.mark.parametrize("compatibility", ["paper", "released"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_with_everything_off_it_is_mixmatch_bit_for_bit(compatibility, dtype):
    shared = {"ramp_steps": 20, "compatibility": compatibility}
    losses = []
    for algorithm in (made(MixMatch, **shared), made(RealMix, **shared, **OFF)):
        net = tiny.normalizing_network(0).to(dtype)
        batch = tiny.batch(algorithm.views, 64, 64)
        views = [view.to(dtype) for view in (*batch.labeled.views, *batch.unlabeled.views)]
        batch = tiny.Batch(
            tiny.examples(views[:1], batch.labeled.label),
            tiny.examples(views[1:], batch.unlabeled.label),
        )
        terms = algorithm.loss(Nets(net, net), batch, tiny.step(1, 100)).terms
        losses.append((*terms.values(), *tiny.gradients(sum(terms.values()), net)))
        assert algorithm.views == Views(("weak",), ("weak", "weak"))
    for one, other in zip(*losses, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("compatibility", ["paper", "released"])
def test_masking_everything_leaves_the_supervised_gradient_bit_for_bit(compatibility):
    net = tiny.normalizing_network(0)
    algorithm = made(out_of_distribution=1.0, compatibility=compatibility)
    losses = algorithm.loss(Nets(net, net), tiny.batch(algorithm.views), tiny.step(50, 100))
    assert losses.terms["unlabeled"].item() == 0
    for whole, supervised in zip(
        tiny.gradients(losses.total, net),
        tiny.gradients(losses.terms["supervised"], net),
        strict=True,
    ):
        assert torch.equal(whole, supervised)


@pytest.mark.parametrize(("phi", "kept"), [(0.25, 95), (0.5, 63), (0.75, 31)])
def test_the_released_mask_keeps_one_row_less(phi, kept):
    nets = tiny.nets()
    batch = tiny.batch(made().views, 64, 64)
    for compatibility, count in (("released", kept), ("paper", kept + 1)):
        algorithm = made(out_of_distribution=phi, compatibility=compatibility)
        rate = algorithm.loss(nets, batch, tiny.step(50, 100)).metrics["trusted_rate"]
        assert rate.item() * 128 == pytest.approx(count)


def test_labels_that_are_learned_stop_counting():
    net = tiny.network(0)
    net[2].weight.data.zero_()
    net[2].bias.data = torch.tensor([8.0, -1.0, -2.0], dtype=torch.float64)  # certain of class 0
    algorithm = made(annealing="linear")
    batch = tiny.batch(algorithm.views)
    batch.labeled.label.zero_()
    for view in batch.unlabeled.views:
        view.zero_()
    # every target is class 0 but for what the guesses leave, which is below any threshold
    early = algorithm.loss(Nets(net, net), batch, tiny.step(1, 100))
    assert early.metrics["unlearned_rate"].item() == 0
    assert early.terms["supervised"].item() == 0
    released = made(annealing="linear", compatibility="released")
    kept = released.loss(Nets(net, net), batch, tiny.step(1, 100))
    assert kept.metrics["unlearned_rate"].item() == 1


def test_masks_look_at_the_prediction_of_the_mixed_rows():
    nets = tiny.nets()
    algorithm = made(out_of_distribution=0.5, weight=1.0, ramp_steps=1)
    batch, step = tiny.batch(algorithm.views), tiny.step(50, 100)
    loss = algorithm.loss(nets, batch, step).terms["unlabeled"]
    inputs, targets, count = tiny.mixmatch_parts(nets.student, batch, step, 0.5, 0.75)
    z = nets.student(torch.from_numpy(inputs[count:]))
    confidence = z.softmax(-1).amax(-1).tolist()
    kept = sorted(range(12), key=confidence.__getitem__)[6:]
    errors = (z.softmax(-1) - torch.from_numpy(targets[count:])).square().mean(-1)
    for got, want in zip(
        tiny.gradients(loss, nets.student),
        tiny.gradients(errors[kept].mean(), nets.student),
        strict=True,
    ):
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("total", [2**19, 10**6])
@pytest.mark.parametrize(("index", "share"), [(0, 0), (4096, 0.25), (16384, 1), (2**18, 1)])
def test_the_weight_ramps_over_sixteen_thousand_steps_however_long_the_run(index, share, total):
    nets = tiny.nets()
    algorithm, unit = made(annealing="off"), made(weight=1.0, ramp_steps=1)
    batch = tiny.batch(algorithm.views)
    ramped = algorithm.loss(nets, batch, tiny.step(index, total)).terms["unlabeled"].item()
    full = unit.loss(nets, batch, tiny.step(max(index, 1), total, seed=0)).terms["unlabeled"]
    assert ramped == (pytest.approx(75 * share * full.item(), rel=1e-12) if index else 0)


@pytest.mark.parametrize(("index", "share"), [(0, 0), (100, 0.2), (499, 0.998)])
def test_a_run_that_is_shorter_than_the_ramp_is_one_ramp(index, share):
    nets, algorithm, unit = tiny.nets(), made(), made(ramp_steps=1, weight=1.0)
    batch = tiny.batch(algorithm.views)
    ramped = algorithm.loss(nets, batch, tiny.step(index, 500)).terms["unlabeled"].item()
    full = unit.loss(nets, batch, tiny.step(max(index, 1), 500)).terms["unlabeled"].item()
    assert ramped == (pytest.approx(75 * share * full, rel=1e-12) if index else 0)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Views(("weak",), ("cutout", "cutout"), 0, None, PAPER)),
        (
            {"erase_probability": 0.5, "least_area": 0.1, "most_area": 0.2},
            Views(("weak",), ("cutout", "cutout"), erasing=Erasing(0.5, (0.1, 0.2))),
        ),
        ({"extension": "simple", "augmentations": 3}, Views(("weak",), ("simple",) * 3, 0)),
        ({"extension": "none"}, Views(("weak",), ("weak", "weak"), 0)),
        ({"copies": 50}, Views(("weak",), ("cutout", "cutout"), 50, None, PAPER)),
        ({"copies": 1}, Views(("weak",), ("cutout", "cutout"), 1, None, PAPER)),
    ],
)
def test_it_asks_for_views_of_the_extended_pool(fields, expected):
    assert made(**fields).views == expected


@pytest.mark.parametrize("copies", [None, 1, 50])
def test_both_views_show_the_rectangle_of_their_copy_in_three_of_ten_examples(copies):
    """Two rectangles of their own would be seen in 1 - 0.7^2 = 51 of a hundred."""
    white = torch.full((3000, 3, 32, 32), 255, dtype=torch.uint8)
    views = PRESETS["svhn"]((3, 32, 32))
    data = Data(Pool.of(white[:3], torch.arange(3)), Pool.of(white), ("a", "b", "c"), views)
    pool = batch_at(data, RealMix(copies=copies).views, 2, 1000, 3, seed=0).unlabeled
    first, second = ((view < 1).flatten(1).any(1) for view in pool.views)
    assert (first | second).float().mean().item() == pytest.approx(0.3, abs=0.025)
    # by moving the copy a small rectangle at its border may leave one of the views
    assert (first == second).float().mean() > 0.98
    fill = [view.amin((1, 2, 3)) for view in pool.views]
    assert torch.equal(fill[0][first & second], fill[1][first & second])


@pytest.mark.parametrize(
    ("labels", "annealing", "kept"),
    [(250, "auto", 0), (251, "auto", 1), (250, "off", 1), (251, "linear", 0), (4000, "exp", 0)],
)
def test_labels_are_released_over_time_where_the_paper_does_so(labels, annealing, kept):
    """A label that is learned to the last does not count, unless nothing is annealed."""
    algorithm = RealMix(annealing=annealing, temperature=0.1)
    algorithm.setup(tiny.nets(), tiny.facts(num_labeled=labels))
    net = tiny.network(0)
    net[2].weight.data.zero_()
    net[2].bias.data = torch.tensor([30.0, -9.0, -9.0], dtype=torch.float64)  # certain of class 0
    batch = tiny.batch(algorithm.views)
    batch.labeled.label.zero_()
    rate = algorithm.loss(Nets(net, net), batch, tiny.step(50, 100)).metrics["unlearned_rate"]
    assert rate.item() == kept


def test_no_copies_cannot_be_asked_for():
    with pytest.raises(UsageError, match=r"RealMix\.copies cannot be 0"):
        RealMix(copies=0)


# --- foreign pools


def test_a_mean_over_all_rows_is_the_share_kept_times_the_mean_over_these():
    nets = tiny.nets()
    for phi, share in ((0.25, 0.75), (0.5, 0.5), (1.0, 0.0)):
        kept, whole = (
            made(out_of_distribution=phi, divisor=divisor) for divisor in ("kept", "all")
        )
        batch = tiny.batch(kept.views, 8, 8)
        one, other = (
            algorithm.loss(nets, batch, tiny.step(50, 100)).terms for algorithm in (kept, whole)
        )
        assert other["unlabeled"].item() == pytest.approx(share * one["unlabeled"].item())
        assert torch.equal(one["supervised"], other["supervised"])


def test_labeled_statistics_remember_the_labeled_rows_alone():
    for statistics, count in (("labeled", 6), ("all", 18)):
        net, algorithm, seen = tiny.normalizing_network(0), made(statistics=statistics), []
        net[0].register_forward_hook(lambda module, given, out, seen=seen: seen.append(given[0]))
        algorithm.loss(Nets(net, net), tiny.batch(algorithm.views), tiny.step(50, 100))
        # two guesses, then the pass or passes of what was mixed
        assert len(seen[2]) == count
        hidden = net[0](seen[2]).detach()
        torch.testing.assert_close(net[1].running_mean, 0.1 * hidden.mean(0))
        assert net[1].num_batches_tracked == 1


def estimating(labeled=1000, **fields):
    algorithm = RealMix(out_of_distribution="estimate", **fields)
    algorithm.setup(tiny.nets(), tiny.facts(num_labeled=labeled))
    return algorithm


def test_too_few_labels_for_an_estimate_are_told():
    few, enough = (tiny.facts(num_labeled=count) for count in (249, 250))
    (told,) = estimating().notes(few)
    assert told.startswith("RealMix finds no foreign share by 249 labels: it takes 250.")
    assert estimating().notes(enough) == RealMix().notes(few) == ()


def test_for_an_estimate_the_pool_is_seen_as_the_labels_are():
    assert estimating().views.unlabeled == ("cutout", "cutout", "weak")
    assert estimating(extension="none").views.unlabeled == ("weak", "weak", "weak")


@pytest.mark.parametrize(
    ("index", "labeled", "held"), [(29, 1000, 2), (30, 1000, 0), (29, 249, 0), (29, 250, 2)]
)
def test_one_label_in_five_does_not_train_while_the_share_is_found(index, labeled, held):
    """Of the rows 0 to 7 these are 0 and 5; not after three tenths, nor with too few labels."""
    algorithm = estimating(labeled, annealing="off")
    batch = tiny.batch(algorithm.views, 8, 8)
    losses = algorithm.loss(tiny.nets(), batch, tiny.step(index, 100))
    assert losses.metrics["unlearned_rate"].item() == pytest.approx(1 - held / 8)
    assert algorithm.foreign.known.sum().item() == held
    assert algorithm.foreign.pool.sum().item() == (8 if held else 0)


def test_labels_that_are_held_are_nowhere_in_the_losses():
    """Whatever their labels are, nothing changes; that of a row that trains changes both terms."""

    def terms(row, label):
        algorithm = estimating(annealing="off")
        batch = tiny.batch(algorithm.views, 8, 8)
        batch.labeled.label[row] = label
        return algorithm.loss(tiny.nets(), batch, tiny.step(20, 100)).terms

    for row in (0, 5):
        one, other = terms(row, 0), terms(row, 2)
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert not torch.equal(terms(3, 0)["supervised"], terms(3, 2)["supervised"])


def test_the_estimate_is_what_is_masked():
    algorithm = estimating(annealing="off")
    algorithm.foreign.known[200], algorithm.foreign.pool[50] = 1000, 6000
    algorithm.foreign.pool[200] = 2000
    fixed = made(annealing="off", out_of_distribution=algorithm.foreign.value.item())
    batch = tiny.batch(algorithm.views, 8, 8)
    step = tiny.step(40, 100)
    nets = tiny.nets()
    estimated = algorithm.loss(nets, batch, step)
    views = tiny.examples(batch.unlabeled.views[:2], batch.unlabeled.label)
    plain = fixed.loss(nets, tiny.Batch(batch.labeled, views), tiny.step(40, 100))
    assert 0.6 < estimated.metrics["foreign_share"] < 0.95
    for name, value in plain.terms.items():
        torch.testing.assert_close(estimated.terms[name], value)


def test_the_published_code_has_no_rule_for_an_estimate():
    with pytest.raises(UsageError, match="has no rule for an estimate: --set compatibility=paper"):
        RealMix(out_of_distribution="estimate", compatibility="released")
