"""Abstentions: answers that say that nothing is known, in the languages of generated data.

An answer abstains that is empty, is nothing but one of `WHOLE`, or holds one of `PHRASES`, each
compared by its words (see `evals.metrics.answers.words`). LoCoMo's own code knows two phrases, "no
information available" and "not mentioned", which are among them.
"""

from collections.abc import Sequence

from memagent.evals.metrics.answers import stands_in, words

WHOLE = (
    *("unknown", "none", "nothing", "no answer", "n/a", "not sure"),
    *("unbekannt", "nichts", "desconocido", "desconocida", "nada", "inconnu", "inconnue", "rien"),
    *("未知", "不明", "没有"),
)
PHRASES = (
    *("I don't know", "do not know", "is unknown", "are unknown", "not known", "I'm not sure"),
    *("no information", "not enough information", "insufficient information", "no record"),
    *("not mentioned", "not mention", "doesn't mention", "don't mention", "no mention"),
    *("not stated", "not specified", "not provided", "not say", "doesn't say", "don't say"),
    *("nothing that I remember says so", "no note is about this", "nothing says"),
    *("no notes say", "none of the notes"),
    *("cannot be determined", "can't be determined", "cannot answer", "can't answer"),
    *("weiß ich nicht", "weiß nicht", "ist unbekannt", "nicht bekannt", "nicht erwähnt"),
    *("keine Information", "keine Informationen", "keine Angabe", "keine Angaben"),
    *("nicht angegeben", "geht nicht hervor", "steht nicht in"),
    *("no lo sé", "no sé", "no se sabe", "es desconocido", "se desconoce", "no se menciona"),
    *("no hay información", "sin información", "no se indica", "no se dice"),
    *("je ne sais pas", "on ne sait pas", "est inconnu", "est inconnue", "pas mentionné"),
    *("pas mentionnée", "aucune information", "pas d'information", "pas d'informations"),
    *("pas précisé", "pas précisée", "n'est pas connu", "n'est pas indiqué"),
    *("不知道", "没有提到", "没有提及", "未提及", "没有说", "没有信息", "没有相关信息", "无法确定"),
    *("わかりません", "分かりません", "知りません", "わからない", "分からない", "不明です"),
    *("言及されていません", "情報がありません", "情報はありません"),
)
_WHOLE = [words(text) for text in WHOLE]
_PHRASES = [words(text) for text in PHRASES]


def abstains(answer: str) -> bool:
    """Tell whether an answer says that nothing is known."""
    said: Sequence[str] = words(answer)
    if not said or said in _WHOLE:
        return True
    return any(stands_in(phrase, said) for phrase in _PHRASES)
