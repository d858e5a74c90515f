from __future__ import annotations

import pytest

from lastro.ingest.assemble import assemble
from lastro.ingest.blocks import Block, RawDocument, RawPage
from lastro.types import PageSpan, Section


def raw(*pages: RawPage, title: str = "", mime: str = "text/plain") -> RawDocument:
    return RawDocument(mime=mime, pages=list(pages), parser="test", title=title)


def heading(text: str, level: int) -> Block:
    return Block("heading", text, level)


def test_pages_are_joined_by_a_blank_line_and_counted_in_characters() -> None:
    pages = [RawPage(1, [Block("text", "Ação")]), RawPage(2, []), RawPage(3, [Block("text", "é"), Block("text", "só")])]
    parsed = assemble(raw(*pages), "a.pdf")
    assert parsed.text == "Ação\n\né\n\nsó"
    assert parsed.pages == (PageSpan(1, 0, 4), PageSpan(2, 4, 4), PageSpan(3, 6, 11))


def test_rows_and_items_stand_line_by_line() -> None:
    blocks = [
        Block("text", "a"),
        Block("row", "| 1 |"),
        Block("row", "| 2 |"),
        Block("item", "- b"),
        Block("item", "- c"),
    ]
    assert assemble(raw(RawPage(None, blocks)), "a").text == "a\n\n| 1 |\n| 2 |\n\n- b\n- c"


def test_sections_carry_their_heading_path_and_reach_to_the_next_heading() -> None:
    blocks = [
        Block("text", "lead"),
        heading("A", 1), Block("text", "a"),
        heading("B", 2), heading("C", 3), Block("text", "c"),
        heading("D", 2), heading("E", 1),
    ]  # fmt: skip
    parsed = assemble(raw(RawPage(None, blocks)), "x.md")
    assert [(section.path, parsed.text[section.start : section.end].split()) for section in parsed.sections] == [
        ("A", ["A", "a"]),
        ("A > B > C", ["B", "C", "c"]),
        ("A > D", ["D"]),
        ("E", ["E"]),
    ]
    assert parsed.sections[0] == Section("A", 6, 12)
    assert parsed.title == "A"


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ("Relatório  de\ngestão", "Relatório de gestão"),
        ("", "First"),
        ("Microsoft Word - carta.doc", "First"),
        ("untitled", "First"),
        ("scan0001.pdf", "First"),
        ("123", "First"),
        ("Documento1", "First"),
        ("x" * 400, "First"),
    ],
)
def test_a_title_made_by_a_program_gives_way_to_the_first_heading(given: str, title: str) -> None:
    assert assemble(raw(RawPage(None, [heading("First", 1)]), title=given), "file.docx").title == title


def test_without_any_title_the_file_name_is_one() -> None:
    assert assemble(raw(RawPage(1, [])), "/x/contrato.v2.pdf").title == "contrato.v2"
    sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert assemble(raw(RawPage(None, [heading("Sheet1", 1)]), mime=sheet), "custos.xlsx").title == "custos"


def test_the_language_is_detected() -> None:
    text = "O contrato vigora por doze meses e não pode ser prorrogado sem acordo entre as partes."
    assert assemble(raw(RawPage(None, [Block("text", text)])), "a").language == "pt"
