"""A BERT model in numpy, to compare the runtime's vectors with: slow, and short."""

from __future__ import annotations

import math
import unicodedata
from pathlib import Path
from typing import Any

import numpy

from tests.providers.local.gguf_file import read_gguf

_START = "\N{LOWER ONE EIGHTH BLOCK}"


class Bert:
    """A model for embeddings of the kind "bert", with the mean over its tokens.

    Args:
        path: its gguf file.
    """

    def __init__(self, path: Path) -> None:
        file = read_gguf(path)
        self.metadata = file.metadata
        self.weights = {
            name: numpy.frombuffer(data, "<f2" if form == "e" else "<f4")
            .astype("f4")
            .reshape(shape)
            for name, (shape, data, form) in file.tensors.items()
        }
        self.numbers = {
            token: number for number, token in enumerate(file.metadata["tokenizer.ggml.tokens"])
        }

    def vector(self, text: str, most: int = 512) -> Any:
        """Return the vector of a string, of which the first `most` tokens count."""
        tokens = self.tokens(text)[: most - 2]
        cls, sep = (self.numbers[token] for token in ("[CLS]", "[SEP]"))
        ids = [cls, *tokens, sep]
        w = self.weights
        x = w["token_embd.weight"][ids] + w["position_embd.weight"][: len(ids)]
        x = self._normal(x + w["token_types.weight"][0], "token_embd_norm")
        for layer in range(self.metadata["bert.block_count"]):
            x = self._layer(x, f"blk.{layer}.")
        mean = x.mean(axis=0)
        return mean / numpy.linalg.norm(mean)

    def _layer(self, x: Any, layer: str) -> Any:
        heads = self.metadata["bert.attention.head_count"]
        length, width = x.shape

        def split(name: str) -> Any:
            return self._linear(x, layer + name).reshape(length, heads, -1).transpose(1, 0, 2)

        query, key, value = split("attn_q"), split("attn_k"), split("attn_v")
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(width / heads)
        scores = numpy.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = (scores / scores.sum(axis=-1, keepdims=True)) @ value
        mixed = mixed.transpose(1, 0, 2).reshape(length, width)
        x = self._normal(x + self._linear(mixed, layer + "attn_output"), layer + "attn_output_norm")
        inner = self._linear(x, layer + "ffn_up")
        inner = inner * 0.5 * (1 + numpy.vectorize(math.erf)(inner / math.sqrt(2)))
        return self._normal(
            x + self._linear(inner, layer + "ffn_down"), layer + "layer_output_norm"
        )

    def _linear(self, x: Any, name: str) -> Any:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def _normal(self, x: Any, name: str) -> Any:
        x = x - x.mean(axis=-1, keepdims=True)
        x = x / numpy.sqrt((x * x).mean(axis=-1, keepdims=True) + 1e-12)
        return x * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]

    # -- tokens

    def tokens(self, text: str) -> list[int]:
        """Return the numbers of the tokens of a string, without those around it."""
        return [number for word in _words(text) for number in self._parts(word)]

    def _parts(self, word: str) -> list[int]:
        found, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                part = word[start:end] if start else f"{_START}{word[:end]}"
                if part in self.numbers:
                    found.append(self.numbers[part])
                    start = end
                    break
            else:
                return [self.numbers["[UNK]"]]
        return found


def _words(text: str) -> list[str]:
    """Split a string at spaces and around punctuation, in lower case and without accents."""
    spaced = ""
    for sign in unicodedata.normalize("NFD", text.lower()):
        kind = unicodedata.category(sign)
        if kind == "Mn":
            continue
        is_alone = kind[0] == "P" or (sign.isascii() and not sign.isalnum() and sign.isprintable())
        is_alone = is_alone or 0x4E00 <= ord(sign) <= 0x9FFF
        spaced += f" {sign} " if is_alone else sign
    return spaced.split()
