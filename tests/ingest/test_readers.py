from __future__ import annotations

import io

import pytest
from PIL import Image

from lastro.errors import CorruptFile, EncryptedFile, FileTooLarge, UnsupportedFormat
from lastro.ingest import readers
from lastro.ingest.blocks import Block, RawDocument, clean
from lastro.ingest.readers import is_uniform, kreuzberg_version, read_document
from tests.ingest.files import IMAGE, archive, pdf, word


def read(data: bytes, name: str, *, max_pages: int = 100, max_characters: int = 1_000_000) -> RawDocument:
    return read_document(data, name, max_pages=max_pages, max_characters=max_characters)


def lines(document: RawDocument) -> list[str]:
    return [block.text for page in document.pages for block in page.blocks]


def test_each_page_of_a_pdf_keeps_its_number_and_accents() -> None:
    document = read(pdf(["Relatório de gestão\nSegunda linha", "Ação é oração"], title="Gestão"), "a.pdf")
    assert [(page.number, [block.text for block in page.blocks]) for page in document.pages] == [
        (1, ["Relatório de gestão\nSegunda linha"]),
        (2, ["Ação é oração"]),
    ]
    assert document.title == "Gestão"
    assert document.parser == kreuzberg_version()
    assert document.empty_pages == ()


def test_a_page_with_a_picture_alone_is_told_from_a_blank_page() -> None:
    document = read(pdf(["text", "", IMAGE, "more"]), "a.pdf")
    assert document.empty_pages == (3,)
    assert [page.number for page in document.pages] == [1, 2, 3, 4]


def test_after_some_pages_without_text_the_rest_count_as_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "_PAGES_LOOKED_AT", 1)
    assert read(pdf(["", "", "x"]), "a.pdf").empty_pages == (2,)


def test_a_page_that_cannot_be_drawn_is_not_called_blank(monkeypatch: pytest.MonkeyPatch) -> None:
    import kreuzberg

    def fail(*_: object, **__: object) -> bytes:
        raise RuntimeError("no")

    monkeypatch.setattr(kreuzberg, "render_pdf_page", fail)
    assert read(pdf([""]), "a.pdf").empty_pages == (1,)


def test_an_encrypted_pdf_wants_its_password() -> None:
    with pytest.raises(EncryptedFile, match="password"):
        read(pdf(["secret"], password="abc"), "a.pdf")


@pytest.mark.parametrize("keep", [10, 200, 700])
def test_a_truncated_pdf_is_corrupt(keep: int) -> None:
    with pytest.raises(CorruptFile):
        read(pdf(["text"] * 3)[:keep], "a.pdf")


def test_a_word_file_keeps_headings_lists_and_tables() -> None:
    data = word(
        ("Heading 1", "Contrato"),
        ("Normal", "Vale **12** meses | fixos."),
        ("Heading 2", "Prazo"),
        table=[["a", "b"], ["c", "d"]],
    )
    document = read(data, "a.docx")
    assert document.pages[0].number is None
    assert document.pages[0].blocks == [
        Block("heading", "Contrato", 1),
        Block("text", "Vale **12** meses | fixos."),
        Block("heading", "Prazo", 2),
        Block("row", "| a | b |"),
        Block("row", "| c | d |"),
    ]


def test_a_damaged_word_file_is_corrupt() -> None:
    with pytest.raises(CorruptFile):
        read(archive({"word/document.xml": "<not closed", "[Content_Types].xml": "x"}), "a.docx")


def test_text_named_docx_is_read_as_text_with_a_warning() -> None:
    document = read("Só texto.".encode(), "a.docx")
    assert lines(document) == ["Só texto."]
    assert document.warnings == ("named .docx, but its content is text/plain; read as that",)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8"])
def test_text_is_read_in_its_encoding(encoding: str) -> None:
    document = read("Orçamento\r\nde março".encode(encoding), "a.txt")
    assert lines(document) == ["Orçamento\nde março"]
    assert bool(document.warnings) == (encoding == "latin-1")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8"])
def test_html_is_read_in_its_encoding(encoding: str) -> None:
    document = read("<html><title>Página</title><h1>Preço</h1><p>Não é só.".encode(encoding), "a.html")
    assert lines(document) == ["Preço", "Não é só."]
    assert document.title == "Página"


def test_markdown_becomes_blocks() -> None:
    document = read(b"# A\r\n\r\ntext *b*", "a.md")
    assert document.pages[0].blocks == [Block("heading", "A", 1), Block("text", "text b")]


def test_each_row_of_a_csv_names_its_columns() -> None:
    assert lines(read("cidade;área\nManaus;11401,1\nBelém;\n".encode(), "a.csv")) == [
        "| cidade: Manaus | área: 11401,1 |",
        "| cidade: Belém |",
    ]
    assert lines(read(b"a\tb\n1\t2\t3\n", "a.tsv")) == ["| a: 1 | b: 2 | 3 |"]


def test_a_csv_without_a_header_stays_as_it_is() -> None:
    assert lines(read(b"1,2\n3,4\n", "a.csv")) == ["| 1 | 2 |", "| 3 | 4 |"]
    assert lines(read(b"one line", "a.csv")) == ["| one line |"]


