from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.exceptions import ContextOverflowError

from lastro.chains.condense import condense, is_faithful, key_terms
from lastro.chains.facts import facts_of
from lastro.chains.history import Conversation, Turn
from lastro.language import content_terms, terms
from lastro.types import Language
from tests.fakes import ScriptedChat

TURN = Turn("When does the lease of Acme end?", "It ends on 31 May 2027.")
VOLTA = Turn("Qual é o valor mensal do contrato?", "O valor é de R$ 1.234,56.")
AUSTEN = Turn("Who wrote Emma?", "Jane Austen wrote it, in Chawton, for her readers [1].")


@pytest.mark.parametrize("question", ["And the rent?", "When does it begin?"])
def test_a_first_question_is_never_rewritten(question: str) -> None:
    chat = ScriptedChat(script="Something else?")
    assert condense(Conversation(question), llm=chat, language="en").search == question
    assert chat.seen == []


def test_a_question_about_something_else_is_not_touched_by_the_conversation() -> None:
    chat = ScriptedChat(script="Something else?")
    question = "Who pays for structural repairs of the building?"
    found = condense(Conversation(question, (AUSTEN,)), llm=chat, language="en")
    assert (found.search, found.question, found.how) == (question, question, "as asked")
    assert chat.seen == []


def test_a_faithful_rewrite_is_used() -> None:
    chat = ScriptedChat(script='"When does the lease of Acme begin?"\nI hope this helps')
    found = condense(Conversation("When does it begin?", (TURN,)), llm=chat, language="en")
    assert found.search == found.question == "When does the lease of Acme begin?"
    assert found.how == "rewritten"


def test_the_own_words_of_the_question_are_searched_whatever_the_rewrite_calls_them() -> None:
    turn = Turn("Quem fundou a Irmandade?", "Foi Hassan al-Banna, em 1928.")
    chat = ScriptedChat(script="O que aconteceu depois com Hassan al-Banna?")
    found = condense(Conversation("e o que houve com ele depois?", (turn,)), llm=chat, language="pt")
    assert found.question == "O que aconteceu depois com Hassan al-Banna?"
    assert found.search == "O que aconteceu depois com Hassan al-Banna? (houve)"


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("When does the lease of Globex begin?", id="a name of its own"),
        pytest.param("Globex: when does the lease begin?", id="a name that opens"),
        pytest.param("When does the lease of Will begin?", id="a name that is a common word"),
        pytest.param("When does the lease begin in 2031?", id="a number of its own"),
        pytest.param("When does the lease begin in twelve months?", id="a number in words"),
        pytest.param("When does clause AB-12/3 of the lease begin?", id="a code"),
        pytest.param("It begins in June.", id="an answer"),
        pytest.param("Does the lease of Acme begin?", id="another kind of question"),
        pytest.param("When does the lease of Acme begin, in spring or summer?", id="an answer in a question"),
        pytest.param("", id="nothing"),
        pytest.param(" \n \n", id="blank lines"),
        pytest.param("Quando começa o contrato de Acme?", id="another language"),
        pytest.param("When does the lease of Acme end?", id="the question before"),
        pytest.param("When does it begin?", id="the question itself"),
        pytest.param("And when does the lease begin?", id="a question that still goes on"),
        pytest.param("When does it begin to end?", id="a question that still points back"),
        pytest.param("When does the lease begin " + "of the lease " * 100 + "?", id="no end"),
    ],
)
def test_a_rewrite_that_cannot_be_trusted_gives_way_to_key_terms(written: str) -> None:
    chat = ScriptedChat(script=written)
    found = condense(Conversation("When does it begin?", (TURN,)), llm=chat, language="en")
    assert found.search == "When does it begin? (lease Acme end 31 2027)"
    assert found.question == "When does it begin?"
    assert found.how == "key terms"
    assert len(chat.seen) == 1


def test_without_a_model_key_terms_are_added() -> None:
    found = condense(Conversation("Quanto custa?", (VOLTA,)), llm=None, language="pt")
    assert found.search == "Quanto custa? (valor mensal contrato 1.234,56)"


def test_the_names_of_an_answer_are_what_a_pronoun_points_to() -> None:
    found = condense(Conversation("Where was she born?", (AUSTEN,)), llm=None, language="en")
    assert found.search == "Where was she born? (wrote Emma Jane Austen Chawton readers)"


def test_a_chain_of_follow_ups_is_traced_to_the_question_that_named_its_subject() -> None:
    chain = (TURN, Turn("And the rent?", "It is due monthly."))
    assert key_terms(Conversation("And the deposit?", chain), "en") == [
        "rent", "due", "monthly", "lease", "Acme", "end", "31", "2027"
    ]  # fmt: skip
    assert "Acme" not in key_terms(Conversation("And the deposit?", (TURN, AUSTEN)), "en")


