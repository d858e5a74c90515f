"""English words that deny, limit, attribute or count; folded."""

from __future__ import annotations

import re

from lastro.chains.checking import contraries, reporting
from lastro.chains.checking.lexicon import Lexicon, any_of, english_verbs, words

_CONSENT = "consent|permission|approval|agreement|authori[sz]ation|permit|prescription|notice"

ENGLISH = Lexicon(
    negators=words(
        "not no nor never neither none nobody nothing cannot nowhere hardly barely scarcely seldom rarely few little"
    ),
    negative=english_verbs(
        "refuse reject prohibit ban.n exclude disallow prevent fail waive exempt forfeit withhold abolish oppose "
        "deny veto"
    )
    | words(
        "forbid forbids forbidden forbade unable impossible invalid void ineligible unlawful illegal absent missing "
        "free withheld impermissible lacks lacked stop stops stopped cease ceases ceased"
    ),
    without=any_of(
        [
            "without",
            "instead of",
            "rather than",
            "excluding",
            "(?:at|with|for|of|to|under) (?:almost |virtually |practically )?no",
        ]
    ),
    not_turning=any_of(
        [
            "not only",
            "not just",
            "not merely",
            "no (?:more|less|fewer|later|earlier|sooner|greater|longer than) ?than",
            "not (?:more|less|fewer|later|earlier|sooner|greater|longer) than",
            "free to",
            "whether or not",
            "not rule out",
            "no doubt",
            "not exceed",
            "not be (?:more|less|later|longer|older|younger|greater|higher|lower) than",
            "no later",
            "feel free",
            "no\\. ?\\d+",
            "not to exceed",
            "nothing but",
            "not until",
            "no matter",
            "not (?:cannot )?fail to",
            "not go (?:above|beyond|over|below|under)",
            "not weigh more than",
            "no other",
            "a few",
            "a little",
            "the few",
            "the little",
        ]
    ),
    parts=re.compile(
        r"[;()\n–—]|[.!?](?=\s|$)|,\s+(?=(?:but|while|whereas|although|though|who|which|whose|where|because|since|so|"
        r"unless|except|if|provided|and|or|not|as|even|yet|when|with|without)\b)|"
        r"\s(?=(?:but|whereas|unless|although|though|because|while|provided that|as long as)\s)|"
        r"\s(?=if\s(?!any\b))|\s(?=(?:after|before|until|when)\s)|\s(?=and (?:is|are|was|were|has|have|had|can|"
        r"cannot|may|must|shall|should|will|would|does|did|"
        r"do|it|he|she|they|we|there|not|to|\w+s that)\b)|\s(?=and (?:merely |only |then |later |simply |"
        r"also )?\w{3,}ed\b)|"
        r",\s(?=(?:in which case|\w+ (?:\w+ ){0,3}(?:is|are|does|do|has|can|may) not\b))"
    ),
    exceptive=any_of(
        ["unless", "except", "other than", "apart from", "aside from", "save for", "save where", "barring"]
    ),
    reporting=reporting.ENGLISH,
    own_voice=re.compile(r"\b(?:we|i|this (?:report|study|paper|document|notice|agreement))\s+(?:\w+\s+)?$"),
    sourcing=re.compile(
        r"\b(?:according to|in the (?:view|opinion|words|eyes|judgment|estimation) of|in (?:\w+'s|his|her|their|its) "
        r"(?:view|opinion|words|eyes)|on (?:\w+'s|his|her|their) (?:account|view|reading)|as (?:\w+ ){0,3}(?:put|"
        r"puts) it|"
        r"by (?:\w+'s|his|her|their) (?:own )?(?:account|estimate|reckoning)|puts? (?:\w+ ){1,5}at)\b"
    ),
    crediting=re.compile(
        r"\b(?:views?|opinions?|eyes|put\w* .{0,60}(?:down to|at)|attribut\w+|allegations?|claims? (?:that|to)|"
        r"claims|version|"
        r"account of|theor(?:y|ies)|hypothes[ie]s|conclusion|estimates?|assessment|thesis|position|"
        r"for (?:the )?[a-z]+,|sees|"
        r"as far as|blames?|credits?|reports?|says?|argues?|points? (?:out|to)|quoted|considered|expected|"
        r"described|proposed|"
        r"regards?|reasons?|notes?|recommended)\b"
    ),
    conditions=any_of(
        [
            "unless",
            "except(?:ing)?(?: for| that| to| in| where| when| if| as)?",
            "excluding",
            "apart from",
            "aside from",
            "other than",
            "save (?:in|for|that|where)",
            "if(?! any)",
            "provided(?: that)?",
            "providing that",
            "(?:as|so) long as",
            "on (?:the )?condition that",
            "subject to",
            "in (?:the )?(?:case|event) (?:of|that)",
            "in cases",
            "when(?! did| does)",
            "whenever",
            "only",
            "solely",
            "exclusively",
            "barring",
            "with the exception of",
            "otherwise",
            "weather permitting",
            "on (?:\\w+ )?request",
            "by appointment",
            "upon",
            "on presentation of",
            "(?<!\\bat )once",
            "until(?! \\d)",
            "where(?= (?:the|a|an|no|it|this|there|they)\\b)",
            "to the extent",
            "insofar as",
            f"with(?:out)? (?:the |an? |their |\\w+'s? )?(?:prior |written |previous |express |"
            f"explicit )*(?:{_CONSENT})",
            "before(?= \\w+ing\\b)",
            "after(?= \\w+ing\\b)",
            "at the discretion",
            "not before",
        ]
    ),
    opening=any_of(["after", "once", "before", "upon", "outside", "outdoors", "for (?:those|anyone)"]),
    limiting=any_of(
        [
            "only",
            "just",
            "merely",
            "solely",
            "unless",
            "except\\w*",
            "exempt\\w*",
            "anyone",
            "whoever",
            "those",
            "who",
            "where",
            "whenever",
            "when",
            "if",
            "after",
            "once",
            "until",
            "needs?",
            "requires?",
            "required",
            "must",
            "has to",
            "have to",
            "first",
            "with",
            "without",
            "but",
            "apart from",
            "bar",
            "save",
            "provided",
            "as long as",
            "subject to",
            "depends?",
            "depending",
            "condition",
            "other than",
            "beforehand",
            "otherwise",
            "not extend",
            "holders?",
            "upon",
            "restricted",
            "limited",
            "outside",
            "exclud\\w+",
            "in case",
        ]
    ),
    exempting=any_of(
        [
            "(?:is|are|be) exempt(?:ed)?",
            "exempt from",
            "(?:does|do|shall) not (?:apply|extend)",
            "(?:is|are) (?:waived|excepted)",
        ]
    ),
    every=any_of(
        [
            "all",
            "every",
            "everyone",
            "everybody",
            "everything",
            "everywhere",
            "each",
            "whole",
            "entire",
            "entirely",
            "always",
            "(?<!hardly )(?<!not )(?<!at )(?<!if )(?<!without )(?<!in )any(?! time| other)",
            "completely",
            "fully",
            "in full",
            "unanimous\\w*",
            "throughout",
            "no matter",
            "regardless",
            "whatever",
            "both",
            "invariably",
            "without exception",
        ]
    ),
    universal=any_of(["either", "per \\w+", "no one", "none", "nobody", "no(?= \\w+)", "not", "always", "anyone"]),
    informing=words("informs announces announced notifies"),
    some=any_of(
        [
            "some",
            "several",
            "most",
            "mostly",
            "part",
            "partly",
            "partially",
            "many",
            "few",
            "a few",
            "almost",
            "nearly",
            "only",
            "majority",
            "half",
            "up to",
            "certain",
            "sometimes",
            "usually",
            "often",
            "occasionally",
            "of which",
            "of whom",
            "of them",
            "not all",
            "at most",
            "no more than",
            "but not",
            "except",
            "alone",
        ]
    ),
    only=any_of(["only", "solely", "exclusively", "merely"]),
    empty=words(
        "unless except according least most minimum maximum alleges says said document states stated via etc "
        "mere merely also "
        "tambem already get gets got put let may must shall per make makes made take takes took given give gives "
        "going go goes "
        "went be being able however therefore thus"
    ),
    mutual=words(
        "with between met meet meets married marries marry friend friends brother brothers sister sisters cousin "
        "cousins neighbour neighbours neighbor neighbors border borders equal equals similar identical different "
        "differ differs resemble resembles opposite beside alongside near"
    ),
    opposites=contraries.ENGLISH,
)
