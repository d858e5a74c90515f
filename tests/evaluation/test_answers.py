"""Answers that are asked for, judged, counted, saved and shown; the chain is scripted, the library is real."""

from __future__ import annotations

import dataclasses
import json

import pytest
from langchain_core.documents import Document

from lastro.config import RetrievalSettings
from lastro.evaluation.answers.metrics import ANSWER_MEASURES, judgement
from lastro.evaluation.answers.notes import answer_notes
from lastro.evaluation.answers.report import answer_failures
from lastro.evaluation.answers.summary import answer_costs, answer_scores, compare_answers
from lastro.evaluation.datasets import load_questions
from lastro.evaluation.figures import pooled_value
from lastro.evaluation.places import Places
from lastro.evaluation.records import Gold, Setting
from lastro.evaluation.report import html
from lastro.evaluation.run import Configuration, describe, run
from lastro.evaluation.saved import load_report, to_json, write_file
from lastro.evaluation.summary import failures, make_report, parse_limit
from lastro.evaluation.tables import tables
from tests.chromium import CHROMIUM
from tests.cli.samples import a_pdf
from tests.evaluation.answered import Says, Scripted, replied
from tests.evaluation.outcomes import a_run, outcome
from tests.evaluation.test_report import opened, tab  # noqa: F401 - a fixture

ROWS = (
    {"id": "pilot", "question": "Who is the harbour pilot?", "gold_ids": ["harbour.pdf#page=1"], "lang": "en",
     "answers": ["Ana Prado"]},
    {"id": "fee", "question": "How much is the mooring fee?", "gold_ids": ["harbour.pdf#page=2"], "lang": "en",
     "answers": ["300 euros"]},
    {"id": "taxa", "question": "De quanto é a taxa de atracação?", "gold_ids": ["taxa-pt"], "lang": "pt",
     "answers": ["300 euros"]},
    {"id": "gulls", "question": "Where do gulls nest?", "gold_ids": ["gulls"], "lang": "en"},
    {"id": "nobody", "question": "Who won the regatta of 1931?", "answerable": False, "lang": "en"},
    {"id": "ninguem", "question": "Quem venceu a regata de 1931?", "answerable": False, "lang": "pt"},
    {"id": "long", "question": "Which boats moor at the north quay?", "gold_ids": ["harbour.pdf#page=3"], "lang": "en",
     "answers": ["longer than nine metres"]},
)  # fmt: skip
SCRIPT = {
    "Who is the harbour pilot?": Says("The pilot is Ana Prado", ("The harbour pilot is Ana Prado",), 0.9),
    "How much is the mooring fee?": Says(
        "The fee is 200 euros", ("Gulls nest on the roof",), 0.6, ("contradicted", "unsupported", "no_claim")
    ),
    "De quanto é a taxa de atracação?": Says(
        "A taxa é de 300 euros", ("300 euros por ano", "Ana Prado, que começa"), 0.8, language="pt"
    ),
    "Where do gulls nest?": Says("On the roof", ("Gulls nest on the roof",), 0.7),
    "Who won the regatta of 1931?": Says("Ana Prado won it", (), 0.2, ("unsupported",)),
    "Which boats moor at the north quay?": Says("too long"),
}


@pytest.fixture
def questions(write):
    return load_questions(write(*ROWS))


def answered(library, questions, script=SCRIPT, name="ours", **answering):
    chain = Scripted(library, script)
    way = Configuration.of_library(library, RetrievalSettings(), name=name, depth=5)
    way = dataclasses.replace(way, chain=chain, answering=answering)
    (found,) = run(questions, [way], library=library, golds=Places(library).resolve(questions))
    assert len(chain.asked) == len(questions.questions) + 1  # the first one before the clock starts
    return found


def values(found, lang="all"):
    return {row.metric: row.value for row in answer_scores(found) if row.lang == lang}


