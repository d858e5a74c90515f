"""The commands that measure: `lastro eval`, `lastro eval calibrate` and `lastro eval make`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lastro.session import INTERRUPTED, SOME_FAILED, USAGE, Session

if TYPE_CHECKING:
    from lastro.chains.answer import AnswerChain
    from lastro.config import AnswerSettings, RetrievalSettings, Settings
    from lastro.evaluation.command import Answering
    from lastro.evaluation.records import Report
    from lastro.evaluation.run import OnQuestion
    from lastro.vectorstore.library import Library


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
    help="Measure how well passages are found and questions answered, fit the confidence of answers, or draft the "
    "questions. `run` need not be written.",
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
    least: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-under", metavar="METRIC=SHARE", help="Exit with 1 where a metric is under it; repeatable."
        ),
    ] = None,
    most: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-over", metavar="METRIC=SHARE", help="The same for a metric of which less is better; repeatable."
        ),
    ] = None,
    depth: Annotated[int, typer.Option("--k", "-k", min=1, max=100, help="Passages searched for each question.")] = 10,
    answers: Annotated[
        bool, typer.Option("--answers", help="Have each question answered too, and measure the answers.")
    ] = False,
) -> None:
    """Measure how well the library finds what a question set says it should find; with --answers, how it answers."""
    import lastro
    from lastro.console import print_error
    from lastro.evaluation.command import Asked, evaluate
    from lastro.evaluation.saved import refuse_unwritable

    refuse_unwritable(None if str(json_file) == "-" else json_file, html_file)
    asked = Asked(file, depth, against, tuple(changes or ()), tuple(least or ()), tuple(most or ()))
    session: Session = context.obj
    settings = session.settings()
    with session.open_filled(settings) as library, _progress("questions") as on_question:
        found = evaluate(
            asked, library, chat=lambda: lastro.chat_model(settings), on_question=on_question,
            answering=_answering(library, settings) if answers else None,
        )  # fmt: skip
    _hand_over(found.report, json_file, html_file)
    for line in found.broken:
        print_error(line)
    if found.stopped or found.broken:
        raise typer.Exit(INTERRUPTED if found.stopped else SOME_FAILED)


def _answering(library: Library, settings: Settings) -> Answering:
    """How questions are answered under these settings; a model that is not there is refused now."""
    import lastro
    from lastro.chains.answer import model_name
    from lastro.evaluation.command import Answering
    from lastro.llm.engine import context_size

    context_size(settings.llm)
    chat = lastro.chat_model(settings)

    def build(retrieval: RetrievalSettings, answer: AnswerSettings) -> AnswerChain:
        changed = settings.model_copy(update={"retrieval": retrieval, "answer": answer})
        return lastro.answer_chain(library, llm=chat, settings=changed)

    return Answering(build, settings.answer, model_name(chat))


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


@eval_app.command("calibrate")
def calibrate_confidence(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Question set, JSONL, with gold answers and unanswerable questions.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="File to put the calibration into.", show_default="calibration.json in LASTRO_HOME"),
    ] = None,
    keep: Annotated[float, typer.Option("--keep", help="Share of the right answers that are still shown.")] = 0.9,
    least: Annotated[
        int, typer.Option("--min", help="Right answers of a language, and as many wrong ones, that a fit wants.")
    ] = 30,
) -> None:
    """Fit the confidence of answers on your own questions, and from which confidence on an answer is shown.

    Each question is answered, nothing refused for its confidence, and the answer compared with the gold answers. A
    calibration is for this chat model, this embedder and a language; others in the file stay.
    """
    import lastro
    from lastro.chains.answer import model_name
    from lastro.config import home
    from lastro.console import plain, stdout
    from lastro.evaluation.calibrating import Asked, calibrate
    from lastro.evaluation.saved import refuse_unwritable
    from lastro.evaluation.tables import calibration_table
    from lastro.llm.engine import context_size

    refuse_unwritable(out)
    target = home() / "calibration.json" if out is None else out
    session: Session = context.obj
    settings = session.settings(answer={"confidence_threshold": 0.0})
    with session.open_filled(settings) as library, _progress("questions") as on_question:
        context_size(settings.llm)  # a model that is not there is refused before any question
        chat = lastro.chat_model(settings)
        chain = lastro.answer_chain(library, llm=chat, settings=settings)
        chain.ground = replace(chain.ground, calibrations=())  # every signal, whatever the present one weighs
        made = calibrate(
            Asked(file, target, keep, least), chain, library, model=model_name(chat), embedder=chain.ground.embedder,
            on_question=on_question,
        )  # fmt: skip
    stdout().print(calibration_table(made.entries))
    for note in made.notes:
        stdout().print(f"note: {plain(note, one_line=True)}", soft_wrap=True)
    stdout().print(f"calibration: {plain(str(target))}", soft_wrap=True)


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
