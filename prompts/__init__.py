"""Prompt templates: one Markdown file each, one folder a language, variables checked when loaded."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from string import Formatter
from typing import TYPE_CHECKING

from lastro.errors import PromptError
from lastro.types import Language

if TYPE_CHECKING:
    from langchain_core.prompts import ChatPromptTemplate

# What each template may and must name; `load_*` refuses a file that differs.
VARIABLES: dict[str, frozenset[str]] = {
    "answer": frozenset({"fence", "refusal"}),
    "turn": frozenset({"sources", "question"}),
    "condense": frozenset({"history", "question"}),
    "source": frozenset({"label", "title", "place", "text", "fence"}),
    "extract": frozenset({"quote"}),
    "refusal": frozenset(),
}
LANGUAGES: tuple[Language, ...] = ("en", "pt")
_ROLE = re.compile(r"^# (system|human|ai)\s*$", re.MULTILINE)

__all__ = ["LANGUAGES", "VARIABLES", "load_prompt", "load_text", "refusal"]


@lru_cache(maxsize=64)
def load_text(name: str, language: Language) -> str:
    """The template `prompts/<language>/<name>.md` as text, ready for `str.format`.

    Raises:
        PromptError: there is no such template, or its variables are not those of `VARIABLES`.
    """
    if name not in VARIABLES or language not in LANGUAGES:
        raise PromptError(f"prompt {language}/{name}: no such template; there are {sorted(VARIABLES)} in {LANGUAGES}")
    text = files("lastro.prompts").joinpath(language, f"{name}.md").read_text(encoding="utf-8").strip()
    return check_variables(text, name, language)


def check_variables(text: str, name: str, language: str) -> str:
    """`text` itself, once its variables are exactly those that `name` stands for.

    Raises:
        PromptError: a variable is missing, unknown, or a brace is not closed.
    """
    try:
        used = {field for _, field, _, _ in Formatter().parse(text) if field is not None}
    except ValueError as error:
        raise PromptError(f"prompt {language}/{name}: {error}; double a brace that is meant as text") from error
    if used != VARIABLES[name]:
        raise PromptError(
            f"prompt {language}/{name}: has variables {sorted(used)}, must have {sorted(VARIABLES[name])}; "
            f"mend the file"
        )
    return text


@lru_cache(maxsize=64)
def load_prompt(name: str, language: Language) -> ChatPromptTemplate:
    """The template as a `ChatPromptTemplate`; `# system`, `# human` and `# ai` headings open its messages.

    Raises:
        PromptError: as `load_text`, or the file opens no message.
    """
    from langchain_core.prompts import ChatPromptTemplate

    parts = _ROLE.split(load_text(name, language))
    if len(parts) < 3:
        raise PromptError(f"prompt {language}/{name}: opens no message; begin one with '# system' or '# human'")
    pairs = [(role, text.strip()) for role, text in zip(parts[1::2], parts[2::2], strict=True)]
    return ChatPromptTemplate.from_messages(pairs)


def refusal(language: Language) -> str:
    """The one sentence that says nothing was found; prompt, verifier, page and tests share it."""
    return load_text("refusal", language)
