from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage

from lastro.chains.history import Turn, read_input
from lastro.errors import ConfigError
from lastro.types import Answer, AnswerState, Citation, Usage


@pytest.mark.parametrize(
    "history",
    [
        [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}],
        [("human", "Q"), ("ai", "A")],
        [HumanMessage("Q"), AIMessage("A")],
        [HumanMessage("Q"), AIMessageChunk("A")],
        [SystemMessage("Be brief."), HumanMessage("Q"), AIMessage([{"type": "text", "text": "A"}])],
        [Turn("Q", "A")],
    ],
)
def test_every_usual_form_of_history_is_read(history: list[object]) -> None:
    assert read_input({"question": " next? ", "history": history}).turns == (Turn("Q", "A"),)


def test_a_question_without_an_answer_is_no_turn() -> None:
    history = [("user", "Q"), ("assistant", "A"), ("assistant", "again"), ("user", "not answered")]
    assert read_input({"question": "next?", "history": history}).turns == (Turn("Q", "A"),)


@pytest.mark.parametrize(
    "value",
    [
        "", "  ", {}, {"question": 3}, {"question": "q", "hist": []}, 7,
        {"question": "q", "history": [5]}, {"question": "q", "history": [("tool", "x")]},
        {"question": "q", "history": 5}, {"question": "q", "history": "x"},
        {"question": "q", "history": [("user", None)]},
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_the_rule(value: object) -> None:
    with pytest.raises(ConfigError, match="must be"):
        read_input(value)  # type: ignore[arg-type]


def test_two_messages_in_a_row_are_one_question() -> None:
    history = [("user", "First."), ("user", "Second?"), ("assistant", "A")]
    assert read_input({"question": "next?", "history": history}).turns == (Turn("First.\nSecond?", "A"),)


@pytest.mark.parametrize(
    ("turn", "seen"),
    [
        (Turn("Q", "It ends in May [1], they say [12]."), "It ends in May, they say."),
        (Turn("Q", "What the model wrote.", shown="What was left of it [1]."), "What was left of it."),
        (Turn("Q", "What the model wrote.", shown=""), ""),
        (Turn("Q", "I did not find the answer in your documents."), ""),
        (Turn("Q", "Não encontrei a resposta nos seus documentos."), ""),
    ],
)
def test_a_turn_tells_what_the_user_read_of_its_answer(turn: Turn, seen: str) -> None:
    assert turn.seen == seen


@pytest.mark.parametrize(("state", "seen"), [("answered", "Shown."), ("not_found", "")])
def test_an_answer_is_remembered_as_written_and_as_shown(state: AnswerState, seen: str) -> None:
    answer = Answer("Q", "Shown [1].", state, (), (), (), (), Usage(), "en", generated="Written.")
    (turn,) = read_input({"question": "next?", "history": [answer]}).turns
    assert (turn.answer, turn.seen) == ("Written.", seen)


def test_of_a_quotation_the_document_s_own_words_are_remembered() -> None:
    citation = Citation("d", "c", "Lease", 1, "", 0, 16, "It ends\non 31 May.")
    text = "Your documents say: “It ends on 31 May.” [1]"
    answer = Answer("Q", text, "answered", (), (citation,), (), (), Usage(), "en", extracted=True, generated="Globex.")
    (turn,) = read_input({"question": "next?", "history": [answer]}).turns
    assert (turn.answer, turn.seen) == ("Globex.", "It ends\non 31 May.")