def test_each_answer_is_compared_with_its_gold_answers_and_places(library, questions):
    replies = {one.question_id: one.reply for one in answered(library, questions).outcomes}
    assert (replies["pilot"].right, replies["pilot"].contains, replies["pilot"].exact) == (True, 1.0, 0.0)
    assert replies["pilot"].f1 == pytest.approx(2 * 2 / (4 + 2))  # "pilot is ana prado" and "ana prado"
    assert [one.golds for one in replies["pilot"].citations] == [(0,)]
    assert [one.golds_by_page for one in replies["pilot"].citations] == [(0,)]
    assert (replies["fee"].right, replies["fee"].claims) == (
        False,
        {"contradicted": 1, "unsupported": 1, "no_claim": 1},
    )
    assert [one.golds for one in replies["fee"].citations] == [()]
    assert [one.golds for one in replies["taxa"].citations] == [(0,), ()]
    assert (replies["gulls"].right, replies["gulls"].f1) == (None, None)  # no gold answer to compare with
    assert (replies["nobody"].right, replies["nobody"].refused, replies["nobody"].exact) == (False, False, None)
    assert (replies["ninguem"].right, replies["ninguem"].refused) == (False, True)
    assert (replies["long"].refused, replies["long"].error) == (True, "the question does not fit")
    assert all(reply.seconds > 0 for reply in replies.values())


def test_figures_are_those_worked_out_by_hand(library, questions):
    found = values(answered(library, questions))
    assert found["right"] == pytest.approx(2 / 4)  # pilot, taxa; not fee, long
    assert found["accuracy"] == pytest.approx(2 / 4)  # of pilot, fee, taxa, nobody
    assert found["refusal"] == pytest.approx(1 / 2)
    assert found["false_refusal"] == pytest.approx(1 / 5)
    assert found["cite_precision"] == pytest.approx((1 + 0 + 1 / 2 + 1) / 4)
    assert found["cite_recall"] == pytest.approx((1 + 0 + 1 + 1) / 4)
    assert found["page_precision"] == pytest.approx((1 + 0) / 2)
    assert found["page_recall"] == pytest.approx((1 + 0) / 2)
    assert found["backed"] == pytest.approx((1 + 0 + 1 + 1 + 0) / 5)
    assert found["contradicted"] == pytest.approx(0.5 / 5)
    assert found["unsupported"] == pytest.approx((0.5 + 1) / 5)
    # right at .9 and .8; wrong at .6, .2, and two refusals at 0
    assert found["auroc"] == 1.0
    assert found["aurc"] == pytest.approx((0 + 0 + 1 / 3 + 2 / 4 + 3 / 5 + 4 / 6) / 6)
    assert found["accuracy@50"] == pytest.approx(2 / 3)
    assert found["accuracy@80"] == pytest.approx(2 / 5)
    assert found["ece"] == pytest.approx((0.1 + 0.2 + 0.6 + 0.2) / 4)  # of what was answered: gulls cannot be judged
    portuguese = values(answered(library, questions), "pt")
    assert (portuguese["right"], portuguese["refusal"], portuguese["cite_precision"]) == (1.0, 1.0, 0.5)


def test_costs_are_told_by_language(library, questions):
    costs = {cost.lang: cost for cost in answer_costs(answered(library, questions))}
    assert set(costs) == {"all", "en", "pt"}
    assert (costs["pt"].prompt_tokens, costs["pt"].cached_tokens, costs["pt"].completion_tokens) == (100, 40, 20)
    assert 0 < costs["all"].p50_s <= costs["all"].p95_s


def test_what_was_merged_into_a_cited_passage_is_cited_too(library, write):
    text = "The lifeboat drill is held on the first Monday of every month at the east pier."
    documents = [Document(text, metadata={"title": key}, id=key) for key in ("drill-a", "drill-b")]
    library.as_vectorstore().add_documents(documents)
    asked = "When is the lifeboat drill?"
    rows = [{"id": key, "question": asked, "gold_ids": [key]} for key in ("drill-a", "drill-b")]
    script = {asked: Says("On Mondays", ("the first Monday of every month",))}
    found = answered(library, load_questions(write(*rows)), script)
    assert [one.reply.citations[0].golds for one in found.outcomes] == [(0,), (0,)]
    assert sorted(len(one.reply.citations[0].golds_by_document) for one in found.outcomes) == [0, 1]


