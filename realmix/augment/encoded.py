"""Views of encoded pictures: each is one of those whose features are kept.

Stored inputs are row numbers, (B,) int64, so that a pool of any size takes eight bytes a row and
only what a batch looks at is read from the file. A view picks from the kept ones by the row's
draws, and standardizes.

    plain   the picture as it is
    weak    one of the weak ones; where only plain ones are kept, what the preset "features" does
    strong  one of the strong ones; as above
    cutout, simple   for stored copies (RealMix): the copy picks, so it stays the same in all steps
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from realmix.augment.presets import features
from realmix.base.randomness import Draws
from realmix.contract.algorithm import Erasing
from realmix.data.encoded import Encoded, Kept
from realmix.data.pools import View

Standard = Callable[[Tensor], Tensor]


class Lookup:
    """Features by row and view, from the file on the CPU, from a copy on any other device."""

    def __init__(self, kept: Kept) -> None:
        self.kept = torch.from_numpy(kept.features), torch.from_numpy(kept.place)
        self.copies: dict[torch.device, Tensor] = {}

    def __call__(self, rows: Tensor, view: Tensor | int) -> Tensor:
        """(B,) rows, and (B,) views or one for all, to (B, D) float32 or (B, L) int64."""
        stored, place = self.kept
        if rows.device.type == "cpu":
            found = stored[place[rows], view]
        else:
            if rows.device not in self.copies:
                self.copies[rows.device] = stored[place].to(rows.device)
            found = self.copies[rows.device][rows, view]
        return found.float() if found.is_floating_point() else found.long()


def encoded_views(kept: Encoded, standard: Standard) -> dict[str, View]:
    """The views of a data set's features.

    Args:
        kept: the features, or token numbers.
        standard: (B, D) features to mean 0 and deviation 1; or (B, L) numbers to network inputs.
    """
    look = Lookup(kept.plain)

    def plain(rows: Tensor, draws: Draws | None = None) -> Tensor:
        return standard(look(rows, 0))

    if kept.augmented is None:
        noisy = features((kept.reference.dimension,))
        return {"plain": plain} | {
            name: lambda rows, *given, view=view: view(plain(rows), *given)
            for name, view in noisy.items()
            if name != "plain"
        }
    augmented, weak = Lookup(kept.augmented), kept.num_weak
    count = kept.augmented.features.shape[1] - weak

    def pick_weak(rows: Tensor, draws: Draws) -> Tensor:
        return standard(augmented(rows, draws.integers(weak)))

    def pick_strong(rows: Tensor, draws: Draws) -> Tensor:
        if count == 0:
            return pick_weak(rows, draws)
        return standard(augmented(rows, weak + draws.integers(count)))

    def cutout(rows: Tensor, draws: Draws, erasing: Erasing) -> Tensor:
        return pick_strong(rows, draws.copy)

    return {
        "plain": plain,
        "weak": pick_weak,
        "strong": pick_strong,
        "cutout": cutout,
        "simple": lambda rows, draws: pick_weak(rows, draws.copy),
    }
