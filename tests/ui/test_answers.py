"""How a checked answer is shown, whatever its state, and one of the version before."""

import shutil

import pytest

from lastro.config import home
from lastro.ui.texts import load_texts
from tests.ui import samples
from tests.ui.paging import page, shown, shown_answer
from tests.ui.test_conversations import BEFORE, BEFORE_ID


@pytest.mark.parametrize("language", ["en", "pt"])
@pytest.mark.parametrize("name", samples.BY_STATE)
def test_each_state_of_an_answer_is_said(parts, name, language):
    texts, app = load_texts(language), shown_answer(parts, samples.BY_STATE[name], language)
    assert texts(f"answer.{name}") in shown(app)
    others = {texts(f"answer.{other}") for other in samples.BY_STATE if other != name}
    assert not [other for other in others if other in shown(app)]


@pytest.mark.parametrize("language", ["en", "pt"])
def test_a_confidence_is_told_as_a_probability_and_explained(parts, language):
    texts, app = load_texts(language), shown_answer(parts, samples.ANSWERED, language)
    (said,) = [caption for caption in app.caption if texts("answer.confidence", percent="82") == caption.value]
    assert said.help == texts("answer.confidence_help")
    beginning = texts("answer.confidence", percent="").split("%")[0].strip()
    assert beginning not in shown(shown_answer(parts, samples.STRICT, language)), "no figure where there is none"


@pytest.mark.parametrize("language", ["en", "pt"])
def test_an_answer_that_is_rather_not_the_one_asked_for_is_not_called_backed_alone(parts, language):
    texts = load_texts(language)
    doubtful = samples.told([samples.ENDS], state="answered", confidence=0.38)
    assert texts("answer.doubtful") in shown(shown_answer(parts, doubtful, language))
    assert texts("answer.answered") not in shown(shown_answer(parts, doubtful, language))
    for confidence in (0.5, None):
        likely = samples.told([samples.ENDS], state="answered", confidence=confidence)
        assert texts("answer.answered") in shown(shown_answer(parts, likely, language))


@pytest.mark.parametrize("language", ["en", "pt"])
def test_a_marked_claim_tells_why_and_shows_the_passage_that_says_otherwise(parts, language):
    texts, app = load_texts(language), shown_answer(parts, samples.PARTIAL, language)
    (folded,) = [one for one in app.expander if one.label == texts.count("answer.marked", 2)]
    assert texts("reason.number.both", claim="2028", source="31 May 2027") in shown(folded)
    assert texts("reason.missing.claim", claim="moon") in shown(folded)
    assert "Lease\\," in shown(folded)
    assert samples.CITATION.quote in shown(folded)
    app.button(key="against-0-marked-1-1").click().run()
    assert not app.exception
    assert samples.CITATION.quote in app.warning[0].value.replace("\\", ""), "the document is not in this library"


@pytest.mark.parametrize("language", ["en", "pt"])
def test_a_claim_with_the_wrong_marker_has_a_note(parts, language):
    texts, app = load_texts(language), shown_answer(parts, samples.PARTIAL, language)
    why = texts("reason.marker.both", claim="Lease", source="Annex")
    assert f"“The rent is 900 dollars.” {why}" in shown(app)


@pytest.mark.parametrize("language", ["en", "pt"])
def test_a_refusal_shows_what_comes_nearest(parts, language):
    texts, app = load_texts(language), shown_answer(parts, samples.REFUSED, language)
    (folded,) = [one for one in app.expander if one.label == texts("answer.nearest")]
    assert samples.CITATION.quote in shown(folded)
    assert samples.OTHER.quote in shown(folded)
    assert [button.label for button in folded.button] == [texts("answer.show")] * 2


@pytest.mark.parametrize("language", ["en", "pt"])
def test_what_strict_removed_is_counted_and_can_be_read(parts, language):
    texts, app = load_texts(language), shown_answer(parts, samples.STRICT, language)
    assert texts("answer.partial_strict") in shown(app)
    (folded,) = [one for one in app.expander if one.label == texts.count("answer.removed", 2)]
    assert not folded.proto.expanded
    assert samples.WRONG_DATE.text in shown(folded)
    assert samples.MOON.text in shown(folded)


def test_a_conversation_of_the_version_before_is_shown(parts):
    folder = home() / "conversations"
    folder.mkdir(parents=True)
    shutil.copy(BEFORE, folder / f"{BEFORE_ID}.json")
    texts, app = load_texts("pt"), page("pt", c=BEFORE_ID)
    assert not app.exception
    assert texts("answer.partial") in shown(app)
    assert texts("answer.not_found") in shown(app)
    assert texts("answer.interrupted") in shown(app)
    assert texts("claim.unsupported_help") in shown(app)
