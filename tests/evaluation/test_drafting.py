from __future__ import annotations

from itertools import pairwise

import pytest
from langchain_core.exceptions import ContextOverflowError

import lastro
from lastro.config import RetrievalSettings
from lastro.errors import ConfigError, LibraryError
from lastro.evaluation import drafting
from lastro.evaluation.datasets import QuestionSet
from lastro.evaluation.drafting import Place, draft_questions, is_usable, places
from lastro.evaluation.places import Places
from tests.fakes import HashEmbeddings, ScriptedChat

EN = Place(
    "lease.pdf#page=1",
    "The lease of the harbour office ends on 31 May 2027. The monthly rent is 4,850 dollars and is due on the first "
    "business day. The tenant keeps the windows in good repair.",
    "en",
)
PT = Place(
    "contrato.pdf#page=1",
    "O contrato de locação do escritório termina em 31 de maio de 2027. O aluguel mensal é de 4.850 reais e vence no "
    "primeiro dia útil. O locatário mantém as janelas em bom estado.",
    "pt",
)
TOWNS = ("Lisbon", "Porto", "Faro", "Braga", "Évora", "Aveiro")


def chapter(town: str, number: int) -> str:
    return (
        f"The office of {town} opened in 19{number}1 and employs {number}7 people in three departments. "
        f"Its director is Maria Costa {number}, who joined from the shipyard. Visitors report to the reception on "
        f"the second floor. The archive of {town} keeps charts of the coast, letters of captains and the registers "
        f"of every vessel built there since the fire."
    )


