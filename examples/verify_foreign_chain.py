"""Put Lastro's verifier behind a chain that is not Lastro's: LangChain's own retrieval chain over its own vector store.

Run `python examples/verify_foreign_chain.py ["a question"]`; it wants `pip install "lastro[community]"`.
"""

import sys

from langchain_classic.chains import create_retrieval_chain
from langchain_classic.chains.combine_documents import create_stuff_documents_chain
from langchain_core.documents import Document
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.vectorstores import InMemoryVectorStore

import lastro
from lastro.chains.annotations import as_message

DOCUMENTS = [
    Document("The boiler was serviced on 3 March 2025. Its filter was replaced.", metadata={"source": "boiler.txt"}),
    Document("The roof over the east wing was painted in 2024.", metadata={"source": "roof.pdf", "page": 1}),
    Document("The garden is watered twice a week from May to September.", metadata={"source": "garden.txt"}),
]
PROMPT = ChatPromptTemplate.from_messages(
    [("system", "Answer in one short sentence, from these notes only.\n\n{context}"), ("human", "{input}")]
)


def main() -> None:
    """Answer one question with their chain, and check what it says with our verifier."""
    question = sys.argv[1] if len(sys.argv) > 1 else "When was the boiler serviced?"
    embedder = lastro.LocalEmbeddings("all-minilm-l6-v2")
    llm = lastro.ChatLlama(model="smollm2-135m", temperature=0.0, max_tokens=48)  # any LangChain chat model

    retriever = InMemoryVectorStore.from_documents(DOCUMENTS, embedder).as_retriever(search_kwargs={"k": 2})
    theirs = create_retrieval_chain(retriever, create_stuff_documents_chain(llm, PROMPT))

    answer = (theirs | lastro.Verifier(embedder=embedder)).invoke({"input": question})

    print(f"{question}\n\ntheir chain: {answer.generated}\nchecked:     {answer.text}  ({answer.state})\n")
    texts = {passage.document_id: passage.text for passage in answer.passages}
    for sentence in answer.sentences:
        print(f"{sentence.state}: {sentence.text}")
        for index in sentence.citations:
            citation = answer.citations[index]
            page = f", page {citation.page}" if citation.page else ""
            print(f"  [{index + 1}] {citation.title}{page}: “{citation.quote}”")
            assert texts[citation.document_id][citation.start : citation.end] == citation.quote

    # The same check of a text that came from anywhere, and the result as a LangChain message with annotations.
    said = "The boiler was serviced on 3 March 2025. The roof was painted in 1924."
    message = as_message(lastro.verify(said, DOCUMENTS, embedder=embedder))
    print(f"\nwritten by hand: {message.text}")
    for annotation in message.content_blocks[0].get("annotations", []):
        print(f"  {annotation['start_index']}-{annotation['end_index']}: “{annotation['cited_text']}”")


if __name__ == "__main__":
    main()
