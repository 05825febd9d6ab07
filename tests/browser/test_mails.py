"""Every mail in a real browser, in every language, width and theme, as mail programs with a browser's engine show it."""

from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe

from deploy.mail_previews import shown
from services.notifications.brand import Brand, Logo
from services.notifications.rendering import SHIPPED, Renderer
from services.notifications.samples import people, preview, samples

pytestmark = pytest.mark.browser

CHECKS = (Path(__file__).parent / "checks.js").read_text().rstrip().removesuffix(";")
LANGUAGES = sorted(path.name for path in SHIPPED.iterdir() if path.is_dir())
DIRECTIONS = {"ar": "rtl"}
PAPER = {"light": "rgb(245, 244, 240)", "dark": "rgb(15, 23, 28)"}
# Rules about pages: a mail has no landmarks, and its list of headings begins where the mail program's ends.
OF_PAGES = ("landmark-one-main", "region")


def mails(language: str, renderer: Renderer) -> dict[str, str]:
    """The HTML of every mail by what it is, same words once."""
    written = {}
    for number, sample in enumerate(samples()):
        html = shown(preview(renderer, sample, language).rendered)
        written.setdefault(html, f"{sample.letter.template} to the {sample.letter.role}, {number}")
    return {name: html for html, name in written.items()}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_mail_fits_reads_from_its_side_and_stands_out_in_both_themes(chromium, language):
    found: dict[str, object] = {}
    for scheme in ("light", "dark"):
        context = await chromium.new_context(color_scheme=scheme, viewport={"width": 320, "height": 800})
        page = await context.new_page()
        said: list[str] = []
        page.on("console", lambda message, said=said: said.append(message.text))
        page.on("pageerror", lambda error, said=said: said.append(str(error)))
        page.on("request", lambda request, said=said: said.append(f"asked {request.url}") if request.url[:5] != "data:" else None)
        for name, html in mails(language, Renderer("Firstmate")).items():
            await page.set_content(html)
            for width in (320, 640):
                await page.set_viewport_size({"width": width, "height": 800})
                found[f"{name}, {width} px, {scheme}"] = await page.evaluate(f"{CHECKS}.tooWide()")
            found[f"{name}, contrast, {scheme}"] = await page.evaluate(f"{CHECKS}.contrast()")
            look = await page.evaluate(
                "[document.documentElement.dir, getComputedStyle(document.querySelector('.card')).direction,"
                " getComputedStyle(document.body).backgroundColor]"
            )
            direction = DIRECTIONS.get(language, "ltr")
            assert look == [direction, direction, PAPER[scheme]]
        found[f"the console, {scheme}"] = said
        await context.close()
    assert {what: wrong for what, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_axe_finds_nothing_in_the_longest_mail_of_each_language_nor_in_a_companys_look(chromium, language):
    longest = max(mails(language, Renderer("Firstmate")).values(), key=len)
    look = Brand("Acme", colour="#8a1c4a", colour_dark="#e3a1bf", logo=Logo(b"GIF89a", "gif", "Acme"), imprint=("1 Main Street",))
    own = max(mails(language, Renderer(look)).values(), key=len)
    found = {}
    for scheme in ("light", "dark"):
        context = await chromium.new_context(color_scheme=scheme, viewport={"width": 640, "height": 800})
        page = await context.new_page()
        for name, html in (("shipped", longest), ("own", own)):
            await page.set_content(html)
            wrong = (await Axe().run(page)).response["violations"]
            found[name, scheme] = [
                f"{each['id']}: {each['nodes'][0]['html'][:160]}" for each in wrong if each["id"] not in OF_PAGES
            ]
        await context.close()
    assert {what: wrong for what, wrong in found.items() if wrong} == {}


AWKWARD = {
    "given_name": "Maximiliane-Wolfgangsdottir" * 4,
    "family_name": "<script>alert(document.domain)</script>\u202e\u2067ليلى" + "x" * 300,
    "title": '"><img src=x onerror=alert(1)>' * 10,
    "department": "Überlandleitungsverwaltungsfachbereich" * 8,
    "location": "https://elsewhere.example/" + "y" * 300,
    "interests": [f"interest number {number} {'z' * 40}" for number in range(5_000)],
    "skills": ["w" * 60] * 3,
}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_names_of_any_length_script_and_intent_neither_widen_a_mail_nor_run_in_it(chromium, language):
    known = {id: person | AWKWARD for id, person in people(language).items()}
    context = await chromium.new_context(viewport={"width": 320, "height": 800})
    page = await context.new_page()
    said: list[str] = []
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: said.append(request.url))
    renderer, found = Renderer("Firstmate"), {}
    for number, one in enumerate(samples()):
        await page.set_content(preview(renderer, one, language, known).rendered.html)
        found[f"{one.letter.template}, {number}"] = await page.evaluate(f"{CHECKS}.tooWide()")
    await context.close()
    assert said == []
    assert {what: wrong for what, wrong in found.items() if wrong} == {}
