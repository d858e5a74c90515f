from __future__ import annotations

import pytest

from lastro.chains.budget import Layout, pack
from lastro.chains.history import Conversation, Turn
from lastro.types import Language
from tests.fakes import ScriptedChat

GERMAN = "Wann endet der Mietvertrag der Firma Acme?"


def system(conversation: Conversation, language: Language, *, fixed: bool = False) -> str:
    packed = pack(conversation, (), llm=ScriptedChat(), layout=Layout(language, "~", fixed))
    return str(packed.messages[0].text)


@pytest.mark.parametrize(
    ("question", "language", "told"),
    [
        ("When does the lease end?", "en", "Answer in English"),
        ("Quando termina o contrato?", "pt", "Responda em português"),
        (GERMAN, "en", "Answer in German"),
        ("ACME-12", "en", "Answer in English"),
    ],
)
def test_an_answer_is_asked_for_in_the_language_of_the_question(question: str, language: Language, told: str) -> None:
    assert told in system(Conversation(question), language)


def test_a_fixed_language_is_that_of_the_prompt() -> None:
    assert "Answer in English" in system(Conversation(GERMAN), "en", fixed=True)


def test_a_conversation_keeps_the_language_that_it_began_in() -> None:
    began = system(Conversation(GERMAN), "en")
    assert system(Conversation("And the rent?", (Turn(GERMAN, "Am 31. Mai.", language="en"),)), "en") == began


def test_where_there_are_no_prompts_in_a_language_the_refusal_is_english() -> None:
    assert "I did not find the answer in your documents." in system(Conversation(GERMAN), "en")
