"""Every message with sample data in every language, as files to look at."""

import base64
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import jinja2

from services.notifications.rendering import Rendered, Renderer
from services.notifications.samples import preview, samples

TEMPLATES = Path(__file__).parent / "templates"
INDEX = "index.html"


@dataclass(frozen=True, slots=True)
class Preview:
    """One message in one language. `name` is its path below the folder, without ending."""

    template: str
    role: str
    language: str
    name: str
    subject: str


def write_previews(
    renderer: Renderer, out: Path, templates: Collection[str] = (), languages: Collection[str] = (), roles: Collection[str] = ()
) -> list[Preview]:
    """Write what is chosen (nothing chosen: everything) as HTML and text below `out`, with an index page. Same words stand once.

    Raises OSError where nothing can be written, `jinja2.TemplateError` where a template is wrong.
    """
    written = []
    for one, rendered in _rendered(renderer, templates, languages or renderer.languages, roles):
        path = out / one.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(f"{path.name}.html").write_text(shown(rendered))
        path.with_name(f"{path.name}.txt").write_text(rendered.text)
        written.append(one)
    if written:
        environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True)
        page = environment.get_template("mail_previews.html").render(previews=written, brand=renderer.brand.name)
        (out / INDEX).write_text(page)
    return written


def shown(rendered: Rendered) -> str:
    """The HTML for a browser, which has no mail around it: the logo stands in the page itself."""
    if rendered.logo is None:
        return rendered.html
    content = base64.b64encode(rendered.logo.content).decode()
    return rendered.html.replace(rendered.logo.src, f"data:image/{rendered.logo.kind};base64,{content}")


def _rendered(
    renderer: Renderer, templates: Collection[str], languages: Collection[str], roles: Collection[str]
) -> Iterator[tuple[Preview, Rendered]]:
    for language in languages:
        seen: set[str] = set()
        counts: dict[str, int] = {}
        for sample in samples():
            template, role = sample.letter.template, sample.letter.role
            if (templates and template not in templates) or (roles and role not in roles):
                continue
            rendered = preview(renderer, sample, language).rendered
            if rendered.language != language or rendered.html in seen:
                continue
            seen.add(rendered.html)
            stem = f"{template}-{role}"
            counts[stem] = counts.get(stem, 0) + 1
            name = f"{language}/{stem}-{counts[stem]}"
            yield Preview(template, role, language, name, rendered.subject), rendered
