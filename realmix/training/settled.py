"""When a training on the labels alone has converged, so that further steps would be spent in vain.

It has when the mean loss of its labels since the last look is under `LOW`, and since the look
before the averaged network has changed its mind on at most `CHANGED` of the pool, both `CALM` times
in a row. Found by experiment: benchmarks/records/early.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from realmix.data.pools import Data
from realmix.training import parallel
from realmix.training.predict import predict

LOOKS = 12  # in a training
ROWS = 500  # of the pool, evenly spaced
LOW = 0.01  # loss
CHANGED = 0.01  # share of the rows
CALM = 3  # looks in a row


class Settled(nn.Module):
    """Looks at a training from time to time. Its state: loss since the last look, classes, calm.

    It follows from the training alone, so it is the same after a resume.

    Args:
        data: what is learned, with a pool; on the device of the training.
        steps: of the whole training.
    """

    loss: Tensor
    named: Tensor
    calm: Tensor

    def __init__(self, data: Data, steps: int) -> None:
        super().__init__()
        pool = data.unlabeled.inputs
        spaced = torch.linspace(0, len(pool) - 1, min(ROWS, len(pool))).long()
        self.rows, self.plain = pool[spaced.to(pool.device)], data.views["plain"]
        self.every = max(steps // LOOKS, 1)
        self.register_buffer("loss", torch.zeros((), device=pool.device))
        self.register_buffer("named", torch.full((len(spaced),), -1))  # -1: not looked at
        self.register_buffer("calm", torch.zeros((), dtype=torch.int64))

    @property
    def ended(self) -> bool:
        return int(self.calm) >= CALM

    def after(self, step: int, loss: Tensor, network: nn.Module) -> None:
        """Take note of a step that was made, and look if it is time.

        Args:
            step: steps so far.
            loss: of the labels in that step, a scalar.
            network: the average; left in training mode.
        """
        self.loss += loss.detach()
        if step % self.every:
            return
        low = float(self.loss) / self.every < LOW
        self.loss.zero_()
        if not parallel.agreed(int(low), self.loss.device):
            self.calm.zero_()
            self.named.fill_(-1)
            return
        named = predict(network, self.rows, self.plain).argmax(1)
        network.train()
        same = float((named != self.named).float().mean()) <= CHANGED
        self.calm += 1 if parallel.agreed(int(same), self.loss.device) else -self.calm
        self.named.copy_(named)
