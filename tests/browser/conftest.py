"""A real Chromium on the real running system: broker, database, services, mail sink, sample company, all on free ports."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright
from playwright.async_api import Error as PlaywrightError

from deploy.quiet import until_quiet
from deploy.sample.company import Company, company
from deploy.sample.play import play
from deploy.supervisor import Plan, System, running
from shared.clock import now

CHROMIUM = shutil.which("chromium")  # the distribution's, with its own libraries; where there is none Playwright brings one
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
QUIET_WITHIN_S = 120.0  # the whole company is played at once, on a machine that may have other work

Open = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="package")
def halden() -> Company:
    """The sample company."""
    return company()


@pytest.fixture(scope="package")
async def chromium() -> AsyncIterator[Browser]:
    """One browser for this package's tests, gone before the others run; without one, these tests are skipped."""
    async with async_playwright() as playwright:
        try:
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        except PlaywrightError as error:
            pytest.skip(f"no Chromium: apt install chromium, or playwright install chromium ({str(error).splitlines()[0]})")
        yield browser
        await browser.close()


@pytest.fixture(scope="package")
async def system(chromium: Browser, halden: Company, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """The whole system, in which the sample company has been hired and everything has settled."""
    settings = {"sample_sign_in": "true", "coordinators": ",".join(halden.coordinators)}
    plan = Plan(tmp_path_factory.mktemp("system"), port=0, usual_ports=False, settings=settings)
    async with running(plan, lambda words: None) as system:
        await play(asdict(system.endpoints), pace=0, say=lambda words: None)
        async with asyncio.timeout(QUIET_WITHIN_S):
            await until_quiet(system.endpoints.mongo, system.endpoints.kafka, now)
        yield system


@pytest.fixture
async def open_as(chromium: Browser, system: System) -> AsyncIterator[Open]:
    """`await open_as("E-0001", "/board", width=390)`: a page of the running system as somebody sees it."""
    async with visiting(chromium, system.endpoints.web) as opened:
        yield opened


@asynccontextmanager
async def visiting(chromium: Browser, web: str) -> AsyncIterator[Open]:
    """Gives what opens a page of this origin for somebody signed in (None: nobody).

    When it ends, no page may have written an error to its console, thrown one, or asked another server for anything.
    `expect_errors` allows for answers that the test asks for.
    """
    faults: list[str] = []
    contexts = []

    async def opened(
        who: str | None, path: str = "/", *, width: int = 1280, expect_errors: bool = False, **options: object
    ) -> Page:
        context = await chromium.new_context(
            viewport={"width": width, "height": 900}, base_url=web, **{"locale": "en-GB"} | options
        )
        contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(30_000)
        page.on("request", lambda request: faults.extend(_foreign(request.url, web)))
        page.on("pageerror", lambda error: faults.append(f"{page.url}: {error}"))
        if not expect_errors:
            page.on("console", lambda said: faults.extend(_complaint(page.url, said)))
        if who is not None:
            await page.goto("/sign-in")
            await page.click(f'button[value="{who}"]')
        await page.goto(path)
        return page

    yield opened
    for context in contexts:
        await context.close()
    assert not faults


def _complaint(where: str, said: ConsoleMessage) -> list[str]:
    return [f"{where}: {said.text}"] if said.type in ("error", "warning") else []


def _foreign(url: str, own: str) -> list[str]:
    scheme, netloc = urlsplit(url)[:2]
    return [] if scheme in ("data", "blob", "about") or f"{scheme}://{netloc}" == own else [f"asked {scheme}://{netloc}"]


@asynccontextmanager
async def held(page: Page) -> AsyncIterator[None]:
    """Within, the page must neither navigate nor reload."""
    await page.evaluate("window.notReloaded = true")
    yield
    assert await page.evaluate("window.notReloaded === true"), "the page was loaded again"
