"""Views on a GPU: their kernels are recorded once, then launched together."""

from __future__ import annotations

import gc
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from realmix.base.randomness import Draws
from realmix.data.pools import View

LARGEST = 1 << 23  # values of a batch: with more of them kernels take longer than their launches


class Replayed:
    """A view that a GPU replays: the same values, for one launch instead of hundreds.

    Views are made of hundreds of small kernels. To launch them takes the host longer than the
    device works: on an H100 FixMatch's step of a ConvNet took 31 ms, and 7.5 ms with replayed
    views. Each size of batch is recorded (as a CUDA graph) when it first comes. Elsewhere than on
    a GPU the view is called.

    Args:
        view: a function of inputs, random streams and settings that never waits for the device.
    """

    def __init__(self, view: View) -> None:
        self.view = view
        self.recordings: dict[Hashable, _Recording] = {}

    def __call__(self, inputs: Tensor, draws: Draws, *settings: Any) -> Any:
        if not inputs.is_cuda or inputs.numel() > LARGEST:
            return self.view(inputs, draws, *settings)
        copied = None if draws.copy is draws else draws.copy.key
        given = (inputs, draws.key, copied, *settings)
        size = tuple(
            (each.shape, each.dtype, each.device) if isinstance(each, Tensor) else each
            for each in given
        )
        if size not in self.recordings:
            self.recordings[size] = _Recording(self._addressed, given)
        return self.recordings[size](given)

    def _addressed(self, inputs: Tensor, key: Tensor, copied: Tensor | None, *settings: Any) -> Any:
        copy = None if copied is None else Draws(copied)
        return self.view(inputs, Draws(key, copy), *settings)


@contextmanager
def nothing_collected() -> Iterator[None]:
    """Within, no garbage is collected: an old recording among it would break the new one."""
    gc.collect()
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class _Recording:
    """The kernels of one call of a function, for other values in tensors of the same shapes."""

    def __init__(self, function: Any, given: tuple[Any, ...]) -> None:
        self.given = [each.clone() if isinstance(each, Tensor) else each for each in given]
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):  # libraries and cached constants set themselves up
            function(*self.given)
        torch.cuda.current_stream().wait_stream(aside)
        self.graph = torch.cuda.CUDAGraph()
        # other threads may use the device meanwhile, as the watchdog of several processes does
        with nothing_collected(), torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
            self.result = function(*self.given)

    def __call__(self, given: tuple[Any, ...]) -> Any:
        for place, value in zip(self.given, given, strict=True):
            if isinstance(value, Tensor):
                place.copy_(value)
        self.graph.replay()
        if isinstance(self.result, Tensor):
            return self.result.clone()
        return tuple(each.clone() for each in self.result)
