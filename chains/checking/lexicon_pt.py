"""Portuguese words that deny, limit, attribute or count; folded."""

from __future__ import annotations

import re

from lastro.chains.checking.lexicon import Lexicon, any_of, pairs, participles, portuguese_verbs, words

_REPORTING = (
    portuguese_verbs(
        "alegar argumentar afirmar relatar acreditar declarar calcular estimar considerar informar assegurar ressaltar "
        "destacar ressalvar negar contestar reclamar criticar acusar culpar julgar pensar esperar avaliar opinar recomendar "
        "sustentar rebater apontar especular imaginar comentar anunciar cogitar lembrar enfatizar salientar confessar "
        "lamentar suspeitar duvidar desconfiar recear temer prometer entender defender crer conjecturar presumir inferir "
        "insistir garantir admitir discordar ponderar alertar reiterar reafirmar denunciar rejeitar postular teorizar "
        "responsabilizar aconselhar deduzir mencionar"
    )
    | words(
        "diz dizem disse disseram dizia dizendo supoe supoem supos supunha preve preveem previu previram propoe propoem "
        "propos sugere sugerem sugeriu sugeriram adverte advertem advertiu advertiram atribui atribuem atribuiu atribuiram "
        "conclui concluem sente ve veem suposto suposta supostos supostas supostamente possivelmente provavelmente talvez "
        "teria teriam seria seriam haveria alegadamente aparentemente acha acham achou achava insinua insinuam pressupoe"
    )
) - words(
    "avaliar considerar calcular informar declarar esperar esperando considerando rejeitar rejeitou rejeitaram apontar "
    "destacar lembrar anunciar mencionar entender julgar recomendar criticar reclamar relatar contestar comentar alertar "
    "garantir prometer admitir estimar pensar defender garantia critica duvida denuncia suspeita estima espera admite admitem admitiu garante garantem"
)
_CONSENT = "autorizacao|prescricao|aviso|anuencia|consentimento|permissao|aprovacao|concordancia|receita"

