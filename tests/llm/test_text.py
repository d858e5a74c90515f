from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lastro.llm.native import Vocabulary
from lastro.llm.text import TextStream


def _read(parts: list[bytes], stops: list[str]) -> tuple[str, bool]:
    stream = TextStream(stops)
    text = "".join(stream.feed(part) for part in parts) + stream.finish()
    return text, stream.stopped


@pytest.mark.parametrize("text", ["ação não é fácil", "🙂👩‍👩‍👧 família", "日本語 e français", "é"])
def test_characters_split_over_tokens_come_out_whole(text: str) -> None:
    stream = TextStream()
    shown = [stream.feed(bytes([byte])) for byte in text.encode()]
    assert "".join(shown) + stream.finish() == text
    assert not any("\ufffd" in part for part in shown)


@given(st.text(max_size=40), st.lists(st.text(min_size=1, max_size=4), max_size=3), st.integers(1, 5))
def test_the_text_ends_before_the_earliest_stop_however_it_is_cut(text: str, stops: list[str], size: int) -> None:
    data = text.encode()
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    found = [text.find(stop) for stop in stops if stop in text]
    shown, stopped = _read(parts, stops)
    assert stopped == bool(found)
    if not found:
        assert shown == text
    else:
        # read by parts, the stop that is complete first wins; nothing before it may hold a stop
        assert text.startswith(shown)
        assert not any(stop in shown for stop in stops)
        assert any(text[len(shown) :].startswith(stop) for stop in stops)


def test_what_may_begin_a_stop_is_held_back_and_given_when_it_does_not() -> None:
    stream = TextStream(["\n\nHuman"])
    assert stream.feed(b"yes\n\nHu") == "yes"
    assert stream.feed(b"ge") == "\n\nHuge"
    assert stream.finish() == ""


def test_a_character_cut_off_at_the_end_is_shown_as_the_replacement_character() -> None:
    assert _read(["né".encode()[:-1]], []) == ("n\ufffd", False)


def test_a_stop_completed_only_by_the_flush_still_stops() -> None:
    assert _read([b"a", "é".encode()[:1]], ["\ufffd"]) == ("a", True)


def test_nothing_comes_after_a_stop() -> None:
    stream = TextStream(["."])
    assert stream.feed(b"One. Two") == "One"
    assert stream.feed(b" Three") == ""
    assert stream.finish() == ""


@pytest.mark.parametrize("text", ["Olá 🙂, coração!", "👨‍👩‍👧‍👦🏳️‍🌈", "ﬁne — “quoted” ñandú"])
def test_the_models_own_tokens_join_to_the_text_they_came_from(vocabulary: Vocabulary, text: str) -> None:
    pieces = [vocabulary.piece(token) for token in vocabulary.tokenize(text)]
    assert len(pieces) > 1
    assert _read(pieces, [])[0] == text
