from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from contextlib import aclosing, closing
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

import lastro.llm
from lastro.config import LlmSettings
from lastro.errors import ConfigError, ContextOverflow, ModelError, ModelNotFound
from lastro.llm.chat import ChatLlama


def test_the_fields_are_the_settings_with_their_ranges() -> None:
    for name, setting in LlmSettings.model_fields.items():
        field = ChatLlama.model_fields[name]
        assert (field.annotation, field.default, field.metadata) == (
            setting.annotation,
            setting.default,
            setting.metadata,
        ), name


def test_from_settings_takes_every_setting() -> None:
    settings = LlmSettings(temperature=0.5, max_tokens=9, seed=3, context_window=512, threads=1)
    assert ChatLlama.from_settings(settings).settings == settings


def test_importing_the_folder_is_light_and_it_has_one_name() -> None:
    code = "import sys, lastro.llm; print({'llama_cpp','langchain_core','torch','jinja2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    assert lastro.llm.__all__ == ["ChatLlama"]
    assert lastro.llm.ChatLlama is ChatLlama
    with pytest.raises(AttributeError, match="no attribute"):
        lastro.llm.Nothing  # noqa: B018


def test_loading_and_answering_leave_stdout_and_stderr_silent_and_open() -> None:
    code = (
        "import os; from lastro.llm import ChatLlama; ChatLlama(max_tokens=2).invoke('Hi');"
        "os.write(1, b'out'); os.write(2, b'err')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("out", "err")


def test_an_answer_says_what_it_cost_and_how_it_ended(llm: ChatLlama) -> None:
    answer = llm.invoke("What is the capital of France?")
    assert isinstance(answer, AIMessage)
    usage = answer.usage_metadata
    assert usage is not None
    assert usage["input_tokens"] == llm.get_num_tokens_from_messages([HumanMessage("What is the capital of France?")])
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_token_details"]["cache_read"] <= usage["input_tokens"]
    assert answer.response_metadata["model_name"] == "smollm2-135m"
    assert answer.response_metadata["finish_reason"] == "length"


def test_a_stream_is_the_answer_in_parts_and_its_last_chunk_says_so(llm: ChatLlama) -> None:
    chunks = list(llm.stream("Name a colour."))
    assert "".join(str(chunk.content) for chunk in chunks) == llm.invoke("Name a colour.").content
    last = [chunk for chunk in chunks if isinstance(chunk, AIMessageChunk) and chunk.chunk_position == "last"]
    assert len(last) == 1
    assert sum(bool(getattr(chunk, "usage_metadata", None)) for chunk in chunks) == 1


def test_a_call_can_set_its_own_sampling_and_length(llm: ChatLlama) -> None:
    hot: dict[str, Any] = {"temperature": 1.8, "top_p": 1.0, "min_p": 0.0, "max_tokens": 8}
    first, again, other = (llm.invoke("Tell a story.", **hot, seed=seed) for seed in (1, 1, 2))
    assert first.content == again.content != other.content
    assert first.usage_metadata is not None
    assert first.usage_metadata["output_tokens"] <= 8


def test_a_call_may_say_only_what_is_known_and_in_range(llm: ChatLlama) -> None:
    with pytest.raises(ConfigError, match="top_q"):
        llm.invoke("Hi", top_q=1)
    with pytest.raises(ConfigError, match="temperature"):
        llm.invoke("Hi", temperature=-1)


def test_stop_texts_of_the_call_come_before_the_models_own(llm: ChatLlama) -> None:
    whole = str(llm.invoke("Name a colour.").content)
    own = ChatLlama(max_tokens=12, stop=[whole[4:7]])
    assert own.invoke("Name a colour.").content == whole[: whole.find(whole[4:7])]
    assert own.invoke("Name a colour.", stop=[whole[8:10]]).content == whole[: whole.find(whole[8:10])]


def test_a_set_cancel_ends_the_answer_and_says_so(llm: ChatLlama) -> None:
    cancel = threading.Event()
    seen = []
    for chunk in llm.stream("Count to ninety.", max_tokens=500, cancel=cancel):
        seen.append(chunk)
        cancel.set()
    assert seen[-1].response_metadata["finish_reason"] == "cancelled"
    usage = [chunk.usage_metadata for chunk in seen if isinstance(chunk, AIMessageChunk) and chunk.usage_metadata]
    assert usage[0]["output_tokens"] < 100
    assert llm.invoke("Hi").content


async def test_the_asynchronous_answer_is_the_same(llm: ChatLlama) -> None:
    parts = [chunk async for chunk in llm.astream("Name a colour.")]
    whole = llm.invoke("Name a colour.").content
    assert "".join(str(part.content) for part in parts) == whole
    assert (await llm.ainvoke("Name a colour.")).content == whole


async def test_an_asynchronous_stream_that_is_left_frees_the_model(llm: ChatLlama) -> None:
    async with aclosing(llm.astream("Count to ninety.", max_tokens=500)) as parts:  # type: ignore[type-var]
        async for _ in parts:
            break
    assert (await llm.ainvoke("Hi", max_tokens=2)).content


async def test_a_cancelled_task_frees_the_model(llm: ChatLlama) -> None:
    started = asyncio.Event()

    class Started(BaseCallbackHandler):
        def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
            loop.call_soon_threadsafe(started.set)

    loop = asyncio.get_running_loop()
    task = asyncio.create_task(llm.ainvoke("Count.", {"callbacks": [Started()]}, max_tokens=2000))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await llm.ainvoke("Hi", max_tokens=2)).content


