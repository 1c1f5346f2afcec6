"""Several sources to one `Dataset`: images of one shape, features in one order, pools joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from realmix.base.errors import DataError, UsageError
from realmix.base.wording import counted, printable
from realmix.data.folders.walk import Bad
from realmix.data.pixels.arrays import common_scale, scale_notes, to_bytes
from realmix.data.pixels.scale import Scale
from realmix.data.pools import Dataset
from realmix.data.reading.check import validate
from realmix.data.reading.decode import Shape
from realmix.data.reading.images import (
    choose_scale,
    choose_shape,
    fit_images,
    read_headers,
    read_images,
)
from realmix.data.reading.source import Source, of_all
from realmix.data.texts.columns import no_text
from realmix.data.weak import as_places


def assemble(
    parts: Sequence[Source], exam: Source | None, image_size: int | None, skip_bad: bool
) -> Dataset:
    """Read the image files, bring all rows to one shape and join them.

    Args:
        parts: the data, and behind them the pool if there is one more.
        exam: the test rows; they have no say in the shape.
        image_size: side of the images in pixels, or None to choose one.
        skip_bad: leave out labeled and test images that cannot be read.

    Raises:
        UsageError: `image_size` for features.
        DataError: parts of different kinds, unreadable images, missing columns, and what
            `validate` refuses.
    """
    tests = [] if exam is None else [exam]
    for role, part in [("pool", p) for p in parts[1:]] + [("test set", t) for t in tests]:
        _same_kind(parts[0], part, role)
    if parts[0].is_images:
        shape, scale, notes = _common_shape(parts, image_size)
        if arrays := [p.inputs for p in (*parts, *tests) if p.inputs is not None]:
            scale = common_scale(arrays)
        parts, tests = ([_as_bytes(p, scale) for p in group] for group in (parts, tests))
        ready = [_with_images(part, shape, scale, skip_bad, "labeled images") for part in parts]
        tests = [_with_images(part, shape, scale, skip_bad, "test images") for part in tests]
        if parts[0].files is not None:
            ready, tests = _without_empty_classes(ready, tests)
    elif image_size is not None:
        raise UsageError(
            f"image_size is for images, but these data are {parts[0].kind}. Leave it out."
        )
    elif parts[0].is_texts:
        notes, scale = (), None
        ready = [_with_texts(part, skip_bad, "labeled texts") for part in parts]
        tests = [_with_texts(part, skip_bad, "test texts") for part in tests]
        ready, tests = _without_empty_classes(ready, tests)
    else:
        notes, scale = (), None
        ready = [_with_columns(part, parts[0], "pool") for part in parts]
        tests = [_with_columns(part, parts[0], "test set") for part in tests]
    return replace(_dataset(ready, tests, notes), scale=scale)


def _same_kind(main: Source, other: Source, role: str) -> None:
    if main.kind != other.kind:
        raise DataError(
            f"The data are {main.kind}, but the {role} holds {other.kind}. Both must be of one"
            " kind."
        )


def _common_shape(
    parts: Sequence[Source], image_size: int | None
) -> tuple[Shape, Scale | None, tuple[str, ...]]:
    """The shape of all images: that of the data where they are arrays, else chosen from files.

    With the scale of files of more than 8 bits, and notes on both.
    """
    stored = parts[0].inputs
    if stored is None:
        files = [file for part in parts for file in part.files or ()]
        headers = read_headers(files)
        shape, note = choose_shape(headers, image_size)
        scale, notes = choose_scale(files, headers)
        return shape or (3, 64, 64), scale, (*((note,) if note else ()), *notes)
    channels, height, width = stored.shape[1:]
    if image_size is None or image_size == height == width:
        return (channels, height, width), None, ()
    note = f"Images of {height} x {width} pixels are resized to {image_size} x {image_size}."
    return (channels, image_size, image_size), None, (note,)


def _as_bytes(part: Source, scale: Scale | None) -> Source:
    if part.inputs is None:
        return part
    notes = part.notes + scale_notes(part.inputs, scale)
    return replace(part, inputs=to_bytes(part.inputs, scale), notes=notes)


def _with_images(
    part: Source, shape: Shape, scale: Scale | None, skip_bad: bool, what: str
) -> Source:
    """`part` with its images read and fitted, without the files that could not be read."""
    if part.files is None:
        assert part.inputs is not None
        return replace(part, inputs=fit_images(part.inputs, shape))
    images, reasons = read_images(part.files, shape, scale)
    read = replace(part, inputs=images)
    return _without_bad(read, reasons, skip_bad, what)


def _with_texts(part: Source, skip_bad: bool, what: str) -> Source:
    """`part` without the texts of which nothing can be learned."""
    assert part.inputs is not None
    bad = {row: why for row, text in enumerate(part.inputs) if (why := no_text(text))}
    return _without_bad(part, bad, skip_bad, what)


def _without_bad(part: Source, reasons: dict[int, str], skip_bad: bool, what: str) -> Source:
    """`part` without the rows of which nothing can be learned, for these reasons."""
    bad = [(part.names[row], reason) for row, reason in reasons.items()]
    labeled = [(part.names[row], reasons[row]) for row in reasons if part.label[row] >= 0]
    _refuse_no_pool(part, bad)
    serious = [*part.refused, *labeled]
    if serious and not skip_bad:
        raise _unreadable(serious, what)
    good = np.array([row for row in range(len(part)) if row not in reasons], dtype=np.int64)
    skipped = (*part.refused, *bad)
    notes = part.notes
    if skipped:
        some = counted(len(skipped), "text" if part.is_texts else "file")
        first = "; the first is " if len(skipped) > 1 else ": "
        told = ": ".join(map(printable, skipped[0]))
        notes += (f"{some} left out that could not be used{first}{told}.",)
    kept = replace(part.take(good), notes=notes)
    return replace(kept, refused=(), bad_files=(*skipped, *part.bad_files))


def _refuse_no_pool(part: Source, bad: Sequence[Bad]) -> None:
    """A pool of which nothing can be read is no pool of a few bad files, but a wrong path."""
    pool = [part.names[row] for row in np.flatnonzero(part.label < 0)]
    among = set(pool)
    gone = [(name, reason) for name, reason in bad if name in among]
    if pool and len(gone) == len(pool):
        raise _unreadable(gone, "unlabeled images (which are all there are)", False)


def _unreadable(bad: Sequence[Bad], what: str, may_skip: bool = True) -> DataError:
    listed = "".join(f"\n  {path}: {reason}" for path, reason in bad[:5])
    more = f"\n  ... and {len(bad) - 5:,} more" if len(bad) > 5 else ""
    skip = ", or leave them out with --skip-bad" if may_skip else ""
    return DataError(
        f"{len(bad):,} of the {what} cannot be read:{listed}{more}\nMend or remove them{skip}."
    )


def _without_empty_classes(
    parts: Sequence[Source], tests: Sequence[Source]
) -> tuple[list[Source], list[Source]]:
    """The rows without the classes all of whose labeled images were left out."""
    main = parts[0]
    present = np.unique(main.label[main.label >= 0])
    gone = [printable(name) for c, name in enumerate(main.classes) if c not in present]
    if not gone:
        return list(parts), list(tests)
    classes = tuple(main.classes[c] for c in present)
    listed = ", ".join(gone[:10])
    note = f"No row of these classes could be used, so they are left out: {listed}."
    kept = [part.with_classes(classes) for part in parts]
    kept[0] = replace(kept[0], notes=(*main.notes, note))
    exams = [part.with_classes(classes) for part in tests]
    if any((part.label < 0).any() for part in exams):
        raise DataError(f"The test set has rows of classes without a training row: {listed}.")
    return kept, exams


def _with_columns(part: Source, main: Source, role: str) -> Source:
    """Feature rows, if they have as many columns as the data; tables have theirs in order."""
    assert part.inputs is not None
    assert main.inputs is not None
    given, expected = part.inputs.shape[1], main.inputs.shape[1]
    if given != expected:
        raise DataError(
            f"Rows of the {role} have {given} features, the data {expected}. They must have "
            "the same features in the same order."
        )
    return part


def _files(parts: Sequence[Source]) -> tuple[Path, ...] | None:
    """The image file of each row, where all rows have one."""
    files = tuple(file for part in parts for file in part.files or ())
    return files if files and len(files) == sum(map(len, parts)) else None


def _dataset(parts: Sequence[Source], tests: Sequence[Source], notes: tuple[str, ...]) -> Dataset:
    main = parts[0]
    inputs = [part.inputs for part in parts if part.inputs is not None]
    sizes = [len(part) for part in parts]
    named = of_all([part.weak for part in parts], sizes, None)
    weak, doubts = (None, ()) if named is None else as_places(named, main.classes)
    unknown = np.int64(-1)
    truth = np.concatenate(
        [np.full(len(p), unknown) if p.truth is None else p.truth for p in parts]
    )
    groups = [g for part in parts for g in part.groups or (None,) * len(part)]
    place: dict[str | None, int] = {
        group: i for i, group in enumerate(dict.fromkeys(filter(None, groups)))
    }
    if tests and not len(tests[0]):
        raise DataError("Nothing of the test set can be read.")
    dataset = Dataset(
        # one part is not copied: it can be a memory-mapped file
        inputs=inputs[0] if len(inputs) == 1 else np.concatenate(inputs),
        label=np.concatenate([part.label for part in parts]),
        classes=main.classes,
        preset=main.preset,
        names=tuple(name for part in parts for name in part.names),
        columns=main.columns,
        test_inputs=tests[0].inputs if tests else None,
        test_label=tests[0].label if tests else None,
        test_names=tests[0].names if tests else None,
        files=_files(parts),
        test_files=_files(tests),
        translated=of_all([part.translated for part in parts], sizes, ""),
        weak=weak,
        oracle=truth if (truth >= 0).any() else None,
        groups=np.array([place.get(group, -1) for group in groups]) if place else None,
        bad_files=tuple(bad for part in (*parts, *tests) for bad in part.bad_files),
    )
    told = [note for part in (*parts, *tests) for note in part.notes]
    shared = [g for part in tests for g in part.groups or () if g in place]
    if shared:
        told.append(
            f"{len(shared):,} test rows belong to a group that trains too, such as "
            f"'{printable(shared[0])}'. Accuracy on them may be higher than on new groups."
        )
    return replace(dataset, notes=(*notes, *dict.fromkeys(told), *doubts, *validate(dataset)))
