from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest

from lastro.errors import ModelError
from lastro.llm.native import NativeModel, Vocabulary
from lastro.llm.template import CHATML, ChatTemplate, Piece, Turn, encode, encode_plain, template_for

LLAMA3 = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + "
    "message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}"
    "{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
LLAMA32 = """{{- bos_token }}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{{- "Cutting Knowledge Date: December 2023\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""
MISTRAL = (
    "{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
    "{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}"
    "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{% if (message['role'] == 'assistant') %}"
    "{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}"
    "{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}"
)
LLAMA3_TOKENS = [
    "<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>",
    "<|python_tag|>", "<|finetune_right_pad_id|>",
]  # fmt: skip
MISTRAL_TOKENS = ["<s>", "</s>", "[INST]", "[/INST]", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]"]
CHATML_TOKENS = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]
GEMMA_TOKENS = ["<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"]
FAMILIES = {
    "llama-3": (LLAMA3, LLAMA3_TOKENS, "<|begin_of_text|>"),
    "llama-3.2": (LLAMA32, LLAMA3_TOKENS, "<|begin_of_text|>"),
    "mistral": (MISTRAL, MISTRAL_TOKENS, "<s>"),
    "chatml": (CHATML, CHATML_TOKENS, None),
    "gemma": (GEMMA, GEMMA_TOKENS, "<bos>"),
}
EVERY_SPECIAL = sorted({token for _, tokens, _ in FAMILIES.values() for token in tokens})
TURNS = [
    Turn("system", "Answer from the sources."),
    Turn("user", "When does it end?"),
    Turn("assistant", "On 31 May 2027."),
    Turn("user", "Who signed it?"),
]


def _controls(ids: list[int], vocabulary: Vocabulary) -> list[str]:
    special = set(vocabulary.specials.values())
    return [vocabulary.text(token) for token in ids if token in special]


def _text(ids: list[int], vocabulary: Vocabulary) -> str:
    return b"".join(vocabulary.piece(token, special=True) for token in ids).decode()


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("user_defined", [False, True], ids=["control", "user-defined"])
def test_no_special_string_in_a_message_becomes_a_control_token(
    name: str, user_defined: bool, family: Callable[..., NativeModel]
) -> None:
    template, tokens, bos = FAMILIES[name]
    control, defined = (tokens[:2], tuple(tokens[2:])) if user_defined else (tokens, ())
    model = family(control, defined, bos=bos, template=template)
    vocabulary = model.vocabulary
    chat = template_for(model.chat_template, vocabulary)
    plain = encode(chat.render(TURNS), vocabulary)
    forged = "".join(f"x{token}{token}" for token in EVERY_SPECIAL)
    hostile = [Turn(turn.role, turn.content + forged) for turn in TURNS]
    ids = encode(chat.render(hostile), vocabulary)
    assert _controls(ids, vocabulary) == _controls(plain, vocabulary)
    assert _text(ids, vocabulary).count(forged) == len(TURNS)
    assert _controls(encode_plain(forged, vocabulary), vocabulary) == []


@pytest.mark.parametrize("name", FAMILIES)
def test_the_ids_are_those_of_the_rendered_prompt_as_one_text(name: str, family: Callable[..., NativeModel]) -> None:
    template, tokens, bos = FAMILIES[name]
    model = family(tokens, bos=bos, template=template)
    pieces = template_for(model.chat_template, model.vocabulary).render(TURNS)
    whole = model.vocabulary.tokenize("".join(piece.text for piece in pieces), special=True)
    assert encode(pieces, model.vocabulary) == whole


@pytest.mark.parametrize("name", FAMILIES)
def test_the_first_token_of_a_sequence_comes_once(name: str, family: Callable[..., NativeModel]) -> None:
    template, tokens, bos = FAMILIES[name]
    vocabulary = family(tokens, bos=bos).vocabulary
    for source in (template, template.replace("bos_token", "''")):
        chat = ChatTemplate(source, bos=bos or "", eos=tokens[1])
        ids = encode(chat.render(TURNS), vocabulary)
        assert ids.count(vocabulary.specials[bos] if bos else -1) == (1 if bos else 0)
        assert bos is None or vocabulary.text(ids[0]) == bos


def test_the_starter_models_prompt_is_the_one_it_was_trained_on(vocabulary: Vocabulary) -> None:
    ids = encode(ChatTemplate(CHATML).render([Turn("system", "Be brief."), Turn("user", "Hi")]), vocabulary)
    assert _text(ids, vocabulary) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )
    assert _controls(ids, vocabulary) == ["<|im_start|>", "<|im_end|>", "<|im_start|>", "<|im_end|>", "<|im_start|>"]


def test_the_starter_model_takes_no_control_token_from_a_message(vocabulary: Vocabulary) -> None:
    own = list(vocabulary.specials)
    assert len(own) > 10
    assert _controls(encode_plain(" ".join([*own, *EVERY_SPECIAL]), vocabulary), vocabulary) == []


def test_a_template_that_trims_a_message_gets_it_trimmed_and_another_gets_it_whole() -> None:
    turns = [Turn("user", "  two words \n")]
    assert "".join(piece.text for piece in ChatTemplate(LLAMA3).render(turns)).count("\n\ntwo words<|eot_id|>") == 1
    assert "user\n  two words \n<|im_end|>" in "".join(piece.text for piece in ChatTemplate(CHATML).render(turns))


def test_a_refused_system_turn_joins_the_first_user_turn() -> None:
    text = "".join(piece.text for piece in ChatTemplate(MISTRAL, bos="<s>", eos="</s>").render(TURNS))
    assert text.startswith("<s>[INST] Answer from the sources.\n\nWhen does it end? [/INST]On 31 May 2027.</s>")


def test_a_system_turn_that_the_template_leaves_out_joins_the_first_user_turn() -> None:
    source = "{% for m in messages if m.role != 'system' %}[{{ m.role }}]{{ m.content }}{% endfor %}"
    text = "".join(piece.text for piece in ChatTemplate(source).render(TURNS))
    assert text.startswith("[user]Answer from the sources.\n\nWhen does it end?")


def test_a_system_turn_alone_becomes_a_user_turn_where_the_role_is_refused() -> None:
    assert ChatTemplate(MISTRAL).render([Turn("system", "Hello.")])[1] == Piece("Hello.", trusted=False)


def test_two_user_turns_in_a_row_become_one_where_the_template_wants_turns_to_alternate() -> None:
    text = "".join(piece.text for piece in ChatTemplate(MISTRAL).render([Turn("user", "One."), Turn("user", "Two.")]))
    assert text == "[INST] One.\n\nTwo. [/INST]"


def test_turns_that_no_reading_makes_fit_are_refused_with_the_templates_reason() -> None:
    with pytest.raises(ModelError, match="must alternate"):
        ChatTemplate(MISTRAL).render([Turn("assistant", "I begin.")])
    with pytest.raises(ModelError, match="leaves out"):
        ChatTemplate("{{ messages[0].role }}").render([Turn("user", "Lost.")])
    with pytest.raises(ModelError, match=r"\(none\)"):
        ChatTemplate(LLAMA32.replace("messages[0]", "messages[0]['x']")).render([])


def test_the_template_knows_the_date() -> None:
    chat = ChatTemplate(LLAMA32, bos="<|begin_of_text|>", now=lambda: datetime(2027, 5, 31))
    assert "Today Date: 31 May 2027\n\n" in chat.render(TURNS)[0].text


def test_a_template_cannot_reach_out_of_its_sandbox() -> None:
    with pytest.raises(ModelError, match="refuses"):
        ChatTemplate("{{ ''.__class__.__mro__[1].__subclasses__()[0]('x') }}{{ messages }}").render(TURNS)


def test_a_template_that_is_not_jinja_is_refused() -> None:
    with pytest.raises(ModelError, match="not valid"):
        ChatTemplate("{% for %}")


def test_hugging_faces_own_tags_and_filters_are_understood() -> None:
    source = (
        "{% for m in messages %}{% if loop.index > 1 %}{% break %}{% endif %}{% generation %}{{ m.content }}"
        "{% endgeneration %}{{ {'é': 1} | tojson }}{% endfor %}"
    )
    assert [piece.text for piece in ChatTemplate(source).render([Turn("user", "Hi")])] == ["Hi", '{"é": 1}']


def test_an_empty_message_is_still_a_turn() -> None:
    text = "".join(piece.text for piece in ChatTemplate(CHATML).render([Turn("user", "Hi"), Turn("assistant", "")]))
    assert "<|im_start|>assistant\n<|im_end|>" in text


def test_a_model_without_a_template_is_a_chat_model_only_with_chatml_tokens(
    family: Callable[..., NativeModel],
) -> None:
    chat = template_for(None, family(CHATML_TOKENS).vocabulary)
    assert chat.render([Turn("user", "Hi")])[0].text == "<|im_start|>user\n"
    with pytest.raises(ModelError, match="no chat model"):
        template_for(None, family(MISTRAL_TOKENS).vocabulary)
