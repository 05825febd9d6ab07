"""`./firstmate programme`: onboarding programmes, and journeys that follow a newer version of theirs."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.answers import Data, Json, fail, result, tell, with_database
from shared.clock import now

if TYPE_CHECKING:
    from services.onboarding.migration import Migration

programme_app = typer.Typer(no_args_is_help=True, help="Onboarding programmes: let running journeys follow a newer version.")

_CHANGES = {"added": "new", "changed": "changed", "dropped": "not needed any more", "behind": "behind already"}


@programme_app.callback()
def programmes() -> None:
    """Keeps `migrate` a command of its own while there is no other."""


@programme_app.command()
def migrate(
    id: Annotated[str, typer.Argument(help="The programme's id; its version is the one in the present files.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Let running journeys follow the present version of their programme; nothing done is lost, and it is safe to repeat."""
    from services.onboarding.handlers import SERVICE  # noqa: PLC0415  each command loads what it needs
    from services.onboarding.migration import migrate as carry_out  # noqa: PLC0415
    from services.onboarding.migration import preview  # noqa: PLC0415
    from services.onboarding.programme_files import ProgrammeError, read_programmes  # noqa: PLC0415
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
