"""Files that a batch may hold."""

import io

from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas


def a_pdf(*pages: str, password: str | None = None) -> bytes:
    """A PDF with one line of text a page; an empty line leaves the page blank."""
    buffer = io.BytesIO()
    lock = None if password is None else StandardEncryption(password, ownerPassword="owner", strength=128)
    canvas = Canvas(buffer, encrypt=lock, invariant=1)
    for text in pages:
        if text:
            canvas.drawString(72, 720, text)
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()