@pytest.mark.parametrize(
    "turn",
    [
        Turn(TURN.question, "I did not find the answer in your documents."),
        Turn(TURN.question, "Globex wins the World Cup.", shown=""),
    ],
)
def test_an_answer_that_was_not_given_adds_nothing(turn: Turn) -> None:
    assert key_terms(Conversation("When does it begin?", (turn,)), "en") == ["lease", "Acme", "end"]
    chat = ScriptedChat(script="When does the lease of Globex begin?")
    assert "Globex" not in condense(Conversation("When does it begin?", (turn,)), llm=chat, language="en").search
    assert "Globex" not in chat.seen[0][-1].text


def test_a_question_that_names_nothing_is_about_what_it_follows() -> None:
    found = condense(Conversation("Why?", (TURN,)), llm=None, language="en")
    assert found.question == found.search == "Why? (lease Acme end 31 2027)"


def test_a_long_conversation_adds_no_more_than_its_last_turns_can_hold() -> None:
    turns = (Turn("What is in the report? " + "costs figures tables " * 5000, "word " * 10_000),) * 50
    found = condense(Conversation("And then?", turns), llm=ScriptedChat(script="x"), language="en")
    assert len(found.search) < 1000


def test_a_rewrite_may_not_run_on() -> None:
    assert not is_faithful("lease " * 100 + "?", "And it?", [TURN], "en")


def test_a_conversation_too_long_to_be_shown_gives_way_to_key_terms() -> None:
    class Full(ScriptedChat):
        def _generate(self, *args: Any, **kwargs: Any) -> Any:
            raise ContextOverflowError("full")

    found = condense(Conversation("When does it begin?", (TURN,)), llm=Full(), language="en")
    assert found.how == "key terms"


@pytest.mark.parametrize(
    ("turn", "question", "told"),
    [
        (VOLTA, "E quando ele termina?", "em português"),
        (TURN, "And when does it begin?", "in English"),
        (Turn("Wann endet der Mietvertrag der Firma Acme?", "Am 31. Mai 2027."), "Und wann beginnt er?", "in German"),
        (Turn("FGTS?", "8 %"), "2024?", "in English"),
    ],
)
def test_the_rewrite_is_asked_for_in_the_language_of_the_user(turn: Turn, question: str, told: str) -> None:
    chat = ScriptedChat(script="?")
    condense(Conversation(question, (turn,)), llm=chat, language="en")
    assert told in chat.seen[0][0].text
    assert question in chat.seen[0][-1].text


_SAID: dict[Language, tuple[Conversation, ...]] = {
    "en": (
        Conversation("When does it begin?", (TURN,)),
        Conversation("And the deposit of 12?", (TURN, Turn("And the rent?", "It is due monthly."))),
        Conversation("Why?", (AUSTEN,)),
    ),
    "pt": (Conversation("E quanto ele paga em 2024?", (VOLTA,)),),
}
_WORDS = st.sampled_from(
    "When Where does the lease of Acme Globex begin end in 2031 31 twelve dois Will May Jane AUSTEN it B2B Quando "
    "contrato Globex's x@y.org 1.234,56 99% mil custa Qual é o valor why? ? , . : ( ) -".split()
)


@given(
    st.sampled_from([(language, said) for language, all_said in _SAID.items() for said in all_said]),
    st.lists(_WORDS, max_size=14).map(" ".join) | st.text(max_size=80),
    st.booleans(),
)
def test_no_name_and_no_number_is_searched_that_was_not_said(
    case: tuple[Language, Conversation], written: str, asks: bool
) -> None:
    language, conversation = case
    found = condense(conversation, llm=ScriptedChat(script=written + "?" * asks), language=language)
    said = "\n".join([conversation.question, *(f"{turn.question}\n{turn.answer}" for turn in conversation.turns)])
    known = {term.stem for term in terms(said, language)}
    marked = {term.stem for term in content_terms(found.search, language) if not term.text.islower()}
    assert marked <= known
    assert facts_of(found.search, language).numbers <= facts_of(said, language).numbers
    assert {term.stem for term in content_terms(conversation.question, language)} <= {
        term.stem for term in terms(found.search, language)
    } or found.how == "rewritten"


@pytest.mark.slow
def test_the_starter_model_never_makes_a_search_worse_than_key_terms() -> None:
    from lastro.llm.chat import ChatLlama

    chat = ChatLlama(model="smollm2-135m")
    for language, conversations in _SAID.items():
        for conversation in conversations:
            found = condense(conversation, llm=chat, language=language)
            key = condense(conversation, llm=None, language=language)
            assert found.how in ("rewritten", "key terms")
            assert found.how == "rewritten" or found == key
            said = "\n".join(f"{turn.question} {turn.answer}" for turn in conversation.turns) + conversation.question
            known = {term.stem for term in terms(said, language)}
            assert len([t for t in content_terms(found.search, language) if t.stem not in known]) <= 1
