"""The tables of a data set as numbers: one encoding, fitted to labeled rows and pool, for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from realmix.base.errors import DataError
from realmix.base.wording import printable
from realmix.data.columns import Wanted
from realmix.data.mixed.cells import by_place, joined, numbers_of
from realmix.data.mixed.encoding import Encoding
from realmix.data.mixed.kinds import fitted
from realmix.data.reading.source import Source


def encoded(
    parts: Sequence[Source], exam: Source | None, wanted: Wanted
) -> tuple[list[Source], Source | None, Encoding | None]:
    """The same sources with numbers for cells, and how they were made; None where none has cells.

    Args:
        parts: the data, and behind them the pool if there is one more. What they hold together
            decides of which kind a column is.
        exam: the test rows, which have no say in it.
        wanted: what the user says of columns.

    Raises:
        DataError: a table lacks a column; and see `kinds.fitted`.
    """
    main, every = parts[0].cells, (*parts, *([] if exam is None else [exam]))
    if any(part.is_images or part.is_texts for part in every):
        return list(parts), exam, None  # `assemble` refuses a mixture of kinds
    if main is None:
        ready = [_nameless(part) for part in every]
        parts, exam = ready[: len(parts)], None if exam is None else ready[-1]
        if not any(np.isnan(part.inputs).any() for part in ready if part.inputs is not None):
            return ready[: len(parts)], exam, None
        assert parts[0].inputs is not None
        main = by_place(parts[0].inputs)
    tables = [_aligned(part, tuple(main), "pool") for part in parts]
    cells = {name: joined([table[name] for table in tables]) for name in main}
    places = [name for part in parts for name in part.names]
    encoding, notes = fitted(cells, places, wanted)
    ready = [
        _with_numbers(part, table, encoding, "pool")
        for part, table in zip(parts, tables, strict=True)
    ]
    ready[0] = replace(ready[0], notes=ready[0].notes + notes)
    if exam is not None:
        read = tuple(main) if exam.cells is None else encoding.columns_read
        table = _aligned(exam, read, "test set")
        exam = _with_numbers(exam, table, encoding, "test set")
        exam = replace(exam, notes=(*exam.notes, *encoding.notes(table, "the test set")))
    return ready, exam, encoding


def _aligned(part: Source, columns: Sequence[str], role: str) -> Mapping[str, np.ndarray]:
    """A source's cells, those of nameless numbers by their place."""
    if part.cells is not None:
        missing = [name for name in columns if name not in part.cells]
        if missing:
            listed = ", ".join(printable(name) for name in missing[:10])
            raise DataError(
                f"The {role} lacks {len(missing)} of the {len(columns)} feature columns: {listed}. "
                "It must have the columns of the data."
            )
        return part.cells
    assert part.inputs is not None
    if part.inputs.shape[1] != len(columns):
        raise DataError(
            f"Rows of the {role} have {part.inputs.shape[1]} features, the data {len(columns)}. "
            "They must have the same features in the same order."
        )
    return dict(zip(columns, part.inputs.astype(np.float64).T, strict=True))


def _with_numbers(
    part: Source, table: Mapping[str, np.ndarray], encoding: Encoding, role: str
) -> Source:
    inputs = encoding(table, f"The {role}")
    return replace(part, inputs=inputs, cells=None, columns=encoding.names)


def _nameless(part: Source) -> Source:
    """A table beside an array of features, which has no names: its numbers, in their order."""
    if part.cells is None:
        return part
    numbers = np.column_stack([numbers_of(column) for column in part.cells.values()])
    return replace(part, inputs=numbers, cells=None, columns=None)


def with_cells(source: Source, encoding: Encoding | None) -> Source:
    """Nameless numbers as cells of columns called by their places, where an encoding has these."""
    if encoding is None or source.inputs is None or source.inputs.ndim != 2:
        return source
    table = by_place(source.inputs)
    fits = table.keys() >= set(encoding.columns_read)
    return replace(source, inputs=None, cells=table) if fits else source
