"""Signed links: what they carry, and that nobody else makes them."""

from datetime import date

import httpx
import pytest
from fastapi import FastAPI
from itsdangerous import URLSafeSerializer
from pydantic import SecretStr
from structlog.testing import capture_logs

from shared.links import SALT, Link, Links
from shared.mongo import PyMongoError
from shared.web import make_app

LINKS = Links(SecretStr("of this deployment"))
SURVEY = Link.to_survey("E-1", 2, "pulse_7", date(2027, 2, 17))
MEETING = Link.to_meeting("E-1", "M-1", 1, date(2027, 2, 17))


def token(link: Link, links: Links = LINKS) -> str:
    path = links.path(link)
    assert path is not None
    return path.removeprefix("/answer/")


@pytest.mark.parametrize("link", [SURVEY, MEETING])
def test_a_link_says_what_it_was_made_of_and_is_the_same_text_each_time(link: Link) -> None:
    assert LINKS.read(token(link)) == link
    assert token(link) == token(link)


def test_a_link_changed_in_any_one_place_is_none() -> None:
    whole = token(SURVEY)
    for place, letter in enumerate(whole[:-1]):  # of the last letter not all bits count
        other = "A" if letter != "A" else "B"
        assert LINKS.read(whole[:place] + other + whole[place + 1 :]) is None
    assert LINKS.read(whole[:-5]) is None


def test_a_link_of_another_secret_or_another_purpose_is_none() -> None:
    assert LINKS.read(token(SURVEY, Links(SecretStr("of another")))) is None
    session = URLSafeSerializer("of this deployment", salt="firstmate.session").dumps(["survey"])
    assert LINKS.read(str(session)) is None
    ours = URLSafeSerializer("of this deployment", salt=SALT)
    assert LINKS.read(str(ours.dumps(["survey", "E-1"]))) is None


def test_without_a_secret_there_are_no_links() -> None:
    nobody = Links(SecretStr(""))
    assert nobody.path(SURVEY) is None
    assert nobody.read(token(SURVEY)) is None


async def test_a_link_is_in_no_log_when_the_database_fails_behind_it() -> None:
    app: FastAPI = make_app("links", [])

    @app.get("/answer/{token}")
    async def fail(token: str) -> None:
        raise PyMongoError("away")

    with capture_logs() as logs:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as http:
            assert (await http.get("/answer/secret-token")).status_code == 500
    assert [entry["route"] for entry in logs] == ["/answer/{token}"]
    assert "secret-token" not in str(logs)
