from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from langchain_core.embeddings import Embeddings
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from lastro.errors import ConfigError, ModelCorrupt, ModelError, ModelNotFound
from lastro.llm import models
from lastro.llm.cards import EMBEDDERS, EmbedderCard
from lastro.llm.models import find_embedder, models_folder
from lastro.vectorstore import embeddings
from lastro.vectorstore.embeddings import EmbedderIdentity, LocalEmbeddings, batches, load_embedder
from lastro.vectorstore.loading import load_weights, weights_sha256
from tests.vectorstore.tiny import WIDTH, vectors_by_hand, write_embedder

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
        load_weights(card, copy, "cpu")


def test_a_folder_of_ones_own_is_an_embedder_named_after_it(tmp_path: Path, starter: LocalEmbeddings):
    _card, folder = find_embedder(STARTER)
    copy = tmp_path / "mine"
    shutil.copytree(folder, copy)
    mine = load_embedder(str(copy), device="cpu")
    assert mine.identity.name == "mine"
    assert mine.identity.same_vectors(starter.identity)
    assert mine.languages == ("en",)  # known by its weights


def test_a_folder_without_safetensors_is_refused(tmp_path: Path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ModelError, match="safetensors"):
        load_weights(None, tmp_path, "cpu")


def test_a_folder_that_is_no_model_is_refused_in_one_line(tmp_path: Path):
    (tmp_path / "model.safetensors").write_bytes(b"\x00" * 64)
    (tmp_path / "modules.json").write_text('[{"type": "sentence_transformers.models.StaticEmbedding", "path": ""}]')
    with pytest.raises(ModelCorrupt, match="no embedder that can be loaded"):
        load_weights(None, tmp_path, "cpu")


def test_several_weight_files_have_one_hash(tmp_path: Path):
    (tmp_path / "a.safetensors").write_bytes(b"a")
    one = weights_sha256(None, tmp_path)
    (tmp_path / "b.safetensors").write_bytes(b"b")
    assert len({one, weights_sha256(None, tmp_path)}) == 2


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


TEXTS = ["the lease ends in may", "a banana is a banana", "cats of the dog rent the lease . " * 5, "x"]
PROMPTS = {"query": "query : ", "passage": "passage : "}


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize("prompts", [{}, PROMPTS, {"query": "query : ", "document": "as a : "}])
def test_vectors_are_the_pooled_output_of_the_transformer_with_the_prompt(
    tmp_path: Path, pooling: str, prompts: dict[str, str]
):
    model = write_embedder(tmp_path / "tiny", pooling=pooling, prompts=prompts)
    tiny = load_embedder(str(tmp_path / "tiny"), device="cpu")
    document = prompts.get("document") or prompts.get("passage") or ""
    expected = vectors_by_hand(model, TEXTS, pooling=pooling, prompt=document)
    assert np.allclose(tiny.encode_documents(TEXTS), expected, atol=1e-5)
    asked = vectors_by_hand(model, TEXTS[:1], pooling=pooling, prompt=prompts.get("query", ""))
    assert np.allclose(tiny.encode_query(TEXTS[0]), asked[0], atol=1e-5)
    assert tiny.identity.pooling == pooling
    assert (tiny.identity.query_prompt, tiny.identity.document_prompt) == (prompts.get("query", ""), document)


def test_the_prompts_tokens_are_kept_free(tmp_path: Path):
    write_embedder(tmp_path / "plain")
    write_embedder(tmp_path / "prompted", prompts=PROMPTS)
    assert load_embedder(str(tmp_path / "plain"), device="cpu").max_tokens == 64 - 2
    assert load_embedder(str(tmp_path / "prompted"), device="cpu").max_tokens == 64 - 2 - 2


@pytest.mark.parametrize("modules", [None, [], [{"type": "sentence_transformers.models.Transformer", "path": ""}]])
def test_a_folder_that_does_not_say_how_it_pools_is_refused(tmp_path: Path, modules: list | None):
    write_embedder(tmp_path / "bare", pooling=None)
    if modules is not None:
        (tmp_path / "bare" / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelError, match=r"does not say how to pool.*1_Pooling"):
        load_embedder(str(tmp_path / "bare"), device="cpu")


def card_of(**changes: object) -> EmbedderCard:
    card = {
        "name": "tiny-e5", "repo": "someone/Tiny-E5-Base", "file": "model.safetensors", "sha256": None, "bytes": 1,
        "dimension": WIDTH, "max_tokens": 64, "languages": ("pt", "en"), "pooling": "cls", "query_prompt": "query : ",
        "document_prompt": "passage : ", "licence": "mit",
    }  # fmt: skip
    return EmbedderCard(**(card | changes))  # type: ignore[arg-type]


@pytest.fixture
def catalogue(monkeypatch: pytest.MonkeyPatch) -> EmbedderCard:
    card = card_of()
    monkeypatch.setattr(models, "EMBEDDERS", (card,))
    return card


