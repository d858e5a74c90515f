"""Use a library as a LangChain vector store: bring your own documents with metadata, search, filter and delete.

Run `python examples/vector_store.py`.
"""

from langchain_core.documents import Document

import lastro

NOTES = [
    Document("The boiler was serviced and its filter replaced.", id="n1", metadata={"year": 2023, "author": "Ana"}),
    Document("The boiler leaks at the lower valve.", id="n2", metadata={"year": 2024, "author": "Rui"}),
    Document("The roof over the east wing was painted.", id="n3", metadata={"year": 2024, "author": "Ana"}),
]


def main() -> None:
    """Add three notes, and ask for them in several ways."""
    with lastro.open_library("notes") as library:
        store = library.as_vectorstore()
        store.add_documents(NOTES)  # a second run adds nothing: unchanged documents are known by their ids

        print("most similar:")
        for document, cosine in store.similarity_search_with_score("boiler problems", k=2):
            print(f"  {document.id} {cosine:.2f} {document.page_content}")

        recent = {"year": {"$gte": 2024}, "author": {"$ne": "Rui"}}
        (found,) = store.similarity_search("boiler problems", k=3, filter=recent)
        print(f"since 2024, not by Rui: {found.id} {found.metadata}")

        retriever = store.as_retriever(search_type="mmr", search_kwargs={"k": 2})
        print(f"unlike each other: {[document.id for document in retriever.invoke('boiler')]}")

        # The same documents answer questions, with citations, as any other document of the library does.
        best = library.search("Which valve leaks?", k=1)[0]
        print(f"passage: {best.text} ({best.title})")

        store.delete(["n1", "n2", "n3"])
        print(f"left: {len(library.documents())}")


if __name__ == "__main__":
    main()