def test_a_short_quote_within_a_gold_span_is_that_place_and_one_beside_it_is_not(library, tmp_path, write):
    (tmp_path / "roster.pdf").write_bytes(a_pdf("The drill is on Monday. The bell rings at nine."))
    library.add([tmp_path / "roster.pdf"])
    asked = "When does the bell ring?"
    text = library.text(library.document("roster.pdf").id)
    start = text.index("The bell")
    gold = f"roster.pdf#char={start},{start + 23}"
    for quote, golds in (("rings at nine", (0,)), ("drill is on", ())):
        rows = [{"id": "bell", "question": asked, "gold_ids": [gold]}]
        found = answered(library, load_questions(write(*rows)), {asked: Says("At nine", (quote,))})
        assert found.outcomes[0].reply.citations[0].golds == golds


def test_a_refusal_in_words_is_a_refusal(library, write):
    asked = "Who won the regatta of 1931?"
    script = {asked: Says("I did not find the answer in your documents.", (), 0.9)}
    found = answered(library, load_questions(write({"question": asked, "answerable": False})), script)
    assert found.outcomes[0].reply.refused
    assert judgement(found.outcomes[0]) == (0.0, False)


# Metrics by hand ----------------------------------------------------------------------------------------------------


def measured(name, one):
    return ANSWER_MEASURES[name].compute(one)


@pytest.mark.parametrize(
    ("cited", "precision", "recall"),
    [((), None, 0.0), (((0,), ()), 0.5, 0.5), (((0,), (0,)), 1.0, 0.5), (((0, 1),), 1.0, 1.0), (((), ()), 0.0, 0.0)],
)
def test_citations_are_right_where_they_are_gold_and_gold_counts_once(cited, precision, recall):
    one = replied(golds=2, cited=cited)
    assert (measured("cite_precision", one), measured("cite_recall", one)) == (precision, recall)
    assert measured("page_precision", one) is None  # no gold has pages
    assert measured("cite_recall", replied(golds=2, refused=True)) is None


def test_pages_are_counted_over_golds_that_have_them():
    one = replied(golds=2, cited=((0,), ()))
    paged = dataclasses.replace(one, golds=(one.golds[0], Gold("p", "d", "t", pages=(3, 3))))
    assert (measured("page_precision", paged), measured("page_recall", paged)) == (0.0, 0.0)
    reply = dataclasses.replace(
        one.reply, citations=tuple(dataclasses.replace(cited, golds_by_page=(1,)) for cited in one.reply.citations)
    )
    paged = dataclasses.replace(paged, reply=reply)
    assert (measured("page_precision", paged), measured("page_recall", paged)) == (1.0, 1.0)


def test_a_question_that_was_not_answered_has_no_value():
    for measure in ANSWER_MEASURES.values():
        one = outcome(["a"], {"a": 1})
        assert (measure.judgement if hasattr(measure, "judgement") else measure.compute)(one) is None


def test_what_cannot_be_judged_is_not_ranked():
    assert judgement(replied(right=None)) is None
    assert judgement(replied(confidence=None)) is None
    assert judgement(replied(refused=True)) == (0.0, False)
    assert judgement(replied(golds=0, confidence=0.3)) == (0.3, False)
    assert pooled_value(ANSWER_MEASURES["auroc"], [replied()]) is None  # no wrong one to be told apart


def test_answers_without_confidence_have_no_figures_of_it():
    found = a_run([replied(key=str(n), confidence=None, right=n % 2 == 0) for n in range(4)])
    metrics = {row.metric for row in answer_scores(found)}
    assert "right" in metrics
    assert not metrics & {"auroc", "aurc", "ece", "accuracy@50"}
    assert any("4 of 4 answers have no confidence" in note for note in answer_notes(found))


