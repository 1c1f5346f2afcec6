"""Errors for folders that can be read in two ways: what was seen, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from realmix.base.errors import DataError
from realmix.base.wording import printable
from realmix.data.folders.walk import Tree

_LISTED = 12


def quoted(names: Sequence[str]) -> str:
    """Names as they stand in a sentence."""
    listed = ", ".join(f"'{printable(name)}'" for name in names[:_LISTED])
    return listed + (", ..." if len(names) > _LISTED else "")


def refusal(tree: Tree, path: Path, what: str) -> DataError:
    """A folder is neither clearly a part nor a class.

    Args:
        tree: where it was seen.
        path: of the folder.
        what: the rest of the sentence about it.
    """
    rows = [f"  {printable(f.name)}: {_content(f)}" for f in tree.folders[:_LISTED]]
    more = [f"  ... and {len(tree.folders) - _LISTED} more"] if len(tree.folders) > _LISTED else []
    return DataError(
        f"'{printable(path)}' {what}. Seen in '{printable(tree.path)}':\n"
        + "\n".join((*rows, *more))
        + "\nParts of a data set are not classes. Give them by themselves: realmix fit DATA --test "
        "TEST --unlabeled POOL, where DATA and TEST hold one folder for each class. If the folder "
        "is a class, rename it."
    )


def which_are_classes(tree: Tree, folders: Sequence[Tree]) -> DataError:
    """Several folders all hold the same folders."""
    outer, inner = quoted([f.name for f in folders]), quoted(sorted(folders[0].inner))
    return DataError(
        f"{outer} in '{printable(tree.path)}' all hold the folders {inner}. Which of them are the "
        f"classes?\nIf {inner}: give the parts by themselves, such as\n"
        f"  realmix fit '{printable(folders[0].path)}' --test '{printable(folders[1].path)}'\n"
        f"If {outer}: put the images directly into these, or list them in a table with the columns "
        "path and label."
    )


def _content(tree: Tree) -> str:
    loose = ["images"] if tree.images else []
    return " and ".join([*loose, *([f"folders {quoted(tree.inner)}"] if tree.folders else [])])
