from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastro.config import load_settings
from lastro.sentences import sentences
from lastro.types import PageSpan, Passage, Upload
from lastro.vectorstore.library import Library
from lastro.vectorstore.neighbours import Surroundings, following, grow, preceding
from tests.chains.passages import passage

SENTENCES = ["Cats sleep. ", "Dogs bark at night. ", "Rent is due.\n\n", "Art. 5 says so. ", "- an item\n", "(Yes!) "]


def count(text: str) -> int:
    """Tokens as `HashEmbeddings` counts them."""
    return len(re.findall(r"\w+|[^\w\s]", text))


def around(text: str, *borders: int, pages: tuple[PageSpan, ...] = ()) -> dict[str, Surroundings]:
    return {"d": Surroundings(text, tuple(sorted({0, len(text), *borders})), pages)}


def of(text: str, wanted: str, *, rank: int = 1, start: int | None = None) -> Passage:
    at = text.index(wanted) if start is None else start
    return passage(wanted, rank=rank, start=at, document_id="d", page=None)


TEXT = "One ant. Two bees. Three cows. Four dogs. Five eels."


def test_a_passage_grows_by_whole_sentences_on_both_sides_in_turn():
    core = of(TEXT, "Three cows.")
    grown = {
        budget: grow([core], around(TEXT), budget=budget, count_tokens=count)[0].text for budget in (3, 5, 6, 9, 99)
    }
    assert grown == {
        3: "Three cows.",
        5: "Three cows.",
        6: "Three cows. Four dogs.",
        9: "Two bees. Three cows. Four dogs.",
        99: TEXT,
    }


def test_the_core_keeps_its_name_and_its_scores():
    core = of(TEXT, "Three cows.")
    (grown,) = grow([core], around(TEXT), budget=99, count_tokens=count)
    assert (grown.chunk_id, grown.score, grown.section) == (core.chunk_id, core.score, core.section)


def test_a_passage_stays_in_its_section():
    borders = TEXT.index("Two"), TEXT.index("Five")
    (grown,) = grow([of(TEXT, "Three cows.")], around(TEXT, *borders), budget=99, count_tokens=count)
    assert grown.text == "Two bees. Three cows. Four dogs."


def test_a_passage_cut_in_a_sentence_takes_the_rest_of_it_first():
    text = "One ant. Two long bee sentence cows. Three dogs."
    (grown,) = grow([of(text, "long bee")], around(text), budget=6, count_tokens=count)
    assert grown.text == "Two long bee sentence cows."


def test_the_budget_is_shared_in_turns():
    text = "Aa ax. Bb bx. Cc cx. Dd dx. Ee ex. Ff fx. Gg gx. Hh hx."
    cores = [of(text, "Cc cx."), of(text, "Ff fx.", rank=2)]
    found = grow(cores, around(text, text.index("Ee")), budget=12, count_tokens=count)
    assert [one.text for one in found] == ["Cc cx. Dd dx.", "Ff fx. Gg gx."]


def test_passages_that_meet_become_the_best_ranked_of_them():
    cores = [of(TEXT, "Five eels."), of(TEXT, "Two bees.", rank=2), of(TEXT, "Three cows.", rank=3)]
    found = grow(cores, around(TEXT), budget=9, count_tokens=count)
    assert [(one.chunk_id, one.text) for one in found] == [
        ("chunk-1", "Five eels."),
        ("chunk-2", "Two bees. Three cows."),
    ]
    (whole,) = grow(cores, around(TEXT), budget=15, count_tokens=count)
    assert (whole.chunk_id, whole.text) == ("chunk-1", TEXT)


def test_pages_are_those_of_the_grown_text():
    half = TEXT.index("Three")
    pages = (PageSpan(7, 0, half), PageSpan(8, half, len(TEXT)))
    core = of(TEXT, "Three cows.")
    (grown,) = grow([core], around(TEXT, pages=pages), budget=99, count_tokens=count)
    assert (grown.page_start, grown.page_end) == (7, 8)
    (grown,) = grow([core], around(TEXT, pages=(PageSpan(None, 0, len(TEXT)),)), budget=99, count_tokens=count)
    assert (grown.page_start, grown.page_end) == (None, None)


def test_what_is_not_in_its_document_stays_as_it_is():
    stale, unknown = of(TEXT, "Three cows.", start=3), passage("Elsewhere.", rank=2, document_id="x")
    assert grow([stale, unknown], around(TEXT), budget=99, count_tokens=count) == [stale, unknown]


