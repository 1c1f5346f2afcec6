"""Folders of images: finding the files, and what the class folders say."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from realmix.base.errors import DataError
from realmix.base.wording import printable
from realmix.data.labels import NOTHING_SAID, Marks, read_folders
from realmix.data.reading.source import Bad, Source, encode

POOL_FOLDER = "unlabeled"
_SPLIT_FOLDERS = {"train", "test", "val", "valid", "validation", POOL_FOLDER}
_LITTER = {"thumbs.db", "desktop.ini", "__macosx"}


@dataclass
class Walk:
    """One pass over a folder: each real folder once, no link followed out of it.

    Attributes:
        root: the folder, resolved.
        seen: (device, inode) of the folders already read.
        refused: entries that could not be read or may not be followed.
        repeated: links to a folder that is read under another name.
    """

    root: Path
    seen: set[tuple[int, int]] = field(default_factory=set)
    refused: list[Bad] = field(default_factory=list)
    repeated: list[Bad] = field(default_factory=list)

    def enter(self, folder: Path) -> bool:
        """Whether `folder` is to be read: inside the root and not read yet."""
        status = folder.stat()
        if (status.st_dev, status.st_ino) in self.seen:
            self.repeated.append((printable(folder), "a link to a folder that is read already"))
            return False
        self.seen.add((status.st_dev, status.st_ino))
        return True

    def entries(self, folder: Path) -> tuple[list[Path], list[Path]]:
        """(folders, files) directly in `folder`, each sorted with links last."""
        try:
            with os.scandir(folder) as scan:
                found = sorted(scan, key=lambda e: (e.is_symlink(), e.name))
        except OSError as error:
            self.refused.append((printable(folder), f"cannot be read: {error.strerror}"))
            return [], []
        folders, files = [], []
        for entry in found:
            path = Path(folder, entry.name)
            if entry.name.startswith(".") or entry.name.casefold() in _LITTER:
                continue
            if entry.is_symlink() and not self._stays_inside(path):
                self.refused.append((printable(path), "a link that is broken or leads outside"))
            elif entry.is_dir():
                folders.append(path)
            else:
                files.append(path)  # what is no regular file is refused when it is opened
        return folders, files

    def _stays_inside(self, path: Path) -> bool:
        try:
            return path.resolve(strict=True).is_relative_to(self.root)
        except (OSError, RuntimeError):  # broken, or a link to itself
            return False

    def below(self, folder: Path) -> list[Path]:
        """All files in `folder`, which was entered, and in the folders below it, sorted."""
        pending, files = [folder], []
        while pending:
            folders, inside = self.entries(pending.pop())
            files += inside
            pending += [inner for inner in folders if self.enter(inner)]
        return sorted(files)

    def take_refused(self) -> tuple[Bad, ...]:
        """What was refused since the last call."""
        taken, self.refused = tuple(self.refused), []
        return taken


def _names(paths: list[Path]) -> tuple[str, ...]:
    return tuple(printable(path) for path in paths)


def _class_folders(walk: Walk, folder: Path) -> tuple[list[Path], list[Path]]:
    """The folders directly in `folder`, entered; and the loose files beside them."""
    walk.enter(folder)
    folders, loose = walk.entries(folder)
    # all are entered before any is read: a link inside one class must not claim another
    kept = [inner for inner in folders if walk.enter(inner)]
    names = {inner.name.casefold() for inner in kept}
    if "train" in names and names <= _SPLIT_FOLDERS:
        raise DataError(
            f"'{printable(folder)}' holds the folders {', '.join(sorted(names))}, which are parts "
            f"of a data set and not classes. Give '{printable(folder / 'train')}' as the data, "
            "and the others with --test and --unlabeled."
        )
    return kept, loose


def read_class_folders(folder: Path, marks: Marks = NOTHING_SAID) -> Source:
    """A folder of class folders, searched to any depth; `unlabeled` among them is the pool.

    Args:
        folder: of the class folders.
        marks: what the user says of their names.

    Raises:
        DataError: no class folders, or no files in any of them.
    """
    walk = Walk(folder.resolve())
    folders, loose = _class_folders(walk, folder)
    refused, bad = list(walk.take_refused()), list[Bad]()
    files: list[Path] = []
    names: list[str | None] = []
    notes = []
    for inner in folders:
        pool = inner.name == POOL_FOLDER
        found = walk.below(inner)
        (bad if pool else refused).extend(walk.take_refused())
        files += found
        names += [None if pool else inner.name] * len(found)
        if not found:
            notes.append(f"Folder '{printable(inner)}' holds no files and is left out.")
    if not files:
        raise _no_images(folder, refused)
    if loose:
        notes.append(f"{len(loose):,} files beside the class folders are not used.")
    labels = read_folders(names, marks)
    label, classes = encode(labels.names)
    notes += labels.notes()
    source = Source(_names(files), label, classes, files=tuple(files), notes=tuple(notes))
    return replace(source, refused=tuple(refused), bad_files=(*bad, *walk.repeated))


def _no_images(folder: Path, refused: list[Bad]) -> DataError:
    first = "".join(f"\n  {path}: {reason}" for path, reason in refused[:5])
    return DataError(
        f"There are no images in '{printable(folder)}'. Expected class folders with images, such "
        f"as '{printable(folder / 'cat' / '1.jpg')}', and the pool in "
        f"'{printable(folder / POOL_FOLDER)}'.{first}"
    )


def read_pool_folder(folder: Path) -> Source:
    """All files below a folder as unlabeled rows; its folders' names are kept as labels.

    Whoever uses them must not train on them: see `Source.as_pool`.

    Raises:
        DataError: there is no file.
    """
    walk = Walk(folder.resolve())
    walk.enter(folder)
    files = walk.below(folder)
    if not files:
        raise DataError(f"There are no files in the pool folder '{printable(folder)}'.")
    top = [path.relative_to(folder).parts for path in files]
    label, classes = encode([parts[0] if len(parts) > 1 else None for parts in top])
    source = Source(_names(files), label, classes, files=tuple(files))
    return replace(source, bad_files=(*walk.take_refused(), *walk.repeated))
