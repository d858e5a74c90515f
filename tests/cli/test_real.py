"""The command as a user runs it: a process of its own, the real parser, the real embedder, the real model."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.samples import a_pdf

SAMPLES = Path(__file__).parents[2] / "examples" / "documents"
LEASE = SAMPLES / "commercial-lease.pdf"
pytestmark = pytest.mark.slow


def environment(home):
    """The environment of a run: one thread and short answers, so that a busy machine still ends in time."""
    limits = {"LASTRO_LLM__THREADS": "1", "LASTRO_LLM__MAX_TOKENS": "48"}
    return {**os.environ, **limits, "LASTRO_HOME": str(home), "NO_COLOR": "1"}


def lastro(*arguments, home, stdin=""):
    """Run `lastro` and return the finished process."""
    command = [sys.executable, "-m", "lastro", *map(str, arguments)]
    return subprocess.run(
        command, env=environment(home), input=stdin, capture_output=True, text=True, check=False, timeout=300
    )


def one_line(stderr):
    """The single line of an error; a traceback or a warning beside it would fail."""
    lines = [line for line in stderr.splitlines() if line.strip()]
    assert len(lines) == 1, stderr
    return lines[0]


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A home whose default library holds the sample documents; tests that change it copy it."""
    home = tmp_path_factory.mktemp("filled")
    done = lastro("add", SAMPLES, "--json", home=home)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert {result["state"] for result in report["results"]} == {"ok"}
    assert done.stderr.count("ok  ") == 5
    return home


def test_the_samples_are_listed_with_their_pages(filled):
    done = lastro("list", "--json", home=filled)
    listed = {Path(record["sources"][0]).name: record for record in json.loads(done.stdout)}
    assert set(listed) == {path.name for path in SAMPLES.iterdir()}
    assert listed["commercial-lease.pdf"]["pages"] == 4
    assert listed["contrato-prestacao-servicos.pdf"]["language"] == "pt"
    assert listed["manual-do-colaborador.docx"]["pages"] is None


def test_a_search_finds_the_page_in_portuguese(filled):
    done = lastro("search", "Quem é a responsável técnica?", "-k", 3, "--json", home=filled)
    passages = json.loads(done.stdout)
    assert len(passages) == 3
    best = next(passage for passage in passages if "Beatriz Fontoura" in passage["text"])
    assert best["page_start"] <= 2 <= best["page_end"]


def test_an_answer_is_exact_and_its_json_stands_alone_on_stdout(filled):
    done = lastro("ask", "Who is the building manager?", "-k", 2, "--json", home=filled)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["state"] in ("answered", "partial")
    assert any("Ingrid Solberg" in citation["quote"] for citation in answer["citations"])


def test_an_answer_is_shown_with_its_citations_and_timings(filled):
    done = lastro("ask", "Qual é o valor mensal do contrato de manutenção?", "-k", 2, home=filled)
    assert done.returncode == 0, done.stderr
    assert "[1]" in done.stdout
    assert "7.480,50" in done.stdout
    assert "Contrato de Prestação de Serviços" in done.stdout
    assert "in all" in done.stderr


def test_a_chat_reads_its_questions_from_a_pipe(filled):
    questions = "Who is the building manager?\nWho made the drawings of the roasting machine?\n"
    done = lastro("chat", "-k", 2, home=filled, stdin=questions)
    assert done.returncode == 0, done.stderr
    assert "Noor Haddad" in done.stdout
    assert "Ingrid Solberg" in done.stdout


def test_a_removed_document_is_gone_and_its_file_stays(filled, tmp_path):
    home = tmp_path / "copy"
    shutil.copytree(filled, home)
    done = lastro("remove", LEASE, home=home)
    assert done.returncode == 0, done.stderr
    assert "removed Commercial Lease Agreement" in done.stdout
    left = json.loads(lastro("list", "--json", home=home).stdout)
    assert len(left) == 4
    assert LEASE.exists()
    again = lastro("remove", LEASE, home=home)
    assert again.returncode == 3
    assert "commercial-lease.pdf" in one_line(again.stderr)


