"""From tokens to text, a token at a time: whole characters only, and never past a stop string."""

from __future__ import annotations

import codecs
from collections.abc import Sequence


class TextStream:
    """Joins the bytes of tokens into characters and cuts at the earliest of `stops`.

    The work per token does not grow with the length of the answer. A text that may be the beginning of a stop string
    is held back until it is clear that it is not.

    >>> stream = TextStream(["END"])
    >>> stream.feed("caf\u00e9 E".encode()), stream.feed(b"N"), stream.feed(b"D ever"), stream.stopped
    ('caf\u00e9 ', '', '', True)
    """

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.stopped = False

    def feed(self, data: bytes) -> str:
        """The characters that are certain now."""
        return self._certain(self._decoder.decode(data))

    def finish(self) -> str:
        """What was held back; half a character at the end becomes U+FFFD."""
        text = self._certain(self._decoder.decode(b"", final=True))
        if self.stopped:
            return text
        text, self._held = text + self._held, ""
        return text

    def _certain(self, new: str) -> str:
        if self.stopped:
            return ""
        text = self._held + new
        found = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)]
        keep = max((_overlap(text, stop) for stop in self._stops), default=0)
        cut = len(text) - keep
        self._held = text[cut:]
        return text[:cut]


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` that begins `stop`."""
    return next((size for size in range(min(len(text), len(stop) - 1), 0, -1) if stop.startswith(text[-size:])), 0)
