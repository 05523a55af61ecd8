"""Languages of texts: detected by function words or letters, with the function words of each."""

import logging
from collections import Counter
from functools import cache
from string import punctuation
from typing import Any

from memagent.text.english import FUNCTION_WORDS
from memagent.text.stemmer import ALGORITHMS
from memagent.text.words import query_words

logger = logging.getLogger(__name__)

SURE = 0.5
"""The detector's confidence from which a text counts as of the language."""
FEWEST_WORDS = 3
"""Fewer Latin words say too little: names, above all."""
MAX_CHARS = 100
"""The detector reads so much of a text."""
UNSTEMMED = frozenset("bg he ja ko sk sl th uk vi zh".split())
"""Languages without a stemmer that the detector tells from those with one."""
NAMES = {
    "ar": "arabic",
    "bg": "bulgarian",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "he": "hebrew",
    "hi": "hindi",
    "hu": "hungarian",
    "id": "indonesian",
    "it": "italian",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sk": "slovak",
    "sv": "swedish",
    "tr": "turkish",
    "uk": "ukrainian",
}
"""Lists of function words, as the library `stop-words` names them, by language.

Scripts without spaces have none: their words are pairs of characters.
"""


def detect(text: str, usual: str | None = None) -> str | None:
    """Return the language (ISO 639-1) of a text, None where it cannot be told.

    Function words that a single language has tell it, where they are two or the user's `usual`
    language's: that is much faster than the detector.
    """
    plain, words = text.isascii(), text[:MAX_CHARS].lower().split()
    votes = list(filter(None, map(_languages_by_word().get, words)))
    if votes:
        likely = usual if usual in votes else max(votes, key=votes.count)
        count = votes.count(likely)
        if 4 * count >= 3 * len(votes) and (count > 1 or (plain and likely == usual)):
            return likely
    if plain and sum(word.strip(punctuation).isalpha() for word in words) < FEWEST_WORDS:
        return None
    try:
        language, confidence = _detector().classify(text[:MAX_CHARS])
    except OSError as error:  # it unpacks its model onto the disk, which may be full
        logger.warning("languages are not detected: %s", error.strerror)
        return None
    return str(language) if confidence >= SURE else None


def query_language(query: str, usual: str | None = None) -> str | None:
    """Return the language of most of a query's function words, if they are two, or the usual one.

    A query is looked up under the stems of all languages, so that nothing more is needed.
    """
    words = set(query_words(query))
    counts = {language: len(words & function_words(language)) for language in NAMES}
    most = max(counts.values())
    best = [language for language in NAMES if counts[language] == most]
    return best[0] if most > 1 and len(best) == 1 else usual


def content(text: str, language: str | None) -> list[str]:
    """Return the folded words of a query without the function words of a language, each once.

    A query of function words alone keeps them all.
    """
    words = list(dict.fromkeys(query_words(text)))
    return [word for word in words if word not in function_words(language)] or words


@cache
def function_words(language: str | None) -> frozenset[str]:
    """Return the folded words of a language that carry grammar rather than meaning."""
    if language == "en":
        return FUNCTION_WORDS
    return frozenset(word for listed in _listed(language) for word in query_words(listed))


@cache
def _listed(language: str | None) -> frozenset[str]:
    """Return the function words of a language as they are written."""
    if language not in NAMES:
        return frozenset()
    import stop_words

    return frozenset(map(str.lower, stop_words.get_stop_words(NAMES[language])))


@cache
def _languages_by_word() -> dict[str, str]:
    """Return the language of each function word that a single one has."""
    languages = Counter(word for language in NAMES for word in _listed(language))
    return {
        word: language for language in NAMES for word in _listed(language) if languages[word] == 1
    }


@cache
def _detector() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(sorted({*ALGORITHMS, *UNSTEMMED}))
    return identifier