def test_bad_files_have_one_clear_line_each_and_the_good_ones_are_kept(tmp_path):
    folder = tmp_path / "batch"
    folder.mkdir()
    (folder / "good.pdf").write_bytes(a_pdf("The harbour pilot is Ana Prado.", "She starts on 2 May 2025."))
    (folder / "locked.pdf").write_bytes(a_pdf("secret", password="hidden"))
    (folder / "blank.pdf").write_bytes(a_pdf("", ""))
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\n" + bytes(range(256)) * 8)
    done = lastro("add", folder, "--json", home=tmp_path / "home")
    results = {Path(result["source"]).name: result for result in json.loads(done.stdout)["results"]}
    assert done.returncode == 1
    assert {name: result["state"] for name, result in results.items()} == {
        "good.pdf": "ok", "locked.pdf": "failed", "blank.pdf": "empty", "broken.pdf": "failed",
    }  # fmt: skip
    for name, result in results.items():
        assert sum(name in line for line in done.stderr.splitlines()) == 1
        assert result["state"] == "ok" or result["reason"]
    listed = json.loads(lastro("list", "--json", home=tmp_path / "home").stdout)
    assert "good.pdf" in {Path(record["sources"][0]).name for record in listed if record["chunks"]}


def test_a_missing_path_is_refused_in_one_line(tmp_path):
    done = lastro("add", tmp_path / "nowhere.pdf", home=tmp_path / "home")
    assert done.returncode in (1, 3)
    assert sum("nowhere.pdf" in line for line in done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", [["list"], ["search", "x"], ["ask", "x?"], ["remove", "x"], ["chat"]])
def test_only_add_creates_a_library(command, tmp_path):
    done = lastro(*command, home=tmp_path)
    assert done.returncode == 3
    assert "lastro add" in one_line(done.stderr)
    assert not (tmp_path / "libraries").exists()


def test_a_corrupt_model_is_refused_in_one_line(filled, tmp_path):
    model = tmp_path / "bad.gguf"
    model.write_bytes(b"GGUF" + bytes(range(256)) * 16)
    done = lastro("ask", "How much is the deposit?", "--model", model, home=filled)
    assert done.returncode == 3, done.stderr
    assert "bad.gguf" in one_line(done.stderr)


def test_a_missing_model_is_refused_in_one_line(filled):
    done = lastro("ask", "How much is the deposit?", "--model", "no-such-model", home=filled)
    assert done.returncode == 3, done.stderr
    assert "no-such-model" in one_line(done.stderr)


def test_a_question_longer_than_the_window_is_refused_not_cut(filled):
    question = "How much is the deposit? " + "Please tell me in detail. " * 200
    done = lastro("ask", question, "--context-window", 512, home=filled)
    assert done.returncode == 3, done.stderr
    assert "512" in one_line(done.stderr)


def test_the_catalogue_is_listed_as_json(tmp_path):
    done = lastro("models", "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    listed = {listing["name"]: listing for listing in json.loads(done.stdout)}
    assert listed["smollm2-135m"]["installed"]
    assert listed["all-minilm-l6-v2"]["installed"]


def test_an_interrupted_add_keeps_whole_documents(tmp_path):
    folder, total = tmp_path / "many", 40
    folder.mkdir()
    for number in range(total):
        lines = [f"Clause {line} of deed {number}: the fee is {number * line} euros a year." for line in range(150)]
        (folder / f"deed-{number:02}.txt").write_text("\n\n".join(lines), encoding="utf-8")
    home = tmp_path / "home"
    process = subprocess.Popen(
        [sys.executable, "-m", "lastro", "add", str(folder)],
        env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    line = next(line for line in process.stderr if line.startswith("ok"))
    assert "deed-00.txt" in line
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=120)
    assert process.returncode == 130, rest
    assert "Traceback" not in rest
    kept = json.loads(lastro("list", "--json", home=home).stdout)
    assert 1 <= len(kept) < total
    assert {record["state"] for record in kept} == {"ok"}
    assert len({record["chunks"] for record in kept}) == 1 or all(record["chunks"] > 5 for record in kept)


def test_ctrl_c_in_the_middle_of_an_answer_ends_cleanly(filled):
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "lastro", "ask", "Who is the building manager?", "-k", "1"],
        env=environment(filled), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert next(process.stderr) == "reading 1 passage...\n"
    assert next(process.stderr) == "draft, not yet checked:\n"
    process.send_signal(signal.SIGINT)
    out, rest = process.communicate(timeout=60)
    assert process.returncode == 130, rest
    assert out == ""
    assert rest.endswith("lastro: stopped\n")
    assert "Traceback" not in rest
