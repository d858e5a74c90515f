"""The `lastro` command: it reads arguments, calls the library, and prints; it decides nothing else.

Nothing heavy is imported before a command runs, so that `lastro --help` is instant.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lastro.arguments import globals_first
from lastro.errors import ConfigError, LastroError, LibraryError
from lastro.offline import go_offline

if TYPE_CHECKING:
    from lastro.chains.answer import AnswerChain
    from lastro.config import Settings
    from lastro.types import Answer
    from lastro.vectorstore.library import Library

OK, SOME_FAILED, USAGE, REFUSED, INTERNAL, INTERRUPTED = 0, 1, 2, 3, 70, 130

EPILOG = """Options of the whole program may stand before or after the command.

\b
Exit codes:
  0    done; an answer that the documents do not hold is told, and is no error
  1    `add`: some files could not be added; the others were
  2    wrong usage
  3    refused: no such library, document or model, a bad setting, a lock
  70   a defect of the program; --debug shows where
  130  ended by Ctrl-C; whole documents are kept

Settings: `lastro config`. Data: LASTRO_HOME. Nothing leaves this machine, save by `lastro models pull`."""

app = typer.Typer(
    name="lastro", rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False, epilog=EPILOG
)
models_app = typer.Typer(rich_markup_mode=None, help="List the models, or download one.")
app.add_typer(models_app, name="models")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
K = Annotated[int | None, typer.Option("-k", help="Passages to find.", show_default="6")]
Temperature = Annotated[float | None, typer.Option(help="0 is greedy and repeatable.", show_default="0")]
ContextWindow = Annotated[int | None, typer.Option(help="Tokens of context to load the model with.")]
AnswerLanguage = Annotated[
    Literal["auto", "en", "pt"] | None, typer.Option("--language", help="Language of the answer.")
]


@dataclass
class Session:
    """The options of the whole program."""

    library: str = "default"
    model: str | None = None
    debug: bool = False

    def settings(self, **overrides: dict[str, Any]) -> Settings:
        """The effective settings; a None among the overrides stands for "not given"."""
        from lastro.config import load_settings

        given = {**overrides, "llm": {"model": self.model, **overrides.get("llm", {})}}
        kept = {name: {k: v for k, v in section.items() if v is not None} for name, section in given.items()}
        return load_settings(**{name: section for name, section in kept.items() if section})

    @contextmanager
    def open(self, settings: Settings, *, create: bool = False) -> Iterator[Library]:
        """The library that was asked for."""
        import lastro

        with lastro.open_library(self.library, create=create, settings=settings) as library:
            yield library

    @contextmanager
    def open_filled(self, settings: Settings) -> Iterator[Library]:
        """The library that was asked for, which must hold documents."""
        with self.open(settings) as library:
            if not library.documents():
                raise LibraryError(_empty(self.library))
            yield library


def _empty(name: str) -> str:
    option = "" if name == "default" else f" --library {name}"
    return f"library {name!r} holds no documents; add some: lastro add PATH{option}"


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"lastro {version('lastro')}")
        raise typer.Exit(OK)


@app.callback(invoke_without_command=True)
def program(
    context: typer.Context,
    library: Annotated[str, typer.Option("--library", "-l", help="Name or folder of the library.")] = "default",
    model: Annotated[str | None, typer.Option("--model", "-m", help="Chat model: a name or a GGUF file.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    _show_version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Answers from your own documents, on your own machine, each sentence backed by its source."""
    session = context.ensure_object(Session)
    session.library, session.model, session.debug = library, model, debug
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def add(
    context: typer.Context,
    paths: Annotated[list[str], typer.Argument(help="Files and folders.")],
    as_json: Json = False,
) -> None:
    """Add files and folders to the library; this creates it."""
    from lastro.console import print_json, print_report
    from lastro.progress import AddProgress, cancel_on_interrupt

    session: Session = context.obj
    settings = session.settings()
    with cancel_on_interrupt() as cancel, session.open(settings, create=True) as library, AddProgress() as progress:
        report = library.add([Path(path) for path in paths], on_event=progress, cancel=cancel)
    print_json(report) if as_json else print_report(report)
    if cancel.is_set():
        raise typer.Exit(INTERRUPTED)
    if report.count("failed") + report.count("empty"):
        raise typer.Exit(SOME_FAILED)


@app.command("list")
def list_documents(context: typer.Context, as_json: Json = False) -> None:
    """List the library's documents."""
    from lastro.console import print_documents, print_json, stderr

    session: Session = context.obj
    with session.open(session.settings()) as library:
        documents = library.documents()
    if as_json:
        print_json(documents)
    elif documents:
        print_documents(documents)
    else:
        stderr().print(_empty(session.library), soft_wrap=True)


@app.command()
def remove(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="Id (or its first six or more characters), path, file name or title.")],
) -> None:
    """Remove a document from the library; the file itself stays."""
    from lastro.console import plain, stdout

    session: Session = context.obj
    with session.open(session.settings()) as library:
        record = library.remove(key)
    stdout().print(f"removed {plain(record.title, one_line=True)} ({record.id[:12]})", soft_wrap=True)


@app.command()
def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="Words or a question.")],
    k: K = None,
    as_json: Json = False,
) -> None:
    """Find passages; no model writes anything."""
    from lastro.console import print_json, print_passages

    session: Session = context.obj
    settings = session.settings(retrieval={"k": k})
    with session.open_filled(settings) as library:
        passages = library.search(query, k=settings.retrieval.k)
    print_json(passages) if as_json else print_passages(passages)


