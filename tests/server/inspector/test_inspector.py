"""The inspector in Chromium, over a served memory: every action, by mouse and by keyboard."""

import re

import pytest
from browsing import remember_many
from playwright.sync_api import Page, expect
from served import Served

from memagent import Memory, Record, Scope

pytestmark = pytest.mark.wire
HOSTILE = (
    "<img src=x onerror=alert(1)><script>alert(2)</script>",
    "{{constructor.constructor('alert(3)')()}} ${alert(4)} <%= 5 %>",
    "\u202eevil\u202c right to left override",
    "zero\u200bwidth and control \x01\x9b characters",
    "👩‍👩‍👧 emoji family 👍🏽",
    "\u2028javascript:alert(6)",
)


def open_page(page: Page, served: Served, fragment: str = "") -> None:
    page.goto(f"{served.url}/{fragment}")
    expect(page.locator("main h1")).to_be_visible()


def note(memory: Memory, words: str) -> Record:
    return next(record for record in memory.list(scope="me") if words in record.text)


def open_record(page: Page, served: Served, record: Record) -> None:
    open_page(page, served, f"#/record/{record.id}")
    expect(page.get_by_role("heading", name="History")).to_be_visible()


def test_the_timeline_shows_all_and_filters(page: Page, served: Served) -> None:
    open_page(page, served)
    expect(page.locator(".row")).to_have_count(12)
    page.get_by_label("Session", exact=True).fill("garden")
    page.get_by_label("Session", exact=True).press("Enter")
    expect(page.locator(".row")).to_have_count(2)
    expect(page).to_have_url(re.compile("session=garden"))
    page.reload()
    expect(page.locator(".row")).to_have_count(2)
    page.get_by_label("Kind").select_option("lesson")
    expect(page.get_by_text("No record passes these filters")).to_be_visible()


def test_back_and_forward_return_to_the_row(page: Page, served: Served) -> None:
    open_page(page, served)
    row = page.locator(".row a", has_text="walnuts")
    row.click()
    expect(page.get_by_role("heading", name="About it")).to_be_visible()
    page.go_back()
    expect(row).to_be_focused()
    page.go_forward()
    expect(page.locator(".passage")).to_contain_text("walnuts")


def test_search_explains_each_score(page: Page, served: Served) -> None:
    open_page(page, served)
    page.keyboard.press("/")
    page.keyboard.type("Where does my sister Anna work")
    page.keyboard.press("Enter")
    hit = page.locator(".hit").first
    expect(hit).to_contain_text("botanical garden")
    expect(hit.get_by_role("rowheader", name="cosine")).to_be_visible()
    expect(hit.locator(".bars .number").first).to_have_text(re.compile(r"^\d\.\d{3}$"))


def test_recall_shows_what_a_model_would_see(page: Page, served: Served) -> None:
    open_page(page, served, "#/recall")
    page.get_by_label("Question").fill("Where does my sister Anna live?")
    page.get_by_role("button", name="Recall").click()
    expect(page.locator(".shown")).to_contain_text("2026-03-02: My sister Anna")
    expect(page.get_by_role("heading", name="Why")).to_be_visible()


def test_pin_and_archive(page: Page, served: Served) -> None:
    record = note(served.memory, "walnuts")
    open_record(page, served, record)
    page.get_by_role("button", name="Pin", exact=True).click()
    expect(page.get_by_role("button", name="Unpin")).to_be_focused()
    assert served.memory.get(record.id, scope="me")[0].pinned
    page.get_by_role("button", name="Unpin").click()
    page.get_by_role("button", name="Archive").click()
    expect(page.get_by_role("button", name="Restore")).to_be_visible()
    assert served.memory.get(record.id, scope="me")[0].archived
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_role("button", name="Archive")).to_be_visible()
    assert not served.memory.get(record.id, scope="me")[0].archived


def test_an_edit_tells_of_a_version_that_came_meanwhile(page: Page, served: Served) -> None:
    record = note(served.memory, "walnuts")
    open_record(page, served, record)
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Text").fill("Bo is allergic to hazelnuts.")
    served.memory.update(record.id, "Bo is allergic to nothing.", scope="me")
    page.get_by_role("button", name="Save as a new version").click()
    expect(page.get_by_role("alert")).to_contain_text("changed this record meanwhile")
    expect(page.locator("dialog .passage")).to_have_text("Bo is allergic to nothing.")
    assert note(served.memory, "allergic").text == "Bo is allergic to nothing."
    page.get_by_role("button", name="Save mine over it").click()
    expect(page.locator("main .passage")).to_have_text("Bo is allergic to hazelnuts.")
    expect(page.get_by_role("heading", name="3 versions")).to_be_visible()


def test_a_record_that_is_kept_stays(page: Page, served: Served) -> None:
    record = note(served.memory, "walnuts")
    open_record(page, served, record)
    page.get_by_role("button", name="Forget…").click()
    expect(page.get_by_role("dialog")).to_contain_text("1 record")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Forget…")).to_be_focused()
    assert served.memory.get(record.id, scope="me")


