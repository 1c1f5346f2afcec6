"""What is remembered between steps: worked numbers, properties, independence, resume."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from realmix.contract.state import (
    BIN_SHAPE,
    Alignment,
    BinRates,
    Ema,
    LastClass,
    PerExample,
    RecentMean,
    RunningMean,
)


def network(weight=0.0):
    net = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1)).double()
    nn.init.constant_(net[0].weight, weight)
    return net


def test_the_average_of_one_two_three_at_nine_tenths():
    ema, seen = Ema(network(0.0), 0.9), []
    for value in (1.0, 2.0, 3.0):
        ema.update(network(value), step=1000)  # long after the warm-up
        seen.append(ema.network[0].weight.item())
    assert seen == pytest.approx([0.1, 0.29, 0.561], abs=1e-12)


@pytest.mark.parametrize(
    ("step", "decay", "kept"),
    [(0, 0.999, 0.1), (90, 0.999, 0.91), (90, 0.5, 0.5), (10**6, 0.9, 0.9)],
)
def test_the_decay_warms_up_as_one_plus_t_over_ten_plus_t(step, decay, kept):
    ema = Ema(network(1.0), decay)
    ema.update(network(0.0), step)
    assert ema.network[0].weight.item() == pytest.approx(kept, abs=1e-12)


def test_several_updates_equal_a_reference_with_a_loop():
    values = torch.linspace(-1, 2, 40, dtype=torch.float64).tolist()
    ema, expected = Ema(network(5.0), 0.7), 5.0
    for step, value in enumerate(values):
        ema.update(network(value), step)
        decay = min(0.7, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
    assert ema.network[0].weight.item() == pytest.approx(expected, rel=1e-12)


def test_a_decay_of_zero_copies():
    ema = Ema(network(1.0), 0.0)
    ema.update(network(7.0), 50)
    assert ema.network[0].weight.item() == 7.0


@pytest.mark.parametrize(("decay", "kept"), [(None, 0.9), (0.5, 0.5), (0.0, 0.0)])
def test_an_update_may_have_a_decay_of_its_own(decay, kept):
    ema = Ema(network(1.0), 0.9)
    ema.update(network(0.0), 1000, decay)
    assert ema.network[0].weight.item() == pytest.approx(kept, abs=1e-12)
    ema.update(network(0.0), 1000)
    assert ema.network[0].weight.item() == pytest.approx(0.9 * kept, abs=1e-12)


def test_a_decay_of_its_own_is_warmed_up_too():
    ema = Ema(network(1.0), 0.9)
    ema.update(network(0.0), 0, 0.999)
    assert ema.network[0].weight.item() == pytest.approx(0.1, abs=1e-12)


def test_running_statistics_are_averaged_and_counters_copied():
    ema, net = Ema(network(), 0.9), network()
    net[1].running_mean.fill_(10.0)
    net[1].running_var.fill_(3.0)
    net[1].num_batches_tracked.fill_(42)
    ema.update(net, 1000)
    norm = ema.network[1]
    assert norm.running_mean.item() == pytest.approx(1.0)
    assert norm.running_var.item() == pytest.approx(0.9 * 1 + 0.1 * 3)
    assert norm.num_batches_tracked.item() == 42


def test_the_average_has_no_gradients_and_the_network_keeps_its_own():
    net = network()
    ema = Ema(net, 0.9)
    assert not any(p.requires_grad for p in ema.parameters())
    assert all(p.requires_grad for p in net.parameters())
    net(torch.ones(3, 1).double()).sum().backward()
    ema.update(net, 0)
    assert all(p.grad is None for p in ema.parameters())


def test_average_and_network_share_no_memory():
    net = network(1.0)
    ema = Ema(net, 0.9)
    before = copy.deepcopy(ema.state_dict())
    nn.init.constant_(net[0].weight, 9.0)
    net(torch.randn(4, 1).double())
    assert all(torch.equal(before[name], value) for name, value in ema.state_dict().items())
    mine = copy.deepcopy(net.state_dict())
    ema.update(net, 3)
    assert all(torch.equal(mine[name], value) for name, value in net.state_dict().items())


def test_rows_are_recalled_once_they_are_stored_and_otherwise_given():
    table = PerExample(4, 2)
    table.store(torch.tensor([1, 3]), torch.tensor([[0.1, 0.9], [0.3, 0.7]]))
    otherwise = torch.tensor([[5.0, 5.0], [6.0, 6.0], [7.0, 7.0]])
    found = table.recall(torch.tensor([3, 0, 1]), otherwise)
    torch.testing.assert_close(found, torch.tensor([[0.3, 0.7], [6.0, 6.0], [0.1, 0.9]]))
    table.store(torch.tensor([3]), torch.tensor([[0.0, 0.0]]))  # what is stored may be zero
    assert table.recall(torch.tensor([3]), otherwise[:1]).tolist() == [[0.0, 0.0]]


def again(module, fresh):
    """A fresh module that takes over what another one remembers, as from a checkpoint."""
    fresh.load_state_dict({name: value.clone() for name, value in module.state_dict().items()})
    return fresh


def test_a_running_mean_of_worked_numbers():
    mean = RunningMean(torch.tensor([1.0, 0.0]), 0.75)
    seen = []
    for value in ([0.0, 1.0], [0.0, 1.0], [1.0, 0.0]):
        mean.update(torch.tensor(value))
        seen.append(mean.value.tolist())
    assert seen == [[0.75, 0.25], [0.5625, 0.4375], [0.671875, 0.328125]]


@given(
    st.lists(st.floats(-10, 10), max_size=30), st.floats(-10, 10), st.sampled_from([0, 0.5, 0.999])
)
def test_a_running_mean_is_its_closed_form(values, start, decay):
    mean, n = RunningMean(torch.tensor(start, dtype=torch.float64), decay), len(values)
    for value in values:
        mean.update(torch.tensor(value, dtype=torch.float64))
    expected = decay**n * start
    expected += sum((1 - decay) * decay ** (n - 1 - i) * value for i, value in enumerate(values))
    assert mean.value.item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_a_running_mean_may_have_another_decay_for_one_update():
    mean = RunningMean(torch.tensor(8.0), 0.5)
    for decay, expected in ((0.75, 6.0), (None, 3.0), (0.0, 0.0)):
        mean.update(torch.tensor(0.0), decay)
        assert mean.value.item() == expected


def test_a_running_mean_keeps_its_type_its_start_and_no_graph():
    start, value = torch.zeros(2), torch.ones(2, dtype=torch.float64, requires_grad=True)
    mean = RunningMean(start, 0.5)
    mean.update(value * 3)
    assert mean.value.dtype == torch.float32
    assert mean.value.tolist() == [1.5, 1.5]
    assert not mean.value.requires_grad
    assert start.tolist() == [0.0, 0.0]


def test_the_mean_of_recent_vectors_forgets_the_oldest():
    recent = RecentMean(torch.tensor([0.5, 0.5]), length=2)
    seen = [recent.value.tolist()]
    for value in ([1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.25, 0.75]):
        recent.update(torch.tensor(value))
        seen.append(recent.value.tolist())
    assert seen == [[0.5, 0.5], [0.75, 0.25], [0.5, 0.5], [0.0, 1.0], [0.125, 0.875]]


@given(st.lists(st.floats(-10, 10), max_size=20), st.integers(1, 7), st.floats(-10, 10))
def test_the_mean_of_recent_vectors_is_that_of_the_last_ones_and_the_fill(values, length, fill):
    recent = RecentMean(torch.tensor([fill, -fill], dtype=torch.float64), length)
    for value in values:
        recent.update(torch.tensor([value, -value], dtype=torch.float64))
    last = ([fill] * length + values)[-length:]
    expected = sum(last) / length
    assert recent.value.tolist() == pytest.approx([expected, -expected], rel=1e-9, abs=1e-9)


def test_recent_vectors_are_kept_without_their_graph():
    recent = RecentMean(torch.zeros(2), length=3)
    recent.update(torch.ones(2, dtype=torch.float64, requires_grad=True) * 3)
    assert recent.value.dtype == torch.float32
    assert not recent.value.requires_grad


def test_an_example_that_is_twice_in_a_batch_keeps_the_mean_and_counts_one_visit():
    table = PerExample(4, 2, fill=0.5)
    rows = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.25, 0.75], [0.5, 0.5]])
    table.store(torch.tensor([2, 0, 2, 2]), rows)
    torch.testing.assert_close(
        table.value,
        torch.tensor([[0.0, 1.0], [0.5, 0.5], [1.75 / 3, 1.25 / 3], [0.5, 0.5]]),
    )
    assert table.visits.tolist() == [1, 0, 1, 0]
    table.store(torch.tensor([2]), torch.tensor([[0.0, 1.0]]))  # replaces what was there
    assert table.value[2].tolist() == [0.0, 1.0]
    assert table.visits.tolist() == [1, 0, 2, 0]


@given(st.lists(st.lists(st.tuples(st.integers(0, 5), st.floats(-9, 9)), min_size=1), max_size=6))
def test_a_table_holds_the_mean_of_what_the_last_batch_had_of_each_example(batches):
    table, expected, visits = PerExample(6, 1, fill=7.0), [7.0] * 6, [0] * 6
    for batch in batches:
        index, rows = (list(part) for part in zip(*batch, strict=True))
        table.store(torch.tensor(index), torch.tensor(rows, dtype=torch.float64)[:, None])
        for example in set(index):
            own = [row for i, row in batch if i == example]
            expected[example] = sum(own) / len(own)
            visits[example] += 1
    assert table.value[:, 0].tolist() == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert table.visits.tolist() == visits


def test_rows_are_stored_without_their_graph_and_left_as_they_were():
    table = PerExample(3, 2)
    rows = torch.ones(2, 2, dtype=torch.float64, requires_grad=True)
    table.store(torch.tensor([1, 1]), rows * 2)
    assert (table.value.dtype, table.value.requires_grad) == (torch.float32, False)
    assert rows.tolist() == [[1.0, 1.0]] * 2


@pytest.mark.parametrize(
    ("made", "feed"),
    [
        (lambda: RunningMean(torch.zeros(2), 0.9), lambda m, v: m.update(v)),
        (lambda: RecentMean(torch.zeros(2), 3), lambda m, v: m.update(v)),
        (lambda: PerExample(5, 2), lambda m, v: m.store((v > 0).long(), v.expand(2, 2))),
    ],
    ids=["RunningMean", "RecentMean", "PerExample"],
)
def test_what_was_saved_goes_on_bit_for_bit(made, feed):
    values = torch.randn(10, 2, generator=torch.Generator().manual_seed(0))
    whole, first = made(), made()
    for number, value in enumerate(values):
        feed(whole, value)
        if number == 4:
            first = again(first, made())
        feed(first, value)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, first.state_dict()[name]), name


# --- running statistics


def test_the_decay_of_a_running_mean_can_be_another_for_one_update():
    mean = RunningMean(torch.zeros(2), 0.9)
    mean.update(torch.tensor([1.0, 2.0]))
    torch.testing.assert_close(mean.value, torch.tensor([0.1, 0.2]))
    mean.update(torch.tensor([1.0, 2.0]), decay=0.0)
    assert mean.value.tolist() == [1.0, 2.0]


def test_one_prediction_in_a_uniform_buffer_of_128():
    recent = RecentMean(torch.full((3,), 1 / 3))
    recent.update(torch.tensor([0.6, 0.3, 0.1]))
    expected = torch.tensor([0.335417, 0.333073, 0.331510])
    torch.testing.assert_close(recent.value, expected, atol=1e-6, rtol=0)


def test_predictions_are_aligned_by_the_batches_before_theirs():
    alignment = Alignment(torch.tensor([0.5, 0.3, 0.2]), length=2)
    first, second = torch.tensor([[0.6, 0.3, 0.1]]), torch.tensor([[0.2, 0.5, 0.3]])
    third = torch.full((3,), 1 / 3)

    def by_hand(probs, mean):
        scaled = probs * (torch.tensor([0.5, 0.3, 0.2]) + 1e-6) / (mean + 1e-6)
        return scaled / scaled.sum()

    torch.testing.assert_close(alignment(first), by_hand(first, third))
    torch.testing.assert_close(alignment(second), by_hand(second, (first[0] + third) / 2))
    torch.testing.assert_close(alignment(first), by_hand(first, (first[0] + second[0]) / 2))
    assert set(alignment.state_dict()) == {"prior", "recent.recent", "recent.place"}


# --- the class last given


def given(*flags):
    return torch.tensor(flags, dtype=torch.float32)


def test_classes_are_remembered_where_they_are_given_and_counted():
    last = LastClass(5)
    assert [c.tolist() for c in last.counts(3)] == [[0, 0, 0], 5]
    last.store(torch.tensor([4, 1, 2]), torch.tensor([2, 0, 2]), given(1, 1, 0))
    assert last.value.tolist() == [-1, 0, -1, -1, 2]
    assert [c.tolist() for c in last.counts(3)] == [[1, 0, 1], 3]
    last.store(torch.tensor([4, 1]), torch.tensor([1, 1]), given(0, 1))
    assert last.value.tolist() == [-1, 1, -1, -1, 2]
    assert last.value.dtype == torch.int64


def test_of_an_example_that_is_twice_in_a_batch_the_last_given_class_counts():
    last = LastClass(3)
    index, label = torch.tensor([1, 1, 1, 0, 0]), torch.tensor([2, 0, 1, 2, 1])
    last.store(index, label, given(1, 1, 0, 1, 0))
    assert last.value.tolist() == [2, 0, -1]


# --- rates of CTAugment's bins


def probed(*places):
    """(B, 1, 3) operation and bins of images with one slot."""
    return torch.tensor(places)[:, None]


def test_the_worked_update_of_a_rate():
    rates = BinRates()
    assert rates.value.shape == BIN_SHAPE
    assert (rates.value == 1).all()
    rates.update(probed((3, 6, 0)), torch.tensor([[0.7, 0.2, 0.1]]), torch.tensor([0]))
    assert rates.value[3, 0, 6].item() == pytest.approx(0.997, abs=1e-6)
    assert rates.value[3, 1, 0].item() == pytest.approx(0.997, abs=1e-6)
    assert (rates.value != 1).sum() == 2


@pytest.mark.parametrize("times", [2, 5])
def test_equal_matches_are_as_many_updates_one_after_the_other(times):
    together, apart = BinRates(0.9), BinRates(0.9)
    probs, label = torch.tensor([[0.25, 0.75]]), torch.tensor([0])
    together.update(probed(*[(1, 2, 0)] * times), probs.expand(times, -1), label.expand(times))
    for _ in range(times):
        apart.update(probed((1, 2, 0)), probs, label)
    torch.testing.assert_close(together.value, apart.value)
    assert together.value[1, 0, 2].item() == pytest.approx(
        0.9**times + (1 - 0.9**times) * 0.25, abs=1e-6
    )


def test_an_operation_drawn_in_both_slots_counts_twice_and_the_order_does_not_matter():
    drawn = torch.tensor([[[4, 1, 0], [4, 1, 5]], [[4, 1, 0], [7, 16, 0]], [[0, 0, 0], [4, 2, 0]]])
    probs = torch.tensor([[0.5, 0.5], [0.1, 0.9], [1.0, 0.0]])
    label = torch.tensor([0, 1, 0])
    rates, other = BinRates(0.9), BinRates(0.9)
    rates.update(drawn, probs, label)
    order = torch.tensor([2, 0, 1])
    other.update(drawn[order].flip(1), probs[order], label[order])
    torch.testing.assert_close(rates.value, other.value)
    mean = (0.5 + 0.5 + 0.9) / 3
    assert rates.value[4, 0, 1].item() == pytest.approx(0.9**3 + (1 - 0.9**3) * mean, abs=1e-6)
    assert rates.value[7, 0, 16].item() == pytest.approx(0.9 + 0.1 * 0.9, abs=1e-6)
    assert rates.value[4, 1, 5].item() == pytest.approx(0.9 + 0.1 * 0.5, abs=1e-6)


def test_a_batch_without_a_probe_teaches_nothing():
    rates = BinRates()
    rates.update(None, torch.tensor([[0.1, 0.9]]), torch.tensor([0]))
    assert (rates.value == 1).all()


def test_rates_are_one_buffer():
    assert set(BinRates().state_dict()) == {"value"}
