"""Words that turn, hedge, limit or attribute a statement, in Portuguese and English; folded, as data."""

from __future__ import annotations

import re


def words(text: str) -> frozenset[str]:
    """A set of words from one line."""
    return frozenset(text.split())


# Every inflection is spelled out: a stem would join words that do not turn a statement ("denied", "deny").
_NEGATIVES_EN = words(
    "not no nor never neither none nobody nothing cannot refuse refuses impossible absent waived waives missing "
    "invalid void lack lacking fail prevents prevented "
    "declined opposed rejects denies excluding disallowed unlawful illegal ineligible prohibited "
    "prohibits forbidden forbids banned refused "
    "denied dismissed rejected excluded excludes exempt exempted free unable fails failed lacks unlikely premature "
    "thrown"
)
_NEGATIVES_PT = words(
    "nao nunca jamais nem nenhum nenhuma ninguem nada tampouco vedado vedada vedados vedadas proibido "
    "proibida proibidos proibidas rejeitado rejeitada negado negada recusado recusada excluido excluida excluidos "
    "excluidas isento isenta isentos isentas dispensado dispensada contraindicado contraindicada gratuito gratuita "
    "gratuitos gratuitas gratis improvavel impossivel retirado retirada deixou deixar"
)
NEGATIVES = {"en": _NEGATIVES_EN, "pt": _NEGATIVES_PT}  # apart: "no" is Portuguese for "in the"
NOT_TURNING = re.compile(
    r"\bnot only\b|\bnot just\b|\bnao so\b|\bnao apenas\b|\bno more than\b|\bno less than\b|\bno fewer than\b|"
    r"\bnot more than\b|\bnot less than\b|\bnao mais de\b|\bnao menos de\b|\bno later than\b|\bnot later than\b|"
    r"\bfree to\b|\bhardly any\b|\balmost no\w*\b|\bquase (?:nenhum\w*|sem|nao|nada)\b|\bwhether or not\b|"
    r"\bnot? rule out\b|\ba nao ser\b|\bnao deixara? de\b|"
    r"\brather than\b|\bnao foi so\b|\bnao ultrapass\w+|\bnunca pode ultrapass\w+|\bnao pode exceder\b|"
    r"\bnao deve passar d\w+|\bnot exceed\b|\bnao podem? receber mais\b"
)


def _english(roots: str) -> frozenset[str]:
    """Verbs with their endings: "argue" gives argues, argued, arguing; irregular forms are listed apart."""
    found = set[str]()
    for root in roots.split():
        bare = root.removesuffix("e")
        found |= {root, f"{bare}{'ies' if root.endswith('y') else 'es'}", f"{root}s", f"{bare}ed", f"{bare}ing"}
        if root.endswith("y"):
            found |= {f"{root[:-1]}ies", f"{root[:-1]}ied"}
    return frozenset(found)


def _portuguese(roots: str) -> frozenset[str]:
    """Verbs in -ar by their root: "aleg" gives alega, alegam, alegou, alegaram, alegado and so on."""
    ends = "a am ou aram ava avam ando aria ariam ado ada ados adas".split()
    return frozenset(f"{root}{end}" for root in roots.split() for end in ends)


