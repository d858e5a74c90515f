"""Ask your own documents from Python.

Run `python examples/ask_library.py ["a question" [FILE ...]]`.
"""

import sys
from pathlib import Path

import lastro

HERE = Path(__file__).parent


def main() -> None:
    """Add documents to the library "examples" and answer one question from them."""
    question = sys.argv[1] if len(sys.argv) > 1 else "Who is the building manager?"
    sources = sys.argv[2:] or [HERE / "documents"]

    settings = lastro.load_settings(retrieval={"k": 3})
    with lastro.open_library("examples", settings=settings) as library:
        for result in library.add(sources).results:
            print(f"{result.state:<8} {result.source} {result.reason}")

        answer = lastro.answer_chain(library, settings=settings).invoke(question)

        print(f"\n{question}\n{answer.text}  ({answer.state})\n")
        for number, citation in enumerate(answer.citations, start=1):
            page = f", page {citation.page}" if citation.page else ""
            print(f"[{number}] {citation.title}{page}: “{citation.quote}”")
            # A citation is not a paraphrase: it can be found in the document, character by character.
            assert library.text(citation.document_id)[citation.start : citation.end] == citation.quote


if __name__ == "__main__":
    main()