@pytest.fixture
def filled(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    for number, town in enumerate(TOWNS[:5], start=1):
        (folder / f"{town}.txt").write_text("\n\n".join(chapter(town, number * 10 + n) for n in range(6)))
    terms = [PT.text.replace("2027", str(2027 + number)).replace("4.850", f"{number}.850") for number in range(12)]
    (folder / "porto.txt").write_text("\n\n".join(terms))
    (folder / "tiny.txt").write_text("Too short to ask about.")
    with lastro.open_library(tmp_path / "library", embedder=HashEmbeddings()) as library:
        library.add([folder])
        yield library


def by_language(drafts):
    return {lang: sum(draft.lang == lang for draft in drafts) for lang in ("en", "pt")}


@pytest.mark.parametrize(
    ("question", "place", "usable"),
    [
        ("When does the lease of the harbour office end?", EN, True),
        ("Quanto é o aluguel mensal do escritório?", PT, True),
        ("Quanto é o aluguel mensal do escritório?", EN, False),  # another language
        ("What does the passage say about the monthly rent of the lease?", EN, False),  # points at the page
        ("O que o trecho diz do aluguel mensal?", PT, False),
        ("The monthly rent is 4,850 dollars and is due on the first business day?", EN, False),  # a copy
        ("Who is the president of France?", EN, False),  # about something else
        ("When does the lease end", EN, False),  # no question
        ("When does the lease end? And the rent?", EN, False),  # two
        ("The lease?", EN, False),  # nearly nothing
        ("When does the lease " + "of the harbour office " * 20 + "end?", EN, False),  # endless
    ],
)
def test_a_draft_is_used_where_it_asks_about_its_place_in_words_of_its_own(question, place, usable):
    assert is_usable(question, place) is usable


def test_languages_and_documents_take_turns(filled):
    found = []
    for place in places(filled, seed=0):
        found.append(place)
        if len(found) == 8:
            break
    assert [place.language for place in found[:4]] == ["en", "pt", "en", "pt"]
    english = [place.gold_id.split("#")[0] for place in found if place.language == "en"][:5]
    assert len(set(english)) == 5


def test_a_place_is_drawn_once_and_is_what_its_id_names(filled):
    drawn = list(places(filled, seed=3))
    assert drawn
    for place in drawn:
        name, _, span = place.gold_id.partition("#char=")
        start, end = map(int, span.split(","))
        assert filled.text(filled.document(name).id)[start:end] == place.text
        assert len(place.text) <= drafting.LENGTH
    spans = sorted((p.gold_id.split("#")[0], *map(int, p.gold_id.split("=")[1].split(","))) for p in drawn)
    assert all(one[0] != other[0] or one[2] <= other[1] for one, other in pairwise(spans))


def test_the_seed_draws_the_places(filled):
    first = [place.gold_id for place in places(filled, seed=1)]
    assert first == [place.gold_id for place in places(filled, seed=1)]
    assert first != [place.gold_id for place in places(filled, seed=2)]


def ask(messages):
    """A model that asks about the town or the contract in the passage."""
    text = messages[-1].text
    town = next((town for town in TOWNS if f"office of {town}" in text), None)
    if "locação" in text:
        return f"Quando termina a locação do escritório, em {text.partition('maio de ')[2][:4]}?"
    number = text.partition("employs ")[2].partition(" ")[0]
    return f'"What does the office in {town} with {number} people do?"\nIt does a lot.'


def test_the_models_questions_are_drafts_with_their_place_and_snippet(filled):
    drafts = list(draft_questions(filled, ScriptedChat(script=ask), count=6, seed=0))
    assert len(drafts) == 6
    assert by_language(drafts)["pt"] >= 1
    written = [draft for draft in drafts if draft.meta["kind"] == "model"]
    assert written
    assert all(draft.draft and draft.meta["snippet"] and len(draft.gold_ids) == 1 for draft in drafts)
    assert all(draft.question.endswith("?") and draft.question[0] != '"' for draft in written)
    golds = Places(filled).resolve(QuestionSet(filled.path, "", tuple(drafts)))
    assert all(len(found) == 1 for found in golds.values())


@pytest.mark.parametrize("said", ["", "Sure! Here is a question.", "What is it?", EN.text])
def test_a_model_that_writes_nothing_of_use_is_replaced_by_gaps_that_say_so(filled, said):
    drafts = list(draft_questions(filled, ScriptedChat(script=said), count=5, seed=0))
    assert drafts
    for draft in drafts:
        assert draft.meta["kind"] == "cloze"
        assert draft.question.count("____") == 1
        (answer,) = draft.answers
        assert draft.question.replace("____", answer) in draft.meta["snippet"]
    golds = Places(filled).resolve(QuestionSet(filled.path, "", tuple(drafts)))
    for draft in drafts:
        (gold,) = golds[draft.id]
        assert " ".join(gold.text.split()) == draft.question.replace("____", draft.answers[0])


def test_a_place_lies_within_one_chunk(filled):
    settings = RetrievalSettings(search_type="keyword", merge_duplicates=False)
    drawn = list(places(filled, seed=3))
    for place in drawn:
        found = filled.search(place.text, k=20, settings=settings)
        end = place.start + len(place.text)
        chunks = [one for one in found if one.document_id == filled.document(place.document).id]
        assert any(one.start <= place.start and end <= one.end for one in chunks)


def test_a_place_that_does_not_fit_the_models_context_gets_a_gap(filled):
    class Small(ScriptedChat):
        def _generate(self, *args, **kwargs):
            raise ContextOverflowError("too long")

    assert {draft.meta["kind"] for draft in draft_questions(filled, Small(), count=3)} == {"cloze"}


def test_no_question_is_drafted_twice(filled):
    same = "What do captains keep in the archive of the office?"
    drafts = list(draft_questions(filled, ScriptedChat(script=same), count=4, seed=0))
    assert len({draft.question for draft in drafts}) == len(drafts)
    assert len({draft.id for draft in drafts}) == len(drafts)


def test_a_library_without_text_to_ask_about_is_told(tmp_path):
    (tmp_path / "tiny.txt").write_text("Nothing to see.")
    with lastro.open_library(tmp_path / "library", embedder=HashEmbeddings()) as library:
        library.add([tmp_path / "tiny.txt"])
        with pytest.raises(LibraryError, match="no text in it that can be asked about"):
            next(draft_questions(library, ScriptedChat(), count=3))
        with pytest.raises(ConfigError, match="--questions 0"):
            next(draft_questions(library, ScriptedChat(), count=0))


def test_a_brought_document_is_named_by_its_id_and_pages_by_their_number(library):
    from langchain_core.documents import Document

    library.as_vectorstore().add_documents([Document(EN.text, metadata={"title": "Lease"}, id="the-lease")])
    names = {place.gold_id for place in places(library, seed=0)}
    assert "the-lease" in names
    assert any(name.startswith("parking.txt#char=") for name in names)