@pytest.mark.parametrize("name", ["tiny-e5", "TINY-E5", "someone/Tiny-E5-Base", "someone/tiny-e5-base"])
@pytest.mark.parametrize("pooling", ["cls", None])
def test_a_card_gives_its_prompts_and_languages_by_name_and_hub_id(
    catalogue: EmbedderCard, name: str, pooling: str | None
):
    folder = models_folder() / "tiny-e5"
    model = write_embedder(folder, pooling=pooling, prompts={"query": "of no use : "})
    tiny = load_embedder(name, device="cpu")
    assert tiny.identity.name == "tiny-e5"
    assert (tiny.languages, tiny.identity.pooling) == (("pt", "en"), "cls")
    expected = vectors_by_hand(model, TEXTS, pooling="cls", prompt="passage : ")
    assert np.allclose(tiny.encode_documents(TEXTS), expected, atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_a_catalogued_model_that_pools_otherwise_is_refused(catalogue: EmbedderCard, pooling: str):
    write_embedder(models_folder() / "tiny-e5", pooling=pooling)
    with pytest.raises(ModelCorrupt, match=f"its pooling is {pooling}, and that of tiny-e5 is cls"):
        load_embedder("tiny-e5", device="cpu")


def test_a_catalogued_model_of_another_width_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(models, "EMBEDDERS", (card_of(dimension=384),))
    write_embedder(models_folder() / "tiny-e5", pooling="cls")
    with pytest.raises(ModelCorrupt, match="its dimension is 32, and that of tiny-e5 is 384"):
        load_embedder("tiny-e5", device="cpu")


@pytest.mark.parametrize("name", ["tiny-e5", "Tiny-E5-Base"])
def test_a_copied_folder_of_a_known_model_has_its_cards_prompts(catalogue: EmbedderCard, tmp_path: Path, name: str):
    write_embedder(tmp_path / name, pooling="cls")
    copied = load_embedder(str(tmp_path / name), device="cpu")
    assert (copied.identity.query_prompt, copied.languages) == ("query : ", ("pt", "en"))
    assert copied.identity.name == name


def test_a_folder_with_prompts_of_its_own_keeps_them(catalogue: EmbedderCard, tmp_path: Path):
    write_embedder(tmp_path / "tiny-e5", pooling="cls", prompts={"query": "the : "})
    assert load_embedder(str(tmp_path / "tiny-e5"), device="cpu").identity.query_prompt == "the : "


def test_the_name_alone_of_another_width_makes_no_known_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(models, "EMBEDDERS", (card_of(dimension=384),))
    write_embedder(tmp_path / "tiny-e5", pooling="mean")
    assert load_embedder(str(tmp_path / "tiny-e5"), device="cpu").languages == ()


def test_a_model_by_hub_id_lies_in_the_models_folder_under_it_and_speaks_what_its_page_says():
    write_embedder(models_folder() / "someone" / "other")
    page = "---\nlanguage:\n- multilingual\n- pt\n- no\nlicense: mit\n---\n# A model\n"
    (models_folder() / "someone" / "other" / "README.md").write_text(page)
    other = load_embedder("someone/other", device="cpu")
    assert (other.identity.name, other.languages) == ("someone/other", ("pt", "no"))


def test_code_of_the_publisher_is_never_run(tmp_path: Path):
    folder = tmp_path / "tiny"
    write_embedder(folder)
    (folder / "evil.py").write_text(f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n")
    config = json.loads((folder / "config.json").read_text())
    own = config | {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}}
    (folder / "config.json").write_text(json.dumps(own))
    with pytest.raises(ModelError, match="needs code of its own"):
        load_embedder(str(folder), device="cpu")
    (folder / "config.json").write_text(json.dumps(config))
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(
        json.dumps([*modules, {"idx": 3, "name": "3", "path": "", "type": "evil.Evil"}])
    )
    with pytest.raises(ModelError, match=r"needs code of its own \(evil\.Evil\)"):
        load_embedder(str(folder), device="cpu")
    assert not (tmp_path / "ran").exists()


def test_a_layer_in_a_pickle_is_refused(tmp_path: Path):
    write_embedder(tmp_path / "tiny")
    (tmp_path / "tiny" / "2_Dense").mkdir()
    (tmp_path / "tiny" / "2_Dense" / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(ModelCorrupt, match="2_Dense"):
        load_embedder(str(tmp_path / "tiny"), device="cpu")


def test_every_multilingual_card_speaks_portuguese_and_the_english_ones_do_not():
    spoken = {card.name: "pt" in card.languages for card in EMBEDDERS}
    assert [name for name, portuguese in spoken.items() if not portuguese] == [
        "all-minilm-l6-v2", "gte-small", "gte-modernbert-base",
    ]  # fmt: skip