def test_a_closed_stream_frees_the_model(llm: ChatLlama) -> None:
    with closing(llm.stream("Count to ninety.", max_tokens=500)) as parts:  # type: ignore[type-var]
        next(parts)
    assert llm.invoke("Hi").content


def test_tokens_reach_the_callbacks_of_a_plain_call(llm: ChatLlama) -> None:
    seen: list[str] = []

    class Tokens(BaseCallbackHandler):
        def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
            seen.append(token)

    answer = llm.invoke("Name a colour.", {"callbacks": [Tokens()]})
    assert "".join(seen) == answer.content


def test_two_chat_models_share_the_weights_whatever_their_sampling() -> None:
    first, second = ChatLlama(temperature=0.2), ChatLlama(max_tokens=7)
    first.preload()
    second.preload()
    assert first._engine is second._engine
    copied = first.model_copy(deep=True)
    assert copied._engine is first._engine


def test_tokens_are_counted_by_the_models_own_tokenizer(llm: ChatLlama) -> None:
    assert llm.get_num_tokens("hello world") == len(llm.get_token_ids("hello world")) == 2
    assert len(llm.get_token_ids("<|im_end|>")) > 1
    empty = llm.get_num_tokens_from_messages([SystemMessage("x"), HumanMessage("y")])
    longer = llm.get_num_tokens_from_messages([SystemMessage("x"), HumanMessage("y y")])
    assert longer == empty + 1
    with pytest.raises(ConfigError, match="no tools"):
        llm.get_num_tokens_from_messages([HumanMessage("y")], tools=[{"name": "t"}])


def test_what_does_not_fit_is_langchains_overflow_too(llm: ChatLlama) -> None:
    with pytest.raises(ContextOverflow) as caught:
        llm.invoke("word " * 9000)
    assert isinstance(caught.value, ContextOverflowError)


def test_the_context_size_and_profile_are_known_before_loading() -> None:
    llm = ChatLlama(context_window=777)
    assert llm.context_size == 777
    assert llm.profile is not None
    assert llm.profile["max_input_tokens"] == 777
    assert llm._engine is None


def test_a_missing_model_is_told_at_the_first_use_not_before() -> None:
    llm = ChatLlama(model="no-such-model")
    with pytest.raises(ModelNotFound):
        llm.preload()
    with pytest.raises(ModelNotFound):
        llm.invoke("Hi")


def test_every_kind_of_text_message_is_taken(llm: ChatLlama) -> None:
    answer = llm.invoke(
        [
            SystemMessage([{"type": "text", "text": "Be brief."}]),
            HumanMessage(["One ", {"type": "text", "text": "word."}]),
            AIMessage("Yes."),
            ToolMessage("42", tool_call_id="1"),
            ChatMessage(role="user", content="And now?"),
        ]
    )
    assert answer.content


def test_what_is_not_text_is_refused(llm: ChatLlama) -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    with pytest.raises(ModelError, match="image_url"):
        llm.invoke([HumanMessage([picture])])
    with pytest.raises(ModelError, match="function"):
        llm.invoke([FunctionMessage("x", name="f")])


def test_a_trace_names_the_model_and_its_sampling() -> None:
    llm = ChatLlama(stop=["x"])
    params = llm._get_ls_params(temperature=0.5)
    assert (params["ls_model_name"], params["ls_temperature"], params["ls_stop"]) == ("smollm2-135m", 0.5, ["x"])
    assert "ls_stop" not in ChatLlama()._get_ls_params()
    assert llm._llm_type == "lastro-llama"
    assert llm._identifying_params["model"] == "smollm2-135m"
