import io
import json
import sys

import pytest
from rich.console import Console

from lastro import console
from lastro.events import FileFinished, FileStarted, Retried, Retrieved, StageProgress, Token
from lastro.progress import AddProgress, Draft, RebuildProgress, describe
from lastro.telling import print_answer
from lastro.types import AddReport, Answer, Citation, FileResult, Passage, Sentence, Usage


def an_answer(text, *sentences, state="answered", language="en", **changes):
    citation = Citation(
        document_id="d" * 64, chunk_id="c", title="Lease", page=3, section="", start=0, end=5, quote="Rent\nis due"
    )
    values = dict(
        question="?", text=text, state=state, sentences=sentences, citations=(citation,), passages=(), dropped=(),
        usage=Usage(prompt_tokens=10, cached_tokens=4, completion_tokens=3, seconds_total=1.25), language=language,
    )  # fmt: skip
    return Answer(**{**values, **changes})


def test_control_sequences_never_reach_the_terminal():
    hostile = "a\x1b]0;owned\x07b\x1b[2Jc\x9b31md\x1bPq\x1b\\e\rf\x08\u202eg\x1b"
    assert console.plain(hostile) == "abc31mdefg"


def test_a_cut_escape_sequence_loses_its_escape():
    assert console.plain("x\x1b[") == "x"


def test_a_lone_surrogate_of_a_file_name_is_dropped():
    console.plain("a\udcff.pdf").encode()


def test_rich_markup_of_a_document_is_printed_as_it_stands(capsys):
    print_answer(an_answer("[bold]x[/bold] :smile: [link=http://e.example]y[/link]"))
    assert "[bold]x[/bold] :smile: [link=http://e.example]y[/link]" in capsys.readouterr().out


@pytest.mark.parametrize(("language", "label"), [("en", "The documents say:"), ("pt", "Os documentos dizem:")])
def test_what_contradicts_a_sentence_is_told_in_the_answers_language(capsys, language, label):
    text = "Rent is due [1]. It is high [⚠ no]."
    against = Citation("d", "c", "Lease", 4, "", 0, 5, "Rent is low")
    good = Sentence(text[:16], 0, 16, "supported", 1.0, (0,))
    bad = Sentence("It is high.", 17, 35, "contradicted", 0.0, against=(against,))
    print_answer(an_answer(text, good, bad, state="partial", language=language))
    out = capsys.readouterr().out
    assert text in out
    assert label in out
    assert "Lease, p. 4: “Rent is low”" in out


def test_what_was_taken_out_and_how_sure_the_answer_is_are_told(capsys):
    removed = (Sentence("It is high.", 0, 0, "unsupported", 0.1),)
    print_answer(an_answer("Rent is due [1].", policy="strict", removed=removed, confidence=0.815))
    out = capsys.readouterr().out
    assert "Taken out, since nothing in the documents backs it:\n  It is high." in out
    assert "right: 82%" in out or "right: 81%" in out


def test_a_refusal_quotes_the_nearest_passages(capsys):
    near = (Citation("d", "c", "Lease", 4, "", 0, 5, "Rent is due"),)
    print_answer(an_answer("Nada.", state="not_found", language="pt", citations=(), nearest=near))
    assert "Trechos mais próximos:\n  Lease, p. 4: “Rent is due”" in capsys.readouterr().out


def test_the_citations_table_names_title_page_and_quote(capsys):
    print_answer(an_answer("Rent is due [1]."))
    row = next(line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("[1]"))
    assert row.split("  ")[0].strip() == "[1]"
    assert "Lease" in row
    assert "3" in row
    assert "“Rent is due”" in row


def test_the_place_in_a_document_without_pages_is_its_section(capsys):
    citation = Citation("d", "c", "Manual", None, "2. Holidays", 0, 5, "Thirty days")
    print_answer(an_answer("Thirty days [1].", language="pt", citations=(citation,)))
    out = capsys.readouterr().out
    assert "Onde" in out
    assert "2. Holidays" in out


def test_a_report_says_what_was_passed_over(capsys):
    skipped = (*(f"/a/b.{letter}" for letter in "abcdefghijklmnop"), "/a/Makefile", "/a/c.\x1b[31m")
    console.print_report(AddReport((), seconds=0.5, skipped=skipped))
    first, second = capsys.readouterr().out.splitlines()
    assert first == "0 added in 0.5 s"
    assert second.startswith("18 files of other types were passed over: ., .a, .b")
    assert second.endswith(", …")


def test_usage_goes_to_stderr(capsys):
    console.print_usage(an_answer("x").usage)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "1.2 s in all · prompt 10 tokens (4 cached), 3 written" in captured.err


def test_json_on_a_terminal_carries_no_control_character(capsys):
    value = {"title": "a\x9b31m\x1b[0m\u202eção\udcff"}
    console.print_json(value)
    out = capsys.readouterr().out
    assert json.loads(out) == value
    assert "ção" in out
    assert not any(ord(char) in range(0x7F, 0xA0) or char in "\x1b\u202e\udcff" for char in out)


