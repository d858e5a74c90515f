"""Passages for the tests of chains."""

from __future__ import annotations

from lastro.types import Passage

LEASE = (
    "The lease begins on 1 June 2024 and ends on 31 May 2027. The monthly rent is USD 4,250.00, due on the fifth day "
    "of each month. A late fee of 5% applies after ten days. The tenant may not sublet the premises without the "
    "landlord's written consent. The tenant alleges that the roof was already leaking."
)
CONTRATO = (
    "O valor mensal dos serviços é de R$ 1.234,56, pago até o dia 10 de cada mês. O contrato vigora até 3/4/2026. "
    "Não é devida multa em caso de rescisão por força maior. A multa por atraso é de 2%, salvo se houver acordo."
)


def passage(text: str = LEASE, *, rank: int = 1, start: int = 100, page: int | None = 3, **fields: object) -> Passage:
    """A passage that stands at character `start` of its document."""
    values: dict[str, object] = {
        "chunk_id": f"chunk-{rank}",
        "document_id": f"doc-{rank}",
        "title": "Lease",
        "text": text,
        "start": start,
        "end": start + len(text),
        "page_start": page,
        "page_end": page,
        "section": "",
        "rank": rank,
        "score": 1.0,
        "language": "en",
    }
    return Passage(**{**values, **fields})  # type: ignore[arg-type]
