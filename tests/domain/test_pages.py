"""What every page shares: words, layout, refusals for people, and assets that come from here alone."""

from datetime import UTC, date, datetime

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from pydantic import SecretStr
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from shared.access import CurrentViewer, Viewer, check, install_access
from shared.pages import FOLDER, STATIC, PageRoute, in_words, install_pages, nav, templates, words
from shared.pages.language import gettext, ngettext, speaking
from shared.problems import install_problem_handlers
from shared.refusals import AnyOf, forbidden, not_found
from shared.settings import Settings

TODAY = date(2027, 1, 11)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (date(2027, 1, 11), "today"),
        (date(2027, 1, 12), "tomorrow"),
        (date(2027, 1, 10), "yesterday"),
        (date(2027, 1, 14), "in 3 days"),
        ("2027-01-04", "7 days ago"),
        (date(2027, 1, 24), "in 13 days"),
        (date(2027, 1, 25), "Mon 25 Jan"),
        (date(2026, 12, 1), "Tue 1 Dec"),
        (date(2026, 5, 4), "Mon, 4 May 2026"),
        (datetime(2027, 1, 12, 23, tzinfo=UTC), "tomorrow"),
    ],
)
def test_near_days_are_counted_and_far_ones_named(given, said):
    assert words.relative(given, TODAY) == said


@pytest.mark.parametrize(
    ("tag", "said"), [("fr", "Back dim. 7 févr."), ("de", "Back So., 7. Feb."), ("en_GB", "Back Sun 7 Feb.")]
)
def test_a_sentence_that_ends_in_an_abbreviation_has_one_full_stop(tag: str, said: str) -> None:
    with speaking(tag):
        on = words.day(date(2027, 2, 7), TODAY)
        assert gettext("Back %(day)s.", day=on) == said  # which nobody translated
        assert ngettext("Back %(day)s.", "Back %(day)s.", 2, day=on) == said
        assert words.sentence(f"Back {on}") == said
        assert gettext("%(what)s.", what="wait..") == "wait..."
        assert gettext("%(what)s", what="a..b") == "a..b"
        assert words.sentence("") == ""


def test_a_moment_is_told_in_the_zone_of_the_person_or_says_that_it_is_utc():
    at = datetime(2027, 1, 11, 8, 5, tzinfo=UTC)
    assert words.moment(at, "Asia/Tokyo") == "11 Jan 2027, 17:05"
    assert words.moment("2027-01-11T08:05:00+00:00") == "11 Jan 2027, 08:05 UTC"
    assert words.moment(datetime(2027, 1, 11, 8, 5)) == "11 Jan 2027, 08:05 UTC"  # noqa: DTZ001 - a naive time is UTC here


def test_small_words():
    assert words.plural(1, "person", "people") == "1 person"
    assert words.plural(3, "hire") == "3 hires"
    assert [words.listed(some) for some in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == ["", "a", "a and b", "a, b and c"]
    assert words.humane("mentor_paused") == "Mentor paused"
    assert [words.initials(name) for name in ("Ada Okafor", "Cher", "Ludwig van Beethoven", "", "- -")] == [
        "AO",
        "C",
        "LB",
        "?",
        "?",
    ]
    assert words.tint("E-1") == words.tint("E-1")


def test_the_navigation_offers_each_viewer_their_places():
    coordinator = Viewer("E-8", frozenset({"coordinator"}), places=frozenset({"me"}))
    assert [place.label for place in nav(Viewer("E-3", places=frozenset({"board"})))] == ["Board", "Inbox"]
    assert [place.label for place in nav(coordinator)] == [
        "Overview",
        "Board",
        "My page",
        "Inbox",
        "Matching",
        "Programmes",
        "Outcomes",
        "Mail",
    ]
    assert "Inbox" not in [place.label for place in nav(Viewer(None, frozenset({"operator"})))]
    assert nav(None) == []


PAGES = templates()


def _app():
    app = FastAPI()
    settings = Settings(secret=SecretStr("s"), token=SecretStr("t"), brand_name="Acme <Crew>")
    install_access(app, settings)
    install_pages(app, settings)
    install_problem_handlers(app)
    router = APIRouter(route_class=PageRoute)

    @router.get("/mail")
    async def mail(request: Request, viewer: CurrentViewer, count: int = 1):
        return PAGES.render(request, "layout.html", viewer=viewer)

    @router.get("/board")
    async def board(viewer: CurrentViewer):
        check(Viewer("E-9"), "see_mail")

    @router.get("/people/{id}")
    async def person(id: str):
        raise not_found("nobody has this id")

    @router.get("/down")
    async def down():
        raise ServerSelectionTimeoutError("no primary")

    @router.get("/refused")
    async def refused():
        raise OperationFailure("not authorised", 13)

    @router.post("/change")
    async def change_only():
        return None

    @router.get("/broken")
    async def broken():
        raise KeyError("a secret")

    @router.post("/people/{id}")
    async def change(id: str, viewer: CurrentViewer):
        return None

    app.include_router(router)
    return app


@pytest.fixture
async def browser():
    transport = httpx.ASGITransport(app=_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as browser:
        yield browser


OPERATOR = {"Authorization": "Bearer t"}


async def test_who_is_not_signed_in_is_sent_to_sign_in_and_back(browser):
    answer = await browser.get("/mail?count=2")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Fmail%3Fcount%3D2"
    answer = await browser.post("/people/E-1")
    assert answer.headers["location"] == "/sign-in"


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/board", 403, "This is not yours to see or do"),
        ("/people/E-1", 404, "Nobody has this id."),
        ("/down", 503, "The database can&#39;t be reached now; try again in a few seconds."),
        ("/refused", 500, "The database refused the operation"),
        ("/mail?count=x", 422, "The field &#39;count&#39; can&#39;t be read (Input should be a valid integer"),
    ],
)
async def test_a_refusal_is_a_page_that_says_what_happened(browser, path, status, said):
    answer = await browser.get(path, headers=OPERATOR)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert said in answer.text


