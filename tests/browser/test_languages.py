"""Matching's pages in every language that pages speak: they fit a phone, can be heard, and keep no sentence in English."""

from pathlib import Path

import pytest

from tests.browser.conftest import visiting
from tests.browser.test_browser import faults, violations

pytestmark = pytest.mark.browser

TEXTS = (Path(__file__).parent / "texts.js").read_text().rstrip().removesuffix(";")
PAGES = [
    "/coordinator",
    "/coordinator/waitlist",
    "/coordinator/proposals",
    "/coordinator/better",
    "/coordinator/mentors",
    "/coordinator/mentors?q=nobody-of-this-name",
    "/coordinator/mentors/E-0019",
    "/coordinator/forecast",
    "/coordinator/what-if?skills=0&interests=90",
    "/coordinator/what-if?skills=many",
    "/coordinator/fairness",
    "/matching/why/E-1001",
    "/matching/why/E-0001",
    "/mail?to=nobody-of-this-address",
]


@pytest.fixture(scope="module")
async def in_english(chromium, system, halden):
    """The texts of each page in English, read once for all languages."""
    async with visiting(chromium, system.endpoints.web) as opened:
        page = await opened(halden.coordinators[0], "/", expect_errors=True)
        found = {}
        for path in PAGES:
            await page.goto(path)
            found[path] = set(await page.evaluate(TEXTS))
            assert found[path], f"{path} says nothing"
        return found


@pytest.mark.parametrize("language", ["de", "fr", "ar"])
async def test_matching_speaks_each_language_alone_and_fits_a_phone_in_it(open_as, halden, in_english, language):
    page = await open_as(halden.coordinators[0], "/", width=360, expect_errors=True, reduced_motion="reduce", locale=language)
    wrong = {}
    for path in PAGES:
        await page.goto(path)
        assert await page.get_attribute("html", "lang") == language
        wrong[f"{path}, 360 px"] = await faults(page, "tooWide")
        wrong[f"{path}, axe"] = await violations(page)
        wrong[f"{path}, in English"] = sorted(in_english[path] & set(await page.evaluate(TEXTS)))
    assert {check: found for check, found in wrong.items() if found} == {}
