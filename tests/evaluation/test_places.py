from __future__ import annotations

import dataclasses

import pytest

from lastro.evaluation.datasets import Question, QuestionSet, QuestionSetError
from lastro.evaluation.places import Places, excerpt, is_on_page, is_place
from lastro.evaluation.records import Gold
from tests.chains.passages import passage


def resolve(library, *golds, **meta):
    """The golds of one question with these ids."""
    question = Question("q", "Who?", gold_ids=golds, meta=meta, line=7)
    return Places(library).resolve(QuestionSet(library.path, "", (question,)))["q"]


def test_a_brought_document_is_named_by_its_id(library):
    (gold,) = resolve(library, "gulls")
    assert (gold.document_id, gold.pages, gold.span) == ("gulls", None, None)


def test_a_file_is_named_by_its_name_its_path_or_its_id(library, tmp_path):
    path = tmp_path / "papers" / "harbour.pdf"
    names = ("harbour.pdf", str(path), "papers/harbour.pdf", library.document("harbour.pdf").id)
    assert len({gold.document_id for gold in resolve(library, *names)}) == 1


def test_a_page_of_a_file_is_named_behind_it(library):
    (gold,) = resolve(library, "harbour.pdf#page=2")
    assert gold.pages == (2, 2)
    assert "mooring fee" in gold.text
    (both,) = resolve(library, "harbour.pdf#page=2-3")
    assert both.pages == (2, 3)
    passages = library.search("mooring fee of the harbour pilot", k=10)
    assert {p.page_start for p in passages if is_place(gold, p)} == {2}
    assert {p.page_start for p in passages if is_place(both, p)} == {2, 3}


def test_characters_of_a_file_are_named_behind_it(library):
    text = library.text(library.document("parking.txt").id)
    start = text.index("Row 90 ")
    (gold,) = resolve(library, f"parking.txt#char={start},{start + 40}")
    assert gold.text.startswith("Row 90 is kept free")
    right = [p for p in library.search("Row 90", k=20) if is_place(gold, p)]
    assert right
    assert all("Row 90 " in one.text for one in right)


def test_a_chunk_is_named_by_its_id_and_found_again_however_it_is_split(library):
    found = next(p for p in library.search("Row 90", k=20, search_type="keyword") if p.title == "parking")
    (gold,) = resolve(library, found.chunk_id)
    assert is_place(gold, found)
    middle = (found.start + found.end) // 2
    assert is_place(gold, dataclasses.replace(found, chunk_id="other", end=middle))
    assert is_place(gold, dataclasses.replace(found, chunk_id="other", start=0, end=found.end + 500))
    assert not is_place(gold, dataclasses.replace(found, start=found.end - 20, end=found.end + 500))
    assert not is_place(gold, dataclasses.replace(found, document_id="other"))


def test_grades_name_places_that_need_not_be_found(library):
    golds = resolve(library, "gulls", grades={"gulls": 3, "taxa-pt": 1})
    assert [(gold.id, gold.grade, gold.relevant) for gold in golds] == [("gulls", 3, True), ("taxa-pt", 1, False)]


@pytest.mark.parametrize(
    ("gold", "problem"),
    [
        ("harbor.pdf", "'harbor.pdf': no document by that id"),
        ("harbour.pdf#page=9", r"has pages 1 to 3"),
        ("harbour.pdf#page=3-2", r"has pages 1 to 3"),
        ("parking.txt#page=1", "has no pages; leave #page= away"),
        ("parking.txt#char=90,20", "has characters 0 to"),
        ("nowhere.pdf#page=1", "'nowhere.pdf': no document"),
        ("harbour.pdf#pag=1", "#pag=1 is no place: write #page=3"),
        ("0" * 32, "no document by that id"),
    ],
)
def test_an_id_that_names_nothing_is_told_with_its_line(library, gold, problem):
    with pytest.raises(QuestionSetError, match=problem) as caught:
        resolve(library, "gulls", gold)
    assert "line 7" in str(caught.value)
    assert "1 gold id names no place" in str(caught.value)
    assert str(caught.value).count("`lastro list`") == 1


def test_a_name_of_two_documents_is_refused(library, tmp_path):
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "parking.txt").write_text("Another text of the same name.", encoding="utf-8")
    library.add([tmp_path / "more"])
    with pytest.raises(QuestionSetError, match="stands for 2 documents"):
        resolve(library, "parking.txt")


def test_a_document_whose_name_looks_like_a_page_is_itself(library):
    from langchain_core.documents import Document

    library.as_vectorstore().add_documents([Document("Odd name.", metadata={"title": "Odd"}, id="harbour.pdf#page=1")])
    (gold,) = resolve(library, "harbour.pdf#page=1")
    assert gold.title == "Odd"


def test_many_unresolved_ids_are_counted_and_a_few_named(library):
    with pytest.raises(QuestionSetError, match=r"20 gold ids name no place .*and 15 more"):
        resolve(library, *(f"missing-{number}" for number in range(20)))


def test_a_passage_without_pages_is_on_no_page():
    gold = Gold("a", "d", "T", pages=(1, 1))
    assert is_on_page(gold, passage("x", document_id="d", page=1))
    assert not is_on_page(gold, passage("x", document_id="d", page=None))


def test_an_excerpt_begins_at_the_beginning_where_no_answer_stands():
    assert excerpt("short text", ["other"]) == "short text"
    assert excerpt("a" * 1000).endswith("…")
