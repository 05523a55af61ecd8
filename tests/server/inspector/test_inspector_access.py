"""The inspector for everybody: contrast, labels, widths, schemes, and whoever has a key."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import remember
from playwright.sync_api import Browser, Page, expect
from served import Served

pytestmark = pytest.mark.wire
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
VIEWS = (
    "timeline",
    "search?q=sister+Anna",
    "recall?q=Where+is+Anna",
    "chat?session=garden",
    "sessions",
    "changes",
    "profile",
    "health",
)


def faults(page: Page) -> list[Any]:
    """Return what axe finds wrong in a page."""
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}})
    return [
        (violation["id"], [node["html"] for node in violation["nodes"]][:3])
        for violation in found.response["violations"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_view_is_accessible_and_fits(
    browser: Browser, served: Served, width: int, scheme: Any
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 780}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    record = served.memory.list(scope="me")[3]
    for view in (*VIEWS, f"record/{record.id}"):
        page.goto(f"{served.url}/#/{view}")
        expect(page.locator("main h1")).to_be_visible()
        page.wait_for_load_state("networkidle")
        assert not faults(page), view
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
    page.get_by_role("button", name="Forget…").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert not faults(page)
    context.close()


def test_the_colour_scheme_can_be_chosen_and_is_kept(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Colours: system").click()
    page.get_by_role("button", name="Colours: light").click()
    dark = page.evaluate(ground)
    assert light != dark
    page.reload()
    assert page.evaluate(ground) == dark


def test_the_skip_link_is_the_first_stop(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_a_key_is_asked_for_and_stays_in_the_tab(page: Page, served: Served) -> None:
    key = served.key("me")
    page.goto(f"{served.url}/")
    dialog = page.get_by_role("dialog", name="This server needs a key")
    dialog.get_by_label("Key", exact=True).fill("ma_wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("That key is not good")
    page.get_by_label("Key", exact=True).fill(key)
    page.keyboard.press("Enter")
    expect(page.locator(".row")).to_have_count(12)
    page.reload()
    expect(page.locator(".row")).to_have_count(12)
    assert key not in page.evaluate("JSON.stringify(localStorage) + document.cookie")


def test_a_key_for_several_users_asks_whose_memory(page: Page, served: Served) -> None:
    remember(served.memory, "ada")
    key = served.key("ada", "bob")
    page.goto(f"{served.url}/")
    page.get_by_label("Key", exact=True).fill(key)
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Whose memory?")
    dialog.get_by_label("User").fill("ada")
    page.keyboard.press("Enter")
    expect(page.locator(".row")).to_have_count(12)
    page.locator("#user").fill("bob")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Nothing is remembered yet")).to_be_visible()
    page.go_back()
    expect(page.locator(".row")).to_have_count(12)


def test_a_key_that_may_only_read_is_told_so(page: Page, served: Served) -> None:
    key = served.key("me", read_only=True)
    page.goto(f"{served.url}/")
    page.get_by_label("Key", exact=True).fill(key)
    page.keyboard.press("Enter")
    page.locator(".row a").first.click()
    page.get_by_role("button", name="Pin", exact=True).click()
    expect(page.locator("#status")).to_have_text("this key may only read")
