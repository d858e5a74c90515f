"""`lastro eval` as a user runs it: a process of its own, the real parser, the real embedder, the real model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parents[2] / "examples" / "documents"
ROWS = (
    {"question": "Who is the building manager?", "gold_ids": ["commercial-lease.pdf#page=4"], "lang": "en"},
    {
        "question": "Quem é a responsável técnica pela execução do contrato?",
        "gold_ids": ["contrato-prestacao-servicos.pdf#page=2"],
        "lang": "pt",
    },
    {"question": "Qual é a capital da Austrália?", "answerable": False, "lang": "pt"},
)
pytestmark = pytest.mark.slow


def lastro(*arguments: object, home: Path) -> subprocess.CompletedProcess[str]:
    limits = {"LASTRO_LLM__THREADS": "1", "LASTRO_HOME": str(home), "NO_COLOR": "1"}
    return subprocess.run(
        [sys.executable, "-m", "lastro", *map(str, arguments)], env={**os.environ, **limits}, cwd=home,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_two_languages_are_measured_and_drafted_with_the_starter_models(tmp_path):
    papers = [SAMPLES / "commercial-lease.pdf", SAMPLES / "contrato-prestacao-servicos.pdf"]
    assert lastro("add", *papers, home=tmp_path).returncode == 0
    questions = tmp_path / "questions.jsonl"
    questions.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    done = lastro("eval", "questions.jsonl", "--fail-under", "page_hit@5=1", "--json", "-", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    pages = {score["lang"]: score["value"] for score in report["scores"] if score["metric"] == "page_hit@5"}
    assert pages == {"all": 1.0, "en": 1.0, "pt": 1.0}
    done = lastro("eval", "make", "drafts.jsonl", "--questions", 2, home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    drafts = [json.loads(line) for line in (tmp_path / "drafts.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {draft["lang"] for draft in drafts} == {"en", "pt"}
    assert all(draft["meta"]["draft"] and "#page=" in draft["gold_ids"][0] for draft in drafts)
    done = lastro("eval", "drafts.jsonl", "--k", 5, home=tmp_path)
    assert done.returncode == 0
    assert "note: 2 of 2 questions are still drafts" in done.stdout


def test_answers_of_the_starter_model_are_measured(tmp_path, monkeypatch):
    monkeypatch.setenv("LASTRO_RETRIEVAL__K", "2")  # short prompts
    monkeypatch.setenv("LASTRO_LLM__MAX_TOKENS", "48")
    assert lastro("add", SAMPLES / "commercial-lease.pdf", home=tmp_path).returncode == 0
    questions = tmp_path / "questions.jsonl"
    rows = [{**ROWS[0], "answers": ["Ingrid Solberg"]}, ROWS[2]]
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    done = lastro("eval", "questions.jsonl", "--answers", "--html", "r.html", "--json", "-", home=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    (run,) = report["runs"]
    assert run["answering"]["model"]
    replies = [one["reply"] for one in run["outcomes"]]
    assert all(reply["seconds"] > 0 and reply["prompt_tokens"] > 100 for reply in replies)
    assert all(reply["right"] in (True, False) for reply in replies)
    assert all(reply["refused"] or reply["citations"] or reply["claims"] for reply in replies)
    assert {cost["lang"] for cost in report["answer_costs"]} == {"all", "en", "pt"}
    assert "<h2>Answers</h2>" in (tmp_path / "r.html").read_text(encoding="utf-8")
