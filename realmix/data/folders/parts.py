"""Which folders are classes, which the pool, the test set, or none of these.

Told by the structure: parts of a data set hold the same class folders, a class holds images. Names
are hints. What can be read in two ways is refused: a model that tells 'train' from 'test' would
look like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from realmix.base.wording import printable
from realmix.data.folders.names import ORDER, Role, either, role, says_nothing
from realmix.data.folders.refusals import quoted, refusal, which_are_classes
from realmix.data.folders.walk import Tree

_FEW = 5  # so many folders can be parts; there are seldom more

Named = tuple[tuple[str, Path], ...]
"""(class name, folder) pairs; a class may have several folders."""
Found = dict[Role | None, list[Tree]]
"""The folders of each role; of None those whose names say nothing of one."""


@dataclass(frozen=True)
class Parts:
    """A folder's parts.

    Attributes:
        classes: the training images of each class.
        pool: folders of unlabeled images.
        test: the test images of each class.
        notes: what was taken as what, and what is left out.
        empty: folders among these without an image.
    """

    classes: Named
    pool: tuple[Path, ...] = ()
    test: Named = ()
    notes: tuple[str, ...] = ()
    empty: tuple[Path, ...] = ()


def find_parts(root: Tree, is_exam: bool = False) -> Parts:
    """The parts of a folder of images.

    Args:
        root: what lies in it.
        is_exam: it was given as the test set: of several parts that one counts.

    Raises:
        DataError: it can be read in two ways, or has no class folders; with what was seen and what
            to do.
    """
    tree, empty = root, list(root.others)
    items = list(_items(tree))
    while len(items) == 1 and _is_wrapper(*items[0], is_exam):
        tree = items[0][1]
        empty += tree.others
        items = list(_items(tree))
    parts = _class_first(tree) or _parts_first(tree, items, is_exam)
    if is_exam and parts.test:
        parts = replace(parts, classes=parts.test, pool=(), test=())
    inside = () if tree is root else (f"The class folders are in '{printable(tree.path)}'.",)
    empty += parts.empty
    return replace(parts, notes=(*inside, *parts.notes), empty=tuple(empty))


def _is_wrapper(mine: Role | None, tree: Tree, is_exam: bool) -> bool:
    """Whether the only folder is one around the parts or the classes, and no class itself."""
    if tree.images or mine == "pool":
        return False
    if is_exam:
        return _is_named(tree.name)
    around = all(map(_is_named, tree.inner)) and any(inner.folders for inner in tree.folders)
    return mine in ("train", None) and (len(tree.folders) > 1 or around)


def _is_named(name: str) -> bool:
    """Whether a name is that of a part, or says nothing."""
    return role(name) is not None or says_nothing(name)


def _items(tree: Tree) -> Iterator[tuple[Role | None, Tree]]:
    """The folders in `tree` with their roles; one that only holds other parts is replaced by them.

    Of a path with several roles the first in `ORDER` counts: labeled/test is a test set.
    """
    for folder in tree.folders:
        mine = role(folder.name)
        if not _holds_parts(folder):
            yield mine, folder
            continue
        for theirs, inner in _items(folder):
            yield next((part for part in ORDER if part in (mine, theirs)), None), inner


def _holds_parts(folder: Tree) -> bool:
    """Whether all folders in it are parts of a data set."""
    named = [role(name) for name in folder.inner]
    if role(folder.name) == "pool" or folder.images or not all(map(_is_named, folder.inner)):
        return False
    if role(folder.name):
        return len(named) == 1 or any(named)
    return any(named) and any(inner.folders for inner in folder.folders)  # else a class: cat/train


def _is_part(name: str) -> bool:
    """Whether a name stands for a part other than the training one, and for no class."""
    return role(name) in ("test", "validation", "pool") and not either(name)


def _class_first(tree: Tree) -> Parts | None:
    """cat/train/1.png, cat/test/1.png, ...; None where it is not so."""
    classes = [f for f in tree.folders if role(f.name) != "pool" and not _holds_parts(f)]
    pairs = [(folder, part) for folder in classes for part in folder.folders]
    telling = [part for f, part in pairs if role(f.name) is None and _is_part(part.name)]
    if not telling:
        return None
    mixed = any(f.images or not f.folders for f in classes)
    if mixed or any(part.folders or not role(part.name) for _, part in pairs):
        raise refusal(tree, telling[0].path, "is a part by its name, but lies in a class folder")
    of = {r: [(f, part) for f, part in pairs if role(part.name) == r] for r in ORDER}
    exam, unused = (of["test"], of["validation"]) if of["test"] else (of["validation"], [])
    if not of["train"]:
        raise refusal(tree, telling[0].path, "has no training images beside it")
    pools = [part for _, part in of["pool"]] + [f for f in tree.folders if role(f.name) == "pool"]
    used = {part.name for _, part in (*of["train"], *exam)} | {pool.name for pool in pools}
    notes = (f"Class folders are divided into the parts {quoted(sorted(used))}, used as such.",)
    return Parts(
        tuple((folder.name, part.path) for folder, part in of["train"]),
        tuple(pool.path for pool in pools),
        tuple((folder.name, part.path) for folder, part in exam),
        notes + _unused_validation([part for _, part in unused]),
        tuple(path for folder in classes for path in folder.others),
    )


def _parts_first(tree: Tree, items: Sequence[tuple[Role | None, Tree]], is_exam: bool) -> Parts:
    """train/cat/1.png, test/cat/1.png, unlabeled/1.png; or class folders with parts beside them."""
    of: Found = {part: [t for r, t in items if r == part] for part in (*ORDER, None)}
    if is_exam and not of["train"]:
        of["train"] = of["test"] or of["validation"]
        of["test"] = of["validation"] = []
    if of[None]:
        for part in ("train", "validation"):  # a vehicle, or what is no invalid one: a class
            classes = [f for f in of[part] if either(f.name) and not f.folders]
            of[part] = [f for f in of[part] if f not in classes]
            of[None] += classes
    for folder in of["train"]:
        if not folder.folders:
            raise refusal(tree, folder.path, "is a part by its name, but holds no class folders")
    if not of["train"]:
        return _classes_beside(tree, of, is_exam)
    parts = (*of["train"], *of["test"], *of["validation"], *of["pool"])
    if of[None] and all(either(folder.name) for folder in parts):
        raise refusal(tree, of["train"][0].path, "may be a class or the training part")
    return _with_roles(tree, of)


def _with_roles(tree: Tree, of: Found) -> Parts:
    """Folders by their roles; those without one are not used."""
    tests, checks = ([f for f in of[part] if f.folders] for part in ("test", "validation"))
    exam, unused = (tests, checks) if tests else (checks, [])
    bare = [f for f in (*of["test"], *of["validation"]) if not f.folders]
    roles = {"the data": of["train"], "the test set": exam, "the pool": of["pool"]}
    told = [
        f"{quoted([f.name for f in found])} as {what}" for what, found in roles.items() if found
    ]
    notes = [f"Folders are taken as parts: {', '.join(told)}.", *_unused_validation(unused)]
    notes += [
        f"Folder '{printable(folder.path)}' has no class folders, so no labels to measure with; it "
        "is not used. Classify it with realmix predict."
        for folder in bare
    ]
    notes += [
        f"Folder '{printable(folder.path)}' is none of the parts and is not used. Should it be "
        "more of the pool, give it with --unlabeled."
        for folder in of[None]
    ]
    classes = [f for part in of["train"] for f in part.folders]
    for folder in classes:
        if _is_part(folder.name) and role(folder.name) != "pool":
            raise refusal(tree, folder.path, "is a part by its name, but lies among class folders")
    pools = of["pool"] + [folder for folder in classes if _is_part(folder.name)]
    return Parts(
        tuple((f.name, f.path) for f in classes if f not in pools),
        tuple(pool.path for pool in pools),
        tuple((f.name, f.path) for part in exam for f in part.folders if not _is_part(f.name)),
        tuple(notes),
        tuple(path for part in (*of["train"], *exam) for path in part.others),
    )


def _classes_beside(tree: Tree, of: Found, is_exam: bool) -> Parts:
    """Class folders with the pool or a test set beside them."""
    classes, exams = of[None], [*of["test"], *of["validation"]]
    named = {folder.name for folder in classes}
    around = len(classes) == 1 and len(classes[0].folders) > 1 and not classes[0].images
    if around and not is_exam and not named & {name for exam in exams for name in exam.inner}:
        return _with_roles(tree, {**of, "train": classes, None: []})  # images/cat beside test/cat
    for folder in exams:
        if not named & set(folder.inner):
            raise refusal(tree, folder.path, "is a part by its name, but has not these classes")
    for folder in of["pool"]:
        if either(folder.name) and not folder.folders and classes:
            raise refusal(tree, folder.path, "may be a class or the pool")
    _check_ambiguous(tree, classes)
    parts = _with_roles(tree, {**of, None: []})
    usual = not exams and all(folder.name == "unlabeled" for folder in of["pool"])
    ordered = [folder for folder in tree.folders if folder in classes]
    return replace(
        parts,
        classes=tuple((folder.name, folder.path) for folder in ordered),
        notes=() if usual else parts.notes,
    )


def _check_ambiguous(tree: Tree, classes: Sequence[Tree]) -> None:
    """Refuse a few folders that all hold the same folders: which of them are the classes?"""
    inner = [set(folder.inner) for folder in classes]
    if not 2 <= len(classes) <= _FEW or any(names != inner[0] for names in inner):
        return
    units = all(any(c.isdigit() for c in name) for name in inner[0])  # subject1, 2024-05, ...
    if len(inner[0]) > 1 and not units and not any(folder.images for folder in classes):
        raise which_are_classes(tree, classes)


def _unused_validation(folders: Sequence[Tree]) -> tuple[str, ...]:
    if not folders:
        return ()
    listed = quoted(sorted({folder.name for folder in folders}))
    return (
        f"The validation part {listed} is not used, as there is a test set: a run holds out labeled"
        " rows itself. Move its images to the training part to learn from them too.",
    )