def test_intervals_hold_their_value_and_are_the_same_each_time():
    found = a_run([replied(key=str(n), confidence=(n * 7 % 40) / 40, right=n * 7 % 40 > 15 + n % 9) for n in range(80)])
    rows = answer_scores(found)
    assert rows == answer_scores(found)
    assert {"auroc", "aurc", "accuracy@80", "ece"} <= {row.metric for row in rows}
    for row in rows:
        assert row.low <= row.value <= row.high or row.metric == "ece", row  # resamples are further off on average
    assert all(row.low < row.high for row in rows if row.metric in ("auroc", "aurc"))


def test_a_limit_on_answers_is_kept_or_named():
    found = a_run([replied(key=str(n), right=n > 0, confidence=n / 9) for n in range(10)])
    limits = [parse_limit("right=0.9", depth=1), parse_limit("accuracy=0.95", depth=1), parse_limit("auroc=1", depth=1)]
    limits += [parse_limit("false_refusal=0", depth=1, over=True), parse_limit("aurc=0.001", depth=1, over=True)]
    (accuracy, risk) = failures(found, limits)
    assert accuracy == "accuracy = 0.9000 is under 0.95 (over 10 questions)"
    assert risk == "aurc = 0.0100 is over 0.001 (over 10 questions)"
    assert failures(found, [parse_limit("refusal=0.5", depth=1)]) == [
        "refusal: there is no answer that it is of, so it cannot keep to 0.5"
    ]


# Reports ------------------------------------------------------------------------------------------------------------

SETTING = Setting("sets/q.jsonl", "", "harbour", 3, 9, "hash")


def two_runs():
    before = [replied(key=f"q{n}", right=n % 3 == 0, confidence=(n % 10) / 10) for n in range(40)]
    after = [replied(key=f"q{n}", right=n % 3 != 0, confidence=0.9 if n % 3 else 0.1) for n in range(40)]
    return a_run(before, "before"), a_run(after, "after")


def test_two_runs_are_compared_answer_by_answer():
    rows = {row.metric: row for row in compare_answers(*two_runs())}
    right = rows["right"]
    assert (right.better, right.worse, right.questions) == (26, 14, 40)
    assert right.difference == pytest.approx(12 / 40)
    assert right.p is not None
    auroc = rows["auroc"]
    assert auroc.after_value == 1.0
    assert auroc.difference == pytest.approx(1.0 - auroc.before_value)
    assert auroc.low < auroc.difference < auroc.high
    assert (auroc.p, auroc.better) == (None, None)
    assert rows["answer_tokens"].difference == 0
    assert not rows["aurc"].higher_is_better


def test_answers_judged_by_other_golds_are_not_compared():
    before, after = two_runs()
    changed = [dataclasses.replace(one, answers=("other",)) for one in after.outcomes]
    assert compare_answers(before, dataclasses.replace(after, outcomes=tuple(changed))) == []
    assert compare_answers(a_run([outcome(["a"], {"g0": 1}, key="q0")]), after) == []


def test_a_report_with_answers_is_written_read_back_and_compared(library, questions, tmp_path):
    report = make_report(
        describe(questions, library), [answered(library, questions, model="m", policy="mark")], depth=5
    )
    path = tmp_path / "report.json"
    write_file(path, to_json(report))
    assert load_report(path) == report
    old = dataclasses.replace(load_report(path).runs[0], name="old.json")
    later = make_report(report.setting, [answered(library, questions)], depth=5, against=old)
    rows = {row.metric: row for row in later.answer_comparisons if row.lang == "all"}
    assert rows["right"].difference == rows["auroc"].difference == 0
    assert (rows["seconds"].p, rows["seconds"].better) == (None, None)
    assert "old.json → ours: answers" in html(later)


def test_a_report_of_the_first_version_is_read_and_compared(library, questions, tmp_path):
    report = make_report(describe(questions, library), [answered(library, questions)], depth=5)
    old = json.loads(to_json(report))
    old["version"] = 1
    for name in ("answer_scores", "answer_costs", "answer_comparisons"):
        del old[name]
    del old["runs"][0]["answering"]
    for one in old["runs"][0]["outcomes"]:
        del one["reply"]
    path = tmp_path / "first.json"
    path.write_text(json.dumps(old), encoding="utf-8")
    loaded = load_report(path)
    assert (loaded.version, loaded.answer_scores, loaded.runs[0].outcomes[0].reply) == (1, (), None)
    before = dataclasses.replace(loaded.runs[0], name="first.json")
    later = make_report(report.setting, report.runs, depth=5, against=before)
    assert later.comparisons
    assert later.answer_comparisons == ()


