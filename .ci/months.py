"""Names of the months in many languages: `memagent/text/months.json`, from the CLDR by Babel.

pip install babel && python .ci/months.py
"""

import json
from pathlib import Path

from babel import Locale

from memagent.text.words import query_words

FILE = Path(__file__).parent.parent / "memagent" / "text" / "months.json"
LANGUAGES = (
    "ar bg bn ca cs da de el en es et eu fa fi fr he hi hr hu id it lt lv ms nb nl pl pt ro ru sk"
    " sl sr sv sw ta te th tr uk ur vi"
).split()


def main() -> None:
    """Write the file: folded names of one word, each with its number."""
    months: dict[str, int] = {}
    twice: set[str] = set()
    for language in LANGUAGES:
        for context in Locale(language).months.values():
            for width in ("wide", "abbreviated"):
                for number, name in context[width].items():
                    words = query_words(name)
                    if len(words) != 1 or words[0].isdigit():
                        continue
                    if months.setdefault(words[0], number) != number:
                        twice.add(words[0])
    names = {name: months[name] for name in sorted(months) if name not in twice}
    FILE.write_text(json.dumps(names, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
