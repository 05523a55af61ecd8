from collections.abc import Iterator

import pytest
from browsing import chromium, remember
from playwright.sync_api import Browser, Page
from served import Served, services

from memagent.testing import Say, StubServer


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of the folder; it ends with them, as it holds an event loop."""
    with chromium() as started:
        yield started


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with StubServer([Say("Anna works at the garden in Turin.")]) as server:
        yield server


@pytest.fixture
def served(stub: StubServer) -> Iterator[Served]:
    """A served memory of generated notes."""
    of = services(model=stub.url)
    remember(of.memory)
    of.warm.set()
    with Served(of) as server:
        yield server


@pytest.fixture
def page(browser: Browser, served: Served) -> Iterator[Page]:
    """A page that may ask nothing of another origin, and whose scripts make no mistake."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(15_000)
    opened = context.new_page()
    elsewhere: list[str] = []
    mistakes: list[str] = []
    opened.on("request", lambda request: elsewhere.append(request.url))
    opened.on("pageerror", lambda error: mistakes.append(str(error)))
    opened.on("dialog", lambda dialog: mistakes.append(f"dialog: {dialog.message}"))
    yield opened
    context.close()
    assert elsewhere
    assert all(url.startswith(f"{served.url}/") for url in elsewhere)
    assert not mistakes
