"""What a library asks of an embedder, and how it knows it again: by what it says of itself and by a few fixed texts.

A library stores both. What an embedder says tells other weights from these; the probe texts tell when a model that says
it is the same computes something else, and let it pass when only its device or number format is another.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lastro.errors import EmbedderMismatch, LibraryCorrupt, ModelError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

OnProgress = Callable[[int, int], None]  # texts done, texts in all

# Short ones show a changed prompt or case, the long one a changed limit or pooling, and accents a changed tokenizer.
PROBES = (
    "LOCADOR",
    "Who pays?",
    "31/05/2027",
    "O réu nega a dívida de R$ 1.250,00; a ação, porém, não é só dele.",
    "Water boils at 100 °C at sea level. At 3,000 m it boils near 90 °C, because the air presses less on it; so rice "
    "takes longer to cook in the mountains, and a pressure cooker, which raises the boiling point to about 120 °C, "
    "saves most of that time.",
)
MIN_PROBE_COSINE = 0.99  # docs/decisions/008-embedder-identity.md
_LENGTH_TOLERANCE = 0.01  # of a vector that has to be of length 1
_SHOWN = 60  # characters of a prompt that an error repeats
_STORED_AS = "<f2"  # half the bytes of float32, for less than 1e-6 of cosine


@dataclass(frozen=True, slots=True)
class EmbedderIdentity:
    """What makes vectors comparable; device and number format are not part of it."""

    name: str
    sha256: str  # of the weights
    dimension: int
    pooling: str
    query_prompt: str
    document_prompt: str
    normalised: bool = True

    def to_json(self) -> str:
        """One line of JSON, keys sorted."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> EmbedderIdentity:
        """The identity that `to_json` wrote."""
        return cls(**json.loads(text))

    def same_vectors(self, other: EmbedderIdentity) -> bool:
        """Whether vectors of both can be compared: all but the name is equal, since a renamed model is the same.

        >>> one = EmbedderIdentity("a", "00", 3, "mean", "", "")
        >>> one.same_vectors(dataclasses.replace(one, name="b")), one.same_vectors(dataclasses.replace(one, sha256="1"))
        (True, False)
        """
        return dataclasses.replace(self, name=other.name) == other


class Embedder(Protocol):
    """What a library asks of an embedder; `LocalEmbeddings` is one."""

    @property
    def identity(self) -> EmbedderIdentity: ...  # noqa: D102

    @property
    def dimension(self) -> int: ...  # noqa: D102

    @property
    def max_tokens(self) -> int: ...  # noqa: D102

    @property
    def languages(self) -> tuple[str, ...]: ...  # noqa: D102

    def encode_documents(  # noqa: D102
        self, texts: Sequence[str], *, on_progress: OnProgress | None = None
    ) -> npt.NDArray[np.float32]: ...

    def encode_query(self, text: str) -> npt.NDArray[np.float32]: ...  # noqa: D102

    def count_tokens(self, text: str) -> int: ...  # noqa: D102

    def token_spans(self, text: str) -> list[tuple[int, int]]: ...  # noqa: D102


def probe(embedder: Embedder) -> str:
    """The vectors of the probe texts, as documents and as questions, in one line of JSON for `drift` to compare with.

    Raises:
        ModelError: the embedder's vectors are not of length 1, which cosines in a library rely on.
    """
    import numpy as np

    vectors = _embed(embedder, PROBES)
    lengths = np.linalg.norm(vectors, axis=1)
    wrong = lengths[~(np.abs(lengths - 1) <= _LENGTH_TOLERANCE)]  # so that "not a number" is wrong too
    if wrong.size:
        raise ModelError(
            f"{embedder.identity.name}: gives vectors of length {float(wrong[0]):.3g}, and a library needs length 1; "
            "let it normalise them"
        )
    packed = base64.b64encode(vectors.astype(_STORED_AS).tobytes()).decode("ascii")
    return json.dumps({"texts": PROBES, "vectors": packed}, ensure_ascii=False)


