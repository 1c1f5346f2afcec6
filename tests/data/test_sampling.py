"""Batches as a pure function of (seed, step)."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from realmix.contract.algorithm import Erasing, Views
from realmix.data.pools import Data, Pool
from realmix.data.sampling import LABELED, UNLABELED, batch_at, rows_at


def draw_both(inputs, draws):
    """What belongs to the stored copy, and what is drawn afresh."""
    copied = draws.copy.uniform()
    return torch.stack([copied, draws.uniform()], 1)


def data(labeled=6, unlabeled=10):
    rows = torch.arange(labeled * 2.0).view(labeled, 2)
    pool = 100 + torch.arange(unlabeled * 2.0).view(unlabeled, 2)
    views = {"plain": lambda inputs, draws: inputs, "weak": draw_both, "other": draw_both}
    return Data(Pool.of(rows, torch.arange(labeled) % 3), Pool.of(pool), ("a", "b", "c"), views)


def epoch_of(rows, count):
    return [rows[i : i + count] for i in range(0, len(rows) - count + 1, count)]


@given(st.integers(1, 40), st.integers(1, 90), st.integers(0, 5))
def test_each_epoch_has_every_row_once(count, size, seed):
    steps = -(-3 * count // size)
    rows = torch.cat([rows_at(seed, LABELED, step, size, count) for step in range(steps)]).tolist()
    for epoch in epoch_of(rows, count)[:3]:
        assert sorted(epoch) == list(range(count))


def test_epochs_have_orders_of_their_own():
    rows = rows_at(0, LABELED, 0, 90, 30).tolist()
    first, second, third = epoch_of(rows, 30)
    assert first != second != third != first


def test_a_batch_reaches_into_the_next_epoch():
    stream = rows_at(0, LABELED, 0, 40, 10)
    batches = torch.cat([rows_at(0, LABELED, step, 8, 10) for step in range(5)])
    assert torch.equal(batches, stream)
    assert torch.equal(rows_at(0, LABELED, 1, 8, 10), stream[8:16])


def test_orders_differ_by_seed_and_stream():
    orders = [rows_at(s, t, 0, 50, 50).tolist() for s in (0, 1) for t in (LABELED, UNLABELED)]
    assert all(a != b for i, a in enumerate(orders) for b in orders[:i])


def flat(batch):
    parts = (batch.labeled, batch.unlabeled)
    return [t for part in parts for t in (*part.views, part.index, part.label, part.weight)]


def test_a_batch_is_the_same_whenever_it_is_asked_for():
    views = Views(("weak",), ("weak", "other"), copies=3)
    source = data()
    first = batch_at(source, views, 7, 4, 2, seed=5)
    torch.manual_seed(99)
    for step in range(4):
        batch_at(source, views, step, 4, 2, seed=5)
    again = batch_at(data(), views, 7, 4, 2, seed=5)
    assert all(torch.equal(one, other) for one, other in zip(flat(first), flat(again), strict=True))


def test_steps_seeds_views_and_positions_draw_differently():
    views = Views(("weak",), ("weak", "weak"))
    batches = [batch_at(data(), views, step, 4, 1, seed) for step in (0, 1) for seed in (0, 1)]
    drawn = torch.cat(
        [view[:, 1] for b in batches for view in (*b.labeled.views, *b.unlabeled.views)]
    )
    assert len(drawn.unique()) == len(drawn)


def test_examples_carry_the_rows_of_their_pool():
    source = data()
    batch = batch_at(source, Views(("plain",), ("plain",)), 3, 4, 2, seed=0)
    labeled, unlabeled = batch.labeled, batch.unlabeled
    assert torch.equal(labeled.views[0], source.labeled.inputs[labeled.index])
    assert torch.equal(labeled.label, source.labeled.label[labeled.index])
    assert torch.equal(unlabeled.views[0], source.unlabeled.inputs[unlabeled.index])
    assert unlabeled.label.tolist() == [-1] * 8
    assert (labeled.index.shape, unlabeled.index.shape) == ((4,), (8,))
    assert torch.equal(labeled.index, rows_at(0, LABELED, 3, 4, 6))
    assert torch.equal(unlabeled.index, rows_at(0, UNLABELED, 3, 8, 10))
    assert labeled.weight.tolist() == [1.0] * 4


def test_weights_come_from_the_pool():
    source = data()
    source.labeled.weight.copy_(torch.arange(6) / 10)
    batch = batch_at(source, Views(("plain",)), 0, 6, 1, seed=0)
    torch.testing.assert_close(batch.labeled.weight, batch.labeled.index / 10)


def test_without_unlabeled_views_the_stream_is_empty():
    batch = batch_at(data(unlabeled=0), Views(("plain",)), 0, 4, 7, seed=0)
    assert batch.unlabeled.views == ()
    assert len(batch.unlabeled.index) == len(batch.unlabeled.label) == 0
    assert len(batch.unlabeled.weight) == 0


def test_without_a_pool_the_stream_is_empty():
    batch = batch_at(data(unlabeled=0), Views(("plain",), ("weak", "weak")), 0, 4, 7, seed=0)
    assert len(batch.labeled.index) == 4
    assert batch.unlabeled.views == ()
    assert len(batch.unlabeled.index) == 0


def test_labeled_rows_do_not_depend_on_the_unlabeled_stream():
    views = [Views(("weak",)), Views(("weak",), ("weak",)), Views(("weak",), ("other",), copies=5)]
    batches = [
        batch_at(data(), v, 2, 4, ratio, seed=1) for v, ratio in zip(views, (1, 2, 3), strict=True)
    ]
    for batch in batches[1:]:
        assert torch.equal(batch.labeled.views[0], batches[0].labeled.views[0])
        assert torch.equal(batch.labeled.index, batches[0].labeled.index)


# --- stored copies


def seen_copies(steps, copies=3, seed=0, count=10):
    """(row, what its copy drew, what its weak view drew) of each example, in order."""
    views = Views(("plain",), ("weak", "weak"), copies=copies)
    for step in range(steps):
        unlabeled = batch_at(data(unlabeled=count), views, step, 5, 1, seed).unlabeled
        first, second = unlabeled.views
        assert torch.equal(first[:, 0], second[:, 0])  # two views of one stored copy
        assert not torch.equal(first[:, 1], second[:, 1])
        yield from zip(
            unlabeled.index.tolist(), first[:, 0].tolist(), first[:, 1].tolist(), strict=True
        )


def test_each_stored_copy_is_seen_once_in_an_epoch_of_all_copies():
    for epoch in epoch_of(list(seen_copies(steps=12)), 30):
        assert len({(row, copied) for row, copied, _ in epoch}) == 30
        assert sorted(row for row, _, _ in epoch) == sorted(list(range(10)) * 3)


def test_a_copy_is_the_same_in_every_epoch_and_the_weak_part_is_not():
    first, second = epoch_of(list(seen_copies(steps=12)), 30)
    assert {(row, copied) for row, copied, _ in first} == {
        (row, copied) for row, copied, _ in second
    }
    assert not {fresh for *_, fresh in first} & {fresh for *_, fresh in second}


def test_copies_differ_by_seed():
    one, other = (list(seen_copies(steps=6, seed=seed)) for seed in (0, 1))
    assert not {copied for _, copied, _ in one} & {copied for _, copied, _ in other}


def test_without_stored_copies_every_sight_is_fresh():
    views = Views(("weak",), ("weak",))
    batches = [batch_at(data(), views, step, 5, 1, seed) for step in range(4) for seed in (0, 1)]
    parts = [part for batch in batches for part in (batch.labeled, batch.unlabeled)]
    copied = [value for part in parts for value in part.views[0][:, 0].tolist()]
    assert len(set(copied)) == 80


def test_the_views_of_one_example_are_of_one_copy_that_lasts_for_a_step():
    views = Views(("weak", "weak"), ("weak", "other", "weak"))
    batch = batch_at(data(unlabeled=2), views, 0, 5, 1, seed=0)  # each row of the pool twice
    for part in (batch.labeled, batch.unlabeled):
        copied, fresh = torch.stack(part.views).unbind(-1)
        assert (copied == copied[0]).all()
        assert len(copied[0].unique()) == 5  # nothing is shared with another example
        assert len(fresh.unique()) == fresh.numel()


def test_the_view_cutout_is_told_how_to_erase():
    source, erasing = data(), Erasing(0.5, (0.1, 0.2))
    told = {**source.views, "cutout": lambda inputs, draws, given: inputs * given.probability}
    source = Data(source.labeled, source.unlabeled, source.classes, told)
    views = Views(("plain",), ("plain", "cutout"), erasing=erasing)
    plain, cut = batch_at(source, views, 0, 4, 1, seed=0).unlabeled.views
    assert torch.equal(cut, plain / 2)


@pytest.mark.parametrize("size", [1, 7])
def test_a_batch_may_be_larger_than_its_pool(size):
    batch = batch_at(data(labeled=1, unlabeled=2), Views(("plain",), ("plain",)), 0, size, 3, 0)
    assert batch.labeled.index.tolist() == [0] * size
    assert set(batch.unlabeled.index.tolist()) == {0, 1}


def test_probes_tell_what_was_drawn_and_learned_views_are_given_the_rates():
    def probe(inputs, draws):
        return inputs + 1, draws.integers(5, (2, 3))

    def learned(inputs, draws, rates):
        return inputs * rates.sum()

    source = data()
    views = {**source.views, "probe": probe, "learned": learned}
    source = Data(source.labeled, source.unlabeled, source.classes, views)
    rates = torch.full((2, 1, 3), 0.5)
    asked = Views(("plain", "probe"), ("plain", "learned"), rates=rates)
    batch = batch_at(source, asked, 1, 4, 1, seed=0)
    plain, probed = batch.labeled.views
    assert torch.equal(probed, plain + 1)
    assert batch.labeled.drawn.shape == (4, 2, 3)
    assert batch.unlabeled.drawn is None
    assert torch.equal(batch.unlabeled.views[1], 3 * batch.unlabeled.views[0])
    without = batch_at(source, Views(("plain",)), 1, 4, 1, seed=0)
    assert without.labeled.drawn is None