def test_passages_over_the_budget_stay_as_they_are():
    cores = [of(TEXT, "Three cows."), of(TEXT, "Four dogs.", rank=2)]
    assert grow(cores, around(TEXT), budget=5, count_tokens=count) == cores


def test_a_sentence_longer_than_a_stretch_is_taken_whole():
    long = "Word " + "word " * 899 + "end. "
    text = f"First ant. {long}Core bees. {long}Last cows."
    (grown,) = grow([of(text, "Core bees.")], around(text), budget=1_808, count_tokens=count)
    assert grown.text == f"{long}Core bees. {long.rstrip()}"


@st.composite
def documents(draw: st.DrawFn) -> tuple[Surroundings, list[Passage]]:
    """A document with sections and pages, and passages of it: whole sentences, and pieces cut anywhere."""
    text = "".join(draw(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=40)))
    places = st.integers(0, len(text))
    borders = draw(st.lists(places, max_size=4))
    cuts = sorted({0, len(text), *draw(st.lists(places, max_size=4))})
    pages = tuple(PageSpan(number, a, b) for number, (a, b) in enumerate(pairwise(cuts), 1))
    source = Surroundings(text, tuple(sorted({0, len(text), *borders})), pages)
    passages = []
    for rank in range(1, draw(st.integers(0, 5)) + 1):
        start, end = sorted([draw(places), draw(places)])
        low, high = source.room(start, min(max(end, start + 1), len(text))) if start < len(text) else (0, 0)
        start, end = max(start, low), min(end, high)
        if text[start:end].strip():
            passages.append(of(text, text[start:end], rank=rank, start=start))
    return source, passages


@given(documents(), st.integers(1, 200))
def test_grown_passages_are_spans_of_their_document_within_the_budget(
    given_document: tuple[Surroundings, list[Passage]], budget: int
):
    source, cores = given_document
    found = grow(cores, {"d": source}, budget=budget, count_tokens=count)
    before = sum(count(one.text) for one in cores)
    assert sum(count(one.text) for one in found) <= max(budget, before)
    by_id = {one.chunk_id: one for one in cores}
    for one in found:
        core = by_id[one.chunk_id]
        assert one.text == source.text[one.start : one.end]
        assert one.start <= core.start < core.end <= one.end
        if one != core:
            assert (one.page_start, one.page_end) == source.numbers(one.start, one.end)
            assert before <= budget
    assert all(any(one.start <= core.start and core.end <= one.end for one in found) for core in cores)
    assert [one.rank for one in found] == sorted(one.rank for one in found)
    if before <= budget:
        spans = sorted((one.start, one.end) for one in found)
        assert all(end <= start for (_, end), (start, _) in pairwise(spans))


@given(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=300))
def test_sentences_are_found_stretch_by_stretch_as_in_one_piece(parts: list[str]):
    text = "".join(parts)
    found = sentences(text)
    ends, starts = list(following(text, 0, len(text))), list(preceding(text, len(text), 0))
    assert ends[-1] == len(text.rstrip())
    assert starts[-1] == found[0][0]
    assert ends == sorted(set(ends))
    assert starts == sorted(set(starts), reverse=True)
    if len(text) <= 1_000:
        assert ends == [end for _start, end in found]
        assert starts == [start for start, _end in reversed(found)]


@pytest.mark.parametrize("tokens", [0, 60])
def test_a_search_returns_grown_passages_of_a_real_document(opened, tokens: int):
    library: Library = opened(settings=load_settings(library={"chunk_tokens": 16, "chunk_overlap_tokens": 0}))
    body = "# Cats\n\n" + " ".join(f"Cats of kind {n} sleep all day." for n in range(12)) + "\n\n# Dogs\n\nDogs bark."
    library.add(Upload("animals.md", body.encode()))
    found = library.search("kind 5", k=2, context_tokens=tokens)
    texts = {one.document_id: library.text(one.document_id) for one in found}
    assert all(one.text == texts[one.document_id][one.start : one.end] for one in found)
    assert all("Dogs" not in one.text for one in found)
    if tokens:
        assert 40 < sum(library.embedder.count_tokens(one.text) for one in found) <= 60
    else:
        assert found == library.search("kind 5", k=2)
