"""`./firstmate programme`: check and preview onboarding programmes, and let journeys follow a newer version of theirs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from deploy.answers import Data, Json, fail, result, tell, with_database
from shared.clock import now

if TYPE_CHECKING:
    from services.onboarding.migration import Migration

programme_app = typer.Typer(
    no_args_is_help=True,
    help="Onboarding programmes: check them, draw what they plan, let running journeys follow a newer version.",
)

_CHANGES = {"added": "new", "changed": "changed", "dropped": "not needed any more", "behind": "behind already"}


@programme_app.command()
def check(
    path: Annotated[
        Path | None, typer.Argument(help="A folder of programmes, or one file; otherwise the programmes in force.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check programmes: every fault with its file, its line and what to do; and what may not be meant."""
    from services.onboarding.programme_files import ProgrammeError, doubts_in, read_files, read_programmes  # noqa: PLC0415
    from shared.pages.words import plural  # noqa: PLC0415
    from shared.settings import Settings  # noqa: PLC0415

    where = path or Settings().programmes_dir
    try:
        # A file alone need not be for everybody; a folder is what a company goes by.
        found = read_files(where) if where is not None and where.is_file() else read_programmes(where).current
    except ProgrammeError as error:
        faults = [asdict(fault) for fault in error.faults]
        result({"ok": False, "faults": faults, "doubts": [], "programmes": []}, "", as_json, f"not usable programmes\n{error}")
        return
    told = [{"id": each.id, "version": each.version, "milestones": len(each.milestones)} for each in found]
    doubts = doubts_in(where, now().date())
    lines = [f"{each.id} is well formed: version {each.version}, {plural(len(each.milestones), 'milestone')}" for each in found]
    lines += [f"perhaps not meant: {doubt}" for doubt in doubts]
    summary = {"ok": True, "faults": [], "doubts": [asdict(doubt) for doubt in doubts], "programmes": told}
    result(summary, "\n".join(lines), as_json)


@programme_app.command()
def preview(
    start: Annotated[str, typer.Option(help="The first day, as YYYY-MM-DD.")],
    location: Annotated[str | None, typer.Option(help="Where the person works: FR, DE-BY, or 'Lyon, FR'.")] = None,
    programme: Annotated[str | None, typer.Option(help="The programme's id; otherwise the one this person would get.")] = None,
    department: Annotated[str | None, typer.Option()] = None,
    arrangement: Annotated[Literal["onsite", "hybrid", "remote"] | None, typer.Option(help="How the person works.")] = None,
    employment_type: Annotated[str | None, typer.Option()] = None,
    language: Annotated[Literal["en", "de", "fr", "ar"], typer.Option(help="The language of titles and words.")] = "en",
    path: Annotated[
        Path | None, typer.Option("--in", help="A folder of programmes, or one file; otherwise those in force.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Draw the journey that somebody would have: each day with its reason, days off, and what is left out."""
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415

    from deploy.programme_calendar import drawn  # noqa: PLC0415
    from services.onboarding.deciding.replanning import named_programme  # noqa: PLC0415
    from services.onboarding.preview import preview as previewed  # noqa: PLC0415
    from services.onboarding.programme import Person  # noqa: PLC0415
    from services.onboarding.programme_checks import names_a_country  # noqa: PLC0415
    from services.onboarding.programme_files import ProgrammeError, read_files, read_programmes  # noqa: PLC0415
    from shared.events.hr import StartDate  # noqa: PLC0415
    from shared.refusals import Refused  # noqa: PLC0415
    from shared.settings import Settings  # noqa: PLC0415

    if location is not None and not names_a_country(location):
        fail(f"--location '{location}' names no country, or a part that it does not have; use FR, DE-BY or 'Lyon, FR'", code=2)
    where = path or Settings().programmes_dir
    person = Person(location=location, department=department, work_arrangement=arrangement, employment_type=employment_type)
    try:
        day = TypeAdapter(StartDate).validate_python(start)
        if where is not None and where.is_file():
            (chosen,) = read_files(where)
        else:
            known = read_programmes(where)
            chosen = named_programme(known, programme) if programme else known.choose(person)
        shown = previewed(chosen, day, person, language)
    except ValidationError as error:
        fail(f"--start {start}: {error.errors()[0]['msg'].removeprefix('Value error, ')}", code=2)
    except ProgrammeError as error:
        fail(f"not usable programmes\n{error}")
    except Refused as refused:
        fail(refused.detail)
    if not as_json:
        Console().print(drawn(shown, language))
    result(shown.model_dump(mode="json"), "", as_json)


@programme_app.command()
def schema() -> None:
    """Print the JSON Schema of a programme file, for editors that help to write one."""
    from services.onboarding.programme_entries import schema as programme_schema  # noqa: PLC0415

    print(json.dumps(programme_schema(), indent=2, ensure_ascii=False))


@programme_app.command()
def migrate(
    id: Annotated[str, typer.Argument(help="The programme's id; its version is the one in the present files.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Let running journeys follow the present version of their programme; nothing done is lost, and it is safe to repeat."""
    from services.onboarding.migration import migrate as carry_out  # noqa: PLC0415  each command loads what it needs
    from services.onboarding.migration import preview  # noqa: PLC0415
    from services.onboarding.programme_files import ProgrammeError, read_programmes  # noqa: PLC0415
    from services.onboarding.read_models import SERVICE  # noqa: PLC0415
    from shared.access import OPERATOR  # noqa: PLC0415
    from shared.refusals import Refused  # noqa: PLC0415
    from shared.settings import Settings  # noqa: PLC0415

    async def work(client: Any) -> "tuple[Migration, Migration | None]":
        known, db = read_programmes(Settings().programmes_dir), client[SERVICE]
        seen = await preview(db, known, id, now)
        if dry_run:
            return seen, None
        return seen, await carry_out(db, known, id, OPERATOR, now, lambda count: tell(f"{count} of {seen.journeys} journeys"))

    try:
        seen, done = with_database(data, work)
    except ProgrammeError as error:
        fail(f"not usable programmes:\n{error}")
    except Refused as refused:
        fail(refused.detail)
    summary = seen.model_dump() | {"dry_run": dry_run, "migrated": done.journeys if done else 0}
    summary |= {"refused": done.refused if done else 0}
    result(summary, "\n".join(_said(summary)), as_json)


def _said(summary: Mapping[str, Any]) -> Iterator[str]:
    would = "would follow" if summary["dry_run"] else "were to follow"
    yield f"{summary['journeys']} running journeys {would} version {summary['version']} of '{summary['programme']}'"
    for name, words in _CHANGES.items():
        counts = ", ".join(f"{id} ({count})" for id, count in sorted(summary[name].items()))
        if counts:
            yield f"  {words}: {counts}"
    if not summary["dry_run"]:
        yield f"{summary['migrated']} follow it now"
    if summary["refused"]:
        yield f"{summary['refused']} were paused or ended meanwhile and keep their version"