def test_a_csv_field_past_the_limit_is_read_as_text() -> None:
    assert lines(read(b'a,"' + b"x" * 200_000, "a.csv"))[0].startswith('a,"xxx')


SLIDE = """<p:sld xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"
 xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><p:cSld><p:spTree>
 <p:sp><p:txBody><a:p><a:r><a:t>{}</a:t></a:r></a:p></p:txBody></p:sp></p:spTree></p:cSld></p:sld>"""
RELATIONS = """<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{}</Relationships>"""
DECK = """<p:presentation xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"
 xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><p:sldIdLst>{}</p:sldIdLst>
</p:presentation>"""


def deck(*texts: str) -> bytes:
    numbers = range(1, len(texts) + 1)
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/slide"
    links = "".join(f'<Relationship Id="r{n}" Type="{kind}" Target="slides/slide{n}.xml"/>' for n in numbers)
    members: dict[str, bytes | str] = {
        f"ppt/slides/slide{n}.xml": SLIDE.format(t) for n, t in zip(numbers, texts, strict=True)
    }
    members["ppt/presentation.xml"] = DECK.format("".join(f'<p:sldId id="{255 + n}" r:id="r{n}"/>' for n in numbers))
    members["ppt/_rels/presentation.xml.rels"] = RELATIONS.format(links)
    return archive(members)


def test_slides_are_pages() -> None:
    document = read(deck("Primeiro é", "Segundo", "Terceiro ção"), "a.pptx")
    assert [(page.number, [b.text for b in page.blocks]) for page in document.pages] == [
        (1, ["Primeiro é"]),
        (2, ["Segundo"]),
        (3, ["Terceiro ção"]),
    ]


SHEET = """<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{}</sheetData></worksheet>"""
BOOK = """<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"
 xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>
<sheet name="Preços" sheetId="1" r:id="r1"/></sheets></workbook>"""


def test_a_sheet_is_a_section_of_rows() -> None:
    rows = "".join(
        f'<row r="{r}">' + "".join(f'<c r="{c}{r}" t="inlineStr"><is><t>{c}{r}</t></is></c>' for c in "AB") + "</row>"
        for r in (1, 2)
    )
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"
    members: dict[str, bytes | str] = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": RELATIONS.format(
            '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"'
            ' Target="xl/workbook.xml"/>'
        ),
        "xl/workbook.xml": BOOK,
        "xl/_rels/workbook.xml.rels": RELATIONS.format(
            f'<Relationship Id="r1" Type="{kind}" Target="worksheets/s.xml"/>'
        ),
        "xl/worksheets/s.xml": SHEET.format(rows),
    }
    document = read(archive(members), "a.xlsx")
    assert document.pages[0].blocks == [
        Block("heading", "Preços", 1),
        Block("row", "| A1 | B1 |"),
        Block("row", "| A2 | B2 |"),
    ]


def test_mail_has_its_subject_for_a_title() -> None:
    document = read(
        "From: a@b.c\nTo: d@e.f\nSubject: Reunião\nContent-Type: text/plain; charset=utf-8\n\nOlá.".encode(), "a.eml"
    )
    assert document.title == "Reunião"
    assert "Olá." in lines(document)[-1]


def test_too_many_pages_or_characters_are_refused() -> None:
    with pytest.raises(FileTooLarge, match="3 pages, over the limit of 2"):
        read(pdf(["a", "b", "c"]), "a.pdf", max_pages=2)
    with pytest.raises(FileTooLarge, match="10 characters, over the limit of 9"):
        read(b"0123456789", "a.txt", max_characters=9)


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("Document is encrypted", EncryptedFile),
        ("Security limit exceeded: too deep", FileTooLarge),
        ("Unsupported format: x", UnsupportedFormat),
        ("anything else", CorruptFile),
    ],
)
def test_the_parsers_messages_become_our_errors(message: str, error: type[Exception]) -> None:
    assert type(readers._refusal(message)) is error


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "1"])
@pytest.mark.parametrize("colour", [0, 255])
def test_a_plain_picture_is_uniform_and_a_dot_is_seen(mode: str, colour: int) -> None:
    fill = colour if mode in ("L", "1") else (colour,) * len(mode)
    for dot in (None, (0, 0), (30, 17), (39, 29)):
        picture = Image.new(mode, (40, 30), fill)
        if dot is not None:
            picture.putpixel(
                dot, 255 - colour if mode in ("L", "1") else (255 - colour,) * 3 + (255,) * (mode == "RGBA")
            )
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        assert is_uniform(buffer.getvalue()) == (dot is None)


def test_text_is_cleaned_of_what_nobody_sees() -> None:
    assert clean("a\x00b\u00ad\ufeff\ud800c\r\nd\x0ce\u2028f  \n\n\n\ng\tﬁ") == "abc\nd\ne\nf\n\ng\tﬁ"


def test_a_damaged_pdf_has_its_cause_in_one_clean_sentence() -> None:
    with pytest.raises(CorruptFile) as caught:
        read(b"%PDF-1.7\n" + bytes(range(256)) * 8, "broken.pdf")
    assert "Error" not in str(caught.value)
    assert str(caught.value).lower().count("invalid pdf") == 1
