"""Who may do what, spelled out whole: the rule book that `shared/access.py` must agree with."""

import ast
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI, Request, Response
from itsdangerous import URLSafeTimedSerializer
from pydantic import SecretStr

from shared.access import (
    MAY,
    MAY_COMPLETE,
    SESSION_COOKIE,
    SESSION_S,
    CurrentViewer,
    Viewer,
    check,
    install_access,
    is_local,
    may,
    require,
)
from shared.problems import install_problem_handlers
from shared.refusals import Refused
from shared.settings import Settings

HIRE, MENTOR, BOSS, BOSS_OF_BOSS = "E-1", "E-2", "E-3", "E-4"
CHAIN = [BOSS, BOSS_OF_BOSS]
VIEWERS = {
    "self": Viewer(HIRE),
    "mentor": Viewer(MENTOR),
    "manager": Viewer(BOSS),
    "skip-level": Viewer(BOSS_OF_BOSS),
    "stranger": Viewer("E-9"),
    "coordinator": Viewer("E-8", frozenset({"coordinator"})),
    "operator": Viewer(None, frozenset({"operator"})),
}
MATRIX = """
action               owner        self mentor manager skip-level stranger coordinator operator
see_board            -            yes  no     yes     yes        no       yes         yes
see_journey          -            yes  yes    yes     yes        no       yes         yes
complete_milestone   hire         yes  no     yes     yes        no       yes         yes
complete_milestone   mentor       no   yes    yes     yes        no       yes         yes
complete_milestone   manager      no   no     yes     yes        no       yes         yes
complete_milestone   coordinator  no   no     yes     yes        no       yes         yes
change_plan          -            no   no     yes     yes        no       yes         yes
log_meeting          -            yes  yes    no      no         no       yes         yes
answer_survey        -            yes  no     no      no         no       no          yes
share_start          -            yes  no     no      no         no       no          no
see_contacts         -            yes  no     no      no         no       no          no
see_survey_comments  -            yes  no     no      no         no       yes         yes
see_assignment       -            yes  yes    yes     yes        no       yes         yes
see_messages         -            yes  no     yes     yes        no       yes         yes
choose_preferences   -            yes  no     no      no         no       yes         yes
manage_mentors       -            no   no     no      no         no       yes         yes
nominate_mentor      -            yes  no     yes     yes        no       yes         yes
choose_availability  -            yes  no     no      no         no       yes         yes
see_brief            -            no   yes    no      no         no       yes         yes
override_assignment  -            no   no     no      no         no       yes         yes
request_change       -            yes  yes    no      no         no       yes         yes
see_waitlist         -            no   no     no      no         no       yes         yes
see_matching_reports -            no   no     no      no         no       yes         yes
see_projections      -            no   no     no      no         no       yes         yes
see_outcomes         -            no   no     no      no         no       yes         yes
see_programmes       -            no   no     no      no         no       yes         yes
publish_events       -            no   no     no      no         no       no          yes
report_bounces       -            no   no     no      no         no       no          yes
see_mail             -            no   no     no      no         no       yes         yes
see_bounces          -            no   no     no      no         no       yes         yes
"""


def _cells():
    header, *rows = [line.split() for line in MATRIX.strip().splitlines()]
    for action, owner, *answers in rows:
        for relation, answer in zip(header[2:], answers, strict=True):
            yield pytest.param(
                action, None if owner == "-" else owner, relation, answer == "yes", id=f"{action}-{owner}-{relation}-{answer}"
            )


@pytest.mark.parametrize(("action", "owner", "relation", "allowed"), list(_cells()))
def test_each_relation_may_do_what_the_table_says(action, owner, relation, allowed):
    about = {"subject": HIRE, "chain": CHAIN, "mentor_id": MENTOR, "owner": owner}
    assert may(VIEWERS[relation], action, **about) is allowed
    if allowed:
        check(VIEWERS[relation], action, **about)
    else:
        with pytest.raises(Refused) as refused:
            check(VIEWERS[relation], action, **about)
        assert refused.value.status == 403


def test_the_table_above_covers_every_action_and_every_owner():
    rows = {tuple(line.split()[:2]) for line in MATRIX.strip().splitlines()[1:]}
    assert rows == {(action, "-") for action in MAY} | {("complete_milestone", owner) for owner in MAY_COMPLETE}


def test_without_a_subject_only_roles_count():
    for action in MAY:
        for relation in ("self", "mentor", "manager", "skip-level", "stranger"):
            assert not may(VIEWERS[relation], action)


def test_a_former_mentor_sees_nothing_any_more():
    assert not may(VIEWERS["mentor"], "see_journey", subject=HIRE, chain=CHAIN, mentor_id="E-7")


