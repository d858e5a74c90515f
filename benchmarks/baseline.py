"""This pipeline beside the plain LangChain tutorial pipeline, same models, same documents, one interleaved run.

The peer is PyPDFLoader, RecursiveCharacterTextSplitter 1000/200, HuggingFaceEmbeddings, Chroma.from_documents and a
tuned ChatLlamaCpp (batch of 512, RoPE from the model; its defaults are 10 times slower and wrong for long texts).
With --data it takes `faquad_pdf` (23 Portuguese PDFs with questions whose file and page are known), else the PDFs of
examples/documents.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import report

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
warnings.filterwarnings("ignore")

ROOT = Path(__file__).resolve().parent.parent
K = 5


@dataclass(frozen=True)
class Question:
    """A question whose answer stands on known pages of a known file."""

    text: str
    file: str
    pages: tuple[int, ...]


def questions(data: Path | None) -> tuple[list[Path], list[Question]]:
    """The PDFs to add and the questions over them."""
    if data is not None:
        folder = data / "faquad_pdf"
        lines = (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [row for row in map(json.loads, lines) if row["answerable"]]
        found = [Question(r["question"], r["meta"]["file"], tuple(r["meta"]["pages"])) for r in rows]
        return sorted((folder / "pdfs").glob("*.pdf")), found
    folder = ROOT / "examples"
    rows = json.loads((folder / "questions.json").read_text(encoding="utf-8"))
    rows = rows["questions"] if isinstance(rows, dict) else rows
    found = [
        Question(r["question"], r["file"], (r["page"],)) for r in rows if r.get("page") and r["file"].endswith("pdf")
    ]
    return sorted((folder / "documents").glob("*.pdf")), found


class Ours:
    """Lastro."""

    def __init__(self, paths: Sequence[Path]) -> None:
        import lastro

        self.paths, self.open = paths, lastro.open_library

    def ingest(self, folder: Path) -> Any:
        """A library in `folder` with every PDF added."""
        library = self.open(folder)
        library.add(self.paths)
        return library

    @staticmethod
    def found(store: Any, question: str) -> list[tuple[str, int]]:
        """File and page of the top passages; a passage over two pages counts for its first only."""
        files = {document.id: Path(document.sources[0]).name for document in store.documents()}
        return [(files[passage.document_id], passage.page_start) for passage in store.search(question, k=K)]


class Peer:
    """The tutorial's pipeline."""

    def __init__(self, paths: Sequence[Path]) -> None:
        from langchain_huggingface import HuggingFaceEmbeddings

        from lastro.llm.models import find_embedder

        _, model = find_embedder("all-minilm-l6-v2")
        self.paths = paths
        self.embeddings = HuggingFaceEmbeddings(model_name=str(model))

    def ingest(self, folder: Path) -> Any:
        """A Chroma store in `folder` with every PDF added."""
        from langchain_chroma import Chroma
        from langchain_community.document_loaders import PyPDFLoader
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        pages = [page for path in self.paths for page in PyPDFLoader(str(path)).load()]
        chunks = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=200).split_documents(pages)
        return Chroma.from_documents(chunks, self.embeddings, persist_directory=str(folder))

    @staticmethod
    def found(store: Any, question: str) -> list[tuple[str, int]]:
        """File and 1-based page of the top chunks."""
        hits = store.similarity_search(question, k=K)
        return [(Path(hit.metadata["source"]).name, int(hit.metadata["page"]) + 1) for hit in hits]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds that `work` took, and what it returned."""
    began = time.perf_counter()
    value = work()
    return time.perf_counter() - began, value


def hit_rate(store: Any, pipeline: Any, asked: Sequence[Question]) -> float:
    """Share of questions whose file and page are among the top passages."""
    hits = 0
    for question in asked:
        found = pipeline.found(store, question.text)
        hits += any((question.file, page) in found for page in question.pages)
    return hits / len(asked)


def measure_ingest(ours: Ours, peer: Peer, repeats: int, folder: Path) -> tuple[list[float], list[float], Any, Any]:
    """Seconds of each ingest, taken in turn, and the last two stores."""
    seconds: tuple[list[float], list[float]] = ([], [])
    stores: list[Any] = [None, None]
    for repeat in range(repeats):
        for side, pipeline in enumerate((ours, peer)):
            took, stores[side] = timed(lambda p=pipeline, s=side, r=repeat: p.ingest(folder / f"{s}-{r}"))  # type: ignore[misc]
            seconds[side].append(took)
    return *seconds, *stores


def measure_model(library: Any, asked: Sequence[Question], repeats: int) -> dict[str, list[float]]:
    """Seconds to the first token and tokens per second of both models over the same prompts, in turn."""
    from lastro.chains.budget import Layout, pack
    from lastro.chains.history import Conversation
    from lastro.llm.chat import ChatLlama

    ours = ChatLlama(temperature=0.0, max_tokens=64, context_window=4096)
    ours.preload()
    peer = tuned_peer(context=4096, max_tokens=64)
    found: dict[str, list[float]] = {"ttft": [], "ttft_peer": [], "speed": [], "speed_peer": []}
    for repeat in range(repeats + 1):
        question = asked[repeat % len(asked)].text
        passages = library.search(question, k=4)
        messages = list(pack(Conversation(question), passages, llm=ours, layout=Layout("en", "0f0f")).messages)
        pair = [("", ours), ("_peer", peer)]
        for name, llm in pair if repeat % 2 else pair[::-1]:
            first, speed = stream_once(llm, messages)
            if repeat:  # the first round warms both
                found[f"ttft{name}"].append(first)
                found[f"speed{name}"].append(speed)
    return found


def tuned_peer(*, context: int, max_tokens: int) -> Any:
    """ChatLlamaCpp with the same model, threads and greedy sampling, and without its slow or wrong defaults."""
    import llama_cpp.llama_cpp as binding
    from langchain_community.chat_models import ChatLlamaCpp

    from lastro.llm.hardware import physical_cores
    from lastro.llm.models import find_chat_model
    from lastro.llm.probe import special_layouts_work

    path = find_chat_model("smollm2-135m")
    if not special_layouts_work(path):
        # On this machine the build's AMX layouts crash any program that loads the model: the peer goes without, too.
        default = binding.llama_model_default_params

        def plain() -> Any:
            params = default()
            params.use_extra_bufts = False
            return params

        binding.llama_model_default_params = plain
    return ChatLlamaCpp(
        model_path=str(path), n_ctx=context, n_batch=512, n_threads=physical_cores(), temperature=0.0,
        max_tokens=max_tokens, rope_freq_base=0.0, repeat_penalty=1.0, verbose=False,
    )  # fmt: skip


def stream_once(llm: Any, messages: list[Any]) -> tuple[float, float]:
    """Seconds to the first token, then tokens per second after it."""
    began = time.perf_counter()
    first, count = 0.0, 0
    for chunk in llm.stream(messages):
        if chunk.text:
            first = first or time.perf_counter() - began
            count += 1
    return first, (count - 1) / max(time.perf_counter() - began - first, 1e-9)


def main() -> None:
    """Run, print the table and the figures."""
    options = report.arguments(__doc__ or "")
    paths, asked = questions(options.data)
    asked = asked[: 20 if options.quick else 350]
    repeats = 2 if options.quick else 5
    ours, peer = Ours(paths), Peer(paths)
    folder = Path(tempfile.mkdtemp(prefix="lastro-baseline-"))
    try:
        ours.ingest(folder / "warm-0")
        peer.ingest(folder / "warm-1")
        seconds, seconds_peer, library, store = measure_ingest(ours, peer, repeats, folder)
        hit5 = hit_rate(library, ours, asked)
        hit5_peer = hit_rate(store, peer, asked)
        model = measure_model(library, asked, repeats)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{report.machine()}; {len(paths)} PDFs, {len(asked)} questions, {repeats} repeats\n")
    report.table(
        ("figure", "Lastro", "tutorial pipeline"),
        [
            ("ingest, seconds", report.spread(seconds), report.spread(seconds_peer)),
            (f"file and page in the top {K}", f"{hit5:.3f}", f"{hit5_peer:.3f}"),
            ("seconds to first token", report.spread(model["ttft"]), report.spread(model["ttft_peer"])),
            ("tokens per second", report.spread(model["speed"]), report.spread(model["speed_peer"])),
        ],
    )
    report.last_line(
        {
            "ingest_ratio": round(report.ratio(seconds_peer, seconds), 3),  # rates: ours / peer
            "hit5": round(hit5, 4),
            "hit5_peer": round(hit5_peer, 4),
            "ttft_ratio": round(report.ratio(model["ttft"], model["ttft_peer"]), 3),
            "tokens_per_s_ratio": round(report.ratio(model["speed"], model["speed_peer"]), 3),
        }
    )


if __name__ == "__main__":
    main()
