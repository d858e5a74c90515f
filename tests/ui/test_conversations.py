import os
import threading

import pytest

from lastro.types import Answer, Usage
from lastro.ui.conversations import ConversationStore, is_id, new_id

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
