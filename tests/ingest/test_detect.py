from __future__ import annotations

import pytest

from lastro.errors import CorruptFile, EncryptedFile, FileTooLarge, UnsupportedFormat
from lastro.ingest import detect
from lastro.ingest.decode import decode, is_binary
from lastro.ingest.detect import kind_of
from tests.ingest.files import archive, pdf, word

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100)


def wide(name: str) -> bytes:
    return name.encode("utf-16-le")


@pytest.mark.parametrize(
    ("data", "name", "mime"),
    [
        (pdf(["x"]), "a.pdf", detect.PDF),
        (b"\n\n%PDF-1.7 ...", "a", detect.PDF),
        (word(("Normal", "x")), "a.docx", detect.DOCX),
        (archive({"ppt/presentation.xml": ""}), "a", detect.PPTX),
        (archive({"xl/workbook.xml": ""}), "a", detect.XLSX),
        (archive({"mimetype": "application/epub+zip"}), "a.epub", detect.EPUB),
        (archive({"mimetype": detect.ODT, "META-INF/manifest.xml": "<manifest/>"}), "a.odt", detect.ODT),
        (OLE + wide("WordDocument"), "a.doc", detect.DOC),
        (OLE + wide("Workbook"), "a.xls", detect.XLS),
        (b"{\\rtf1 x}", "a.rtf", detect.RTF),
        (b"# Title", "a.md", detect.MARKDOWN),
        (b"a,b\n1,2\n", "a.csv", detect.CSV),
        (b"<!DOCTYPE html><p>x", "a.txt", detect.HTML),
        (b"<!-- saved --> <html><p>x", "noname", detect.HTML),
        ("<html>x".encode("utf-16"), "noname", detect.HTML),
        (b"From: a@b\nTo: c@d\nSubject: x\n\nbody", "noname", detect.EML),
        (b"From: a@b\nTo: c@d\nSubject: x\n\nbody", "a.txt", detect.TEXT),
        (b"plain", "a.weird", detect.TEXT),
        (b"\x00\x01\x02 head %PDF-1.7 ...", "a", detect.PDF),
        (b"HTTP/1.1 200 OK\n\n%PDF-1.7 " + bytes(range(256)) * 4, "a", detect.PDF),
        ("# Formatos\n\nUm arquivo começa com %PDF-1.4 e mais.".encode("latin-1"), "a.md", detect.MARKDOWN),
        (b"ID3 is a decision tree.", "a.txt", detect.TEXT),
        (b"RIFF is a container; WAVE is in it.", "a.txt", detect.TEXT),
        (b"BZh is a code.", "a.txt", detect.TEXT),
        (b"GIF89a, Rar! and OggS: SQLite format 3 explained", "a.txt", detect.TEXT),
        (b"", "a.txt", detect.TEXT),
    ],
)
def test_the_content_tells_the_type(data: bytes, name: str, mime: str) -> None:
    assert kind_of(data, name) == (mime, "")


def test_a_name_that_lies_is_said_in_a_warning() -> None:
    assert kind_of(b"just text", "a.docx") == (detect.TEXT, "named .docx, but its content is text/plain; read as that")
    mime, warning = kind_of(word(("Normal", "x")), "a.pdf")
    assert mime == detect.DOCX
    assert "named .pdf" in warning


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"\x89PNG\r\n", UnsupportedFormat),
        (b"\x7fELF", UnsupportedFormat),
        (b"GIF89a\x10\x00\x10\x00\xf7", UnsupportedFormat),
        (b"RIFF\x24\x08\x00\x00WAVEfmt ", UnsupportedFormat),
        (b"BZh91AY&SY", UnsupportedFormat),
        (b"ID3\x03\x00", UnsupportedFormat),
        (b"OggS\x00\x02", UnsupportedFormat),
        (b"SQLite format 3\x00", UnsupportedFormat),
        (bytes(range(256)) * 20, UnsupportedFormat),
        (OLE, UnsupportedFormat),
        (OLE + wide("EncryptedPackage"), EncryptedFile),
        (b"PK\x03\x04 cut off", CorruptFile),
        (archive({"photo.jpg": "x"}), UnsupportedFormat),
        (archive({"mimetype": detect.ODT, "META-INF/manifest.xml": "<encryption-data/>"}), EncryptedFile),
        (archive({"word/document.xml": bytes(120_000_000)}), FileTooLarge),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_reason(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        kind_of(data, "a.bin")


PORTUGUESE = "Relatório de gestão: a correção dos preços é de R$ 1.234,56. Não há “ônus”."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_portuguese_is_read_in_every_usual_encoding(encoding: str) -> None:
    data = PORTUGUESE.encode(encoding)
    assert not is_binary(data)
    assert decode(data)[0] == PORTUGUESE


@pytest.mark.parametrize("text", ["Ação", "Café", "São Paulo, 3 de março", "naïve résumé"])
def test_short_latin_text_is_not_taken_for_another_script(text: str) -> None:
    assert decode(text.encode("latin-1"))[0] == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Съешь же ещё этих мягких французских булок, да выпей чаю. " * 8, "cp1251"),
        ("名前,年齢,住所\n佐藤太郎,30,東京\n三木英子,25,大阪\n" * 4, "cp932"),
        ("Zażółć gęślą jaźń. Wszystkie prawa zastrzeżone, także później w całości. " * 8, "cp1250"),
    ],
)
def test_other_scripts_are_left_to_the_detector(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding))[0] == text


def test_markup_may_name_its_encoding() -> None:
    text = '<meta charset="koi8-r"><p>Договор аренды'
    assert decode(text.encode("koi8-r"), markup=True) == (text, "as declared")
    latin = '<meta charset="iso-8859-1"><p>“preço”'
    assert decode(latin.encode("cp1252"), markup=True)[0] == latin
    unknown = '<meta charset="klingon"><p>preço'
    assert decode(unknown.encode("latin-1"), markup=True)[0] == unknown


def test_bytes_in_no_encoding_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import charset_normalizer

    class Nothing:
        def best(self) -> None:
            return None

    monkeypatch.setattr(charset_normalizer, "from_bytes", lambda _: Nothing())
    with pytest.raises(UnsupportedFormat, match="UTF-8"):
        decode(b"\x81\x8d\x8f" * 10)


JUNK = b"\x00\x01\x02 a few readable words \x00\xfe"


@pytest.mark.parametrize("name", ["junk.xyz", "junk"])
@pytest.mark.parametrize("data", [JUNK, b"\x00\x01" * 40 + b"some text", b"\x01 one control is enough"])
def test_binary_content_of_an_unknown_type_is_refused_though_it_holds_words(data: bytes, name: str) -> None:
    with pytest.raises(UnsupportedFormat, match="binary content of an unknown type"):
        kind_of(data, name)


@pytest.mark.parametrize(
    "data",
    [
        "Ação, em UTF-16.\r\n".encode("utf-16"),
        "Words in UTF-16 without a mark.\n".encode("utf-16-le"),
        "Ação".encode("latin-1"),
        b"An old text file.\r\n\x1a",
        b"a page\n\x0canother page, \x1b[1mbold\x1b[0m\n",
    ],
)
def test_a_text_of_an_unknown_type_is_still_a_text(data: bytes) -> None:
    assert kind_of(data, "notes.xyz") == (detect.TEXT, "")
