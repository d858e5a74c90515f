"""A reader over an embedder: what it computes, whose weights it fits, and what becomes of a damaged file."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lastro.errors import ModelCorrupt
from lastro.llm import models
from lastro.llm.cards import EMBEDDERS
from lastro.vectorstore.adapted import AdaptedReader, load_reader
from lastro.vectorstore.embeddings import LocalEmbeddings, load_embedder
from tests.vectorstore.tiny import write_packed

CARD = next(card for card in EMBEDDERS if card.packed)
LOWER = 1


@pytest.fixture
def tiny(tmp_path: Path, lastro_home: Path, monkeypatch: pytest.MonkeyPatch) -> LocalEmbeddings:
    place = models.models_folder() / "tiny-pack"
    place.mkdir(parents=True)
    write_packed(place / CARD.file)
    digest = hashlib.sha256((place / CARD.file).read_bytes()).hexdigest()
    monkeypatch.setattr(
        models, "EMBEDDERS", (dataclasses.replace(CARD, name="tiny-pack", sha256=digest, dimension=32),)
    )
    return load_embedder("tiny-pack", device="cpu")


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """float32, whatever the processor of the test computes with."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)


def bert_of(embedder: LocalEmbeddings) -> Any:
    return embedder._weights.model[0].bert


def write_reader(file: Path, embedder: LocalEmbeddings, **about: Any) -> dict[str, torch.Tensor]:
    """A reader of random changes; the tensors that it holds."""
    torch.manual_seed(5)
    tensors = {}
    for at, layer in enumerate(bert_of(embedder).encoder.layer[LOWER:], LOWER):
        for name, values in layer.named_parameters():
            key = f"layer.{at}.{name}"
            if values.dim() < 2:
                tensors[key] = values.detach() + 0.01 * torch.randn(values.shape)
            else:
                tensors[f"{key}.up"] = (0.1 * torch.randn(values.shape[0], 2)).half()
                tensors[f"{key}.down"] = (0.1 * torch.randn(2, values.shape[1])).half()
    width = bert_of(embedder).config.hidden_size
    tensors |= {
        "head.0.weight": torch.randn(8, 3 * width).half(), "head.0.bias": torch.randn(8).half(),
        "head.2.weight": torch.randn(1, 8).half(), "head.2.bias": torch.randn(1).half(),
    }  # fmt: skip
    told = {
        "format": "lastro-reader", "version": 1, "languages": ["en", "pt"], "lower_layers": LOWER,
        "weights_sha256": embedder.identity.sha256,
    }  # fmt: skip
    save_file(tensors, str(file), metadata={"lastro": json.dumps(told | about)})
    return tensors


def read_by_hand(embedder: LocalEmbeddings, tensors: dict[str, torch.Tensor], passage: str, claim: str) -> float:
    bert = copy.deepcopy(bert_of(embedder))
    for at, layer in enumerate(bert.encoder.layer[LOWER:], LOWER):
        for name, values in layer.named_parameters():
            key = f"layer.{at}.{name}"
            values.data = (
                tensors[key] if key in tensors
                else values.data + tensors[f"{key}.up"].float() @ tensors[f"{key}.down"].float()
            )  # fmt: skip
    first, second = (
        embedder._weights.tokenizer.encode(text, add_special_tokens=False).ids for text in (passage, claim)
    )
    with torch.inference_mode():
        states = bert(torch.tensor([[0, *first, 2, *second, 2]])).last_hidden_state[0]
        begin = len(first) + 2
        rest = torch.cat([states[:begin], states[-1:]])
        joined = torch.cat([states[0], states[begin:-1].mean(0), rest.mean(0)])
        inner = torch.tanh(tensors["head.0.weight"].float() @ joined + tensors["head.0.bias"].float())
        return float(tensors["head.2.weight"].float() @ inner + tensors["head.2.bias"].float())


def loaded(embedder: LocalEmbeddings, file: Path) -> AdaptedReader:
    reader = load_reader(embedder, file)
    assert reader is not None
    return reader


def test_a_score_is_what_the_changed_layers_and_the_head_compute(tiny: LocalEmbeddings, tmp_path: Path):
    file = tmp_path / "reader.safetensors"
    tensors = write_reader(file, tiny)
    reader = loaded(tiny, file)
    pairs = [("a a a a a a a", "a"), ("a", "a a a"), ("", "a"), ("a a", "")]
    by_hand = [read_by_hand(tiny, tensors, *pair) for pair in pairs[:3]]
    assert reader.scores(pairs[:3]) == pytest.approx(by_hand, abs=1e-4)
    nothing_said = reader.scores([pairs[-1]])[0]
    assert nothing_said == pytest.approx(reader.scores(pairs)[-1], abs=1e-4), "no division by zero tokens"
    assert reader.scores([]) == []


