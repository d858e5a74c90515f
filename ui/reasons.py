"""Why a claim is not simply backed, in words of the reader's language."""

from __future__ import annotations

from lastro.types import Reason, Sentence
from lastro.ui.render import shortened
from lastro.ui.texts import Texts

_LONGEST = 160  # characters of the words that a reason is about


def reason_line(reason: Reason, texts: Texts) -> str:
    """One sentence for a reason; which one depends on the sides whose words it has."""
    claim, source = shortened(reason.claim, _LONGEST), shortened(reason.source, _LONGEST)
    form = {(True, True): "both", (True, False): "claim", (False, True): "source"}.get((bool(claim), bool(source)))
    return texts(f"reason.{reason.kind}.{form or 'bare'}", claim=claim, source=source)


def why(sentence: Sentence, texts: Texts) -> list[str]:
    """The reasons of a claim, one sentence each; at least one where nothing backs it."""
    lines = [reason_line(reason, texts) for reason in sentence.reasons]
    if not lines and not sentence.backed:
        lines = [texts(f"claim.{sentence.state}_help")]
    return list(dict.fromkeys(lines))
