from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import huggingface_hub.constants
import pytest

from lastro.errors import ModelCorrupt, ModelError, ModelNotFound
from lastro.llm import models
from lastro.llm.cards import PairCard
from lastro.llm.models import CHAT_MODELS, EMBEDDERS, RERANKERS, VERIFIERS, models_folder, pull

REVISION = "a" * 40


@dataclass
class Hub:
    """A hub on this machine: repositories of files, of which it may state a wrong hash or serve other bytes."""

    endpoint: str = ""
    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    served: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    revisions: list[str] = field(default_factory=list)

    def describe(self, repo: str) -> bytes:
        siblings = []
        for name, data in self.repos[repo].items():
            entry: dict[str, object] = {"rfilename": name, "size": len(data)}
            entry["blobId"] = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            if name.endswith((".gguf", ".safetensors")):
                entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 1}
            siblings.append(entry)
        return json.dumps({"id": repo, "sha": REVISION, "siblings": siblings}).encode()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    state = Hub()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            state.requests.append(self.path)
            if self.path.startswith("/api/models/"):
                repo = "/".join(self.path.split("?")[0].split("/")[3:5])
                data = state.describe(repo) if repo in state.repos else None
                state.revisions += re.findall(r"/revision/(\w+)", self.path)
                name = ""
            else:
                owner, project, _, _, name = self.path.split("/", 5)[1:]
                data = state.repos.get(f"{owner}/{project}", {}).get(name)
                data = state.served.get(name, data)
            if data is None:
                self.send_response(404)
                self.send_header("X-Error-Code", "RepoNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", REVISION)
            self.end_headers()
            if body:
                self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", state.endpoint)
    monkeypatch.setattr("lastro.offline._FOUND", {"HF_HUB_OFFLINE": None, "TRANSFORMERS_OFFLINE": None})
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)  # as after a library was opened
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


CHAT = next(card for card in CHAT_MODELS if card.name == "llama-3.2-3b")
EMBEDDER = next(card for card in EMBEDDERS if card.name == "multilingual-e5-small")
FOLDER = {
    "config.json": b"{}",
    "model.safetensors": b"weights" * 1000,
    "tokenizer.json": b"[]",
    "1_Pooling/config.json": b'{"pooling": "mean"}',
    "onnx/model.onnx": b"not needed",
    "README.md": b"not needed",
}


def test_a_chat_model_comes_from_the_hub_whole_and_alone(hub: Hub) -> None:
    hub.repos[CHAT.repo] = {CHAT.file: b"GGUF" + bytes(300_000), "other.gguf": b"GGUF"}
    seen: list[tuple[int, int]] = []
    path = pull("llama-3.2-3b", on_progress=lambda done, total: seen.append((done, total)))
    assert path == models_folder() / CHAT.file
    assert path.read_bytes() == hub.repos[CHAT.repo][CHAT.file]
    assert [entry.name for entry in models_folder().iterdir()] == [CHAT.file]
    assert seen[-1] == (300_004, 300_004)
    assert not any("other.gguf" in request for request in hub.requests)


def test_an_embedder_comes_as_a_folder_without_what_it_does_not_need(hub: Hub) -> None:
    hub.repos[EMBEDDER.repo] = FOLDER
    (models_folder() / EMBEDDER.name).mkdir(parents=True)
    (models_folder() / EMBEDDER.name / "left-over").touch()
    folder = pull("multilingual-e5-small")
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == set(FOLDER) - {"onnx/model.onnx", "README.md"}
    assert models.find_embedder("multilingual-e5-small") == (EMBEDDER, folder)
    assert [entry.name for entry in models_folder().iterdir()] == [EMBEDDER.name]


def test_other_bytes_than_the_hub_states_are_refused_and_leave_no_model(hub: Hub) -> None:
    hub.repos[CHAT.repo] = {CHAT.file: b"GGUF right"}
    hub.served[CHAT.file] = b"GGUF wrong"
    with pytest.raises(ModelCorrupt, match="SHA-256"):
        pull("llama-3.2-3b")
    assert not list(models_folder().rglob("*.gguf"))


