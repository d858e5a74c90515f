"""Build your own LangChain chain from Lastro's parts: its retriever and its chat model are LangChain's own types.

Run `python examples/own_chain.py ["a question"]`.
"""

import sys
from pathlib import Path

from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough

import lastro
from lastro.llm.chat import ChatLlama

HERE = Path(__file__).parent
PROMPT = ChatPromptTemplate.from_messages(
    [
        ("system", "Answer in one short sentence, from these notes only.\n\n{notes}"),
        ("human", "{question}"),
    ]
)


def as_notes(documents: list[Document]) -> str:
    """The passages as one text for the prompt."""
    return "\n\n".join(document.page_content for document in documents)


def main() -> None:
    """Answer one question by a chain written here, and stream it."""
    question = sys.argv[1] if len(sys.argv) > 1 else "What does the error code E04 mean?"
    with lastro.open_library("examples") as library:
        library.add([HERE / "documents"])
        retriever = library.as_retriever(k=2)
        llm = ChatLlama(model="smollm2-135m", temperature=0.0, max_tokens=96)
        chain = {"notes": retriever | as_notes, "question": RunnablePassthrough()} | PROMPT | llm | StrOutputParser()

        for passage in retriever.invoke(question):
            print(f"- {passage.metadata['title']}, chunk {passage.metadata['chunk_id'][:8]}")
        print(f"\n{question}")
        for text in chain.stream(question):
            print(text, end="", flush=True)
        print()


if __name__ == "__main__":
    main()
