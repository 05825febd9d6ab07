"""What the running sample company can't show: outcomes with figures, and what the links of mails open without signing in.

Served over a company that was told of two years of journeys, and of a hire who is asked for answers.
"""

import itertools
from collections.abc import AsyncIterator
from datetime import date, timedelta

import httpx
import pytest
from playwright.async_api import Page, expect
from pydantic import SecretStr

from services.notifications import store as notifications_store
from services.notifications import web as notifications
from services.notifications.preferences import Asked
from services.onboarding import web as onboarding
from shared.links import Link, Links
from shared.mongo import Client
from shared.worker import prepare_database
from tests.browser.conftest import Open, visiting
from tests.browser.test_browser import faults, tab_to, violations
from tests.connected.cohort import TODAY, tell
from tests.connected.pages_server import ADA, BO, COORDINATOR, MENTOR, served, settings, small_company

pytestmark = pytest.mark.browser

LINKS = Links(SecretStr("of the tests"))
LAST = date(2027, 6, 30)
PASSED = date(2027, 2, 17)
CHAT = "ntfy:\n  title: ntfy\n  url: ntfys://ntfy.example/{handle}\n  handle: your topic\n"


def survey(name: str, last: date = LAST) -> str:
    return str(LINKS.path(Link.to_survey(ADA, 1, name, last)))


def meeting(reporter: str, hire: str = ADA) -> str:
    return str(LINKS.path(Link.to_meeting(hire, reporter, 1, LAST)))


PREFERENCES = str(LINKS.own("preferences", ADA))
OUTCOMES = [
    "/outcomes",
    "/outcomes?by=department&group=Sales",
    "/outcomes?by=department&group=nobody-of-this-name",
    "/outcomes?first=2025-Q3&last=2026-Q2",
]
LINKED = {
    "a survey of one question": survey("pulse_14"),
    "a survey on the match": survey("match_quality"),
    "a survey of three questions": survey("outcome"),
    "a survey that was answered": survey("pulse_7"),
    "a survey whose day has passed": survey("pulse_14", PASSED),
    "a survey of no programme": survey("weather"),
    "a meeting, to the mentor": meeting(MENTOR),
    "a meeting, to the hire": meeting(ADA),
    "a meeting that was noted": meeting(MENTOR) + "?met=2027-06-14",
    "a meeting without a mentor": meeting(BO, BO),
    "a forged link": survey("pulse_14")[:-3] + "AAA",
    "preferences": PREFERENCES,
    "preferences that were kept": f"{PREFERENCES}?saved",
    "preferences of a forged link": PREFERENCES[:-3] + "AAA",
    "unsubscribing": f"{PREFERENCES}/without/surveys",
    "a chat handle": str(LINKS.own("chat", f"code {MENTOR}")),
    "a chat handle of a forged link": "/chat/nothing",
}
ANSWERED = [
    (survey("pulse_7"), {"rating.satisfaction": "4", "comment": "More tea."}),
    (meeting(MENTOR), {"held_on": "2027-06-14", "minutes": "30"}),
]
PAGES = {path: (COORDINATOR, path) for path in OUTCOMES} | {name: (None, path) for name, path in LINKED.items()}
QUIET = {"#quiet_from": "18:00"}
THEMES, WIDTHS = ("light", "dark"), (360, 768, 1440)
WITH_AXE = {"en": {("light", 360), ("dark", 1440)}, "ar": {("dark", 360), ("light", 768)}, "de": set(), "fr": set()}
"""Each theme and width, and each of two languages in both themes; what costs little is looked at in all of all."""


