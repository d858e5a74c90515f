from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys

import pytest

from lastro.ingest import worker
from lastro.ingest.worker import answer, read_frame, serve, write_frame

REQUEST = {"name": "a.txt", "max_pages": 10, "max_characters": 1000, "cpu_s": 60.0}


def frames(*payloads: bytes) -> io.BytesIO:
    stream = io.BytesIO()
    for payload in payloads:
        write_frame(stream, payload)
    stream.seek(0)
    return stream


def test_a_frame_comes_back_whole_or_not_at_all() -> None:
    stream = frames(b"one", b"")
    assert [read_frame(stream), read_frame(stream), read_frame(stream)] == [b"one", b"", None]
    assert read_frame(io.BytesIO(struct.pack(">Q", 10) + b"short")) is None
    assert read_frame(frames(b"too long"), limit=3) is None


def test_files_are_answered_in_order_until_the_pipe_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    granted: list[float] = []
    monkeypatch.setattr(worker, "limit_cpu", granted.append)
    header = json.dumps(REQUEST).encode()
    answers = io.BytesIO()
    serve(frames(header, "Olá".encode(), header, b"\x89PNG", header), answers)
    answers.seek(0)
    ready, first, second = (json.loads(read_frame(answers) or b"") for _ in range(3))
    assert ready["ready"].startswith("kreuzberg 4.")
    assert first["document"]["pages"] == [[None, [["text", "Olá", 0]]]]
    assert second["error"] == "UnsupportedFormat"
    assert read_frame(answers) is None
    assert granted == [60.0, 60.0]


def test_running_out_of_memory_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    def hungry(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(worker, "read_document", hungry)
    assert answer(REQUEST, b"")["error"] == "ParseTimeout"


def test_limits_never_go_above_what_the_machine_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    wanted: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda kind, value: wanted.append((kind, value)))
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (5, 1_000))
    worker.limit_memory(500)
    worker.limit_memory(5_000)
    worker.limit_cpu(10_000_000)
    assert [value for _kind, value in wanted] == [(500, 1_000), (0, 1_000), (1_000, 1_000), (0, 1_000), (1_000, 1_000)]
    monkeypatch.setattr(resource, "getrlimit", lambda _kind: (5, resource.RLIM_INFINITY))
    worker.limit_memory(5_000)
    assert wanted[-2][1] == (5_000, resource.RLIM_INFINITY)


def test_the_process_runs_from_its_module_and_ends_with_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    pipes = frames(), io.BytesIO()
    monkeypatch.setattr(worker, "private_pipes", lambda: pipes)
    monkeypatch.setattr(worker, "limit_memory", lambda _size: None)
    monkeypatch.setattr(worker.signal, "signal", lambda *_: None)
    assert worker.main(["--memory", "1000000000"]) == 0
    assert b"ready" in pipes[1].getvalue()


def test_noise_on_standard_output_does_not_reach_the_protocol() -> None:
    code = (
        "import os, sys; from lastro.ingest.worker import private_pipes, write_frame, read_frame;"
        "requests, answers = private_pipes(); os.write(1, b'noise'); print('noise', flush=True);"
        "write_frame(answers, read_frame(requests)); sys.exit(os.read(0, 1) != b'')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=frames(b"echo").getvalue(), capture_output=True, check=True, env=os.environ
    )
    assert done.stdout == frames(b"echo").getvalue()
    assert b"noise" in done.stderr
