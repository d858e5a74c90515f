"""Bytes of one file to a `RawDocument`; runs in the parsing process, where a crash or a hang harms nothing."""

from __future__ import annotations

import csv
import io
import re
import secrets
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lastro.errors import CorruptFile, EncryptedFile, FileTooLarge, UnsupportedFormat
from lastro.ingest.blocks import Block, RawDocument, RawPage, clean, row
from lastro.ingest.decode import decode
from lastro.ingest.detect import CSV, HTML, MARKDOWN, PDF, PPTX, TEXT, TSV, XLS, XLSX, kind_of
from lastro.ingest.markup import html_blocks, markdown_blocks, office_blocks

TEXT_PARSER = "lastro-text 1"
_MARKER = secrets.token_hex(8)  # a document cannot forge a slide break that it cannot guess
_PAGES_LOOKED_AT = 20
_PARAGRAPHS = re.compile(r"\n\s*\n")
_ERROR_CLASS = re.compile(r"[A-Z]\w*Error")


def read_document(data: bytes, name: str, *, max_pages: int, max_characters: int) -> RawDocument:
    """Read one file by its content, with clean text in every block.

    Raises:
        SourceError: one of its kinds; the message does not name the file.
    """
    mime, warning = kind_of(data, name)
    document = _READERS.get(mime, _read_office)(data, mime)
    if len(document.pages) > max_pages:
        raise FileTooLarge(f"{len(document.pages)} pages, over the limit of {max_pages} (ingest.max_pages); split it")
    characters = document.characters()
    if characters > max_characters:
        raise FileTooLarge(
            f"{characters} characters, over the limit of {max_characters} (ingest.max_characters); split it"
        )
    pages = [RawPage(page.number, [b for b in map(_cleaned, page.blocks) if b.text.strip()]) for page in document.pages]
    return RawDocument(
        mime=mime,
        pages=pages,
        parser=document.parser,
        title=clean(document.title),
        warnings=tuple(filter(None, (warning, *document.warnings))),
        empty_pages=_image_pages(data, pages) if mime == PDF else (),
    )


def _cleaned(block: Block) -> Block:
    return block._replace(text=clean(block.text))


# Text formats: exact, and without a parser between the file and the quotation.


def _decoded(data: bytes, *, markup: bool = False) -> tuple[str, tuple[str, ...]]:
    text, encoding = decode(data, markup=markup)
    sure = encoding.startswith(("utf", "as declared"))
    return text, () if sure else (f"not Unicode; read as {encoding}",)


def _text_document(mime: str, title: str, blocks: list[Block], warnings: tuple[str, ...]) -> RawDocument:
    return RawDocument(mime=mime, pages=[RawPage(None, blocks)], parser=TEXT_PARSER, title=title, warnings=warnings)


def _read_text(data: bytes, mime: str) -> RawDocument:
    text, warnings = _decoded(data)
    return _text_document(mime, "", [Block("text", text)], warnings)


def _read_html(data: bytes, mime: str) -> RawDocument:
    text, warnings = _decoded(data, markup=True)
    title, blocks = html_blocks(text)
    return _text_document(mime, title, blocks, warnings)


def _read_markdown(data: bytes, mime: str) -> RawDocument:
    text, warnings = _decoded(data)
    title, blocks = markdown_blocks(text.replace("\r\n", "\n"))
    return _text_document(mime, title, blocks, warnings)


def _read_table(data: bytes, mime: str) -> RawDocument:
    """One line a row, each cell behind its column's name, so that a row makes sense alone."""
    text, warnings = _decoded(data)
    delimiter = "\t" if mime == TSV else _delimiter(text)
    try:
        rows = [cells for cells in csv.reader(io.StringIO(text), delimiter=delimiter) if any(map(str.strip, cells))]
    except csv.Error:  # a stray quote makes one endless field: the lines themselves are still true
        return _text_document(mime, "", [Block("text", text)], warnings)
    if len(rows) > 1 and _is_header(rows[0]):
        names = [name.strip() for name in rows[0]]
        rows = [[_named(names, column, cell) for column, cell in enumerate(cells)] for cells in rows[1:]]
    return _text_document(mime, "", [Block("row", row(cells)) for cells in rows], warnings)


