"""Onboarding's pages in other languages, with a journey in which much has happened: nothing in them stays English."""

from datetime import date
from html.parser import HTMLParser
from types import SimpleNamespace

import httpx
import pytest
from pydantic import SecretStr

from shared.links import Link, Links
from tests.connected.cohort import TODAY, tell
from tests.connected.pages_server import ADA, BO, COORDINATOR, LEAD, MENTOR, serving, signed_in, small_company

LINKS = Links(SecretStr("of the tests"))
LAST = date(2027, 2, 17)
SHORT = 2  # words: names of people, titles and sites are alike in every language
NOT_READ = ("script", "style", "code", "title")
PREVIEW = "start=2027-03-01&location=DE-BY&work_arrangement=hybrid"
PAGES = [
    (ADA, "/me"),
    (ADA, f"/me?met=1&about={ADA}"),
    (MENTOR, "/me"),
    (LEAD, f"/people/{ADA}"),
    (LEAD, f"/people/{ADA}?done=access_ready"),
    (LEAD, f"/people/{BO}"),
    (LEAD, f"/people/{ADA}/plan"),
    (LEAD, f"/people/{BO}/plan"),
    (COORDINATOR, f"/people/{ADA}"),
    (COORDINATOR, "/programmes"),
    (COORDINATOR, f"/programmes/default/preview?{PREVIEW}"),
    (COORDINATOR, "/programmes/default/preview?start=2027-03-01&location=nowhere"),
    (COORDINATOR, "/outcomes"),
    (COORDINATOR, "/outcomes?by=department&group=Sales"),
    (None, LINKS.path(Link.to_survey(ADA, 1, "match_quality", LAST))),
    (None, LINKS.path(Link.to_survey(ADA, 1, "pulse_14", LAST))),
    (None, LINKS.path(Link.to_meeting(ADA, MENTOR, 1, LAST))),
    (None, "/answer/nothing"),
]


class Texts(HTMLParser):
    """What a reader sees or hears of a page: its text, and the labels that only listeners get."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._within: list[str] = []
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within += [tag] if tag in NOT_READ else []
        self.found += [value for name, value in attrs if name in ("aria-label", "data-label") and value]

    def handle_endtag(self, tag: str) -> None:
        if self._within and tag == self._within[-1]:
            self._within.pop()

    def handle_data(self, data: str) -> None:
        if not self._within and data.strip():
            self.found.append(" ".join(data.split()))


def sentences(page: str) -> set[str]:
    """The texts of a page that are too long to be a name."""
    return {text for text in Texts(page).found if sum(word.strip(".,:;?!()“”").isalpha() for word in text.split()) > SHORT}


async def do(browser: httpx.AsyncClient, path: str, **fields: str) -> None:
    answer = await browser.post(path, data=fields)
    assert answer.status_code == 303, answer.text


@pytest.fixture
async def server(database):
    """The small company, after a manager has changed plans, a meeting was held and a survey was answered."""
    told = await small_company(database)
    async with serving(database, told) as server:
        async with signed_in(server, LEAD) as lead:
            plan = f"/people/{ADA}/plan"
            await do(lead, f"/people/{ADA}/milestones/access_ready")
            await do(lead, f"{plan}/milestones", title="Works council", owner="hire", due="2027-02-03", milestone_id="own_1")
            await do(lead, f"{plan}/due", milestone_id="goals_30", due="2027-02-24", reason="Holiday")
            await do(lead, f"{plan}/owner", milestone_id="review_60", owner="coordinator")
            await do(lead, f"{plan}/waiver", milestone_id="mentor_meeting_8")
            await do(lead, f"{plan}/waiver", milestone_id="manager_one_to_one")
            await do(lead, f"{plan}/reopening", milestone_id="manager_one_to_one")
            await do(lead, f"/people/{BO}/plan/pause", until="2027-06-01")
        async with signed_in(server, MENTOR) as mentor:
            await do(mentor, f"/people/{ADA}/meetings", held_on="2027-01-19", minutes="25")
        async with signed_in(server, ADA) as ada:
            await do(ada, f"/people/{ADA}/surveys/pulse_7", **{"rating.satisfaction": "4", "comment": "Good"})
        await told.relay()
        yield SimpleNamespace(server=server, told=told, db=database)


async def pages_in(server, language: str) -> dict[str, set[str]]:
    found = {}
    for who, path in PAGES:
        async with signed_in(server, who) as browser:
            page = await browser.get(path, headers={"Accept-Language": language})
        assert f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}">' in page.text, (path, page.status_code)
        found[f"{who} {path}"] = sentences(page.text)
    return found


async def test_no_sentence_is_the_same_in_english_and_in_another_language(server):
    await tell(server.db, 300)
    server.told.now = TODAY.replace(year=2027, month=1, day=26)
    english = await pages_in(server.server, "en")
    assert sum(map(len, english.values())) > 150
    for language in ("de", "fr", "ar"):
        theirs = await pages_in(server.server, language)
        assert {path: alike for path, texts in theirs.items() if (alike := texts & english[path])} == {}, language
        # What is three words in English may be two elsewhere: far fewer sentences mean that a part of the page is missing.
        assert {path: len(texts) for path, texts in theirs.items() if 2 * len(texts) < len(english[path])} == {}, language
