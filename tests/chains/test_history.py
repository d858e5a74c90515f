from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage

from lastro.chains.history import Turn, read_input
from lastro.errors import ConfigError


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