@contextmanager
def _chain(session: Session, settings: Settings) -> Iterator[AnswerChain]:
    import lastro

    with session.open_filled(settings) as library:
        yield lastro.answer_chain(library, settings=settings)


def _answer(chain: AnswerChain, question: str | dict[str, Any], *, show: bool) -> Answer:
    from lastro.events import Checked, Token
    from lastro.progress import Draft

    draft, cancel = Draft(), threading.Event()
    try:
        for event in chain.events(question, cancel=cancel):
            if isinstance(event, Token) and show:
                draft.write(event.text)
            if isinstance(event, Checked):
                return event.answer
    finally:
        cancel.set()  # an interrupt leaves the loop early: the model must not write on
        draft.end()
    raise AssertionError("the chain's last event is the checked answer")


@app.command()
def ask(  # noqa: PLR0913, PLR0917 - one argument an option
    context: typer.Context,
    question: Annotated[str, typer.Argument(help="A question, in Portuguese or English.")],
    k: K = None,
    temperature: Temperature = None,
    context_window: ContextWindow = None,
    language: AnswerLanguage = None,
    as_json: Json = False,
) -> None:
    """Answer a question from the documents; each sentence is checked against them.

    The draft streams to stderr; the checked answer with its citations goes to stdout.
    """
    from lastro.console import print_answer, print_json, print_usage

    session: Session = context.obj
    settings = session.settings(
        retrieval={"k": k}, llm={"temperature": temperature, "context_window": context_window},
        answer={"language": language},
    )  # fmt: skip
    with _chain(session, settings) as chain:
        answer = _answer(chain, question, show=not as_json)
    if as_json:
        print_json(answer)
    else:
        print_answer(answer)
        print_usage(answer.usage)


@app.command()
def chat(
    context: typer.Context,
    k: K = None,
    temperature: Temperature = None,
    context_window: ContextWindow = None,
    language: AnswerLanguage = None,
) -> None:
    """Ask one question after another; each may refer to those before it.

    Ctrl-C stops an answer; an empty line or Ctrl-D ends.
    """
    from lastro.console import print_answer, print_error, print_usage

    session: Session = context.obj
    settings = session.settings(
        retrieval={"k": k}, llm={"temperature": temperature, "context_window": context_window},
        answer={"language": language},
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


@models_app.callback(invoke_without_command=True)
def list_models(context: typer.Context, as_json: Json = False) -> None:
    """List the models that are known or installed, and which fit this machine."""
    if context.invoked_subcommand is not None:
        return
    from lastro.console import print_json, print_models
    from lastro.llm.models import available_models

    listings = available_models()
    print_json(listings) if as_json else print_models(listings)


@models_app.command("pull")
def pull_model(name: Annotated[str, typer.Argument(help="Name from `lastro models`.")]) -> None:
    """Download a model and check its SHA-256: the only command that uses the network."""
    go_offline(allow_hub=True)
    from lastro.llm.models import pull
    from lastro.progress import Download

    typer.echo(str(pull(name, on_progress=Download(name))))


@app.command()
def config(context: typer.Context, as_json: Json = False) -> None:
    """Show every setting: its value, where that came from, and what it means."""
    from lastro.config import home
    from lastro.console import print_json, print_settings
    from lastro.settings_table import default_rows, rows

    session: Session = context.obj
    try:
        table = rows(session.settings(), model=session.model)
    except ConfigError:
        if not as_json:  # the refusal tells the reader to look up names and ranges here
            print_settings(default_rows(), folder=home())
        raise
    if as_json:
        print_json({"home": str(home()), "settings": {name: {"value": v, "from": f} for name, v, f, _ in table}})
    else:
        print_settings(table, folder=home())


@app.command("app")
def run_app(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", show_default="8501")] = None,
) -> None:
    """Serve the page: add documents, ask, see each citation in its place."""
    from lastro.serve import serve

    session: Session = context.obj
    page = session.settings(ui={"host": host, "port": port}).ui
    raise typer.Exit(serve(page, library=session.library, model=session.model))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; an error becomes one line on stderr."""
    from typer import TyperException

    go_offline()
    session = Session()
    try:
        code = app(args=globals_first(arguments), prog_name="lastro", obj=session, standalone_mode=False)
    except TyperException as error:
        return _tell(f"{error.format_message()} (see `lastro --help`)", code=error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output, such as `head`, has left
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return OK
    except LastroError as error:
        return _tell(str(error), code=REFUSED, debug="--debug" in arguments)
    except Exception as error:  # noqa: BLE001 - the edge: no traceback for a user who did not ask
        message = f"defect: {type(error).__name__}: {error}; run it again with --debug to see where"
        return _tell(message, code=INTERNAL, debug="--debug" in arguments)
    return code if isinstance(code, int) else OK


def _tell(message: str, *, code: int, debug: bool = False) -> int:
    from lastro.console import print_error

    if debug:
        traceback.print_exc()
    print_error(message)
    return code


def main() -> None:
    """The entry point of `lastro`."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows "?"
    code = run(sys.argv[1:])
    if code == INTERRUPTED:
        sys.stderr.write("\nlastro: stopped\n")
    sys.exit(code)
