from __future__ import annotations

import gc
import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from langchain_core.exceptions import ContextOverflowError

from lastro.config import LlmSettings
from lastro.errors import ConfigError, ContextOverflow, ModelCorrupt, ModelNotFound, ModelTooLarge
from lastro.llm import engine as engine_module
from lastro.llm import hardware
from lastro.llm.engine import Finished, LlamaEngine, Request, Turns, context_size, open_engine
from lastro.llm.hardware import Memory
from lastro.llm.native import Sampling
from lastro.llm.template import Turn

SYSTEM = "You answer from the sources given, briefly and exactly, and you say so where they are silent. " * 8
QUESTIONS = ("Name a colour.", "What is water?", "Count to five.", "Where is Lisbon?")


@pytest.fixture
def engine() -> LlamaEngine:
    return open_engine(LlmSettings())


class Countdown:
    """A cancel that is set after it was asked `left` times: no clock."""

    def __init__(self, left: int) -> None:
        self.left = left

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0


def _ask(engine: LlamaEngine, question: str, *, system: str = "", **request: object) -> tuple[str, Finished]:
    turns = [Turn("system", system)] if system else []
    prompt = engine.prompt([*turns, Turn("user", question)])
    options: dict[str, object] = {"max_tokens": 8} | request
    *parts, finished = engine.generate(prompt, Request(**options))  # type: ignore[arg-type]
    assert isinstance(finished, Finished)
    return "".join(str(part) for part in parts), finished


def _forget(engine: LlamaEngine) -> None:
    engine._evaluated = []


def test_eight_threads_get_the_answers_that_one_gets(engine: LlamaEngine) -> None:
    serial = {}
    for question in QUESTIONS:
        _forget(engine)
        serial[question] = _ask(engine, question, system=SYSTEM)[0]
    assert len(set(serial.values())) > 1
    asked = [question for _ in range(4) for question in QUESTIONS]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda question: _ask(engine, question, system=SYSTEM)[0], asked))
    assert answers == [serial[question] for question in asked]


def test_a_prompt_that_begins_like_the_last_one_is_evaluated_only_from_there(engine: LlamaEngine) -> None:
    _forget(engine)
    first = _ask(engine, QUESTIONS[0], system=SYSTEM)[1]
    other = _ask(engine, QUESTIONS[1], system=SYSTEM)[1]
    again = _ask(engine, QUESTIONS[1], system=SYSTEM)[1]
    piece = engine.key.shape.piece
    assert first.cached == 0
    assert other.cached == again.cached > 0
    assert other.cached % piece == 0
    assert other.prompt - other.cached <= 2 * piece


def test_an_answer_after_another_is_the_fresh_one_to_the_last_bit(engine: LlamaEngine) -> None:
    prompt = engine.prompt([Turn("system", SYSTEM), Turn("user", QUESTIONS[2])])
    _forget(engine)
    list(engine.generate(prompt, Request(max_tokens=4)))
    fresh = engine._context.logits()
    _ask(engine, QUESTIONS[3], system=SYSTEM, max_tokens=6)
    *_, finished = engine.generate(prompt, Request(max_tokens=4))
    assert isinstance(finished, Finished)
    assert finished.cached > 0
    assert (engine._context.logits() == fresh).all()


def test_the_same_seed_repeats_and_another_differs(engine: LlamaEngine) -> None:
    def draw(seed: int) -> str:
        sampling = Sampling(temperature=1.5, top_p=1.0, min_p=0.0, seed=seed)
        return _ask(engine, "Tell a story.", sampling=sampling, max_tokens=10)[0]

    assert draw(7) == draw(7)
    assert len({draw(seed) for seed in range(3)}) > 1


def test_an_answer_ends_before_the_earliest_stop(engine: LlamaEngine) -> None:
    whole, _ = _ask(engine, "Name three colours.", max_tokens=16)
    late, early = whole[12:15], whole[5:8]
    text, finished = _ask(engine, "Name three colours.", max_tokens=16, stop=(late, early))
    assert text == whole[: whole.find(early)]
    assert finished.reason == "stop"


