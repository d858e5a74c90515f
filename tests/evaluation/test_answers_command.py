"""`lastro eval --answers` and `lastro eval calibrate` in this process: the real chain, a scripted chat model."""

from __future__ import annotations

import functools
import json
import re

import pytest
from langchain_core.documents import Document

import lastro
from lastro import cli
from lastro.chains.confidence import load_calibrations
from tests.evaluation.conftest import BROUGHT, PAGES
from tests.fakes import HashEmbeddings, ScriptedChat

ROWS = (
    {"id": "pilot", "question": "Who is the harbour pilot?", "gold_ids": ["harbour.pdf#page=1"], "lang": "en",
     "answers": ["Ana Prado"]},
    {"id": "fee", "question": "How much is the mooring fee?", "gold_ids": ["harbour.pdf#page=2"], "lang": "en",
     "answers": ["300 euros"]},
    {"id": "taxa", "question": "De quanto é a taxa de atracação?", "gold_ids": ["taxa-pt"], "lang": "pt",
     "answers": ["300 euros"]},
    {"id": "moon", "question": "How far is the moon from Lisbon?", "answerable": False, "lang": "en"},
)  # fmt: skip


def say(messages):
    """What the documents say, or an invention."""
    asked = messages[-1].text
    if "pilot?" in asked:
        return PAGES[0]
    if "atracação?" in asked:
        return BROUGHT["taxa-pt"]
    return "The fee is 900 euros a year, due in March." if "fee?" in asked else "It is 40 parsecs."


@pytest.fixture
def named(library, monkeypatch):
    """The library's folder, as the commands open it."""
    monkeypatch.setattr(lastro, "open_library", functools.partial(lastro.open_library, embedder=HashEmbeddings()))
    monkeypatch.setattr(lastro, "chat_model", lambda _settings: ScriptedChat(script=say))
    return str(library.path)


@pytest.fixture
def asked(write):
    return str(write(*ROWS))


def test_answers_are_measured_beside_the_search(named, asked, capsys, tmp_path):
    out, page = tmp_path / "r.json", tmp_path / "r.html"
    assert cli.run(["eval", asked, "-l", named, "--answers", "--json", str(out), "--html", str(page)]) == 0
    said = capsys.readouterr().out
    assert "library: mean and its 95 % interval, by language (questions)" in said
    assert "library, answers: value, its 95 % interval and (questions that it is of), by language" in said
    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["version"] == 2
    (run,) = report["runs"]
    assert run["answering"]["policy"] == "mark"
    replies = {one["question_id"]: one["reply"] for one in run["outcomes"]}
    assert replies["pilot"]["right"] is True
    assert replies["pilot"]["citations"][0]["golds_by_page"] == [0]
    assert "40 parsecs" not in replies["moon"]["text"] or replies["moon"]["claims"].get("unsupported")
    assert any(score["metric"] == "cite_precision" for score in report["answer_scores"])
    assert "<h2>Answers</h2>" in page.read_text(encoding="utf-8")


def test_settings_of_answers_are_compared_and_an_earlier_report_too(named, asked, capsys, tmp_path):
    out = tmp_path / "old.json"
    arguments = ["eval", asked, "-l", named, "--answers"]
    assert cli.run([*arguments, "--set", "answer.policy=off", "--set", "retrieval.k=3", "--json", str(out)]) == 0
    said = capsys.readouterr().out
    assert "library -> k=3, policy=off: answers, 4 questions, paired" in said
    ways = [(run["settings"]["k"], run["answering"]["policy"]) for run in json.loads(out.read_text())["runs"]]
    assert ways == [(6, "mark"), (3, "off")]
    assert cli.run([*arguments, "--against", str(out)]) == 0
    assert "old.json -> library: answers, " in capsys.readouterr().out
    assert cli.run(["eval", asked, "-l", named, "--against", str(out)]) == 0
    assert "answers" not in capsys.readouterr().out


def test_limits_on_answers_decide_the_exit_code(named, asked, capsys):
    arguments = ["eval", asked, "-l", named, "--answers"]
    assert cli.run([*arguments, "--fail-under", "right=0.3", "--fail-over", "false_refusal=1"]) == 0
    capsys.readouterr()
    assert cli.run([*arguments, "--fail-under", "exact=1"]) == 1
    assert capsys.readouterr().err.startswith("lastro: exact = 0.")


def test_a_model_that_is_not_there_is_refused_before_any_question(named, asked, capsys, monkeypatch):
    monkeypatch.setattr(ScriptedChat, "_text", lambda *_: pytest.fail("asked"))
    for command in (["eval", asked, "--answers"], ["eval", "calibrate", asked]):
        assert cli.run([*command, "-l", named, "-m", "no-such-model"]) == 3
        assert "no-such-model" in capsys.readouterr().err


def test_a_calibration_is_fitted_written_and_told(library, named, write, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("LASTRO_HOME", str(tmp_path / "home"))
    berths = {f"Nerina{number}": 300 + 7 * number for number in range(40)}
    said = {boat: f"The yacht {boat} is moored at berth {berth} of the east pier." for boat, berth in berths.items()}
    documents = [Document(text, metadata={"title": boat}, id=boat) for boat, text in said.items()]
    library.as_vectorstore().add_documents(documents)
    rows: list[dict[str, object]] = [
        {"question": f"At which berth is the yacht {boat} moored?", "gold_ids": [boat], "lang": "en",
         "answers": [f"berth {berth}" if berth % 2 else "berth 12"]}
        for boat, berth in berths.items()
    ]  # fmt: skip

    def row(messages):
        return said[re.findall(r"yacht (\w+) moored\?", messages[-1].text)[-1]]

    monkeypatch.setattr(lastro, "chat_model", lambda _settings: ScriptedChat(script=row))
    path = str(write(*rows))
    assert cli.run(["eval", "calibrate", path, "-l", named]) == 3
    told = capsys.readouterr().err
    assert "30 of each in a language are wanted" in told, told
    out = tmp_path / "home" / "calibration.json"
    assert not out.exists()
    code = cli.run(["eval", "calibrate", path, "-l", named, "--min", "10", "--keep", "0.8"])
    captured = capsys.readouterr()
    assert (code, captured.err) == (0, "")
    assert f"calibration: {out}" in captured.out
    assert "right answers shown" in captured.out
    (entry,) = load_calibrations(out)
    assert (entry.language, entry.provenance["keep"]) == ("en", 0.8)


def test_an_output_that_cannot_be_written_is_refused_before_the_library_is_opened(asked, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(lastro, "open_library", lambda *_, **__: pytest.fail("opened"))
    assert cli.run(["eval", "calibrate", asked, "--out", str(tmp_path / "no" / "c.json")]) == 3
    assert "no folder" in capsys.readouterr().err


def test_questions_that_were_answered_before_ctrl_c_are_reported(named, asked, capsys, tmp_path, monkeypatch):
    def until_the_second(messages):
        if "fee?" in messages[-1].text:
            raise KeyboardInterrupt
        return say(messages)

    monkeypatch.setattr(lastro, "chat_model", lambda _settings: ScriptedChat(script=until_the_second))
    out = tmp_path / "r.json"
    assert cli.run(["eval", asked, "-l", named, "--answers", "--json", str(out)]) == 130
    assert "note: stopped: 1 of 4 questions were done" in capsys.readouterr().out
    assert len(json.loads(out.read_text(encoding="utf-8"))["runs"][0]["outcomes"]) == 1
