"""Phrases of every language: complete, with the slots that a generator fills, and no others."""

import random
import string
import tomllib
from collections.abc import Mapping
from datetime import date
from importlib.resources import files
from typing import Any

import pytest

from memagent.evals.tasks.conversations.generator.phrases import (
    LANGUAGES,
    Attribute,
    capital,
    fill,
    load,
)

every = pytest.mark.parametrize("language", LANGUAGES)
ASKED = {"name", "new", "item", "event"}
SLOTS: Mapping[str, set[str]] = {
    "tell": {"v", "day", "Day", "item", "species", "event", "photo"},
    "change": {"v", "day", "Day", "event"},
    "other": {"v", "my", "My", "pronoun", "Pronoun", "species"},
    "aside": {"v"},
    "lead": set(),
    "ask_other": {"who"},
}


def slots(phrase: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(phrase) if name is not None}


def raw(language: str) -> dict[str, Any]:
    folder = files("memagent.evals.tasks.conversations.generator") / "languages"
    return tomllib.loads((folder / f"{language}.toml").read_text(encoding="utf-8"))


def keys(value: Any) -> Any:
    """Return the keys of a file, in depth, of lists those of their first."""
    if isinstance(value, Mapping):
        return {name: keys(inner) for name, inner in value.items()}
    return [keys(value[0])] if isinstance(value, list) and isinstance(value[0], dict) else None


@every
def test_every_file_has_the_keys_of_the_english_one_and_no_misspelt_ones(language: str) -> None:
    optional = {"space"}
    found = {name: inner for name, inner in keys(raw(language)).items() if name not in optional}
    dates = {**found["dates"]}
    dates.pop("first", None)
    assert {**found, "dates": dates} == keys(raw("en"))


@every
def test_statements_have_the_slots_that_are_filled(language: str) -> None:
    for kind, attribute in load(language).attributes.items():
        for form, known in SLOTS.items():
            for phrase in getattr(attribute, form):
                assert slots(phrase) <= known, phrase
                if form not in ("lead", "ask_other") and kind != "colour":
                    assert "v" in slots(phrase.split("\n")[-1]), phrase


@every
def test_questions_name_the_speaker_only_for_others(language: str) -> None:
    phrases = load(language)
    pairs = [*phrases.order, *phrases.dearer, *phrases.relative_work]
    for attribute in phrases.attributes.values():
        pairs += [*attribute.ask, *attribute.before, *attribute.when]
    for of_another, of_oneself in pairs:
        named, unnamed = slots(of_another), slots(of_oneself)
        assert named - {"name"} == unnamed, of_another
        assert named <= {*ASKED, "a", "b", "home"}
        assert "name" in named or "event" in named


@every
def test_what_changes_can_be_asked_for_before_and_after(language: str) -> None:
    attributes: Mapping[str, Attribute] = load(language).attributes
    for kind in ("home", "work", "hobby", "date"):
        assert attributes[kind].change
        assert attributes[kind].before
    for kind in ("home", "work", "trip"):
        assert attributes[kind].when
        stated = attributes[kind].tell if kind == "trip" else attributes[kind].change
        assert all(slots(phrase) & {"day", "Day"} for phrase in stated)


@every
def test_values_of_a_kind_differ(language: str) -> None:
    for attribute in load(language).attributes.values():
        first = [value.split("|")[0] for value in attribute.values]
        assert len(set(first)) == len(first)


def test_a_choice_of_words_is_drawn_and_slots_are_filled() -> None:
    rng = random.Random(0)
    found = {fill("<a|b> {v}", rng, v="x") for _ in range(20)}
    assert found == {"a x", "b x"}
    assert capital("été") == "Été"


def test_first_of_a_month_is_written_as_the_language_does() -> None:
    assert load("fr").dates.write(date(2023, 5, 1))[0] == "1er mai 2023"
    assert load("fr").dates.say(date(2023, 5, 2)) == "2 mai"
    assert load("zh").dates.write(date(2023, 5, 1))[0] == "2023年5月1日"
