"""Opens a doubtful index in a process of its own, which its damage may kill: `python -m lastro.vectorstore.probe`.

Arguments: the generation's folder, `library.sqlite`, and the watermark. Prints "ok" where the index gives back what
the catalogue says is in it; anything else, or no end at all, means that it must be built anew.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lastro.vectorstore.catalog import Catalog
from lastro.vectorstore.generation import COLLECTION, holds, open_client


def main(folder: Path, database: Path, watermark: int) -> int:
    """Print "ok" and return 0, or return 1."""
    client = open_client(folder)
    collection = client.get_collection(COLLECTION, embedding_function=None)
    catalog = Catalog(database)
    sound = holds(catalog, collection, watermark, thorough=True)
    catalog.close()
    sys.stdout.write("ok\n" if sound else "damaged\n")
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
