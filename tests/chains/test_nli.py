from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import DebertaV2Config, DebertaV2ForSequenceClassification

from lastro.chains.checking.check import Check
from lastro.chains.checking.nli import (
    CONTRADICTS,
    DOUBTS,
    ENTAILS,
    Entailment,
    Verdict,
    load_entailment,
    open_to,
    refine,
)
from lastro.errors import ConfigError, ModelCorrupt, ModelError, ModelNotFound
from lastro.llm import models
from lastro.llm.cards import VERIFIERS, VerifierCard
from lastro.types import Reason, ReasonKind, SentenceState
from lastro.vectorstore.rerank import load_reranker
from tests.chains.passages import passage
from tests.vectorstore.tiny import WIDTH, word_tokenizer, write_embedder, write_reranker

NAMES = ("entailment", "neutral", "contradiction")
PAIRS = [
    ("the lease ends in may", "rent of the dog"),
    ("a banana is a cat", "the cat is a banana ?"),
    ("", "maio termina"),
    ("o contrato termina em maio", ""),
    ("12345 nine dogs", "lease . lease"),
]


def write_nli(folder: Path, names: Sequence[str] = NAMES, *, rows: Sequence[int] = (0, 1, 2)) -> torch.nn.Module:
    """A tiny cross-encoder whose scores have these names; `rows` puts those of the first layout into another order."""
    model = write_reranker(folder, labels=len(names))
    with torch.no_grad():
        model.classifier.weight.copy_(model.classifier.weight[list(rows)].clone())
    return _saved(model, folder, names)


def _saved(model: torch.nn.Module, folder: Path, names: Sequence[str]) -> torch.nn.Module:
    model.config.id2label = dict(enumerate(names))
    model.config.label2id = {name: at for at, name in enumerate(names)}
    model.save_pretrained(folder)
    return model