def test_the_length_is_kept_and_told(engine: LlamaEngine) -> None:
    _, finished = _ask(engine, "Name three colours.", max_tokens=3)
    assert (finished.reason, finished.completion) == ("length", 3)


def test_a_model_that_ends_its_turn_stops(engine: LlamaEngine) -> None:
    _, finished = _ask(engine, "Say only: yes.", max_tokens=200)
    assert finished.reason == "stop"
    assert finished.completion < 200


@pytest.mark.parametrize("asked_before", [0, 1, 2, 5])
def test_after_a_cancel_the_next_answer_is_the_fresh_one(engine: LlamaEngine, asked_before: int) -> None:
    prompt = engine.prompt([Turn("system", SYSTEM), Turn("user", "Count to ninety.")])
    _forget(engine)
    fresh = list(engine.generate(prompt, Request(max_tokens=5)))
    _forget(engine)
    *_, stopped = engine.generate(prompt, Request(max_tokens=2000), cancel=Countdown(asked_before))
    assert isinstance(stopped, Finished)
    assert stopped.reason == "cancelled"
    assert list(engine.generate(prompt, Request(max_tokens=5)))[:-1] == fresh[:-1]


def test_a_cancel_stops_the_reading_of_a_long_prompt(engine: LlamaEngine) -> None:
    prompt = engine.prompt([Turn("user", SYSTEM * 30)])
    _forget(engine)
    (finished,) = engine.generate(prompt, Request(max_tokens=50), cancel=Countdown(3))
    assert isinstance(finished, Finished)
    assert (finished.reason, finished.completion) == ("cancelled", 0)
    assert len(engine._evaluated) < len(prompt) - engine.key.shape.piece


def test_a_cancel_stops_an_answer_where_llama_cpp_does_not_heed_its_abort(
    engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine._context, "abort", lambda: None)  # as on a GPU
    cancel = threading.Event()
    parts = engine.generate(engine.prompt([Turn("user", "Count to ninety.")]), Request(max_tokens=300), cancel=cancel)
    next(iter(parts))
    cancel.set()
    *_, stopped = parts
    assert isinstance(stopped, Finished)
    assert stopped.reason == "cancelled"
    assert stopped.completion < 10
    _forget(engine)
    long = engine.prompt([Turn("user", SYSTEM * 30)])
    (finished,) = engine.generate(long, Request(max_tokens=5), cancel=Countdown(3))
    assert isinstance(finished, Finished)
    assert (finished.reason, finished.completion) == ("cancelled", 0)


def test_a_cancelled_waiter_leaves_the_queue(engine: LlamaEngine) -> None:
    prompt = engine.prompt([Turn("user", "Hi")])
    with closing(_generator(engine, prompt)) as first:
        next(first)
        (finished,) = engine.generate(prompt, Request(max_tokens=5), cancel=Countdown(2))
        assert finished == Finished("cancelled", len(prompt), 0, 0)
    assert _ask(engine, "Hi")[1].completion > 0


def _generator(engine: LlamaEngine, prompt: list[int]) -> Iterator[str | Finished]:
    return engine.generate(prompt, Request(max_tokens=50), cancel=threading.Event())  # type: ignore[return-value]


def test_an_abandoned_answer_frees_the_engine(engine: LlamaEngine) -> None:
    parts = _generator(engine, engine.prompt([Turn("user", "Count.")]))
    next(parts)
    assert engine._turns._taken
    del parts
    assert not engine._turns._taken


def test_the_engine_is_free_when_the_last_item_comes(engine: LlamaEngine) -> None:
    for part in engine.generate(engine.prompt([Turn("user", "Hi")]), Request(max_tokens=3)):
        assert engine._turns._taken == isinstance(part, str)


