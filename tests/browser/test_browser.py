"""The pages in a real browser, on the whole running system."""

import asyncio
import json
import os
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from confluent_kafka import Producer
from playwright.async_api import expect

from shared.clock import now
from tests.browser.conftest import held

pytestmark = pytest.mark.browser

AMARA, MARCUS = "E-0007", "E-0013"  # two managers, neither above the other; checked below
CEO = "E-0001"
MENTOR = "E-0022"  # of several who start


def event(id, what, data):
    """A fact as an HR system tells it: a CloudEvent in Kafka's binary mode."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": f"browser-{id}-{what}",
        "ce_source": "/hr/browser-tests",
        "ce_type": f"hr.employee.{what}.v1",
        "ce_subject": id,
        "ce_time": now().isoformat(),
        "content-type": "application/json",
    }
    return {"key": id, "value": json.dumps({"employee_id": id} | data).encode(), "headers": list(headers.items())}


def hire_event(id, manager, given="Noor", family="Haddad"):
    """A hire below a manager."""
    profile = {
        "given_name": given,
        "family_name": family,
        "personal_email": f"{id.lower()}@mail.example",
        "title": "Backend Engineer",
        "department": "Engineering",
        "location": "Paris, FR",
        "time_zone": "Europe/Paris",
        "locale": "en-GB",
        "languages": ["en", "fr"],
        "manager_id": manager,
        "start_date": (now() + timedelta(days=12)).date().isoformat(),
        "skills": ["python"],
    }
    return event(id, "hired", profile)


async def publish(system, *records):
    """Publish with another client than ours, and wait for the broker's word."""
    producer = Producer({"bootstrap.servers": system.endpoints.kafka, "linger.ms": 0})
    for record in records:
        producer.produce("hr.employees", **record)
    assert await asyncio.to_thread(producer.flush, 20) == 0


def card(page, id):
    return page.locator(f'[data-live-key="{id}"]')


async def following(page):
    """The board has its stream."""
    await page.wait_for_selector('[data-live-state="open"]')


def test_the_two_managers_of_these_tests_are_not_above_each_other(halden):
    managers = {person.id: person.manager for person in halden.people}
    for one, other in ((AMARA, MARCUS), (MARCUS, AMARA)):
        above = managers[one]
        while above is not None:
            assert above != other
            above = managers[above]
        assert any(hire.manager == one for hire in halden.hires)


# -- live ---------------------------------------------------------------------------------------------------------


async def test_a_hire_that_another_client_publishes_appears_on_an_open_board(open_as, system, record_property):
    page = await open_as(AMARA, "/board")
    await following(page)
    before = int(await page.inner_text('[data-live-count="all"]'))
    async with held(page):
        published = time.perf_counter()
        await publish(system, hire_event("E-7001", AMARA))
        await card(page, "E-7001").wait_for()
        seconds = time.perf_counter() - published
        record_property("seconds_from_event_to_board", round(seconds, 3))
        sys.stderr.write(f"\nhire event to visible card: {seconds * 1000:.0f} ms\n")
        await expect(card(page, "E-7001").locator(".row__mail")).to_contain_text("Sent")
        await expect(card(page, "E-7001").locator(".row__progress")).to_contain_text("of 20 done")
        await expect(page.locator('[data-live-count="all"]')).to_have_text(str(before + 1))
        await expect(page.locator("[data-live-words]")).not_to_be_empty()
        for section in ("attention", "track"):
            orders = await page.eval_on_selector_all(
                f'[data-live-list="{section}"] > li', "cards => cards.map(card => card.dataset.liveOrder)"
            )
            assert orders == sorted(orders)


