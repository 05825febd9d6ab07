"""Asking a running Firstmate over HTTP, as any other program with the operator's token."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self

import httpx

REQUEST_TIMEOUT_S = 10.0
ASK_EVERY_S = 0.05


class Origin:
    """The APIs behind one address."""

    def __init__(self, endpoints: Mapping[str, Any]) -> None:
        """`endpoints`: what `endpoints.json` holds; of it `web` and `token_file` are read."""
        token = Path(endpoints["token_file"]).read_text(encoding="utf-8").strip()
        self._client = httpx.AsyncClient(
            base_url=endpoints["web"],
            headers={"authorization": f"Bearer {token}"},
            timeout=REQUEST_TIMEOUT_S,
            trust_env=False,  # a proxy of the environment must not stand between two processes of this machine
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._client.aclose()

    async def get(self, path: str, **query: str) -> dict[str, Any] | None:
        """The JSON object at `path`; None where there is nothing (404). Raises `httpx.HTTPError` for anything else that fails."""
        answer = await self._client.get(path, params=query)
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def assignment(self, employee_id: str) -> dict[str, Any] | None:
        """Who mentors the hire, or why nobody does yet."""
        return await self.get(f"/api/matching/v1/assignments/{employee_id}")

    async def mentor(self, employee_id: str) -> dict[str, Any] | None:
        """A mentor with places and load."""
        return await self.get(f"/api/matching/v1/mentors/{employee_id}")

    async def journey(self, employee_id: str) -> dict[str, Any] | None:
        """The hire's journey."""
        return await self.get(f"/api/onboarding/v1/journeys/{employee_id}")

    async def messages(self, employee_id: str) -> list[dict[str, Any]]:
        """Every message about the person, sent or to be sent."""
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            query = {"employee_id": employee_id} | ({"cursor": cursor} if cursor else {})
            page = await self.get("/api/notifications/v1/messages", **query) or {"items": []}
            found += page["items"]
            cursor = page.get("next")
            if cursor is None:
                return found

    async def settled_assignment(self, employee_id: str, patience_s: float) -> dict[str, Any] | None:
        """The hire's assignment as soon as there is a decision, or None after `patience_s` seconds."""
        until = monotonic() + patience_s
        while True:
            try:
                found = await self.assignment(employee_id)
            except httpx.HTTPError:
                found = None  # the web process may be starting again
            if found is not None or monotonic() >= until:
                return found
            await asyncio.sleep(ASK_EVERY_S)
