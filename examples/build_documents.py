"""Build the PDF and DOCX samples of `examples/documents` from the Markdown texts of `examples/sources`.

Run `python examples/build_documents.py [FOLDER]`: the same texts always give the same bytes.
"""

from __future__ import annotations

import io
import re
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
SOURCES = HERE / "sources"
DOCUMENTS = HERE / "documents"
MADE_ON = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)


class Block(NamedTuple):
    """A piece of a text: `kind` is title, lines, h2, h3, paragraph, table or newpage."""

    kind: str
    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()


def read_blocks(markdown: str) -> Iterator[Block]:
    """Yield the blocks of a text written in the little Markdown that the samples need."""
    for raw in re.split(r"\n\s*\n", markdown.strip()):
        block = raw.strip()
        mark, _, rest = block.partition(" ")
        if mark in ("#", "##", "###"):
            yield Block({"#": "title", "##": "h2", "###": "h3"}[mark], rest)
        elif block.startswith("|"):
            lines = [line for line in block.splitlines() if not re.fullmatch(r"[|\-\s]+", line)]
            yield Block("table", rows=tuple(tuple(c.strip() for c in line.strip("|").split("|")) for line in lines))
        elif block == r"\newpage":
            yield Block("newpage")
        else:
            yield Block("lines" if "\n" in block else "paragraph", block)


def _pdf_styles() -> dict[str, Any]:
    from reportlab.lib import colors
    from reportlab.lib.enums import TA_CENTER, TA_JUSTIFY
    from reportlab.lib.styles import ParagraphStyle

    body = ParagraphStyle(
        "paragraph", fontName="Helvetica", fontSize=10.5, leading=15, spaceAfter=7, alignment=TA_JUSTIFY
    )
    ink = colors.HexColor("#1d3557")
    return {
        "paragraph": body,
        "title": ParagraphStyle(
            "title", body, fontName="Helvetica-Bold", fontSize=19, leading=24, alignment=TA_CENTER, textColor=ink
        ),
        "lines": ParagraphStyle(
            "lines", body, alignment=TA_CENTER, spaceAfter=14, textColor=colors.HexColor("#555555")
        ),
        "h2": ParagraphStyle(
            "h2", body, fontName="Helvetica-Bold", fontSize=12.5, spaceBefore=10, textColor=ink, keepWithNext=1
        ),
        "h3": ParagraphStyle("h3", body, fontName="Helvetica-Bold", fontSize=11, spaceBefore=6, keepWithNext=1),
        "cell": ParagraphStyle("cell", body, fontSize=9.5, leading=12, spaceAfter=0, alignment=0),
    }


def _pdf_table(rows: tuple[tuple[str, ...], ...], styles: dict[str, Any], width: float) -> Any:
    from reportlab.lib import colors
    from reportlab.platypus import Paragraph, Table, TableStyle

    cells = [[Paragraph(cell, styles["cell"]) for cell in row] for row in rows]
    table = Table(cells, colWidths=[width / len(rows[0])] * len(rows[0]), repeatRows=1, spaceAfter=10)
    table.setStyle(
        TableStyle(
            [
                ("GRID", (0, 0), (-1, -1), 0.5, colors.HexColor("#b8c4d6")),
                ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#e9eef6")),
                ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
            ]
        )
    )
    return table


def build_pdf(markdown: str, *, page_word: str) -> bytes:
    """The text as an A4 PDF with title, headings, tables and a numbered footer."""
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate

    blocks = list(read_blocks(markdown))
    title = next(block.text for block in blocks if block.kind == "title")
    buffer = io.BytesIO()

    class Footed(SimpleDocTemplate):
        def afterPage(self) -> None:  # noqa: N802 - reportlab's name; drawn last, so readers meet it last
            self.canv.setFont("Helvetica", 8)
            self.canv.drawString(62, 34, title)
            self.canv.drawRightString(A4[0] - 62, 34, f"{page_word} {self.page}")

    document = Footed(
        buffer, pagesize=A4, leftMargin=62, rightMargin=62, topMargin=60, bottomMargin=62,
        title=title, author="Lastro samples", invariant=1,
    )  # fmt: skip
    styles = _pdf_styles()
    story: list[Any] = []
    for block in blocks:
        if block.kind == "newpage":
            story.append(PageBreak())
        elif block.kind == "table":
            story.append(_pdf_table(block.rows, styles, document.width))
        else:
            story.append(Paragraph(block.text.replace("&", "&amp;").replace("\n", "<br/>"), styles[block.kind]))
    document.build(story)
    return buffer.getvalue()


def build_docx(markdown: str) -> bytes:
    """The text as a Word document with heading styles and real tables."""
    import docx

    document = docx.Document()
    for block in read_blocks(markdown):
        if block.kind == "table":
            table = document.add_table(rows=0, cols=len(block.rows[0]), style="Light Grid Accent 1")
            for row in block.rows:
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    cell.text = text
        elif block.kind in ("title", "h2", "h3"):
            document.add_heading(block.text, level={"title": 0, "h2": 1, "h3": 2}[block.kind])
            if block.kind == "title":
                document.core_properties.title = block.text
        else:
            document.add_paragraph(block.text)
    properties = document.core_properties
    properties.author = properties.last_modified_by = "Lastro samples"
    properties.created = properties.modified = MADE_ON.replace(tzinfo=None)
    buffer = io.BytesIO()
    document.save(buffer)
    return _without_times(buffer.getvalue())


def _without_times(archive: bytes) -> bytes:
    """The same ZIP with one fixed time, since python-docx stamps each member with the present."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            member = zipfile.ZipInfo(name, date_time=MADE_ON.timetuple()[:6])
            target.writestr(member, source.read(name), compress_type=zipfile.ZIP_DEFLATED)
    return out.getvalue()


def build_all() -> dict[str, bytes]:
    """File name to bytes of every sample that is built."""

    def source(name: str) -> str:
        return (SOURCES / f"{name}.md").read_text(encoding="utf-8")

    return {
        "commercial-lease.pdf": build_pdf(source("commercial-lease"), page_word="Page"),
        "contrato-prestacao-servicos.pdf": build_pdf(source("contrato-prestacao-servicos"), page_word="Página"),
        "manual-do-colaborador.docx": build_docx(source("manual-do-colaborador")),
    }


def main() -> None:
    """Write the samples into the folder named on the command line, or `examples/documents`."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENTS
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in build_all().items():
        (folder / name).write_bytes(data)
        print(f"{folder / name}: {len(data)} bytes")


if __name__ == "__main__":
    main()
