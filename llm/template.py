"""A chat model's own template, rendered so that the words of a message can never become control tokens.

The template sees an unguessable mark in place of each message's text. What it renders around the marks is its own and
may hold control tokens; the texts are put back afterwards and tokenised with special tokens off.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from lastro.errors import ModelError
from lastro.llm.native import Vocabulary

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One message: `role` is "system", "user", "assistant" or "tool"."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a rendered prompt: the template's own words, or a message's."""

    text: str
    trusted: bool


class _Generation(Extension):
    """Reads Hugging Face's `{% generation %}` block as its body."""

    tags = {"generation"}  # noqa: RUF012 (jinja2's own declaration)

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class ChatTemplate:
    """Renders turns by a Jinja chat template, as Hugging Face does, in a sandbox.

    Args:
        source: the template's text.
        bos: text of the token that begins a sequence, "" for none.
        eos: text of the token that ends one.
        now: the clock of `strftime_now`.

    Raises:
        ModelError: the template is not valid Jinja.
    """

    def __init__(
        self, source: str, *, bos: str = "", eos: str = "", now: Callable[[], datetime] = datetime.now
    ) -> None:
        environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
        )
        environment.filters["tojson"] = _tojson
        environment.globals.update(
            raise_exception=_raise, strftime_now=lambda form: now().strftime(form), bos_token=bos, eos_token=eos
        )
        try:
            self._template = environment.from_string(source)
        except TemplateError as error:
            raise ModelError(f"the model's chat template is not valid ({error}); choose another GGUF") from error

    def render(self, turns: Sequence[Turn]) -> list[Piece]:
        """The prompt for an answer to `turns`.

        A template that refuses a system turn, or leaves it out, gets its text at the head of the first user turn; one
        that refuses two turns of a role in a row gets them as one turn.

        Raises:
            ModelError: the template refuses every such reading.
        """
        reason = "it leaves out a message"
        for reading in _readings(turns):
            try:
                pieces = self._attempt(reading)
            except (TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError) as error:
                reason = str(error)
                continue
            if pieces is not None:
                return pieces
        roles = ", ".join(turn.role for turn in turns) or "none"
        raise ModelError(
            f"the model's chat template refuses these turns ({roles}): {reason}; begin with a user turn and alternate"
        )

    def _attempt(self, turns: Sequence[Turn]) -> list[Piece] | None:
        key = secrets.token_hex(16)
        marked = [_marked(turn, f"{key}x{index}x") for index, turn in enumerate(turns)]
        rendered = self._template.render(messages=marked, add_generation_prompt=True, tools=None, documents=None)
        parts = re.split(f"{key}x([0-9]+)x", rendered)
        shown = [int(index) for index in parts[1::2]]
        wanted = [index for index, turn in enumerate(turns) if turn.content.strip()]
        if not set(wanted) <= set(shown) or key in "".join(parts[::2]):
            return None
        pieces = [
            Piece(part if position % 2 == 0 else turns[int(part)].content.strip(), trusted=position % 2 == 0)
            for position, part in enumerate(parts)
        ]
        return [piece for piece in pieces if piece.text]


def encode(pieces: Sequence[Piece], vocabulary: Vocabulary) -> list[int]:
    """The ids of a rendered prompt: control tokens from the template alone, and the first token of a sequence once.

    For texts without special strings this is, id for id, what llama.cpp gives for the prompt as one text.
    """
    ids: list[int] = []
    plain: list[str] = []
    for part in _cut(pieces, vocabulary):
        if isinstance(part, str):
            plain.append(part)
            continue
        ids += encode_plain("".join(plain), vocabulary)
        plain.clear()
        ids.append(part)
    ids += encode_plain("".join(plain), vocabulary)
    if vocabulary.adds_bos and vocabulary.bos >= 0 and ids[:1] != [vocabulary.bos]:
        ids.insert(0, vocabulary.bos)
    return ids


def encode_plain(text: str, vocabulary: Vocabulary) -> list[int]:
    """The ids of `text`, none of them a control token or a user-defined one that could steer the model."""
    # llama.cpp turns user-defined texts into their token even with special tokens off, so each is split
    # after its first character; the rest is looked at again, for it may begin another.
    ids: list[int] = []
    while found := vocabulary.user_defined_pattern.search(text):
        ids += vocabulary.tokenize(text[: found.start() + 1])
        text = text[found.start() + 1 :]
    return ids + vocabulary.tokenize(text) if text else ids


def _cut(pieces: Sequence[Piece], vocabulary: Vocabulary) -> list[int | str]:
    """The pieces as control ids and plain texts, in order; only trusted pieces give ids."""
    parts: list[int | str] = []
    for piece in pieces:
        at = 0
        if piece.trusted:
            for found in vocabulary.special_pattern.finditer(piece.text):
                parts += [piece.text[at : found.start()], vocabulary.specials[found.group()]]
                at = found.end()
        parts.append(piece.text[at:])
    return [part for part in parts if part != ""]


def template_for(source: str | None, vocabulary: Vocabulary) -> ChatTemplate:
    """The template of a model: its own, or ChatML where it has none but knows ChatML's tokens.

    Raises:
        ModelError: the model has no template and no ChatML tokens: it is no chat model.
    """
    if source is None:
        if "<|im_start|>" not in vocabulary.specials:
            raise ModelError("the model has no chat template, so it is no chat model; choose an instruct GGUF")
        source = CHATML
    return _compiled(source, vocabulary.text(vocabulary.bos), vocabulary.text(vocabulary.eos))


@lru_cache(maxsize=16)
def _compiled(source: str, bos: str, eos: str) -> ChatTemplate:
    return ChatTemplate(source, bos=bos, eos=eos)


def _marked(turn: Turn, mark: str) -> dict[str, str]:
    """The turn with a mark for its text; white space around it stays, so that the template trims it or not."""
    text = turn.content.strip()
    if not text:
        return {"role": turn.role, "content": turn.content}
    lead, trail = turn.content.split(text, 1)
    return {"role": turn.role, "content": f"{lead}{mark}{trail}"}


def _readings(turns: Sequence[Turn]) -> list[Sequence[Turn]]:
    folded = _fold_system(turns)
    readings: list[Sequence[Turn]] = []
    for reading in (turns, _merge(turns), folded, _merge(folded)):
        if reading not in readings:
            readings.append(reading)
    return readings


def _fold_system(turns: Sequence[Turn]) -> Sequence[Turn]:
    system = "\n\n".join(turn.content.strip() for turn in turns if turn.role == "system")
    rest = [turn for turn in turns if turn.role != "system"]
    first = next((index for index, turn in enumerate(rest) if turn.role == "user"), None)
    if not system:
        return turns
    if first is None:
        return [Turn("user", system), *rest]
    rest[first] = replace(rest[first], content=f"{system}\n\n{rest[first].content}")
    return rest


def _merge(turns: Sequence[Turn]) -> Sequence[Turn]:
    merged: list[Turn] = []
    for turn in turns:
        if merged and merged[-1].role == turn.role:
            merged[-1] = replace(turn, content=f"{merged[-1].content}\n\n{turn.content}")
        else:
            merged.append(turn)
    return merged


def _raise(message: str) -> None:
    raise TemplateError(message)


def _tojson(value: Any, indent: int | None = None, **options: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent, **options)
