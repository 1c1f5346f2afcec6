"""BatchNorm's running statistics are those of the weights that are evaluated."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from realmix import models
from realmix.algorithms.supervised import Supervised
from realmix.augment.presets import PRESETS
from realmix.contract.state import Ema
from realmix.data.pools import Data, Pool
from realmix.data.reading.load import load
from realmix.training.predict import predict
from realmix.training.trainer import Trainer, as_trained


@pytest.mark.parametrize("momentum", [0.001, 0.1, None])
def test_two_steps_by_hand_whatever_the_momentum_of_the_layer(momentum: float | None) -> None:
    student = as_trained(nn.BatchNorm1d(1, momentum=momentum), torch.device("cpu"), (1,))
    ema = Ema(student, 0.999)
    student(torch.tensor([[1.0], [3.0]]))  # mean 2, variance 2: 0 -> 1 and 1 -> 1.5
    ema.update(student, 0)  # a tenth of what was: 0.9 and 0.1 + 0.9 * 1.5
    student(torch.tensor([[5.0], [9.0]]))  # mean 7, variance 8: 1 -> 4 and 1.5 -> 4.75
    ema.update(student, 1)  # two elevenths of what was
    found = {name.split(".")[-1]: value.item() for name, value in ema.network.named_buffers()}
    assert found["running_mean"] == pytest.approx((2 * 0.9 + 9 * 4) / 11, rel=1e-6)
    assert found["running_var"] == pytest.approx((2 * 1.45 + 9 * 4.75) / 11, rel=1e-6)
    assert found["num_batches_tracked"] == 2


def test_a_wide_resnet_is_judged_by_its_weights_after_a_short_training() -> None:
    """0.001, the layers' published momentum, gives less than .6 here."""
    dataset = load("digits@40", seed=0)
    known, views = dataset.label >= 0, PRESETS["digits"]((1, 8, 8))
    labeled = Pool.of(dataset.inputs[known], dataset.label[known])
    data = Data(labeled, Pool.of(dataset.inputs[~known]), dataset.classes, views)
    network = models.build("wrn-10-1", (1, 8, 8), 10, seed=0)
    trained = Trainer(network, Supervised(), data, steps=60).run().nets.ema

    assert dataset.test_inputs is not None
    probs = predict(trained, torch.from_numpy(dataset.test_inputs), views["plain"])
    assert np.mean(probs.argmax(1).numpy() == dataset.test_label) > 0.75