def _delimiter(text: str) -> str:
    """The separator that splits the first lines into the same number of cells, the most cells winning."""
    lines = [line for line in text[:20_000].splitlines()[:20] if line.strip()][:-1] or text.splitlines()[:1]
    return max(",;\t|", key=lambda mark: min((line.count(mark) for line in lines), default=0))


def _is_header(cells: list[str]) -> bool:
    names = [cell.strip() for cell in cells]
    wordy = all(name and not re.fullmatch(r"[-+R$€£%\d.,:/ ]+", name) and len(name) <= 60 for name in names)
    return wordy and len(set(names)) == len(names) and len(names) > 1


def _named(names: list[str], column: int, cell: str) -> str:
    name = names[column] if column < len(names) else ""
    return f"{name}: {cell.strip()}" if name and cell.strip() else cell.strip()


# Everything else is read by kreuzberg.


def kreuzberg_version() -> str:
    """What a document read by kreuzberg records as its parser."""
    import kreuzberg

    return f"kreuzberg {kreuzberg.__version__}"


def _extract(data: bytes, mime: str, *, output: str = "plain", marker: str | None = None) -> Any:
    import kreuzberg

    pages = kreuzberg.PageConfig(extract_pages=True)
    if marker is not None:
        pages = kreuzberg.PageConfig(extract_pages=True, insert_page_markers=True, marker_format=marker)
    config = kreuzberg.ExtractionConfig(
        use_cache=False,  # kreuzberg 4.10 else keeps every text in the user's home
        disable_ocr=True,
        output_format=output,
        pages=pages,
    )
    try:
        return kreuzberg.extract_bytes_sync(data, mime, config)
    except (kreuzberg.KreuzbergError, RuntimeError, ValueError, OSError) as error:
        raise _refusal(str(error)) from error


def _refusal(message: str) -> CorruptFile | EncryptedFile | FileTooLarge | UnsupportedFormat:
    """The error of ours that a parser's message stands for."""
    lower = message.lower()
    first = _cause(message)
    if "password" in lower or "encrypt" in lower:
        return EncryptedFile("wants a password; save a copy without one and add that")
    if "security limit" in lower or "exceeds limit" in lower:
        return FileTooLarge(f"refused by a safety limit of the parser ({first})")
    if "unsupported" in lower:
        return UnsupportedFormat(f"not a format that can be read ({first})")
    return CorruptFile(f"damaged or cut off ({first}); open it in its own program and save it again")


def _cause(message: str) -> str:
    """A parser's message without the names of its error classes and without what it says twice.

    >>> _cause("ParsingError: Invalid PDF: PdfiumError: FormatError: Invalid PDF: PdfiumError: FormatError")
    'Invalid PDF'
    """
    line = message.split("\n")[0][:200]
    told = dict.fromkeys(part for part in line.split(": ") if part and not _ERROR_CLASS.fullmatch(part))
    return ": ".join(told) or line


def _read_pdf(data: bytes, mime: str) -> RawDocument:
    result = _extract(data, mime)
    # kreuzberg 4.10: page boundaries are bytes, and slices of `content` differ from the pages' own texts.
    pages = [RawPage(page["page_number"], [Block("text", page["content"])]) for page in result.pages or []]
    return RawDocument(
        mime=mime, pages=pages, parser=kreuzberg_version(), title=str(result.metadata.get("title") or "")
    )


def _read_slides(data: bytes, mime: str) -> RawDocument:
    """Slides with their notes. Markers tell the slides apart: the byte boundaries of kreuzberg 4.10 drift."""
    result = _extract(data, mime, marker=f"\n\n{_MARKER}{{page_num}};\n\n")
    parts = re.split(rf"{_MARKER}(\d+);", result.content)
    pages = [RawPage(int(number), _slide_blocks(text)) for number, text in zip(parts[1::2], parts[2::2], strict=True)]
    if not pages:
        pages = [RawPage(None, _slide_blocks(result.content))]
    return RawDocument(
        mime=mime, pages=pages, parser=kreuzberg_version(), title=str(result.metadata.get("title") or "")
    )


def _slide_blocks(text: str) -> list[Block]:
    paragraphs = (part.strip("\n ") for part in _PARAGRAPHS.split(text))
    return [Block("row", row(p.split("\t"))) if "\t" in p else Block("text", p) for p in paragraphs if p.strip()]


