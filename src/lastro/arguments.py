"""The order of command-line arguments."""

from __future__ import annotations

from collections.abc import Sequence

_WITH_VALUE, _FLAGS = ("--library", "-l", "--model", "-m"), ("--debug",)


def globals_first(arguments: Sequence[str]) -> list[str]:
    """The arguments with the program's own options moved to the front, so that they may stand anywhere.

    >>> globals_first(["ask", "When?", "--library", "law", "--json"])
    ['--library', 'law', 'ask', 'When?', '--json']
    """
    front: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            return [*front, *rest, argument, *waiting]
        if argument in _WITH_VALUE:
            value = next(waiting, None)
            if value is None:  # left last, for the parser to refuse
                rest.append(argument)
            else:
                front += [argument, value]
        elif argument in _FLAGS or argument.startswith(("--library=", "--model=")):
            front.append(argument)
        else:
            rest.append(argument)
    return front + rest
