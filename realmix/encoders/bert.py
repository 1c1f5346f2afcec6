"""BERT (Devlin et al., 2019) with torch's own layers: the body of sentence encoders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from realmix.base.errors import UsageError

_ATTENTION = ("query", "key", "value")  # which torch holds as one matrix
_PARTS = {  # of a layer: torch's name and the one in files
    "self_attn.out_proj": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "linear1": "intermediate.dense",
    "linear2": "output.dense",
    "norm2": "output.LayerNorm",
}


class Bert(nn.Module):
    """Token numbers to one vector a text.

    Args:
        config: as the file config.json has it.
        state: the weights by the names that BertModel has; those of a head are passed over.
        pooling: "mean" of all tokens, or "cls", the first.

    Raises:
        UsageError: the weights are not BERT's, or do not fit the config.
    """

    def __init__(
        self, config: Mapping[str, Any], state: Mapping[str, Tensor], pooling: str
    ) -> None:
        super().__init__()
        self.pooling, width = pooling, int(config["hidden_size"])
        epsilon = float(config.get("layer_norm_eps", 1e-12))
        self.words = nn.Embedding(int(config["vocab_size"]), width)
        self.places = nn.Embedding(int(config["max_position_embeddings"]), width)
        self.kind = nn.Parameter(torch.zeros(width))
        self.norm = nn.LayerNorm(width, epsilon)
        layer = nn.TransformerEncoderLayer(
            width,
            int(config["num_attention_heads"]),
            int(config["intermediate_size"]),
            dropout=0.0,
            activation="gelu",
            layer_norm_eps=epsilon,
            batch_first=True,
        )
        count = int(config["num_hidden_layers"])
        self.body = nn.TransformerEncoder(layer, count, enable_nested_tensor=False)
        bare = {name.removeprefix("bert."): value for name, value in state.items()}
        try:
            self.load_state_dict(_translated(bare, count))
        except (KeyError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise UsageError(f"The weights are not a BERT's of this size: {reason}") from None

    def forward(self, tokens: Tensor, given: Tensor) -> Tensor:
        """(B, L) int64 tokens, and (B, L) bool where they are text, to (B, D)."""
        place = torch.arange(tokens.shape[1], device=tokens.device)
        states = self.norm(self.words(tokens) + self.places(place) + self.kind)
        states = self.body(states, src_key_padding_mask=~given)
        if self.pooling == "cls":
            first: Tensor = states[:, 0]
            return first
        mask = given[:, :, None].to(states.dtype)
        mean: Tensor = (states * mask).sum(1) / mask.sum(1)
        return mean


def _translated(state: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Weights under the names that `Bert` has."""
    named = {
        "words.weight": state["embeddings.word_embeddings.weight"],
        "places.weight": state["embeddings.position_embeddings.weight"],
        "kind": state["embeddings.token_type_embeddings.weight"][0],  # all texts are first ones
    }
    for kind in ("weight", "bias"):
        named[f"norm.{kind}"] = state[f"embeddings.LayerNorm.{kind}"]
        for number in range(layers):
            mine, theirs = f"body.layers.{number}", f"encoder.layer.{number}"
            three = [state[f"{theirs}.attention.self.{p}.{kind}"] for p in _ATTENTION]
            named[f"{mine}.self_attn.in_proj_{kind}"] = torch.cat(three)
            for own, other in _PARTS.items():
                named[f"{mine}.{own}.{kind}"] = state[f"{theirs}.{other}.{kind}"]
    return named
