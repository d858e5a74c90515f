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
    "answer": frozenset({"fence", "refusal", "language"}),
    "turn": frozenset({"sources", "question"}),
    "condense": frozenset({"history", "question", "language"}),
    "source": frozenset({"label", "title", "place", "text", "fence"}),
    "extract": frozenset({"quote"}),
    "refusal": frozenset(),
    "listing": frozenset({"count", "documents"}),
    "listing_empty": frozenset(),
    "mark_unsupported": frozenset(),
    "mark_contradicted": frozenset(),
    "draft_question": frozenset({"passage"}),
    "multi_query": frozenset({"question", "count"}),
    "hyde": frozenset({"question"}),
}
LANGUAGES: tuple[Language, ...] = ("en", "pt")
# How a prompt names the language to write in: Portuguese has prompts of its own, any other is told in English.
_NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "eo": "Esperanto", "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "ga": "Irish", "gl": "Galician", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian",
    "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ka": "Georgian",
    "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "ms": "Malay", "ne": "Nepali", "nl": "Dutch",
    "no": "Norwegian", "pl": "Polish", "pt": "português", "ro": "Romanian", "ru": "Russian", "sk": "Slovak",
    "sl": "Slovenian", "sq": "Albanian", "sr": "Serbian", "st": "Sesotho", "sv": "Swedish", "ta": "Tamil",
    "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "yi": "Yiddish", "zh": "Chinese",
}  # fmt: skip
_ROLE = re.compile(r"^# (system|human|ai)\s*$", re.MULTILINE)

__all__ = ["LANGUAGES", "VARIABLES", "language_name", "load_prompt", "load_text", "refusal"]


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


def language_name(code: str) -> str:
    """How a prompt names a language, from its ISO 639-1 code; one that has no name here is that of the question.

    >>> language_name("pt"), language_name("de"), language_name("und")
    ('português', 'German', 'the language of the question')
    """
    return _NAMES.get(code, "the language of the question")


def refusal(language: Language) -> str:
    """The one sentence that says nothing was found; prompt, verifier, page and tests share it.

    It exists in the languages of the prompts: a question in any other gets the English one.
    """
    return load_text("refusal", language)
