"""Matching's pages in every language that pages speak: they fit a phone, can be heard, and keep no sentence in English."""

from pathlib import Path

import pytest

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


@pytest.mark.parametrize("language", ["de", "fr", "ar"])
async def test_matching_speaks_each_language_alone_and_fits_a_phone_in_it(open_as, halden, language):
    coordinator = halden.coordinators[0]
    english = await open_as(coordinator, "/", expect_errors=True)
    theirs = await open_as(coordinator, "/", width=360, expect_errors=True, reduced_motion="reduce", locale=language)
    wrong = {}
    for path in PAGES:
        await english.goto(path)
        await theirs.goto(path)
        assert await theirs.get_attribute("html", "lang") == language
        wrong[f"{path}, 360 px"] = await faults(theirs, "tooWide")
        wrong[f"{path}, axe"] = await violations(theirs)
        texts = [set(await page.evaluate(TEXTS)) for page in (english, theirs)]
        assert texts[0], f"{path} says nothing"
        wrong[f"{path}, in English"] = sorted(texts[0] & texts[1])
    assert {check: found for check, found in wrong.items() if found} == {}
