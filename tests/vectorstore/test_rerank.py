from __future__ import annotations

import json
import math
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import CrossEncoder

from lastro.errors import ConfigError, ModelCorrupt, ModelError, ModelNotFound
from lastro.llm import models
from lastro.llm.cards import RERANKERS, RerankerCard
from lastro.vectorstore import loading, pairs
from lastro.vectorstore.rerank import LocalReranker, Reranker, load_reranker
from tests.vectorstore.tiny import word_tokenizer, write_embedder, write_reranker

QUESTION = "the lease ends in may ?"
TEXTS = ["the lease ends in may", "a banana is a banana", "cat", "", "rent of the dog . maio termina 12345"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("reranker") / "tiny-reranker"
    write_reranker(place)
    return place


@pytest.fixture(scope="module")
def tiny(folder: Path) -> LocalReranker:
    return load_reranker(str(folder), device="cpu")


def by_hand(folder: Path, question: str, texts: list[str]) -> list[float]:
    model = write_reranker(folder.parent / "again")
    tokenizer = word_tokenizer()
    with torch.inference_mode():
        pairs = [tokenizer([(question, text)], return_tensors="pt") for text in texts]
        logits = [float(model(**pair).logits[0, 0]) for pair in pairs]
    return [1 / (1 + math.exp(-logit)) for logit in logits]


def test_scores_are_the_models_own_from_0_to_1(tiny: LocalReranker, folder: Path):
    scores = tiny.scores(QUESTION, TEXTS)
    assert np.allclose(scores, by_hand(folder, QUESTION, TEXTS), atol=1e-5)
    assert all(0 <= score <= 1 for score in scores)
    assert len({round(score, 4) for score in scores}) > 3  # the tiny model does tell texts apart


@pytest.mark.parametrize("typed", [True, False])
def test_scores_are_those_of_sentence_transformers(tmp_path: Path, typed: bool):
    write_reranker(tmp_path / "tiny", typed=typed)
    theirs = CrossEncoder(str(tmp_path / "tiny"), device="cpu", activation_fn=torch.nn.Sigmoid())
    expected = theirs.predict([(QUESTION, text) for text in TEXTS], show_progress_bar=False)
    assert np.allclose(load_reranker(str(tmp_path / "tiny"), device="cpu").scores(QUESTION, TEXTS), expected, atol=1e-5)


def test_batches_and_order_change_no_score(folder: Path, tiny: LocalReranker):
    small = load_reranker(str(folder), device="cpu", batch_tokens=32)
    assert np.allclose(small.scores(QUESTION, TEXTS), tiny.scores(QUESTION, TEXTS), atol=1e-5)
    backwards = tiny.scores(QUESTION, TEXTS[::-1])
    assert np.allclose(backwards[::-1], tiny.scores(QUESTION, TEXTS), atol=1e-5)


def test_no_texts_have_no_scores(tiny: LocalReranker):
    assert tiny.scores(QUESTION, []) == []


def test_a_long_text_has_the_score_of_its_best_window(tiny: LocalReranker, folder: Path):
    words = ("banana is a cat of the dog " * 30 + "lease ends in may " + "rent " * 40).split()
    room = 64 - 3 - len(QUESTION.split())
    starts = range(0, len(words), room - room // 4)
    windows = [
        " ".join(words[start : start + room]) for start in starts if start == 0 or start + room // 4 < len(words)
    ]
    score = tiny.scores(QUESTION, [" ".join(words)])[0]
    assert score == pytest.approx(max(by_hand(folder, QUESTION, windows)), abs=1e-5)
    first = by_hand(folder, QUESTION, windows[:1])[0]
    assert score >= first - 1e-6


def test_every_token_of_a_long_text_is_read(tiny: LocalReranker):
    words = [f"{number}" for number in range(10)] * 40
    windows, owners = tiny._windows(QUESTION, ["cat", " ".join(words)])
    assert owners == [0] + [1] * (len(windows) - 1)
    assert all(len(window.ids) <= 64 for window in windows)
    covered = {
        span for window in windows[1:] for span, kind in zip(window.offsets, window.type_ids, strict=True) if kind
    }
    assert {(2 * at, 2 * at + 1) for at in range(len(words))} <= covered


def test_a_question_longer_than_the_model_is_read_by_its_first_half(tiny: LocalReranker, folder: Path):
    long = " ".join(["lease"] * 500)
    assert np.allclose(tiny.scores(long, TEXTS[:2]), by_hand(folder, " ".join(["lease"] * 32), TEXTS[:2]), atol=1e-5)


def test_threads_share_one_model_and_get_the_same_scores(folder: Path, tiny: LocalReranker):
    expected, start = tiny.scores(QUESTION, TEXTS), threading.Barrier(4)

    def ask(_: int) -> list[float]:
        own = load_reranker(str(folder), device="cpu", batch_tokens=64)
        assert own._loaded is tiny._loaded
        start.wait()
        return own.scores(QUESTION, TEXTS)

    with ThreadPoolExecutor(4) as pool:
        assert all(np.allclose(scores, expected, atol=1e-5) for scores in pool.map(ask, range(4)))


def test_it_is_a_reranker_and_says_which(tiny: LocalReranker):
    asked: Reranker = tiny
    assert asked.scores("a", ["a"])
    assert (tiny.name, tiny.max_tokens, tiny.languages) == ("tiny-reranker", 64, ())


def test_an_embedder_is_refused_and_not_given_a_random_head(tmp_path: Path):
    write_embedder(tmp_path / "embedder")
    with pytest.raises(ModelError, match=r"is BertModel, which gives no score"):
        load_reranker(str(tmp_path / "embedder"), device="cpu")


def test_an_embedder_that_calls_itself_a_reranker_is_refused(tmp_path: Path):
    write_embedder(tmp_path / "liar")
    config = tmp_path / "liar" / "config.json"
    lie = json.loads(config.read_text()) | {"architectures": ["BertForSequenceClassification"], "num_labels": 1}
    config.write_text(json.dumps(lie))
    with pytest.raises(ModelCorrupt, match=r"has no weights for .*chance"):
        load_reranker(str(tmp_path / "liar"), device="cpu")


def test_a_reranker_whose_scoring_layer_was_lost_is_refused(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "cut")
    file = tmp_path / "cut" / "model.safetensors"
    kept = {name: value for name, value in load_file(file).items() if name != "classifier.weight"}
    save_file(kept, file, metadata={"format": "pt"})
    with pytest.raises(ModelCorrupt, match=r"has no weights for classifier\.weight"):
        load_reranker(str(tmp_path / "cut"), device="cpu")


def test_a_classifier_of_several_labels_is_refused(tmp_path: Path):
    write_reranker(tmp_path / "nli", labels=3)
    with pytest.raises(ModelError, match="gives 3 scores"):
        load_reranker(str(tmp_path / "nli"), device="cpu")


def test_pickled_weights_are_not_read(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "pickled")
    (tmp_path / "pickled" / "model.safetensors").rename(tmp_path / "pickled" / "pytorch_model.bin")
    with pytest.raises(ModelCorrupt, match="safetensors"):
        load_reranker(str(tmp_path / "pickled"), device="cpu")


def test_weights_that_are_damaged_are_refused_in_one_line(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "damaged")
    (tmp_path / "damaged" / "model.safetensors").write_bytes(b"\x00" * 64)
    with pytest.raises(ModelCorrupt, match="no reranker that can be loaded"):
        load_reranker(str(tmp_path / "damaged"), device="cpu")


def test_code_of_the_publisher_is_never_run(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "evil")
    config = tmp_path / "evil" / "config.json"
    own = json.loads(config.read_text()) | {"model_type": "evil", "auto_map": {"AutoConfig": "evil.Config"}}
    config.write_text(json.dumps(own))
    with pytest.raises(ModelError, match="needs code of its own"):
        load_reranker(str(tmp_path / "evil"), device="cpu")


def test_a_catalogue_name_or_hub_id_finds_the_card(folder: Path, monkeypatch: pytest.MonkeyPatch):
    card = RerankerCard("tiny", "someone/tiny", "model.safetensors", None, 1, 48, ("pt",), "mit")
    monkeypatch.setattr(models, "RERANKERS", (card,))
    shutil.copytree(folder, models.models_folder() / "tiny")
    by_name, by_id = load_reranker("tiny", device="cpu"), load_reranker("someone/tiny", device="cpu")
    assert by_name._loaded is by_id._loaded
    assert (by_name.name, by_name.max_tokens, by_name.languages) == ("tiny", 48, ("pt",))


def test_what_is_not_here_says_how_to_get_it():
    with pytest.raises(ModelNotFound, match="lastro models pull mmarco-minilm-l12"):
        load_reranker("mmarco-minilm-l12")
    with pytest.raises(ModelNotFound, match="no reranker of that name"):
        load_reranker("no-such")
    with pytest.raises(ConfigError, match="gpu9"):
        loading.choose_device("gpu9")


def test_the_first_reranker_of_the_catalogue_speaks_portuguese_and_all_are_permissive():
    assert {"pt", "en"} <= set(RERANKERS[0].languages)
    assert {card.licence for card in RERANKERS} <= {"apache-2.0", "mit"}


def test_tables_of_positions_that_begin_after_the_padding_hold_fewer_tokens():
    from transformers import BertConfig, XLMRobertaConfig

    assert pairs.positions(XLMRobertaConfig(max_position_embeddings=514, pad_token_id=1)) == 512
    assert pairs.positions(BertConfig(max_position_embeddings=512)) == 512