def test_the_tables_show_each_figure_with_the_questions_that_it_is_of(library, questions):
    report = make_report(describe(questions, library), [answered(library, questions)], depth=5)
    (title, table) = list(tables(report))[1]
    assert title == "ours, answers: value, its 95 % interval and (questions that it is of), by language"
    rows = {str(name): str(cell) for name, cell in zip(table.columns[0].cells, table.columns[1].cells, strict=True)}
    assert rows["right"].startswith("0.500")
    assert rows["right"].endswith("(4)")
    assert rows["auroc"].startswith("1.000  1.000–1.000")
    assert rows["tokens, read + written"] == "86 + 17"  # one of seven was not answered at all


def test_notes_say_what_the_figures_do_not(library, questions):
    said = answer_notes(answered(library, questions))
    assert "1 of 7 questions have no gold answers" in said[0]
    assert said[1] == "1 of 7 questions did not fit the context window: counted as refused"
    assert said[2].startswith("2 answers are right and 4 questions have none that is: with fewer than 50 of either")
    assert answer_notes(a_run([outcome(["a"], {"a": 1})])) == []
    assert "nothing is known of refusals" in answer_notes(a_run([replied()]))[0]


def test_failures_are_told_by_kind_the_surest_first(library, questions):
    found = answer_failures(answered(library, questions))
    assert [(one.outcome.question_id, one.kind) for one in found] == [
        ("fee", "wrong"), ("nobody", "invented"), ("long", "refused"),
    ]  # fmt: skip


def test_the_page_shows_answers_curves_and_where_they_fail(library, questions):
    report = make_report(describe(questions, library), [answered(library, questions, model="smol")], depth=5)
    page = html(report)
    assert "model smol" in page
    assert "<h3>Risk and coverage</h3>" in page
    assert "<h3>Reliability</h3>" in page
    assert "3 of 7 questions were not answered as they should be" in page
    assert "The fee is 200 euros [1]." in page
    plain = make_report(SETTING, [a_run([outcome(["a"], {"a": 1})])], depth=1)
    assert "Answers" not in html(plain)
    good = make_report(SETTING, [a_run([replied(cited=((0,),))])], depth=1)
    assert "Nowhere that can be told." in html(good)
    unsure = make_report(SETTING, [a_run([replied(confidence=None)])], depth=1)
    assert "Risk and coverage" not in html(unsure)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_browser_shows_the_plots_of_answers_whole_and_hostile_answers_as_text(tab, tmp_path):  # noqa: F811
    hostile = '</style><script>alert(1)</script><img src="http://127.0.0.1:9/x">{{ 7 * 7 }}'
    languages = ("en", "pt", hostile)
    outcomes = [
        replied(key=f"{hostile}{n}", right=n % 10 < n % 7 + 1, confidence=(n % 10) / 9.01, lang=languages[n % 3],
                text=hostile, cited=((0,),))
        for n in range(90)
    ]  # fmt: skip
    run_now = dataclasses.replace(a_run(outcomes, hostile), answering={"model": hostile})
    page = opened(tab, make_report(SETTING, [run_now, dataclasses.replace(run_now, name="other")], depth=3), tmp_path)
    assert page.locator("script,img,iframe,link,style ~ style").count() == 0
    assert page.locator("svg[aria-label='Share of right answers by confidence, with intervals']").count() == 1
    for box in page.locator("svg text").all():
        inside = box.evaluate("""text => {
            const own = text.getBoundingClientRect(), all = text.ownerSVGElement.getBoundingClientRect();
            return own.left >= all.left - 1 && own.right <= all.right + 1 && own.bottom <= all.bottom + 1;
        }""")
        assert inside, box.text_content()
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
    page.set_viewport_size({"width": 380, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
