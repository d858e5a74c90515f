"""The HTML report: what it says, that hostile text stays text, and that a real browser opens it with no request."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from langchain_core.documents import Document

from lastro.config import RetrievalSettings
from lastro.evaluation import plots
from lastro.evaluation.datasets import load_questions
from lastro.evaluation.page import place, visible
from lastro.evaluation.places import Places
from lastro.evaluation.records import Setting
from lastro.evaluation.report import failures, html
from lastro.evaluation.run import Configuration, describe, run
from lastro.evaluation.summary import make_report
from tests.chains.passages import passage
from tests.chromium import CHROMIUM
from tests.evaluation.conftest import QUESTIONS
from tests.evaluation.outcomes import a_run, outcome
from tests.ui.payloads import PAYLOADS

SETTING = Setting("sets/q.jsonl", "", "harbour", 3, 9, "hash")


def reported(library, questions, **other):
    settings = [RetrievalSettings(), *([RetrievalSettings(**other)] if other else [])]
    ways = [Configuration.of_library(library, one, name=f"way {at}", depth=6) for at, one in enumerate(settings)]
    golds = Places(library).resolve(questions)
    return make_report(describe(questions, library), run(questions, ways, library=library, golds=golds), depth=6)


def test_the_page_shows_the_figures_and_where_it_fails(library, write):
    questions = load_questions(write(*QUESTIONS))
    report = reported(library, questions, search_type="keyword")
    page = html(report)
    failed = failures(report.runs[0], 5)
    assert failed, "the set holds a question that no search answers"
    assert f"{len(failed)} of 5 questions have no right passage among the first 5." in page
    for failure in failed:
        assert failure.outcome.question in page
    assert page.count("<svg") == 5
    assert "way 0 → way 1" in page
    for score in report.scores:
        assert f"{score.low:.3f}–{score.high:.3f}" in page


def test_a_failure_says_how_far_off_it_was():
    near = dataclasses.replace(outcome(["a", "b"], {"b": 1}), golds=())
    below = outcome(["x", "y", "b"], {"b": 1}, key="below")
    elsewhere = outcome(["x"], {"b": 1}, key="elsewhere")
    page = dataclasses.replace(
        elsewhere, question_id="page", found=(dataclasses.replace(elsewhere.found[0], golds_by_page=(0,)),),
        golds=(dataclasses.replace(elsewhere.golds[0], pages=(3, 3)),),
    )  # fmt: skip
    document = dataclasses.replace(
        elsewhere, question_id="document", found=(dataclasses.replace(elsewhere.found[0], golds_by_document=(0,)),)
    )
    found = failures(a_run([near, below, page, document, elsewhere]), 2)
    assert [(one.outcome.question_id, one.kind, one.rank) for one in found] == [
        ("elsewhere", "elsewhere", None), ("document", "document", None), ("page", "page", None), ("below", "below", 3),
    ]  # fmt: skip


def test_a_report_without_failures_and_one_without_golds_say_so():
    good = make_report(SETTING, [a_run([outcome(["a"], {"a": 1}, key=str(n)) for n in range(3)])], depth=3)
    assert "Nowhere: every question has a right passage among the first 3." in html(good)
    nothing = make_report(SETTING, [a_run([outcome(["a"], {})])], depth=3)
    assert "No question names a gold passage" in html(nothing)
    assert "<svg" not in html(nothing)


def test_places_read_as_a_reader_writes_them():
    assert visible("a\u202etxt\x00") == "atxt"
    found = outcome(["Lease"], {}).found[0]
    assert place(found) == "Lease"
    assert place(dataclasses.replace(found, section="2. Rent")) == "Lease, 2. Rent"
    assert place(dataclasses.replace(found, page_start=3, page_end=4)) == "Lease, p. 3-4"
    assert passage().pages == "3"


def test_plots_hold_any_number_of_points():
    assert "</svg>" in plots.curves({"a": [0.5]}, label="l", x_label="k")
    assert "</svg>" in plots.curves({f"s{n}": [n / 100] * 60 for n in range(9)}, label="l", x_label="k")
    assert "</svg>" in plots.bars({"1": 0}, label="l", x_label="k")
    assert "</svg>" in plots.distributions({"a": [0.5], "b": []}, label="l", x_label="k")
    assert "&lt;b&gt;" in plots.spans([("<b>", 0.5, 0.4, 0.6)], label="l")


@pytest.fixture
def tab(browser):
    """A page that notes every request but its own file, and every message of its console; it must end with none."""
    context = browser.new_context(viewport={"width": 1180, "height": 900}, locale="en-US")
    page, heard = context.new_page(), []
    page.on("request", lambda request: heard.append(request.url) if request.resource_type != "document" else None)
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("dialog", lambda dialog: heard.append(dialog.message))
    yield page
    context.close()
    assert heard == []


def opened(tab, report, folder: Path):
    path = folder / "report.html"
    path.write_text(html(report), encoding="utf-8")
    tab.goto(path.as_uri())
    return tab


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_browser_shows_the_report_and_opens_its_failures(library, write, tab, tmp_path):
    questions = load_questions(write(*QUESTIONS))
    page = opened(tab, reported(library, questions, search_type="similarity"), tmp_path)
    assert page.title() == "questions.jsonl: evaluation"
    assert page.locator("svg").count() == 5
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
    for box in page.locator("svg text").all():
        inside = box.evaluate("""text => {
            const own = text.getBoundingClientRect(), all = text.ownerSVGElement.getBoundingClientRect();
            return own.left >= all.left - 1 && own.right <= all.right + 1 && own.bottom <= all.bottom + 1;
        }""")
        assert inside, box.text_content()
    first = page.locator("details[open] .passage.gold .where").first
    assert first.is_visible()
    page.locator("summary").first.focus()
    page.set_viewport_size({"width": 380, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    page.screenshot(path=str(tmp_path / "narrow.png"), full_page=True)


HOSTILE = (
    *(payload for payload in PAYLOADS if payload.strip() and "\0" not in payload),  # a library takes no others
    "</style><script>alert(1)</script>",
    '"><img src=http://127.0.0.1:9/x onerror=alert(1)>',
    "{{ 7 * 7 }}{% include 'x' %}",
    "</svg><svg onload=alert(1)>",
)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_hostile_text_is_text_everywhere_on_the_page(library, write, tab, tmp_path):
    documents = [
        Document(f"{text} harbour", metadata={"title": text, "section": text}, id=f"{n}{text}")
        for n, text in enumerate(HOSTILE)
    ]
    library.as_vectorstore().add_documents(documents)
    rows = [
        {
            "id": f"{n}{text}",
            "question": f"{text} gulls?",
            "gold_ids": [documents[n - 40].id],  # not the nearest, so that the page shows what it found
            "lang": "en",
            "answers": ["x" + text],
        }
        for n, text in enumerate(HOSTILE)
    ]
    report = reported(library, load_questions(write(*rows)), search_type="keyword")
    runs = [dataclasses.replace(one, name=HOSTILE[-4 + at]) for at, one in enumerate(report.runs)]
    hostile = make_report(dataclasses.replace(report.setting, library=HOSTILE[-1]), runs, depth=6)
    page = opened(tab, hostile, tmp_path)
    assert page.locator("script,img,iframe,object,embed,form,input,link,base,a,style ~ style").count() == 0
    assert page.locator("[onload],[onerror],[onclick],[src],[href]").count() == 0
    shown = page.evaluate("document.body.textContent")
    assert "</style><script>alert(1)</script>" in shown
    assert "{{ 7 * 7 }}" in shown