def test_an_error_is_one_line(capsys):
    console.print_error("no\nsuch \x1b[31mthing")
    assert capsys.readouterr().err == "lastro: no such thing\n"


def test_each_way_a_file_can_end_has_its_line():
    assert describe(FileResult("a.pdf", "ok", unchanged=True)) == "unchanged  a.pdf"
    assert describe(FileResult("a.pdf", "empty", reason="only images")) == "empty      a.pdf: only images"
    replaced = FileResult("a.pdf", "ok", chunks=1, pages=2, replaced=True)
    assert describe(replaced) == "replaced   a.pdf  (2 pages, 1 passage)"
    partial = FileResult("a.docx", "partial", chunks=2, reason="page 3 is an image")
    assert describe(partial) == "partial    a.docx  (2 passages): page 3 is an image"


@pytest.fixture
def terminal(monkeypatch):
    """What a terminal of 80 columns was sent on stderr."""
    monkeypatch.setenv("TERM", "xterm")
    sent = io.StringIO()
    screen = Console(file=sent, force_terminal=True, width=80, markup=False, highlight=False, emoji=False)
    monkeypatch.setattr("lastro.progress.stderr", lambda: screen)
    return sent


def test_progress_draws_bars_on_a_terminal(terminal):
    with AddProgress() as progress:
        progress(FileStarted("/a/b.pdf", 1, 2))
        progress(StageProgress("/a/b.pdf", "embed", 3, 9))
        progress(FileFinished(FileResult("/a/b.pdf", "ok", chunks=9, pages=1), 1, 2))
    assert "documents" in terminal.getvalue()
    assert "ok         /a/b.pdf  (1 page, 9 passages)" in terminal.getvalue()


def test_a_draft_cannot_smuggle_an_escape_in_two_tokens(terminal):
    draft = Draft()
    for token in ("safe \x1b", "[2J", "text"):
        draft.write(token)
    draft.end()
    assert "\x1b[2J" not in terminal.getvalue()
    assert "text" in terminal.getvalue()


def test_a_terminal_shows_that_the_search_has_begun(terminal):
    draft = Draft()
    draft.searching()
    draft.end()
    assert "searching the documents..." in terminal.getvalue()


def test_a_terminal_shows_the_reading_and_then_the_draft(terminal):
    passage = Passage("c", "d", "Manual", "text", 0, 4, 2, 3, "", rank=1, score=0.5)
    draft = Draft()
    draft.searching()
    draft(Retrieved("?", (passage, passage)))
    draft(Token("Hello"))
    draft.end()
    sent = terminal.getvalue()
    assert sent.index("reading 2 passages...") < sent.index("draft, not yet checked:") < sent.index("Hello")


def test_a_terminal_shows_in_portuguese_that_the_search_has_begun(terminal):
    draft = Draft(language="pt")
    draft.searching()
    draft.end()
    assert "procurando nos documentos..." in terminal.getvalue()


def test_a_draft_speaks_the_language_of_the_answer(terminal):
    passage = Passage("c", "d", "Manual", "texto", 0, 5, 2, 3, "", rank=1, score=0.5)
    draft = Draft(language="pt")
    draft(Retrieved("?", (passage, passage)))
    draft(Token("Olá"))
    draft(Retried((passage,)))
    draft.end()
    sent = terminal.getvalue()
    said = ["lendo 2 trechos...", "rascunho, ainda não conferido:", "não se sustentou"]
    assert [text for text in said if text not in sent] == []
    assert sorted(said, key=sent.index) == said


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(terminal, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    passage = Passage("c", "d", "Manual", "text", 0, 4, 2, 3, "", rank=1, score=0.5)
    draft = Draft()
    draft.searching()
    draft(Retrieved("?", (passage,)))
    draft.end()
    assert "reading 1 passage...\n" in terminal.getvalue()
    assert "searching" not in terminal.getvalue()


def test_a_quiet_draft_shows_nothing(terminal):
    passage = Passage("c", "d", "Manual", "text", 0, 4, 2, 3, "", rank=1, score=0.5)
    draft = Draft(quiet=True)
    draft.searching()
    draft(Retrieved("?", (passage,)))
    draft(Token("Hello"))
    draft.end()
    assert terminal.getvalue() == ""


def test_a_change_of_embedder_draws_a_bar_on_a_terminal(terminal):
    with RebuildProgress() as progress:
        progress(FileStarted("Deed", 1, 1))
        progress(StageProgress("Deed", "embed", 3, 9))
    assert "embedding" in terminal.getvalue()


def test_progress_without_a_terminal_is_one_line_a_file(capsys):
    with AddProgress() as progress:
        progress(FileStarted("b.pdf", 1, 1))
        progress(StageProgress("b.pdf", "parse", 0, 0))
        progress(FileFinished(FileResult("b.pdf", "failed", reason="wants a password"), 1, 1))
    assert capsys.readouterr().err == "failed     b.pdf: wants a password\n"
    assert not sys.stdout.isatty()
