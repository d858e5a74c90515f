"""The commands that measure: `lastro eval` and `lastro eval make`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lastro.session import INTERRUPTED, SOME_FAILED, USAGE, Session

if TYPE_CHECKING:
    from lastro.evaluation.records import Report
    from lastro.evaluation.run import OnQuestion


class RunByDefault(typer.core.TyperGroup):
    """A group whose command `run` need not be named: `lastro eval set.jsonl` is `lastro eval run set.jsonl`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `run` before arguments that begin with no command; show the help where there are none."""
        if not args and not ctx.resilient_parsing:  # typer's own way ends as an error whose text is the help
            typer.echo(ctx.get_help(), err=True)
            ctx.exit(USAGE)
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["run", *args]
        return super().parse_args(ctx, args)


eval_app = typer.Typer(
    cls=RunByDefault,
    rich_markup_mode=None,
    help="Measure how well passages are found, or draft the questions to measure with. `run` need not be written.",
)


@eval_app.command("run")
def run_questions(  # noqa: PLR0913, PLR0917 - one argument an option
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Question set, JSONL.")],
    against: Annotated[
        Path | None, typer.Option("--against", help="What --json wrote earlier: say what changed since.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Compare with this setting changed; repeatable, all at once."),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the report as JSON; - is stdout, and nothing else there.")
    ] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Write the report as one HTML file.")] = None,
    limits: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-under", metavar="METRIC=SHARE", help="Exit with 1 where a metric is under it; repeatable."
        ),
    ] = None,
    depth: Annotated[int, typer.Option("--k", "-k", min=1, max=100, help="Passages searched for each question.")] = 10,
) -> None:
    """Measure how well the library finds what a question set says it should find."""
    import lastro
    from lastro.console import print_error
    from lastro.evaluation.command import Asked, evaluate
    from lastro.evaluation.saved import refuse_unwritable

    refuse_unwritable(None if str(json_file) == "-" else json_file, html_file)
    asked = Asked(file, depth, against, tuple(changes or ()), tuple(limits or ()))
    session: Session = context.obj
    settings = session.settings()
    with session.open_filled(settings) as library, _progress("questions") as on_question:
        report, under = evaluate(
            asked, library, chat=lambda: lastro.chat_model(settings), on_question=on_question
        )  # fmt: skip
    _hand_over(report, json_file, html_file)
    for line in under:
        print_error(line)
    if under:
        raise typer.Exit(SOME_FAILED)


def _hand_over(report: Report, json_file: Path | None, html_file: Path | None) -> None:
    from lastro.console import plain, stderr, stdout
    from lastro.evaluation.report import html
    from lastro.evaluation.saved import to_json, write_file
    from lastro.evaluation.tables import tables

    if str(json_file) == "-":
        typer.echo(to_json(report), nl=False)
    else:
        for title, table in tables(report):
            stdout().print(plain(title, one_line=True), style="bold", soft_wrap=True)
            stdout().print(table)
        for note in report.notes:
            stdout().print(f"note: {plain(note, one_line=True)}", soft_wrap=True)
        if json_file is not None:
            write_file(json_file, to_json(report))
    if html_file is not None:
        write_file(html_file, html(report))
        stderr().print(f"report: {plain(str(html_file))}", soft_wrap=True)


@eval_app.command("make")
def make_questions(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Question set to write; it must not exist.")],
    questions: Annotated[int, typer.Option("--questions", min=1, help="Questions to draft.")] = 50,
    seed: Annotated[int, typer.Option("--seed", help="Another seed draws other places.")] = 0,
) -> None:
    """Draft a question set from the library, for you to correct.

    The chat model writes a question for each of a sample of places; where it writes none that serves, a sentence with
    a gap stands in. Every line is marked as a draft.
    """
    import lastro
    from lastro.console import plain, stdout
    from lastro.evaluation.command import make
    from lastro.evaluation.saved import refuse_unwritable

    refuse_unwritable(file)
    session: Session = context.obj
    settings = session.settings(llm={"max_tokens": 64})
    with session.open_filled(settings) as library, _progress("drafts") as on_draft:
        made = make(
            library, lambda: lastro.chat_model(settings), file, count=questions, seed=seed, on_draft=on_draft
        )  # fmt: skip
    stdout().print(f"{plain(str(file))}: {plain(made.said)}", soft_wrap=True)
    if made.stopped:
        raise typer.Exit(INTERRUPTED)


@contextmanager
def _progress(what: str) -> Iterator[OnQuestion]:
    """A bar on a terminal; nothing elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from lastro.console import stderr

    console = stderr()
    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
