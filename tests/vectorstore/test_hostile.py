from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lastro
from benchmarks.hostile import LOWERED, Query, Side, Tally, ask, fill
from benchmarks.hostile_input import OPERATORS, SIGNS, TEXTS, make_filter, make_options, make_query, passes
from lastro.vectorstore import search
from tests.fakes import HashEmbeddings

HOSTILE = [
    "", " ", "\u3000", *OPERATORS, *TEXTS, *SIGNS, '"lease', "(lease", "lease)", "lease AND", "NOT", "lease\x00rent",
    "title : lease", "NEAR(lease rent)", "lease " * 16_000, " ".join(f"w{at}" for at in range(15_000)), "x" * 100_000,
    "合" * 100_000, '"' * 100_000, "(" * 100_000, "\u0301" * 100_000, "\ud800" * 1_000,
]  # fmt: skip
PAGED = {"page": {"$gte": 2}}


class Tokenizing(HashEmbeddings):
    """Takes no text that a tokenizer would refuse."""

    def encode_query(self, text: str) -> np.ndarray:
        text.encode()
        return super().encode_query(text)


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    """Two libraries open at once, with the same titles, sources and words in different documents."""
    folder, rng = tmp_path_factory.mktemp("hostile"), random.Random(3)
    with ExitStack() as stack:
        found = []
        for name in ("one", "two"):
            side = Side(stack.enter_context(lastro.open_library(folder / name, embedder=Tokenizing())))
            fill(side, rng, name=name, documents=40)
            found.append(side)
        yield found[0], found[1]


@pytest.fixture(scope="module", params=[search.EXACT_BELOW, LOWERED], ids=["exact", "by-chroma"])
def met(request: pytest.FixtureRequest) -> Iterator[None]:
    """Filters met by SQLite, and by Chroma where it can say them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "EXACT_BELOW", request.param)
        yield


def check(sides: tuple[Side, Side], query: str, seed: int) -> None:
    """Put a query to both libraries, with a filter and options of a seed; nothing is wrong with what comes back."""
    rng, tally = random.Random(seed), Tally()
    for side, other in (sides, sides[::-1]):
        where = make_filter(rng, list(side.chunks.values())) if rng.random() < 0.7 else None
        ask(tally, side, other, Query(query, where, make_options(rng), invoked=rng.random() < 0.3))
    assert not tally.examples, tally.examples


@pytest.mark.usefixtures("met")
def test_no_hostile_query_raises_or_leaves_its_library_or_its_filter(sides: tuple[Side, Side]):
    for seed, query in enumerate(HOSTILE):
        check(sides, query, seed)


@pytest.mark.usefixtures("met")
@settings(max_examples=60, deadline=None)
@given(query=st.text(st.characters(), max_size=80), seed=st.integers(0, 2**32))
def test_no_text_at_all_does(sides: tuple[Side, Side], query: str, seed: int):
    check(sides, query, seed)


@pytest.mark.usefixtures("met")
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_question_mixed_with_operators_and_signs_does(sides: tuple[Side, Side], seed: int):
    _kind, query = make_query(random.Random(seed), ["Who pays the rent in 2027?", "Qual é o prazo do contrato?"])
    check(sides, query, seed)


def test_a_passage_does_not_grow_onto_a_page_that_its_filter_leaves_out(sides: tuple[Side, Side]):
    library = sides[0].library
    grown = library.search("the lease of the house", k=20, where=PAGED, context_tokens=4_000)
    assert any(len(one.text) > sides[0].chunks[one.chunk_id]["length"] for one in grown)
    assert all(passes(PAGED, {"page": one.page_start}) for one in grown)
    free = library.search("the lease of the house", k=20, where={"mime": "application/pdf"}, context_tokens=4_000)
    assert any(one.page_end != sides[0].chunks[one.chunk_id]["page"] for one in free)


def test_what_is_wrong_is_seen(sides: tuple[Side, Side]):
    one, two = sides
    tally = Tally()
    ask(tally, one, two, Query("lease", {"page": {"$gte": "2"}}, {}, invoked=False))  # refused: page is a number
    ask(tally, one, one, Query("lease", None, {}, invoked=False))
    ask(tally, Side(one.library, {key: {"page": 9} for key in one.chunks}), two, Query("lease", {"page": 1}, {}, False))
    assert {"exceptions", "foreign", "outside_filter"} <= tally.counts.keys()
