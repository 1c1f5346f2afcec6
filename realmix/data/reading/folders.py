"""Folders of images: the files of each class, of the pool and of the test set."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from realmix.base.errors import DataError, UsageError
from realmix.base.wording import counted, printable
from realmix.data.folders.names import role
from realmix.data.folders.parts import find_parts
from realmix.data.folders.walk import TEXTS, Bad, Walk, is_text, mostly_texts, survey
from realmix.data.labels import NOTHING_SAID, Marks, read_folders
from realmix.data.pixels.formats import is_image
from realmix.data.reading.source import Source, encode

POOL_FOLDER = "unlabeled"


def _names(paths: Sequence[Path]) -> tuple[str, ...]:
    return tuple(printable(path) for path in paths)


def _enter(walk: Walk, root: Path, folders: Sequence[Path]) -> list[Path]:
    """Those of `folders` that are not links to another one, entered with all above them.

    All are entered before any is read: a link inside one class must not claim another.
    """
    above = {root, *(p for folder in folders for p in folder.parents if p.is_relative_to(root))}
    for path in sorted(above):
        walk.enter(path)
    return [folder for folder in folders if walk.enter(folder)]


def _rows(
    walk: Walk, folders: dict[Path, str | None], kept: Sequence[Path], marks: Marks
) -> Source:
    """The files below the folders that are `kept`, labeled with the folders' classes."""
    files, names = list[Path](), list[str | None]()
    refused, bad, notes = list[Bad](), list[Bad](), list[str]()
    for folder in kept:
        if folder in folders:
            found = walk.below(folder)
            (bad if folders[folder] is None else refused).extend(walk.take_refused())
            files += found
            names += [folders[folder]] * len(found)
            if not found:
                notes.append(f"Folder '{printable(folder)}' holds no files and is left out.")
    labels = read_folders(names, marks)
    label, classes = encode(labels.names)
    notes += labels.notes()
    source = Source(_names(files), label, classes, files=tuple(files), notes=tuple(notes))
    return replace(source, refused=tuple(refused), bad_files=tuple(bad))


def _without_images(folder: Path, follow: bool) -> bool:
    """Whether a folder could be read, and holds files none of which is an image."""
    walk = Walk(folder.resolve(), follow)
    return bool(walk.below(folder)) and not walk.refused


def _what_is_read(folder: Path, follow: bool) -> Callable[[Path], bool]:
    """Whether a file is a text, where most below the folder are by their names; else an image."""
    walk = Walk(folder.resolve(), follow)
    walk.enter(folder)
    return is_text if mostly_texts(walk.below(folder)) else is_image


def read_class_folders(
    folder: Path, is_exam: bool = False, marks: Marks = NOTHING_SAID, follow: bool = False
) -> Source:
    """A folder of class folders, searched to any depth, or of the parts of a data set.

    The pool, and a test set that lies beside the training part, come along: see `find_parts`.

    Args:
        folder: that was given.
        is_exam: as the test set.
        marks: what the user says of the folders' names.
        follow: whether links that lead outside of it are followed.

    Raises:
        DataError: no class folders, no files in any of them, or folders that can be read in two
            ways.
    """
    parts = find_parts(survey(folder, _what_is_read(folder, follow), follow), is_exam)
    left_out = [path for path in parts.empty if _without_images(path, follow)]
    # folders that cannot be read, or hold nothing, are told of as classes are
    unread = [(path.name, path) for path in parts.empty if path not in left_out]
    train = {path: name for name, path in (*parts.classes, *unread)}
    data: dict[Path, str | None] = {**train, **dict.fromkeys(parts.pool)}
    test: dict[Path, str | None] = {path: name for name, path in parts.test}
    walk = Walk(folder.resolve(), follow)
    loose = walk.entries(folder)[1]
    refused = walk.take_refused()
    kept = _enter(walk, folder, [*data, *test])
    source = _rows(walk, data, kept, marks)
    if not source.files:
        raise _no_images(folder, [*refused, *source.refused])
    notes = [*parts.notes, *source.notes]
    notes += [f"Folder '{printable(p)}' holds no images and is left out." for p in left_out]
    if loose:
        notes.append(f"{counted(len(loose), 'file')} beside the class folders not used.")
    return replace(
        source,
        notes=tuple(notes),
        refused=(*refused, *source.refused),
        bad_files=(*source.bad_files, *walk.passed_over),
        test=_rows(walk, test, kept, marks) if test else None,
    )


