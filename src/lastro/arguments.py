"""Command-line arguments: the options that several commands share, and the order they may stand in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
K = Annotated[int | None, typer.Option("-k", help="Passages to find.", show_default="6")]
Temperature = Annotated[float | None, typer.Option(help="0 is greedy and repeatable.", show_default="0")]
ContextWindow = Annotated[int | None, typer.Option(help="Tokens of context to load the model with.")]
AnswerLanguage = Annotated[
    Literal["auto", "en", "pt"] | None, typer.Option("--language", help="Language of the answer.")
]
PolicyOption = Annotated[
    Literal["mark", "strict", "off"] | None,
    typer.Option("--policy", help="Claims that nothing backs: mark them, take them out (strict), or check nothing."),
]

_WITH_VALUE, _FLAGS = ("--library", "-l", "--model", "-m"), ("--debug",)


class MissingValue(typer.TyperException):
    """An option stands without its value."""

    exit_code = 2


def globals_first(arguments: Sequence[str]) -> list[str]:
    """The arguments with the program's own options moved to the front, so that they may stand anywhere.

    >>> globals_first(["ask", "When?", "--library", "law", "--json"])
    ['--library', 'law', 'ask', 'When?', '--json']

    Raises:
        MissingValue: an option stands without its value.
    """
    front: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            return [*front, *rest, argument, *waiting]
        if argument in _WITH_VALUE:
            value = next(waiting, None)
            if value is None or value.startswith("-"):
                raise MissingValue(f"{argument} needs a value, as in {_example(argument)}")
            front += [argument, value]
        elif argument in _FLAGS or argument.startswith(("--library=", "--model=")):
            front.append(argument)
        else:
            rest.append(argument)
    return front + rest


def _example(option: str) -> str:
    return f"`{option} contracts`" if option in ("--library", "-l") else f"`{option} smollm2-135m`"
