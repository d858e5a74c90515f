from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lastro.errors import EmbedderMismatch, LibraryCorrupt, ModelError
from lastro.vectorstore.embeddings import EmbedderIdentity, LocalEmbeddings, load_embedder
from lastro.vectorstore.identity import MIN_PROBE_COSINE, PROBES, drift, mismatch, probe
from lastro.vectorstore.library import Library
from tests.fakes import HashEmbeddings

Opened = Callable[..., Library]
ONE = EmbedderIdentity("one", "0a" * 32, 384, "mean", "", "")


class Posing(HashEmbeddings):
    """Says that it is the plain hash embedder, whatever it computes."""

    @property
    def identity(self) -> EmbedderIdentity:
        return HashEmbeddings().identity


class Changed(LocalEmbeddings):
    """The starter embedder with its model changed behind its identity's back."""

    def __init__(self, model: Any) -> None:
        super().__init__("all-minilm-l6-v2", device="cpu")
        self._weights = dataclasses.replace(self._weights, model=model)


@pytest.fixture(scope="module")
def starter() -> LocalEmbeddings:
    return load_embedder("all-minilm-l6-v2", device="cpu")


@pytest.fixture(scope="module")
def stored(starter: LocalEmbeddings) -> str:
    return probe(starter)


def _half(model: Any) -> None:
    model.half()


def _bfloat16(model: Any) -> None:
    model.bfloat16()


def _int8_weights(model: Any) -> None:
    import torch

    for module in model.modules():
        if isinstance(module, torch.nn.Linear):
            step = module.weight.data.abs().amax(1, keepdim=True) / 127
            module.weight.data = (module.weight.data / step).round() * step


def _other_pooling(model: Any) -> None:
    next(module for module in model if hasattr(module, "pooling_mode")).pooling_mode = "cls"


def _prompts(model: Any) -> None:
    model.prompts = {"query": "query: ", "document": "passage: "}


def _prompt_of_questions(model: Any) -> None:
    model.prompts = {"query": "- ", "document": ""}


def _other_tokenizer(model: Any) -> None:
    from tokenizers.normalizers import BertNormalizer

    model.tokenizer.backend_tokenizer.normalizer = BertNormalizer(lowercase=False)


def _other_weights(model: Any) -> None:
    import torch

    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        parameter.data += 0.1 * parameter.data.std() * noise


def test_the_probes_of_the_same_embedder_agree(starter: LocalEmbeddings, stored: str):
    assert drift(stored, starter) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("change", [_half, _bfloat16, _int8_weights])
def test_another_number_format_passes_the_probes(starter: LocalEmbeddings, stored: str, change: Callable):
    model = copy.deepcopy(starter._weights.model)
    change(model)
    assert drift(stored, Changed(model)) > 0.998


@pytest.mark.parametrize("change", [_other_pooling, _prompts, _prompt_of_questions, _other_tokenizer, _other_weights])
def test_a_model_that_changed_behind_its_identity_fails_the_probes(
    starter: LocalEmbeddings, stored: str, change: Callable
):
    model = copy.deepcopy(starter._weights.model)
    change(model)
    assert drift(stored, Changed(model)) < MIN_PROBE_COSINE - 0.02


def test_vectors_of_another_width_length_or_direction_fail_the_probes():
    class Longer(HashEmbeddings):
        def encode_query(self, text: str) -> np.ndarray:
            return super().encode_query(text) * 1.1

    class Broken(HashEmbeddings):
        def encode_query(self, text: str) -> np.ndarray:
            return super().encode_query(text) * np.nan

    known = probe(HashEmbeddings())
    assert drift(known, HashEmbeddings()) == pytest.approx(1, abs=1e-6)
    assert drift(known, HashEmbeddings(dimension=128)) == 0.0
    assert drift(known, HashEmbeddings(salt="b")) < 0.9
    assert drift(known, Longer()) == pytest.approx(1 / 1.1, abs=1e-3)
    assert drift(known, Broken()) == 0.0


def test_vectors_that_are_not_of_length_one_cannot_be_probed():
    class Unnormalised(HashEmbeddings):
        def encode_query(self, text: str) -> np.ndarray:
            return super().encode_query(text) * 4

    with pytest.raises(ModelError, match="length 4"):
        probe(Unnormalised())


