"""The `lastro` command: it reads arguments, calls the library, and prints; it decides nothing else.

Nothing heavy is imported before a command runs, so that `lastro --help` is instant.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from lastro.arguments import Json, K, globals_first
from lastro.asking import ask, chat
from lastro.errors import ConfigError, LastroError
from lastro.evaluating import eval_app
from lastro.offline import go_offline
from lastro.session import INTERNAL, INTERRUPTED, OK, REFUSED, SOME_FAILED, Session, empty
from lastro.threads import let_waiting_threads_sleep
from lastro.upkeep import export, import_file, list_libraries, rebuild, remove, verify

EPILOG = """Options of the whole program may stand before or after the command.

\b
Exit codes:
  0    done; an answer that the documents do not hold is told, and is no error
  1    `add`: some files could not be added, the others were; `verify`: something is wrong;
       `eval`: a metric is under --fail-under, or over --fail-over
  2    wrong usage
  3    refused: no such library, document or model, a bad setting, a lock, a port in use
  70   a defect of the program; --debug shows where
  130  ended by Ctrl-C; whole documents are kept, and `eval` reports what was done

Settings: `lastro config`. Data: LASTRO_HOME. Nothing leaves this machine, save by `lastro models pull`."""

app = typer.Typer(
    name="lastro", rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False, epilog=EPILOG
)
models_app = typer.Typer(rich_markup_mode=None, help="List the models, or download one.")
app.add_typer(models_app, name="models")
app.add_typer(eval_app, name="eval")


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
        stderr().print(empty(session.library), soft_wrap=True)


@app.command()
def search(
    context: typer.Context,
    query: Annotated[str, typer.Argument(help="Words or a question.")],
    k: K = None,
    why: Annotated[bool, typer.Option("--why", help="Say of each passage what found it.")] = False,
    as_json: Json = False,
) -> None:
    """Find passages; no model writes anything."""
    from lastro.console import print_json, print_legend, print_passages, stderr
    from lastro.why import explain

    session: Session = context.obj
    settings = session.settings(retrieval={"k": k})
    with session.open_filled(settings) as library:
        passages = library.search(query, k=settings.retrieval.k)
        told = explain(library, passages, query) if why else {}
    if as_json:
        print_json(passages)
    elif not passages:
        stderr().print("nothing found; ask with other words", soft_wrap=True)
    else:
        print_passages(passages, why=lambda passage: told.get(passage.chunk_id, ()))
        print_legend(passages)


app.command()(ask)
app.command()(chat)
app.command()(remove)
app.command("libraries")(list_libraries)
app.command()(verify)
app.command()(rebuild)
app.command()(export)
app.command("import")(import_file)


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
def pull_model(
    name: Annotated[str, typer.Argument(help="Name from `lastro models`, or a hub id (owner/name).")],
) -> None:
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
    let_waiting_threads_sleep()
    try:
        code = app(args=globals_first(arguments), prog_name="lastro", obj=Session(), standalone_mode=False)
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
