"""The parsing process: `python -m lastro.ingest.worker` reads files from a pipe and answers with their text.

Frames in both directions: eight bytes of length, then the bytes. A request is a frame of JSON and a frame with the
file; an answer is one frame of JSON. The first answer comes unasked and says that the process is ready.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import struct
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO

from lastro.errors import ParseTimeout, SourceError
from lastro.ingest.readers import kreuzberg_version, read_document

_LENGTH = struct.Struct(">Q")


def write_frame(stream: BinaryIO, payload: bytes) -> None:
    """Send one frame."""
    stream.write(_LENGTH.pack(len(payload)))
    stream.write(payload)
    stream.flush()


def read_frame(stream: BinaryIO, *, limit: int | None = None) -> bytes | None:
    """The next frame, None where the other side ended or says more than `limit` bytes."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    if limit is not None and length > limit:
        return None
    payload = stream.read(length)
    return payload if len(payload) == length else None


def answer(request: dict[str, Any], data: bytes) -> dict[str, Any]:
    """The document as JSON types under "document", or its error's name and message."""
    try:
        limits = {"max_pages": request["max_pages"], "max_characters": request["max_characters"]}
        return {"document": read_document(data, request["name"], **limits).to_json()}
    except SourceError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except MemoryError:
        return {"error": ParseTimeout.__name__, "message": "needs more memory than the parser may use; split it"}


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until the other side closes its end."""
    write_frame(answers, json.dumps({"ready": kreuzberg_version()}).encode())
    while (header := read_frame(requests)) is not None and (data := read_frame(requests)) is not None:
        request = json.loads(header)
        limit_cpu(request["cpu_s"])
        reply = json.dumps(answer(request, data), ensure_ascii=False)
        write_frame(answers, reply.encode("utf-8", errors="replace"))


def limit_memory(size: int) -> None:
    """Cap the address space, where the platform can."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        _soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (size if hard == resource.RLIM_INFINITY else min(size, hard), hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def limit_cpu(seconds: float) -> None:
    """Grant that many more seconds of CPU, so that an orphan stuck in a loop ends by itself."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # not on Windows

        used = resource.getrusage(resource.RUSAGE_SELF)
        allowed = int(used.ru_utime + used.ru_stime + seconds) + 1
        _soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(
            resource.RLIMIT_CPU, (allowed if hard == resource.RLIM_INFINITY else min(allowed, hard), hard)
        )


def private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take stdin and stdout for the protocol, and leave native code's prints to stderr."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a device, not a file
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return requests, answers


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parsing process until its parent closes the pipe."""
    parser = argparse.ArgumentParser(prog="lastro.ingest.worker", description="Parses files for Lastro over pipes.")
    parser.add_argument("--memory", type=int, required=True, help="address space, in bytes")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    limit_memory(options.memory)
    with contextlib.suppress(BrokenPipeError):
        serve(*private_pipes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
