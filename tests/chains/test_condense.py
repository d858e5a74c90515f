from __future__ import annotations

from typing import Any

import pytest
from langchain_core.exceptions import ContextOverflowError

from lastro.chains.condense import condense, is_faithful, needs_condensing
from lastro.chains.history import Conversation, Turn
from tests.fakes import ScriptedChat

TURN = Turn("When does the lease of Acme end?", "It ends on 31 May 2027.")
VOLTA = Turn("Qual é o valor mensal do contrato?", "O valor é de R$ 1.234,56.")


@pytest.mark.parametrize(
    "question", ["And the rent?", "When does it begin?", "E a multa?", "Quando ele termina?", "What about pets?"]
)
def test_a_follow_up_is_condensed(question: str) -> None:
    assert needs_condensing(Conversation(question, (TURN,)))


@pytest.mark.parametrize("question", ["And the rent?", "When does it begin?"])
def test_a_first_question_is_never_rewritten(question: str) -> None:
    chat = ScriptedChat(script="Something else?")
    assert condense(Conversation(question), llm=chat, language="en").search == question
    assert chat.seen == []


def test_a_question_that_stands_alone_is_left_alone() -> None:
    assert not needs_condensing(Conversation("Who pays for structural repairs of the building?", (TURN,)))


def test_a_faithful_rewrite_is_used() -> None:
    chat = ScriptedChat(script='"When does the lease of Acme begin?"\nI hope this helps')
    found = condense(Conversation("When does it begin?", (TURN,)), llm=chat, language="en")
    assert found.search == found.question == "When does the lease of Acme begin?"


@pytest.mark.parametrize(
    "invented", ["When does the lease of Globex begin?", "When does the lease begin in 2031?", "It begins in June.", ""]
)
def test_a_rewrite_that_invents_gives_way_to_key_terms(invented: str) -> None:
    chat = ScriptedChat(script=invented)
    found = condense(Conversation("When does it begin?", (TURN,)), llm=chat, language="en")
    assert found.search == "When does it begin? (lease Acme end)"
    assert found.question == "When does it begin?"


def test_portuguese_follow_ups_take_portuguese_key_terms() -> None:
    chat = ScriptedChat(script="nonsense")
    found = condense(Conversation("E a multa?", (VOLTA,)), llm=chat, language="pt")
    assert found.search == "E a multa? (valor mensal contrato)"
    assert "Conversa:" in chat.seen[0][-1].text


def test_a_rewrite_may_not_run_on() -> None:
    assert not is_faithful("lease " * 100 + "?", "And it?", [TURN], "en")


def test_a_conversation_too_long_to_be_shown_gives_way_to_key_terms() -> None:
    class Full(ScriptedChat):
        def _generate(self, *args: Any, **kwargs: Any) -> Any:
            raise ContextOverflowError("full")

    found = condense(Conversation("When does it begin?", (TURN,)), llm=Full(), language="en")
    assert found.search == "When does it begin? (lease Acme end)"


@pytest.mark.parametrize("question", ["What is the warranty period?", "Qual é o prazo de garantia?"])
def test_a_short_question_on_its_own_feet_is_left_alone(question: str) -> None:
    assert not needs_condensing(Conversation(question, (TURN,)))
