"""Freed memory is kept for the next block, inside and no longer."""

import sys

import pytest
import torch
from torch import nn

from realmix.base import memory
from realmix.base.memory import fastest_order, freed_memory_kept, has_depthwise

BLOCK, TIMES = 2**26, 8  # bytes; each is mapped anew where glibc is left alone

resource = pytest.importorskip("resource")
glibc = pytest.mark.skipif(memory._glibc() is None, reason="only glibc is told")


def faults():
    """Pages that the kernel fills while blocks of one size come and go.

    Not NumPy's: it asks for huge pages, of which the kernel has more or fewer.
    """
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(TIMES):
        torch.empty(BLOCK, dtype=torch.uint8).fill_(1)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@glibc
def test_a_block_that_was_freed_is_used_again():
    without = faults()
    with freed_memory_kept():
        # at first small blocks take their places between the large ones
        inside = min(faults() for _ in range(5))
    assert inside < without / 2


@glibc
def test_what_was_kept_is_given_back_whatever_happens():
    def held():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * resource.getpagesize()

    def stopped():
        with freed_memory_kept():
            faults()
            assert held() > before + BLOCK / 2
            raise KeyError

    before = held()
    with pytest.raises(KeyError):
        stopped()
    assert held() < before + BLOCK / 2
    assert faults() > TIMES


def test_elsewhere_nothing_changes(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    memory._glibc.cache_clear()
    try:
        assert memory._glibc() is None
        with freed_memory_kept():
            assert faults() >= 0
    finally:
        memory._glibc.cache_clear()


def test_depthwise_are_convolutions_each_of_whose_channels_is_a_group():
    assert has_depthwise(nn.Sequential(nn.Conv2d(3, 6, 1), nn.Conv2d(6, 12, 3, groups=6)))
    assert has_depthwise(nn.Conv2d(6, 6, 5, groups=6))
    assert not has_depthwise(nn.Sequential(nn.Conv2d(6, 6, 3, groups=2), nn.Conv2d(1, 6, 3)))
    assert not has_depthwise(nn.Conv2d(6, 6, 7, groups=6))  # of ConvNeXt


def test_only_depthwise_convolutions_on_a_gpu_keep_pictures_channel_by_channel():
    gpu, cpu = torch.device("cuda:0"), torch.device("cpu")
    assert fastest_order(True, gpu) is torch.contiguous_format
    for depthwise, device in ((True, cpu), (False, gpu), (False, cpu)):
        assert fastest_order(depthwise, device) is torch.channels_last
