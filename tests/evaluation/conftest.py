from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from langchain_core.documents import Document

import lastro
from lastro.vectorstore.library import Library
from tests.cli.samples import a_pdf
from tests.fakes import HashEmbeddings

PAGES = (
    "The harbour pilot is Ana Prado and she starts on 2 May 2025.",
    "The mooring fee is 300 euros a year, due in March.",
    "Boats longer than nine metres moor at the north quay.",
)
BROUGHT = {
    "pilot-pt": "O prático do porto é Ana Prado, que começa em 2 de maio de 2025.",
    "taxa-pt": "A taxa de atracação é de 300 euros por ano e vence em março.",
    "gulls": "Gulls nest on the roof of the fish market from April to July.",
}
LONG = "Parking rules. " + " ".join(
    f"Row {number} is kept free for trailers of boat {number}." for number in range(200)
)

Write = Callable[..., Path]


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """A PDF of three pages, a long text file, and three brought documents in two languages."""
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "harbour.pdf").write_bytes(a_pdf(*PAGES))
    (tmp_path / "papers" / "parking.txt").write_text(LONG, encoding="utf-8")
    with lastro.open_library(tmp_path / "library", embedder=HashEmbeddings()) as opened:
        report = opened.add([tmp_path / "papers"])
        assert report.count("ok") == 2
        documents = [Document(text, metadata={"title": key}, id=key) for key, text in BROUGHT.items()]
        opened.as_vectorstore().add_documents(documents)
        yield opened


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a JSONL file of the rows given; a row that is a text is written as it is."""

    def write_rows(*rows: dict[str, object] | str, name: str = "questions.jsonl") -> Path:
        path = tmp_path / name
        lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write_rows


QUESTIONS: tuple[dict[str, object], ...] = (
    {"id": "pilot", "question": "Who is the harbour pilot?", "gold_ids": ["harbour.pdf#page=1"], "lang": "en"},
    {"id": "fee", "question": "How much is the mooring fee?", "gold_ids": ["harbour.pdf#page=2"], "lang": "en"},
    {"id": "taxa", "question": "De quanto é a taxa de atracação?", "gold_ids": ["taxa-pt"], "lang": "pt"},
    {"id": "gulls", "question": "Where do gulls nest?", "gold_ids": ["gulls"], "lang": "en"},
    {  # ten passages on parking are nearer to it
        "id": "lost",
        "question": "Row of trailers for boat 7 kept free?",
        "gold_ids": ["pilot-pt"],
        "lang": "pt",
        "answers": ["Ana Prado"],
    },
    {"id": "nobody", "question": "Who won the regatta of 1931?", "answerable": False, "lang": "en"},
)