@pytest.fixture(scope="module")
async def web(mongo_client: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The origin of onboarding's and notifications' pages over the told company."""
    db = mongo_client["test_answers_and_outcomes"]
    await prepare_database(db)
    told = await small_company(db)
    await tell(db, 300)
    told.now = TODAY
    await notifications_store.ensure_indexes(db)
    asked = Asked(channel="ntfy", handle="mina", code="code", asked_at=TODAY - timedelta(hours=1))
    await notifications_store.ask_for_chat(db, MENTOR, asked, [asked.asked_at])
    chat = tmp_path_factory.mktemp("chat") / "chat.yaml"
    chat.write_text(CHAT)
    chosen = settings(chat_file=chat)
    clock = lambda: told.now  # noqa: E731
    async with served([*onboarding.web(db, chosen, clock), *notifications.web(db, chosen, clock)], chosen) as server:
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as browser:
            for path, fields in ANSWERED:
                assert (await browser.post(path, data=fields)).status_code == 303
        yield server.url
    await mongo_client.drop_database(db.name)


@pytest.fixture
async def visit(chromium, web: str) -> AsyncIterator[Open]:
    """`open_as` over that origin."""
    async with visiting(chromium, web) as opened:
        yield opened


async def looked_at(page: Page, language: str) -> dict[str, list[str]]:
    """What is wrong with a page in a language, by how it was looked at."""
    found = {f"{language}, structure": await faults(page, "structure")}
    for theme, width in itertools.product(THEMES, WIDTHS):
        await page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        await page.set_viewport_size({"width": width, "height": 900})
        look = f"{language}, {theme}, {width} px"
        for check in ("tooWide", "contrast"):
            found[f"{look}, {check}"] = await faults(page, check)
        if (theme, width) in WITH_AXE[language]:
            found[f"{look}, axe"] = await violations(page)
    return found


async def unreached(page: Page) -> list[str]:
    """What Tab never comes to, or where the focus is not to be seen. A field for a day takes several presses."""
    left = len(await faults(page, "follow"))
    for _ in range(4 * left + 10):
        if not await faults(page, "left"):
            break
        await page.keyboard.press("Tab")
    return await faults(page, "left") + await faults(page, "unmarked")


@pytest.mark.no_cover  # the server is in this process; its pages are covered where they are asked for without a browser
@pytest.mark.parametrize("name", PAGES)
async def test_a_page_fits_can_be_heard_stands_out_and_is_reached_by_keyboard(visit, name):
    who, path = PAGES[name]
    found = {}
    for language, with_axe in WITH_AXE.items():
        page = await visit(who, path, expect_errors=True, locale=language)
        assert await page.get_attribute("html", "lang") == language
        assert await page.get_attribute("html", "dir") == ("rtl" if language == "ar" else "ltr")
        found |= await looked_at(page, language)
        if with_axe:
            found[f"{language}, by keyboard"] = await unreached(page)
        await page.context.close()
    assert {check: wrong for check, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("language", ["en", "ar"])
async def test_an_answer_that_is_not_whole_comes_back_with_the_reason_in_the_same_good_form(visit, language):
    found = {}
    for path, fields in ((survey("outcome"), {"#comment": "Tea."}), (meeting(ADA), {"#minutes": "0"}), (PREFERENCES, QUIET)):
        page = await visit(None, path, expect_errors=True, locale=language)
        for field, said in fields.items():
            await page.fill(field, said)
        await page.eval_on_selector("main form", "form => { form.noValidate = true; }")  # as an old browser sends it
        await page.click("main form button")
        await expect(page.get_by_role("alert")).to_be_visible()
        for field, said in fields.items():
            await expect(page.locator(field)).to_have_value(said)
        found |= {f"{path}, {look}": wrong for look, wrong in (await looked_at(page, language)).items()}
        await page.context.close()
    assert {look: wrong for look, wrong in found.items() if wrong} == {}


async def test_a_survey_is_answered_by_keyboard_alone(visit):
    page = await visit(None, str(LINKS.path(Link.to_survey(BO, 1, "outcome", LAST))), width=360)
    for question, presses in (("satisfaction", 3), ("productivity", 4), ("belonging", 0)):
        await tab_to(page, f"input[name='rating.{question}']")
        await page.keyboard.press("Space")
        for _ in range(presses):
            await page.keyboard.press("ArrowRight")
    await tab_to(page, "#comment")
    await page.keyboard.type("More tea.")
    await tab_to(page, "main form button")
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_contain_text("Thank you")
    async with httpx.AsyncClient(base_url=str(page.url).partition("/answer")[0]) as browser:
        await browser.post("/sign-in", data={"employee_id": COORDINATOR})
        assert "More tea." in (await browser.get(f"/people/{BO}")).text


async def test_turning_a_kind_of_mail_off_takes_one_button_and_the_form_shows_it(visit):
    page = await visit(None, f"{LINKS.own('preferences', MENTOR)}/without/reminders", width=360)
    await tab_to(page, "main form button")
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text("Done")
    assert await unreached(page) == []
    assert await violations(page) == []
    await page.click("main a")
    await expect(page.locator("input[value=reminders]")).not_to_be_checked()
    await expect(page.locator("input[value=surveys]")).to_be_checked()
