"""The demonstration of `make demo`: add the sample documents, ask in English and in Portuguese, prove the quotes.

Run `python examples/demo.py [FOLDER]`; FOLDER is its LASTRO_HOME, `.demo` of the checkout unless given. The last line
of stdout is one JSON object, and the exit code is 1 where an answer or a quotation did not stand.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lastro.chains.answer import AnswerChain
    from lastro.types import Answer, Citation
    from lastro.vectorstore.library import Library

HERE = Path(__file__).parent


def demo_questions() -> list[str]:
    """The questions that `questions.json` marks for the demonstration."""
    rows = json.loads((HERE / "questions.json").read_text(encoding="utf-8"))
    return [row["question"] for row in rows if row.get("demo")]


def add_documents(library: Library) -> None:
    """Add the samples, with progress."""
    from lastro.console import print_report
    from lastro.progress import AddProgress

    print("Adding the documents of examples/documents ...", flush=True)
    with AddProgress() as progress:
        print_report(library.add([HERE / "documents"], on_event=progress))


def ask(chain: AnswerChain, question: str) -> Answer:
    """Ask one question, show the words as they come, then the checked answer with its citations."""
    from lastro.console import print_usage
    from lastro.events import Checked, Token
    from lastro.progress import Draft
    from lastro.telling import print_answer

    print(f"\n── {question}", flush=True)
    draft = Draft()
    for event in chain.events(question):
        if isinstance(event, Token):
            draft.write(event.text)
        elif isinstance(event, Checked):
            draft.end()
            print_answer(event.answer)
            sys.stdout.flush()
            print_usage(event.answer.usage)
            return event.answer
    raise RuntimeError("the chain ended without an answer")


def is_exact(library: Library, citation: Citation) -> bool:
    """Whether the document really says, at that place, what the citation quotes."""
    return library.text(citation.document_id)[citation.start : citation.end] == citation.quote


def main() -> int:
    """Run the demonstration and return its exit code."""
    home = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / ".demo"
    os.environ["LASTRO_HOME"] = str(home.resolve())
    import lastro

    begun, questions = time.perf_counter(), demo_questions()
    settings = lastro.load_settings(retrieval={"k": 3}, llm={"max_tokens": 96})  # quick, even without a GPU
    with lastro.open_library("demo", settings=settings) as library:
        add_documents(library)
        chain = lastro.answer_chain(library, settings=settings)
        answers = [ask(chain, question) for question in questions]
        citations = [citation for answer in answers for citation in answer.citations]
        exact = bool(citations) and all(is_exact(library, citation) for citation in citations)
    answered = [answer for answer in answers if answer.state != "not_found" and answer.citations]

    print(f"\n{time.perf_counter() - begun:.1f} s in all. Each quotation was compared with the text of its document.")
    print("Go on:")
    print("  make app                                 the page, with documents of your own: http://127.0.0.1:8501")
    print(f"  LASTRO_HOME={home} .venv/bin/lastro --library demo app    the page, with these samples")
    print('  .venv/bin/lastro add FILE_OR_FOLDER      then  .venv/bin/lastro ask "your question"')
    summary = {
        "answers": len(answered),
        "citations": len(citations),
        "exact_quotes": exact,
        "languages": sorted({answer.language for answer in answered}),
    }
    print(json.dumps(summary))
    return 0 if exact and len(answered) == len(questions) else 1


if __name__ == "__main__":
    sys.exit(main())
