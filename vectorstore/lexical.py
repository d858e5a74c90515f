"""How the words of candidate passages answer to a question's: four kinds of evidence, each comparable among them.

bm25    BM25 over the stems that the keyword index holds, k1 = 1.2, b = 0.75 (Robertson and Zaragoza, 2009), for every
        candidate, also for those that the keyword search itself did not return
grams   BM25 over runs of five characters of the question's content words, with the candidates as the collection: finds
        what stemming parts (telhado, destelhamento; compounds; misspellings) (McNamee and Mayfield, 2004)
share   how much of the question stands in the passage at all, each word weighed by its rarity
pairs   how many neighbouring words of the question are neighbours in the passage, at most one word apart, each pair
        weighed by its more common word (Tao and Zhai, SIGIR 2007, show what nearness adds)
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

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
_LETTERS = re.compile(f"[^\\W_]+|{_BORDER}+")
_SPACE = np.uint32(ord(" "))


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
    share: Scores
    pairs: Scores


def weigh(query: str, question: Question, candidates: Sequence[Candidate]) -> Evidence:
    """The evidence for each candidate; `question` is what `keyword.read_question` made of `query`."""
    asked = {language: _Asked.of(stems, question.idf) for language, stems in question.stems.items()}
    nothing = _Asked({}, {})
    each = [asked.get(candidate.language, nothing) for candidate in candidates]
    tokens = [candidate.stems.split() for candidate in candidates]
    places = [
        [(at, token) for at, token in enumerate(own) if token in wanted.idf]
        for own, wanted in zip(tokens, each, strict=True)
    ]
    return Evidence(
        bm25=_bm25(places, [len(own) for own in tokens], each),
        grams=_grams(query, question.common, candidates),
        share=np.array([_share(found, wanted.idf) for found, wanted in zip(places, each, strict=True)]),
        pairs=np.array([_pairs(found, wanted.pairs) for found, wanted in zip(places, each, strict=True)]),
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question's stems in one language: how rare each is that the library has, and what each two neighbours weigh."""

    idf: Mapping[str, float]
    pairs: Mapping[frozenset[str], float]

    @classmethod
    def of(cls, stems: Sequence[str], idf: Mapping[str, float]) -> _Asked:
        known = {one: idf[one] for one in stems if one in idf}
        pairs = {
            frozenset(pair): min(known[pair[0]], known[pair[1]])
            for pair in pairwise(stems)
            if known.keys() >= set(pair)
        }
        return cls(known, pairs)


Places = list[tuple[int, str]]  # where in a passage each stem of the question stands


def _bm25(places: Sequence[Places], lengths: Sequence[int], each: Sequence[_Asked]) -> Scores:
    mean = max(1.0, sum(lengths) / max(1, len(lengths)))
    scores = []
    for found, length, wanted in zip(places, lengths, each, strict=True):
        counts = Counter(token for _at, token in found)
        damping = _K1 * (1 - _B + _B * length / mean)
        scores.append(sum(wanted.idf[token] * n * (_K1 + 1) / (n + damping) for token, n in counts.items()))
    return np.array(scores, dtype=np.float64)


def _share(places: Places, idf: Mapping[str, float]) -> float:
    """The weighted share of the question's stems that stand here."""
    total = sum(idf.values())
    return sum(idf[token] for token in {token for _at, token in places}) / total if total else 0.0


def _pairs(places: Places, weights: Mapping[frozenset[str], float]) -> float:
    """The summed weight of the question's neighbours that are neighbours here, in either order."""
    met = set()
    for number, (at, token) in enumerate(places):
        for later, other in places[number + 1 : number + 1 + _NEAR]:
            if later - at <= _NEAR:
                met.add(frozenset((token, other)))
    return float(sum(weight for pair, weight in weights.items() if pair in met))


def _grams(query: str, common: frozenset[str], candidates: Sequence[Candidate]) -> Scores:
    """BM25 of the query's grams, the candidates being the whole collection."""
    wanted = _asked_grams(query[:_MAX_QUERY_CHARACTERS], common)
    if not wanted.size or not candidates:
        return np.zeros(len(candidates))
    # One text for all: a call each for hundreds of short ones would cost more than the work itself.
    codes = _spaced(_BORDER.join(candidate.text.replace(_BORDER, " ") for candidate in candidates))
    found = _windows(codes)
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


def _asked_grams(query: str, common: frozenset[str]) -> npt.NDArray[np.uint64]:
    """The sorted hashes of the grams of a question's words, but for those that are `common` in its language."""
    # Of an unknown language: the lists of our first two.
    left_out = common or common_words("pt") | common_words("en")
    words = dict.fromkeys(term.text for term in terms(query, "und") if fold(term.text) not in left_out)
    codes = _spaced(" ".join(words))
    inside = np.zeros(max(0, len(codes) - GRAM + 1), dtype=bool)  # whether a run goes from one word into another
    for place in range(1, GRAM - 1):
        inside |= codes[place : place + len(inside)] == _SPACE
    return np.unique(_windows(codes)[~inside])


def _spaced(text: str) -> npt.NDArray[np.uint32]:
    """The code points of lower-case words without accents between single spaces, also at both ends; borders stay."""
    bare = text.casefold()
    if not bare.isascii():
        bare = _MARKS.sub("", unicodedata.normalize("NFKD", bare))
    codes = np.frombuffer(f" {bare} ".encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    codes = np.where(_signs_of_words()[codes], codes, _SPACE)
    spaces = codes == _SPACE
    single: npt.NDArray[np.uint32] = codes[np.append(True, ~(spaces[:-1] & spaces[1:]))]
    return single


@lru_cache(maxsize=1)
def _signs_of_words() -> npt.NDArray[np.bool_]:
    """Whether each code point stands in words, or between texts."""
    found = np.zeros(sys.maxunicode + 1, dtype=bool)
    for run in _LETTERS.finditer("".join(map(chr, range(len(found))))):
        found[run.start() : run.end()] = True
    return found


def _windows(codes: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    """A hash of every run of `GRAM` characters."""
    wide = codes.astype(np.uint64)
    count = max(0, len(wide) - GRAM + 1)
    hashes = np.zeros(count, dtype=np.uint64)
    for place in range(GRAM):
        hashes = hashes * _MULTIPLIER + wide[place : place + count]
    return hashes
