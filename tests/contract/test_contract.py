"""What holds for every algorithm. A new one in the table is tested without new code here."""

import copy
import dataclasses
import inspect
import json
import re
import typing
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch

from realmix.algorithms import ALGORITHMS
from realmix.augment.presets import PRESETS
from realmix.base.errors import UsageError
from realmix.contract.algorithm import Algorithm, Batch, Nets
from realmix.contract.fields import field_types
from realmix.data.pools import Data, Pool
from realmix.models.mlp import MLP
from realmix.runs.methods import method_class
from realmix.training.trainer import Trainer
from tests import tiny

EVERY = pytest.mark.parametrize("name", ALGORITHMS)
LINES = 60  # of an algorithm's file
LONGER = {
    "realmix": 148,  # 15 fields, the rules of the paper and of its published code, an estimate
    "arazo": 65,  # two regularizers, two streams, a memory
    "ladder": 80,  # two structures, of which one does not fit images, and a decoder
    "fixmatch": 75,  # two augmentations, and parts of other papers
    "adamatch": 85,  # two augmentations
    "vat": 63,  # three terms, and passes of two kinds
    "remixmatch": 105,  # four terms, two augmentations, what cannot be turned
    "meta_pseudo_labels": 91,  # two networks, three phases
}

FOR_FEATURES = {"remixmatch": {"augmentation": "rand_augment"}}  # what fits the rows used here
OPEN = {"threshold": 0.0}  # lets every example through
SHUT = {"threshold": 1.0, "out_of_distribution": 1.0}  # lets none through
RELATIVE = {"adamatch", "flexmatch"}  # a threshold of 1 lets some through: see their own tests


def made(name: str, num_classes: int = tiny.CLASSES, **fields) -> Algorithm:
    """Of the fields, those that the algorithm has."""
    cls, fields = ALGORITHMS[name], FOR_FEATURES.get(name, {}) | fields
    algorithm = cls(**{key: fields[key] for key in fields.keys() & field_types(cls).keys()})
    algorithm.setup(tiny.nets(num_classes=num_classes), tiny.facts(num_classes))
    return algorithm


class Listener:
    """An optimizer that takes no step. Those of an algorithm's own networks tell it too."""

    def __init__(self):
        self.loss = 0.0
        self.apart = defaultdict(lambda: self)

    def minimize(self, loss, labeled=None):
        self.loss = self.loss + loss


