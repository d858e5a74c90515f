from __future__ import annotations

import pytest

from lastro.chains.catalogue import asks_for_documents, listing
from lastro.types import DocumentRecord


@pytest.mark.parametrize(
    "question",
    [
        "Which documents do you have?",
        "what files are in the library",
        "How many documents are there?",
        "List my documents",
        "Show me all the files you have.",
        "What's in my library?",
        "Which files have I uploaded?",
        "Quais documentos você tem?",
        "Que arquivos estão na biblioteca?",
        "Quantos documentos há na minha biblioteca?",
        "Liste os meus documentos.",
        "O que há na biblioteca?",
        "Quais são os documentos carregados na biblioteca?",
        "Quais arquivos eu enviei?",
    ],
)
def test_a_question_about_the_library_is_known(question: str) -> None:
    assert asks_for_documents(question)


@pytest.mark.parametrize(
    "question",
    [
        "Which documents must the tenant present?",
        "Which documents do you have to bring to the office?",
        "How many files does the case have?",
        "List the documents that the employee must sign",
        "What is in the contract?",
        "Show me the documents clause",
        "Quais documentos o locatário deve apresentar?",
        "Que documentos você tem de levar ao cartório?",
        "Quantos documentos são exigidos na matrícula?",
        "Liste os documentos exigidos.",
        "O que há no contrato?",
        "Quais documentos?",
        "Quais são os documentos?",
        "Quais fontes?",
        "Quais documentos tem validade de dez anos?",
    ],
)
def test_a_question_about_what_stands_in_the_documents_is_not(question: str) -> None:
    assert not asks_for_documents(question)


def record(title: str, *, pages: int | None = None, chunks: int = 3) -> DocumentRecord:
    return DocumentRecord("d", title, "text/plain", "en", "ok", 10, pages, chunks, 100, "", "text", ("/a",))


def test_the_documents_are_named_with_their_pages_in_the_language_of_the_question() -> None:
    records = [record("Lease", pages=12), record("Note\n with a break", pages=1), record("Scan", chunks=0)]
    english = listing("Which documents do you have?", records, language="en")
    assert english.text == "The library holds 2 documents:\n\n- Lease (12 pages)\n- Note with a break (1 page)"
    assert (english.state, english.citations, english.sentences) == ("listed", (), ())
    portuguese = listing("Quais documentos você tem?", records[:1], language="pt")
    assert portuguese.text == "A biblioteca tem 1 documento:\n\n- Lease (12 páginas)"


def test_a_long_list_is_cut_and_says_so_and_an_empty_library_too() -> None:
    many = listing("?", [record(f"File {number}") for number in range(60)], language="en")
    assert many.text.splitlines()[-1] == "- and 10 more"
    assert listing("?", [], language="pt").text == "A biblioteca ainda não tem documentos."
