"""Quarter turns, the head that tells them, and what must not be turned."""

import numpy as np
import pytest
import torch
from torch import nn

from realmix.functional.rotation import quarter_turns, turn_head, turning_loss, why_not_turned
from realmix.models.convnet import ConvNet
from tests import tiny


@pytest.mark.parametrize("count", [1, 4, 10, 64])
def test_each_quarter_of_the_batch_has_a_turn_of_its_own(count):
    images = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    turned, turns = quarter_turns(images)
    lengths = [len(part) for part in np.array_split(np.arange(count), 4)]
    assert turns.tolist() == [i for i, length in enumerate(lengths) for _ in range(length)]
    for image, result, number in zip(images, turned, turns.tolist(), strict=True):
        assert np.array_equal(result.numpy(), np.rot90(image.numpy(), number, (1, 2)))


def test_four_turns_give_the_image_back():
    images = torch.rand(8, 1, 5, 5, generator=torch.Generator().manual_seed(0))
    once = images
    for _ in range(4):
        once = torch.rot90(once, 1, (2, 3))
    assert torch.equal(once, images)
    turned, turns = quarter_turns(images)
    for image, result, number in zip(images, turned, turns.tolist(), strict=True):
        assert torch.equal(torch.rot90(result, 4 - number, (1, 2)), image)


@pytest.mark.parametrize(
    ("shape", "preset", "reason"),
    [
        ((3, 32, 32), "cifar", ""),
        ((1, 28, 28), "digits", "digit"),
        ((3, 20, 33), "photos", "20 x 33"),
        ((30,), "features", "feature rows"),
    ],
)
def test_what_cannot_be_turned(shape, preset, reason):
    why = why_not_turned(shape, preset)
    assert reason in why
    assert bool(why) == bool(reason)


def test_the_head_fits_the_network_and_draws_nothing():
    net = ConvNet(3, 8, 5, width=4, dropout=0.5)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    state = torch.get_rng_state()
    one, other = turn_head(net, (3, 8, 8)), turn_head(net, (3, 8, 8))
    assert torch.equal(state, torch.get_rng_state())
    assert one.weight.shape == (4, net.features(torch.zeros(2, 3, 8, 8)).shape[1])
    assert torch.equal(one.weight, other.weight)
    assert 0.1 < one.weight.std() * one.in_features**0.5 < 2
    assert all(p.requires_grad for p in one.parameters())
    net.load_state_dict(before)
    assert net.training


def test_the_loss_of_a_head_that_knows_nothing_is_log_four():
    net = tiny.Network(nn.Flatten(), nn.Linear(12, 3), nn.Linear(3, 2))
    head = turn_head(net, (3, 2, 2))
    nn.init.zeros_(head.weight)
    loss = turning_loss(net, head, torch.rand(8, 3, 2, 2))
    assert loss.item() == pytest.approx(np.log(4), abs=1e-6)
