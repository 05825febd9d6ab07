"""What a coordinator does with matching, in a real browser on the whole running system: on phone and desktop, by keyboard."""

import pytest
from playwright.async_api import expect

from tests.browser.test_browser import tab_to

pytestmark = pytest.mark.browser

WIDTHS = pytest.mark.parametrize("width", [390, 1280])


@pytest.fixture
def cora(halden):
    return halden.coordinators[0]


async def test_from_the_overview_a_suggestion_places_whom_it_names(open_as, cora):
    page = await open_as(cora, "/", width=390)
    await page.click("nav[aria-label=Main] >> text=Matching")
    await expect(page.locator("h1")).to_have_text("Matching")
    await page.click("text=See what would help")
    await expect(page.locator("h1")).to_have_text("Waitlist")
    first = page.locator("section:has(#now) li", has=page.locator("button")).first
    words = await first.locator("> span").inner_text()
    named = words.split(": ")[1].split(" with ")[0]
    waiting = page.locator("article h2", has_text=named)
    await expect(waiting).to_have_count(1)
    await first.locator("button").click()
    await expect(page.get_by_role("status")).to_contain_text("Places changed")
    for _ in range(60):  # the owner of the pool looks at the waitlist every two seconds
        if not await waiting.count():
            break
        await page.wait_for_timeout(500)
        await page.reload()
    await expect(waiting).to_have_count(0)


@WIDTHS
async def test_somebody_is_nominated_with_a_checklist_and_accepted_once_trained(open_as, cora, halden, width):
    mentors = {person.id for person in halden.mentors}
    free = [person for person in halden.people if person.id not in mentors and person.tenure_days > 400]
    person = free[0 if width == 390 else 1]
    page = await open_as(cora, "/coordinator/mentors", width=width)
    await page.fill("#enrol-id", person.id)
    await page.check("input[name=traits][value=reliability]")
    await page.click("button:has-text('Nominate')")
    await expect(page.get_by_role("status")).to_contain_text("Nominated.")
    await page.fill("#q", person.name.split(" ")[0])
    await page.click("form[role=search] button")
    await page.click(f"a.person__name:has-text('{person.name}')")
    await expect(page.locator("h1")).to_have_text(person.name)
    await expect(page.locator("li", has_text="Reliability")).to_contain_text("seen")
    await page.click("text=Trained: accept")
    await expect(page.get_by_role("status")).to_contain_text("Training noted")
    await expect(page.locator(".page-head")).to_contain_text("Active")
    await page.click("button:has-text('Withdraw')")
    await expect(page.get_by_role("status")).to_contain_text("Withdrawn")


async def test_a_pair_is_pinned_by_keyboard_alone(open_as, cora):
    page = await open_as(cora, "/matching/why/E-1001")
    await tab_to(page, "#decide ~ details:nth-of-type(2) > summary")
    await page.keyboard.press("Enter")
    await tab_to(page, "#pin-reason")
    await page.keyboard.type("They share a desk")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("Pinned.")
    await expect(page.locator(".page-head")).to_contain_text("pinned")
    await page.click("text=No longer pin this pair")
    await expect(page.get_by_role("status")).to_contain_text("No longer pinned")


@WIDTHS
async def test_other_weights_are_tried_without_a_script_and_nothing_changes(open_as, cora, width):
    page = await open_as(cora, "/coordinator/what-if", width=width, java_script_enabled=False)
    await page.fill("#w-interests", "90")
    await page.fill("#w-role", "0")
    await page.click("text=Compare")
    await expect(page.locator("#result")).to_have_text("What these weights would do")
    await expect(page.locator("#w-interests")).to_have_value("90")
    await expect(page.locator("#now-role")).to_contain_text("changed from")
    await page.click("text=Back to today's weights")
    await expect(page.locator("#now-role")).to_have_text("as today")


@WIDTHS
async def test_each_figure_of_the_fairness_report_leads_to_what_it_means(open_as, cora, width):
    page = await open_as(cora, "/coordinator/fairness", width=width)
    links = page.locator(".tile a[href^='#def-']")
    for number in range(await links.count()):
        target = await links.nth(number).get_attribute("href")
        await expect(page.locator(f"{target} dd")).not_to_be_empty()
    async with page.expect_download() as download:
        await page.click("text=Table for spreadsheets")
    assert (await download.value).suggested_filename == "fairness.csv"


async def test_looking_for_better_pairs_answers_on_the_page(open_as, cora):
    page = await open_as(cora, "/coordinator/better", width=390)
    await page.click("text=Look now")
    await expect(page.get_by_role("status")).to_contain_text("Looked at anew.")
    await expect(page.locator("#now")).to_have_text("What to do now")
