"""Files to chunks: discover, parse in a child process, split. Import from the modules; nothing heavy happens here."""

__all__ = [
    "assemble",
    "blocks",
    "decode",
    "detect",
    "markup",
    "parse",
    "pipeline",
    "readers",
    "sources",
    "split",
    "worker",
]
