"""The page: ask documents, watch the answer being written, look at its sources."""
