"""Whether a passage entails a claim, by a model for natural language inference; an option that refines the check.

Such a model knows paraphrase better than rules do, and numbers, dates and exceptions worse. So it may speak for a
claim only where no rule speaks against it, and against a claim wherever it is sure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lastro.chains.checking.check import Check
from lastro.errors import ModelError
from lastro.llm.folders import entailment_labels
from lastro.llm.models import find_verifier
from lastro.types import ReasonKind
from lastro.vectorstore.loading import choose_device
from lastro.vectorstore.pairs import PairKind, PairModel, load_pair_model

# Not measured: no such model could be run where these were set. They are high so that the rules decide what is near.
ENTAILS = 0.9  # from here on an unbacked claim that breaks no rule is supported
CONTRADICTS = 0.9  # from here on a backed claim is contradicted
DOUBTS = 0.7  # from here on it is no longer backed
# What a verdict may decide otherwise; every other kind of reason is a rule that the claim breaks.
_SOFT: frozenset[ReasonKind] = frozenset(["missing", "marker"])


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a model says of a claim beside a passage: probabilities that sum to 1."""

    entails: float
    neutral: float
    contradicts: float


class Entailment:
    """An NLI model on this machine; `load_entailment` makes one."""

    def __init__(self, model: PairModel, *, batch_tokens: int = 8192) -> None:
        self._model = model
        self._entails, self._contradicts = _places(Path(model.name), model.model.config)
        self.batch_tokens = batch_tokens

    @property
    def name(self) -> str:
        """The name of the catalogue, or that of the folder."""
        return self._model.name

    @property
    def device(self) -> str:
        """The device that it computes on."""
        return self._model.device

    @property
    def max_tokens(self) -> int:
        """Most tokens of a passage with a claim, special tokens included, that are read in one piece."""
        return self._model.max_tokens

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1 codes of the languages the model was taught on; empty where unknown."""
        return self._model.languages

    def judge(self, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
        """The verdict on each (passage, claim), in order.

        A passage that is too long is read in overlapping windows, and the one that decides most speaks for it; of a
        claim longer than half the limit the first half is read.
        """
        if not pairs:
            return []
        import torch

        windows, owners = [], list[int]()
        for at, (passage, claim) in enumerate(pairs):
            pieces, _ = self._model.windows(claim, [passage], short_first=False)
            windows += pieces
            owners += [at] * len(pieces)
        rows = self._model.scores(windows, lambda logits: torch.softmax(logits, -1), batch_tokens=self.batch_tokens)
        best: list[Verdict | None] = [None] * len(pairs)
        for owner, row in zip(owners, rows, strict=True):
            known, found = best[owner], self._verdict(row)
            best[owner] = found if known is None or found.neutral < known.neutral else known
        return [verdict for verdict in best if verdict is not None]

    def _verdict(self, row: Sequence[float]) -> Verdict:
        entails, contradicts = row[self._entails], row[self._contradicts]
        return Verdict(entails, max(0.0, 1 - entails - contradicts), contradicts)


def _places(folder: Path, config: Any) -> tuple[int, int]:
    """Where a model's scores for entailment and contradiction stand; publishers differ in their order."""
    labels = [str(config.id2label.get(at, "")) for at in range(config.num_labels)]
    places = entailment_labels(labels)
    if places is None:
        raise ModelError(
            f"{folder}: its labels are {', '.join(labels)}, and a verifier has one for entailment and one for "
            "contradiction; use an NLI model of three labels (`lastro models` lists some)"
        )
    return places


def _check_labels(folder: Path, config: Any) -> None:
    _places(folder, config)


_KIND = PairKind(
    "verifier",
    "score to a passage with a claim",
    _check_labels,
    full_precision=True,  # mDeBERTa overflows in half precision
)


def load_entailment(name_or_path: str, *, device: str = "auto", batch_tokens: int = 8192) -> Entailment:
    """The NLI model of a catalogue name, hub id or folder; its weights are loaded once a process and device.

    Raises:
        ModelNotFound: no such model here.
        ModelError: it has no labels for entailment and contradiction, or needs code of its own.
        ModelCorrupt: its weights are not the catalogue's, or nothing that can be loaded.
        ConfigError: no such device.
    """
    card, folder = find_verifier(name_or_path)
    return Entailment(load_pair_model(card, folder, choose_device(device), _KIND), batch_tokens=batch_tokens)


def breaks_a_rule(check: Check) -> bool:
    """Whether the claim breaks a rule, which no verdict makes good."""
    return any(reason.kind not in _SOFT for reason in check.reasons)


def open_to(check: Check) -> bool:
    """Whether a verdict on the claim and its spans could change what was found, so that it is worth asking for."""
    if not check.spans or check.state in ("verbatim", "no_claim", "contradicted"):
        return False
    return check.state != "unsupported" or not breaks_a_rule(check)


def refine(check: Check, verdict: Verdict) -> Check:
    """What was found about a claim, in the light of a verdict on it and the text of its spans.

    A broken rule is never overruled towards support, nor is what a passage says word for word against it. A claim
    without spans stays as it is: there is nothing that could be cited.
    """
    if not open_to(check):
        return check
    if check.state == "unsupported":
        if verdict.entails < ENTAILS:
            return check
        reasons = tuple(reason for reason in check.reasons if reason.kind == "marker")
        return replace(check, state="supported", score=max(check.score, verdict.entails), reasons=reasons)
    if verdict.contradicts < DOUBTS:
        return check
    against = verdict.contradicts >= CONTRADICTS
    score = min(check.score, 1 - verdict.contradicts)
    return replace(check, state="contradicted" if against else "unsupported", score=score)
