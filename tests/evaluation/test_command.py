"""`lastro eval` in this process: a real library and real files; the embedder and the model are fakes, for speed."""

from __future__ import annotations

import functools
import json

import pytest

import lastro
from lastro import cli
from lastro.evaluation.command import parse_changes
from lastro.evaluation.datasets import load_questions
from tests.evaluation.conftest import QUESTIONS
from tests.fakes import HashEmbeddings, ScriptedChat


@pytest.fixture
def named(library, monkeypatch):
    """The library's folder, as the commands open it."""
    monkeypatch.setattr(lastro, "open_library", functools.partial(lastro.open_library, embedder=HashEmbeddings()))
    monkeypatch.setattr(lastro, "chat_model", lambda _settings: ScriptedChat(script="no question"))
    return str(library.path)


@pytest.fixture
def asked(write):
    return str(write(*QUESTIONS))


def test_figures_go_to_stdout_without_colours_or_controls(named, asked, capsys):
    assert cli.run(["eval", asked, "-l", named]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "\x1b" not in captured.out
    lines = captured.out.splitlines()
    assert lines[0] == "library: mean and its 95 % interval, by language (questions)"
    assert any(line.split()[:6] == ["all", "(5)", "en", "(3)", "pt", "(2)"] for line in lines)
    assert any(line.startswith(" hit@5 ") for line in lines)
    assert any(line.startswith(" ms, p50 / p95 ") for line in lines)
    assert any(line.startswith(" tokens@6 ") for line in lines)
    assert "note: 1 of 6 questions name no gold passage: searched, timed, not scored" in lines


def test_run_may_be_written(named, asked, capsys):
    assert cli.run(["eval", "run", asked, "-l", named, "--k", "3"]) == 0
    assert "hit@3" in capsys.readouterr().out


def test_json_on_stdout_stands_alone(named, asked, capsys):
    assert cli.run(["eval", asked, "-l", named, "--json", "-"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["format"], report["version"], report["depth"]) == ("lastro-evaluation", 2, 10)
    assert len(report["runs"][0]["outcomes"]) == len(QUESTIONS)


def test_a_change_of_settings_is_compared(named, asked, capsys, tmp_path):
    out = tmp_path / "r.json"
    changes = ["--set", "retrieval.search_type=keyword", "--set", "retrieval.k=2"]
    assert cli.run(["eval", asked, "-l", named, *changes, "--json", str(out), "--html", str(tmp_path / "r.html")]) == 0
    captured = capsys.readouterr()
    assert "library -> search_type=keyword, k=2: 5 questions, paired" in captured.out
    assert captured.err == f"report: {tmp_path / 'r.html'}\n"
    report = json.loads(out.read_text())
    assert [run["settings"]["k"] for run in report["runs"]] == [6, 2]
    assert "library → search_type=keyword, k=2" in (tmp_path / "r.html").read_text()


def test_an_earlier_report_is_compared_with(named, asked, capsys, tmp_path):
    out = tmp_path / "old.json"
    assert cli.run(["eval", asked, "-l", named, "--json", str(out)]) == 0
    assert cli.run(["eval", asked, "-l", named, "--against", str(out)]) == 0
    said = capsys.readouterr().out
    assert "old.json -> library: 5 questions, paired; " in said
    assert "rows hidden, where no question differs" in said
    assert "note: old.json -> library: embedder " in said
    assert " passages in both" in said
    assert cli.run(["eval", asked, "-l", named, "--against", asked]) == 3
    assert "not JSON" in capsys.readouterr().err


def test_what_differs_from_an_earlier_report_is_one_line(named, asked, capsys, tmp_path, monkeypatch):
    out = tmp_path / "old.json"
    assert cli.run(["eval", asked, "-l", named, "--json", str(out)]) == 0
    old = json.loads(out.read_text())
    old["setting"] |= {"embedder": "elder", "chunks": 1}
    out.write_text(json.dumps(old))
    monkeypatch.setenv("LASTRO_RETRIEVAL__K", "3")
    assert cli.run(["eval", asked, "-l", named, "--against", str(out)]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: old.json -> library")]
    assert "embedder elder -> " in line
    assert ", passages 1 -> " in line
    assert line.endswith("retrieval.k 6 -> 3")


def test_fewer_drafts_than_were_asked_for_are_told(named, tmp_path, capsys):
    path = tmp_path / "drafts.jsonl"
    assert cli.run(["eval", "make", str(path), "-l", named, "--questions", "500"]) == 0
    assert "places to ask about; another --seed may find others" in capsys.readouterr().out


def test_a_limit_that_is_not_kept_exits_with_1_and_says_which(named, asked, capsys):
    kept, not_kept = "hit@10=0.2", "hit@1=1"
    assert cli.run(["eval", asked, "-l", named, "--fail-under", kept]) == 0
    capsys.readouterr()
    assert cli.run(["eval", asked, "-l", named, "--fail-under", kept, "--fail-under", not_kept]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("lastro: hit@1 = 0.")
    assert captured.err.endswith("is under 1 (over 5 questions)\n")
    assert "hit@10" in captured.out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--fail-under", "hits@5=0.9"], "did you mean hit@5?; there are hit@k"),
        (["--fail-under", "hit@50=0.9"], "give --k 50"),
        (["--set", "retrieval.search_typ=keyword"], "no such setting; did you mean search_type?"),
        (["--set", "retrieval.search_type=magic"], "must be 'hybrid', 'similarity' or 'keyword'"),
        (["--set", "retrieval.foo=1"], "no such setting; there are k, candidates, search_type"),
        (["--set", "mmr_lambda=0.5"], "write retrieval.mmr_lambda=0.5"),
        (["--set", "retrieval.k"], "give a name and a value"),
        (["--set", "answer.policy=strict"], "give --answers as well"),
        (["--answers", "--set", "answer.polcy=strict"], "did you mean policy?"),
        (["--answers", "--set", "answer.policy=lax"], "must be 'mark', 'strict' or 'off'"),
        (["--fail-under", "right=0.5"], "right is measured of answers: give --answers as well"),
        (["--answers", "--fail-under", "false_refusal=0.1"], "--fail-over false_refusal=0.1"),
        (["--answers", "--fail-over", "right=0.1"], "--fail-under hit@5=0.95"),
        (["--answers", "--fail-over", "seconds=0.5"], "give a metric and a share from 0 to 1"),
        (["--set", "library.chunk_tokens=99"], "run again and compare with --against"),
        (["--set", "retrival.k=3"], "did you mean retrieval.k?"),
        (["--against", "none.json"], "none.json: cannot be read"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_loaded(tmp_path, named, asked, capsys, arguments, problem):
    assert cli.run(["eval", asked, "-l", named, *arguments]) == 3
    captured = capsys.readouterr()
    assert problem in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_a_question_set_that_does_not_fit_the_library_is_refused(named, write, capsys):
    path = write({"question": "Who?", "gold_ids": ["harbor.pdf#page=1"]})
    assert cli.run(["eval", str(path), "-l", named]) == 3
    assert "line 1: 'harbor.pdf': no document by that id" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--json", "--html"])
@pytest.mark.parametrize(("place", "problem"), [("no/r", "no folder"), ("", "it is a folder")])
def test_an_output_that_cannot_be_written_is_refused_before_a_search(
    named, asked, capsys, tmp_path, monkeypatch, option, place, problem
):  # fmt: skip
    monkeypatch.setattr(lastro, "open_library", lambda *_, **__: pytest.fail("opened"))
    assert cli.run(["eval", asked, "-l", named, option, str(tmp_path / place)]) == 3
    said = capsys.readouterr().err
    assert f"cannot be written: {problem}" in said
    assert said.count("\n") == 1


def test_passages_that_grow_are_searched_as_deep_as_an_answer_goes(named, asked, capsys, monkeypatch):
    monkeypatch.setenv("LASTRO_RETRIEVAL__CONTEXT_TOKENS", "300")
    monkeypatch.setenv("LASTRO_RETRIEVAL__K", "3")
    assert cli.run(["eval", asked, "-l", named, "--fail-under", "hit@3=0"]) == 0
    said = capsys.readouterr().out
    assert " hit@3 " in said
    assert "hit@10" not in said
    assert "for retrieval.k = 3 passages and not for 10" in said
    assert cli.run(["eval", asked, "-l", named, "--fail-under", "hit@10=0"]) == 3
    assert "retrieval.k = 10 where passages grow" in capsys.readouterr().err


def test_fewer_passages_than_an_answer_gets_are_counted_as_such(named, asked, capsys):
    assert cli.run(["eval", asked, "-l", named, "--k", "2"]) == 0
    said = capsys.readouterr().out
    assert " tokens@2 " in said
    assert "tokens@6" not in said


def test_a_set_without_golds_is_run_and_says_so(named, write, capsys, tmp_path):
    path = write({"question": "Who won the regatta?", "answerable": False})
    assert cli.run(["eval", str(path), "-l", named, "--html", str(tmp_path / "r.html")]) == 0
    assert "1 of 1 questions name no gold passage" in capsys.readouterr().out
    assert cli.run(["eval", str(path), "-l", named, "--fail-under", "hit@5=0.5"]) == 1


def test_drafts_are_made_corrected_and_run(named, tmp_path, capsys):
    path = tmp_path / "drafts.jsonl"
    assert cli.run(["eval", "make", str(path), "-l", named, "--questions", "3", "--seed", "4"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{path}: 3 drafts, 3 of them sentences with a gap; read and correct each line")
    assert load_questions(path).drafts == 3
    assert cli.run(["eval", str(path), "-l", named]) == 0
    assert "note: 3 of 3 questions are still drafts" in capsys.readouterr().out
    before = path.read_bytes()
    assert cli.run(["eval", "make", str(path), "-l", named]) == 3
    assert "exists already" in capsys.readouterr().err
    assert path.read_bytes() == before


class Interrupted(ScriptedChat):
    """A model during whose nth question somebody presses Ctrl-C."""

    at: int = 1

    def _generate(self, *args, **kwargs):
        if len(self.seen) + 1 == self.at:
            raise KeyboardInterrupt
        return super()._generate(*args, **kwargs)


def test_drafts_that_were_made_before_ctrl_c_are_kept(named, tmp_path, capsys, monkeypatch):
    path = tmp_path / "drafts.jsonl"
    monkeypatch.setattr(lastro, "chat_model", lambda _settings: Interrupted(script="no question", at=3))
    assert cli.run(["eval", "make", str(path), "-l", named, "--questions", "9"]) == 130
    said = capsys.readouterr().out
    assert said.startswith(f"{path}: 2 drafts, 2 of them sentences with a gap; stopped before 9, and these are kept")
    assert load_questions(path).drafts == 2


def test_ctrl_c_before_the_first_draft_leaves_no_file(named, tmp_path, capsys, monkeypatch):
    path = tmp_path / "drafts.jsonl"
    monkeypatch.setattr(lastro, "chat_model", lambda _settings: Interrupted(script="no question", at=1))
    assert cli.run(["eval", "make", str(path), "-l", named]) == 130
    assert not path.exists()
    assert capsys.readouterr().out == ""


def test_drafts_go_nowhere_that_does_not_exist_and_no_model_is_loaded_for_it(named, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(lastro, "chat_model", lambda _settings: pytest.fail("loaded"))
    (tmp_path / "there.jsonl").write_text("mine")
    for name, problem in (("none/drafts.jsonl", "no folder"), ("there.jsonl", "exists already"), ("", "a folder")):
        assert cli.run(["eval", "make", str(tmp_path / name), "-l", named]) == 3
        assert problem in capsys.readouterr().err
    assert (tmp_path / "there.jsonl").read_text() == "mine"


def test_the_help_names_both_commands(capsys):
    assert cli.run(["eval", "--help"]) == 0
    said = capsys.readouterr().out
    assert "run " in said
    assert "make " in said
    assert cli.run(["eval"]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", said)


def test_changes_are_read_as_the_settings_are():
    assert parse_changes(["retrieval.k=3", "retrieval.mmr_lambda=0.5"]) == ({"k": 3, "mmr_lambda": 0.5}, {})
    assert parse_changes([]) == ({}, {})
    assert parse_changes(["answer.policy=strict"], answers=True) == ({}, {"policy": "strict"})
