"""BERT's encoder in torch alone: plain sentence-transformers models, without what they load.

The same vectors as `SentenceTransformer.encode` (Devlin et al. 2019; Reimers and Gurevych 2019),
from the same files. Weights are laid out once for the processor's matrix instructions (oneDNN),
which the usual path does anew at every call.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Barrier
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  everybody calls it so
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

CPU_TOKENS = 512
"""Tokens of a batch, padding included: what they need between two layers stays in the cache."""
LEAST_TOKENS = 128
"""Fewer tokens are not worth a batch of their own."""
GPU_TOKENS = 16_384
PLAIN = {"Transformer", "Pooling", "Normalize"}
Norm = tuple[Tensor, Tensor]
Weights = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What a model's configuration files say of it, as far as `Bert` needs it."""

    layers: int
    heads: int
    epsilon: float
    max_tokens: int
    pooling: Literal["mean", "cls"]


def shape_of(folder: Path) -> Shape | None:
    """Return the shape of the model in a folder, or None if `Bert` would not be the same model.

    The same are BERT models with mean or CLS pooling, no prompts, and safetensors weights.
    """
    try:
        modules = _read(folder / "modules.json")
        config = _read(folder / "config.json")
        sentence = _read(folder / "sentence_bert_config.json")
        extra = folder / "config_sentence_transformers.json"
        prompts = _read(extra).get("prompts", {}) if extra.is_file() else {}
        kinds = {one["type"].rpartition(".")[2]: one["path"] for one in modules}
        pooling = _pooling(_read(folder / kinds["Pooling"] / "config.json"))
        plain = (
            set(kinds) <= PLAIN
            and not kinds["Transformer"]
            and config["model_type"] == "bert"
            and config["hidden_act"] == "gelu"
            and config.get("position_embedding_type", "absolute") == "absolute"
            and not config.get("is_decoder")
            and not sentence.get("do_lower_case")
            and sentence.get("transformer_task", "feature-extraction") == "feature-extraction"
            and not any(prompts.values())
            and (folder / "model.safetensors").is_file()
            and (folder / "tokenizer.json").is_file()
        )
        if not plain or pooling is None:
            return None
        return Shape(
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
            epsilon=config["layer_norm_eps"],
            max_tokens=sentence.get("max_seq_length")
            or min(
                config["max_position_embeddings"],
                _read(folder / "tokenizer_config.json")["model_max_length"],
            ),
            pooling=pooling,
        )
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _pooling(config: dict[str, Any]) -> Literal["mean", "cls"] | None:
    """Return how token vectors become one, as old and as new configurations say it."""
    if not config.get("include_prompt", True):
        return None
    modes = {name[13:] for name, on in config.items() if name.startswith("pooling_mode_") and on}
    mode = config.get("pooling_mode") or "+".join(modes)
    if mode in ("mean", "mean_tokens"):
        return "mean"
    return "cls" if mode in ("cls", "cls_token") else None


