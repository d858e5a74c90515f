from dataclasses import replace
from itertools import pairwise

import pytest

from lastro.types import PageSpan
from lastro.ui import render
from lastro.ui.texts import load_texts
from tests.ui.payloads import PAYLOADS
from tests.ui.samples import CITATION, PASSAGE
from tests.ui.test_safe import Tags

EN, PT = load_texts("en"), load_texts("pt")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_quote_title_or_page_adds_a_tag(payload):
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