class Walker(Listener):
    """Takes a small step with a network, and leaves the graph of the loss as it was."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def minimize(self, loss, labeled=None):
        super().minimize(loss)
        steps = tiny.gradients(loss, self.network)
        for parameter, gradient in zip(self.network.parameters(), steps, strict=True):
            parameter.data -= 1e-3 * gradient


def losses_of(algorithm, nets, batch, step):
    """Of a copy of the algorithm, which alone remembers the batch."""
    return copy.deepcopy(algorithm).update(nets, Listener(), batch, step)


def blobs(num_classes: int = 3) -> Data:
    """Standardized clusters of feature rows, a few of them labeled."""
    rng = np.random.default_rng(0)
    label = np.arange(80) % num_classes
    x = 2 * rng.normal(size=(num_classes, 4))[label] + rng.normal(size=(80, 4))
    x = ((x - x.mean(0)) / x.std(0)).astype(np.float32)
    views = PRESETS["features"]((4,))
    names = tuple("abcdef"[:num_classes])
    return Data(Pool.of(x[:20], label[:20]), Pool.of(x[20:]), names, views)


def trainer(name: str, num_classes: int = 3, ratio: int = 2, steps: int = 30, **options) -> Trainer:
    torch.manual_seed(0)
    recipe = dataclasses.replace(ALGORITHMS[name].recipe, batch_size=16, unlabeled_ratio=ratio)
    fields = options.pop("fields", {})
    return Trainer(
        MLP(4, num_classes, (16,)),
        made(name, num_classes, **fields),
        blobs(num_classes),
        steps=steps,
        recipe=recipe,
        log_every=1,
        **options,
    )


# --- learning


def loss_on_the_first_rows(training: Trainer) -> float:
    """In the middle of training, with whatever the networks are now."""
    data, views = training.data, training.algorithm.views
    labeled, pool = data.labeled.inputs[:16], data.unlabeled.inputs[:16]
    unknown = torch.full((16 if views.unlabeled else 0,), -1)
    batch = Batch(
        tiny.examples([labeled for _ in views.labeled], data.labeled.label[:16]),
        tiny.examples([pool for _ in views.unlabeled], unknown),
    )
    nets = copy.deepcopy(training.nets)
    return losses_of(training.algorithm, nets, batch, tiny.step(15, 30)).total.item()


@EVERY
def test_thirty_steps_lower_a_finite_loss(name):
    records = []
    training = trainer(name, fields=OPEN, observe=records.append)
    before = loss_on_the_first_rows(training)
    training.run()
    assert len(records) == 30
    assert all(np.isfinite(list(record.values())).all() for record in records)
    assert loss_on_the_first_rows(training) < before


@EVERY
def test_every_term_moves_every_parameter(name):
    nets, algorithm = tiny.nets(), made(name, **OPEN)
    batch, step = tiny.batch(algorithm.views, 8, 8), tiny.step(50, 100)
    # a first visit, for those that compare with what they remember of the same examples
    algorithm.update(nets, Listener(), tiny.batch(algorithm.views, 8, 8, 1), tiny.step(49, 100))
    losses = algorithm.update(nets, Walker(nets.student), batch, step)
    assert losses.terms
    trained = [nets.student, *map(algorithm.get_submodule, algorithm.trained_apart)]
    for term, value in losses.terms.items():
        assert value.shape == ()
        gradients = [tiny.gradients(value, net) for net in trained]
        assert all(gradient.isfinite().all() for each in gradients for gradient in each)
        moved = [[gradient.abs().sum() > 0 for gradient in each] for each in gradients]
        assert any(map(all, moved)), (term, moved)  # of the student, or of a network trained apart


@EVERY
def test_the_whole_loss_is_what_is_minimized(name):
    nets, algorithm, listener = tiny.nets(), made(name, **OPEN), Listener()
    batch, step = tiny.batch(algorithm.views, 8, 8), tiny.step(50, 100)
    losses = algorithm.update(nets, listener, batch, step)
    assert listener.loss.item() == pytest.approx(sum(v.item() for v in losses.terms.values()))


@EVERY
def test_no_gradient_reaches_the_average(name):
    student, average = tiny.network(0), tiny.network(1)  # both could take a gradient
    algorithm = made(name, **OPEN)
    batch = tiny.batch(algorithm.views, 8, 8)
    losses_of(algorithm, Nets(student, average), batch, tiny.step(50, 100)).total.backward()
    assert all(p.grad is None for p in average.parameters())


# --- repeatability


@EVERY
def test_resuming_is_bit_exact(name, tmp_path):
    whole = trainer(name, steps=12).run().state()
    trainer(name, steps=12, folder=tmp_path).run(until=7)
    torch.manual_seed(12345)  # nothing may depend on it
    resumed = trainer(name, steps=12, folder=tmp_path)
    assert resumed.resume()
    assert resumed.step == 7
    state = resumed.run().state()
    assert state.keys() == whole.keys()
    for key, value in whole.items():
        assert torch.equal(value, state[key]), key


@EVERY
def test_only_the_step_s_generator_is_used(name):
    def terms(poison):
        nets, algorithm = tiny.nets(), made(name)
        batch = tiny.batch(algorithm.views, 8, 8)
        torch.manual_seed(poison)
        np.random.seed(poison)  # noqa: NPY002
        before = torch.get_rng_state()
        losses = losses_of(algorithm, nets, batch, tiny.step(50, 100))
        assert torch.equal(before, torch.get_rng_state())
        return losses.terms

    first, second = terms(1), terms(2)
    assert all(torch.equal(first[term], second[term]) for term in first)


@EVERY
def test_each_step_is_told_where_it_is_and_has_a_generator_of_its_own(name, monkeypatch):
    def told(seed):
        training, steps = trainer(name, steps=6, seed=seed), []
        update = training.algorithm.update

        def listening(nets, optimizer, batch, step):
            steps.append((step.index, step.total, step.progress, step.rng.initial_seed()))
            return update(nets, optimizer, batch, step)

        monkeypatch.setattr(training.algorithm, "update", listening)
        training.run()
        return steps

    first, other = told(seed=0), told(seed=1)
    assert [step[:3] for step in first] == [(i, 6, i / 6) for i in range(6)]
    assert len({step[3] for step in first + other}) == 12


@EVERY
def test_a_batch_is_left_as_it_was(name):
    nets, algorithm = tiny.nets(), made(name)
    batch = tiny.batch(algorithm.views, 8, 8)
    before = copy.deepcopy(batch)
    losses_of(algorithm, nets, batch, tiny.step(50, 100)).total.backward()
    for mine, theirs in ((batch.labeled, before.labeled), (batch.unlabeled, before.unlabeled)):
        for one, other in zip(mine.views, theirs.views, strict=True):
            assert torch.equal(one, other)
        for field in ("index", "label", "weight"):
            assert torch.equal(getattr(mine, field), getattr(theirs, field))


@EVERY
def test_networks_are_left_in_train_mode_and_change_their_statistics_at_most(name):
    net = tiny.normalizing_network(0)
    nets = Nets(net, copy.deepcopy(net).requires_grad_(False))
    before = copy.deepcopy(net.state_dict())
    algorithm = made(name)
    losses_of(algorithm, nets, tiny.batch(algorithm.views, 8, 8), tiny.step(50, 100))
    for each in nets:
        assert all(module.training for module in each.modules())
        assert each[1].track_running_stats
    for key, value in net.state_dict().items():
        assert torch.equal(value, before[key]) or "running" in key or "tracked" in key
    for key, value in nets.ema.state_dict().items():
        assert torch.equal(value, before[key])


# --- corners


@pytest.mark.parametrize(
    ("name", "field"),
    [
        (n, f)
        for n in ALGORITHMS
        for f in SHUT
        if f in field_types(ALGORITHMS[n]) and n not in RELATIVE
    ],
)
def test_masking_everything_gives_zero_not_nan(name, field):
    nets, algorithm = tiny.nets(scale=0.1), made(name, **{field: SHUT[field]})
    losses = losses_of(algorithm, nets, tiny.batch(algorithm.views, 8, 8), tiny.step(50, 100))
    assert losses.terms["unlabeled"].item() == 0
    assert all(g.abs().sum() == 0 for g in tiny.gradients(losses.terms["unlabeled"], nets.student))
    assert all(g.isfinite().all() for g in tiny.gradients(losses.total, nets.student))


@EVERY
def test_two_classes_and_as_many_unlabeled_as_labeled_rows_work(name):
    records = []
    trainer(name, num_classes=2, ratio=1, steps=3, observe=records.append).run()
    assert len(records) == 3
    assert all(np.isfinite(list(record.values())).all() for record in records)


@EVERY
def test_other_numbers_of_unlabeled_rows_work(name):
    nets, algorithm = tiny.nets(), made(name)
    batch = tiny.batch(algorithm.views, 4, 10)
    assert losses_of(algorithm, nets, batch, tiny.step(1, 10)).total.isfinite()


@EVERY
def test_extreme_inputs_give_a_finite_loss_and_gradient(name):
    nets, algorithm = tiny.nets(), made(name, **OPEN)
    batch = tiny.batch(algorithm.views, 8, 8)
    for view in (*batch.labeled.views, *batch.unlabeled.views):
        view.mul_(1e6)
    loss = losses_of(algorithm, nets, batch, tiny.step(50, 100)).total
    assert loss.isfinite()
    assert all(g.isfinite().all() for g in tiny.gradients(loss, nets.student))


@EVERY
def test_the_order_of_examples_does_not_matter_without_draws(name):
    nets, algorithm = tiny.nets(), made(name, threshold=0.6, noise=0.0)
    batch = tiny.batch(algorithm.views, 8, 8)
    order = torch.tensor([3, 1, 0, 7, 2, 6, 4, 5])

    def shuffled(stream):
        place = order[: len(stream.label)]
        views = tuple(view[place] for view in stream.views)
        return dataclasses.replace(
            stream, views=views, index=stream.index[place], label=stream.label[place]
        )

    algorithm.update(nets, Listener(), tiny.batch(algorithm.views, 8, 8, 1), tiny.step(49, 100))
    other = Batch(shuffled(batch.labeled), shuffled(batch.unlabeled))
    steps = [tiny.step(50, 100) for _ in range(3)]
    one, two = (
        losses_of(algorithm, nets, given, step).terms
        for given, step in zip((batch, other), steps, strict=False)
    )
    if not torch.equal(steps[0].rng.get_state(), steps[2].rng.get_state()):
        pytest.skip("it draws for each row, so that the order tells who gets what")
    for term in one:
        torch.testing.assert_close(one[term], two[term], rtol=1e-12, atol=0)


@EVERY
def test_labels_of_the_pool_are_not_read(name):
    nets, algorithm = tiny.nets(), made(name)
    batch = tiny.batch(algorithm.views, 8, 8)
    one = losses_of(algorithm, nets, batch, tiny.step(50, 100)).total
    batch.unlabeled.label.fill_(1)
    assert torch.equal(one, losses_of(algorithm, nets, batch, tiny.step(50, 100)).total)


# --- fields


@EVERY
def test_fields_survive_json(name):
    algorithm = ALGORITHMS[name]()
    again = method_class(name).from_fields(json.loads(json.dumps(algorithm.fields())))
    assert again.fields() == algorithm.fields()
    assert type(again) is type(algorithm)


@EVERY
def test_what_a_batch_holds_is_known_before_anything_is_set_up(name):
    choices = typing.get_args(typing.get_type_hints(ALGORITHMS[name]).get("augmentation"))
    for fields in [{"augmentation": choice} for choice in choices] or [{}]:
        views = ALGORITHMS[name](**fields).views
        assert set(views.labeled + views.unlabeled) <= PRESETS["cifar"]((3, 32, 32)).keys()
        assert (views.rates is not None) == (fields.get("augmentation") == "ct_augment")


@EVERY
def test_an_unknown_field_is_explained(name):
    known = list(field_types(ALGORITHMS[name]))
    wrong = known[0][:-1] + "x" if known else "weight"
    expected = rf"has no field '{wrong}'" + (rf".*'{known[0]}'" if known else ".*none")
    with pytest.raises(UsageError, match=expected):
        method_class(name).from_fields({wrong: 1})


@EVERY
def test_values_that_do_not_fit_are_refused_at_construction(name):
    cls = ALGORITHMS[name]
    for field in field_types(cls):
        for bad in (-1, "nonsense", float("nan"), [1]):
            with pytest.raises(UsageError, match=rf"{cls.__name__}\.{field} cannot be"):
                cls(**{field: bad})


@EVERY
def test_numbers_as_text_are_converted(name):
    algorithm = ALGORITHMS[name]()
    text = {key: str(value) for key, value in algorithm.fields().items() if value is not None}
    assert type(algorithm).from_fields(text).fields() == algorithm.fields()


RELEASED = [
    name
    for name in ALGORITHMS
    if {"compatibility", "alpha"} <= field_types(ALGORITHMS[name]).keys()
]


@pytest.mark.parametrize("name", RELEASED)
def test_interleaved_passes_refuse_more_pool_rows_than_labeled_ones(name):
    with pytest.raises(
        UsageError, match=r"'released' interleaves.*unlabeled_ratio is 3\. Use --set"
    ):
        trainer(name, ratio=3, fields={"compatibility": "released"})
    trainer(name, ratio=1, fields={"compatibility": "released"}, steps=2).run()
    trainer(name, ratio=3, steps=2).run()


def test_an_unknown_algorithm_is_explained():
    with pytest.raises(UsageError, match=r"no algorithm 'fixmach'.*'fixmatch'.*Known: supervised"):
        method_class("fixmach")


# --- how it is written


def source(name: str) -> Path:
    return Path(inspect.getsourcefile(ALGORITHMS[name]))


@EVERY
def test_the_file_cites_its_source(name):
    first_line = source(name).read_text().splitlines()[0]
    assert re.search(
        r"https://arxiv\.org/abs/\d{4}\.\d{5}|[A-Z][a-z]+( et al\.| and [A-Z][a-z]+)?, \d{4}",
        first_line,
    )


@EVERY
def test_the_file_is_short(name):
    assert len(source(name).read_text().splitlines()) <= LONGER.get(name, LINES)


@EVERY
def test_the_docstring_is_its_equation_on_one_line(name):
    first = ALGORITHMS[name].__doc__.splitlines()[0]
    assert 0 < len(first) <= 100
    assert first.endswith(".")


@EVERY
def test_every_field_has_its_symbol_or_meaning_beside_it(name):
    text = source(name).read_text()
    for field in field_types(ALGORITHMS[name]):
        assert re.search(rf"^    {field}: .* = .*  # \S", text, re.MULTILINE), field


@EVERY
def test_no_algorithm_inherits_from_another(name):
    cls = ALGORITHMS[name]
    assert not [
        other for other in ALGORITHMS.values() if other is not cls and issubclass(cls, other)
    ]
