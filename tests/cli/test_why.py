from __future__ import annotations

import json

import pytest

import lastro
from lastro import cli
from lastro.types import Upload
from lastro.why import legend, reasons, shared_words
from tests.chains.passages import passage
from tests.fakes import HashEmbeddings

DEED = "The harbour pilot is Ana Prado. She was appointed in 2019 and lives in the port."


@pytest.fixture
def filled(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The default library, with one text in two documents."""
    monkeypatch.setattr("lastro.vectorstore.embeddings.load_embedder", lambda *_args, **_options: HashEmbeddings())
    with lastro.open_library("default", embedder=HashEmbeddings()) as library:
        library.add([Upload("deed.txt", DEED.encode()), Upload("copy.txt", f"{DEED}\n".encode())])
        library.add(Upload("other.txt", b"Nothing of the kind."))
    capsys.readouterr()


def test_a_search_says_of_each_passage_what_found_it(filled: None, capsys: pytest.CaptureFixture[str]):
    assert cli.run(["search", "who is the harbour pilot?", "--why"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    (meaning, words, same) = lines[1:4]
    assert meaning.startswith("meaning: cosine 0.")
    assert words.startswith("words: keyword ")
    assert words.endswith(": harbour, pilot")
    assert same.startswith("says the same as 1 other passage: ")
    assert same.removeprefix("says the same as 1 other passage: ") in ("deed", "copy")
    assert "words: not found by them" in lines


def test_without_being_asked_no_reasons_are_shown(filled: None, capsys: pytest.CaptureFixture[str]):
    assert cli.run(["search", "harbour pilot"]) == 0
    assert "meaning:" not in capsys.readouterr().out
    assert cli.run(["search", "harbour pilot", "--why", "--json"]) == 0
    first, *_others = json.loads(capsys.readouterr().out)
    assert len(first["duplicates"]) == 1


def test_ranks_and_the_reranker_are_told():
    found = passage(
        "Rent is due.", cosine=0.5, cosine_rank=2, keyword_score=3.25, keyword_rank=None, rerank_score=0.875,
        duplicates=("a", "b"),
    )  # fmt: skip
    assert reasons(found, "When is the rent due?", language="en") == [
        "meaning: cosine 0.500, rank 2 by it",
        "words: keyword 3.25, not found by it: rent, due",
        "reranker: 0.875",
        "says the same as 2 other passages",
    ]
    bare = passage("Rent is due.", cosine=None, keyword_score=None)
    assert reasons(bare, "Dogs?", language="en") == ["meaning: not compared", "words: not found by them"]


def test_the_legend_tells_what_gives_the_order():
    assert legend([passage()]) == "score gives the order"
    assert legend([passage(cosine=0.5, rerank_score=0.5)]).startswith("the reranker gives the order, 0 to 1; cosine is")


def test_words_are_shared_across_their_forms():
    found = passage("Os contratos terminam em maio.", title="Locação", language="pt")
    assert shared_words(found, "Quando termina o contrato da locação?", "pt") == ["termina", "contrato", "locação"]


def test_a_search_that_finds_nothing_says_so(filled, capsys):
    assert cli.run(["search", " "]) == 0
    assert "nothing found" in capsys.readouterr().err
