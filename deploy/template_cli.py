"""`./firstmate templates`: check the templates of mails, and look at them."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.answers import Json, fail, result, tell

if TYPE_CHECKING:
    from services.notifications.checking import Served

templates_app = typer.Typer(no_args_is_help=True, help="Templates of mails: check them, and look at each with sample data.")

Folder = Annotated[
    Path | None,
    typer.Argument(metavar="[DIR]", help="A company's folder of templates; otherwise what FIRSTMATE_TEMPLATES names."),
]


@templates_app.command()
def check(folder: Folder = None, as_json: Json = False) -> None:
    """Write every mail in every state and language, and name each fault with its file and line."""
    from services.notifications.checking import check as checked  # noqa: PLC0415  each command loads what it needs
    from services.notifications.company import company  # noqa: PLC0415
    from services.notifications.rendering import Renderer  # noqa: PLC0415
    from shared.settings import Settings  # noqa: PLC0415

    settings = Settings()
    where = folder or settings.templates
    served = _served()
    shipped = checked(Renderer(settings.brand_name), served)
    found = company(where, settings.brand_name)
    over = checked(found.renderer, served) if where is not None else []
    faults = sorted({fault for fault in (*shipped, *found.set_aside, *over) if fault.grave})
    doubts = sorted({fault for fault in (*shipped, *found.doubts) if not fault.grave})
    languages = list(found.renderer.languages)
    lines = [*map(str, faults), *(f"perhaps not meant: {doubt}" for doubt in doubts)]
    if not faults:
        lines.append(f"every mail is well formed in {', '.join(languages)}")
    summary = {"ok": not faults, "languages": languages, "faults": [asdict(each) for each in faults]}
    summary |= {"doubts": [asdict(each) for each in doubts]}
    problem = f"{len(faults)} faults; the shipped file serves for each that is set aside" if faults else None
    result(summary, "\n".join(lines), as_json, problem)


@templates_app.command()
def preview(
    template: Annotated[str, typer.Argument(metavar="[TEMPLATE]", help="Such as welcome; otherwise all.")] = "",
    language: Annotated[str, typer.Option(help="Such as de; otherwise all.")] = "",
    role: Annotated[str, typer.Option(help="To whom: hire, mentor, manager or coordinator; otherwise to all.")] = "",
    folder: Annotated[
        Path | None, typer.Option("--in", help="A company's folder; otherwise what FIRSTMATE_TEMPLATES names.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write; otherwise a new temporary folder.")] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the index in the browser.")] = False,
    as_json: Json = False,
) -> None:
    """Write mails with sample data as HTML and text, and a page to look at all of them."""
    from deploy.mail_previews import INDEX, write_previews  # noqa: PLC0415
    from services.notifications.company import company  # noqa: PLC0415
    from shared.events.notifications import RECIPIENTS  # noqa: PLC0415
    from shared.settings import Settings  # noqa: PLC0415

    settings = Settings()
    found = company(folder or settings.templates, settings.brand_name)
    for fault in found.set_aside:
        tell(f"set aside, the shipped one is shown: {fault}")
    _one_of("template", template, sorted(RECIPIENTS))
    _one_of("language", language, list(found.renderer.languages))
    roles = sorted({role for roles in RECIPIENTS.values() for role in roles})
    _one_of("role", role, roles)
    target = out or Path(tempfile.mkdtemp(prefix="firstmate-mails-"))
    chosen = ({each} - {""} for each in (template, language, role))
    try:
        written = write_previews(found.renderer, target, *chosen)
    except OSError as error:
        fail(f"{error.filename or target}: {error.strerror or error}")
    if not written:
        fail(f"'{template}' is never sent to a {role}; leave --role away to see to whom it is")
    index = (target / INDEX).resolve()
    if show:
        typer.launch(str(index))
    summary = {"index": str(index), "previews": [asdict(each) for each in written]}
    result(summary, f"{len(written)} mails, see {index}", as_json)


def _one_of(what: str, given: str, known: Sequence[str]) -> None:
    if given and given not in known:
        fail(f"there is no {what} '{given}'; choose one of: {', '.join(known)}", code=2)


def _served() -> "Served":
    """Whether a page answers at a path of the origin."""
    from pydantic import SecretStr  # noqa: PLC0415
    from starlette.routing import Match  # noqa: PLC0415

    from deploy.origin import origin  # noqa: PLC0415
    from shared.mongo import unconnected  # noqa: PLC0415
    from shared.settings import Settings  # noqa: PLC0415

    client = unconnected()
    settings = Settings().model_copy(update={"secret": SecretStr("of the check of templates")})
    routes = origin(client, settings).routes

    def served(path: str) -> bool:
        scope = {"type": "http", "method": "GET", "path": path.partition("?")[0], "root_path": "", "headers": []}
        return any(route.matches(scope)[0] is Match.FULL for route in routes)

    return served
