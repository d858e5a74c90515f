"""What long work says while it runs; the CLI and the page draw the same events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lastro.types import Answer, FileResult, Passage, SentenceState

Stage = Literal["parse", "split", "embed", "store"]


@dataclass(frozen=True, slots=True)
class FileStarted:
    """Work on a file began; `index` counts from 1 to `total`."""

    source: str
    index: int
    total: int


@dataclass(frozen=True, slots=True)
class StageProgress:
    """`done` of `total` units of a stage are finished (pages, chunks); `total` 0 means unknown."""

    source: str
    stage: Stage
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class FileFinished:
    """A file ended, well or not."""

    result: FileResult
    index: int
    total: int


IngestEvent = FileStarted | StageProgress | FileFinished
OnIngest = Callable[[IngestEvent], None]


@dataclass(frozen=True, slots=True)
class Retrieved:
    """The passages found for a question, and those of them that the prompt has no room for."""

    question: str  # the standalone question that was searched
    passages: tuple[Passage, ...]
    dropped: tuple[Passage, ...] = ()
    turns_dropped: int = 0  # the conversation's oldest turns, which the prompt has no room for either


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the model's text, not yet checked."""

    text: str


@dataclass(frozen=True, slots=True)
class ClaimChecked:
    """A finished claim was checked while the next is written; the answer may still be refused as a whole."""

    text: str
    state: SentenceState
    score: float


@dataclass(frozen=True, slots=True)
class Retried:
    """Nothing that answers was backed: the model is asked again, and what it wrote so far no longer counts."""

    passages: tuple[Passage, ...]  # the sentences that it is given now


@dataclass(frozen=True, slots=True)
class Checked:
    """The answer after verification: always the last event."""

    answer: Answer


AnswerEvent = Retrieved | Token | ClaimChecked | Retried | Checked