def drift(stored: str, embedder: Embedder) -> float:
    """The least cosine between the vectors that `probe` stored and those that the embedder gives now.

    1.0 where they are equal. A vector that is not of length 1 counts for less, by the ratio of the lengths; one of
    another width, or with a number that is none, counts 0.0.

    Raises:
        LibraryCorrupt: `stored` is not what `probe` wrote.
    """
    import numpy as np

    texts, before = _unpack(stored)
    now = _embed(embedder, texts)
    if now.shape != before.shape or not np.isfinite(now).all():
        return 0.0
    longer = np.maximum(1.0, np.linalg.norm(now, axis=1))
    return float(np.min(np.sum(before * now, axis=1) / longer**2))


def mismatch(
    path: Path, stored: EmbedderIdentity, given: EmbedderIdentity, drift: float | None = None
) -> EmbedderMismatch:
    """The error for an embedder that is not a library's: by what it says, or, where `drift` is given, by its probes."""
    way_out = f"run `lastro rebuild --embedder {given.name}`, which embeds every stored text anew"
    if drift is not None:
        return EmbedderMismatch(
            f"{path}: {given.name} has the weights that the library was indexed with, but its vectors of the probe "
            f"texts agree only to {drift:.3f} (at least {MIN_PROBE_COSINE}): its tokenizer, a prompt, a layer outside "
            f"the weights or its number format has changed; put the model back as it was, or {way_out}"
        )
    return EmbedderMismatch(
        f"{path}: indexed with {_name(stored)}, opened with {_name(given)}, which has another "
        f"{' and another '.join(_differences(stored, given))}; open it with {stored.name}, or {way_out}"
    )


def _embed(embedder: Embedder, texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """The vectors of texts, as documents and then as questions, shape (2n, dimension)."""
    import numpy as np

    questions = np.stack([embedder.encode_query(text) for text in texts])
    return np.concatenate([embedder.encode_documents(texts), questions]).astype(np.float32)


def _unpack(stored: str) -> tuple[list[str], npt.NDArray[np.float32]]:
    """The texts and vectors of a stored probe: its own texts, so that later versions may choose others."""
    import numpy as np

    try:
        found = json.loads(stored)
        texts = [str(text) for text in found["texts"]]
        vectors = np.frombuffer(base64.b64decode(found["vectors"], validate=True), dtype=_STORED_AS)
        rows = vectors.astype(np.float32).reshape(2 * len(texts), -1)
    except (ValueError, KeyError, TypeError) as error:
        raise LibraryCorrupt(
            f"the library's stored probe vectors cannot be read ({error}); run `lastro rebuild --embedder NAME`, which "
            "writes them anew"
        ) from error
    return texts, rows / np.linalg.norm(rows, axis=1, keepdims=True)  # they were of length 1 before they were rounded


def _name(identity: EmbedderIdentity) -> str:
    return f"{identity.name} ({identity.dimension}-d, weights {identity.sha256[:8]})"


def _differences(stored: EmbedderIdentity, given: EmbedderIdentity) -> list[str]:
    """What differs, in words.

    >>> one = EmbedderIdentity("a", "00", 3, "mean", "", "")
    >>> _differences(one, dataclasses.replace(one, sha256="11", query_prompt="q: "))
    ['set of weights', "prompt for questions ('q: ', not '')"]
    """
    found = ["dimension"] if stored.dimension != given.dimension else []
    if stored.sha256 != given.sha256:
        found.append("set of weights")
    if stored.normalised != given.normalised:
        found.append("length of vectors")
    words = {"pooling": "pooling", "query_prompt": "prompt for questions", "document_prompt": "prompt for documents"}
    for field, word in words.items():
        before, now = str(getattr(stored, field)), str(getattr(given, field))
        if before != now:
            found.append(f"{word} ({now[:_SHOWN]!r}, not {before[:_SHOWN]!r})")
    return found
