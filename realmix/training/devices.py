"""Where to compute, and in which precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from realmix.base.errors import UsageError

NAMES = ("auto", "cpu", "cuda", "mps")


def choose(name: str = "auto") -> torch.device:
    """The device of that name; "auto" takes a GPU, then Apple's, then the CPU.

    Raises:
        UsageError: if there is no such device here.
    """
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(kind for kind, there in available.items() if there)
    kind = name.split(":")[0]
    if not available.get(kind, False):
        there = ", ".join(kind for kind, here in available.items() if here)
        raise UsageError(f"There is no device '{name}' here. Available: {there}; --device auto.")
    return torch.device(name)


def best_precision(device: torch.device, shape: tuple[int, ...]) -> torch.dtype:
    """bfloat16 where it makes the network's passes faster, else float32.

    That is on GPUs that have it, and on CPUs that multiply in it (AVX512-BF16 or AMX) for texts
    and images of 16 pixels or more; below, the conversions cost more than they save.

    Args:
        device: where to compute.
        shape: of one input: (C, H, W), (D,), or (1, L) of token numbers.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    large = len(shape) == 2 or (len(shape) == 3 and min(shape[1:]) >= 16)
    if device.type == "cpu" and large:
        features = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
        if features.get("avx512_bf16") or features.get("amx_bf16"):
            return torch.bfloat16
    return torch.float32


@contextmanager
def fitting_threads(device: torch.device, shape: tuple[int, ...]) -> Iterator[None]:
    """One thread, on the CPU, for feature rows and tiny images; otherwise as many as there were.

    Their steps are short, and threads that wait for each other spin. Measured on two cores, a step
    with one thread and with two: of an MLP 2.4 and 2.7 ms, of a ConvNet at 8 x 8 pixels 15 and
    12 ms; beside another computation 2.8 and 7.8 ms, 17 and 50 ms.

    Args:
        device: where to compute.
        shape: of one input: (C, H, W), (D,), or (1, L) of token numbers.
    """
    before = torch.get_num_threads()
    tiny = len(shape) == 1 or (len(shape) == 3 and min(shape[1:]) < 16)
    if device.type == "cpu" and tiny:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def seed_dropout(seed: int, device: torch.device) -> None:
    """Seed what torch's own layers draw from, on one device.

    `torch.manual_seed` seeds every device that there may be, for a millisecond: as long as a step
    of a small network takes.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
