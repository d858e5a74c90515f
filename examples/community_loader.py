"""Add what a langchain-community loader reads: here the rows of a CSV file, one document each.

Run `python examples/community_loader.py`; it wants `pip install "lastro[community]"`.
"""

from pathlib import Path

from langchain_community.document_loaders import CSVLoader

import lastro

TABLE = Path(__file__).parent / "sources" / "coffee-lots.csv"


def main() -> None:
    """Add the table's rows to the library "lots" and search them."""
    loader = CSVLoader(file_path=TABLE, source_column="lot", encoding="utf-8")
    with lastro.open_library("lots") as library:
        report = library.add(loader)
        print(f"{report.count('ok')} rows added")
        for passage in library.search("Which farm is in Piatã?", k=2):
            print(f"\n{passage.rank}. {passage.title}\n{passage.text}")


if __name__ == "__main__":
    main()