class Bert:
    """A BERT sentence encoder.

    `precision` is "float32", "bfloat16", "float16" or "int8" (weights and activations of the matrix
    products only).
    """

    def __init__(self, folder: Path, shape: Shape, precision: str, device: str = "cpu") -> None:
        self._shape = shape
        self._device = torch.device(device)
        self._dtype = torch.float32 if precision == "int8" else getattr(torch, precision)
        self._make = _linear_of(precision, device)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(shape.max_tokens)
        weights = load_file(folder / "model.safetensors", device=device)
        self._place({name.removeprefix("bert."): one for name, one in weights.items()})

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return texts x dimensions, each row of length one."""
        if len(texts) == 1:
            tokens = [self._tokenizer.encode(texts[0]).ids]
        else:
            tokens = [one.ids for one in self._tokenizer.encode_batch_fast(list(texts))]
        vectors = np.empty((len(texts), self._words.shape[1]), dtype=np.float32)
        lengths = [len(one) for one in tokens]
        on_cpu = self._device.type == "cpu"
        share = sum(lengths) // _processors() if on_cpu else GPU_TOKENS
        budget = min(max(share, LEAST_TOKENS), CPU_TOKENS) if on_cpu else GPU_TOKENS
        parts = list(batches(lengths, budget))[::-1]  # the longest first, so that all end together
        given = [[tokens[number] for number in part] for part in parts]
        run = _workers().map if on_cpu else map
        for part, rows in zip(parts, run(self._forward, given), strict=True):
            vectors[part] = rows
        return vectors

    def _place(self, weights: Weights) -> None:
        """Lay out the weights; query, key and value become one product."""

        def norm(name: str) -> Norm:
            return self._cast(weights[f"{name}.weight"]), self._cast(weights[f"{name}.bias"])

        def linear(*names: str) -> Linear:
            parts = [torch.cat([weights[f"{one}.{kind}"] for one in names]) for kind in KINDS]
            return self._make(*(self._cast(part) for part in parts))

        words, places, types = (
            weights[f"embeddings.{name}_embeddings.weight"]
            for name in ("word", "position", "token_type")
        )
        self._words, self._places = self._cast(words), self._cast(places + types[0])
        self._first = norm("embeddings.LayerNorm")
        self._layers = []
        for number in range(self._shape.layers):
            layer = f"encoder.layer.{number}"
            attention = f"{layer}.attention"
            self._layers.append(
                _Layer(
                    projections=linear(
                        *(f"{attention}.self.{one}" for one in ("query", "key", "value"))
                    ),
                    attended=linear(f"{attention}.output.dense"),
                    attended_norm=norm(f"{attention}.output.LayerNorm"),
                    widened=linear(f"{layer}.intermediate.dense"),
                    narrowed=linear(f"{layer}.output.dense"),
                    narrowed_norm=norm(f"{layer}.output.LayerNorm"),
                )
            )

    def _cast(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._dtype).contiguous()

    @torch.inference_mode()
    def _forward(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Return the vectors of one batch of token ids."""
        longest = max(map(len, tokens))
        padded = [[*one, *[0] * (longest - len(one))] for one in tokens]
        ids = torch.tensor(padded, device=self._device)
        lengths = torch.tensor([len(one) for one in tokens], device=self._device)[:, None]
        real = torch.arange(longest, device=self._device) < lengths
        mask = None if min(map(len, tokens)) == longest else real[:, None, None, :]
        rows, width = len(tokens), self._words.shape[1]
        states = self._norm(F.embedding(ids, self._words) + self._places[:longest], self._first)
        for layer in self._layers:
            shared = layer.projections(states).view(rows, longest, 3, self._shape.heads, -1)
            query, key, value = shared.permute(2, 0, 3, 1, 4)
            seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
            seen = layer.attended(seen.transpose(1, 2).reshape(rows, longest, width))
            states = self._norm(states + seen, layer.attended_norm)
            wide = layer.widened(states, gelu=True)
            states = self._norm(states + layer.narrowed(wide), layer.narrowed_norm)
        whole = states.float()
        if self._shape.pooling == "cls":
            pooled = whole[:, 0]
        else:
            pooled = (whole * real[..., None]).sum(1) / lengths
        return np.asarray(F.normalize(pooled, dim=1).cpu().numpy(), dtype=np.float32)

    def _norm(self, states: Tensor, norm: Norm) -> Tensor:
        return F.layer_norm(states, norm[0].shape, *norm, self._shape.epsilon)


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Yield the numbers of texts of about one length, together at most `budget` tokens if padded.

    Every number comes once; a text that is longer than the budget comes alone.
    """
    batch: list[int] = []
    for number in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[number] > budget:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch


@cache
def _processors() -> int:
    return torch.get_num_threads()


@cache
def _workers() -> ThreadPoolExecutor:
    """Return threads that each run whole batches on one processor.

    Threads that share one product have to wait for each other at each of a hundred products, and on
    a busy machine that is most of what they do.
    """
    most = _processors()
    workers = ThreadPoolExecutor(most, thread_name_prefix="embedding", initializer=_alone)
    together = Barrier(most)
    for started in [workers.submit(together.wait) for _ in range(most)]:
        started.result()
    torch.set_num_threads(most)  # what the workers set would hold for all threads to come
    return workers


def _alone() -> None:
    torch.get_num_threads()  # takes up the common number first, which would undo the next line
    torch.set_num_threads(1)


KINDS = ("weight", "bias")
Linear = Callable[..., Tensor]
"""A linear layer: states, and whether GELU comes after it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layer:
    projections: Linear
    attended: Linear
    attended_norm: Norm
    widened: Linear
    narrowed: Linear
    narrowed_norm: Norm


def _linear_of(precision: str, device: str) -> Callable[[Tensor, Tensor], Linear]:
    """Return what makes a linear layer of a weight and a bias."""
    if precision == "int8":
        return _int8
    if device != "cpu":
        return _plain
    try:  # the packed layout is not part of torch's public interface, and may be missing
        with torch.inference_mode():
            zeros = torch.zeros(16, 16, dtype=getattr(torch, precision))
            _packed(zeros, zeros[0])(zeros[None], gelu=True)
    except (AttributeError, RuntimeError):
        return _plain
    return _packed


def _plain(weight: Tensor, bias: Tensor) -> Linear:
    def linear(states: Tensor, gelu: bool = False) -> Tensor:
        product = F.linear(states, weight, bias)
        return F.gelu(product) if gelu else product

    return linear


def _packed(weight: Tensor, bias: Tensor) -> Linear:
    multiply = torch.ops.mkldnn._linear_pointwise
    packed = torch.ops.mkldnn._reorder_linear_weight(weight, None)

    def linear(states: Tensor, gelu: bool = False) -> Tensor:
        after, kind = ("gelu", "none") if gelu else ("none", "")
        product: Tensor = multiply(states, packed, bias, after, [], kind)
        return product

    return linear


def _int8(weight: Tensor, bias: Tensor) -> Linear:
    """Round weights by output and states by token to 8 bits, each with a scale of its own."""
    scale = weight.abs().amax(1) / 127
    whole = (weight / scale[:, None]).round().to(torch.int8).t().contiguous()

    def linear(states: Tensor, gelu: bool = False) -> Tensor:
        rows = states.reshape(-1, states.shape[-1])
        steps = rows.abs().amax(1, keepdim=True).clamp_min(1e-12) / 127
        counts = torch._int_mm((rows / steps).round().to(torch.int8), whole)
        product = (counts * steps * scale + bias).view(*states.shape[:-1], -1)
        return F.gelu(product) if gelu else product

    return linear
