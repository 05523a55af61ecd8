"""BERT sentence encoder in plain torch, for sentence-transformers models on this disk.

It returns the vectors of `SentenceTransformer.encode` (Devlin et al. 2019; Reimers and Gurevych
2019) from the same files. Weights are laid out once for the processor's matrix instructions
(oneDNN), which the usual path does anew at every call.
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
import torch.nn.functional as F  # noqa: N812  the usual name
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from memagent.process import at_fork

CPU_TOKENS = 512
"""Most tokens of a batch, padding included: their activations stay in the cache."""
MIN_TOKENS = 128
"""Least tokens of a batch of its own."""
GPU_TOKENS = 16_384
PLAIN_MODULES = {"Transformer", "Pooling", "Normalize"}
Norm = tuple[Tensor, Tensor]
Weights = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """The part of a model's configuration that `Bert` needs."""

    layers: int
    heads: int
    epsilon: float
    max_tokens: int
    pooling: Literal["mean", "cls"]


def shape_of(folder: Path) -> Shape | None:
    """Return the shape of the model in a folder, or None if `Bert` cannot run it.

    `Bert` runs BERT models with mean or CLS pooling, no prompts, and safetensors weights.
    """
    try:
        modules = _read(folder / "modules.json")
        config = _read(folder / "config.json")
        sentence = _read(folder / "sentence_bert_config.json")
        extra = folder / "config_sentence_transformers.json"
        prompts = _read(extra).get("prompts", {}) if extra.is_file() else {}
        kinds = {part["type"].rpartition(".")[2]: part["path"] for part in modules}
        pooling = _pooling(_read(folder / kinds["Pooling"] / "config.json"))
        plain = (
            set(kinds) <= PLAIN_MODULES
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
    """Return the pooling of token vectors, from old and from new configurations."""
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
        self._linear = _linear_of(precision, device)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(shape.max_tokens)
        weights = load_file(folder / "model.safetensors", device=device)
        self._load({name.removeprefix("bert."): tensor for name, tensor in weights.items()})

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return texts x dimensions, each row of length one."""
        if len(texts) == 1:
            tokens = [self._tokenizer.encode(texts[0]).ids]
        else:
            tokens = [encoding.ids for encoding in self._tokenizer.encode_batch_fast(list(texts))]
        vectors = np.empty((len(texts), self._words.shape[1]), dtype=np.float32)
        lengths = [len(ids) for ids in tokens]
        on_cpu = self._device.type == "cpu"
        share = sum(lengths) // _processors() if on_cpu else GPU_TOKENS
        budget = min(max(share, MIN_TOKENS), CPU_TOKENS) if on_cpu else GPU_TOKENS
        parts = list(batches(lengths, budget))[::-1]  # the longest first, so that all end together
        inputs = [[tokens[number] for number in part] for part in parts]
        run = _workers().map if on_cpu else map
        for part, rows in zip(parts, run(self._forward, inputs), strict=True):
            vectors[part] = rows
        return vectors

    def _load(self, weights: Weights) -> None:
        """Lay out the weights; query, key and value become one product."""

        def norm(name: str) -> Norm:
            return self._cast(weights[f"{name}.weight"]), self._cast(weights[f"{name}.bias"])

        def linear(*names: str) -> Linear:
            parts = [
                torch.cat([weights[f"{name}.{kind}"] for name in names])
                for kind in ("weight", "bias")
            ]
            return self._linear(*(self._cast(part) for part in parts))

        words, positions, types = (
            weights[f"embeddings.{name}_embeddings.weight"]
            for name in ("word", "position", "token_type")
        )
        self._words, self._positions = self._cast(words), self._cast(positions + types[0])
        self._first_norm = norm("embeddings.LayerNorm")
        self._layers = []
        for number in range(self._shape.layers):
            layer = f"encoder.layer.{number}"
            attention = f"{layer}.attention"
            self._layers.append(
                _Layer(
                    projections=linear(
                        *(f"{attention}.self.{name}" for name in ("query", "key", "value"))
                    ),
                    attention_out=linear(f"{attention}.output.dense"),
                    attention_norm=norm(f"{attention}.output.LayerNorm"),
                    feed_in=linear(f"{layer}.intermediate.dense"),
                    feed_out=linear(f"{layer}.output.dense"),
                    feed_norm=norm(f"{layer}.output.LayerNorm"),
                )
            )

    def _cast(self, tensor: Tensor) -> Tensor:
        return tensor.to(self._dtype).contiguous()

    @torch.inference_mode()
    def _forward(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Return the vectors of one batch of token ids."""
        longest = max(map(len, tokens))
        padded = [[*row, *[0] * (longest - len(row))] for row in tokens]
        ids = torch.tensor(padded, device=self._device)
        lengths = torch.tensor([len(row) for row in tokens], device=self._device)[:, None]
        real = torch.arange(longest, device=self._device) < lengths
        mask = None if min(map(len, tokens)) == longest else real[:, None, None, :]
        rows, width = len(tokens), self._words.shape[1]
        states = self._norm(
            F.embedding(ids, self._words) + self._positions[:longest], self._first_norm
        )
        for layer in self._layers:
            shared = layer.projections(states).view(rows, longest, 3, self._shape.heads, -1)
            query, key, value = shared.permute(2, 0, 3, 1, 4)
            attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
            attended = layer.attention_out(attended.transpose(1, 2).reshape(rows, longest, width))
            states = self._norm(states + attended, layer.attention_norm)
            wide = layer.feed_in(states, gelu=True)
            states = self._norm(states + layer.feed_out(wide), layer.feed_norm)
        whole = states.float()
        if self._shape.pooling == "cls":
            pooled = whole[:, 0]
        else:
            pooled = (whole * real[..., None]).sum(1) / lengths
        return np.asarray(F.normalize(pooled, dim=1).cpu().numpy(), dtype=np.float32)

    def _norm(self, states: Tensor, norm: Norm) -> Tensor:
        return F.layer_norm(states, norm[0].shape, *norm, self._shape.epsilon)


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Yield batches of indices of texts of similar length, each of at most `budget` padded tokens.

    Every index comes once; a text that is longer than the budget is alone in its batch.
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

    Threads that share a matrix product wait for each other at each of a hundred products, which on
    a busy machine is most of their time.
    """
    count = _processors()
    workers = ThreadPoolExecutor(count, thread_name_prefix="embedding", initializer=_one_thread)
    barrier = Barrier(count)
    for started in [workers.submit(barrier.wait) for _ in range(count)]:
        started.result()
    torch.set_num_threads(count)  # else the workers' setting applies to all later threads
    return workers


at_fork(after_in_child=_workers.cache_clear)


def _one_thread() -> None:
    torch.get_num_threads()  # its first call applies the global number: before the next line
    torch.set_num_threads(1)


Linear = Callable[..., Tensor]
"""A linear layer: takes states, and whether GELU follows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Layer:
    projections: Linear
    attention_out: Linear
    attention_norm: Norm
    feed_in: Linear
    feed_out: Linear
    feed_norm: Norm


def _linear_of(precision: str, device: str) -> Callable[[Tensor, Tensor], Linear]:
    """Return the function that makes a linear layer of a weight and a bias."""
    if precision == "int8":
        return _int8
    if device != "cpu":
        return _plain
    try:  # the packed layout is not in torch's public interface, and may be missing
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
    """Round weights per output and states per token to 8 bits, each with its own scale."""
    scale = weight.abs().amax(1) / 127
    whole = (weight / scale[:, None]).round().to(torch.int8).t().contiguous()

    def linear(states: Tensor, gelu: bool = False) -> Tensor:
        rows = states.reshape(-1, states.shape[-1])
        steps = rows.abs().amax(1, keepdim=True).clamp_min(1e-12) / 127
        counts = torch._int_mm((rows / steps).round().to(torch.int8), whole)
        product = (counts * steps * scale + bias).view(*states.shape[:-1], -1)
        return F.gelu(product) if gelu else product

    return linear
