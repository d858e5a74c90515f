"""Real files made on the spot, and a tokenizer that is cheap to run."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence

import docx
from PIL import Image
from reportlab.lib.pagesizes import A5
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

IMAGE = object()  # a page that holds a picture and no text


def pdf(pages: Sequence[object], *, password: str | None = None, title: str = "") -> bytes:
    """A PDF with the given lines of text on each page."""
    buffer = io.BytesIO()
    lock = StandardEncryption(password, canPrint=0) if password else None
    canvas = Canvas(buffer, pagesize=A5, encrypt=lock)
    if title:
        canvas.setTitle(title)
    for page in pages:
        if page is IMAGE:
            picture = Image.linear_gradient("L").resize((64, 64))
            canvas.drawImage(ImageReader(picture), 40, 200, 200, 200)
        else:
            for number, line in enumerate(str(page).splitlines()):
                canvas.drawString(40, 540 - 16 * number, line)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def word(*blocks: tuple[str, str], table: Sequence[Sequence[str]] = ()) -> bytes:
    """A DOCX of (style, text) blocks, then a table."""
    document = docx.Document()
    for style, text in blocks:
        document.add_paragraph(text, style=style)
    if table:
        grid = document.add_table(len(table), len(table[0]))
        for row, texts in zip(grid.rows, table, strict=True):
            for cell, text in zip(row.cells, texts, strict=True):
                cell.text = text
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def archive(members: dict[str, bytes | str]) -> bytes:
    """A zip with the given members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name, data)
    return buffer.getvalue()


class WordTokenizer:
    """One token for every four letters of a word and for every other sign, like a small word-piece vocabulary."""

    def __init__(self, max_tokens: int = 256) -> None:
        self.max_tokens = max_tokens
        self.characters = 0  # seen so far

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        self.characters += len(text)
        return [match.span() for match in re.finditer(r"\w{1,4}|[^\w\s]", text)]

    def count_tokens(self, text: str) -> int:
        return len(self.token_spans(text))
