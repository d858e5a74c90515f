"""What a run of a question set leaves behind: frozen records, which `lastro.evaluation.saved` writes and reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

VERSION = 2  # of the JSON form of these records; 1 had no answers
READABLE = (1, 2)
FORMAT = "lastro-evaluation"
ALL = "all"  # where figures have a language: those of every question together


@dataclass(frozen=True, slots=True)
class Gold:
    """A place that answers a question; the closest of span, pages and document is what a passage must meet."""

    id: str  # as the question set says it
    document_id: str
    title: str
    pages: tuple[int, int] | None = None  # first and last, from 1; None where the document has none, or none was named
    span: tuple[int, int] | None = None  # characters of the document's text; None where none was named
    grade: int = 1  # 0 to 3
    relevant: bool = True  # False where it only has a grade
    text: str = ""  # the beginning of what stands there


@dataclass(frozen=True, slots=True)
class Found:
    """A passage that was found; the last three fields are indices into `Outcome.golds`."""

    rank: int
    chunk_id: str
    document_id: str
    title: str
    start: int
    end: int
    page_start: int | None
    page_end: int | None
    section: str
    text: str  # a piece of it, of the first five passages; else ""
    tokens: int  # by the embedder's tokenizer
    score: float
    cosine: float | None = None
    keyword_score: float | None = None
    cosine_rank: int | None = None
    keyword_rank: int | None = None
    rerank_score: float | None = None
    golds: tuple[int, ...] = ()  # those that it, or a duplicate that was merged into it, is
    golds_by_page: tuple[int, ...] = ()  # those whose page it is on
    golds_by_document: tuple[int, ...] = ()  # those whose document it is from


@dataclass(frozen=True, slots=True)
class Cited:
    """A citation of an answer; the last three fields are indices into `Outcome.golds`, as those of `Found`."""

    document_id: str
    chunk_id: str
    title: str
    page: int | None  # that it begins on; None where the document has none
    section: str
    start: int
    end: int
    quote: str  # a piece of it
    golds: tuple[int, ...] = ()
    golds_by_page: tuple[int, ...] = ()
    golds_by_document: tuple[int, ...] = ()

    @property
    def page_start(self) -> int | None:
        """Its page, as a passage names it."""
        return self.page

    @property
    def page_end(self) -> int | None:
        """Its page again: a quote is shown with one."""
        return self.page


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered to one question, beside its gold answers.

    `exact`, `f1`, `contains` and `right` are None where the question has no gold answers; an unanswerable question has
    none, and no answer to it is right.
    """

    text: str  # as it was shown
    state: str  # of `Answer.state`
    refused: bool
    confidence: float | None
    exact: float | None
    f1: float | None
    contains: float | None
    right: bool | None
    claims: dict[str, int]  # of the text, by `Sentence.state`
    citations: tuple[Cited, ...]
    seconds: float  # from the question to the checked answer
    prompt_tokens: int = 0
    cached_tokens: int = 0  # of those, the ones that the model had read already
    completion_tokens: int = 0
    extracted: bool = False
    retried: bool = False
    removed: int = 0  # claims that were taken out of the text
    signals: dict[str, float] = field(default_factory=dict)
    error: str = ""  # why there is no answer, where the question could not be asked


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one question."""

    question_id: str
    question: str
    lang: str
    answerable: bool
    draft: bool
    answers: tuple[str, ...]
    golds: tuple[Gold, ...]
    found: tuple[Found, ...]  # best first
    ms: float  # of the search, the question's embedding included
    reply: Reply | None = None  # None where no answer was asked for

    @property
    def relevant(self) -> frozenset[int]:
        """The indices of the golds that a search must find."""
        return frozenset(index for index, gold in enumerate(self.golds) if gold.relevant)


@dataclass(frozen=True, slots=True)
class Run:
    """One configuration over every question, in the order of the question set."""

    name: str
    settings: dict[str, Any]  # of the search
    context_k: int  # passages that an answer is given
    outcomes: tuple[Outcome, ...]
    depth: int = 0  # passages asked for of each search; 0 where that is not known
    answering: dict[str, Any] = field(default_factory=dict)  # chat model and settings of the answers, where there are


@dataclass(frozen=True, slots=True)
class Score:
    """The value of a metric over the questions that it applies to, with its 95 % interval."""

    run: str
    lang: str  # "all", or a language of the questions
    metric: str
    value: float
    low: float
    high: float
    questions: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What the questions of a language cost in a run."""

    run: str
    lang: str
    p50_ms: float
    p95_ms: float
    tokens: float  # mean of the first `k` passages
    k: int = 0  # passages that an answer is given, or fewer where fewer were searched


@dataclass(frozen=True, slots=True)
class AnswerCost:
    """What the answers to the questions of a language cost in a run."""

    run: str
    lang: str
    p50_s: float
    p95_s: float
    prompt_tokens: float  # means
    cached_tokens: float
    completion_tokens: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a metric changes from one run to another over the same questions."""

    metric: str
    lang: str
    before: str
    after: str
    before_value: float
    after_value: float
    difference: float  # after less before
    low: float
    high: float
    p: (
        float | None
    )  # two-sided, of a sign-flip test; None, as the next two, for times of a saved run and what is pooled
    better: int | None  # questions
    worse: int | None
    questions: int
    higher_is_better: bool = True


@dataclass(frozen=True, slots=True)
class Setting:
    """What was measured: the question set and the library."""

    questions_file: str
    questions_sha256: str
    library: str
    documents: int
    chunks: int
    embedder: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that `lastro eval` found; the first run is the one that was asked for."""

    setting: Setting
    depth: int  # passages of each search that figures are of
    runs: tuple[Run, ...]
    scores: tuple[Score, ...]
    costs: tuple[Cost, ...]
    comparisons: tuple[Comparison, ...] = ()
    made_at: str = ""  # ISO 8601, UTC
    lastro: str = ""  # the version that made it
    format: str = FORMAT
    version: int = VERSION
    notes: tuple[str, ...] = field(default=())  # what a reader should know of the figures
    answer_scores: tuple[Score, ...] = ()
    answer_costs: tuple[AnswerCost, ...] = ()
    answer_comparisons: tuple[Comparison, ...] = ()
