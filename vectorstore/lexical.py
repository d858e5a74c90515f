"""How the words of candidate passages answer to a question's: three kinds of evidence, each comparable among them.

bm25    BM25 over the stems that the keyword index holds, k1 = 1.2, b = 0.75 (Robertson and Zaragoza, 2009), for every
        candidate, also for those that the keyword search itself did not return
grams   BM25 over runs of five characters of the question's content words, with the candidates as the collection: finds
        what stemming parts (complexo, complexidade; compounds; misspellings) (McNamee and Mayfield, 2004)
pairs   how many neighbouring words of the question are neighbours in the passage, at most one word apart, each pair
        weighed by its more common word (Tao and Zhai, SIGIR 2007, show what nearness adds)
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from lastro.detection import detect_language
from lastro.language import common_words, fold, terms
from lastro.vectorstore.keyword import Question

if TYPE_CHECKING:
    import numpy.typing as npt

    Scores = npt.NDArray[np.float64]

_K1, _B = 1.2, 0.75
GRAM = 5  # characters, a word's border counted as one
_MAX_QUERY_CHARACTERS = 2_000
_NEAR = 2  # places between two neighbours: one other content word may stand between them
_MULTIPLIER = np.uint64(1_000_003)  # of the hash of a gram; a collision would only blur a score
_MARKS = re.compile("[\u0300-\u036f]+")
_BORDER = "\ue000"  # between texts; for private use, so that no document means anything by it
_BETWEEN = re.compile(f"(?:[^\\w{_BORDER}]|_)+")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage as its words: `stems` as the keyword index holds them, `text` with its title and headings."""

    stems: str
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Scores of each kind, one a candidate, in their order; higher is better."""

    bm25: Scores
    grams: Scores
    pairs: Scores


def weigh(query: str, question: Question, candidates: Sequence[Candidate]) -> Evidence:
    """The evidence for each candidate; `question` is what `keyword.read_question` made of `query`."""
    tokens = [candidate.stems.split() for candidate in candidates]
    asked = [question.stems.get(candidate.language, ()) for candidate in candidates]
    return Evidence(
        bm25=_bm25(tokens, asked, question.idf),
        grams=_grams(query, candidates),
        pairs=np.array([_pairs(own, wanted, question.idf) for own, wanted in zip(tokens, asked, strict=True)]),
    )


def _bm25(tokens: Sequence[Sequence[str]], asked: Sequence[Sequence[str]], idf: Mapping[str, float]) -> Scores:
    mean = max(1.0, sum(map(len, tokens)) / max(1, len(tokens)))
    scores = []
    for own, wanted in zip(tokens, asked, strict=True):
        known = idf.keys() & set(wanted)
        counts = Counter(token for token in own if token in known)
        damping = _K1 * (1 - _B + _B * len(own) / mean)
        scores.append(sum(idf[token] * n * (_K1 + 1) / (n + damping) for token, n in counts.items()))
    return np.array(scores, dtype=np.float64)


def _pairs(own: Sequence[str], wanted: Sequence[str], idf: Mapping[str, float]) -> float:
    """The summed weight of the question's neighbours that are neighbours here, in either order."""
    weights = {frozenset(pair): min(idf[pair[0]], idf[pair[1]]) for pair in pairwise(wanted) if set(pair) <= idf.keys()}
    if not weights:
        return 0.0
    known = frozenset().union(*weights)
    places = [(at, token) for at, token in enumerate(own) if token in known]
    met = set()
    for number, (at, token) in enumerate(places):
        for later, other in places[number + 1 : number + 1 + _NEAR]:
            if later - at <= _NEAR:
                met.add(frozenset((token, other)))
    return float(sum(weight for pair, weight in weights.items() if pair in met))


def _grams(query: str, candidates: Sequence[Candidate]) -> Scores:
    """BM25 of the query's grams, the candidates being the whole collection."""
    wanted = _asked_grams(query[:_MAX_QUERY_CHARACTERS])
    if not wanted.size or not candidates:
        return np.zeros(len(candidates))
    # One text for all: a call each for hundreds of short ones would cost more than the work itself.
    joined = _spaced(_BORDER.join(candidate.text.replace(_BORDER, " ") for candidate in candidates))
    codes = _codes(joined)
    found = _windows(joined)
    ends = np.append(np.flatnonzero(codes == ord(_BORDER)), len(codes))
    lengths = np.diff(ends, prepend=0)
    place = np.minimum(np.searchsorted(wanted, found), wanted.size - 1)
    hits = np.flatnonzero(wanted[place] == found)
    owner = np.searchsorted(ends, hits, side="right")
    cells = np.bincount(owner * wanted.size + place[hits], minlength=len(candidates) * wanted.size)
    counts = cells.reshape(len(candidates), wanted.size).astype(np.float64)
    holding = (counts > 0).sum(axis=0)
    idf = np.log((len(candidates) - holding + 0.5) / (holding + 0.5) + 1)
    damping = _K1 * (1 - _B + _B * lengths / max(1.0, float(lengths.mean())))
    scores: Scores = (counts * (_K1 + 1) / (counts + damping[:, None])) @ idf
    return scores


def _asked_grams(query: str) -> npt.NDArray[np.uint64]:
    """The sorted hashes of the grams of a question's words, the common ones of its language left out."""
    language = detect_language(query)
    common = common_words(language) or common_words("pt") | common_words("en")
    words = dict.fromkeys(term.text for term in terms(query, language) if fold(term.text) not in common)
    hashes = [_windows(f" {part} ") for word in words for part in _spaced(word).split()]
    return np.unique(np.concatenate(hashes)) if hashes else np.zeros(0, dtype=np.uint64)


def _spaced(text: str) -> str:
    """Lower-case words without accents between single spaces, with a space at both ends; borders stay."""
    bare = _MARKS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return f" {_BETWEEN.sub(' ', bare).strip()} "


def _codes(text: str) -> npt.NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _windows(text: str) -> npt.NDArray[np.uint64]:
    """A hash of every run of `GRAM` characters."""
    codes = _codes(text).astype(np.uint64)
    count = max(0, len(codes) - GRAM + 1)
    hashes = np.zeros(count, dtype=np.uint64)
    for place in range(GRAM):
        hashes = hashes * _MULTIPLIER + codes[place : place + count]
    return hashes
