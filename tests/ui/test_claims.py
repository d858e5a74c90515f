"""How each state of a claim looks, in the checked answer and in the draft."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastro.events import ClaimChecked
from lastro.prompts import LANGUAGES, load_text
from lastro.types import Reason
from lastro.ui.claims import answer_html, claim_html, draft_html
from lastro.ui.jobs import Draft
from lastro.ui.reasons import reason_line, why
from lastro.ui.texts import load_texts
from tests.ui import samples
from tests.ui.payloads import PAYLOADS
from tests.ui.test_safe import Tags

EN, PT = load_texts("en"), load_texts("pt")
OURS = {"div", "span", "sup", "strong"}


def span(html, name):
    found = re.search(f'<span class="lastro-{name}">(.*?)</span>', html)
    return None if found is None else found.group(1)


@pytest.mark.parametrize("texts", [EN, PT])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("claim", "state"), [(samples.MOON, "unsupported"), (samples.WRONG_DATE, "contradicted")], ids=str
)
def test_a_claim_without_backing_is_underlined_and_flagged_once(claim, state, language, texts):
    answer = samples.told([samples.ENDS, claim], language)
    html = answer_html(answer, texts)
    assert span(html, state) == claim.text
    assert "ends on 31 May 2027" not in str(span(html, state))
    assert load_text(f"mark_{state}", language) not in html, "the chain's mark is the flag"
    heard = Tags(html).text
    assert heard.count(texts(f"claim.{state}")) == 1
    assert heard.index(texts(f"claim.{state}_spoken")) < heard.index(claim.text), "its begin is told to who hears it"


def test_the_two_kinds_without_backing_differ_in_more_than_colour():
    html = answer_html(samples.PARTIAL, EN)
    assert EN("claim.unsupported") != EN("claim.contradicted")
    assert 'class="lastro-unsupported"' in html
    assert 'class="lastro-contradicted"' in html


@pytest.mark.parametrize("state", ["verbatim", "supported", "misattributed", "no_claim"])
def test_any_other_claim_is_plain(state):
    answer = samples.told([replace(samples.ENDS, state=state)])
    html = answer_html(answer, EN)
    assert set(Tags(html).tags) == {"div", "sup"}
    assert Tags(html).text == answer.text


def test_an_answer_of_the_version_before_is_flagged_as_well():
    text = "It ends [1]. The moon is far."
    sentences = (
        replace(samples.ENDS, text="It ends.", start=0, end=12),
        replace(samples.MOON, start=13, end=len(text)),
    )
    html = answer_html(replace(samples.PARTIAL, text=text, sentences=sentences), EN)
    assert span(html, "unsupported") == "The moon is far."
    assert html.count("lastro-flag ") == 1


def test_a_mark_that_the_model_wrote_in_a_backed_claim_is_only_text():
    claim = replace(samples.ENDS, text="It ends [⚠ not in the documents] in May.")
    html = answer_html(samples.told([claim]), EN)
    assert "lastro-flag" not in html
    assert "[⚠ not in the documents]" in html


def test_a_marker_carries_its_source_and_any_other_number_stays_text():
    html = answer_html(samples.told([samples.ENDS, replace(samples.MOON, text="So they say [1] and [7].")]), EN)
    assert '<sup class="lastro-mark" title="Lease, page 3: “The lease ends on 31 May 2027.”">[1]</sup>' in html
    assert html.count("<sup") == 1, "only a claim's own citations are raised"
    assert "say [1] and [7]" in html


@given(st.lists(st.sampled_from([samples.ENDS, samples.WRONG_DATE, samples.MOON, samples.RENT, samples.HELLO])))
def test_every_word_of_every_claim_is_shown_in_order(claims):
    shown = Tags(answer_html(samples.told(claims), EN)).text
    at = 0
    for claim in claims:
        at = shown.index(claim.text.rstrip(".:"), at) + 1


@given(st.text(max_size=40), st.integers(-5, 50), st.integers(-5, 50), st.sampled_from(samples.STATES))
def test_no_text_and_no_span_breaks_the_page(text, start, end, state):
    sentence = replace(samples.MOON, text=text, start=start, end=end, state=state)
    html = answer_html(replace(samples.PARTIAL, text=text, sentences=(sentence,)), EN)
    assert set(Tags(html).tags) <= OURS


class TestDraft:
    def test_what_is_checked_has_its_look_and_the_rest_is_grey(self):
        text = "It ends in May [1]. It ends in June [2]. And then"
        checks = (
            ClaimChecked("It ends in May.", "supported", 0.9),
            ClaimChecked("It ends in June.", "contradicted", 0),
        )
        html = draft_html(Draft(text, checks), PT)
        assert span(html, "checked") == "It ends in May."
        assert span(html, "contradicted") == "It ends in June."
        assert PT("claim.contradicted") in html
        assert html.index("And then") > html.index("lastro-flag ")
        assert "[1]" not in html, "the model's own markers prove nothing"

    def test_a_check_of_words_that_are_not_there_changes_nothing(self):
        html = draft_html(
            Draft("It ends.", (ClaimChecked("Other.", "unsupported", 0), ClaimChecked("", "verbatim", 1))), EN
        )
        assert Tags(html).tags == ["div", "span"]

    def test_equal_claims_are_found_one_after_another(self):
        checks = (ClaimChecked("Yes.", "supported", 1), ClaimChecked("Yes.", "unsupported", 0))
        html = draft_html(Draft("Yes. Yes. No", checks), EN)
        assert html.index("lastro-checked") < html.index("lastro-unsupported")


class TestWhy:
    @pytest.mark.parametrize("texts", [EN, PT])
    @pytest.mark.parametrize("kind", samples.KINDS)
    @pytest.mark.parametrize("words", [("", ""), ("w1", ""), ("", "w2"), ("w1", "w2")])
    def test_each_kind_of_reason_is_a_short_sentence_with_the_words_it_is_about(self, kind, words, texts):
        line = reason_line(Reason(kind, *words), texts)
        assert line.endswith(".")
        assert len(line) <= 120
        assert "{" not in line
        assert set(re.findall(r"w\d", line)) >= set(words) - {""}

    def test_a_number_says_both(self):
        assert why(samples.WRONG_DATE, EN) == ["The passage says 31 May 2027, not 2028."]
        assert why(samples.WRONG_DATE, PT) == ["O trecho diz 31 May 2027, e não 2028."]

    def test_a_claim_without_a_reason_still_says_something(self):
        assert why(replace(samples.MOON, reasons=()), EN) == [EN("claim.unsupported_help")]
        assert why(samples.ENDS, EN) == []

    def test_long_words_are_cut(self):
        assert len(reason_line(Reason("condition", "", "x " * 500), EN)) < 260


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_payload_becomes_more_than_text(payload):
    for language in (EN, PT):
        answer = samples.hostile([payload] * len(samples.STATES))
        assert set(Tags(answer_html(answer, language)).tags) <= OURS
        for sentence in answer.sentences:
            assert set(Tags(claim_html(sentence, why(sentence, language))).tags) <= {"p", "ul", "li", "strong"}
        checks = tuple(ClaimChecked(payload, state, 0.5) for state in samples.STATES)
        assert set(Tags(draft_html(Draft(payload * 9, checks), language)).tags) <= OURS


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_payload_adds_an_attribute(payload):
    html = answer_html(samples.hostile([payload] * len(samples.STATES)), EN)
    assert set(Tags(html).attributes) <= {"class", "lang", "title", "aria-hidden"}