def by_hand(model: torch.nn.Module, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
    tokenizer, rows = word_tokenizer(), []
    with torch.inference_mode():
        for pair in pairs:
            logits = model(**tokenizer([pair], return_tensors="pt")).logits[0].double()
            rows.append(torch.softmax(logits, -1).numpy())
    return np.stack(rows)


def as_rows(verdicts: Sequence[Verdict]) -> np.ndarray:
    return np.array([(one.entails, one.neutral, one.contradicts) for one in verdicts])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("nli") / "tiny-nli"
    write_nli(place)
    return place


@pytest.fixture(scope="module")
def tiny(folder: Path) -> Entailment:
    return load_entailment(str(folder), device="cpu")


def test_verdicts_are_the_models_own_probabilities(tiny: Entailment, tmp_path: Path):
    verdicts = as_rows(tiny.judge(PAIRS))
    assert np.allclose(verdicts, by_hand(write_nli(tmp_path / "again"), PAIRS), atol=1e-5)
    assert np.allclose(verdicts.sum(axis=1), 1, atol=1e-5)
    assert (verdicts.max(axis=1) - verdicts.min(axis=1)).max() > 0.2  # the tiny model does tell pairs apart


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_order_of_the_labels_is_the_models_own(order: tuple[int, ...], tiny: Entailment, tmp_path: Path):
    names = [NAMES[at].upper() for at in order]
    write_nli(tmp_path / "other", names, rows=order)
    verdicts = load_entailment(str(tmp_path / "other"), device="cpu").judge(PAIRS)
    assert np.allclose(as_rows(verdicts), as_rows(tiny.judge(PAIRS)), atol=1e-5)


def test_the_passage_comes_before_the_claim(tiny: Entailment):
    (there,) = tiny.judge([PAIRS[0]])
    (back,) = tiny.judge([PAIRS[0][::-1]])
    assert abs(there.entails - back.entails) > 1e-4


def test_batches_and_order_change_no_verdict(folder: Path, tiny: Entailment):
    small = load_entailment(str(folder), device="cpu", batch_tokens=32)
    assert np.allclose(as_rows(small.judge(PAIRS)), as_rows(tiny.judge(PAIRS)), atol=1e-5)
    assert np.allclose(as_rows(tiny.judge(PAIRS[::-1])), as_rows(tiny.judge(PAIRS))[::-1], atol=1e-5)


def test_no_pairs_have_no_verdicts(tiny: Entailment):
    assert tiny.judge([]) == []


def test_a_model_that_tells_the_texts_apart_by_position_alone_is_run_as_it_was_taught(tmp_path: Path):
    config = DebertaV2Config(
        vocab_size=128, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=64, relative_attention=True, position_biased_input=False, position_buckets=16,
        norm_rel_ebd="layer_norm", share_att_key=True, pos_att_type=["p2c", "c2p"], type_vocab_size=0,
        pad_token_id=0, num_labels=3,
    )  # fmt: skip
    torch.manual_seed(5)
    model = DebertaV2ForSequenceClassification(config).eval()
    with torch.no_grad():
        model.classifier.weight.mul_(400)
    word_tokenizer().save_pretrained(tmp_path / "deberta")
    _saved(model, tmp_path / "deberta", NAMES)
    found = load_entailment(str(tmp_path / "deberta"), device="cpu")
    assert np.allclose(as_rows(found.judge(PAIRS)), by_hand(model, PAIRS), atol=1e-4)
    assert found.max_tokens == 64


def test_of_a_long_passage_the_window_that_decides_most_speaks(tiny: Entailment, tmp_path: Path):
    claim, words = "rent of the dog", ("banana is a cat of the dog " * 30 + "lease ends in may").split()
    room = 64 - 3 - len(claim.split())
    step = room - room // 4
    starts = [start for start in range(0, len(words), step) if start == 0 or start + room // 4 < len(words)]
    windows = [(" ".join(words[start : start + room]), claim) for start in starts]
    rows = by_hand(write_nli(tmp_path / "again"), windows)
    (verdict,) = tiny.judge([(" ".join(words), claim)])
    assert np.allclose(as_rows([verdict])[0], rows[rows[:, 1].argmin()], atol=1e-5)


def test_a_model_is_loaded_once(folder: Path, tiny: Entailment):
    assert load_entailment(str(folder), device="cpu")._model is tiny._model
    assert (tiny.name, tiny.device, tiny.max_tokens, tiny.languages) == ("tiny-nli", "cpu", 64, ())


@pytest.mark.parametrize(
    "names",
    [
        ("LABEL_0", "LABEL_1", "LABEL_2"), ("entailment", "not_entailment"), ("entailment", "contradiction", "entails"),
        ("good", "bad", "neutral"), ("entailment",),
    ],
)  # fmt: skip
def test_a_model_without_the_two_labels_is_refused(names: tuple[str, ...], tmp_path: Path):
    write_nli(tmp_path / "other", names, rows=range(len(names)))
    with pytest.raises(ModelError, match=rf"labels are {', '.join(names)}, and a verifier has one for entailment"):
        load_entailment(str(tmp_path / "other"), device="cpu")


def test_an_embedder_and_a_classifier_without_its_last_layer_are_refused(tmp_path: Path):
    write_embedder(tmp_path / "embedder")
    with pytest.raises(ModelError, match="which gives no score to a passage with a claim"):
        load_entailment(str(tmp_path / "embedder"), device="cpu")
    config = tmp_path / "embedder" / "config.json"
    lie = {"architectures": ["BertForSequenceClassification"], "id2label": dict(enumerate(NAMES))}
    config.write_text(json.dumps(json.loads(config.read_text()) | lie))
    with pytest.raises(ModelCorrupt, match=r"has no weights for .*chance"):
        load_entailment(str(tmp_path / "embedder"), device="cpu")


def test_a_verifier_is_no_reranker(folder: Path):
    with pytest.raises(ModelError, match="gives 3 scores"):
        load_reranker(str(folder), device="cpu")


def test_a_catalogue_name_finds_the_card(folder: Path, monkeypatch: pytest.MonkeyPatch):
    card = VerifierCard("tiny", "someone/tiny", "model.safetensors", None, 1, 48, ("pt",), "mit")
    monkeypatch.setattr(models, "VERIFIERS", (card,))
    shutil.copytree(folder, models.models_folder() / "tiny")
    by_name, by_id = load_entailment("tiny", device="cpu"), load_entailment("someone/tiny", device="cpu")
    assert by_name._model is by_id._model
    assert (by_name.name, by_name.max_tokens, by_name.languages) == ("tiny", 48, ("pt",))
    (listed,) = [one for one in models.available_models() if one.name == "tiny"]
    assert (listed.kind, listed.installed) == ("verifier", True)


def test_what_is_not_here_says_how_to_get_it():
    with pytest.raises(ModelNotFound, match="lastro models pull mdeberta-xnli-2mil7"):
        load_entailment("mdeberta-xnli-2mil7")
    with pytest.raises(ModelNotFound, match="no verifier of that name"):
        load_entailment("no-such")


def test_a_device_that_does_not_exist_is_refused(folder: Path):
    with pytest.raises(ConfigError, match="gpu9"):
        load_entailment(str(folder), device="gpu9")


def test_the_first_verifier_of_the_catalogue_speaks_portuguese_and_all_are_permissive():
    assert {"pt", "en"} <= set(VERIFIERS[0].languages)
    assert {card.licence for card in VERIFIERS} <= {"apache-2.0", "mit"}


# What a verdict changes -----------------------------------------------------------------------------------------------

SPAN = (passage(), 0, 20)
SURE = Verdict(0.97, 0.02, 0.01)
AGAINST = Verdict(0.01, 0.02, 0.97)
DOUBTING = Verdict(0.05, 0.15, 0.8)
VAGUE = Verdict(0.3, 0.4, 0.3)
MISSING = (Reason("missing", "rent", ""),)
RULES: list[ReasonKind] = [kind for kind in get_args(ReasonKind) if kind not in ("missing", "marker")]


def test_a_paraphrase_that_no_rule_forbids_becomes_supported():
    found = refine(Check("unsupported", 0.3, (SPAN,), MISSING), SURE)
    assert (found.state, found.score, found.spans, found.reasons) == ("supported", 0.97, (SPAN,), ())


@pytest.mark.parametrize("kind", RULES)
@pytest.mark.parametrize("state", ["unsupported", "contradicted"])
def test_a_broken_rule_is_never_overruled(state: SentenceState, kind: ReasonKind):
    check = Check(state, 0.2, (SPAN,), (*MISSING, Reason(kind, "31", "30")))
    assert refine(check, SURE) == check


def test_what_has_no_span_could_not_be_cited_and_stays():
    check = Check("unsupported", 0.1)
    assert refine(check, SURE) == check


@pytest.mark.parametrize("state", ["supported", "misattributed"])
def test_what_the_model_is_sure_against_is_no_longer_backed(state: SentenceState):
    check = Check(state, 0.8, (SPAN,))
    contradicted, doubted = refine(check, AGAINST), refine(check, DOUBTING)
    assert (contradicted.state, round(contradicted.score, 2), contradicted.spans) == ("contradicted", 0.03, (SPAN,))
    assert (doubted.state, round(doubted.score, 2)) == ("unsupported", 0.2)


@pytest.mark.parametrize("state", get_args(SentenceState))
def test_a_model_that_is_not_sure_changes_nothing(state: SentenceState):
    check = Check(state, 0.6, (SPAN,), MISSING)
    assert refine(check, VAGUE) == check


@pytest.mark.parametrize("state", ["verbatim", "no_claim", "contradicted"])
@pytest.mark.parametrize("verdict", [SURE, AGAINST])
def test_words_that_stand_there_and_words_that_claim_nothing_are_not_judged(state: SentenceState, verdict: Verdict):
    check = Check(state, 0.5, (SPAN,))
    assert refine(check, verdict) == check
    assert not open_to(check)


verdicts = st.tuples(*[st.floats(0.001, 1)] * 3).map(lambda row: Verdict(*(value / sum(row) for value in row)))
checks = st.builds(
    Check,
    state=st.sampled_from(get_args(SentenceState)),
    score=st.floats(0, 1),
    spans=st.sampled_from([(), (SPAN,)]),
    reasons=st.lists(st.sampled_from([Reason(kind) for kind in get_args(ReasonKind)]), max_size=2).map(tuple),
)


@given(check=checks, verdict=verdicts)
def test_a_refined_check_is_sound_and_refining_it_again_raises_nothing(check: Check, verdict: Verdict):
    found = refine(check, verdict)
    assert 0 <= found.score <= 1
    assert found.spans == check.spans
    if found.state != check.state:
        assert open_to(check)
        risen = found.state == "supported"
        assert (verdict.entails >= ENTAILS) if risen else (verdict.contradicts >= DOUBTS)
        assert found.state != "contradicted" or verdict.contradicts >= CONTRADICTS
    assert refine(found, verdict).state in (found.state, "unsupported")
    assert replace(found, state=check.state, score=check.score, reasons=check.reasons) == check