def test_other_bytes_than_the_cards_are_refused(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repos[CHAT.repo] = {CHAT.file: b"GGUF new"}
    card = replace(CHAT, sha256=hashlib.sha256(b"GGUF old").hexdigest())
    monkeypatch.setattr(models, "CHAT_MODELS", (card,))
    with pytest.raises(ModelCorrupt, match="SHA-256"):
        pull(CHAT.name)


def test_a_small_file_with_other_bytes_is_refused(hub: Hub) -> None:
    hub.repos[EMBEDDER.repo] = FOLDER
    hub.served["tokenizer.json"] = b"{}"
    with pytest.raises(ModelCorrupt, match="not the file"):
        pull("multilingual-e5-small")
    assert not (models_folder() / EMBEDDER.name).exists()


def test_a_model_that_is_there_and_right_is_not_fetched_again(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"GGUF here"
    digest = hashlib.sha256(data).hexdigest()
    monkeypatch.setattr(models, "CHAT_MODELS", (replace(CHAT, sha256=digest),))
    monkeypatch.setattr(models, "EMBEDDERS", (replace(EMBEDDER, sha256=digest),))
    (models_folder() / EMBEDDER.name).mkdir(parents=True)
    (models_folder() / CHAT.file).write_bytes(data)
    (models_folder() / EMBEDDER.name / EMBEDDER.file).write_bytes(data)
    assert pull(CHAT.name) == models_folder() / CHAT.file
    assert pull(EMBEDDER.name) == models_folder() / EMBEDDER.name
    assert hub.requests == []


def test_a_repository_or_file_that_is_gone_is_not_found(hub: Hub) -> None:
    with pytest.raises(ModelNotFound, match="not on the hub"):
        pull("llama-3.2-3b")
    hub.repos[CHAT.repo] = {"renamed.gguf": b"GGUF"}
    with pytest.raises(ModelNotFound, match="has no"):
        pull("llama-3.2-3b")


def test_a_hub_that_cannot_be_reached_is_one_clear_error(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(ModelError, match="could not be read"):
        pull("llama-3.2-3b")


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_means_offline(variable: str, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lastro.offline._FOUND", {})
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    monkeypatch.setenv(variable, "1")
    with pytest.raises(ModelError, match=variable):
        pull("llama-3.2-3b")
    assert hub.requests == []


def test_a_model_can_be_fetched_after_a_library_was_opened(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.repos[CHAT.repo] = {CHAT.file: b"GGUF" + bytes(1000)}
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.setenv(name, "1")  # by us, not by the user
    assert pull("llama-3.2-3b").is_file()
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert huggingface_hub.constants.HF_HUB_OFFLINE


@pytest.mark.parametrize(("card", "find"), [(RERANKERS[0], models.find_reranker), (VERIFIERS[0], models.find_verifier)])
def test_a_reranker_and_a_verifier_come_as_folders(hub: Hub, card: PairCard, find: Callable[[str], object]) -> None:
    hub.repos[card.repo] = {name: data for name, data in FOLDER.items() if "/" not in name}
    folder = pull(card.name)
    assert folder == models_folder() / card.name
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert find(card.name) == (card, folder)


def test_a_hub_id_of_the_catalogue_is_fetched_as_its_card(hub: Hub) -> None:
    hub.repos[EMBEDDER.repo] = FOLDER
    assert pull(EMBEDDER.repo) == models_folder() / EMBEDDER.name


def test_a_card_may_name_the_revision_that_has_safetensors(hub: Hub) -> None:
    card = next(card for card in EMBEDDERS if card.revision is not None)
    hub.repos[card.repo] = FOLDER
    pull(card.name)
    assert hub.revisions == [card.revision]


OTHER = FOLDER | {
    "model.safetensors.index.json": b"{}",
    "model-00001-of-00002.safetensors": b"one",
    "model-00002-of-00002.safetensors": b"two",
    "2_Dense/config.json": b"{}",
    "2_Dense/model.safetensors": b"dense",
    "2_Dense/pytorch_model.bin": b"pickle",
    "pytorch_model.bin": b"pickle",
    "modeling_own.py": b"raise SystemExit",
    "openvino/openvino_model.xml": b"no",
    "consolidated.safetensors": b"another copy",
}


def test_an_embedder_outside_the_catalogue_comes_by_its_hub_id_without_pickles_and_code(hub: Hub) -> None:
    hub.repos["someone/other"] = OTHER
    folder = pull("someone/other")
    assert folder == models_folder() / "someone" / "other"
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    left = {"onnx/model.onnx", "2_Dense/pytorch_model.bin", "pytorch_model.bin", "modeling_own.py"}
    assert files == set(OTHER) - left - {"openvino/openvino_model.xml", "consolidated.safetensors"}
    assert models.find_embedder("someone/other") == (None, folder)


def test_a_repository_without_safetensors_is_refused_before_anything_is_fetched(hub: Hub) -> None:
    hub.repos["someone/old"] = {"config.json": b"{}", "pytorch_model.bin": b"pickle"}
    with pytest.raises(ModelNotFound, match="safetensors"):
        pull("someone/old")
    assert not any("/resolve/" in request for request in hub.requests)


@pytest.mark.parametrize(
    "own",
    [
        {"config.json": b'{"model_type": "new", "auto_map": {"AutoModel": "modeling.NewModel"}}'},
        {"modules.json": b'[{"path": "", "type": "custom_st.Transformer"}]'},
    ],
)
def test_a_model_that_needs_code_of_its_own_is_refused_before_its_weights_are_fetched(
    hub: Hub, own: dict[str, bytes]
) -> None:
    hub.repos["someone/clever"] = FOLDER | own
    with pytest.raises(ModelError, match="needs code of its own"):
        pull("someone/clever")
    assert not any("safetensors" in request for request in hub.requests)
    assert not (models_folder() / "someone" / "clever").exists()


def test_a_model_that_transformers_knows_may_name_code_that_is_not_run(hub: Hub) -> None:
    config = b'{"model_type": "bert", "auto_map": {"AutoModel": "modeling.Bert"}}'
    hub.repos["someone/plain"] = FOLDER | {"config.json": config}
    assert pull("someone/plain").is_dir()
