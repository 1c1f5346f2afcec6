"""What a folder's name says of its part in a data set: only a hint, see `parts`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

Role = Literal["train", "test", "validation", "pool"]

_WORDS: dict[str, tuple[str, ...]] = {
    "pool": (
        *("unlabeled", "unlabelled", "unlabeld", "unlabel", "unlab", "nolabels", "nolabel"),
        *("notlabeled", "notlabelled", "nonlabeled", "nonlabelled", "withoutlabels"),
        *("withoutlabel", "unannotated", "unsupervised", "unsup", "pool"),
    ),
    "test": ("testing", "tests", "test", "tst", "evaluation", "eval"),
    "validation": (
        *("validation", "validate", "valid", "val", "development", "devel", "dev"),
        *("holdout", "heldout"),
    ),
    "train": (
        *("training", "train", "trn", "labeled", "labelled", "labeld", "annotated"),
        *("supervised", "sup"),
    ),
    "": (
        *("datasets", "dataset", "data", "images", "image", "imgs", "img", "pictures", "picture"),
        *("pics", "photos", "photo", "files", "splits", "split", "sets", "set", "folders"),
        *("folder", "examples", "samples", "raw", "original", "all", "full"),
    ),
}
_ROLE_OF = {word: role for role, words in _WORDS.items() for word in words}
ORDER: tuple[Role, ...] = ("pool", "test", "validation", "train")
"""Which role a name or a path with several has: train/unlabeled is the pool."""


@lru_cache(maxsize=10_000)
def _roles_in(letters: str) -> frozenset[str] | None:
    """The roles of the words that make up `letters`, or None where no words do.

    The empty role is that of words such as "images", which say nothing.
    """
    if not letters:
        return frozenset()
    for word in filter(letters.startswith, _ROLE_OF):
        rest = _roles_in(letters[len(word) :])
        if rest is not None:
            return rest | {_ROLE_OF[word]}
    return None


def _roles(name: str) -> frozenset[str]:
    return _roles_in(re.sub(r"[\W\d_]", "", name.casefold())) or frozenset()


def role(name: str) -> Role | None:
    """The part of a data set that a folder's name stands for, or None.

    >>> [role(n) for n in ("Training_Images", "val2017", "un-labelled", "train_unlabeled", "docs")]
    ['train', 'validation', 'pool', 'pool', None]
    """
    found = _roles(name)
    return next((part for part in ORDER if part in found), None)


def says_nothing(name: str) -> bool:
    """Whether a name is one such as "images" or "dataset".

    >>> says_nothing("images"), says_nothing("train"), says_nothing("cat")
    (True, False, False)
    """
    return _roles(name) == {""}


def either(name: str) -> bool:
    """Whether a name that stands for a part is as good a name of a class: trains, pools.

    >>> either("train"), either("pool"), either("training"), either("unlabeled")
    (True, True, False, False)
    """
    return name.casefold() in ("train", "pool", "valid")
