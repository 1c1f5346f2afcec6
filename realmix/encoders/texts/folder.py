"""The folder of a sentence encoder that is a BERT."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from realmix.base.errors import UsageError
from realmix.base.wording import printable
from realmix.encoders.texts.bert import Bert, form_of
from realmix.encoders.texts.token_encoder import LONGEST, TokenEncoder
from realmix.encoders.weights import read_state


def folder_encoder(folder: Path, name: str | None = None, last: bool = False) -> TokenEncoder:
    """A folder as sentence-transformers writes it, of a BERT: config, tokenizer and safetensors.

    Raises:
        UsageError: it lacks a file, or is of another kind of network.
    """
    config = _json(folder / "config.json")
    if config.get("model_type") != "bert" or config.get("hidden_act") != "gelu":
        raise UsageError(
            f"'{printable(folder)}' holds a network of type '{config.get('model_type')}', and of"
            " folders only BERTs are read. Others: --encoder hf:FOLDER, by sentence-transformers."
        )
    pooling_file, limit = folder / "1_Pooling" / "config.json", folder / "sentence_bert_config.json"
    pooling = _json(pooling_file) if pooling_file.exists() else {}
    kind = "cls" if pooling.get("pooling_mode_cls_token") else "mean"
    longest = _json(limit).get("max_seq_length") if limit.exists() else None
    network = Bert(form_of(config, kind))
    network.take(read_state(folder / "model.safetensors"))
    tokens = min(int(longest or LONGEST), int(config["max_position_embeddings"]))
    tokenizer = folder / "tokenizer.json"
    if not tokenizer.is_file():
        raise UsageError(f"'{printable(folder)}' has no tokenizer.json.")
    return TokenEncoder.of_file(name or str(folder), tokenizer, network, tokens, last)


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"'{printable(file)}' cannot be read: {error}") from None
    return dict(found)
