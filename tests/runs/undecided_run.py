"""A finished run whose two final models disagree, made up: for the tests of `realmix decide`."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from realmix.base.files import write_atomically, write_json
from realmix.evaluate.dispute import drawn

CLASSES = ("ant", "bee", "cat")


def write_undecided(
    folder: Path,
    *,
    kinds: tuple[int, int, int] = (60, 20, 20),
    pool: int = 400,
    images: bool = False,
    held_out: tuple[int, int, int] = (3, 1, 1),
    result: dict[str, Any] | None = None,
) -> dict[str, str]:
    """Write the records; the truth by name of each row.

    Args:
        folder: made.
        kinds: pool rows where only the candidate, only the baseline, neither is right.
        pool: rows in all; on the others both are right.
        images: of digits; otherwise two feature columns.
        held_out: held-out rows where the two differ, by the same kinds.
        result: what differs in result.json.
    """
    folder.mkdir(parents=True)
    truth, baseline, candidate = _predicted((*kinds, pool - sum(kinds)))
    held = _predicted((*held_out, 20))
    names = np.array([f"=row {i}.png" if i % 50 == 0 else f"row {i}.png" for i in range(pool)])
    index = drawn(baseline, candidate, seed=0)
    evidence = {
        "pool_baseline": baseline,
        "pool_model": candidate,
        "pool_names": names,
        "decide_index": index,
        "heldout_label": held[0],
        "heldout_baseline": held[1],
        "heldout_model": held[2],
    }
    if images:
        evidence["decide_images"] = (load_digits().images[index] * 15.9).astype(np.uint8)[:, None]
    else:
        evidence["decide_columns"] = np.array(["width", "height"])
        evidence["decide_features"] = np.stack([index / 8, index * 2.0], 1).astype(np.float32)
    packed = io.BytesIO()
    np.savez_compressed(packed, **evidence)
    write_atomically(folder / "evidence.npz", packed.getvalue())
    known = {
        "algorithm": "mixmatch",
        "shipped": "pair",
        "outcome": "likely",
        "gated": True,
        "seed": 0,
    }
    write_json(folder / "result.json", {"classes": list(CLASSES), **known, **(result or {})})
    return {str(name): CLASSES[place] for name, place in zip(names, truth, strict=True)}


def _predicted(kinds: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth and both models' probabilities, where they differ as `kinds` says, in random order."""
    rng = np.random.default_rng(sum(kinds))
    kind = rng.permutation(np.repeat([1, -1, 0, 2], kinds))
    truth = rng.integers(3, size=len(kind))
    candidate = np.where(kind > 0, truth, (truth + 1) % 3)
    baseline = np.select([kind == 1, kind == 0], [(truth + 1) % 3, (truth + 2) % 3], truth)
    sure = np.full((3, 3), 0.1, np.float32) + 0.7 * np.eye(3, dtype=np.float32)
    return truth, sure[baseline], sure[candidate]
