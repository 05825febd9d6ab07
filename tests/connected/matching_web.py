"""Matching's pages and API over a company of the tests: who asks, and what they are answered."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import Response
from pydantic import SecretStr

from services.matching import web as matching
from shared.access import Gate, Viewer, install_access
from shared.pages import install_pages
from shared.settings import Settings
from shared.web import make_app
from tests.connected.matching_company import Company

API = "/api/matching/v1"
OPERATOR = {"authorization": "Bearer operator-token"}
SETTINGS = Settings(secret=SecretStr("a secret for tests"), token=SecretStr("operator-token"), coordinators=["C-1"])


def signed_in(id: str) -> dict[str, str]:
    """The headers of somebody's browser."""
    response = Response()
    Gate(SETTINGS).sign_in(response, Viewer(id, name=id), secure=False)
    return {"cookie": response.headers["set-cookie"].split(";")[0]}


CORA = signed_in("C-1")


@dataclass
class Web:
    """The company's web side."""

    http: httpx.AsyncClient

    async def get(self, path: str, headers: dict[str, str] = CORA, status: int = 200) -> Any:
        """A page's text or an answer's JSON, as the coordinator unless said otherwise."""
        answer = await self.http.get(path, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json() if "json" in answer.headers["content-type"] else answer.text

    async def post(self, path: str, form: dict[str, Any], headers: dict[str, str] = CORA, status: int = 303) -> httpx.Response:
        """The answer to a form."""
        answer = await self.http.post(path, data=form, headers=headers)
        assert answer.status_code == status, answer.text
        return answer


@asynccontextmanager
async def web_of(room: Company) -> AsyncIterator[Web]:
    """The web side of a company, without a server."""
    app = make_app("test", matching.web(room.db, SETTINGS, lambda: room.now))
    install_access(app, SETTINGS)
    install_pages(app, SETTINGS)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as http:
        yield Web(http)
