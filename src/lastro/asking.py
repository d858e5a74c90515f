"""The commands that answer: `lastro ask` and `lastro chat`."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lastro.arguments import AnswerLanguage, ContextWindow, Json, K, PolicyOption, Temperature
from lastro.errors import LastroError
from lastro.session import Session

if TYPE_CHECKING:
    from lastro.chains.answer import AnswerChain
    from lastro.config import Settings
    from lastro.types import Answer


def ask(  # noqa: PLR0913, PLR0917 - one argument an option
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="A question, in Portuguese or English.")],
    k: K = None,
    temperature: Temperature = None,
    context_window: ContextWindow = None,
    language: AnswerLanguage = None,
    policy: PolicyOption = None,
    as_json: Json = False,
) -> None:
    """Answer a question from the documents; each sentence is checked against them.

    The draft streams to stderr; the checked answer with its citations goes to stdout.
    """
    from lastro.console import print_json, print_usage
    from lastro.telling import print_answer

    session: Session = context.obj
    settings = session.settings(
        retrieval={"k": k}, llm={"temperature": temperature, "context_window": context_window},
        answer={"language": language, "policy": policy},
    )  # fmt: skip
    with _chain(session, settings) as chain:
        answer = _answer(chain, question, show=not as_json)
    if as_json:
        print_json(answer)
    else:
        print_answer(answer)
        print_usage(answer.usage)


def chat(
    context: typer.Context,
    k: K = None,
    temperature: Temperature = None,
    context_window: ContextWindow = None,
    language: AnswerLanguage = None,
    policy: PolicyOption = None,
) -> None:
    """Ask one question after another; each may refer to those before it.

    Ctrl-C stops an answer; an empty line or Ctrl-D ends.
    """
    from lastro.console import print_error, print_usage
    from lastro.telling import print_answer

    session: Session = context.obj
    settings = session.settings(
        retrieval={"k": k}, llm={"temperature": temperature, "context_window": context_window},
        answer={"language": language, "policy": policy},
    )  # fmt: skip
    history: list[Answer] = []  # with their passages, so that a follow-up costs only what is new
    with _chain(session, settings) as chain:
        for question in _questions():
            try:
                answer = _answer(chain, {"question": question, "history": history}, show=True)
            except KeyboardInterrupt:
                typer.echo("stopped", err=True)
                continue
            except LastroError as error:  # this question was refused; the next may do
                print_error(str(error))
                continue
            print_answer(answer)
            print_usage(answer.usage)
            history.append(answer)


@contextmanager
def _chain(session: Session, settings: Settings) -> Iterator[AnswerChain]:
    import lastro

    with session.open_filled(settings) as library:
        from lastro.llm.engine import context_size

        context_size(settings.llm)  # a model that is not there is refused before the embedder is loaded
        yield lastro.answer_chain(library, settings=settings)


def _answer(chain: AnswerChain, question: str | dict[str, Any], *, show: bool) -> Answer:
    from lastro.events import Checked
    from lastro.progress import Draft

    asked = question if isinstance(question, str) else question["question"]
    draft, cancel = Draft(language=chain.language_of(asked), quiet=not show), threading.Event()
    try:
        draft.searching()
        for event in chain.events(question, cancel=cancel):
            draft(event)
            if isinstance(event, Checked):
                return event.answer
    finally:
        cancel.set()  # an interrupt leaves the loop early: the model must not write on
        draft.end()
    raise AssertionError("the chain's last event is the checked answer")


def _questions() -> Iterator[str]:
    prompt = "\n> " if sys.stdin.isatty() else ""
    while True:
        try:
            question = input(prompt).strip()
        except EOFError:
            return
        if not question:
            return
        yield question
