"""What the commands ask for, carried out: everything is checked before the first search, which may load a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lastro.errors import ConfigError
from lastro.evaluation import drafting
from lastro.evaluation.answers.metrics import ANSWER_MEASURES
from lastro.evaluation.answers.reply import Chain
from lastro.evaluation.datasets import load_questions, new_questions
from lastro.evaluation.notes import differences
from lastro.evaluation.places import Places
from lastro.evaluation.records import Report
from lastro.evaluation.run import Configuration, LoadChat, OnQuestion, depth_of, describe, run
from lastro.evaluation.saved import load_report
from lastro.evaluation.summary import Limit, failures, make_report, parse_limit

if TYPE_CHECKING:
    from lastro.config import AnswerSettings, RetrievalSettings
    from lastro.vectorstore.library import Library


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be measured; `changes` are settings such as "retrieval.k=8", limits such as "hit@5=0.95"."""

    file: Path
    depth: int = 10
    against: Path | None = None
    changes: tuple[str, ...] = ()
    least: tuple[str, ...] = ()  # limits that a metric may not be under
    most: tuple[str, ...] = ()  # limits that a metric may not be over


@dataclass(frozen=True, slots=True)
class Answering:
    """How questions are answered: `build` makes the chain of these and other settings."""

    build: Callable[[RetrievalSettings, AnswerSettings], Chain]
    settings: AnswerSettings
    model: str  # name of the chat model


class Evaluated(NamedTuple):
    """A report, a line for each limit that is not kept, and whether Ctrl-C ended it before the last question."""

    report: Report
    broken: list[str]
    stopped: bool


def evaluate(
    asked: Asked,
    library: Library,
    *,
    chat: LoadChat | None = None,
    answering: Answering | None = None,
    on_question: OnQuestion | None = None,
) -> Evaluated:
    """The report of the library's own settings and of changed ones, where there are any.

    `chat` loads the chat model, where a setting of the search wants one. With `answering` each question is also
    answered.

    Raises:
        QuestionSetError: the question set is none, or names what the library does not hold.
        ConfigError: a setting, limit or saved report is none that exists.
    """
    change = parse_changes(asked.changes, answers=answering is not None)
    limits = _limits(asked, min(asked.depth, depth_of(library.retrieval, asked.depth)), answers=answering is not None)
    saved = None if asked.against is None else _saved(asked.against)
    questions = load_questions(asked.file)
    golds = Places(library).resolve(questions)
    configurations = [
        _with_chain(Configuration.of_library(library, search, name=name, depth=asked.depth, chat=chat), search, how)
        for name, search, how in _ways(library, change, answering)
    ]
    runs = run(questions, configurations, library=library, golds=golds, on_question=on_question)
    setting = describe(questions, library)
    report = make_report(setting, runs, depth=asked.depth, against=None if saved is None else saved.runs[0])
    if saved is not None:
        report = replace(report, notes=(differences(saved, report), *report.notes))
    done, wanted = len(runs[0].outcomes), len(questions.questions)
    if done < wanted:
        report = replace(report, notes=(f"stopped: {done} of {wanted} questions were done", *report.notes))
    return Evaluated(report, failures(runs[0], limits), done < wanted)


def _limits(asked: Asked, depth: int, *, answers: bool) -> list[Limit]:
    limits = [parse_limit(text, depth=depth) for text in asked.least]
    limits += [parse_limit(text, depth=depth, over=True) for text in asked.most]
    for limit in limits:
        if limit.measure.name in ANSWER_MEASURES and not answers:
            raise ConfigError(f"{limit.measure.name} is measured of answers: give --answers as well")
    return limits


def _ways(
    library: Library, change: Changes, answering: Answering | None
) -> Iterator[tuple[str, RetrievalSettings, Answering | None]]:
    """The library's own settings, then the changed ones where there are any, each with a name."""
    yield library.name, library.retrieval, answering
    if change.retrieval or change.answer:
        if answering is not None:
            answering = replace(answering, settings=answering.settings.model_copy(update=change.answer))
        yield change.name, library.retrieval.model_copy(update=change.retrieval), answering


def _with_chain(configuration: Configuration, search: RetrievalSettings, answering: Answering | None) -> Configuration:
    if answering is None:
        return configuration
    recorded = {"model": answering.model, **answering.settings.model_dump()}
    return replace(configuration, chain=answering.build(search, answering.settings), answering=recorded)


class Changes(NamedTuple):
    """Settings that are changed for a comparison, by name."""

    retrieval: dict[str, Any]
    answer: dict[str, Any]

    @property
    def name(self) -> str:
        """All of them, in words."""
        return ", ".join(f"{key}={value}" for key, value in (*self.retrieval.items(), *self.answer.items()))


def parse_changes(changes: Sequence[str], *, answers: bool = False) -> Changes:
    """The settings that "retrieval.NAME=VALUE" and, of answers, "answer.NAME=VALUE" texts change.

    Raises:
        ConfigError: there is no such setting, it does not take the value, or it changes nothing that is measured.
    """
    from lastro.config import AnswerSettings, RetrievalSettings, SettingsSection

    sections: dict[str, type[SettingsSection]] = {"retrieval": RetrievalSettings}
    if answers:
        sections["answer"] = AnswerSettings
    found: dict[str, dict[str, Any]] = {name: {} for name in sections}
    for change in changes:
        name, sign, value = change.partition("=")
        section, _, key = name.strip().partition(".")
        if not sign or section not in sections or key not in sections[section].model_fields:
            raise ConfigError(f"--set {change}: {_why_not(section, key if sign else '', value)}")
        found[section][key] = value.strip()
    for name, values in found.items():
        checked = sections[name].read(**values)  # names every one that is wrong
        found[name] = {key: getattr(checked, key) for key in values}
    return Changes(found["retrieval"], found.get("answer", {}))


def _why_not(section: str, key: str, value: str) -> str:
    """What is wrong with the name of a change."""
    from lastro.config import AnswerSettings, RetrievalSettings, Settings
    from lastro.setting_errors import did_you_mean, names

    known = {"retrieval": list(RetrievalSettings.model_fields), "answer": list(AnswerSettings.model_fields)}
    if not key and section in known["retrieval"]:
        return f"write retrieval.{section}={value}"
    if not key:
        return "give a name and a value, as in retrieval.search_type=keyword"
    if section in known and key not in known[section]:
        return f"no such setting{did_you_mean(key, known[section]) or '; there are ' + ', '.join(known[section])}"
    if section == "answer":
        return "changes answers, which are not measured; give --answers as well"
    every = names(Settings)
    if f"{section}.{key}" in every:
        return "no search depends on it alone; change it, run again and compare with --against"
    return f"no setting {section}.{key}{did_you_mean(f'{section}.{key}', every)}"


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