async def test_a_refusal_speaks_the_readers_language_on_pages_and_english_in_problem_details(browser):
    refused = forbidden("only %(who)s may see this board", who=AnyOf(("a manager above them", "a coordinator")))
    assert refused.problem()["detail"] == "only a manager above them or a coordinator may see this board"
    said = {}
    for locale in ("de", "fr", "ar"):
        with speaking(locale):
            said[locale] = in_words(refused)
    assert said == {
        "de": "Nur eine Führungskraft darüber oder die Koordination darf diese Übersicht sehen",
        "fr": "Voir ce tableau est réservé aux personnes suivantes : un responsable au-dessus ou la coordination",
        "ar": "يحقّ الاطّلاع على هذه اللوحة لـ: أحد مدرائه أو أحد المنسّقين فقط",
    }
    page = await browser.get("/down", headers=OPERATOR | {"Accept-Language": "de"})
    assert "Die Datenbank ist gerade nicht erreichbar" in page.text


async def test_an_address_that_does_not_exist_is_a_page_for_people_and_a_problem_for_programs(browser):
    page = await browser.get("/nowhere", headers={"Accept": "text/html,*/*"})
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Nothing here" in page.text
    for path, accept in (("/nowhere", "*/*"), ("/api/nowhere", "text/html")):
        problem = await browser.get(path, headers={"Accept": accept})
        assert (problem.status_code, problem.headers["content-type"]) == (404, "application/problem+json")
    assert (await browser.get("/change", headers={"Accept": "text/html"})).status_code == 405


async def test_a_fault_of_ours_is_a_page_for_people_and_a_problem_for_programs():
    transport = httpx.ASGITransport(app=_app(), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as browser:
        page = await browser.get("/broken", headers={"Accept": "text/html"})
        assert (page.status_code, page.headers["content-type"]) == (500, "text/html; charset=utf-8")
        problem = await browser.get("/broken")
        assert (problem.status_code, problem.json()["code"]) == (500, "internal_error")
        assert "secret" not in page.text + problem.text


async def test_a_page_forbids_inline_scripts_other_origins_framing_and_keeping(browser):
    answer = await browser.get("/mail", headers=OPERATOR)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["cache-control"] == "no-store"


async def test_the_brand_is_text_and_not_markup(browser):
    answer = await browser.get("/mail", headers=OPERATOR)
    assert "Acme &lt;Crew&gt;" in answer.text
    assert "<Crew>" not in answer.text


async def test_assets_named_by_their_content_are_kept_for_ever_and_others_asked_for_again(browser):
    page = await browser.get("/mail", headers=OPERATOR)
    address = next(part for part in page.text.split('"') if part.startswith("/static/style.css"))
    assert "immutable" in (await browser.get(address)).headers["cache-control"]
    assert (await browser.get("/static/style.css")).headers["cache-control"] == "no-cache"


def test_nothing_on_our_pages_comes_from_elsewhere():
    for path in (*FOLDER.rglob("*.html"), *STATIC.iterdir()):
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text, path.name
        assert "https:" not in text, path.name
        assert "style=" not in text, f"{path.name}: inline styles are forbidden by the policy sent with each page"