def test_search_edit_and_forget_by_keyboard_alone(page: Page, served: Served) -> None:
    open_page(page, served)
    press = page.keyboard.press
    press("/")
    page.keyboard.type("greenhouse pane of glass")
    press("Enter")
    expect(page.locator(".hit").first).to_contain_text("greenhouse")
    press("j")
    press("Enter")
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    press("e")
    expect(page.get_by_label("Text")).to_be_focused()
    press("Control+a")
    page.keyboard.type("The greenhouse is whole again.")
    press("Tab")
    page.keyboard.type("mended")
    press("Enter")
    expect(page.locator("main .passage")).to_have_text("The greenhouse is whole again.")
    press("f")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("2 records")
    expect(page.get_by_role("button", name="Keep it")).to_be_focused()
    press("Tab")
    press("Enter")
    expect(dialog).to_contain_text("Erased:")
    press("Enter")
    expect(page.locator("main h1")).to_have_text("Timeline")
    expect(page.locator(".row", has_text="walnuts")).to_be_visible()
    assert not [one for one in served.memory.list(scope="me") if "greenhouse" in one.text]


def test_arrows_and_help(page: Page, served: Served) -> None:
    open_page(page, served)
    expect(page.locator(".row")).to_have_count(12)
    page.keyboard.press("j")
    expect(page.locator(".row a").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.locator(".row a").nth(1)).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.get_by_label("Single keys are shortcuts").uncheck()
    page.keyboard.press("Escape")
    expect(page.locator(".row a").nth(1)).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator(".row a").nth(1)).to_be_focused()


def test_chat_shows_what_was_recalled_and_learns(page: Page, served: Served) -> None:
    open_page(page, served, "#/chat?session=work")
    page.get_by_label("Message").fill("Where does my sister Anna work?")
    page.reload()
    expect(page.get_by_label("Message")).to_have_value("Where does my sister Anna work?")
    page.get_by_label("Message").press("Enter")
    reply = page.get_by_role("article", name="Answer")
    expect(reply).to_contain_text("Anna works at the garden in Turin.")
    expect(reply.locator(".recalled")).to_contain_text("Recalled")
    reply.get_by_role("button", name="Good").click()
    expect(reply).to_contain_text("Counted as good.")
    reply.get_by_role("button", name="Correct…").click()
    reply.get_by_label("What would have been right").fill("She works at the library.")
    reply.get_by_role("button", name="Teach").click()
    expect(reply).to_contain_text("Learned.")
    texts = [one.text for one in served.memory.list(scope=Scope(user="me", session="work"))]
    assert "Where does my sister Anna work?" in texts

    page.get_by_role("link", name="Changes").click()
    item = page.locator(".item", has_text="She works at the library.")
    item.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo it").click()
    expect(item).to_contain_text("undone")
    assert served.memory.changes.list(scope="me")[0].undone


def test_sessions_profile_and_health(page: Page, served: Served) -> None:
    open_page(page, served, "#/sessions")
    expect(page.get_by_role("link", name="garden", exact=True)).to_be_visible()
    page.get_by_role("link", name="Profile").click()
    page.get_by_label("A lasting fact or preference").fill("I am a vegetarian.")
    page.get_by_role("button", name="Add").click()
    line = page.locator(".item", has_text="I am a vegetarian.")
    line.get_by_role("button", name="Edit").click()
    line.get_by_label("Line").fill("I am a vegan.")
    line.get_by_role("button", name="Save").click()
    changed = page.locator(".item", has_text="I am a vegan.")
    changed.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No lines yet")).to_be_visible()
    page.get_by_role("link", name="Health").click()
    expect(page.get_by_role("heading", name="Store")).to_be_visible()
    expect(page.locator(".badge.good").first).to_have_text("ready")


def test_hostile_texts_are_only_shown(page: Page, served: Served) -> None:
    long = "x" * 1_000_000
    session = Scope(user="me", session="<b onclick=alert(7)>bold</b>")
    records = served.memory.add_many([*HOSTILE, long], scope=session)
    open_page(page, served)
    expect(page.locator(".row")).to_have_count(19)
    assert page.locator("main img, main script, main b").count() == 0
    for record in records[:-1]:
        open_record(page, served, record)
        shown = page.locator("main .passage").first
        marks = "\x01\x9b\u200b\u2028\u202c\u202e"
        plain = re.sub(f"[{marks}]", lambda match: f"U+{ord(match[0]):04X}", record.text)
        expect(shown).to_have_text(plain)  # the record before stood there until now
        assert shown.text_content() == plain
        assert page.locator("main img, main script, main b").count() == 0
    open_record(page, served, records[-1])
    page.get_by_role("button", name="Show all 1,000,000 characters").click()
    assert len(page.locator("main .passage").first.text_content() or "") == len(long)
    page.get_by_role("button", name="Edit").click()
    page.get_by_role("button", name="Cancel").click()
    page.goto(f"{served.url}/#/record/<img src=x onerror=alert(8)>")
    expect(page.get_by_text("It is not here")).to_be_visible()


def test_a_hundred_thousand_records_are_a_few_rows(page: Page, served: Served) -> None:
    remember_many(served.memory, 100_000)
    open_page(page, served)
    expect(page.get_by_text("100,012 records")).to_be_visible()
    scroller = page.locator(".scroller")
    for _ in range(5):
        scroller.evaluate("node => { node.scrollTop = node.scrollHeight }")
        page.wait_for_timeout(150)
        assert page.locator(".row").count() < 200
    position = int(page.locator(".row").last.get_attribute("aria-posinset") or 0)
    assert position > 500
    link = page.locator(".row a").nth(9)
    text = link.locator(".line-text").inner_text()
    link.click()
    expect(page.locator("main .passage").first).to_have_text(text)
    page.go_back()
    expect(page.locator(".row", has_text=text).locator("a")).to_be_focused()
