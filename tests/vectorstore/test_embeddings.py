from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from lastro.errors import ConfigError, ModelCorrupt, ModelError, ModelNotFound
from lastro.llm.models import find_embedder
from lastro.vectorstore import embeddings
from lastro.vectorstore.embeddings import EmbedderIdentity, LocalEmbeddings, batches, load_embedder

STARTER = "all-minilm-l6-v2"


class TestLangChainsUnitSuite(EmbeddingsUnitTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return LocalEmbeddings

    @property
    def embedding_model_params(self) -> dict:
        return {"name_or_path": STARTER, "device": "cpu"}


class TestLangChainsIntegrationSuite(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return LocalEmbeddings

    @property
    def embedding_model_params(self) -> dict:
        return {"name_or_path": STARTER, "device": "cpu"}


@pytest.fixture(scope="module")
def starter() -> LocalEmbeddings:
    return load_embedder(STARTER, device="cpu")


def test_vectors_are_float32_of_length_one_whatever_the_batches(starter: LocalEmbeddings):
    texts = ["short", "a somewhat longer text about leases and rent " * 8, "", "médio: açúcar e café"]
    small = load_embedder(STARTER, device="cpu", batch_tokens=128)
    seen: list[tuple[int, int]] = []
    vectors = small.encode_documents(texts, on_progress=lambda done, total: seen.append((done, total)))
    assert vectors.dtype == np.float32
    assert vectors.shape == (4, starter.dimension)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.allclose(vectors, starter.encode_documents(texts), atol=1e-5)
    assert seen[-1] == (4, 4)
    assert len(seen) > 1


def test_no_texts_give_no_vectors(starter: LocalEmbeddings):
    assert starter.encode_documents([]).shape == (0, 384)


def test_similar_texts_are_nearer_than_others(starter: LocalEmbeddings):
    question = starter.encode_query("When does the lease end?")
    near, far = starter.encode_documents(["The rental contract expires in May.", "Cats sleep all day."])
    assert question @ near > question @ far


def test_the_weights_are_loaded_once_a_process(starter: LocalEmbeddings):
    assert load_embedder(STARTER, device="cpu")._weights is starter._weights


def test_tokens_are_counted_and_placed_without_truncation(starter: LocalEmbeddings):
    text = "Atenção às cláusulas. " * 500
    spans = starter.token_spans(text)
    assert len(spans) == starter.count_tokens(text) > starter.max_tokens
    assert all(0 <= a <= b <= len(text) for a, b in spans)
    assert spans[-1][1] == len(text.rstrip())


def test_a_text_of_the_most_tokens_is_embedded_whole(starter: LocalEmbeddings):
    assert starter.max_tokens == 254
    words = ["lease"] * starter.max_tokens
    whole, other = starter.encode_documents([" ".join(words), " ".join([*words[:-1], "cat"])])
    assert not np.array_equal(whole, other)


def test_the_identity_survives_json_and_ignores_the_name(starter: LocalEmbeddings):
    again = EmbedderIdentity.from_json(starter.identity.to_json())
    assert again == starter.identity
    assert again.pooling == "mean"
    assert again.sha256.startswith("53aa5117")


def test_changed_weights_of_a_catalogued_model_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    card, folder = find_embedder(STARTER)
    copy = tmp_path / "model"
    shutil.copytree(folder, copy)
    weights = copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ModelCorrupt):
        embeddings._load(card, copy, "cpu")


def test_a_folder_of_ones_own_is_an_embedder_named_after_it(tmp_path: Path, starter: LocalEmbeddings):
    _card, folder = find_embedder(STARTER)
    copy = tmp_path / "mine"
    shutil.copytree(folder, copy)
    mine = load_embedder(str(copy), device="cpu")
    assert mine.identity.name == "mine"
    assert mine.identity.same_vectors(starter.identity)
    assert mine.languages == ()


def test_a_folder_without_safetensors_is_refused(tmp_path: Path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ModelError, match="safetensors"):
        embeddings._load(None, tmp_path, "cpu")


def test_a_folder_that_is_no_model_is_refused_in_one_line(tmp_path: Path):
    (tmp_path / "model.safetensors").write_bytes(b"\x00" * 64)
    with pytest.raises(ModelCorrupt, match="no embedder that can be loaded"):
        embeddings._load(None, tmp_path, "cpu")


def test_several_weight_files_have_one_hash(tmp_path: Path):
    (tmp_path / "a.safetensors").write_bytes(b"a")
    one = embeddings._weights_sha256(None, tmp_path)
    (tmp_path / "b.safetensors").write_bytes(b"b")
    assert len({one, embeddings._weights_sha256(None, tmp_path)}) == 2


def test_an_unknown_model_or_device_is_named():
    with pytest.raises(ModelNotFound, match="no-such-model"):
        load_embedder("no-such-model")
    with pytest.raises(ConfigError, match="gpu9"):
        load_embedder(STARTER, device="gpu9")


def test_a_batch_never_exceeds_its_tokens_and_loses_no_text():
    counts = [7, 300, 1, 1, 64, 250, 2]
    found = list(batches(counts, 300))
    assert sorted(at for batch in found for at in batch) == list(range(len(counts)))
    assert all(len(batch) * max(counts[at] for at in batch) <= 300 for batch in found)


def test_loading_shows_no_progress_bar_and_leaves_those_of_others(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    from transformers.utils import logging

    monkeypatch.setattr(embeddings, "_LOADED", {})
    before = logging.is_progress_bar_enabled()
    load_embedder(STARTER, device="cpu")
    assert capfd.readouterr().err == ""
    assert logging.is_progress_bar_enabled() == before
