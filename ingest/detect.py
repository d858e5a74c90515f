"""What a file is, by its content; the name only tells one kind of text from another."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from pathlib import PurePath

from lastro.errors import CorruptFile, EncryptedFile, FileTooLarge, UnsupportedFormat
from lastro.ingest.decode import decode, is_binary

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODT = "application/vnd.oasis.opendocument.text"
ODS = "application/vnd.oasis.opendocument.spreadsheet"
ODP = "application/vnd.oasis.opendocument.presentation"
EPUB = "application/epub+zip"
DOC, XLS, PPT = "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"
MSG = "application/vnd.ms-outlook"
RTF = "application/rtf"
EML = "message/rfc822"
HTML = "text/html"
MARKDOWN = "text/markdown"
CSV = "text/csv"
TSV = "text/tab-separated-values"
TEXT = "text/plain"

TEXT_KINDS = frozenset({EML, HTML, MARKDOWN, CSV, TSV, TEXT})
BY_EXTENSION = {
    ".pdf": PDF, ".docx": DOCX, ".docm": DOCX, ".dotx": DOCX, ".pptx": PPTX, ".pptm": PPTX, ".ppsx": PPTX,
    ".xlsx": XLSX, ".xlsm": XLSX, ".odt": ODT, ".ods": ODS, ".odp": ODP, ".epub": EPUB, ".doc": DOC, ".xls": XLS,
    ".ppt": PPT, ".msg": MSG, ".rtf": RTF, ".eml": EML, ".html": HTML, ".htm": HTML, ".xhtml": HTML,
    ".md": MARKDOWN, ".markdown": MARKDOWN, ".mdown": MARKDOWN, ".csv": CSV, ".tsv": TSV, ".txt": TEXT,
    ".text": TEXT, ".log": TEXT, ".rst": TEXT, ".org": TEXT, ".tex": TEXT, ".adoc": TEXT, ".srt": TEXT, ".vtt": TEXT,
    ".json": TEXT, ".jsonl": TEXT, ".yaml": TEXT, ".yml": TEXT, ".xml": TEXT,
}  # fmt: skip

_PARTS = (("word/", DOCX), ("ppt/", PPTX), ("xl/", XLSX))
_ZIP_MIMES = frozenset({ODT, ODS, ODP, EPUB})
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_STREAMS = (
    ("EncryptedPackage", ""),
    ("WordDocument", DOC),
    ("PowerPoint Document", PPT),
    ("Workbook", XLS),
    ("__substg1.0_", MSG),
)
_REFUSED = (
    # Whole headers: their first letters alone may also begin a text.
    (rb"\x89PNG", "a PNG image"), (rb"\xff\xd8\xff", "a JPEG image"), (rb"GIF8[79]a.{4}[\x80-\xff]", "a GIF image"),
    (rb"II\*\x00|MM\x00\*", "a TIFF image"), (rb"RIFF.{4}(?:WAVE|AVI |WEBP)", "audio, video or a WebP image"),
    (rb"\x1f\x8b", "a gzip archive"), (rb"7z\xbc\xaf", "a 7z archive"), (rb"Rar!\x1a\x07", "a RAR archive"),
    (rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)", "a bzip2 archive"), (rb"\xfd7zXZ", "an xz archive"),
    (rb"\x7fELF|MZ\x90", "a program"), (rb"SQLite format 3\x00", "a SQLite database"),
    (rb"OggS\x00|ID3[\x02-\x04]", "audio"), (rb"\x00\x00\x00.ftyp", "video"),
)  # fmt: skip
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_STRAY = re.compile("[\x00-\x07\x0e-\x1a\x1c-\x1f]")  # controls that no kind of text has a use for
_HTML = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
_MAIL = re.compile(rb"(?:[A-Za-z][A-Za-z0-9-]*:[^\n]*\n(?:[ \t][^\n]*\n)*){3}")
_MAIL_FIELDS = re.compile(rb"^(?:from|to|subject|date|received|message-id|mime-version):", re.I | re.M)
_UNPACKED_BYTES = 100_000_000
_UNPACKED_RATIO = 100


def kind_of(data: bytes, name: str) -> tuple[str, str]:
    """The media type of bytes, and a warning where the name says otherwise (else "").

    Raises:
        UnsupportedFormat: no reader knows this content.
        EncryptedFile, CorruptFile, FileTooLarge: seen without unpacking it.
    """
    named = BY_EXTENSION.get(PurePath(name).suffix.lower())
    found = _container(data) or _text(data, named)
    if named is None or found == named or {found, named} <= TEXT_KINDS:
        return found, ""
    return found, f"named {PurePath(name).suffix}, but its content is {found}; read as that"


def _container(data: bytes) -> str | None:
    if _is_pdf(data):
        return PDF
    if data.startswith(b"PK\x03\x04"):
        return _zip(data)
    if data.startswith(_OLE):
        return _ole(data)
    if data.startswith(b"{\\rtf"):
        return RTF
    for header, what in _REFUSED:
        if re.match(header, data, re.DOTALL):
            raise UnsupportedFormat(f"{what}, which holds no text; convert it to a document with text first")
    return None


def _is_pdf(data: bytes) -> bool:
    """Whether a PDF begins here: at once, or within the first KB behind bytes that are no text that speaks of PDFs."""
    lead, mark, _body = data[:1024].partition(b"%PDF-")
    if not mark or data.startswith(b"PK\x03\x04"):
        return False
    return not lead.strip(b" \t\r\n\x00\xef\xbb\xbf") or _CONTROL.search(lead) is not None or is_binary(data)


def _text(data: bytes, named: str | None) -> str:
    if is_binary(data) or (named is None and _has_stray_controls(data[:65_536])):
        raise UnsupportedFormat(
            "binary content of an unknown type; supported are PDF, Office, OpenDocument, EPUB, e-mail, HTML and text"
        )
    head = data[:65_536].replace(b"\x00", b"")  # UTF-16 seen as ASCII
    if named in (EML, HTML, MARKDOWN, CSV, TSV):
        return named
    if _HTML.match(head.lstrip(b"\xef\xbb\xbf\xff\xfe")):
        return HTML
    if named is None and _MAIL.match(head) and len(_MAIL_FIELDS.findall(head)) >= 3:
        return EML
    return TEXT


def _has_stray_controls(head: bytes) -> bool:
    """Whether bytes whose name promises no text hold what text does not; in UTF-16 every second byte looks so."""
    body = head.rstrip(b"\x1a")  # the end mark of old text files
    return _CONTROL.search(body) is not None and _STRAY.search(decode(body)[0]) is not None


def _zip(data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _zip_kind(archive, len(data))
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, NotImplementedError, EOFError, KeyError) as error:
        raise CorruptFile(f"a damaged zip container ({error}); save or download the file again") from error


def _zip_kind(archive: zipfile.ZipFile, size: int) -> str:
    members = {info.filename: info for info in archive.infolist()}
    unpacked = sum(info.file_size for info in members.values())
    if unpacked > _UNPACKED_BYTES and unpacked > size * _UNPACKED_RATIO:
        raise FileTooLarge(
            f"unpacks from {size} to {unpacked} bytes, over {_UNPACKED_RATIO} times its size; it looks like a zip bomb"
        )
    manifest = members.get("META-INF/manifest.xml")
    sealed = (
        manifest is not None and manifest.file_size < _UNPACKED_BYTES and b"encryption-data" in archive.read(manifest)
    )
    if sealed or any(info.flag_bits & 1 for info in members.values()):
        raise EncryptedFile("encrypted; save a copy without a password and add that")
    declared = members.get("mimetype")
    if declared is not None and declared.file_size < 200:
        mime = archive.read(declared).decode("ascii", errors="replace").strip()
        if mime in _ZIP_MIMES:
            return mime
    for prefix, mime in _PARTS:
        if any(name.startswith(prefix) for name in members):
            return mime
    raise UnsupportedFormat("a zip archive that is no document; unpack it and add the folder")


def _ole(data: bytes) -> str:
    for stream, mime in _OLE_STREAMS:
        if stream.encode("utf-16-le") in data:
            if not mime:
                raise EncryptedFile("encrypted; save a copy without a password and add that")
            return mime
    raise UnsupportedFormat("an OLE container of an unknown kind; save it as DOCX, XLSX, PPTX or PDF")