def test_turns_are_given_in_the_order_in_which_they_were_asked_for() -> None:
    turns, order = Turns(), list[int]()
    assert turns.take()

    def work(number: int) -> None:
        turns.take()
        order.append(number)
        turns.give()

    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=work, args=(number,)))
        threads[-1].start()
        while len(turns._waiting) <= number:
            pass
    turns.give()
    for thread in threads:
        thread.join()
    assert order == [0, 1, 2, 3, 4]


def test_what_does_not_fit_is_refused_with_the_numbers_and_nothing_is_cut(engine: LlamaEngine) -> None:
    prompt = [engine.vocabulary.bos] * engine.context_size
    with pytest.raises(ContextOverflow, match=r"8,192.*reserves 1\b.*8,192") as caught:
        next(iter(engine.generate(prompt, Request(max_tokens=1))))
    assert isinstance(caught.value, ContextOverflowError)
    with pytest.raises(ContextOverflow, match="max_tokens"):
        next(iter(engine.generate(prompt[:10], Request(max_tokens=8183))))


def test_the_window_can_be_filled_to_its_last_token() -> None:
    small = open_engine(LlmSettings(context_window=256))
    prompt = small.prompt([Turn("user", "word " * 180)])
    room = 256 - len(prompt)
    *_, finished = small.generate(prompt, Request(max_tokens=room, stop=()))
    assert isinstance(finished, Finished)
    assert finished.reason in {"length", "stop"}


def test_a_model_is_loaded_once_for_all_and_again_for_another_window(engine: LlamaEngine) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: open_engine(LlmSettings(temperature=1.0)), range(4))) == {engine}
    assert open_engine(LlmSettings(context_window=512)) is not engine
    assert pickle.loads(pickle.dumps(engine)) is engine


def test_an_engine_that_no_one_holds_is_freed_when_another_is_loaded() -> None:
    first = open_engine(LlmSettings(context_window=300))
    key = first.key
    del first
    assert key in engine_module._engines
    open_engine(LlmSettings(context_window=301))
    gc.collect()
    assert key not in engine_module._engines


def test_the_default_window_is_the_models_own_at_most_8192(starter: Path) -> None:
    assert context_size(LlmSettings()) == 8192
    assert context_size(LlmSettings(context_window=1000)) == 1000
    with pytest.raises(ConfigError, match="trained for 8192"):
        open_engine(LlmSettings(context_window=9000))


def test_a_missing_model_is_not_found() -> None:
    with pytest.raises(ModelNotFound):
        open_engine(LlmSettings(model="no-such-model"))


def test_the_catalogues_file_with_other_bytes_is_refused(starter: Path, tmp_path: Path) -> None:
    data = bytearray(starter.read_bytes())
    data[-1] ^= 1
    forged = tmp_path / starter.name
    forged.write_bytes(data)
    with pytest.raises(ModelCorrupt, match="SHA-256"):
        open_engine(LlmSettings(model=str(forged)))


def test_a_model_larger_than_the_free_memory_is_refused_with_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "memory", lambda: Memory(total=10**9, available=3 * 10**8, gpu=None))
    with pytest.raises(ModelTooLarge, match=r"0\.4 GB.*0\.3 GB are free.*check_memory"):
        open_engine(LlmSettings(context_window=5000))
    assert open_engine(LlmSettings(context_window=5000, check_memory=False)).context_size == 5000


def test_a_damaged_file_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    page = tmp_path / "page.gguf"
    page.write_bytes(b"<html>404</html>")
    with pytest.raises(ModelCorrupt):
        open_engine(LlmSettings(model=str(page)))


def test_a_gpu_build_takes_its_prompt_in_large_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []

    def note(key: engine_module.EngineKey, **_: object) -> None:
        shapes.append((key.shape.piece, key.shape.flash_attention, key.gpu_layers))

    monkeypatch.setattr(engine_module, "_engine", note)
    monkeypatch.setattr(engine_module.library(), "llama_supports_gpu_offload", lambda: True)
    open_engine(LlmSettings())
    open_engine(LlmSettings(gpu_layers=0))
    assert shapes == [(512, True, -1), (64, False, 0)]