async def test_a_card_that_changes_keeps_the_focus(open_as, system):
    await publish(system, hire_event("E-7002", AMARA))
    page = await open_as(AMARA, "/board")
    await following(page)
    await card(page, "E-7002").locator("a.person__name").focus()
    async with held(page):
        moved = {
            **hire_event("E-7002", AMARA),
            "value": json.dumps({"employee_id": "E-7002", "start_date": "2030-01-07"}).encode(),
        }
        moved["headers"] = [
            (n, v.replace("hired", "start_date_changed").replace("browser-E", "moved-E")) for n, v in moved["headers"]
        ]
        await publish(system, moved)
        await expect(card(page, "E-7002").locator(".row__start")).to_contain_text("7 Jan 2030")
        assert await page.evaluate("document.activeElement.getAttribute('href')") == "/people/E-7002"


async def test_one_managers_people_are_neither_shown_nor_streamed_to_another(open_as, system):
    page = await open_as(AMARA, "/board")
    await following(page)
    other = await open_as(MARCUS, "/board")
    await following(other)
    await publish(system, hire_event("E-7003", MARCUS, "Zelda", "Zebrowski"), hire_event("E-7004", AMARA))
    await card(other, "E-7003").wait_for()
    await card(page, "E-7004").wait_for()
    await expect(card(page, "E-7004").locator(".row__mail")).to_contain_text("Sent")
    assert "Zebrowski" not in await page.content()
    assert "E-7003" not in await page.content()
    heard = await page.evaluate(
        """async () => {
            const reader = (await fetch('/live/board?at=')).body.getReader();
            const { value } = await reader.read();
            await reader.cancel();
            return new TextDecoder().decode(value);
        }"""
    )
    assert "E-7003" not in heard
    refused = await open_as(AMARA, "/people/E-7003", expect_errors=True)
    await expect(refused.locator("h1")).to_have_text("This is not yours to see or do")
    assert "Zebrowski" not in await refused.content()


async def test_an_open_board_finds_its_way_back_when_the_web_process_is_killed(open_as, system):
    page = await open_as(AMARA, "/board", expect_errors=True)
    await following(page)
    async with held(page):
        os.kill(system.endpoints.processes["web"], signal.SIGKILL)
        await page.wait_for_selector('[data-live-state="waiting"]')
        await publish(system, hire_event("E-7005", AMARA))
        await card(page, "E-7005").wait_for(timeout=90_000)
        await following(page)


# -- what people do -----------------------------------------------------------------------------------------------


async def first_task(page):
    """The first milestone of a person's page that can be ticked off: its id."""
    return await page.locator(".task:has(form)").first.get_attribute("id")


async def test_ticking_a_milestone_off(open_as):
    page = await open_as(CEO, "/people/E-1001")
    task = await first_task(page)
    done = int((await page.inner_text(".hero__progress .row__small")).split(" ")[0])
    await page.click(f"#{task} button")
    await expect(page.get_by_role("status")).to_contain_text("Done:")
    await expect(page.locator(".hero__progress .row__small")).to_contain_text(f"{done + 1} of ")
    await page.click("summary:has-text('Done')")
    await expect(page.locator(f"#{task}.task--done")).to_contain_text("by ")
    assert await page.locator(f"#{task} form").count() == 0


