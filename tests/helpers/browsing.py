"""Chromium over a served memory, and a memory of generated notes in several languages."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from memagent import Memory, Scope
from memagent.types import NewRecord

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --disable-dev-shm-usage"
).split()
NOTES = (
    "My sister Anna moved to Turin in spring and works at the botanical garden.",
    "The train to Lyon leaves at 7:42 from platform 3; the ticket is in the blue folder.",
    "Ich trinke Kaffee nur ohne Milch und am liebsten vor neun Uhr.",
    "Le rendez-vous chez le dentiste est le douze, à dix heures et quart.",
    "Заказать новые шины до первого снега.",
    "Σήμερα η γιαγιά μένει στη Θεσσαλονίκη, κοντά στο λιμάνι.",
    "אני גר ברחוב הרצל, בקומה השלישית.",
    "El código del portón cambió; pregúntale a Marta.",
    "The greenhouse needs a new pane of glass, 60 by 40 centimetres.",
    "Bo is allergic to walnuts, and so is his brother.",
)
DIMENSIONS = 64
"""Dimensions of the hashing embedder's vectors."""
START = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the machine's Chromium; skip where there is none, but never in CI."""
    if not Path(CHROMIUM).is_file():
        if os.environ.get("CI"):
            pytest.fail("CI needs Chromium for the tests of the inspector")
        pytest.skip("no Chromium is installed")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def remember(memory: Memory, user: str = "me") -> None:
    """Store generated notes and a conversation."""
    records = [
        NewRecord(text=text, valid_from=START + timedelta(days=3 * number, minutes=17 * number))
        for number, text in enumerate(NOTES)
    ]
    memory.add_many(records, scope=user)
    memory.add_messages(
        [
            {"role": "user", "content": "Remind me to water the lemon tree on Sunday."},
            {"role": "assistant", "content": "I will remind you on Sunday."},
        ],
        scope=Scope(user=user, session="garden"),
    )


def remember_many(memory: Memory, count: int, user: str = "me") -> None:
    """Store `count` short records with given vectors, so that nothing is embedded."""
    rng = np.random.default_rng(7)
    for start in range(0, count, 10_000):
        numbers = range(start, min(count, start + 10_000))
        vectors: Any = rng.standard_normal((len(numbers), DIMENSIONS))
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        texts = [f"Note number {n}." for n in numbers]
        memory.add_many(texts, scope=user, vectors=vectors.astype(np.float32))


def settled(page: Page) -> Page:
    """Wait until the view is there."""
    page.wait_for_selector("main h1")
    page.wait_for_function("!document.querySelector('main')?.innerText.includes('Loading…')")
    return page