# Whoever says so stands before the word ("she alleges that") or after it ("segundo ela").
ATTRIBUTING = (
    _english(
        "allege argue believe maintain contend assert suggest suspect warn consider blame estimate expect insist opine "
        "predict speculate assume suppose presume complain accuse fear doubt imagine advocate hope deny "
        "criticise criticize recommend promise hypothesise hypothesize conjecture attribute"
    )
    | words(
        "claimed says said saying thinks thought feels felt supposedly reportedly allegedly apparently rumoured "
        "presumably probably possibly perhaps might announced predicted believes promised suggests calls called"
    )
    | _portuguese(
        "aleg argument afirm relat acredit declar calcul estim consider inform assegur ressalt destac "
        "ressalv neg contest "
        "reclam critic acus culp julg pens esper avali opin recomend sustent rebat apont observ especul imagin coment "
        "anunci cogit justific"
    )
    | words(
        "sustenta sustem defende defendem defendeu sugere sugerem sugeriu sugeriram diz dizem disse disseram entende "
        "entendem entendeu entender supoe supoem garante garantem garantiu promete prometeu preve preveem previu teme "
        "temem admite admitem admitiu propoe propoem propos atribui atribuem atribuiu conclui suposto "
        "suposta cre creem "
        "supostamente possivelmente provavelmente talvez teria teriam fala falam insiste insistem insistiu adverte "
        "advertem advertiu opiniao view opinion ve veem"
    )
) - words(
    "called apontado apontada calls consideration avaliado avaliada avaliados estimado negado negada culpado culpada"
)
SOURCING = re.compile(
    r"\b(?:according to|in the (?:view|opinion|words) of|in \S+ view|segundo(?= (?:o|a|os|as|ele|ela|eles|elas)\b)|"
    r"(?<=\A)segundo|(?<=[.;,] )segundo|conforme|de acordo com|para [ao]s? (?:autor\w*|pesquisador\w*|"
    r"oposicao|critic\w*|re|reu|defesa)|na (?:opiniao|visao|avaliacao) d\w+|nas contas d\w+|"
    r"nas palavras d\w+|no entender d\w+)\b"
)
# The claim may say in other words that somebody else says it.
ALSO_ATTRIBUTING = re.compile(
    r"\b(?:view|opinion|eyes|put\w* .{0,60} down to|attribut\w+|atribu\w+|opiniao|visao|contas|palavras|fala|versao|"
    r"version|allegation\w*|claim\w*|teoria|hipotese|acha\w*|ressalv\w+|adverti\w+|propo\w+|tese)\b"
)
CONDITIONS = re.compile(
    r"\b(?:unless|except(?:ing)?(?: for| that| to)?|excluding|apart from|other than|save (?:in|for|that|where)|"
    r"if|provided(?: that)?|as long as|so long as|on condition that|only (?:if|when|where|after)|subject to|"
    r"in case of|in the event of|when(?! did| does)|until(?! \d)|without|with the exception of|barring|"
    r"weather permitting|otherwise|"
    r"salvo|exceto|excetuad\w+|a nao ser|a menos que|desde que|contanto que|com excecao d\w+|ressalvad\w+|"
    r"(?<=\A)after|(?<=\. )after|(?<=\A)once|(?<=\A)depois d\w+|(?<=\A)apos|"
    r"only|so|apenas|somente|exclusivamente|exclusively|on (?:written )?request|by appointment|upon|on condition|"
    r"with (?:the |an? )?(?:prior |written |previous )*(?:consent|permission|approval|authori[sz]ation|"
    r"permit|prescription)|"
    r"com (?:a |o )?(?:previa |devida )?(?:autorizacao|prescricao|aviso|anuencia|consentimento|permissao|aprovacao)|"
    r"a pedido|quando|contra apresentacao|se(?= (?:a|o|as|os|for|houver|nao|ao|ele|ela|comunicar|estiver|"
    r"contratada|nem))|caso|"
    r"em caso d\w+|na hipotese|enquanto|mediante|sem|apenas para|so para|somente para|before removing)\b"
)
# Equivalents that only a claim is likely to use.
ALSO_CONDITIONS = re.compile(
    r"\b(?:only|just|merely|so|somente|apenas|unless|except|exempt\w*|anyone|whoever|those who|who|quem|onde|where|"
    r"whenever|after|once|depois|isent\w+|menos (?:os|as|o|a)|precisa\w*|needs?|requires?|required|exige\w*|"
    r"quando|when|permit holders|first|antes|not extend|with|com|para (?:um|uma))\b"
)
EXEMPTING = re.compile(
    r"\b(?:are|is|ficam?|estao|esta)\s+(?:exempt|isent\w+)\b|\b(?:does|do|shall) not apply\b|\bnao se aplica\w*\b"
)
ALL = re.compile(
    r"\b(?:all|every|everyone|everybody|everything|everywhere|each|any kind|whole|entire|always|"
    r"(?<!hardly )(?<!not )(?<!at )any(?! time)|"
    r"tod[oa]s?|cada|qualquer|sempre|integral\w*|unanim\w+|inteir[oa])\b"
)
SOME = re.compile(
    r"\b(?:some|several|most|part of|partly|many|few|almost|only|"
    r"algum(?:as?)?|alguns|parte|maioria|varios|varias|muitos|quase|dos quais|delas|deles|apenas|so|somente|"
    r"exclusivamente)\b"
)
PARTIES = tuple(
    (words(one), words(other))
    for one, other in (
        ("landlord lessor locador locadora", "tenant lessee locatario locataria inquilino inquilina"),
        ("owner proprietario proprietaria", "hirer guest hospede"),
        ("lender credor credora mutuante", "borrower devedor devedora mutuario"),
        ("seller vendor vendedor vendedora", "buyer purchaser comprador compradora"),
        ("licensor licenciante", "licensee licenciado licenciada"),
        ("claimant plaintiff autor autora requerente", "defendant respondent reu re requerido requerida"),
        ("provider supplier contractor fornecedor fornecedora prestador prestadora fabricante", "client customer "
         "consumidor consumidora cliente contratante"),
        ("employer empregador empregadora empresa", "employee empregado empregada funcionario"),
        ("discloser", "recipient"),
        ("winner vencedor vencedora", "loser perdedor perdedora"),
        ("parent parents mother father pai mae pais", "child children son daughter filho filha filhos"),
        ("host anfitriao", "visitor visitante visitantes"),
        ("donor doador doadora doadores", "donee donatario"),
        ("franchisor franqueador franqueadora", "franchisee franqueado franqueada"),
        ("sender remetente", "addressee destinatario"),
        ("appellant recorrente apelante", "appellee recorrido apelado"),
        ("principal mandante", "agent mandatario"),
        ("carrier transportadora transportador", "passenger passageiro passageira"),
        ("manager gerente supervisor chefe", "staff equipe trabalhador trabalhadores"),
        ("teacher professor professora", "pupil student aluno aluna estudante"),
        ("doctor physician medico medica", "patient paciente"),
        ("insurer seguradora", "insured segurado segurada"),
    )
)  # fmt: skip
# Words that say how, not what: they carry no weight of a claim.
EMPTY = words(
    "unless except according least most minimum maximum alleges says said document states stated documento afirma "
    "diz segundo conforme minimo maximo pelo menos salvo exceto desde caso via etc mere merely also tambem already ja "
    "get gets got put let may must shall haver ha houve havia fazer faz feito feita fica ficam ser"
)
PRONOUNS = words(
    "he she it they his her its their there this these those we our ele ela eles elas seu sua seus suas isso este esta "
    "estes estas esse essa"
)