def test_nobody_becomes_their_own_manager_through_a_cycle_in_the_reporting_chain():
    assert not may(Viewer(HIRE), "complete_milestone", subject=HIRE, chain=[BOSS, HIRE], owner="manager")


def test_nobody_becomes_their_own_mentor():
    assert not may(Viewer(HIRE), "complete_milestone", subject=HIRE, mentor_id=HIRE, owner="mentor")


def test_a_viewer_without_an_id_is_related_to_nobody():
    assert not may(Viewer(None), "see_journey", subject=HIRE, chain=CHAIN, mentor_id=None)


def test_completing_a_milestone_of_an_unstated_owner_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="owner"):
        may(VIEWERS["coordinator"], "complete_milestone", subject=HIRE)


def test_a_refusal_says_whose_word_would_be_enough():
    with pytest.raises(Refused) as refused:
        check(VIEWERS["stranger"], "see_journey", subject=HIRE, chain=CHAIN, mentor_id=MENTOR)
    assert "a manager above them, a coordinator or an operator" in refused.value.detail
    assert HIRE not in refused.value.detail


# -- who is asking ------------------------------------------------------------------------------------------------

SECRET, TOKEN = "a long secret for the tests", "operator-token"


def _settings(**more):
    given = {"secret": SecretStr(SECRET), "token": SecretStr(TOKEN), "coordinators": ["E-8"], "web_url": "https://mate.example"}
    return Settings(**(given | more))


def _app(settings):
    app = FastAPI()
    install_access(app, settings)
    install_problem_handlers(app)

    @app.get("/who")
    async def who(viewer: CurrentViewer):
        return {"id": viewer.employee_id, "roles": sorted(viewer.roles), "name": viewer.name, "places": sorted(viewer.places)}

    @app.get("/mail")
    async def mail(viewer: Annotated[Viewer, Depends(require("see_mail"))]):
        return {"id": viewer.employee_id}

    @app.get("/local")
    async def local(request: Request):
        return is_local(request)

    @app.post("/in/{employee_id}")
    async def sign_in(request: Request, response: Response, employee_id: str):
        viewer = Viewer(employee_id, name="Ada", places=frozenset({"board"}))
        app.state.gate.sign_in(response, viewer, secure=request.url.scheme == "https")

    @app.post("/out")
    async def sign_out(response: Response):
        app.state.gate.sign_out(response)

    return app


def _browser(settings=None, url="http://localhost:8080", peer="127.0.0.1"):
    transport = httpx.ASGITransport(app=_app(settings or _settings()), client=(peer, 50000))
    return httpx.AsyncClient(transport=transport, base_url=url)


def _bearer(token):
    return {"Authorization": f"Bearer {token}"}


async def test_a_signed_session_names_its_person_until_they_sign_out():
    async with _browser() as browser:
        assert (await browser.get("/who")).status_code == 401
        await browser.post("/in/E-3")
        assert (await browser.get("/who")).json() == {"id": "E-3", "roles": [], "name": "Ada", "places": ["board"]}
        await browser.post("/out")
        assert (await browser.get("/who")).status_code == 401


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites():
    async with _browser() as browser:
        plain = (await browser.post("/in/E-3")).headers["set-cookie"].lower()
    async with _browser(url="https://localhost") as browser:
        secure = (await browser.post("/in/E-3")).headers["set-cookie"].lower()
    for attribute in ("httponly", "samesite=lax", f"max-age={SESSION_S}"):
        assert attribute in plain
    assert "secure" not in plain
    assert "secure" in secure


def _cookie(secret=SECRET, salt="firstmate.session", **held):
    return URLSafeTimedSerializer(secret, salt=salt).dumps({"id": "E-8", "name": "", "places": []} | held)


@pytest.mark.parametrize(
    "cookie",
    [
        "nonsense",
        _cookie()[:-2] + "xx",
        _cookie(secret="another secret"),
        _cookie(salt="something.else"),
        _cookie(places=None),
        URLSafeTimedSerializer(SECRET, salt="firstmate.session").dumps(["a list"]),
    ],
    ids=["nonsense", "cut short", "another secret", "another purpose", "no places", "a list"],  # signatures differ by the second
)
async def test_a_cookie_that_was_not_signed_here_names_nobody(cookie):
    async with _browser() as browser:
        browser.cookies.set(SESSION_COOKIE, cookie)
        assert (await browser.get("/who")).status_code == 401