@pytest.mark.parametrize(
    ("told", "kind"),
    [({}, torch.float32), ({"avx512_bf16": True}, torch.bfloat16), ({"avx512_bf16": False}, torch.float32)],
)
def test_layers_are_computed_in_bfloat16_where_the_processor_does(
    tiny: LocalEmbeddings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: dict[str, bool], kind: torch.dtype
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told, raising=False)
    tensors = write_reader(tmp_path / "reader.safetensors", tiny)
    reader = loaded(tiny, tmp_path / "reader.safetensors")
    assert {values.dtype for values in reader._upper.parameters()} == {kind}
    assert {values.dtype for values in bert_of(tiny).parameters()} == {torch.float32}
    exact = load_reader(tiny, tmp_path / "reader.safetensors", exact=True)
    assert exact is not None
    assert {values.dtype for values in exact._upper.parameters()} == {torch.float32}
    pairs = [("a a a a a a a", "a"), ("a", "a a a")]
    by_hand = [read_by_hand(tiny, tensors, *pair) for pair in pairs]
    assert reader.scores(pairs) == pytest.approx(by_hand, rel=0.05, abs=0.05)


def test_a_reader_leaves_the_embedder_as_it_was(tiny: LocalEmbeddings, tmp_path: Path):
    before = tiny.embed_documents(["a a"])
    write_reader(tmp_path / "reader.safetensors", tiny)
    loaded(tiny, tmp_path / "reader.safetensors").scores([("a a", "a")])
    assert tiny.embed_documents(["a a"]) == before


def test_texts_beyond_the_limit_are_cut(tiny: LocalEmbeddings, tmp_path: Path):
    write_reader(tmp_path / "reader.safetensors", tiny)
    reader = loaded(tiny, tmp_path / "reader.safetensors")
    ids, begin = reader._tokens("a " * 5_000, "a " * 5_000)
    limit = min(320, bert_of(tiny).config.max_position_embeddings)
    assert len(ids) == limit
    assert 0 < begin < len(ids)
    assert reader.scores([("a " * 5_000, "a " * 5_000)]) == reader.scores([("a " * 400, "a " * 400)])


def test_a_reader_of_other_weights_is_none(tiny: LocalEmbeddings, tmp_path: Path):
    write_reader(tmp_path / "reader.safetensors", tiny, weights_sha256="0" * 64)
    assert load_reader(tiny, tmp_path / "reader.safetensors") is None


@pytest.mark.parametrize(
    "damage", ["cut", "nan", "version", "missing", "shape", "change", "layers", "nothing", "not ours"]
)
def test_a_damaged_file_is_told_with_the_way_out(tiny: LocalEmbeddings, tmp_path: Path, damage: str):
    file = tmp_path / "reader.safetensors"
    write_reader(file, tiny)
    told = {
        "format": "lastro-reader", "version": 2 if damage == "version" else 1, "languages": ["en"],
        "lower_layers": 99 if damage == "layers" else LOWER, "weights_sha256": tiny.identity.sha256,
    }  # fmt: skip
    metadata = {"lastro": json.dumps(told)}
    tensors = load_file(str(file))
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-40])
    elif damage == "nothing":
        file.write_bytes(b"")
    elif damage == "not ours":
        save_file(tensors, str(file))
    else:
        key = f"layer.{LOWER}.attention.self.query.bias"
        if damage == "nan":
            tensors[key][0] = float("nan")
        elif damage == "missing":
            del tensors[key]
        elif damage == "shape":
            tensors[key] = tensors[key][:-1].clone()
        elif damage == "change":
            up = f"layer.{LOWER}.attention.self.query.weight.up"
            tensors[up] = tensors[up][:1].clone()
        save_file(tensors, str(file), metadata=metadata)
    with pytest.raises(ModelCorrupt, match=r"reader\.safetensors: no reader.*install Lastro again"):
        load_reader(tiny, file)


def test_threads_may_read_at_once(tiny: LocalEmbeddings, tmp_path: Path):
    write_reader(tmp_path / "reader.safetensors", tiny)
    reader = loaded(tiny, tmp_path / "reader.safetensors")
    pairs = [("a " * size, "a a") for size in range(1, 9)]
    alone = [reader.scores([pair])[0] for pair in pairs]
    found: dict[int, list[float]] = {}
    threads = [threading.Thread(target=lambda at=at: found.update({at: reader.scores(pairs)})) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(scores == pytest.approx(alone, abs=1e-5) for scores in found.values())
    assert len(found) == 4