def test_stored_probes_are_compared_by_their_own_texts_when_a_later_version_has_others(
    monkeypatch: pytest.MonkeyPatch,
):
    known = probe(HashEmbeddings())
    monkeypatch.setattr("lastro.vectorstore.identity.PROBES", ("something else",))
    assert drift(known, HashEmbeddings()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("text", ["", "{}", '{"texts": ["a"], "vectors": "AAA"}', '{"texts": ["a"], "vectors": "!"}'])
def test_stored_probes_that_cannot_be_read_are_told_with_the_way_out(text: str):
    with pytest.raises(LibraryCorrupt, match="lastro rebuild --embedder"):
        drift(text, HashEmbeddings())


def test_probes_are_not_counted_as_documents_by_the_fake():
    embedder = HashEmbeddings()
    probe(embedder)
    assert embedder.encoded == 0
    embedder.encode_documents(["a text", PROBES[0]])
    assert embedder.encoded == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dimension": 768, "sha256": "1b" * 32}, "another dimension and another set of weights"),
        ({"pooling": "cls"}, r"another pooling \('cls', not 'mean'\)"),
        ({"query_prompt": "query: "}, r"another prompt for questions \('query: ', not ''\)"),
        ({"normalised": False}, "another length of vectors"),
    ],
)
def test_a_mismatch_names_both_embedders_what_differs_and_the_ways_out(changes: dict, words: str):
    given = dataclasses.replace(ONE, name="two", **changes)
    assert not ONE.same_vectors(given)
    error = mismatch(Path("papers"), ONE, given)
    assert isinstance(error, EmbedderMismatch)
    error.args[0].index("papers: indexed with one (384-d, weights 0a0a0a0a), opened with two")
    assert error.args[0].endswith(
        "open it with one, or run `lastro rebuild --embedder two`, which embeds every stored text anew"
    )
    with pytest.raises(EmbedderMismatch, match=words):
        raise error


def test_a_mismatch_by_the_probes_says_how_far_they_are_apart():
    told = str(mismatch(Path("papers"), ONE, ONE, drift=0.8712))
    assert "0.871" in told
    assert "at least 0.99" in told
    assert "lastro rebuild --embedder one" in told


@pytest.mark.parametrize(
    "other",
    [
        HashEmbeddings(salt="b"),
        HashEmbeddings(dimension=128),
        Posing(salt="b"),
        Posing(dimension=128),
    ],
    ids=["other weights", "other dimension", "posing, other weights", "posing, other dimension"],
)
def test_a_library_refuses_another_embedder_and_is_not_written_to(
    library: Library, opened: Opened, other: HashEmbeddings
):
    before = _state(library)
    with pytest.raises(EmbedderMismatch, match="lastro rebuild --embedder"):
        opened(embedder=other)
    assert _state(library) == before
    assert library.search("cats", k=1)[0].title == "Cats"


def test_a_renamed_embedder_is_accepted(library: Library, opened: Opened):
    class Renamed(HashEmbeddings):
        @property
        def identity(self) -> EmbedderIdentity:
            return dataclasses.replace(super().identity, name="my-copy")

    assert opened(embedder=Renamed()).search("cats", k=1)[0].title == "Cats"


def test_a_slightly_different_arithmetic_is_accepted(library: Library, opened: Opened):
    class Coarse(HashEmbeddings):
        def encode_query(self, text: str) -> np.ndarray:
            vector = np.round(super().encode_query(text) * 60) / 60
            return vector / np.linalg.norm(vector)

    assert MIN_PROBE_COSINE < drift(probe(HashEmbeddings()), Coarse()) < 0.9999
    assert opened(embedder=Coarse()).search("cats", k=1)[0].title == "Cats"


def test_an_older_library_without_probes_gets_them_at_first_use(library: Library, opened: Opened):
    with library._catalog.write() as db:
        db.execute("DELETE FROM meta WHERE key = 'embedder_probe'")
    assert opened().search("cats", k=1)[0].title == "Cats"
    assert json.loads(library._catalog.meta()["embedder_probe"])["texts"] == list(PROBES)
    with pytest.raises(EmbedderMismatch):
        opened(embedder=Posing(salt="b"))


def _state(library: Library) -> Sequence[tuple]:
    with library._catalog.read() as db:
        return [tuple(row) for table in ("meta", "chunks", "vectors") for row in db.execute(f"SELECT * FROM {table}")]
