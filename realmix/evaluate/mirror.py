"""Whether pictures may be mirrored: a network that never saw mirrored ones is asked to read them.

Where classes do not depend on left and right, the mirrored picture of a held-out row is as likely
to be read right as the row itself. Letters, digits and many medical pictures are read worse.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from realmix import models
from realmix.algorithms.supervised import Supervised
from realmix.augment.presets import PRESETS
from realmix.base.randomness import derive
from realmix.data.pools import Data, Dataset, Pool, View
from realmix.data.splits import stratified_labels, validation_plan
from realmix.evaluate.intervals import Correct, mcnemar
from realmix.training.predict import predict
from realmix.training.trainer import Trainer

STEPS = 100  # of each of the two trainings
MOST_ROWS = 1000  # labels that are looked at
SIDE = 32  # pixels; larger pictures are shrunk to it
LEVEL = 0.1  # of the test: mirrors in vain cost 10 points and more, none where they help a few
HARM = 0.05  # in accuracy: what costs less is mirrored, because mirroring gives more
LEAST_PAIRS = math.ceil(-math.log2(LEVEL))  # fewer cannot reach the level, whatever they say
_MIRROR = 21  # stream of randomness


@dataclass(frozen=True)
class Reading:
    """How held-out rows are read as they are and mirrored.

    Attributes:
        plain, mirrored: shares that are read right, in [0, 1].
        count: of rows.
        disagreements: rows where only one of the two is right.
        p_value: one-sided, of "mirrored pictures are read worse".
    """

    plain: float
    mirrored: float
    count: int
    disagreements: int
    p_value: float

    @classmethod
    def of(cls, plain: Correct, mirrored: Correct) -> Reading:
        """From (n,) bool each: was the row read right, as it is and mirrored."""
        if len(plain) == 0:
            return cls(0.0, 0.0, 0, 0, 1.0)
        p_value = mcnemar(mirrored, plain)
        differing = int((plain != mirrored).sum())
        return cls(float(plain.mean()), float(mirrored.mean()), len(plain), differing, p_value)

    @property
    def tells(self) -> bool:
        """Whether there were enough rows to find a harm."""
        return self.disagreements >= LEAST_PAIRS

    @property
    def mirrors(self) -> bool:
        """Whether pictures may be mirrored; not where nothing tells, as that costs least."""
        harmed = self.p_value <= LEVEL and self.plain - self.mirrored >= HARM
        return self.tells and not harmed

    @property
    def note(self) -> str:
        """What the user should know; nothing where pictures are mirrored."""
        if self.mirrors:
            return ""
        if not self.tells:
            return (
                "The labels are too few to tell whether mirrored pictures show the same, so"
                " pictures are not mirrored; --augment photos mirrors them."
            )
        return (
            f"Mirrored pictures are read worse ({self.mirrored:.0%} against {self.plain:.0%} of"
            f" {self.count:,} rows), so pictures are not mirrored; --augment photos mirrors them."
        )


def read_mirrored(dataset: Dataset, seed: int, device: torch.device) -> Reading:
    """Train on half of the labels without mirroring, read the other half, and the other way round.

    Args:
        dataset: images; only its labeled rows are looked at.
        seed: of the run; the same rows and seed give the same reading.
        device: where to train.
    """
    known = np.flatnonzero(dataset.label >= 0)
    if len(known) > MOST_ROWS:
        known = stratified_labels(
            dataset.label, max(MOST_ROWS, len(dataset.classes)), derive(seed, _MIRROR)
        )
    images = shrunk(torch.from_numpy(dataset.inputs[known]))
    label = dataset.label[known]
    plain, mirrored = [np.zeros(0, bool)], [np.zeros(0, bool)]
    folds = validation_plan(label, derive(seed, _MIRROR, 1)).folds
    for number, (train, held) in enumerate(folds):
        network, view = _trained(images[train], label[train], dataset.classes, seed, number, device)
        for correct, pictures in ((plain, images[held]), (mirrored, images[held].flip(3))):
            correct.append(predict(network, pictures, view).argmax(1).numpy() == label[held])
    return Reading.of(np.concatenate(plain), np.concatenate(mirrored))


def _trained(
    images: Tensor, label: np.ndarray, classes: tuple[str, ...], seed: int, number: int,
    device: torch.device,
) -> tuple[nn.Module, View]:  # fmt: skip
    """The averaged network of one training of labels alone, and its plain view."""
    shape = tuple(images.shape[1:])
    views = PRESETS["unmirrored"](shape)
    start = derive(seed, _MIRROR, 2, number)
    trainer = Trainer(
        models.build("convnet", shape, len(classes), start),
        Supervised(),
        Data(Pool.of(images, label), Pool.of(images[:0]), classes, views),
        steps=STEPS,
        seed=start,
        device=device,
    )
    return trainer.run().nets.ema, views["plain"]


def shrunk(images: Tensor) -> Tensor:
    """(B, C, H, W) uint8 with sides of at most `SIDE` pixels, each a mean of those it replaces."""
    height, width = images.shape[2:]
    sides = min(height, SIDE), min(width, SIDE)
    if sides == (height, width):
        return images
    return F.adaptive_avg_pool2d(images.float(), sides).round().to(torch.uint8)
