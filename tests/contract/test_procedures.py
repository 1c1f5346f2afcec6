"""What holds for every procedure. A new one in the table is tested without new code here."""

import copy
import dataclasses
import inspect
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from realmix.base.errors import UsageError
from realmix.contract.algorithm import Recipe
from realmix.contract.fields import field_types
from realmix.data.pools import Data
from realmix.procedures import PROCEDURES
from realmix.runs.methods import method_class
from realmix.training.predict import predict
from realmix.training.stages import Procedure, Stages
from tests.procedures.small import blobs, interrupted, same, stages, weights

EVERY = pytest.mark.parametrize("name", PROCEDURES)
LINES = 110  # of a procedure's file, with the objectives of its stages
LONGER = {
    "dividemix": 180,  # two networks at once
    "label_propagation": 150,  # what a graph costs, and what it needs
    "weak_labels": 160,  # what each weak label is worth
    "simclr_v2": 170,  # three objectives, and a probe of what is not yet a classifier
}
FIELDS = {
    "dividemix": {"few_labels": True},
    "label_propagation": {"neighbors": 10},
}
STOPS = (5, 17)  # steps that a process does before it is stopped


def made(name: str, **fields) -> Procedure:
    return PROCEDURES[name](**(FIELDS.get(name, {}) | fields))


def run_of(name: str, data: Data | None = None, steps: int = 12, **options) -> Stages:
    return stages(data, steps=steps, recipe=PROCEDURES[name].recipe, **options)


# --- learning


@EVERY
def test_it_learns_and_every_record_is_finite(name):
    records, data = [], blobs(labeled=30, pool=90)
    truth = (np.arange(120) % 3)[30:]
    run = run_of(name, data, steps=80, observe=records.append)
    network = made(name).train(run)
    assert records
    assert all(np.isfinite(list(record.values())).all() for record in records)
    probs = predict(network, data.unlabeled.inputs, data.views["plain"])
    assert probs.sum(1).numpy() == pytest.approx(np.ones(90), abs=1e-5)
    assert (probs.argmax(1).numpy() == truth).mean() > 0.7  # one class for all: .33


@EVERY
def test_it_trains_as_often_as_it_says(name):
    run, procedure = run_of(name), made(name)
    procedure.train(run)
    assert run.steps_done == procedure.trainings * run.steps
    assert all(trainer.step == trainer.steps for trainer in run.trainers)
    assert (run.images_seen > 0) == (procedure.trainings > 0)
    assert run.images_seen == sum(trainer.images_seen for trainer in run.trainers)


@EVERY
def test_records_count_the_steps_of_all_stages(name):
    records = []
    run = run_of(name, observe=records.append)
    made(name).train(run)
    steps = [record["step"] for record in records]
    assert steps == sorted(steps)
    assert steps[-1] == run.steps_done
    seconds = [record["seconds"] for record in records]
    assert seconds == sorted(seconds)


@EVERY
def test_what_it_ships_is_averaged_and_has_no_gradients(name):
    run = run_of(name)
    network = made(name).train(run)
    assert all(not p.requires_grad and p.grad is None for p in network.parameters())
    fresh = run.build(99, made(name).final_model("mlp"))
    mine = network.network.state_dict()  # a run reads it back into a new network of that name
    fresh.load_state_dict(mine)
    assert same(fresh.state_dict(), mine)


@EVERY
def test_no_network_but_the_one_that_is_trained_takes_gradients(name):
    run = run_of(name)
    made(name).train(run)
    for trainer in run.trainers:
        assert all(p.grad is None for p in trainer.nets.ema.parameters())


# --- repeatability


@EVERY
@pytest.mark.parametrize("every", STOPS)
def test_a_stopped_run_ends_bit_identically(name, every, tmp_path):
    recipe = PROCEDURES[name].recipe
    whole = weights(made(name).train(run_of(name)))
    pieces = interrupted(made(name), tmp_path, every, recipe=recipe)
    assert same(weights(pieces), whole)


@EVERY
def test_a_finished_run_comes_back_from_its_checkpoints(name, tmp_path):
    whole = weights(made(name).train(run_of(name, folder=tmp_path)))
    torch.manual_seed(12345)  # nothing may depend on it
    records = []
    again = run_of(name, folder=tmp_path, observe=records.append)
    assert same(weights(made(name).train(again)), whole)
    assert not records
    assert not again.begun


