"""How surely passages say a claim, by a transformer that reads both together: one signal among the others.

It is the embedder's own transformer with layers that were taught on claims beside two passages of which one backs
them and one does not (docs/decisions/022-reading-claims.md). There is one for an embedder that has a file in `readers`.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from pathlib import Path

from lastro.chains.evidence import Evidence, SourceSentence
from lastro.vectorstore.adapted import AdaptedReader, load_reader
from lastro.vectorstore.embeddings import LocalEmbeddings

READERS = Path(__file__).with_name("readers")
LEAST, MOST = 3, 4  # sentences that are read with a claim
ROOM = 900  # characters of them, but for the first: what a reader has tokens for
_LENGTH = 0.02  # how much a sentence's further terms count against it
_LOADED: dict[tuple[str, str], AdaptedReader | None] = {}  # by weights and device
_LOADING = threading.Lock()


def reader_of(embedder: object) -> AdaptedReader | None:
    """The reader that belongs to an embedder's weights, loaded once a process and device; None where there is none.

    Raises:
        ModelCorrupt: its file is damaged.
    """
    if not isinstance(embedder, LocalEmbeddings):
        return None
    file = READERS / f"{embedder.identity.name}.safetensors"
    if not file.is_file():
        return None
    key = embedder.identity.sha256, embedder.device
    with _LOADING:
        if key not in _LOADED:
            _LOADED[key] = load_reader(embedder, file)
        return _LOADED[key]


def premise(said: str, evidence: Evidence, found: Iterable[SourceSentence] = ()) -> str:
    """What is read beside a claim: the sentences found for it, and those that share most terms with it, in order."""
    every = [source for group in evidence.sentences for source in group]
    wanted = evidence.stems(said, evidence.language)
    weights = evidence.weights(wanted)

    def shared(at: int) -> float:
        stems = evidence.stems(every[at].text, every[at].passage.language)
        return sum(weights[stem] for stem in wanted & stems) / (1 + _LENGTH * len(stems))

    places = {(id(source.passage), source.start): at for at, source in enumerate(every)}
    first = list(dict.fromkeys(places[id(source.passage), source.start] for source in found))[:MOST]
    rest = [at for at in sorted(range(len(every)), key=lambda at: -shared(at)) if at not in first]
    chosen, room = list[int](), ROOM
    for at in (*first, *rest[: max(LEAST - len(first), 0)]):
        room -= len(every[at].text)
        if room >= 0 or not chosen:  # a long one before it in the document must not push out what was found
            chosen.append(at)
    return " ".join(every[at].text for at in sorted(chosen))


def probability(score: float) -> float:
    """A score as a number between 0 and 1; one that is no number says nothing for a claim."""
    if not math.isfinite(score):
        return 0.0
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, score))))