def _no_images(folder: Path, refused: Sequence[Bad]) -> DataError:
    return DataError(
        f"There are no images and no texts in '{printable(folder)}'{_other_kind(folder)}. Expected "
        f"class folders with images or texts ({', '.join(TEXTS)}), such as "
        f"'{printable(folder / 'cat' / '1.jpg')}', and the pool in "
        f"'{printable(folder / POOL_FOLDER)}'.{_first(refused)}"
    )


def _other_kind(folder: Path) -> str:
    """``", but 12 files that end in '.pdf'"``: what most files below it are, or ""."""
    walk = Walk(folder.resolve())
    walk.enter(folder)
    endings = Counter(file.suffix.lower() for file in walk.below(folder) if file.suffix)
    (ending, count), *_ = endings.most_common(1) or [("", 0)]
    return f", but {counted(count, 'file')} that end in '{printable(ending)}'" if count else ""


def _first(refused: Sequence[Bad]) -> str:
    """What was passed over, the first of it, a line each."""
    return "".join(f"\n  {path}: {reason}" for path, reason in refused[:5])


def grouped(source: Source, folder: Path, pattern: str) -> Source:
    """The source with the group of each file: what `pattern` finds in its path below `folder`.

    Args:
        source: of files below `folder`, with its test rows.
        folder: that was given.
        pattern: regular expression; its first parenthesis, or all that it finds, names the group.

    Raises:
        UsageError: it is no regular expression, or finds nothing in any labeled file.
    """
    try:
        search = re.compile(pattern).search
    except re.error as error:
        raise UsageError(
            f"--group: '{printable(pattern)}' is no regular expression ({error}). For folders it "
            "finds the group in the path of each file, such as 'patient[0-9]+'."
        ) from None

    def group(file: Path) -> str | None:
        found = search(file.relative_to(folder).as_posix())
        return None if found is None else found[1] if found.re.groups else found[0]

    files = source.files or ()
    groups = tuple(map(group, files))
    if not any(g for g, label in zip(groups, source.label, strict=True) if label >= 0):
        example = printable(files[0].relative_to(folder).as_posix())
        raise UsageError(
            f"--group: '{printable(pattern)}' is found in no path of a labeled file, such as "
            f"'{example}'. Give a regular expression that finds the group there."
        )
    test = source.test
    if test is not None:
        test = replace(test, groups=tuple(map(group, test.files or ())))
    return replace(source, groups=groups, test=test)


def read_pool_folder(folder: Path, follow: bool = False) -> Source:
    """All files below a folder as unlabeled rows; its folders' names are kept as labels.

    Whoever uses them must not train on them: see `Source.as_pool`.

    Args:
        folder: that was given.
        follow: whether links that lead outside of it are followed.

    Raises:
        DataError: there is no file.
    """
    walk = Walk(folder.resolve(), follow)
    walk.enter(folder)
    files = walk.below(folder)
    if not files:
        raise DataError(f"There are no files in '{printable(folder)}'.{_first(walk.refused)}")
    top = [path.relative_to(folder).parts for path in files]
    label, classes = encode([parts[0] if len(parts) > 1 else None for parts in top])
    exams = sorted({p[0] for p in top if len(p) > 1 and role(p[0]) in ("test", "validation")})
    notes = tuple(
        f"Folder '{printable(folder / name)}' in the pool has the name of a test set; its images "
        "train without labels. Should they not, give the pool's own folder."
        for name in exams
    )
    source = Source(_names(files), label, classes, files=tuple(files), notes=notes)
    return replace(source, bad_files=(*walk.take_refused(), *walk.passed_over))
