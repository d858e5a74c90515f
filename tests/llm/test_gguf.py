from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

from lastro.errors import ModelCorrupt, ModelError, ModelNotFound
from lastro.llm.gguf import read_gguf


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _head(*entries: bytes, tensors: bytes = b"", count: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, count, len(entries)) + b"".join(entries) + tensors


def _entry(key: str, kind: int, value: bytes) -> bytes:
    return _string(key) + struct.pack("<I", kind) + value


def _tensor(dimensions: tuple[int, ...], kind: int, offset: int) -> bytes:
    sizes = struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
    return _string("weight") + sizes + struct.pack("<IQ", kind, offset)


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_the_head_says_what_the_model_is(starter: Path) -> None:
    info = read_gguf(starter)
    assert (info.architecture, info.context_length, info.tensors) == ("llama", 8192, 272)
    assert info.kv_bytes(8192) == 30 * 2 * 3 * 64 * 2 * 8192


def test_heads_given_layer_by_layer_are_added_up(tmp_path: Path) -> None:
    heads = struct.pack("<IQ4i", 5, 4, 2, 0, 2, 1)
    info = read_gguf(
        _write(
            tmp_path / "m.gguf",
            _head(
                _entry("general.architecture", 8, _string("x")),
                _entry("x.attention.head_count_kv", 9, heads),
                _entry("x.attention.key_length", 4, struct.pack("<I", 8)),
                _entry("x.attention.value_length", 4, struct.pack("<I", 4)),
                _entry("x.block_count", 4, struct.pack("<I", 4)),
            ),
        )
    )
    assert info.kv_bytes(10) == 10 * 5 * (8 + 4) * 2
    assert info.number("attention.head_count_kv") == 2


def test_a_long_array_is_walked_over(tmp_path: Path) -> None:
    long = struct.pack("<IQ", 4, 5000) + bytes(20_000)
    info = read_gguf(_write(tmp_path / "m.gguf", _head(_entry("a", 9, long), _entry("b", 8, _string("after")))))
    assert info.metadata == {"b": "after"}


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="no such model file"):
        read_gguf(tmp_path / "none.gguf")


@pytest.mark.parametrize("share", [0.0001, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_corrupt(share: float, starter: Path, tmp_path: Path) -> None:
    data = starter.read_bytes()
    cut = _write(tmp_path / "cut.gguf", data[: int(len(data) * share)])
    with pytest.raises(ModelCorrupt, match=r"truncated|ends after"):
        read_gguf(cut)


DAMAGED = {
    "empty": b"",
    "html": b"<!DOCTYPE html><html>Not found</html>",
    "zeroed": bytes(4096),
    "magic alone": b"GGUF",
    "version 99": _head(version=99),
    "too many tensors": b"GGUF" + struct.pack("<IQQ", 3, 1 << 40, 0),
    "too many settings": b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 40),
    "a key longer than the file": b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 50),
    "an unknown value type": _head(_entry("a", 77, b"")),
    "an unknown array type": _head(_entry("a", 9, struct.pack("<IQ", 9, 1))),
    "an array longer than the file": _head(_entry("a", 9, struct.pack("<IQ", 4, 1 << 30))),
    "a long array that is cut": _head(_entry("a", 9, struct.pack("<IQ", 10, 5000) + bytes(8000))),
    "strings that are cut": _head(_entry("a", 9, struct.pack("<IQ", 8, 3) + _string("a"))),
    "a string that leaves the file": _head(_entry("a", 9, struct.pack("<IQQ", 8, 1, 1 << 20))),
    "an alignment of 3": _head(_entry("general.alignment", 4, struct.pack("<I", 3))),
    "an alignment of text": _head(_entry("general.alignment", 8, _string("x"))),
    "a tensor of 99 dimensions": _head(tensors=_string("w") + struct.pack("<I", 99), count=1),
    "a tensor past the end": _head(tensors=_tensor((1 << 40,), 0, 0), count=1),
    "a tensor of unknown type past the end": _head(tensors=_tensor((1,), 999, 1 << 40), count=1),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_head_is_corrupt_and_the_message_names_the_file(name: str, tmp_path: Path) -> None:
    path = _write(tmp_path / "bad.gguf", DAMAGED[name])
    with pytest.raises(ModelCorrupt, match=r"bad\.gguf.*fetch"):
        read_gguf(path)


def test_a_changed_head_gives_an_answer_or_a_clear_error(starter: Path, tmp_path: Path) -> None:
    head = bytearray(starter.read_bytes()[:65_536])
    outcomes = set()
    for seed in range(60):
        rng = random.Random(seed)
        mutant = bytearray(head)
        for _ in range(8):
            mutant[rng.randrange(4, 2048)] = rng.randrange(256)
        try:
            read_gguf(_write(tmp_path / f"{seed}.gguf", bytes(mutant)))
            outcomes.add("read")
        except ModelError as error:
            outcomes.add(type(error).__name__)
    assert outcomes == {"ModelCorrupt"}  # the weights are missing from each of them
