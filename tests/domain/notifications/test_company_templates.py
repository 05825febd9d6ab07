"""A company's own templates and brand: what is sound is used, what is not is set aside, named, and served by the shipped one."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.brand import Brand, contrast, darkened, faint, faint_in_the_dark, lightened
from services.notifications.checking import check
from services.notifications.company import LARGEST_LOGO, company
from services.notifications.rendering import Renderer
from services.notifications.samples import Sample, people, preview, samples
from shared.events.notifications import RECIPIENTS

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"


def written(folder: Path, **files: str) -> Path:
    """`de__welcome__html="..."` is the file de/welcome.html."""
    for name, text in files.items():
        path = folder / "/".join(name.rsplit("__", 1)[0].split("__")) if "__" in name else folder / name
        path = path.with_name(f"{path.name}.{name.rsplit('__', 1)[1]}") if "__" in name else path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def sample(template: str) -> Sample:
    return next(each for each in samples() if each.letter.template == template)


def words(faults) -> list[str]:
    return [str(fault) for fault in faults]


def test_the_shipped_templates_are_whole_and_without_fault_in_every_language():
    shipped = Renderer("Firstmate")
    assert shipped.languages == ("ar", "de", "en", "es", "fr")
    assert words(check(shipped)) == []


def test_without_a_folder_the_shipped_templates_serve_and_with_a_missing_one_too_but_it_is_told(tmp_path):
    assert company(None, "Acme").renderer.brand.name == "Acme"
    missing = company(tmp_path / "nowhere", "Acme")
    assert "correct FIRSTMATE_TEMPLATES" in str(missing.set_aside[0])
    assert preview(missing.renderer, sample("welcome"), "en").rendered.subject == "Welcome aboard, Ada"


def test_one_file_stands_in_for_the_shipped_one_and_may_build_on_it(tmp_path):
    written(
        tmp_path,
        de__welcome__subject="Moin, {{ hire.first }}",
        de__welcome__html='{% extends "shipped/de/welcome.html" %}{% block preheader %}Moin!{% endblock %}',
        de__phrases__txt="{% macro preferences() %}Post an dich{% endmacro %}",
    )
    found = company(tmp_path, "Acme")
    assert words(found.set_aside) == []
    written_to = preview(found.renderer, sample("welcome"), "de").rendered
    assert written_to.subject == "Moin, Ada"
    assert "Moin!" in written_to.html
    assert "So geht es weiter" in written_to.html
    assert "Post an dich" in written_to.html
    assert "weil du bei uns anf" in written_to.html  # the phrases it leaves are the shipped ones
    assert preview(found.renderer, sample("welcome"), "en").rendered.subject == "Welcome aboard, Ada"


@pytest.mark.parametrize(
    ("part", "source", "fault"),
    [
        ("subject", "Hallo {{ hire.shoe_size }}", "de/welcome.subject, line 1: "),
        ("subject", "Hallo\nBcc: all@acme.example", "de/welcome.subject, line 2: a subject is one line"),
        ("subject", " ", "de/welcome.subject: is empty"),
        ("txt", "eins\n{% if %}", "de/welcome.txt, line 2: "),
        ("txt", "Mehr: http://acme.example/intranet", "de/welcome.txt, line 1: 'http://acme.example/intranet' is not https"),
        ("html", "<p>\n<img src='https://tracker.example/pixel.gif' alt=''>", "de/welcome.html, line 2: <img> loads"),
        ("html", "<p>\n\n<script>alert(1)</script>", "de/welcome.html, line 3: <script> has no place"),
        ("html", "<p style='background: url(https://x.example/a.png)'>x</p>", "de/welcome.html, line 1: the style loads"),
        ("html", "<p>\n<a href='javascript:alert(1)'>x</a>", "de/welcome.html, line 2: 'javascript:alert(1)' leads nowhere"),
        ("html", "<p>\n<a href='/me'>x</a>", "de/welcome.html, line 2: '/me' leads nowhere"),
        ("html", "<p onclick='x()'>x</p>", "de/welcome.html, line 1: 'onclick' would run a script"),
        ("html", "{{ ''.__class__.__mro__ }}", "de/welcome.html, line 1: "),
        ("html", "{{ hire.role.format.__globals__ }}", "de/welcome.html, line 1: "),
    ],
)
def test_a_fault_is_named_with_its_place_and_the_shipped_file_serves_while_the_others_are_used(tmp_path, part, source, fault):
    other = "txt" if part == "subject" else "subject"
    written(tmp_path, **{f"de__welcome__{part}": source, f"de__welcome__{other}": "Moin {{ hire.first }} {{ links.own }}"})
    found = company(tmp_path, "Firstmate")
    assert [str(each)[: len(fault)] for each in found.set_aside] == [fault]
    used = preview(found.renderer, sample("welcome"), "de").rendered
    shipped = preview(Renderer("Firstmate"), sample("welcome"), "de").rendered
    assert {"subject": used.subject, "html": used.html, "txt": used.text}[part].startswith(
        {"subject": shipped.subject, "html": shipped.html[:200], "txt": shipped.text}[part]
    )
    assert "Moin" in (used.text if other == "txt" else used.subject)


def test_a_broken_layout_or_phrase_takes_only_itself_out(tmp_path):
    written(
        tmp_path,
        layout__html="<html>{{ nothing }}</html>",
        de__phrases__txt="{% macro why() %}too few arguments{% endmacro %}",
        en__welcome__subject="Ahoy, {{ hire.first }}",
    )
    found = company(tmp_path, "Firstmate")
    assert sorted(fault.where for fault in found.set_aside) == ["de/phrases.txt", "layout.html"]
    assert "with it: layout.html, line" in next(str(fault) for fault in found.set_aside if fault.where == "de/phrases.txt")
    assert preview(found.renderer, sample("welcome"), "en").rendered.subject == "Ahoy, Ada"


def test_a_language_of_the_company_is_used_as_far_as_it_goes_and_its_gaps_are_told(tmp_path):
    written(
        tmp_path,
        it__phrases__txt="{% macro why(role, brand) %}Perché{% endmacro %}{% macro preferences() %}Preferenze{% endmacro %}"
        "{% macro reason(a, b, c, d) %}{% endmacro %}{% macro opener(a, b) %}{{ b }}{% endmacro %}",
        it__welcome__subject="Ciao {{ hire.first }}",
        it__welcome__txt="Ciao {{ day(start) }} {{ links.own }}",
        it__welcome__html='{% extends "layout.html" %}{% block main %}<h1>Ciao</h1>{% endblock %}',
        it__waitlisted__subject="Nessuno",
        nonsense__txt="x",
    )
    found = company(tmp_path, "Firstmate")
    assert words(found.set_aside) == []
    assert preview(found.renderer, sample("welcome"), "it-IT").rendered.text.startswith("Ciao lunedì 11 gennaio 2027")
    assert found.renderer.tongue("waitlisted", "it-IT", ["it", "fr"]).language == "fr"
    told = words(found.doubts)
    assert any(line.startswith("it: lacks hire_cancelled, ") and "waitlisted" in line for line in told)
    assert any(line.startswith("it/welcome.html: has no preheader") for line in told)
    assert any(line.startswith("nonsense.txt: belongs to no message") for line in told)


BRAND = """name: Halden & Söhne
colour: "#8a1c4a"
logo: logo.png
sender: Halden <welcome@halden.example>
reply_to: people@halden.example
imprint: |
  1 Harbour Street
  Register <1>
