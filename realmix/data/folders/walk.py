"""What lies in a folder: each real folder once, no link followed out of it unless asked to."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from realmix.base.wording import printable

TEXT = ".txt"
TEXTS = (TEXT, ".text", ".md")
Bad = tuple[str, str]
"""(path, reason) of something that could not be read."""

IMAGE_ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".gif", ".tif", ".tiff"),
    *(".heic", ".heif", ".hif", ".avif"),
    *(".jp2", ".ppm", ".pgm", ".psd", ".tga"),  # not read, and so said
)
_BESIDE = {".aae", ".mov", ".mp4", ".thm", ".xmp"}  # what cameras and phones write beside photos
_NO_KIND = re.compile(r"|\.\d+|\.[0-9a-f]{8,}")  # endings of messages, which are often numbers
_BEGIN = 2048  # bytes
_NOT_IN_TEXT = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))
_LITTER = {"thumbs.db", "desktop.ini", "__macosx"}
_DEPTH = 8  # of folders whose form is looked at; below, only whether there is an image
_LOOKED_AT = 20  # files without an image's ending that are opened to see what they are


@dataclass
class Walk:
    """One pass over a folder: each real folder once.

    Attributes:
        root: the folder, resolved.
        follow: whether links that lead outside of it are followed.
        seen: (device, inode) of the folders already read.
        refused: entries that could not be read or may not be followed.
        passed_over: links to a folder that is read under another name, and files that phones and
            cameras write beside photos.
    """

    root: Path
    follow: bool = False
    seen: set[tuple[int, int]] = field(default_factory=set)
    refused: list[Bad] = field(default_factory=list)
    passed_over: list[Bad] = field(default_factory=list)

    def enter(self, folder: Path) -> bool:
        """Whether `folder` is to be read: inside the root and not read yet."""
        status = folder.stat()
        if (status.st_dev, status.st_ino) in self.seen:
            self.passed_over.append((printable(folder), "a link to a folder that is read already"))
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
            if entry.is_symlink() and (reason := self._refuses(path)):
                self.refused.append((printable(path), reason))
            elif entry.is_dir():
                folders.append(path)
            elif path.suffix.lower() in _BESIDE:
                self.passed_over.append((printable(path), "written beside photos, and none itself"))
            else:
                files.append(path)  # what is no regular file is refused when it is opened
        return folders, files

    def _refuses(self, path: Path) -> str:
        """Why a link is not followed; "" where it is."""
        try:
            inside = path.resolve(strict=True).is_relative_to(self.root)
        except (OSError, RuntimeError):  # also a link to itself
            return "a link that is broken"
        return "" if inside or self.follow else "a link that leads outside; see --follow-links"

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


@dataclass(frozen=True)
class Tree:
    """A folder, as far as there are images in it or below it.

    Attributes:
        path: of the folder.
        images: whether images lie directly in it.
        folders: the folders in it that hold images, at any depth.
        others: the folders in it that hold none.
    """

    path: Path
    images: bool
    folders: tuple[Tree, ...] = ()
    others: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def inner(self) -> tuple[str, ...]:
        """Names of the folders in it that hold images."""
        return tuple(folder.name for folder in self.folders)


def survey(folder: Path, is_image: Callable[[Path], bool], follow: bool = False) -> Tree:
    """The tree of a folder. Links inside it are seen as what they lead to; nothing is refused yet.

    Args:
        folder: the root.
        is_image: whether a file passes for an image, even a damaged one.
        follow: whether links that lead outside of it are followed.
    """
    walk, known = Walk(folder.resolve(), follow), dict[tuple[int, int], Tree]()

    def look(place: Path, depth: int) -> Tree:
        status = place.stat()
        key = status.st_dev, status.st_ino
        if key not in known:
            known[key] = Tree(place, images=False)  # what a link back to it finds
            folders, files = walk.entries(place)
            if depth == _DEPTH:
                folders, files = [], Walk(walk.root, follow).below(place)
            found = [look(inner, depth + 1) for inner in folders]
            holding = tuple(tree for tree in found if tree.images or tree.folders)
            others = tuple(tree.path for tree in found if not (tree.images or tree.folders))
            known[key] = Tree(place, _any_image(files, is_image), holding, others)
        return replace(known[key], path=place)

    return look(folder, 0)


def _any_image(files: list[Path], is_image: Callable[[Path], bool]) -> bool:
    """Whether one of the files is an image: all endings, and what some without one hold."""
    named = any(file.suffix.lower() in IMAGE_ENDINGS for file in files)
    return named or any(is_image(file) for file in files[:_LOOKED_AT])


def is_text(path: Path) -> bool:
    """Whether a file is a text, by its name, or by how it begins where this says no kind."""
    ending = path.suffix.lower()
    return ending in TEXTS or bool(_NO_KIND.fullmatch(ending) and _begins_as_text(path))


def _begins_as_text(path: Path) -> bool:
    """Whether there are hardly any bytes that no text has, and some that it has."""
    try:
        with path.open("rb") as file:
            begin = file.read(_BEGIN)
    except OSError:
        return False
    strange = len(begin) - len(begin.translate(None, _NOT_IN_TEXT))
    return b"\0" not in begin and bool(begin.strip()) and 100 * strange <= len(begin)


def mostly_texts(files: Sequence[Path]) -> bool:
    """Whether more than half of the files are texts."""
    return 2 * sum(map(is_text, files)) > len(files)
