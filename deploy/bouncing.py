"""`./firstmate bounce`: hands a mail server's report to the origin, as a mail server's own program would."""

import os
import sys
from pathlib import Path
from typing import Any

import httpx

from deploy import endpoints
from deploy.found import DEFAULT_DATA
from shared.settings import Settings

PATH = "/api/notifications/v1/bounces"
WITHIN_S = 30.0


async def report(file: str, data: Path | None) -> tuple[dict[str, Any] | None, str | None]:
    """What the report in `file` (`-`: standard input) changed, or the problem in words. Raises OSError and `NotRunning`."""
    raw, (web, token) = _read(file), _origin(data)
    headers = {"authorization": f"Bearer {token}", "content-type": "message/rfc822"}
    try:
        async with httpx.AsyncClient(base_url=web, headers=headers, timeout=WITHIN_S, trust_env=False) as http:
            answer = await http.post(PATH, content=raw)
            body: dict[str, Any] = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        return None, f"{web} does not answer ({type(error).__name__}); keep the report and hand it over again later"
    return (body, None) if answer.is_success else (None, f"{body.get('code')}: {body.get('detail')}")


def _read(file: str) -> bytes:
    return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()


def _origin(data: Path | None) -> tuple[str, str]:
    """By `--data`, else by FIRSTMATE_WEB_URL and FIRSTMATE_TOKEN, else what runs on the default folder."""
    if data is None and {"FIRSTMATE_WEB_URL", "FIRSTMATE_TOKEN"} <= os.environ.keys():
        settings = Settings()
        return settings.web_url, settings.token.get_secret_value()
    local = endpoints.read(data or DEFAULT_DATA)
    return local.web, Path(local.token_file).read_text(encoding="utf-8").strip()