"""


def branded(folder: Path, text: str, logo: bytes = PNG) -> Path:
    (folder / "brand.yaml").write_text(text)
    (folder / "logo.png").write_bytes(logo)
    return folder


def test_a_brand_gives_name_colours_logo_sender_and_foot(tmp_path):
    found = company(branded(tmp_path, BRAND), "Firstmate")
    assert (words(found.set_aside), words(found.doubts)) == ([], [])
    brand = found.renderer.brand
    assert (brand.name, brand.mail_from, brand.reply_to) == (
        "Halden & Söhne",
        "Halden <welcome@halden.example>",
        "people@halden.example",
    )
    assert brand.logo is not None
    assert (brand.logo.content, brand.logo.kind, brand.logo.alt) == (PNG, "png", "Halden & Söhne")
    mail = preview(found.renderer, sample("welcome"), "en").rendered
    assert "#8a1c4a" in mail.html
    assert "#0d5c68" not in mail.html
    assert brand.colour_dark in mail.html
    assert "Halden &amp; Söhne<br>1 Harbour Street<br>Register &lt;1&gt;" in mail.html
    assert mail.text.splitlines()[-4:-1] == ["Halden & Söhne", "1 Harbour Street", "Register <1>"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("name: A\ncolour: '#ffcc00'", "brand.yaml, line 2: colour: #ffcc00 has a contrast of 1."),
        ("colour_dark: '#222222'", "brand.yaml, line 1: colour_dark: #222222 has a contrast of 1."),
        ("colour: red", "brand.yaml, line 1: colour: 'red' is no colour"),
        ("name: A\nsender: nobody", "brand.yaml, line 2: sender: 'nobody' is no mailbox"),
        ("name: A\nslogan: Hi", "brand.yaml, line 2: slogan: "),
        ("name: A\nname: B", "brand.yaml, line 1: can't be read: 'name' stands here twice, also in line 2"),
        ("name: A\n  x: [", "brand.yaml, line 2: is no YAML"),
        ("- name", "brand.yaml, line 1: can't be read: write fields"),
        ("", "brand.yaml, line 1: can't be read: write fields"),
        ("name: A\nlogo: ../secret.png", "brand.yaml, line 2: logo: '../secret.png' lies outside the folder"),
        ("logo: none.png", "brand.yaml, line 1: logo: there is no file 'none.png'"),
        ("logo: brand.yaml", "brand.yaml, line 1: logo: 'brand.yaml' is neither PNG nor JPEG nor GIF"),
    ],
)
def test_a_faulty_brand_is_named_with_its_line_and_the_shipped_one_serves(tmp_path, text, fault):
    found = company(branded(tmp_path, text), "Firstmate")
    assert [str(each)[: len(fault)] for each in found.set_aside] == [fault]
    assert found.renderer.brand == Brand("Firstmate")


def test_a_logo_too_large_for_every_mail_is_refused(tmp_path):
    found = company(branded(tmp_path, "logo: logo.png", PNG + bytes(LARGEST_LOGO)), "Firstmate")
    assert "are the most, since it goes with every mail" in str(found.set_aside[0])


@given(st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}"))
def test_any_colour_can_be_mended_for_either_theme(colour):
    assert faint(darkened(colour)) is None
    assert faint_in_the_dark(lightened(colour)) is None
    if faint(colour) is None:
        assert darkened(colour) == colour


def test_contrast_is_the_ratio_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # the best-known grey that just fails


def test_a_link_to_a_page_that_nobody_serves_is_found_when_the_routes_are_known(tmp_path):
    written(tmp_path, en__waitlisted__txt="{{ links.home }}no-such-page")
    renderer = company(tmp_path, "Firstmate").renderer
    faults = check(renderer, lambda path: not path.startswith("/no-such"), ["en"], list(RECIPIENTS))
    assert words(faults) == ["en/waitlisted.txt: no page answers at '/no-such-page'; use one of `links`"]


GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "change-the-mails.md"


def shown_in_the_guide(beginning: str) -> str:
    """The indented block of the guide that begins so."""
    lines = GUIDE.read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(f"    {beginning}"))
    block = [line for line in lines[first:] if not line or line.startswith("    ")]
    return "\n".join(line.removeprefix("    ") for line in block[: block.index("")])


def test_the_brand_and_the_template_that_the_guide_shows_are_used_as_they_stand(tmp_path):
    branded(tmp_path, shown_in_the_guide("name: "))
    written(tmp_path, de__welcome__html=shown_in_the_guide('{% extends "shipped/'))
    found = company(tmp_path, "Firstmate")
    assert (words(found.set_aside), words(found.doubts)) == ([], [])
    assert (found.renderer.brand.colour, found.renderer.brand.imprint[0]) == ("#8a1c4a", "Hafenstraße 12, 20457 Hamburg")
    assert "Moin! Am Montag, 11. Januar 2027 geht es los." in preview(found.renderer, sample("welcome"), "de").rendered.html


@pytest.mark.parametrize("language", ["ar", "de", "en", "es", "fr"])
def test_no_person_can_bring_markup_into_any_mail_or_a_line_into_its_headers(language):
    hostile = "<b>x</b>\r\nBcc: all@acme.example\u2028\u202e"
    fields = ("given_name", "family_name", "title", "department", "location", "role_family")
    lists = {"skills": [hostile], "interests": [hostile], "languages": [language]}
    known = {id: person | dict.fromkeys(fields, hostile) | lists for id, person in people(language).items()}
    renderer = Renderer(Brand("A <i>x</i>", imprint=("<i>x</i>",)))
    for each in samples():
        mail = preview(renderer, each, language, known).rendered
        assert "<b>x" not in mail.html
        assert "<i>x" not in mail.html
        assert len(mail.subject.splitlines()) == 1
        assert not {"\r", "\u2028", "\u202e"} & set(mail.subject + mail.text + mail.html)