async def test_the_keyboard_alone_leads_from_the_board_to_a_person_and_ticks_a_milestone_off(open_as):
    page = await open_as(CEO, "/board")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"
    await tab_to(page, "a.person__name")
    name = await page.evaluate("document.activeElement.textContent")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/people/*")
    await expect(page.locator("h1")).to_have_text(name)
    task = await first_task(page)
    await tab_to(page, f"#{task} button")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("Done:")


async def tab_to(page, selector):
    """Press Tab until the focus is on what the selector means; each stop on the way is visible and marked."""
    for _ in range(80):
        await page.keyboard.press("Tab")
        here = await page.evaluate(
            """selector => {
                const held = document.activeElement;
                const box = held.getBoundingClientRect();
                const marked = getComputedStyle(held).outlineStyle !== 'none';
                return { there: held.matches(selector), seen: box.width > 0 && box.height > 0 && marked, what: held.outerHTML };
            }""",
            selector,
        )
        assert here["seen"], f"the focus is not to be seen on {here['what'][:200]}"
        if here["there"]:
            return
    raise AssertionError(f"Tab never comes to {selector}")


async def test_everything_works_without_javascript(open_as, halden):
    page = await open_as(AMARA, "/board", java_script_enabled=False)
    theirs = [hire.id for hire in halden.hires if hire.manager == AMARA and not hire.rescinded]
    for id in theirs:
        assert await card(page, id).count() == 1
    await page.fill("#q", (await page.inner_text(".row h3")).split(" ")[0])
    await page.click(".search button")
    await page.locator(".row h3 a").first.click()
    task = await first_task(page)
    await page.click(f"#{task} button")
    await expect(page.get_by_role("status")).to_contain_text("Done:")
    await page.click("text=Sign out")
    await expect(page.locator("h1")).to_contain_text("Sign in")


async def test_a_mentor_logs_a_meeting_and_a_hire_sees_it(open_as, system):
    page = await open_as(CEO, "/people/E-1001")
    mentor = await page.inner_text("section:has(#mentor) .person__name")
    page = await open_as(None, "/sign-in")
    await page.click(f'.pick:has-text("{mentor}")')
    await page.goto("/me")
    mentee = page.locator("li.card", has_text="Ada Okafor")
    await mentee.locator("input[name=minutes]").fill("25")
    await mentee.locator("text=Log meeting").click()
    await expect(page.get_by_role("status")).to_contain_text("Meeting logged.")
    page = await open_as("E-1001", "/me")
    await expect(page.locator("section:has(#log)")).to_contain_text("1 meeting held so far")


async def test_the_mail_viewer_opens_a_message_in_a_frame_without_scripts(open_as, halden):
    page = await open_as(halden.coordinators[0], "/mail")
    await page.locator("main a[href^='/mail/']").first.click()
    frame = page.frame_locator("iframe")
    await expect(frame.locator("body")).not_to_be_empty()
    assert await page.get_attribute("iframe", "sandbox") is not None


async def test_a_hire_reads_a_message_and_says_how_to_be_written_to(open_as):
    page = await open_as("E-1001", "/inbox", width=360, expect_errors=True)
    unread = page.locator("li", has_text="New")
    count = await unread.count()
    assert count > 0
    await unread.first.locator("a").click()
    await expect(page.locator(".letter")).to_be_visible()
    await page.click("main >> text=Inbox")
    await expect(unread).to_have_count(count - 1)
    await page.click("text=How we write to you")
    await page.fill("#quiet_from", "18:00")
    await page.click("button:has-text('Save')")
    await expect(page.get_by_role("alert")).to_contain_text("both ends")
    await page.fill("#quiet_until", "08:00")
    await page.uncheck("input[value=surveys]")
    await page.click("button:has-text('Save')")
    await expect(page.get_by_role("status")).to_contain_text("Kept.")
    await expect(page.locator("input[value=surveys]")).not_to_be_checked()


# -- how pages are made -------------------------------------------------------------------------------------------

PLACES = [
    (None, "/sign-in"),
    (CEO, "/board"),
    (CEO, "/board?show=over"),
    (CEO, "/board?q=nobody-of-this-name"),
    (CEO, "/people/E-1001"),
    (CEO, "/people/E-1001/plan"),
    (CEO, "/people/E-1001/messages"),
    ("coordinator", "/board"),
    ("coordinator", "/coordinator"),
    ("coordinator", "/coordinator/proposals"),
    ("coordinator", "/coordinator/better"),
    ("coordinator", "/coordinator/waitlist"),
    ("coordinator", "/coordinator/mentors"),
    ("coordinator", "/coordinator/mentors?q=ines&status=full"),
    ("coordinator", "/coordinator/mentors/E-0019"),
    ("coordinator", "/coordinator/forecast"),
    ("coordinator", "/coordinator/what-if?skills=0&interests=90"),
    ("coordinator", "/coordinator/fairness"),
    ("coordinator", "/coordinator/read-models"),
    ("coordinator", "/coordinator/bounces"),
    ("coordinator", "/matching/why/E-1001"),
    ("coordinator", "/mail"),
    ("coordinator", "/overview"),
    ("coordinator", "/outcomes"),
    ("coordinator", "/programmes"),
    ("coordinator", "/programmes/default/preview?start=2027-03-01&location=DE-BY"),
    ("coordinator", "/docs"),
    ("hire", "/matching/why/E-1001"),
    ("hire", "/me"),
    ("hire", "/inbox"),
    ("hire", "/preferences"),
    ("mentor", "/me"),
    ("mentor", "/mentoring"),
    ("hire", "/mentoring"),
]


def somebody(who, halden):
    """The id of the kind of person that is meant."""
    return {"coordinator": halden.coordinators[0], "hire": "E-1001", "mentor": MENTOR}.get(who, who)


CHECKS = (Path(__file__).parent / "checks.js").read_text().rstrip().removesuffix(";")


async def faults(page, check):
    return await page.evaluate(f"{CHECKS}.{check}()")


async def violations(page):
    """What axe finds, by rule, with the first element at fault. A page keeps axe: reading it takes longer than a look."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE_SCRIPT)
    return await page.evaluate(
        """async () => (await axe.run({ resultTypes: ["violations"] })).violations.map(
            (each) => `${each.id}: ${each.nodes[0].html.slice(0, 160)}`)"""
    )


WIDTHS = (360, 390, 768, 1440)
WITH_AXE = {360: "light", 768: "dark", 1440: "light"}
"""The theme in which axe looks at a width: it takes longer than all else, and what a width changes is seldom a colour."""


@pytest.mark.parametrize(("who", "path"), PLACES)
async def test_every_page_fits_a_phone_can_be_heard_and_stands_out(open_as, halden, who, path):
    page = await open_as(somebody(who, halden), path, reduced_motion="reduce")
    found = {"structure": await faults(page, "structure")}
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        found[f"contrast, {scheme}"] = await faults(page, "contrast")
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 800})
        found[f"{width} px"] = await faults(page, "tooWide")
        if width in WITH_AXE:
            await page.emulate_media(color_scheme=WITH_AXE[width])
            found[f"axe, {width} px, {WITH_AXE[width]}"] = await violations(page)
    assert {check: wrong for check, wrong in found.items() if wrong} == {}


ABROAD = {
    None: ["/sign-in", "/answer/not-a-link-of-ours"],
    CEO: ["/board", "/people/E-1001", "/people/E-1001/plan", "/people/E-1001/messages"],
    "coordinator": [
        "/overview",
        "/outcomes",
        "/programmes",
        "/programmes/default/preview?start=2027-03-01&location=DE-BY",
        "/coordinator/read-models",
        "/coordinator",
        "/matching/why/E-1001",
        "/no-such-page",
    ],
    "hire": ["/me", "/matching/why/E-1001"],
    "mentor": ["/me", "/mentoring", "/inbox", "/preferences"],
}
LOOKS = {"de": {360: "dark"}, "fr": {1440: "light"}, "ar": {360: "light", 1440: "dark"}}
"""Where axe looks in each language: between them at a phone's and a desk's width in both themes, from right to left at both."""


@pytest.mark.parametrize("language", LOOKS)
async def test_pages_hold_to_the_same_in_every_language(open_as, halden, language):
    found = {}
    for who, paths in ABROAD.items():
        page = await open_as(somebody(who, halden), expect_errors=True, reduced_motion="reduce", locale=language)
        for path in paths:
            await page.goto(path)
            assert await page.get_attribute("html", "lang") == language
            assert await page.get_attribute("html", "dir") == ("rtl" if language == "ar" else "ltr")
            for width in (360, 768, 1440):
                await page.set_viewport_size({"width": width, "height": 800})
                found[f"{path}, {width} px"] = await faults(page, "tooWide")
                if theme := LOOKS[language].get(width):
                    await page.emulate_media(color_scheme=theme)
                    found[f"{path}, {width} px, axe"] = await violations(page)
        await page.context.close()
    assert {check: wrong for check, wrong in found.items() if wrong} == {}
