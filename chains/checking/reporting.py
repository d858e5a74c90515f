"""Verbs by which somebody else speaks, in English and Portuguese; folded, with their endings."""

from __future__ import annotations

from lastro.chains.checking.lexicon import english_verbs, portuguese_verbs, words

ENGLISH = (
    english_verbs(
        "accuse acknowledge advocate affirm allege announce anticipate argue assert assume attribute believe "
        "blame caution "
        "complain concede conjecture contend criticise criticize declare deem demand disagree dispute doubt "
        "emphasise emphasize "
        "envisage expect fear hope hypothesise hypothesize imagine imply infer.r insist lament maintain opine "
        "postulate predict "
        "presume proclaim promise reckon recommend reiterate remark speculate stress suggest suppose surmise "
        "suspect theorise "
        "theorize urge vow warn worry deny admit.t"
    )
    | words(
        "says said saying thinks thought think feels felt feel holds foresees foresaw tells told writes wrote "
        "supposedly "
        "reportedly allegedly apparently purportedly presumably probably possibly perhaps arguably seemingly "
        "rumoured rumored "
        "claimed claiming noted considers consider estimated estimates predicts calculates reported concluded informed "
        "explained advises believes blamed judges proposes regards attributes mentioned states stated stating"
    )
) - words(
    "recommended promised stressed expected deemed expecting maintain maintaining demand demands declare declaring"
)
PORTUGUESE = (
    portuguese_verbs(
        "alegar argumentar afirmar relatar acreditar declarar calcular estimar considerar informar assegurar ressaltar "
        "destacar ressalvar negar contestar reclamar criticar acusar culpar julgar pensar esperar avaliar opinar "
        "recomendar "
        "sustentar rebater apontar especular imaginar comentar anunciar cogitar lembrar enfatizar salientar confessar "
        "lamentar suspeitar duvidar desconfiar recear temer prometer entender defender crer conjecturar presumir "
        "inferir "
        "insistir garantir admitir discordar ponderar alertar reiterar reafirmar denunciar rejeitar postular teorizar "
        "responsabilizar aconselhar deduzir mencionar"
    )
    | words(
        "diz dizem disse disseram dizia dizendo supoe supoem supos supunha preve preveem previu previram propoe "
        "propoem "
        "propos sugere sugerem sugeriu sugeriram adverte advertem advertiu advertiram atribui atribuem atribuiu "
        "atribuiram "
        "conclui concluem sente ve veem suposto suposta supostos supostas supostamente possivelmente "
        "provavelmente talvez "
        "teria teriam seria seriam haveria alegadamente aparentemente acha acham achou achava insinua insinuam "
        "pressupoe"
    )
) - words(
    "avaliar considerar calcular informar declarar esperar esperando considerando rejeitar rejeitou rejeitaram apontar "
    "destacar lembrar anunciar mencionar entender julgar recomendar criticar reclamar relatar contestar comentar "
    "alertar "
    "garantir prometer admitir estimar pensar defender garantia critica duvida denuncia suspeita estima espera "
    "admite admitem admitiu garante garantem"
)
