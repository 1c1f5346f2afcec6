"""Translations that were made once, kept as lines of JSON that only grow."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from filelock import FileLock

from realmix.augment.texts.translate import (
    APERTIUM,
    COLUMN,
    FAST,
    MARIAN,
    Translator,
    back_translated,
    checked,
    translator_of,
)
from realmix.base.cache import cache_folder
from realmix.base.errors import StorageError, UsageError
from realmix.base.files import append_line, cut_to_whole_lines, whole_lines
from realmix.base.randomness import derive
from realmix.base.wording import printable
from realmix.data.texts.columns import TRANSLATED

TOGETHER = 64  # texts between two writes: what a kill costs
_SEED = 43  # stream of randomness


def translations(
    texts: Sequence[str],
    translator: Translator,
    copies: int,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> dict[str, list[str]]:
    """Of each text its translations there and back, from the cache or made now.

    Args:
        texts: what to translate; equal ones once.
        translator: by whom; one that does not draw makes one copy.
        copies: of each.
        tell: is told how many texts are done, of how many.

    Raises:
        StorageError: they cannot be kept; what was made before is.
        DataError: the translator fails.
    """
    copies = copies if translator.draws else 1
    mark = hashlib.sha256(translator.name.encode()).hexdigest()[:16]
    file = cache_folder() / "translations" / f"{mark}.jsonl"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(file.with_suffix(".lock"))
        lock.acquire()
    except OSError as error:
        raise StorageError(f"{printable(file)} cannot be written: {error.strerror}.") from None
    try:
        cut_to_whole_lines(file)
        kept = {(line["of"], line["copy"]): line["text"] for line in whole_lines(file)}
        unique = list(dict.fromkeys(texts))
        for copy in range(copies):
            missing = [text for text in unique if (_digest(text), copy) not in kept]
            for start in range(0, len(missing), TOGETHER):
                some = missing[start : start + TOGETHER]
                made = back_translated(some, translator, derive(_SEED, copy, _number(some)))
                for text, new in zip(some, made, strict=True):
                    kept[_digest(text), copy] = new
                    append_line(file, {"of": _digest(text), "copy": copy, "text": new})
                tell(start + len(some), len(missing))
    finally:
        lock.release()
    return {text: [kept[_digest(text), copy] for copy in range(copies)] for text in unique}


def translated(
    texts: np.ndarray,
    preset: str,
    column: np.ndarray | None,
    copies: int,
    counting: Callable[[str, int, int], None],
) -> dict[str, list[str]]:
    """Translations of the texts there and back, where the preset says by whom.

    Args:
        texts: (N,) of them.
        preset: "words", "marian:THERE,BACK", ...
        column: (N,) translations that the data bring, "" where there is none; or None.
        copies: of each text.
        counting: is told what is done, how many of it, and of how many.

    Raises:
        UsageError: there is no such translator, or no such column.
        StorageError, DataError: see `translations`.
    """
    kind = preset.partition(":")[0]
    if kind not in (FAST, APERTIUM, MARIAN, COLUMN) or copies < 1:
        return {}
    if kind != COLUMN:
        tell = partial(counting, f"translating texts there and back by {kind}")
        return translations(list(texts), translator_of(preset), copies, tell)
    if column is None:
        raise UsageError(f"--augment {COLUMN} needs a column '{TRANSLATED}' in the table of texts.")
    pairs = zip(texts, column, strict=True)
    return {text: [checked(text, new)] for text, new in pairs if new.strip()}


def _digest(text: str) -> str:
    content = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _number(texts: Sequence[str]) -> int:
    return int(_digest("\0".join(texts))[:15], 16)
