"""Storing and finding: the catalogue, the keyword and Chroma indexes, the embedder, and the library over them."""
