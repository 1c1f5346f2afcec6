"""The choice of rows that all scenarios make."""

from dataclasses import fields

import numpy as np

from realmix.data.pools import Dataset
from realmix.data.scenarios.truth import ROWS, taken


def test_every_entry_of_a_row_goes_with_it():
    """Also the label of unknown quality, which had stayed behind."""
    given = {name: np.arange(4) for name in ROWS}
    dataset = Dataset(
        np.arange(8.0).reshape(4, 2), classes=tuple("abcd"), preset="features", **given
    )
    chosen = taken(dataset, np.array([2, 0]))
    assert chosen.inputs.tolist() == [[4.0, 5.0], [0.0, 1.0]]
    assert all(getattr(chosen, name).tolist() == [2, 0] for name in ROWS)
    arrays = {f.name for f in fields(Dataset) if f.type == "np.ndarray | None"}
    assert arrays - set(ROWS) == {"test_inputs", "test_label"}
