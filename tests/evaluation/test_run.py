"""Runs over a real library, and what is made of them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import TypeAdapter

import lastro
from lastro import detection
from lastro.config import RetrievalSettings
from lastro.errors import ConfigError, LibraryError
from lastro.evaluation.datasets import load_questions
from lastro.evaluation.metrics import find_metric, first_rank
from lastro.evaluation.places import Places
from lastro.evaluation.records import Report, Setting
from lastro.evaluation.report import html
from lastro.evaluation.run import Configuration, depth_of, describe, run
from lastro.evaluation.saved import load_report, to_json, write_file
from lastro.evaluation.summary import compare, failures, make_report, parse_limit
from lastro.evaluation.tables import tables
from tests.cli.samples import a_pdf
from tests.evaluation.conftest import QUESTIONS
from tests.evaluation.outcomes import a_run, outcome
from tests.fakes import HashEmbeddings, ScriptedChat


@pytest.fixture
def questions(write):
    return load_questions(write(*QUESTIONS))


def evaluated(library, questions, *configurations):
    golds = Places(library).resolve(questions)
    return run(questions, configurations, library=library, golds=golds)


def of(library, depth=5, **settings):
    chosen = RetrievalSettings(**settings)
    return Configuration.of_library(library, chosen, name=str(settings or "usual"), depth=depth)


def test_each_question_is_searched_and_its_passages_judged(library, questions):
    (found,) = evaluated(library, questions, of(library))
    outcomes = {outcome.question_id: outcome for outcome in found.outcomes}
    assert list(outcomes) == [question.id for question in questions.questions]
    fee = outcomes["fee"].found[0]
    assert (fee.title, fee.page_start, fee.golds, fee.golds_by_page) == ("harbour", 2, (0,), (0,))
    assert outcomes["nobody"].golds == ()
    assert outcomes["nobody"].found
    assert all(len(outcome.found) <= 5 and outcome.ms > 0 for outcome in found.outcomes)


def test_every_search_is_asked_in_turn_and_another_begins_each_time(library, questions):
    asked = []

    def searching(name):
        def search(query):
            asked.append((name, query))
            return library.search(query, k=3)

        return Configuration(name, search, {}, 3)

    evaluated(library, questions, searching("a"), searching("b"))
    first = [question.question for question in questions.questions]
    assert asked[:2] == [("a", first[0]), ("b", first[0])]  # before the clock starts
    assert asked[2:6] == [("a", first[0]), ("b", first[0]), ("b", first[1]), ("a", first[1])]
    assert len(asked) == 2 + 2 * len(first)


def test_no_model_of_languages_is_loaded_within_a_measured_search(library, questions, monkeypatch):
    monkeypatch.setattr(detection, "_IDENTIFIER", None)
    loaded = []
    search = of(library).search

    def searching(query):
        loaded.append(detection._IDENTIFIER is not None)
        return search(query)

    evaluated(library, questions, dataclasses.replace(of(library), search=searching))
    assert all(loaded)


def test_settings_of_a_configuration_are_those_of_its_search(library, questions):
    usual, keyword = evaluated(library, questions, of(library), of(library, search_type="keyword"))
    assert all(found.keyword_score is not None for one in keyword.outcomes for found in one.found)
    assert keyword.settings["search_type"] == "keyword"
    assert len(usual.outcomes) == len(keyword.outcomes)


def test_a_duplicate_of_a_gold_is_the_gold(library, write):
    text = "The lifeboat drill is held on the first Monday of every month at the east pier."
    documents = [Document(text, metadata={"title": key}, id=key) for key in ("drill-a", "drill-b")]
    library.as_vectorstore().add_documents(documents)
    rows = [{"id": key, "question": "When is the lifeboat drill?", "gold_ids": [key]} for key in ("drill-a", "drill-b")]
    questions = load_questions(write(*rows))
    (found,) = evaluated(library, questions, of(library, merge_duplicates=True))
    assert [first_rank(one) for one in found.outcomes] == [1, 1]


def test_a_page_and_a_document_are_those_of_the_passage_that_is_shown(library, tmp_path, write):
    for name in ("drill-a", "drill-b"):
        (tmp_path / f"{name}.pdf").write_bytes(a_pdf(f"Roster of {name}.", "The lifeboat drill is held every Monday."))
        library.add([tmp_path / f"{name}.pdf"])
    rows = [
        {"id": name, "question": "When is the lifeboat drill held?", "gold_ids": [f"{name}.pdf#page=2"]}
        for name in ("drill-a", "drill-b")
    ]
    (found,) = evaluated(library, load_questions(write(*rows)), of(library, merge_duplicates=True))
    tops = [one.found[0] for one in found.outcomes]
    assert [top.golds for top in tops] == [(0,), (0,)]
    shown = [top.title == one.question_id for one, top in zip(found.outcomes, tops, strict=True)]
    assert sorted(shown) == [False, True]
    for metric in ("page_hit@1", "document_hit@1"):
        values = [find_metric(metric, depth=1).compute(one) for one in found.outcomes]
        assert values == [float(one) for one in shown]


@pytest.mark.parametrize(
    "changes",
    [{}, {"mmr_lambda": 0.3}, {"max_per_document": 1}, {"merge_duplicates": False}, {"search_type": "keyword"}],
    ids=str,
)
def test_the_first_passages_of_a_deep_search_are_those_of_an_answers_search(library, changes):
    settings = RetrievalSettings(k=3, **changes)
    assert depth_of(settings, 10) == 10
    for row in QUESTIONS:
        deep = library.search(row["question"], k=10, settings=settings)
        assert deep[:3] == library.search(row["question"], settings=settings)


def test_passages_that_grow_are_measured_as_an_answer_gets_them(library, questions):
    settings = RetrievalSettings(k=3, context_tokens=300)
    grown = of(library, depth=10, k=3, context_tokens=300)
    runs = evaluated(library, questions, of(library, depth=10, k=3), grown)
    report = make_report(describe(questions, library), runs, depth=10)
    for measured in report.runs[1].outcomes:
        given = library.search(measured.question, settings=settings)
        assert [(one.start, one.end) for one in measured.found] == [(one.start, one.end) for one in given]
    assert (report.runs[0].depth, report.runs[1].depth, report.depth) == (10, 3, 3)
    assert max(len(outcome.found) for outcome in report.runs[0].outcomes) == 10
    assert {score.metric for score in report.scores if score.metric.startswith("hit")} == {"hit@1", "hit@3"}
    assert "hit@10" not in {row.metric for row in report.comparisons}
    (note,) = [note for note in report.notes if "share retrieval.context_tokens = 300 to grow" in note]
    assert "for retrieval.k = 3 passages and not for 10" in note
    page = html(report)
    assert "tokens@3</td>" in page
    assert "tokens@10</td>" not in page


def test_a_search_deeper_than_its_candidates_is_told(library, questions):
    (found,) = evaluated(library, questions, of(library, depth=9, k=4, candidates=8))
    report = make_report(describe(questions, library), [found], depth=9)
    assert any("searched for 9 passages, more than retrieval.candidates = 8" in note for note in report.notes)
    (found,) = evaluated(library, questions, of(library, depth=8, k=4, candidates=8))
    assert not any("candidates" in note for note in make_report(report.setting, [found], depth=8).notes)


def test_tokens_are_named_after_the_passages_that_were_counted(library, questions):
    (found,) = evaluated(library, questions, of(library, depth=2, k=6))
    report = make_report(describe(questions, library), [found], depth=2)
    cost = next(cost for cost in report.costs if cost.lang == "all")
    assert cost.k == 2
    tokens = [sum(one.tokens for one in outcome.found) for outcome in found.outcomes]
    assert cost.tokens == pytest.approx(sum(tokens) / len(tokens))
    assert "tokens@2" in html(report)
    assert "tokens@6" not in html(report)


def test_any_langchain_retriever_can_be_measured(library, questions):
    configuration = Configuration.of_retriever(library.as_retriever(k=4), name="theirs", context_k=4)
    (found,) = evaluated(library, questions, configuration)
    assert found.settings == {"retriever": "LibraryRetriever"}
    assert first_rank(found.outcomes[1]) == 1


def test_a_retriever_of_others_is_judged_by_what_it_says_of_its_documents(library, questions):
    class Fixed(BaseRetriever):
        def _get_relevant_documents(self, query, *, run_manager):
            return [Document("Gulls.", id="gulls", metadata={"title": "gulls"})]

    (found,) = evaluated(library, questions, Configuration.of_retriever(Fixed(), name="fixed", context_k=1))
    assert [first_rank(one) for one in found.outcomes] == [None, None, None, 1, None, None]


def test_a_search_that_the_chat_model_widens_gets_one(library, questions):
    settings = RetrievalSettings(expansion="multi_query")
    with pytest.raises(ConfigError, match="wants a chat model"):
        Configuration.of_library(library, settings, name="x", depth=3)
    chat = ScriptedChat(script="What does mooring cost?\nWhat is the price of a berth?")
    configuration = Configuration.of_library(library, settings, name="x", depth=3, chat=lambda: chat)
    (found,) = evaluated(library, questions, configuration)
    assert found.settings["expansion"] == "multi_query"
    assert chat.seen


def test_an_empty_library_is_refused(tmp_path, questions):
    with (
        lastro.open_library(tmp_path / "empty", embedder=HashEmbeddings()) as empty,
        pytest.raises(LibraryError, match="holds no documents"),
    ):
        run(questions, [], library=empty, golds={})


@pytest.fixture
def report(library, questions):
    runs = evaluated(library, questions, of(library), of(library, search_type="similarity"))
    return make_report(describe(questions, library), runs, depth=5)


def test_a_report_has_figures_by_language_costs_and_a_comparison(report):
    scores = {(score.run, score.lang, score.metric): score for score in report.scores}
    langs = {score.lang for score in report.scores}
    assert langs == {"all", "en", "pt"}
    hit = scores["usual", "all", "hit@5"]
    assert hit.questions == 5
    assert 0 <= hit.low <= hit.value <= hit.high <= 1
    assert scores["usual", "en", "hit@5"].questions == 3
    assert scores["usual", "all", "page_hit@5"].questions == 2
    assert {cost.lang for cost in report.costs} == langs
    assert all(0 < cost.p50_ms <= cost.p95_ms and cost.tokens > 0 for cost in report.costs)
    assert {"hit@5", "ndcg@5", "tokens@5", "ms"} <= {row.metric for row in report.comparisons}
    assert "1 of 6 questions name no gold passage" in report.notes[0]
    assert "5 questions are few" in report.notes[1]


def test_a_report_is_written_and_read_back(report, tmp_path):
    path = tmp_path / "report.json"
    write_file(path, to_json(report))
    assert load_report(path) == report
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []


def test_the_documentation_names_every_field_of_the_file(report):
    page = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
    schema = TypeAdapter(Report).json_schema()
    fields = {name for part in [schema, *schema["$defs"].values()] for name in part["properties"]}
    assert {name for name in fields if f"`{name}`" not in page} == set()
    assert set(json.loads(to_json(report))) == set(schema["properties"])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("nonsense", "not JSON"),
        ("[1]", "holds no evaluation"),
        ('{"format": "lastro-evaluation", "version": 3}', "version 3 of the format, this program reads 1 and 2"),
        ('{"format": "lastro-evaluation", "version": 1}', "setting: Field required.*damaged"),
    ],
)
def test_a_file_that_is_no_report_is_told(tmp_path, content, problem):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(ConfigError, match=problem):
        load_report(tmp_path / "x.json")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_report(tmp_path / "none.json")


def test_a_saved_run_is_compared_with_as_deep_as_it_went(report, library, questions):
    old = dataclasses.replace(report.runs[0], name="old.json")
    (now,) = evaluated(library, questions, of(library, depth=9))
    later = make_report(report.setting, [now], depth=9, against=old)
    rows = {row.metric: row for row in later.comparisons if row.lang == "all"}
    assert (rows["hit@5"].before, rows["hit@5"].after) == ("old.json", "usual")
    assert rows["hit@5"].difference == 0
    assert rows["hit@5"].p == 1
    assert "hit@9" not in rows
    assert (rows["ms"].p, rows["ms"].better, rows["ms"].worse) == (None, None, None)
    assert rows["tokens@5"].p is not None
    assert "None" not in html(later)
    (*_, changes) = tables(later)
    assert [str(cell) for cell in changes.table.columns[0].cells] == ["ms all", "ms en", "ms pt"]
    assert "rows hidden" in changes.title
    assert [one.name for one in later.runs] == ["usual", "old.json"]


def test_runs_of_other_questions_are_not_compared():
    one, other = a_run([outcome(["a"], {"a": 1}, key="x")], "one"), a_run([outcome(["a"], {"a": 1}, key="y")], "other")
    with pytest.raises(ConfigError, match="one and other have no question in common"):
        compare(one, other, depth=1)


def test_a_question_whose_golds_changed_is_left_out_of_a_comparison():
    before = a_run([outcome(["a", "b"], {"b": 1}, key=f"q{n}") for n in range(9)], "before.json")
    changed = outcome(["a", "b"], {"a": 1}, key="q0")
    after = a_run([changed, *(outcome(["a", "b"], {"b": 1}, key=f"q{n}") for n in range(1, 9))], "now")
    setting = Setting("q.jsonl", "", "library", 1, 1, "hash")
    report = make_report(setting, [after], depth=2, against=before)
    assert {row.questions for row in report.comparisons} == {8}
    assert {(row.better, row.worse) for row in report.comparisons if row.metric != "ms"} == {(0, 0)}
    told = "1 of 9 questions have other gold ids or grades than in before.json: not compared with it"
    assert told in report.notes
    assert "Questions it won" not in html(report)
    with pytest.raises(ConfigError, match="no question in common"):
        make_report(setting, [a_run([changed])], depth=2, against=before)


@pytest.mark.parametrize(("better", "told"), [(0, False), (2, True), (5, True), (6, False)])
def test_a_comparison_that_hangs_on_a_few_questions_says_so(better, told):
    before = a_run([outcome(["x", "b"], {"b": 1}, key=f"q{n}") for n in range(60)], "before")
    after = a_run(
        [outcome(["b", "x"] if n < better else ["x", "b"], {"b": 1}, key=f"q{n}") for n in range(60)], "after"
    )
    report = make_report(Setting("q.jsonl", "", "library", 1, 1, "hash"), [before, after], depth=2)
    row = next(row for row in report.comparisons if row.metric == "hit@1")
    assert (row.p < 0.05) == (better == 6)
    notes = [
        note for note in report.notes if note.startswith("before -> after: fewer than 6 questions differ in hit@1")
    ]
    assert bool(notes) == told
    printed = "".join(str(cell) for _, table in tables(report) for column in table.columns for cell in column.cells)
    assert "< .001" not in printed


def test_a_change_is_counted_question_by_question():
    before = a_run([outcome(["a", "b"], {"b": 1}, key=f"q{n}", ms=20) for n in range(40)], "before")
    after = a_run(
        [outcome(["b", "a"] if n < 30 else ["x", "y"], {"b": 1}, key=f"q{n}", ms=5) for n in range(40)], "after"
    )
    rows = {row.metric: row for row in compare(before, after, depth=2)}
    assert (rows["hit@1"].better, rows["hit@1"].worse, rows["hit@1"].difference) == (30, 0, 0.75)
    assert rows["hit@1"].p < 0.001
    assert (rows["hit@2"].better, rows["hit@2"].worse) == (0, 10)
    assert (rows["ms"].difference, rows["ms"].better) == (-15, 40)  # less is better


def test_limits_are_kept_or_named():
    found = a_run([outcome(["a"], {"a": 1}, key=str(n)) for n in range(3)] + [outcome(["x"], {"a": 1}, key="z")])
    limits = [parse_limit(text, depth=1) for text in ("hit@1=0.75", "hit@1=0.76", "page_hit@1=0.1")]
    assert failures(found, limits) == [
        "hit@1 = 0.7500 is under 0.76 (over 4 questions)",
        "page_hit@1: no question has a gold passage, so it cannot keep to 0.1",
    ]


@pytest.mark.parametrize("limit", ["hit@1", "hit@1=", "hit@1=x", "hit@1=95", "hit@1=nan", "ms=0.5"])
def test_a_limit_is_a_metric_of_quality_and_a_share(limit):
    with pytest.raises(ConfigError, match=r"as in --fail-under hit@5=0\.95"):
        parse_limit(limit, depth=1)


def test_perfect_scores_come_with_what_they_leave_open():
    found = a_run([outcome(["a"], {"a": 1}, key=str(n)) for n in range(60)])
    report = make_report(Setting("q.jsonl", "", "library", 1, 1, "hash"), [found], depth=1)
    assert report.notes == ("every question hits, so the interval is a point; up to 5.0% may still miss",)
    assert find_metric("hit@1", depth=1).compute(found.outcomes[0]) == 1