def _read_sheets(data: bytes, mime: str) -> RawDocument:
    """Each sheet under its name as a heading, one line a row."""
    result = _extract(data, mime)
    names = result.metadata.get("sheet_names") or []
    blocks: list[Block] = []
    for index, page in enumerate(result.pages or []):
        rows = [line for table in page["tables"] for line in map(row, table.cells) if line]
        if rows:
            blocks.append(Block("heading", str(names[index]) if index < len(names) else f"{index + 1}", 1))
            blocks.extend(Block("row", line) for line in rows)
    if not blocks:
        blocks = [Block("text", result.content)]
    return RawDocument(
        mime=mime,
        pages=[RawPage(None, blocks)],
        parser=kreuzberg_version(),
        title=str(result.metadata.get("title") or ""),
    )


def _read_office(data: bytes, mime: str) -> RawDocument:
    """Formats with headings but no true pages, by way of HTML, which keeps their structure."""
    result = _extract(data, mime, output="html")
    blocks = office_blocks(result.content)
    title = result.metadata.get("title") or result.metadata.get("subject") or ""
    return RawDocument(mime=mime, pages=[RawPage(None, blocks)], parser=kreuzberg_version(), title=str(title))


def _read_mail(data: bytes, mime: str) -> RawDocument:
    result = _extract(data, mime)
    title = str(result.metadata.get("subject") or "")
    blocks = [Block("text", part) for part in _PARAGRAPHS.split(result.content)]
    return RawDocument(mime=mime, pages=[RawPage(None, blocks)], parser=kreuzberg_version(), title=title)


_READERS: dict[str, Callable[[bytes, str], RawDocument]] = {
    TEXT: _read_text,
    HTML: _read_html,
    MARKDOWN: _read_markdown,
    CSV: _read_table,
    TSV: _read_table,
    PDF: _read_pdf,
    PPTX: _read_slides,
    XLSX: _read_sheets,
    XLS: _read_sheets,
    "message/rfc822": _read_mail,
    "application/vnd.ms-outlook": _read_mail,
}


# Pages of a PDF that show something but hold no text.


def _image_pages(data: bytes, pages: list[RawPage]) -> tuple[int, ...]:
    """Numbers of the pages without text that are not blank either.

    A page is drawn to tell; beyond the first few, a page without text is taken to be an image.
    """
    bare = [page.number for page in pages if page.number is not None and not page.blocks]
    if not bare:
        return ()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "document.pdf"
        file.write_bytes(data)
        shown = [number for number in bare[:_PAGES_LOOKED_AT] if _shows_something(file, number)]
    return (*shown, *bare[_PAGES_LOOKED_AT:])


def _shows_something(file: Path, number: int) -> bool:
    import kreuzberg

    try:
        picture = kreuzberg.render_pdf_page(str(file), number - 1, dpi=36)
    except (kreuzberg.KreuzbergError, RuntimeError, ValueError, OSError):
        return True  # it cannot be drawn, so it cannot be called blank
    return not is_uniform(picture)


def is_uniform(png: bytes) -> bool:
    """Whether a PNG is one plain colour: each row is then what its filter makes of that colour."""
    width, bits, colour = int.from_bytes(png[16:20]), png[24], png[25]
    packed, at = [], 8
    while at + 8 <= len(png):
        size = int.from_bytes(png[at : at + 4])
        if png[at + 4 : at + 8] == b"IDAT":
            packed.append(png[at + 8 : at + 8 + size])
        at += size + 12
    samples = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
    stride = (width * samples * bits + 7) // 8
    rows = zlib.decompress(b"".join(packed))
    pixel = rows[1 : 1 + max(1, samples * bits // 8)]
    first, others = _plain_rows(pixel, stride)
    if rows[1 : stride + 1] != first[rows[0]]:
        return False
    starts = range(stride + 1, len(rows), stride + 1)
    return all(rows[start + 1 : start + 1 + stride] == others[rows[start]] for start in starts)


def _plain_rows(pixel: bytes, stride: int) -> tuple[list[bytes], list[bytes]]:
    """The first and the further rows of one colour under PNG's filters 0 to 4: none, left, up, average, Paeth."""
    rest = stride - len(pixel)
    full, lead, zeros = pixel * (stride // len(pixel)), pixel + bytes(rest), bytes(stride)
    half = bytes(value - value // 2 for value in pixel)
    return [full, lead, full, pixel + half * (rest // len(pixel)), lead], [full, lead, zeros, half + bytes(rest), zeros]
