from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lastro.config import IngestSettings, LibrarySettings
from lastro.events import IngestEvent, StageProgress
from lastro.ingest.pipeline import IngestPipeline
from lastro.ingest.sources import Source, discover
from lastro.types import Upload
from tests.ingest.files import IMAGE, WordTokenizer, pdf, word


@pytest.fixture(scope="module")
def pipeline() -> Iterator[IngestPipeline]:
    made = IngestPipeline(
        settings=IngestSettings(), library=LibrarySettings(chunk_tokens=40), tokenizer=WordTokenizer()
    )
    yield made
    made.close()


def one(pipeline: IngestPipeline, name: str, data: bytes) -> Source:
    return discover(Upload(name, data))[0]


def test_a_good_file_ends_ok_with_its_chunks(pipeline: IngestPipeline) -> None:
    prepared = pipeline.prepare(one(pipeline, "a.pdf", pdf(["Uma frase.", "Outra frase."])), "id")
    assert (prepared.state, prepared.reason) == ("ok", "")
    assert [(chunk.document_id, chunk.page_start, chunk.text) for chunk in prepared.chunks] == [
        ("id", 1, "Uma frase."),
        ("id", 2, "Outra frase."),
    ]


@pytest.mark.parametrize(
    ("pages", "state", "reason"),
    [
        ([IMAGE, IMAGE], "empty", "no text on pages 1, 2: it holds only images; it needs OCR"),
        ([""], "empty", "no text: the file is blank"),
        (["text", IMAGE], "partial", "no text on page 2: images only"),
    ],
)
def test_a_file_without_text_is_never_ok(
    pipeline: IngestPipeline, pages: list[object], state: str, reason: str
) -> None:
    prepared = pipeline.prepare(one(pipeline, "scan.pdf", pdf(pages)), "id")
    assert prepared.state == state
    assert prepared.reason.startswith(reason)
    assert bool(prepared.chunks) == (state == "partial")


def test_an_empty_file_is_empty(pipeline: IngestPipeline) -> None:
    assert pipeline.prepare(one(pipeline, "a.txt", b""), "id").state == "empty"


def test_text_without_readable_characters_is_partial(pipeline: IngestPipeline) -> None:
    prepared = pipeline.prepare(one(pipeline, "a.txt", ("\ue000\ue001 abc " * 50).encode()), "id")
    assert prepared.state == "partial"
    assert "Unicode" in prepared.reason


def test_many_bare_pages_are_counted_and_not_all_named(pipeline: IngestPipeline) -> None:
    assert " and 5 more" in pipeline.prepare(one(pipeline, "scan.pdf", pdf([IMAGE] * 25)), "id").reason


def test_one_bad_file_never_stops_a_batch(pipeline: IngestPipeline, tmp_path: Path) -> None:
    files = {
        "a.txt": b"good",
        "b.pdf": b"%PDF-1.4 broken",
        "c.pdf": pdf(["x"], password="p"),
        "d.docx": b"PK\x03\x04 cut off",
        "e.docx": word(("Normal", "Bom.")),
        "f.txt": bytes(range(256)) * 30,
        "g.txt": b"gone",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    sources = discover(tmp_path)
    (tmp_path / "g.txt").unlink()
    prepared = {Path(source.name).name: pipeline.prepare(source, "id") for source in sources}
    assert {name for name, result in prepared.items() if result.state == "ok"} == {"a.txt", "e.docx"}
    for name in "bcdfg":
        result = next(found for file, found in prepared.items() if file.startswith(name))
        assert (result.state, result.parsed, result.chunks) == ("failed", None, ())
        assert result.reason
        assert str(tmp_path) not in result.reason  # the result of adding it names the source


def test_each_stage_is_told(pipeline: IngestPipeline) -> None:
    events: list[IngestEvent] = []
    pipeline.prepare(one(pipeline, "a.pdf", pdf(["x"])), "id", events.append)
    assert [(event.stage, event.done) for event in events if isinstance(event, StageProgress)] == [
        ("parse", 0),
        ("parse", 1),
        ("split", 0),
        ("split", 1),
    ]


def test_warnings_come_with_the_document(pipeline: IngestPipeline) -> None:
    prepared = pipeline.prepare(one(pipeline, "a.docx", "Orçamento é este.".encode("latin-1")), "id")
    assert prepared.state == "ok"
    assert len(prepared.warnings) == 2
