"""Portuguese words that deny, limit, attribute or count; folded."""

from __future__ import annotations

import re

from lastro.chains.checking import contraries, reporting
from lastro.chains.checking.lexicon import Lexicon, any_of, participles, words

_CONSENT = "autorizacao|prescricao|aviso|anuencia|consentimento|permissao|aprovacao|concordancia|receita"

PORTUGUESE = Lexicon(
    negators=words("nao nunca jamais nem nenhum nenhuma ninguem nada tampouco inexiste inexistem"),
    denying=any_of(["(?:hipotese|forma|modo|maneira|caso|circunstancia) alguma"]),
    negative=participles(
        "vedad proibid rejeitad negad recusad excluid isent dispensad contraindicad gratuit impedid indeferid vetad "
        "desobrigad desaconselhad suspens ilegal"
    )
    | words(
        "proibe proibem veda vedam rejeita rejeitou rejeitaram recusa recusam recusou recusaram nega negou "
        "negaram exclui "
        "excluem excluiu dispensa dispensam dispensou isenta isentam impede impedem impediu veta vetou gratis "
        "graca impossivel "
        "invalido invalida ilegal param parou pararam cessa cessam cessou deixou deixar deixa deixam deixara "
        "inelegivel ausente "
        "carece carecem renuncia renunciou inapto indevido indevida incapaz impedido"
    ),
    without=any_of(
        [
            "sem",
            "quase nenhum",
            "nao(?= \\w+[ai]d[oa]s?\\b)",
            "em vez d[eoa]s?",
            "ao inves d[eoa]s?",
            "livre de",
            "livres de",
        ]
    ),
    not_turning=any_of(
        [
            "nao so",
            "nao apenas",
            "nao somente",
            "nao mais (?:de|do|que)",
            "nao menos (?:de|do|que)",
            "nao ultrapass\\w+",
            "a nao ser",
            "nao deixara? de",
            "nao deixam de",
            "(?:nunca |nao )?(?:pode|podem|deve|devem) (?:ultrapass\\w+|exceder|passar)",
            "nao (?:pode|podem|deve|devem) (?:ultrapass\\w+|exceder|passar|ser (?:superior|inferior|maior|menor))",
            "nao exced\\w+",
            "nao passa\\w* d[eo]",
            "nao falta\\w*",
            "nao impede\\w*",
            "nao foi so",
            "nao ha duvida",
            "nada mais havendo",
            "nem que",
            "se nao",
            "nao (?:seja|sera|e) (?:superior|inferior|maior|menor)",
            "nunca (?:ultrapass\\w+|exced\\w+)",
            "so nao",
            "nao obstante",
            "sem (?:prejuizo|duvida)",
            "nada alem",
            "nunca pode ultrapass\\w+",
        ]
    ),
    parts=re.compile(
        r"[;()\n–—]|[.!?](?=\s|$)|,\s+(?=(?:mas|enquanto|embora|porem|contudo|todavia|e|ou|nem|nao|ja|sendo|que|"
        r"quem|cujo|cuja|"
        r"onde|porque|pois|se|salvo|exceto|desde|ao passo|caso|quando|sem|com|hipotese|quando)\b)|"
        r"\s(?=(?:mas|enquanto|embora|porque|salvo|exceto|desde que|a menos que|a nao ser|ao passo que|porem)\s)|"
        r"\s(?=(?:quando|depois|antes|apos|ate que|enquanto)\s)|\s(?=se (?:a|o|as|os|for|houver|nao|ao|ele|ela|"
        r"estiver)\b)|\s(?=e (?:foi|foram|e|sao|tem|teve|deve|devem|pode|podem|vai|"
        r"sera|serao|nao|nem|\w+ que|\w{3,}(?:ou|aram|eram|iram|ava|avam|iu|eu))\b)|,\s(?=(?:hipotese|"
        r"caso) em que\b|(?:\w+ ){1,4}nao\s*[.;,])"
    ),
    exceptive=any_of(
        [
            "salvo",
            "exceto",
            "a nao ser",
            "a menos que",
            "com excecao",
            "ressalvad\\w+",
            "menos(?= (?:em|os|as|o|a|na|no|nas|nos)\\b)",
        ]
    ),
    reporting=reporting.PORTUGUESE,
    own_voice=re.compile(r"\b(?:nos|este (?:relatorio|estudo|artigo|documento|comunicado|contrato))\s+(?:\w+\s+)?$"),
    sourcing=re.compile(
        r"\b(?:segundo(?= (?:o|a|os|as|ele|ela|eles|elas)\b)|(?<=\A)segundo|(?<=[.;,(] )segundo|conforme(?! (?:o|a)s? "
        r"(?:art|clausula|tabela|anexo))|de acordo com(?! (?:o|a)s? (?:art|clausula|tabela|anexo))|"
        r"(?:(?<=\A)|(?<=[.;,] )|(?<=ja ))para [ao]s? [a-z]+(?=[ ,])|(?:(?<=\A)|(?<=[.;,] ))para (?=[a-z]+ [a-z]+,)|"
        r"n[ao]s? (?:opiniao|visao|avaliacao|entender|entendimento|ver|palavras|contas|estimativa|versao|leitura) d\w+|"
        r"pel[ao]s? (?:contas|calculos|estimativa) d\w+|a juizo d\w+|nas palavras d\w+|a seu ver|(?:por|"
        r"ao) (?:entender|considerar|julgar|achar|acreditar|dizer|afirmar|alegar) que)\b"
    ),
    crediting=re.compile(
        r"\b(?:opinioes|opiniao|visao|contas|palavras|fala|versao|alega\w+|teoria|hipotese|acha\w*|ressalv\w+|"
        r"adverti\w+|propo\w+|"
        r"tese|argument\w+|afirm\w+|declar\w+|atribu\w+|estimativa\w*|justificativa\w*|sustent\w+|defend\w+|"
        r"posicao|entendimento|"
        r"avaliacao|consider\w+|calcul\w+|relat\w+|inform\w+|contou|conta que|explic\w+|sugestao|acusacao|"
        r"suspeita|conclusao|"
        r"julg\w+|convicc\w+|receio|temor|ve na|veem na|lembr\w+|apont\w+|segundo|conforme|depoimento|reconhec\w+|"
        r"registrou)\b"
    ),
    conditions=any_of(
        [
            "salvo",
            "exceto",
            "excetuad\\w+",
            "a nao ser",
            "a menos que",
            "desde que",
            "contanto que",
            "com excecao d\\w+",
            "a excecao d\\w+",
            "ressalvad\\w+",
            "(?<![^\\W\\d_]{3}-)se(?= (?:a|o|as|os|for|forem|houver|nao|ao|ele|ela|estiver|estiverem|"
            "tiver|tiverem|nem|haja|um|uma|esse|essa|este|esta|ficar|contratad\\w+|comprovad\\w+|\\w+(?:ar|er|"
            "ir)(?:em)?)\\b)",
            "caso(?! d[aoe])",
            "em casos? d\\w+",
            "na hipotese",
            "enquanto",
            "mediante",
            "apenas",
            "so(?! que)",
            "somente",
            "exclusivamente",
            "unicamente",
            "quando",
            "a pedido",
            "sob (?:demanda|consulta|pedido)",
            "contra apresentacao",
            "com hora marcada",
            "sob pena",
            "a criterio d\\w+",
            "ate que",
            "menos(?= (?:em|os|as|o|a|na|no|nas|nos|aos)\\b)",
            f"(?:com|sem) (?:a |o |um |uma )?(?:\\w+ )?(?:{_CONSENT})",
            "tirante",
            "na falta de",
            "sempre que",
            "antes de(?= \\w+[aei]r\\b)",
            "depois de(?= \\w+[aeiod][ros])",
            "condicionad\\w+",
        ]
    ),
    opening=any_of(["apos", "depois", "em caso", "fora d[aoe]s?", "antes d\\w+"]),
    limiting=any_of(
        [
            "somente",
            "apenas",
            "so",
            "unicamente",
            "exclusiv\\w+",
            "quem",
            "onde",
            "depois",
            "apos",
            "isent\\w+",
            "menos",
            "precisa\\w*",
            "exig\\w+",
            "quando",
            "antes",
            "com",
            "sem",
            "se",
            "caso",
            "salvo",
            "exceto",
            "fora",
            "exce\\w+",
            "desde que",
            "contanto",
            "a nao ser",
            "a menos",
            "mas",
            "enquanto",
            "mediante",
            "depend\\w+",
            "restrit\\w+",
            "limitad\\w+",
            "tirando",
            "tirante",
            "condicion\\w+",
            "necessari\\w+",
            "preciso",
            "obrigatori\\w+",
            "deve\\w*",
            "sempre que",
            "aqueles",
            "os que",
            "as que",
            "para (?:um|uma|quem)",
            "ressalv\\w+",
            "nao inclu\\w+",
            "nem",
        ]
    ),
    exempting=any_of(
        [
            "(?:sao|e|fica|ficam|esta|estao|foi) (?:isent|dispensad|abonad|excetuad)\\w+",
            "nao (?:se )?aplica\\w*",
            "excetuam-se",
            "nao se estende\\w*",
            "(?:sao|e) abonad\\w+",
        ]
    ),
    every=any_of(
        [
            "tod[oa]s?",
            "cada",
            "(?<!nao )(?<!sem )qualquer",
            "sempre",
            "integral\\w*",
            "unanim\\w+",
            "inteir[oa]\\w*",
            "totalidade",
            "total\\w*",
            "completamente",
            "ambos",
            "ambas",
            "por completo",
            "sem excecao",
            "em peso",
            "indistintamente",
            "toda e qualquer",
        ]
    ),
    universal=any_of(["nenhum", "nenhuma", "ninguem", "por \\w+", "nao", "qualquer", "quem"]),
    informing=words("informa informam comunica comunicam"),
    some=any_of(
        [
            "algum(?:as?)?",
            "alguns",
            "algumas",
            "partes?",
            "parcial\\w*",
            "maior(?:ia| parte)",
            "minoria",
            "varios",
            "varias",
            "muitos",
            "muitas",
            "poucos",
            "poucas",
            "quase",
            "dos quais",
            "das quais",
            "delas",
            "deles",
            "apenas",
            "so",
            "somente",
            "metade",
            "certos",
            "certas",
            "as vezes",
            "em geral",
            "geralmente",
            "demais",
            "ate",
            "nem tod\\w+",
            "exceto",
            "salvo",
            "unicamente",
            "mas nao",
        ]
    ),
    only=any_of(["so", "somente", "apenas", "exclusivamente", "unicamente"]),
    empty=words(
        "documento afirma diz segundo conforme minimo maximo pelo menos salvo exceto desde caso via etc ja haver "
        "ha houve havia "
        "fazer faz feito feita fazem ficar fica ficam ficou ser sendo sido meio acordo partir dar da dado dada "
        "pedir ter tido "
        "sera serao foi estao estar porem entanto portanto cabe cabem preciso precisa precisam"
    ),
    mutual=words(
        "com entre encontrou encontraram conheceu casou casaram casado casada casados casadas amigo amiga amigos "
        "amigas irmao irma irmaos irmas primo prima primos primas vizinho vizinha vizinhos vizinhas fronteira "
        "igual iguais equivale equivalente parecido parecida semelhante identico identica diferente difere "
        "perto junto reuniu"
    ),
    opposites=contraries.PORTUGUESE,
)
