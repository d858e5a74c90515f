"""Every example runs as its reader would run it, and the samples are what their texts say."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from pypdf import PdfReader

EXAMPLES = Path(__file__).parent.parent / "examples"
DOCUMENTS = EXAMPLES / "documents"
QUESTIONS = json.loads((EXAMPLES / "questions.json").read_text(encoding="utf-8"))
TESTED = {
    "ask_library.py", "build_documents.py", "community_loader.py", "demo.py", "own_chain.py", "vector_store.py",
    "verify_foreign_chain.py",
}  # fmt: skip


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory):
    """One home for all examples, so that the second finds the documents of the first."""
    return tmp_path_factory.mktemp("examples")


def run_example(name, *arguments, home):
    """Run an example and return what it printed."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *map(str, arguments)],
        env={**os.environ, "LASTRO_HOME": str(home), "LASTRO_LLM__THREADS": "1"}, cwd=home,
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def page_texts(name):
    return [" ".join(page.extract_text().split()) for page in PdfReader(DOCUMENTS / name).pages]


def test_every_example_is_tested():
    assert {path.name for path in EXAMPLES.glob("*.py")} == TESTED


def test_the_committed_samples_are_what_the_generator_builds():
    spec = importlib.util.spec_from_file_location("build_documents", EXAMPLES / "build_documents.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    for name, data in module.build_all().items():
        assert (DOCUMENTS / name).read_bytes() == data, f"run examples/build_documents.py: {name} differs"


def test_half_of_the_questions_are_portuguese():
    languages = [row["lang"] for row in QUESTIONS]
    assert languages.count("pt") == languages.count("en") == len(QUESTIONS) // 2
    assert {row["lang"] for row in QUESTIONS if row.get("demo")} == {"pt", "en"}
    assert sum(row["answer"] is None for row in QUESTIONS) == 4


@pytest.mark.parametrize("row", [row for row in QUESTIONS if row["page"]], ids=lambda row: row["answer"])
def test_each_answer_stands_on_the_page_that_the_question_names(row):
    assert row["answer"] in page_texts(row["file"])[row["page"] - 1]


@pytest.mark.parametrize(
    "row", [row for row in QUESTIONS if row["answer"] and not row["page"]], ids=lambda row: row["answer"]
)
def test_each_answer_stands_in_its_pageless_document(row):
    if row["file"].endswith(".docx"):
        import docx

        document = docx.Document(str(DOCUMENTS / row["file"]))
        text = "\n".join(paragraph.text for paragraph in document.paragraphs)
    else:
        text = (DOCUMENTS / row["file"]).read_text(encoding="utf-8")
    assert row["answer"] in text


def test_the_generator_writes_where_it_is_told(tmp_path):
    out = run_example("build_documents.py", tmp_path / "made", home=tmp_path)
    assert out.count(" bytes") == 3
    assert (tmp_path / "made" / "commercial-lease.pdf").read_bytes() == (
        DOCUMENTS / "commercial-lease.pdf"
    ).read_bytes()


@pytest.mark.slow
def test_the_demo_answers_in_both_languages_with_exact_quotes(tmp_path):
    out = run_example("demo.py", tmp_path / "demo", home=tmp_path)
    summary = json.loads(out.splitlines()[-1])
    assert summary["answers"] == 2
    assert summary["citations"] >= 2
    assert summary["exact_quotes"] is True
    assert summary["languages"] == ["en", "pt"]
    assert "Ingrid Solberg" in out
    assert "R$ 7.480,50" in out


@pytest.mark.slow
def test_a_library_is_asked_from_python(shared_home):
    out = run_example("ask_library.py", home=shared_home)
    assert "Ingrid Solberg" in out
    assert "[1] Commercial Lease Agreement, page 4" in out


@pytest.mark.slow
def test_an_own_chain_uses_our_retriever_and_model(shared_home):
    out = run_example("own_chain.py", home=shared_home)
    assert "Aurora 3" in out
    assert out.strip().splitlines()[-1] != "What does the error code E04 mean?"


@pytest.mark.slow
def test_a_community_loader_is_a_source(shared_home):
    out = run_example("community_loader.py", home=shared_home)
    assert "4 rows added" in out
    assert "Sítio das Flores" in out


@pytest.mark.slow
def test_a_library_is_a_vector_store(tmp_path):
    out = run_example("vector_store.py", home=tmp_path)
    assert "since 2024, not by Rui: n3 {'year': 2024, 'author': 'Ana'}" in out
    assert "passage: The boiler leaks at the lower valve. (n2)" in out
    assert out.splitlines()[-1] == "left: 0"


@pytest.mark.slow
def test_a_foreign_chain_is_verified(tmp_path):
    out = run_example("verify_foreign_chain.py", home=tmp_path)
    assert "their chain: " in out
    assert "[1] boiler.txt: “The boiler was serviced on 3 March 2025" in out
    theirs, mine = out.split("written by hand: ")
    assert "(answered)" in theirs
    assert "The boiler was serviced on 3 March 2025 [1]." in mine
    assert "The roof was painted in 1924 [" in mine
    assert "1924 [1]" not in mine