@EVERY
def test_the_seed_decides_and_global_randomness_does_not(name):
    def trained(seed, poison):
        torch.manual_seed(poison)
        np.random.seed(poison)  # noqa: NPY002
        before = torch.get_rng_state()
        found = weights(made(name).train(run_of(name, seed=seed)))
        assert torch.equal(before, torch.get_rng_state())
        return found

    first = trained(1, poison=1)
    assert same(first, trained(1, poison=2))
    # what is computed without steps has one solution
    assert not same(first, trained(2, poison=1)) or not made(name).trainings


@EVERY
def test_the_data_and_the_recipe_are_left_as_they_were(name):
    data = blobs()
    before = copy.deepcopy((data.labeled, data.unlabeled))
    run = run_of(name, data)
    recipe = run.recipe
    made(name).train(run)
    for mine, theirs in zip((run.data.labeled, run.data.unlabeled), before, strict=True):
        for field in ("inputs", "label", "weight"):
            assert torch.equal(getattr(mine, field), getattr(theirs, field))
    assert run.recipe is recipe


@EVERY
def test_labels_of_the_pool_are_not_read(name):
    data = blobs()
    told = dataclasses.replace(
        data, unlabeled=dataclasses.replace(data.unlabeled, label=torch.ones(60).long())
    )
    one, other = (weights(made(name).train(run_of(name, given))) for given in (data, told))
    assert same(one, other)


@EVERY
def test_no_stage_needs_labels_that_are_not_there(name):
    """Two classes, and a pool smaller than a batch."""
    run = run_of(name, blobs(labeled=8, pool=5, num_classes=2), steps=4)
    assert made(name).train(run) is not None


# --- fields


@EVERY
def test_fields_survive_json(name):
    procedure = made(name)
    again = method_class(name).from_fields(json.loads(json.dumps(procedure.fields())))
    assert again.fields() == procedure.fields()
    assert type(again) is type(procedure)


@EVERY
def test_an_unknown_field_is_explained(name):
    known = list(field_types(PROCEDURES[name]))
    wrong = known[0][:-1] + "x"
    with pytest.raises(UsageError, match=rf"has no field '{wrong}'.*'{known[0]}'"):
        method_class(name).from_fields({wrong: 1})


@EVERY
def test_no_field_has_the_name_of_one_of_the_recipe(name):
    """--set would change both, and with the recipe every stage and the labels alone."""
    assert not field_types(PROCEDURES[name]).keys() & field_types(Recipe).keys()


@EVERY
def test_values_that_do_not_fit_are_refused_at_construction(name):
    cls = PROCEDURES[name]
    for field in field_types(cls):
        for bad in (-1, float("nan"), [1]):
            with pytest.raises(UsageError, match=rf"{cls.__name__}\.{field} cannot be"):
                cls(**{field: bad})


@EVERY
def test_numbers_as_text_are_converted(name):
    procedure = made(name)
    text = {key: str(value) for key, value in procedure.fields().items() if value is not None}
    assert type(procedure).from_fields(text).fields() == procedure.fields()


# --- how it is written


def source(name: str) -> Path:
    return Path(inspect.getsourcefile(PROCEDURES[name]))


@EVERY
def test_the_file_cites_its_source(name):
    first_line = source(name).read_text().splitlines()[0]
    assert re.search(
        r"https://arxiv\.org/abs/\d{4}\.\d{5}|[A-Z][a-z]+( et al\.)?, \d{4}", first_line
    )


@EVERY
def test_the_file_is_short(name):
    assert len(source(name).read_text().splitlines()) <= LONGER.get(name, LINES)


@EVERY
def test_the_docstring_is_one_line_and_the_idea_a_few_words(name):
    cls = PROCEDURES[name]
    first = cls.__doc__.splitlines()[0]
    assert 0 < len(first) <= 100
    assert first.endswith(".")
    assert 3 <= len(cls.idea.split()) <= 10
    assert not cls.idea.endswith(".")


@EVERY
def test_every_field_has_its_symbol_or_meaning_beside_it(name):
    text = source(name).read_text()
    for field in field_types(PROCEDURES[name]):
        assert re.search(rf"^    {field}: .* = .*  # \S", text, re.MULTILINE), field


@EVERY
def test_no_procedure_inherits_from_another(name):
    cls = PROCEDURES[name]
    assert not [
        other for other in PROCEDURES.values() if other is not cls and issubclass(cls, other)
    ]
