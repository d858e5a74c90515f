"""What the commands ask for, carried out: everything is checked before the first search, which may load a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lastro.errors import ConfigError
from lastro.evaluation import drafting
from lastro.evaluation.datasets import load_questions, new_questions
from lastro.evaluation.notes import differences
from lastro.evaluation.places import Places
from lastro.evaluation.records import Report
from lastro.evaluation.run import Configuration, LoadChat, OnQuestion, depth_of, describe, run
from lastro.evaluation.saved import load_report
from lastro.evaluation.summary import failures, make_report, parse_limit

if TYPE_CHECKING:
    from lastro.vectorstore.library import Library


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be measured; `changes` are settings such as "retrieval.k=8", `limits` such as "hit@5=0.95"."""

    file: Path
    depth: int = 10
    against: Path | None = None
    changes: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


def evaluate(
    asked: Asked, library: Library, *, chat: LoadChat | None = None, on_question: OnQuestion | None = None
) -> tuple[Report, list[str]]:
    """The report, and a line for each limit that the library's own settings are under.

    `chat` loads the chat model, where a setting wants one.

    Raises:
        QuestionSetError: the question set is none, or names what the library does not hold.
        ConfigError: a setting, limit or saved report is none that exists.
    """
    change = parse_changes(asked.changes)
    known = min(asked.depth, depth_of(library.retrieval, asked.depth))
    limits = [parse_limit(limit, depth=known) for limit in asked.limits]
    saved = None if asked.against is None else _saved(asked.against)
    questions = load_questions(asked.file)
    golds = Places(library).resolve(questions)
    settings = {library.name: library.retrieval}
    if change:
        name = ", ".join(f"{key}={value}" for key, value in change.items())
        settings[name] = library.retrieval.model_copy(update=change)
    configurations = [
        Configuration.of_library(library, chosen, name=name, depth=asked.depth, chat=chat)
        for name, chosen in settings.items()
    ]
    runs = run(questions, configurations, library=library, golds=golds, on_question=on_question)
    setting = describe(questions, library)
    report = make_report(setting, runs, depth=asked.depth, against=None if saved is None else saved.runs[0])
    if saved is not None:
        report = replace(report, notes=(differences(saved, report), *report.notes))
    return report, failures(runs[0], limits)


def parse_changes(changes: Sequence[str]) -> dict[str, Any]:
    """The retrieval settings that "retrieval.NAME=VALUE" texts change, by name.

    Raises:
        ConfigError: there is no such setting, it does not take the value, or it is none of the search's.
    """
    from lastro.config import RetrievalSettings

    found: dict[str, Any] = {}
    for change in changes:
        name, sign, value = change.partition("=")
        section, _, key = name.strip().partition(".")
        if not sign or section != "retrieval" or key not in RetrievalSettings.model_fields:
            raise ConfigError(f"--set {change}: {_why_not(section, key if sign else '', value)}")
        found[key] = value.strip()
    checked = RetrievalSettings.read(**found)  # names every one that is wrong
    return {key: getattr(checked, key) for key in found}


def _why_not(section: str, key: str, value: str) -> str:
    """What is wrong with the name of a change."""
    from lastro.config import RetrievalSettings, Settings
    from lastro.setting_errors import did_you_mean, names

    searched = list(RetrievalSettings.model_fields)
    if not key and section in searched:
        return f"write retrieval.{section}={value}"
    if not key:
        return "give a name and a value, as in retrieval.search_type=keyword"
    if section == "retrieval":
        return f"no such setting{did_you_mean(key, searched) or '; there are ' + ', '.join(searched)}"
    known = names(Settings)
    if f"{section}.{key}" in known:
        return "no search depends on it alone; change it, run again and compare with --against"
    return f"no setting {section}.{key}{did_you_mean(f'{section}.{key}', known)}"


def _saved(file: Path) -> Report:
    """A saved report; its first run has the file's name."""
    report = load_report(file)
    return replace(report, runs=(replace(report.runs[0], name=file.name), *report.runs[1:]))


@dataclass(frozen=True, slots=True)
class Made:
    """What became of a question set that was to be drafted, in words."""

    said: str
    stopped: bool  # by Ctrl-C


def make(
    library: Library,
    chat: LoadChat,
    file: Path,
    *,
    count: int,
    seed: int,
    on_draft: drafting.OnDraft | None = None,
) -> Made:  # fmt: skip
    """Write drafts for a library, each as it is made: what is there stays, however it ends.

    Raises:
        QuestionSetError: the file exists already, or cannot be written.
        KeyboardInterrupt: it was stopped before the first draft; there is no file then.
    """
    kinds: list[str] = []
    stopped = False
    with new_questions(file) as append:
        try:
            for draft in drafting.draft_questions(library, chat(), count=count, seed=seed, on_draft=on_draft):
                append(draft)
                kinds.append(draft.meta["kind"])
        except KeyboardInterrupt:
            if not kinds:
                raise
            stopped = True
    few = ""
    if stopped:
        few = f"; stopped before {count}, and these are kept"
    elif len(kinds) < count:
        few = f"; found {len(kinds)} places to ask about; another --seed may find others"
    drafts = f"{len(kinds)} draft{'' if len(kinds) == 1 else 's'}"
    return Made(
        f"{drafts}, {kinds.count('cloze')} of them sentences with a gap{few}; read and correct each line, "
        f'then take "draft" out of its meta',
        stopped,
    )