PORTUGUESE = Lexicon(
    negators=words("nao nunca jamais nem nenhum nenhuma ninguem nada tampouco inexiste inexistem"),
    denying=any_of(["(?:hipotese|forma|modo|maneira|caso|circunstancia) alguma"]),
    negative=participles(
        "vedad proibid rejeitad negad recusad excluid isent dispensad contraindicad gratuit impedid indeferid vetad "
        "desobrigad desaconselhad suspens ilegal"
    )
    | words(
        "proibe proibem veda vedam rejeita rejeitou rejeitaram recusa recusam recusou recusaram nega negou negaram exclui "
        "excluem excluiu dispensa dispensam dispensou isenta isentam impede impedem impediu veta vetou gratis graca impossivel "
        "invalido invalida ilegal param parou pararam cessa cessam cessou deixou deixar deixa deixam deixara inelegivel ausente "
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
        r"[;()\n–—]|[.!?](?=\s|$)|,\s+(?=(?:mas|enquanto|embora|porem|contudo|todavia|e|ou|nem|nao|ja|sendo|que|quem|cujo|cuja|"
        r"onde|porque|pois|se|salvo|exceto|desde|ao passo|caso|quando|sem|com|hipotese|quando)\b)|"
        r"\s(?=(?:mas|enquanto|embora|porque|salvo|exceto|desde que|a menos que|a nao ser|ao passo que|porem)\s)|"
        r"\s(?=(?:quando|depois|antes|apos|ate que|enquanto)\s)|\s(?=se (?:a|o|as|os|for|houver|nao|ao|ele|ela|estiver)\b)|\s(?=e (?:foi|foram|e|sao|tem|teve|deve|devem|pode|podem|vai|"
        r"sera|serao|nao|nem|\w+ que|\w{3,}(?:ou|aram|eram|iram|ava|avam|iu|eu))\b)|,\s(?=(?:hipotese|caso) em que\b|(?:\w+ ){1,4}nao\s*[.;,])"
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
    reporting=_REPORTING,
    own_voice=re.compile(r"\b(?:nos|este (?:relatorio|estudo|artigo|documento|comunicado|contrato))\s+(?:\w+\s+)?$"),
    sourcing=re.compile(
        r"\b(?:segundo(?= (?:o|a|os|as|ele|ela|eles|elas)\b)|(?<=\A)segundo|(?<=[.;,(] )segundo|conforme(?! (?:o|a)s? "
        r"(?:art|clausula|tabela|anexo))|de acordo com(?! (?:o|a)s? (?:art|clausula|tabela|anexo))|"
        r"(?:(?<=\A)|(?<=[.;,] )|(?<=ja ))para [ao]s? [a-z]+(?=[ ,])|(?:(?<=\A)|(?<=[.;,] ))para (?=[a-z]+ [a-z]+,)|"
        r"n[ao]s? (?:opiniao|visao|avaliacao|entender|entendimento|ver|palavras|contas|estimativa|versao|leitura) d\w+|"
        r"pel[ao]s? (?:contas|calculos|estimativa) d\w+|a juizo d\w+|nas palavras d\w+|a seu ver|(?:por|ao) (?:entender|considerar|julgar|achar|acreditar|dizer|afirmar|alegar) que)\b"
    ),
    crediting=re.compile(
        r"\b(?:opinioes|opiniao|visao|contas|palavras|fala|versao|alega\w+|teoria|hipotese|acha\w*|ressalv\w+|adverti\w+|propo\w+|"
        r"tese|argument\w+|afirm\w+|declar\w+|atribu\w+|estimativa\w*|justificativa\w*|sustent\w+|defend\w+|posicao|entendimento|"
        r"avaliacao|consider\w+|calcul\w+|relat\w+|inform\w+|contou|conta que|explic\w+|sugestao|acusacao|suspeita|conclusao|"
        r"julg\w+|convicc\w+|receio|temor|ve na|veem na|lembr\w+|apont\w+|segundo|conforme|depoimento|reconhec\w+|registrou)\b"
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
            "se(?= (?:a|o|as|os|for|forem|houver|nao|ao|ele|ela|estiver|estiverem|"
            "tiver|tiverem|nem|haja|um|uma|esse|essa|este|esta|ficar|contratad\\w+|comprovad\\w+|\\w+(?:ar|er|ir)(?:em)?)\\b)",
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
        "documento afirma diz segundo conforme minimo maximo pelo menos salvo exceto desde caso via etc ja haver ha houve havia "
        "fazer faz feito feita fazem ficar fica ficam ficou ser sendo sido meio acordo partir dar da dado dada pedir ter tido "
        "sera serao foi estao estar porem entanto portanto cabe cabem preciso precisa precisam"
    ),
    opposites=pairs(
        "incluir inclui incluem incluido incluida incluidos incluidas/excluir exclui excluem excluido excluida excluidos excluidas,"
        "aceitar aceita aceitam aceito aceita aceitou/recusar recusa recusam recusou rejeitar rejeita rejeitou,aprovar aprova aprovou "
        "aprovado aprovada aprovados aprovadas/rejeitar rejeitou rejeitado rejeitada reprovado reprovada reprovados vetado vetada,"
        "confirmar confirma confirmou confirmado confirmada/negar nega negou desmentir desmentiu afastou,abrir abre abrem abriu aberto "
        "aberta abertos abertas/fechar fecha fecham fechou fechado fechada fechados fechadas encerrado encerrada,aumentar aumenta "
        "aumentou aumento subir sobe subiu cresceu crescer elevou alta/diminuir diminui diminuiu reduzir reduz reduziu reducao cair "
        "cai caiu queda baixou recuou recuar,mais/menos,maior maiores/menor menores,maximo maxima/minimo minima,superior superiores/"
        "inferior inferiores,acima/abaixo,comecar comeca comecou iniciar inicia iniciou inicio/terminar termina terminou acabar acaba "
        "acabou encerrar encerra encerrou fim termino,ganhar ganha ganhou vencer venceu/perder perde perdeu,comprar compra comprou/"
        "vender vende vendeu,chegar chega chegou/partir parte partiu sair sai saiu,presente presentes/ausente ausentes,emprestar "
        "empresta/tomar,interno interna internos internas/externo externa externos externas,dentro/fora,obrigatorio obrigatoria "
        "obrigatorios obrigatorias/facultativo facultativa opcional opcionais voluntario voluntaria,concordar concorda concordou/"
        "discordar discorda discordou,publico publica/privado privada particular,temporario temporaria provisorio provisoria/"
        "permanente definitivo definitiva,cheio cheia completo completa/vazio vazia parcial,lucro/prejuizo,sucesso/fracasso,melhorar "
        "melhorou melhor/piorar piorou pior,esquerdo esquerda/direito direita,norte/sul,leste/oeste,dianteiro dianteira frente/"
        "traseiro traseira,quente/frio fria,maioria/minoria,importar importacao/exportar exportacao,entrada/saida,admitir admitiu "
        "admitido/demitir demitiu demitido negar negou,contratar contratou contratado/demitir demitiu dispensou,permitir permite "
        "permitem permitido permitida permitidos permitidas autorizado autorizada liberado liberada/proibir proibe proibem proibido "
        "proibida proibidos proibidas vedado vedada vedados vedadas,bruto bruta/liquido liquida,permanecer permanece permaneceu "
        "continuar continua continuou manter mantem manteve mantido mantida mantidos/deixar deixou sair saiu suspender suspendeu "
        "suspenso suspensa retirar retirou retirado retirada perde perder,procedente/improcedente,deferir deferiu deferido deferida/"
        "indeferir indeferiu indeferido indeferida,renovar renovou/encerrar encerrou rescindir,com/sem,causar causou/evitar evitou,"
        "seguro segura/perigoso perigosa,facil/dificil,cedo antes/tarde depois apos,primeiro primeira/ultimo ultima,dia/noite,"
        "manha/tarde noite,novo nova/velho velha usado usada antigo antiga,igual iguais mesmo mesma/diferente diferentes,pago paga/"
        "gratuito gratuita,favor favoravel favoraveis/contra contrario contrarios,verdadeiro/falso,adulto adultos/crianca criancas,"
        "homem homens/mulher mulheres,ligar ligado ligada/desligar desligado desligada,instalar/remover retirar,adicionar acrescentar/"
        "remover retirar,comum frequente frequentes/raro rara raros,disponivel disponiveis/indisponivel,valido valida/invalido "
        "invalida,conseguir conseguiu/falhar falhou,mais rapido/mais lento,perto proximo/longe distante,antecipar antecipou "
        "antecipado/adiar adiou adiado adiada,cumprir cumpriu cumprido/descumprir descumpriu descumprido,absolver absolveu/condenar "
        "condenou condenado,forte/fraco,leve/pesado,largo/estreito,oral/escrito escrita,emprestimo/devolucao,ordinario ordinaria "
        "ordinarias/extraordinario extraordinaria extraordinarias,direta direto/indireta indireto"
    ),
)
