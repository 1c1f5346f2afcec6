"""An encoder: how it sees pictures, and what it is known by."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from realmix.augment.views import network_input
from realmix.base.errors import DataError
from realmix.encoders.encoder import Look, PhotoEncoder, kept
from tests.encoders import tiny_encoder as small

CLOSE = {"rtol": 2e-3, "atol": 1e-3}


def test_black_grey_and_white_are_normalized_by_the_encoders_own_figures() -> None:
    levels = network_input(torch.tensor([0, 51, 255], dtype=torch.uint8))
    seen = small.LOOK(levels.view(3, 1, 1, 1).expand(3, 3, small.SIDE, small.SIDE))
    # (p - mean) / std of p = 0, 0.2, 1 by channels (.5, .5), (.25, .25), (0, 1)
    expected = torch.tensor([[-1.0, -1.0, 0.0], [-0.6, -0.2, 0.2], [1.0, 3.0, 1.0]])
    torch.testing.assert_close(seen[:, :, 0, 0], expected)


def test_pictures_are_resized_to_the_encoders_own_size() -> None:
    assert small.LOOK(torch.zeros(2, 3, 9, 40)).shape == (2, 3, small.SIDE, small.SIDE)


def test_a_resized_picture_stays_between_black_and_white() -> None:
    edge = -torch.ones(1, 3, 8, 8)
    edge[..., 4:] = 1
    seen = Look(20, (0.0,) * 3, (1.0,) * 3, "bicubic")(edge)
    assert seen.min() >= 0
    assert seen.max() <= 1


def test_grey_pictures_have_three_equal_channels() -> None:
    grey = network_input(torch.from_numpy(small.pictures(4))[:, :1])
    three = grey.expand(-1, 3, -1, -1)
    assert torch.equal(small.encoder().encode(grey), small.encoder().encode(three))


def test_features_do_not_depend_on_the_rest_of_the_batch() -> None:
    inputs, encoder = network_input(torch.from_numpy(small.pictures(9))), small.encoder()
    whole = encoder.encode(inputs)
    assert whole.dtype == torch.float16
    assert torch.equal(whole, torch.cat([encoder.encode(row[None]) for row in inputs]))
    assert torch.equal(whole.flip(0), encoder.encode(inputs.flip(0)))


def test_features_are_those_of_the_network_in_float16() -> None:
    inputs, encoder = network_input(torch.from_numpy(small.pictures(3))), small.encoder()
    with torch.no_grad():
        direct = small.network().eval()(small.LOOK(inputs))
    found = encoder.encode(inputs).float()
    torch.testing.assert_close(found, 5**0.5 * direct / direct.norm(dim=1, keepdim=True), **CLOSE)
    assert torch.equal(found, found.half().float())


def test_rows_without_any_answer_stay_zero() -> None:
    assert torch.equal(kept(torch.zeros(2, 4)), torch.zeros(2, 4).half())
    expected = 2**0.5 * torch.tensor([[0.6, 0.8]])
    assert torch.equal(kept(torch.tensor([[3e5, 4e5]])), expected.half())


def test_the_fingerprint_is_of_weights_and_look() -> None:
    mine = small.encoder().reference
    assert mine == small.encoder().reference
    assert (mine.name, mine.size, mine.dimension) == ("tiny", small.SIDE, 5)
    marks = {mine.fingerprint}
    for changed in dataclasses.replace(small.LOOK, size=18), Look(16), Look(16, (0.5,) * 3):
        marks.add(small.encoder(look=changed).reference.fingerprint)
    network = small.network()
    with torch.no_grad():
        next(network.parameters()).view(-1)[7] += 2**-20
    marks.add(PhotoEncoder("tiny", network, small.LOOK).reference.fingerprint)
    assert len(marks) == 5


def test_features_that_are_not_finite_are_an_error() -> None:
    class Broken(nn.Module):
        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            return pictures.flatten(1)[:, :4] / 0

    with pytest.raises(DataError, match="not finite"):
        PhotoEncoder("broken", Broken(), small.LOOK)


def test_the_network_is_left_as_it_was() -> None:
    """Frozen: in evaluation mode, without gradients, its moments never change."""
    network = nn.Sequential(nn.BatchNorm2d(3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    encoder = PhotoEncoder("norm", network, small.LOOK)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    encoder.encode(network_input(torch.from_numpy(small.pictures(8))))
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert np.all([not part.training for part in network.modules()])


def depthwise() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 6, 1), nn.Conv2d(6, 6, 3, groups=6), nn.Flatten())


def test_an_encoder_gives_its_network_pictures_in_the_order_of_its_weights(monkeypatch) -> None:
    made, orders = PhotoEncoder("tiny", depthwise(), small.LOOK), list[bool]()
    made.network[1].register_forward_pre_hook(  # type: ignore[index]
        lambda part, given: orders.append(given[0].is_contiguous())
    )
    inputs = network_input(torch.from_numpy(small.pictures(3)))
    first = made.encode(inputs)
    order = "realmix.encoders.encoder.fastest_order"
    monkeypatch.setattr(order, lambda *asked: torch.contiguous_format)
    second = made.on(torch.device("cpu"), torch.float32).encode(inputs)
    assert orders == [False, True]
    torch.testing.assert_close(first.float(), second.float(), **CLOSE)
