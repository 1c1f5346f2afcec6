"""Which encoder reads texts where none is named."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from realmix.data.texts.tokens import Tokenizing
from realmix.encoders.joined import BETWEEN
from realmix.encoders.texts import packaged
from realmix.encoders.texts.packaged import E5, E5_PACKAGE, MINILM, WORDLLAMA
from realmix.encoders.texts.tfidf import TFIDF
from realmix.encoders.texts.token_encoder import LONGEST

LOOKED_AT = 300  # texts, and characters of each, that tell what minilm knows of their words
MOST_PIECES = 1.6  # of a word: English news, reviews and questions 1.02 to 1.12, Spanish news 1.83
FEW, LITTLE = 400, 300_000  # texts, and characters of all, from which TF-IDF reads along
LONG = 2_000  # characters, which are some 512 tokens of English: as far as e5 reads


def best_for_texts(read: Sequence[str], there: Sequence[str] | None = None) -> str:
    """What is to read these texts soon; the last resort needs nothing.

    Minilm, but of texts whose words it knows only in parts, as of another language, e5 or else
    wordllama beside minilm.

    Args:
        read: some or all of the texts.
        there: encoders that may be taken, the one to begin with first; all that are installed.
    """
    there = packaged.at_hand() if there is None else there
    strange = MINILM in there and len(read) > 0 and pieces_of_words(read) > MOST_PIECES
    if strange and E5 in there:
        return E5
    if strange and WORDLLAMA in there:
        return f"{MINILM}{BETWEEN}{WORDLLAMA}"
    return next(iter(there), TFIDF)


def quick_to_learn_from(read: Sequence[str]) -> str:
    """What reads the texts of a run that has no time for e5, or no e5.

    TF-IDF reads along if there is much: what a quick encoder makes of a text says little of single
    words, and nothing of what is behind its last token.

    Args:
        read: all of them.
    """
    best = best_for_texts(read, [name for name in packaged.at_hand() if name != E5])
    few = len(read) < FEW or sum(map(len, read)) < LITTLE
    return best if few or best == TFIDF else f"{best}{BETWEEN}{TFIDF}"


def e5_to_learn_from(read: Sequence[str]) -> str:
    """What reads the texts of a run that has time for e5: where it does not reach the end of half
    of them, TF-IDF too.

    Args:
        read: all of them.
    """
    longer = sum(len(text) > LONG for text in read)
    return f"{E5}{BETWEEN}{TFIDF}" if len(read) >= FEW and 2 * longer > len(read) else E5


def best_to_train() -> str:
    """What is tuned where that is asked for and no encoder is named: e5, or what is there."""
    there = packaged.at_hand()
    return E5 if E5 in there else next(iter(there), TFIDF)


def pieces_of_words(texts: Sequence[str]) -> float:
    """Into how many pieces minilm cuts a word, of some of these texts; see `Tokenizing.pieces`."""
    words = (packaged.package_of(MINILM) / "model" / "tokenizer.json").read_text("utf-8")
    some = [text[:LOOKED_AT] for text in texts[:: max(len(texts) // LOOKED_AT, 1)]]
    return Tokenizing.of(words, LONGEST, False, False, MINILM).pieces(some)


def chosen_words(name: str) -> str:
    """What is said where texts get these encoders without asking for them."""
    first, *rest = name.split(BETWEEN)
    beside = "".join(" and by their words (tfidf)" if n == TFIDF else f", {n}" for n in rest)
    told = f"Texts are read by the encoder {first}{beside}"
    if WORDLLAMA in rest:
        told += f"; {MINILM} knows everyday English, and of the words here parts"
    better, packages = E5, f"'realmix[text]' {E5_PACKAGE}"
    if sys.platform == "win32":  # for which that package is not made
        better, packages = MINILM, "'realmix[offline]'"
    if better not in packaged.at_hand():
        told += f"; pip install {packages} brings a better one, {better}"
    return f"{told}."
