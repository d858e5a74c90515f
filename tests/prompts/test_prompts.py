from __future__ import annotations

import pytest

from lastro.errors import PromptError
from lastro.language import SNOWBALL
from lastro.prompts import LANGUAGES, VARIABLES, check_variables, language_name, load_prompt, load_text, refusal


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_every_template_exists_in_every_language_with_its_variables(name: str, language: str) -> None:
    assert load_text(name, language)  # type: ignore[arg-type]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["answer", "turn", "condense"])
def test_chat_templates_open_messages(name: str, language: str) -> None:
    assert load_prompt(name, language).messages  # type: ignore[arg-type]


def test_a_template_that_does_not_exist_is_named() -> None:
    with pytest.raises(PromptError, match="en/poem: no such template"):
        load_text("poem", "en")


@pytest.mark.parametrize("text", ["{question}", "{sources} {question} {x}", "{sources"])
def test_wrong_variables_are_refused(text: str) -> None:
    with pytest.raises(PromptError, match="pt/turn"):
        check_variables(text, "turn", "pt")


def test_a_text_that_opens_no_message_is_no_chat_prompt() -> None:
    with pytest.raises(PromptError, match="opens no message"):
        load_prompt("refusal", "en")


def test_braces_in_a_document_stay_as_they_are() -> None:
    messages = load_prompt("turn", "en").format_messages(sources="{evil}", question="{fence}?")
    assert messages[0].text == "{evil}\n\nQuestion: {fence}?"


def test_the_refusals_differ_by_language() -> None:
    assert refusal("en") != refusal("pt")


@pytest.mark.parametrize("code", sorted(SNOWBALL))
def test_every_language_that_is_stemmed_has_a_name_in_prompts(code: str) -> None:
    assert language_name(code) != language_name("und")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_examples_of_a_rewrite_are_turns_of_their_own(language: str) -> None:
    messages = load_prompt("condense", language).format_messages(history="{x}", question="Why?", language="English")  # type: ignore[arg-type]
    assert [message.type for message in messages] == ["system", "human", "ai", "human", "ai", "human"]
    assert "{x}" in messages[-1].text
    assert messages[-1].text.endswith("Why?")
