import json
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticSerializationError

from lastro.types import Answer, Usage
from lastro.ui.conversations import ConversationStore, is_id, new_id
from tests.ui import samples

BEFORE = Path(__file__).with_name("conversation_0_1.json")  # written before claims had reasons and answers a policy
BEFORE_ID = "0123456789abcdef0123456789abcdef"

ANSWER = Answer("Why?", "So.", "not_found", (), (), (), (), Usage(prompt_tokens=3), "en")


@pytest.fixture
def store(tmp_path):
    return ConversationStore(tmp_path / "conversations")


def test_a_conversation_is_read_back_as_it_was_written(store, tmp_path):
    key = new_id()
    store.ask(key, "Why?", owner="me")
    store.finish(key, answer=ANSWER)
    again = ConversationStore(tmp_path / "conversations").load(key)
    assert again is not None
    assert again.turns[0].answer == ANSWER
    assert again.title == "Why?"


@pytest.mark.parametrize("name", [*samples.BY_STATE, "strict"])
def test_every_field_of_an_answer_is_read_back(store, tmp_path, name):
    answer = replace({**samples.BY_STATE, "strict": samples.STRICT}[name], signals={"support": 0.5}, retried=True)
    key = new_id()
    store.ask(key, "When?", owner="me")
    store.finish(key, answer=answer)
    again = ConversationStore(tmp_path / "conversations").load(key)
    assert again is not None
    assert again.turns[0].answer == answer


def test_a_conversation_of_the_version_before_goes_on(store, tmp_path):
    folder = tmp_path / "conversations"
    folder.mkdir()
    shutil.copy(BEFORE, folder / f"{BEFORE_ID}.json")
    found = store.load(BEFORE_ID)
    assert found is not None
    first, second, third = found.turns
    assert [sentence.state for sentence in first.answer.sentences] == ["verbatim", "unsupported"]
    assert (first.answer.policy, first.answer.confidence, first.answer.removed) == ("mark", None, ())
    assert (second.answer.state, second.answer.nearest) == ("not_found", ())
    assert third.answer is None
    store.finish(BEFORE_ID, answer=samples.PARTIAL)
    again = ConversationStore(folder).load(BEFORE_ID)
    assert again is not None
    assert again.turns[:2] == found.turns[:2]
    assert again.turns[2].answer == samples.PARTIAL


@given(st.sets(st.sampled_from(["signals", "retried", "nearest", "removed", "policy", "confidence", "generated"])))
def test_fields_that_a_file_lacks_or_that_are_not_known_are_no_damage(tmp_path_factory, missing):
    folder = tmp_path_factory.mktemp("conversations")
    written = json.loads(BEFORE.read_text(encoding="utf-8"))
    answer = written["turns"][0]["answer"]
    written["turns"][0]["answer"] = {key: value for key, value in answer.items() if key not in missing}
    written["turns"][0]["answer"]["of_a_later_version"] = [1]
    (folder / f"{BEFORE_ID}.json").write_text(json.dumps(written), encoding="utf-8")
    assert ConversationStore(folder).load(BEFORE_ID) is not None


def test_what_could_not_be_read_back_is_not_written(store):
    key = new_id()
    store.ask(key, "Why?", owner="me")
    broken = replace(ANSWER, sentences=("not a sentence",))  # type: ignore[arg-type]
    with pytest.raises(PydanticSerializationError):
        store.finish(key, answer=broken)
    found = store.load(key)
    assert found is not None
    assert found.turns[0].question == "Why?"


def test_an_owner_sees_only_their_own_newest_first(store):
    keys = [new_id() for _ in range(3)]
    for key, owner in zip(keys, ("me", "you", "me"), strict=True):
        store.ask(key, f"By {owner}?", owner=owner)
    assert {conversation.id for conversation in store.of("me")} == {keys[0], keys[2]}
    assert [conversation.id for conversation in store.of("you")] == [keys[1]]


@pytest.mark.parametrize(
    "key", ["", "..", "../../etc/passwd", "a" * 31, "A" * 32, "0" * 32 + ".json", "/tmp/x", "\x00" * 32]
)
def test_no_id_names_a_file_elsewhere(store, tmp_path, key):
    assert not is_id(key)
    assert store.load(key) is None
    store.delete(key)
    with pytest.raises(ValueError, match="32 hex digits"):
        store.ask(key, "Why?", owner="me")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff\xfe", b'{"id": "x", "owner": "me", "updated_at": "", "turns": []}']
)
def test_a_damaged_file_is_set_aside_and_the_others_are_still_listed(store, tmp_path, content):
    good, bad = new_id(), new_id()
    store.ask(good, "Why?", owner="me")
    (tmp_path / "conversations" / f"{bad}.json").write_bytes(content)
    assert [conversation.id for conversation in store.of("me")] == [good]
    assert store.load(bad) is None
    assert (tmp_path / "conversations" / f"{bad}.damaged").read_bytes() == content


def test_a_write_that_fails_leaves_the_old_version_and_no_litter(store, tmp_path, monkeypatch):
    key = new_id()
    store.ask(key, "Why?", owner="me")

    def full(_handle):
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        store.finish(key, answer=ANSWER)
    found = ConversationStore(tmp_path / "conversations").load(key)
    assert found is not None
    assert found.turns[0].answer is None
    assert [path.name for path in (tmp_path / "conversations").iterdir()] == [f"{key}.json"]


def test_only_the_person_who_runs_it_can_read_the_files(store, tmp_path):
    key = new_id()
    store.ask(key, "Why?", owner="me")
    folder = tmp_path / "conversations"
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / f"{key}.json").stat().st_mode & 0o077 == 0


def test_an_answer_to_a_deleted_conversation_brings_nothing_back(store):
    key = new_id()
    store.ask(key, "Why?", owner="me")
    store.delete(key)
    store.finish(key, answer=ANSWER)
    assert store.load(key) is None


def test_many_threads_lose_no_turn(store):
    key = new_id()
    threads = [threading.Thread(target=store.ask, args=(key, f"{n}?"), kwargs={"owner": "me"}) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = store.load(key)
    assert found is not None
    assert {turn.question for turn in found.turns} == {f"{n}?" for n in range(20)}
