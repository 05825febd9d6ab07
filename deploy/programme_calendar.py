"""A programme's preview in the terminal: a calendar of each month with something due, beside it what is due, and why."""

from collections.abc import Iterator
from datetime import date
from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.onboarding import preview_words as words
from services.onboarding.preview import Month, Preview, PreviewedMilestone, months
from shared.pages.language import gettext as _
from shared.pages.language import speaking
from shared.pages.words import day

COLOURS = {"hire": "cyan", "mentor": "magenta", "manager": "yellow", "coordinator": "green"}


def drawn(shown: Preview, language: str) -> RenderableType:
    """The whole preview, to print with rich."""
    with speaking(words.locale_of(language)):
        return _drawn(shown)


def _drawn(shown: Preview) -> RenderableType:
    head = Text(f"{shown.title}  ", style="bold")
    head.append(f"{day(shown.start_date)}  {shown.location or ''}", style="not bold")
    parts: list[RenderableType] = [head, Text(f"{shown.programme} {shown.version}", style="dim"), _owners()]
    parts += [Text(f"! {note}", style="yellow") for note in shown.notes]
    phase = ""
    for month in months(shown):
        parts += [Text(), _month(month, shown.start_date, phase)]
        phase = month.milestones[-1].phase
    if shown.left_out:
        parts += [Text(), Text(_("Not for this person"), style="bold")]
        parts += [Text.assemble("  ", each.title, (f"  {each.why}", "dim")) for each in shown.left_out]
    return Group(*parts)


def _owners() -> Text:
    return Text("  ").join(Text(f"■ {_(words.OWNERS[owner])}", style=colour) for owner, colour in COLOURS.items())


def _month(month: Month, start: date, phase_before: str) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), expand=True)
    table.add_column(no_wrap=True, min_width=21)
    table.add_column(ratio=1)
    table.add_row(_grid(month, start), Group(*_lines(month, phase_before)))
    return table


def _grid(month: Month, start: date) -> RenderableType:
    grid = Table(box=None, padding=(0, 1, 0, 0), title=words.month(month.first), title_style="bold", title_justify="left")
    for name in words.weekdays():
        grid.add_column(name, justify="right", header_style="dim", min_width=2)
    for week in month.weeks:
        grid.add_row(*(_cell(day, month, start) for day in week))
    return grid


def _cell(day: date | None, month: Month, start: date) -> Text:
    if day is None:
        return Text()
    due, off = month.due_on(day), month.days_off.get(day)
    if due:
        return Text(str(day.day), style=f"bold reverse {COLOURS[due[0].owner]}" + (" underline" if day == start else ""))
    style = "bold underline" if day == start else "red" if off and off.kind == "holiday" else "dim" if off else ""
    return Text(str(day.day), style=style)


def _lines(month: Month, phase_before: str) -> Iterator[RenderableType]:
    for phase, milestones in groupby(month.milestones, key=lambda each: each.phase):
        if phase != phase_before:
            yield Text(_(words.PHASES[phase]), style="bold")
        yield _due(list(milestones))
    for each in month.holidays:
        yield Text(f"{words.near(each.day)}  {each.name}", style="red")


def _due(milestones: list[PreviewedMilestone]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True, min_width=11)
    table.add_column(no_wrap=True, width=1)
    table.add_column()
    for due, several in groupby(milestones, key=lambda each: each.due):
        told = words.near(due)
        for each in several:
            title = Text(each.title)
            if not each.required and each.completed_by != "still_employed":
                title.append(f" ({_('optional')})", style="dim")
            reasons = words.with_owner(each.owner, [each.counted, each.moved, each.why, each.told])
            table.add_row(told, Text("■", style=COLOURS[each.owner]), title + Text(f"\n{reasons}", style="dim"))
            told = ""
    return table
