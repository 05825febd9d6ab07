"""The README's pictures, made from the running system: `python -m docs.screenshots`.

Starts Firstmate on temporary data, hires the sample company as if a month ago, reports what people of such a company would
have reported by now, and photographs the pages in Chromium into `docs/images`.
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Browser, async_playwright

from deploy.endpoints import Endpoints
from deploy.quiet import until_quiet
from deploy.sample.company import company
from deploy.sample.play import play
from deploy.supervisor import Plan, running
from shared.clock import now

IMAGES = Path(__file__).parent / "images"
HIRED_AGO = timedelta(weeks=4)  # some are about to start then, some are in their third week
SETTLED_WITHIN_S = 120.0
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
MEETING_DAYS = (0, 7, 14)  # after the first day, which is what the shipped programme asks for
SURVEYS = ("pulse_7", "pulse_14")
UNREPORTED = 5  # every fifth hire's milestones are still open: a board on which all is done shows nothing


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: who looks at what, on which screen. `scale` is device pixels per CSS pixel."""

    name: str
    who: str
    path: str
    width: int
    height: int
    scale: float = 1.5
    scheme: str = "light"


def pictures(manager: str, hire: str, coordinator: str) -> list[Picture]:
    """What the README and the guides show."""
    return [
        Picture("board", manager, "/board", 1280, 1120, scale=1.25),
        Picture("board-dark", manager, "/board", 1280, 1120, scale=1.25, scheme="dark"),
        Picture("board-phone", manager, "/board", 390, 844, scale=2),
        Picture("person", manager, f"/people/{hire}", 1280, 1120, scale=1.25),
        Picture("overview", coordinator, "/overview", 1280, 1240, scale=1),
        Picture("matching", coordinator, "/coordinator", 1280, 1000, scale=1),
    ]


async def main() -> None:
    """Make every picture."""
    halden = company()
    settings = {"sample_sign_in": "true", "coordinators": ",".join(halden.coordinators)}
    top = next(person.id for person in halden.people if person.manager is None)
    with tempfile.TemporaryDirectory(prefix="firstmate-pictures-", ignore_cleanup_errors=True) as folder:
        plan = Plan(Path(folder), port=0, usual_ports=False, settings=settings)
        async with running(plan, print) as system:
            await play(asdict(system.endpoints), pace=0, say=print, clock=lambda: now() - HIRED_AGO)
            endpoints = system.endpoints
            await _settled(endpoints)
            headers = {"Authorization": f"Bearer {endpoints.token}"}
            async with httpx.AsyncClient(base_url=endpoints.web, headers=headers, trust_env=False, timeout=30) as api:
                await _report(api, [hire.id for hire in halden.hires if not hire.rescinded])
            await _settled(endpoints)
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
                for picture in pictures(top, halden.hires[0].id, halden.coordinators[0]):
                    await _photograph(browser, system.endpoints.web, picture)
                await browser.close()


async def _settled(endpoints: Endpoints) -> None:
    async with asyncio.timeout(SETTLED_WITHIN_S):
        await until_quiet(endpoints.mongo, endpoints.kafka, now)


async def _report(api: httpx.AsyncClient, hires: list[str]) -> None:
    today = now().date()
    for number, id in enumerate(hires, 1):
        if number % UNREPORTED:
            journey = (await api.get(f"/api/onboarding/v1/journeys/{id}")).raise_for_status().json()
            for path, body in _reports(id, journey, today):
                answer = await api.post(path, json=body)
                if answer.status_code != httpx.codes.CONFLICT:  # an event completes this one
                    answer.raise_for_status()


def _reports(id: str, journey: Mapping[str, Any], today: date) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    """What people would have reported of a journey by `today`: meetings held, questions answered, milestones done."""
    first_day = date.fromisoformat(journey["start_date"])
    base = f"/api/onboarding/v1/journeys/{id}"
    for after in MEETING_DAYS:
        held_on = first_day + timedelta(days=after)
        if journey["mentor"] and held_on < today:
            yield f"{base}/meetings", {"held_on": held_on.isoformat(), "minutes": 30}
    for milestone in journey["milestones"]:
        if date.fromisoformat(milestone["due"]) < today and milestone["status"] != "done":
            if milestone["id"] in SURVEYS:
                yield f"{base}/surveys/{milestone['id']}", {"ratings": {"satisfaction": 4}}
            else:
                yield f"{base}/milestones/{milestone['id']}/completion", None


async def _photograph(browser: Browser, web: str, picture: Picture) -> None:
    context = await browser.new_context(
        base_url=web,
        viewport={"width": picture.width, "height": picture.height},
        device_scale_factor=picture.scale,
        color_scheme="dark" if picture.scheme == "dark" else "light",
        reduced_motion="reduce",
    )
    page = await context.new_page()
    await page.goto("/sign-in")
    await page.click(f'button[value="{picture.who}"]')
    await page.goto(picture.path)
    file = IMAGES / f"{picture.name}.png"
    await page.screenshot(path=file)
    sys.stdout.write(f"{file.name}: {file.stat().st_size // 1024} kB\n")
    await context.close()


if __name__ == "__main__":
    asyncio.run(main())
