"""The starter model, and vocabularies of other model families made for the tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gguf
import pytest

from lastro.llm.chat import ChatLlama
from lastro.llm.models import find_chat_model
from lastro.llm.native import NativeModel, Vocabulary

STARTER = "smollm2-135m"


@pytest.fixture(scope="session")
def starter() -> Path:
    return find_chat_model(STARTER)


@pytest.fixture
def llm() -> ChatLlama:
    return ChatLlama(model=STARTER, max_tokens=12)


@pytest.fixture
def vocabulary(llm: ChatLlama) -> Vocabulary:
    return llm._open().vocabulary


def _byte_letters() -> list[str]:
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = {byte: chr(byte) for byte in plain}
    for shift, byte in enumerate(byte for byte in range(256) if byte not in letters):
        letters[byte] = chr(256 + shift)
    return [letters[byte] for byte in range(256)]


@pytest.fixture
def family(tmp_path: Path) -> Callable[..., NativeModel]:
    """Makes a model file that is a vocabulary only: every byte, and the special tokens given."""

    def make(
        control: list[str], user_defined: tuple[str, ...] = (), *, bos: str | None = None, template: str = ""
    ) -> NativeModel:
        path = tmp_path / f"vocabulary-{len(list(tmp_path.iterdir()))}.gguf"
        letters = _byte_letters()
        tokens = [*letters, *control, *user_defined]
        kinds = [gguf.TokenType.NORMAL] * 256 + [gguf.TokenType.CONTROL] * len(control)
        kinds += [gguf.TokenType.USER_DEFINED] * len(user_defined)
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_context_length(256)
        writer.add_embedding_length(32)
        writer.add_block_count(1)
        writer.add_feed_forward_length(64)
        writer.add_head_count(2)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("llama-bpe")
        writer.add_token_list(tokens)
        writer.add_token_types(kinds)
        writer.add_token_merges([f"{letters[104]} {letters[105]}"])
        writer.add_eos_token_id(256)
        if bos is not None:
            writer.add_bos_token_id(tokens.index(bos))
            writer.add_add_bos_token(True)
        else:
            writer.add_add_bos_token(False)
        if template:
            writer.add_chat_template(template)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return NativeModel(path, vocabulary_only=True)

    return make