async def test_a_session_ends_with_its_age(monkeypatch):
    cookie = _cookie()
    async with _browser() as browser:
        browser.cookies.set(SESSION_COOKIE, cookie)
        assert (await browser.get("/who")).status_code == 200
        monkeypatch.setattr("shared.access.SESSION_S", -1)
        assert (await browser.get("/who")).status_code == 401


async def test_roles_follow_the_settings_and_not_the_cookie():
    async with _browser() as browser:
        browser.cookies.set(SESSION_COOKIE, _cookie(roles=["operator"]))
        assert (await browser.get("/who")).json()["roles"] == ["coordinator"]
    async with _browser(_settings(coordinators=[])) as browser:
        browser.cookies.set(SESSION_COOKIE, _cookie())
        assert (await browser.get("/who")).json()["roles"] == []


async def test_the_operators_token_opens_and_a_wrong_one_does_not():
    async with _browser() as browser:
        assert (await browser.get("/who", headers=_bearer(TOKEN))).json()["roles"] == ["operator"]
        assert (await browser.get("/who", headers=_bearer("wrong"))).status_code == 401
        assert (await browser.get("/who", headers={"Authorization": "Bearer"})).status_code == 401
        await browser.post("/in/E-3")
        assert (await browser.get("/who", headers=_bearer("wrong"))).status_code == 401


async def test_an_empty_token_is_no_token():
    async with _browser(_settings(token=SecretStr(""))) as browser:
        assert (await browser.get("/who", headers=_bearer(""))).status_code == 401


async def test_without_a_secret_nobody_signs_in():
    async with _browser(_settings(secret=SecretStr(""))) as browser:
        answer = await browser.post("/in/E-3")
        assert answer.status_code == 503
        assert "FIRSTMATE_SECRET" in answer.json()["detail"]
        browser.cookies.set(SESSION_COOKIE, _cookie())
        assert (await browser.get("/who")).status_code == 401


async def test_an_app_without_access_installed_knows_nobody():
    app = FastAPI()
    install_problem_handlers(app)

    @app.get("/who")
    async def who(viewer: CurrentViewer):
        return viewer.employee_id

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://localhost") as browser:
        assert (await browser.get("/who", headers=_bearer(TOKEN))).status_code == 401


async def test_require_lets_through_and_refuses_by_role():
    async with _browser() as browser:
        assert (await browser.get("/mail")).status_code == 401
        await browser.post("/in/E-3")
        assert (await browser.get("/mail")).status_code == 403
        await browser.post("/in/E-8")
        assert (await browser.get("/mail")).status_code == 200


# -- other sites --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),  # no browser
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost:8080"}, 403),
        ({"Origin": "http://localhost:8080"}, 200),
        ({"Origin": "https://mate.example"}, 200),  # behind a proxy that changes Host
        ({"Origin": "http://localhost:9999"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Authorization": f"Bearer {TOKEN}"}, 200),
    ],
)
async def test_writes_come_from_our_own_pages_or_from_no_browser(headers, status):
    async with _browser() as browser:
        answer = await browser.post("/in/E-3", headers=headers)
        assert answer.status_code == status
        if status == 403:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"] == "cross_site"


async def test_reading_is_open_to_links_from_other_sites():
    async with _browser() as browser:
        assert (await browser.get("/local", headers={"Sec-Fetch-Site": "cross-site"})).status_code == 200


@pytest.mark.parametrize(
    ("url", "peer", "headers", "local"),
    [
        ("http://localhost:8080", "127.0.0.1", {}, True),
        ("http://127.0.0.1:8080", "::ffff:127.0.0.1", {}, True),
        ("http://[::1]:8080", "::1", {}, True),
        ("http://localhost:8080", "192.168.1.20", {}, False),
        ("http://localhost:8080", "testclient", {}, False),
        ("http://rebound.example:8080", "127.0.0.1", {}, False),
        ("http://localhost:8080", "127.0.0.1", {"X-Forwarded-For": "203.0.113.9"}, False),
        ("http://localhost:8080", "127.0.0.1", {"Forwarded": "for=203.0.113.9"}, False),
    ],
)
async def test_local_means_this_machine_straight_and_by_its_own_name(url, peer, headers, local):
    async with _browser(url=url, peer=peer) as browser:
        assert (await browser.get("/local", headers=headers)).json() is local


def test_no_service_decides_access_by_itself():
    """Roles and relations are compared in shared/access.py alone; everyone else asks `check` or `may`."""
    services = Path(__file__).parents[2] / "services"
    for path in services.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = isinstance(node, ast.Attribute) and node.attr == "roles" and "viewer" in ast.unparse(node.value)
            assert not named, f"{path.name}:{node.lineno} looks at roles; use shared.access.may or Viewer.sees_all"
