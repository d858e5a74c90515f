from dataclasses import replace
from itertools import pairwise

import pytest

from lastro.types import Answer, Citation, PageSpan, Passage, Sentence, Usage
from lastro.ui import render
from lastro.ui.texts import load_texts
from tests.ui.payloads import PAYLOADS
from tests.ui.test_safe import Tags

EN, PT = load_texts("en"), load_texts("pt")
CITATION = Citation("d", "c", "Lease", 3, "", 10, 20, "On 31 May.")
PASSAGE = Passage("c", "d", "Lease", "On 31 May.", 10, 20, 3, 4, "", 1, 1.0, cosine=0.5)


def answer(text="It ends on 31 May [1]. The moon is far."):
    first = text.find(".") + 1
    sentences = (
        Sentence(text[:first], 0, first, "supported", 0.9, (0,)),
        Sentence(text[first:].strip(), first + 1, len(text), "unsupported", 0.1),
    )
    return Answer("When?", text, "partial", sentences, (CITATION,), (PASSAGE,), (), Usage(), "en")


def test_a_sentence_without_backing_is_marked_by_line_and_by_words():
    html = render.answer_html(answer(), EN)
    marked = html[html.index("lastro-unsupported") :]
    assert "The moon is far." in marked
    assert "no backing" in marked
    assert "It ends" not in marked
    assert "sem lastro" in render.answer_html(answer(), PT)


def test_a_marker_carries_its_source_and_an_unknown_number_stays_text():
    html = render.answer_html(answer("It ends [1]. So they say [7]."), EN)
    assert '<sup class="lastro-mark" title="Lease, page 3: “On 31 May.”">[1]</sup>' in html
    assert html.count("<sup") == 1
    assert "[7]" in html


def test_every_character_of_the_answer_is_shown_in_order():
    shown = Tags(render.answer_html(answer(), EN)).text
    assert shown.replace("⚠ no backing", "") == answer().text


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_answer_quote_title_or_page_adds_a_tag(payload):
    cited = replace(CITATION, title=payload, quote=payload)
    text = f"{payload} [1]. {payload}"
    hostile = replace(answer(text), citations=(cited,))
    ours = {"div", "span", "sup", "strong"}
    assert set(Tags(render.answer_html(hostile, EN)).tags) <= ours
    assert set(Tags(render.stream_html(payload)).tags) <= ours
    assert Tags(render.quote_html(payload)).tags == ["blockquote"]
    assert Tags(render.note_html(payload)).tags == ["p"]
    assert Tags(render.empty_html(payload, payload)).tags == ["div", "h3", "p"]
    passage = replace(PASSAGE, title=payload, text=payload, section=payload)
    assert Tags(render.passages_html([passage], EN)).tags == ["ul", "li", "strong", "br"]
    leaf = render.Leaf(1, 0, len(payload))
    assert set(Tags(render.passage_html(payload, leaf, 0, 2, label=payload)).tags) <= {"div", "span", "mark"}
    assert payload.count("<") == 0 or "<img" not in render.uploader_css(payload, payload)


def test_a_style_string_cannot_be_left_by_its_words():
    css = render.uploader_css('x"; } </style><img>', "\\")
    assert css.count("</style>") == 1
    assert css.count('"') == 2 * 2 + css.count('data-testid="') * 2


def test_only_the_part_of_a_quote_on_this_page_is_highlighted():
    text = "one two three four"
    html = render.passage_html(text, render.Leaf(1, 0, 7), 4, 13, label="x")
    assert ">two</mark>" in html
    assert "three" not in html
    assert "<mark" not in render.passage_html(text, render.Leaf(2, 14, 18), 4, 13, label="x")


def test_pages_stay_whole_and_long_texts_are_cut_without_loss():
    text = "word " * 9_000
    found = render.leaves((PageSpan(None, 0, len(text)),), text)
    assert len(found) > 1
    assert found[0].start == 0
    assert found[-1].end == len(text)
    assert all(one.end == two.start for one, two in pairwise(found))
    assert render.leaf_of(found, found[1].start) == 1
    pages = (PageSpan(1, 0, 10), PageSpan(2, 12, 20))
    assert [leaf.number for leaf in render.leaves(pages, "x" * 20)] == [1, 2]


def test_a_place_is_the_page_else_the_section_without_the_title():
    assert render.heading(CITATION, PT) == "Lease, página 3"
    assert render.heading(PASSAGE, EN) == "Lease, pages 3-4"
    unpaged = replace(CITATION, page=None, section="Lease > Rent")
    assert render.heading(unpaged, EN) == "Lease, Rent"
