"""Operations that each image draws for itself, grouped by what they are.

All color tables of a slot become one gather and all its geometry one warp, so a slot costs about as
much as one operation.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from realmix.augment import color, geometry
from realmix.base.errors import UsageError
from realmix.base.wording import suggestion

MID_GREY = 127

Operation = Callable[..., Tensor]
"""(B, C, H, W) uint8 images and (B, ...) tensors to tables, pictures or matrices."""


class Slot(NamedTuple):
    """What one slot has drawn.

    Attributes:
        operation: (B,) int64, place in `Operations.names`.
        strength: (B, ...) each, what tables and pictures are given.
        motion: (B, ...) each, what matrices are given.
    """

    operation: Tensor
    strength: tuple[Tensor, ...]
    motion: tuple[Tensor, ...]


@functools.lru_cache
def constant(numbers: tuple[int | tuple[int, ...], ...], device: torch.device) -> Tensor:
    """Whole numbers on the device; kept, because to bring them there makes the host wait."""
    return torch.tensor(numbers, device=device)


def put(result: Tensor, chosen: Tensor, operation: Operation, *given: Tensor) -> Tensor:
    """`result` with the rows where `chosen` (B,) replaced by those of `operation(*given)`.

    On a CPU only the chosen rows are computed, and written into `result` (to compute all took 51
    instead of 6 ms for 192 images); elsewhere all are, because to learn how many are chosen would
    make the host wait for the device.
    """
    if result.device.type != "cpu":
        value = operation(*given)
        return torch.where(chosen.view(-1, *[1] * (result.dim() - 1)), value, result)
    rows = chosen.nonzero()[:, 0]
    if len(rows) > 0:
        result[rows] = operation(*(argument.index_select(0, rows) for argument in given))
    return result


@dataclass(frozen=True)
class Operations:
    """What a policy draws from. Number 0 is "Identity"; then come tables, pictures, matrices.

    Attributes:
        tables: see `color`.
        pictures: those that give whole images.
        matrices: see `geometry`.
        allowed: names of those that may be drawn; the others are never computed.
        fill: what is read outside the image, in 0 .. 255, or its edge.
        mode: interpolation of the warps.
    """

    tables: Mapping[str, Operation]
    pictures: Mapping[str, Operation]
    matrices: Mapping[str, Operation]
    allowed: tuple[str, ...]
    fill: geometry.Fill = MID_GREY
    mode: geometry.Interpolation = "nearest"

    @property
    def names(self) -> tuple[str, ...]:
        return ("Identity", *self.tables, *self.pictures, *self.matrices)

    def check(self, policy: str) -> None:
        """Refuse a name that is not there.

        Raises:
            UsageError: with the nearest name that is.
        """
        for name in self.allowed:
            if name not in self.names:
                hint = suggestion(name, self.names)
                raise UsageError(f"{policy} has no operation {name!r}.{hint}")

    def numbers(self, device: torch.device) -> Tensor:
        """(len(allowed),) int64, the number of each that may be drawn."""
        return constant(tuple(self.names.index(name) for name in self.allowed), device)

    def apply(
        self, images: Tensor, slots: Sequence[Slot], one_warp: bool, first: Tensor | None = None
    ) -> Tensor:
        """(B, C, H, W) uint8 images, C = 1 or 3, after the operations of all slots; new.

        Args:
            images: the batch.
            slots: in this order.
            one_warp: join the geometry of all slots into one warp that comes first.
            first: (B, 3, 3) a geometric operation to join into it, before the slots'.
        """
        if one_warp:
            moves = [self._matrix(images, slot.operation, *slot.motion) for slot in slots]
            moves = moves if first is None else [first, *moves]
            images = geometry.warp(images, geometry.compose(*moves), self.fill, self.mode)
        else:
            images = images.clone()  # `put` writes into it
        for slot in slots:
            if not one_warp:
                images = self._moved(images, slot)
            images = self._recolored(images, slot)
        return images

    def _allowed(self, group: Mapping[str, Operation]) -> list[tuple[int, Operation]]:
        names = [name for name in group if name in self.allowed]
        return [(self.names.index(name), group[name]) for name in names]

    def _matrix(self, images: Tensor, operation: Tensor, *motion: Tensor) -> Tensor:
        matrix = geometry.identity(len(images), images)
        for index, function in self._allowed(self.matrices):
            chosen = (operation == index)[:, None, None]
            matrix = torch.where(chosen, function(images, *motion), matrix)
        return matrix

    def _moved(self, images: Tensor, slot: Slot) -> Tensor:
        def warp(rows: Tensor, operation: Tensor, *motion: Tensor) -> Tensor:
            matrix = self._matrix(rows, operation, *motion)
            return geometry.warp(rows, matrix, self.fill, self.mode)

        geometric = slot.operation > len(self.tables) + len(self.pictures)
        return put(images, geometric, warp, images, slot.operation, *slot.motion)

    def _recolored(self, images: Tensor, slot: Slot) -> Tensor:
        operation, strength = slot.operation, slot.strength
        tables = color.identity(images).repeat(1, images.shape[1], 1)
        for index, function in self._allowed(self.tables):
            tables = put(tables, operation == index, function, images, *strength)
        tabled = (operation > 0) & (operation <= len(self.tables))
        images = put(images, tabled, color.apply_table, images, tables)
        for index, function in self._allowed(self.pictures):
            images = put(images, operation == index, function, images, *strength)
        return images
