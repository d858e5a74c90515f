"""What checking costs beside writing: an answer of ten claims over eight passages of about 900 characters.

Passages and claims are of `evaluation/data/claims_*.jsonl`. The chat model really writes, at its own speed and as many
tokens as the answer has; only what it says is put aside and the ten claims are handed on in its place, so that every
model is measured with the same answer.
"""

from __future__ import annotations

import contextlib
import cProfile
import io
import json
import pstats
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableLambda

from benchmarks import report

CLAIMS, PASSAGES, LONG = 10, 8, 900
HEADER = (
    "model", "language", "tokens", "reading the prompt, s", "writing, s", "checking, s", "checking / generating",
    "writing with the check beside it, s", "from the first token to the checked answer, s", "added by the check",
)  # fmt: skip
_QUESTIONS = {"en": "What do these documents settle?", "pt": "O que estes documentos determinam?"}
_DATA = Path(__file__).parents[1] / "evaluation" / "data"


@dataclass(frozen=True)
class Case:
    """An answer of ten claims, and the passages that it is about."""

    language: str
    answer: str
    documents: tuple[Document, ...]


def case(language: str) -> Case:
    """Ten claims of our pairs, right and wrong by turns, over their passages and their neighbours'."""
    lines = (_DATA / f"claims_{language}.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    texts: dict[str, str] = {}
    for row in rows:
        if len(row["passages"]) == 1 and not row.get("question"):
            texts.setdefault(row["passages"][0]["text"], row["passages"][0]["title"])
    documents, used = [], list[str]()
    for text, title in texts.items():
        last = documents[-1] if documents else None
        if last is not None and len(last.page_content) + len(text) <= LONG + 150:
            documents[-1] = Document(f"{last.page_content}\n\n{text}", metadata=last.metadata)
        elif len(documents) == PASSAGES:
            break
        else:
            documents.append(Document(text, metadata={"title": title}))
        used.append(text)
    about = [row for row in rows if row["passages"][0]["text"] in used and not row.get("question")]
    step = max(1, len(about) // CLAIMS)
    claims = [row["claim"] for row in about[::step]][:CLAIMS]
    return Case(language, " ".join(claim if claim[-1] in ".!?" else f"{claim}." for claim in claims), tuple(documents))


class Puppet(BaseChatModel):
    """A chat model that works as its inner one does, and says what it is told, a piece for each token."""

    inner: Any
    says: str

    @property
    def context_size(self) -> int:
        """Tokens of the context window."""
        return int(self.inner.context_size)

    @property
    def max_tokens(self) -> int:
        """Most tokens of an answer."""
        return int(self.inner.max_tokens)

    @property
    def length(self) -> int:
        """Tokens of what it says."""
        return len(self.inner.get_token_ids(self.says))

    def get_token_ids(self, text: str) -> list[int]:
        """The ids of `text` by the model's own tokenizer."""
        return list(self.inner.get_token_ids(text))

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Tokens of the prompt."""
        return int(self.inner.get_num_tokens_from_messages(messages, tools))

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002 - what the model says is not looked at
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,  # noqa: ARG002
    ) -> Iterator[ChatGenerationChunk]:
        total, done = self.length, 0
        with contextlib.closing(self._worked(messages)) as pieces:
            for _ in pieces:
                start, end = (len(self.says) * at // total for at in (done, done + 1))
                yield ChatGenerationChunk(message=AIMessageChunk(self.says[start:end]))
                done += 1
                if done == total:
                    return

    def _worked(self, messages: list[BaseMessage]) -> Iterator[str]:
        """A piece of text for each token, from as many answers as it takes."""
        while True:
            with contextlib.closing(self.inner.stream(messages)) as parts:
                yield from (str(part.text) for part in parts if part.text)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return generate_from_stream(self._stream(messages, stop, run_manager, **kwargs))

    @property
    def _llm_type(self) -> str:
        return "puppet"


@dataclass(frozen=True)
class Timed:
    """One run of the chain, in seconds: to the first token, of writing, from the first token to the end."""

    reading: float
    writing: float
    whole: float
    answer: Any


def timed(chain: Any, question: str) -> Timed:
    """Ask a chain and look at the clock."""
    from lastro.events import Checked, Token

    began, tokens, answer = time.perf_counter(), list[float](), None
    for event in chain.events(question):
        if isinstance(event, Token):
            tokens.append(time.perf_counter())
        answer = event.answer if isinstance(event, Checked) else answer
    ended = time.perf_counter()
    return Timed(tokens[0] - began, tokens[-1] - tokens[0], ended - tokens[0], answer)


class Bench:
    """One model, one answer: the chain with and without the check, and the check alone."""

    def __init__(self, one: Case, inner: Any, embedder: Any) -> None:
        self.case, self.embedder = one, embedder
        self.puppet = Puppet(inner=inner, says=one.answer)

    def chain(self, policy: str, shift: int) -> Any:
        """The chain, its passages in another order for each repeat, so that the prompt is read anew."""
        from lastro.chains.answer import AnswerChain
        from lastro.chains.ground import Ground
        from lastro.config import AnswerSettings

        documents = [*self.case.documents[shift:], *self.case.documents[:shift]]
        return AnswerChain(
            retriever=RunnableLambda(lambda _question: documents),  # type: ignore[arg-type]
            llm=self.puppet,
            settings=AnswerSettings.read(policy=policy, retry=False, confidence_threshold=0.0),
            ground=Ground(embeddings=lambda: self.embedder),
        )

    def check(self, shift: int) -> float:
        """Seconds to check the finished answer, nothing known beforehand."""
        from lastro.chains.checking.alike import Alike
        from lastro.chains.citations import check_text
        from lastro.chains.evidence import Evidence, idf_of_passages
        from lastro.chains.review import Review
        from lastro.vectorstore.retriever import passage_from_document

        documents = [*self.case.documents[shift:], *self.case.documents[:shift]]
        passages = tuple(passage_from_document(document, rank=at) for at, document in enumerate(documents, 1))
        forget()
        began = time.perf_counter()
        evidence = Evidence(passages, self.case.language, idf_of_passages(passages))
        review = Review(evidence, _QUESTIONS[self.case.language], Alike(self.embedder))
        check_text(self.case.answer, evidence, check=review.check)
        return time.perf_counter() - began


def forget() -> None:
    """Empty what was remembered of texts, as it would be for an answer about other documents."""
    for name, module in list(sys.modules.items()):
        if name.startswith(("lastro.chains", "lastro.language", "lastro.sentences", "lastro.detection")):
            for one in list(vars(module).values()):
                if hasattr(one, "cache_clear"):
                    one.cache_clear()


def cost(*, embedder: str = "all-minilm-l6-v2", repeats: int = 5) -> tuple[list[list[object]], dict[str, Any], str]:
    """Rows by model and language, the shares, and the ten dearest functions of a check."""
    from lastro.llm.chat import ChatLlama
    from lastro.llm.models import available_models
    from lastro.vectorstore.embeddings import LocalEmbeddings

    loaded = LocalEmbeddings(embedder)
    loaded.embed_query("ready")
    table: list[list[object]] = []
    figures: dict[str, Any] = {}
    for listing in available_models():
        if listing.kind != "chat" or not listing.installed:
            continue
        inner = ChatLlama(model=listing.name)
        inner.preload()
        for language in ("en", "pt"):
            row, found = measured(Bench(case(language), inner, loaded), listing.name, repeats)
            table.append(row)
            figures[f"{listing.name}_{language}"] = found
    return table, figures, profiled(Bench(case("en"), None, loaded))


def measured(bench: Bench, name: str, repeats: int) -> tuple[list[object], dict[str, Any]]:
    """One model's row: everything once for warmth, then by turns."""
    bench.check(0)
    off, on, checks = list[Timed](), list[Timed](), list[float]()
    reading = list[float]()
    question = _QUESTIONS[bench.case.language]
    for repeat in range(repeats):
        first, second = ("off", "mark") if repeat % 2 == 0 else ("mark", "off")
        runs = {policy: timed(bench.chain(policy, repeat + 1), question) for policy in (first, second)}
        if len(runs["mark"].answer.passages) < PASSAGES:
            raise SystemExit(f"{name}: {len(runs['mark'].answer.passages)} passages in the prompt, not {PASSAGES}")
        reading.append(runs[first].reading)  # the second finds the prompt read
        off.append(runs["off"])
        on.append(runs["mark"])
        checks.append(bench.check(repeat + 1))
    generating = [read + one.writing for read, one in zip(reading, off, strict=True)]
    shares = [check / whole for check, whole in zip(checks, generating, strict=True)]
    added = [(one.whole - bare.whole) / whole for one, bare, whole in zip(on, off, generating, strict=True)]
    row: list[object] = [
        name, bench.case.language, bench.puppet.length, report.spread(reading),
        report.spread([one.writing for one in off]), report.spread(checks), report.spread(shares),
        report.spread([one.writing for one in on]), report.spread([one.whole for one in on]), report.spread(added),
    ]  # fmt: skip
    figures = {
        "share": round(statistics.median(shares), 4), "added": round(statistics.median(added), 4),
        "check_s": round(statistics.median(checks), 3), "generate_s": round(statistics.median(generating), 3),
    }  # fmt: skip
    return row, figures


def profiled(bench: Bench) -> str:
    """The ten functions of a check that take the most time by themselves."""
    bench.check(0)
    profile = cProfile.Profile()
    profile.runcall(bench.check, 1)
    out = io.StringIO()
    pstats.Stats(profile, stream=out).strip_dirs().sort_stats("tottime").print_stats(10)
    return out.getvalue().strip()
