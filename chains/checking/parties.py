"""The two sides of contracts, disputes and offices: words of one line are the same side, whichever the language."""

from __future__ import annotations

from functools import lru_cache

_PAIRS = (
    ("landlord lessor locador locadora senhorio senhoria", "tenant lessee locatario locataria inquilino inquilina"),
    ("owner proprietario proprietaria", "hirer guest hospede renter"),
    ("lender credor credora mutuante creditor", "borrower devedor devedora mutuario mutuaria debtor"),
    ("seller vendor vendedor vendedora", "buyer purchaser comprador compradora adquirente"),
    ("licensor licenciante", "licensee licenciado licenciada"),
    ("claimant plaintiff autor autora requerente petitioner", "defendant respondent reu re requerido requerida"),
    ("provider supplier contractor fornecedor fornecedora prestador prestadora fabricante contratada contratado",
     "client customer consumidor consumidora cliente contratante"),
    ("employer empregador empregadora", "employee empregado empregada funcionario funcionaria"),
    ("discloser", "recipient"),
    ("winner vencedor vencedora", "loser perdedor perdedora"),
    ("parent parents pai mae pais", "child children filho filha filhos"),
    ("host anfitriao", "visitor visitors visitante visitantes"),
    ("donor doador doadora", "donee donatario donataria"),
    ("franchisor franqueador franqueadora", "franchisee franqueado franqueada"),
    ("sender remetente", "addressee destinatario destinataria consignee"),
    ("appellant recorrente apelante", "appellee recorrido recorrida apelado apelada"),
    ("principal mandante outorgante", "agent mandatario outorgado"),
    ("carrier transportadora transportador", "passenger passageiro passageira"),
    ("manager gerente supervisor chefe", "staff subordinate equipe subordinado"),
    ("teacher teachers professor professora professores", "pupil pupils student students aluno aluna alunos"),
    ("doctor physician medico medica", "patient patients paciente pacientes"),
    ("insurer seguradora", "insured policyholder segurado segurada"),
    ("assignor cedente", "assignee cessionario cessionaria"),
    ("trainer instructor instrutor instrutora", "trainee apprentice estagiario estagiaria aprendiz"),
    ("guarantor fiador fiadora", "obligor afiancado"),
    ("director diretor diretora", "secretary secretario secretaria"),
    ("administrator administrators administrador administradores", "operator operators operador operadores"),
    ("company companies empresa", "worker workers trabalhador trabalhadora trabalhadores"),
    ("applicant candidate candidato candidata", "examiner examinador banca"),
)  # fmt: skip


@lru_cache(maxsize=1)
def _sides() -> dict[str, tuple[int, int]]:
    return {word: (at, side) for at, pair in enumerate(_PAIRS) for side in (0, 1) for word in pair[side].split()}


def party_of(word: str) -> tuple[int, int] | None:
    """The pair that a folded word belongs to and its side of it; None for other words.

    >>> party_of("tenant"), party_of("locatario"), party_of("roof")
    ((0, 1), (0, 1), None)
    """
    return _sides().get(word) or _sides().get(word.removesuffix("s"))
