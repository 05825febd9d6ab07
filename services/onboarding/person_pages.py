"""One person: their journey, what has happened, why this mentor; and the forms by which people report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from services.onboarding import store
from services.onboarding.answers import RATINGS
from services.onboarding.cadence import cadence_of
from services.onboarding.cards import Words, no_mentor_words, note_of, start_of, waiting_words
from services.onboarding.commands import COMMENT_LENGTH
from services.onboarding.desk import Desk
from services.onboarding.former import former_journeys
from services.onboarding.happenings import happenings, messages_in, people_in
from services.onboarding.journey import Journey, local_day
from services.onboarding.parameters import fields_of
from services.onboarding.preview_words import place_note
from services.onboarding.programme import Programme
from services.onboarding.projections.board import Assignment
from services.onboarding.views import Task, comments_of, in_page_language, tasks_of, title_of
from shared.access import Action, CurrentViewer, Viewer, may
from shared.calendar import place
from shared.clock import Clock
from shared.directory import chain, name_of, people
from shared.events.onboarding import MOST_MINUTES, Owner
from shared.mongo import Database, Document
from shared.pages import PageRoute, Templates, local_path
from shared.pages.language import N_, ngettext
from shared.pages.language import gettext as _
from shared.pages.words import day, humane
from shared.refusals import invalid

HAPPENINGS_SHOWN = 15  # the latest weeks; the rest waits behind one click
MESSAGES_SHOWN = 12
ABOUT_SEVERAL = ("/me", "/mentoring")  # pages that are told about whom something was done
REASONS_SHOWN = 5  # the criteria that decided; all of them stand on the page they link to

Employee = Annotated[str, Path(max_length=64)]
Id = Annotated[str, Path(max_length=64, pattern=r"^[a-z0-9_]+$")]
Back = Annotated[str, Form(max_length=200)]

CRITERIA: Mapping[str, str] = {
    "role": N_("Same kind of work"),
    "skills": N_("Shared skills"),
    "interests": N_("Shared interests"),
    "meaning": N_("Related interests"),
    "values": N_("Shared values"),
    "working_hours": N_("Shared working hours"),
    "language": N_("Common language"),
    "site": N_("Site and arrangement"),
    "seniority": N_("Seniority"),
    "tenure": N_("Time at the company"),
    "rating": N_("Earlier mentees' ratings"),
    "load": N_("Room for a mentee"),
    "cross_group": N_("Wider network"),
}
GRADES = ((9_000, N_("Full")), (6_500, N_("Strong")), (3_500, N_("Some")), (1, N_("Little")), (0, N_("None")))
"""From which value 0..10000 on a criterion earns which word."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Required milestones: done, late, and all of them."""

    done: int
    late: int
    total: int


@dataclass(frozen=True, slots=True)
class MeetingForm:
    """What the form for a meeting starts with; `words` says how many were held."""

    today: str
    words: str


@dataclass(frozen=True, slots=True)
class Reason:
    """One criterion's value 0..10000, in words."""

    label: str
    value: int
    words: str


@dataclass(frozen=True, slots=True)
class Named:
    """Somebody by name."""

    id: str
    name: str
    note: str = ""

    @property
    def given_name(self) -> str:
        """What one says to them: the first word of the name."""
        return self.name.split(" ")[0]


@dataclass(frozen=True, slots=True)
class Case:
    """A journey with everything its page says about it, and what the viewer may do there."""

    viewer: Viewer
    journey: Journey
    programme: Programme
    person: Document
    chain: Sequence[str]
    names: Mapping[str, str]
    now: datetime

    @property
    def id(self) -> str:
        """The hire."""
        return self.journey.employee_id

    @property
    def today(self) -> date:
        """The calendar day where the hire works."""
        return local_day(self.now, self.person.get("time_zone"))

    def may(self, action: Action, owner: Owner | None = None) -> bool:
        """Whether the viewer may do this here."""
        mentor_id = self.journey.mentor_id
        return may(self.viewer, action, subject=self.id, chain=self.chain, mentor_id=mentor_id, owner=owner)

    @property
    def may_complete(self) -> Callable[[Owner], bool]:
        """Whose milestones the viewer's word completes."""
        return lambda owner: self.may("complete_milestone", owner)

    @property
    def progress(self) -> Progress:
        """How far the journey is."""
        done, total = self.journey.progress
        late = sum(each.status == "late" and not each.optional for each in self.journey.milestones.values())
        return Progress(done, late if self.journey.live else 0, total)

    @property
    def meeting_form(self) -> MeetingForm | None:
        """The form for a meeting, for whoever may log one while the journey lives and there is a mentor."""
        if not self.may("log_meeting") or not self.journey.live or self.journey.mentor_id is None:
            return None
        return MeetingForm(self.today.isoformat(), self.meetings_words)

    @property
    def meetings_words(self) -> str:
        """How many meetings were held, and when the last."""
        held = [meeting.held_on for meeting in self.journey.meetings]
        if not held:
            return _("None held yet.")
        return ngettext(
            "%(num)s meeting held so far, the last on %(day)s.",
            "%(num)s meetings held so far, the last on %(day)s.",
            len(held),
            day=day(max(held), self.today),
        )

    @property
    def why(self) -> str:
        """Where matching explains itself, for whoever may see it."""
        return f"/matching/why/{self.id}" if self.may("see_assignment") else ""

    def named(self, id: str, note: str = "") -> Named:
        """Somebody around the hire."""
        return Named(id, self.names.get(id, id), note)


class Cases:
    """Reads what the page of a person shows."""

    def __init__(self, db: Database, desk: Desk, clock: Clock) -> None:
        self._db = db
        self._desk = desk
        self._clock = clock

    async def of(self, viewer: Viewer, employee_id: str) -> Case:
        """A person's journey. Raises `Refused`: 403 for whoever may not see it, 404 where there is none."""
        journey = await self._desk.journey(viewer, employee_id)
        programme = await self._desk.programme(journey)
        around = {employee_id, journey.mentor_id, journey.manager_id} | {each.settled_by for each in journey.milestones.values()}
        known = await people(self._db, {id for id in around if id})
        names = {id: name_of(person, id) for id, person in known.items()}
        above = await chain(self._db, employee_id)
        return Case(viewer, journey, programme, known.get(employee_id, {}), above, names, self._clock())


def reasons_of(assignment: Assignment) -> list[Reason]:
    """The criteria that added most to a score, strongest first."""
    strongest = sorted(assignment.contributions, key=lambda each: (-each.points, each.criterion))[:REASONS_SHOWN]
    counted = [each for each in strongest if each.points]
    return [Reason(_criterion(each.criterion), each.value, grade(each.value)) for each in counted]


def _criterion(name: str) -> str:
    return _(CRITERIA[name]) if name in CRITERIA else humane(name)


def grade(value: int) -> str:
    """A criterion's value 0..10000 as one word."""
    return next(_(word) for least, word in GRADES if value >= least)


def badges_of(case: Case) -> list[Words]:
    """The states beside a person's name."""
    start = start_of(case.journey.status, case.journey.start_date, case.today)
    badges = [Words(start.words, "info" if case.journey.live else "muted", "calendar")]
    if case.journey.last_day is not None:
        badges.append(Words(_("Leaves after %(day)s", day=day(case.journey.last_day, case.today)), "muted", "minus"))
    if case.progress.late:
        badges.append(Words(ngettext("%(num)s late", "%(num)s late", case.progress.late), "late", "alert"))
    return badges


def facts_of(case: Case) -> list[tuple[str, str]]:
    """Plain facts about a journey."""
    journey = case.journey
    manager = case.named(journey.manager_id).name if journey.manager_id else _("Nobody")
    start = day(journey.start_date) if journey.start_date else _("Not known")
    facts = [(_("Manager"), manager), (_("First day"), start), (_("Programme"), in_page_language(case.programme.title))]
    zone = case.person.get("time_zone")
    facts += [(_("Time zone"), zone.replace("_", " "))] if zone else []
    location = case.person.get("location") or None
    where = place(location)
    return [*facts, (_("Days off"), place_note(where, location))] if where.note else facts


def no_mentor(assignment: Assignment) -> str:
    """What stands where the mentor would, with the reason."""
    if assignment.status in ("waitlisted", "released"):
        return _("%(sentence)s.", sentence=waiting_words(assignment))
    return _("%(sentence)s.", sentence=no_mentor_words(assignment))


def notice_of(case: Case, query: Mapping[str, str]) -> Words | None:
    """What was just done here, as the address says after a form was sent; only ids of this journey are believed."""
    done = query.get("done", "")
    if done in case.journey.milestones:
        return Words(_("Done: %(title)s.", title=title_of(case.programme, done)), "ok", "check")
    if query.get("met") and case.journey.meetings:
        return Words(" ".join([_("Meeting logged."), case.meetings_words]), "ok", "check")
    if query.get("answered", "") in case.journey.surveys:
        return Words(_("Thank you for your answers."), "ok", "check")
    return None


def person_pages(db: Database, desk: Desk, clock: Clock, pages: Templates) -> APIRouter:
    """`/people/{employee_id}` and what its forms send."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)
    cases = Cases(db, desk, clock)

    @router.get("/people/{employee_id}")
    async def show_person(request: Request, viewer: CurrentViewer, employee_id: Employee) -> HTMLResponse:
        case = await cases.of(viewer, employee_id)
        timeline = await store.timeline(db, employee_id)
        entries = timeline.entries if timeline else []
        names = await store.names(db, people_in(entries))
        row = await store.board_row(db, employee_id)
        assignment = row.board.assignment if row else Assignment()
        mentor_id = case.journey.mentor_id
        mentor = await people(db, [mentor_id]) if mentor_id else {}
        zone = case.person.get("time_zone")
        reasons = (await store.written(db, employee_id)).reasons
        happened = happenings(entries, case.programme, names, zone, reasons)
        wrote = await store.survey_comments(db, employee_id) if case.may("see_survey_comments") else []
        before = await desk.programmes_before(case.journey)
        messages = messages_in(entries, names) if case.may("see_messages") else None
        return pages.render(
            request,
            "person.html",
            viewer=viewer,
            person=Named(case.id, name_of(case.person or None, case.id), note_of(case.person)),
            back_to_board=case.id != viewer.employee_id,
            notice=notice_of(case, request.query_params),
            badges=badges_of(case),
            progress=case.progress,
            tasks=tasks_of(case.journey, case.programme, case.may_complete, case.names, case.today),
            here=f"/people/{case.id}",
            mentor=case.named(mentor_id, note_of(mentor.get(mentor_id, {}))) if mentor_id else None,
            reasons=reasons_of(assignment) if assignment.mentor_id == mentor_id else [],
            why=case.why,
            no_mentor=no_mentor(assignment),
            meeting=case.meeting_form,
            cadence=cadence_of(case.journey, case.programme, case.today) if mentor_id or case.journey.meetings else None,
            meetings=case.meetings_words if case.journey.meetings else "",
            messages=messages[:MESSAGES_SHOWN] if messages is not None else None,
            messages_before=(messages or [])[MESSAGES_SHOWN:],
            comments=comments_of(wrote, case.programme, case.today),
            facts=facts_of(case),
            former=former_journeys(case.journey, entries, before, names, zone),
            plan=f"/people/{case.id}/plan" if case.may("change_plan") and case.journey.live else "",
            zone=zone.replace("_", " ") if zone else "UTC",
            happened=happened[:HAPPENINGS_SHOWN],
            earlier=happened[HAPPENINGS_SHOWN:],
        )

    def back_to(back: str, employee_id: str, **said: str) -> RedirectResponse:
        path = local_path(back, f"/people/{employee_id}").partition("?")[0]
        about = {"about": employee_id} if path in ABOUT_SEVERAL else {}
        return RedirectResponse(f"{path}?{urlencode(said | about)}", status_code=303)

    @router.post("/people/{employee_id}/milestones/{milestone_id}")
    async def complete_milestone(
        viewer: CurrentViewer, employee_id: Employee, milestone_id: Id, back: Back = ""
    ) -> RedirectResponse:
        await desk.complete_milestone(viewer, employee_id, milestone_id)
        return back_to(back, employee_id, done=milestone_id)

    @router.post("/people/{employee_id}/meetings")
    async def log_meeting(
        viewer: CurrentViewer,
        employee_id: Employee,
        held_on: Annotated[date, Form()],
        minutes: Annotated[int, Form(ge=1, le=MOST_MINUTES)],
        back: Back = "",
    ) -> RedirectResponse:
        await desk.log_meeting(viewer, employee_id, held_on, minutes)
        return back_to(back, employee_id, met=held_on.isoformat())

    @router.post("/people/{employee_id}/surveys/{survey_id}")
    async def answer_survey(request: Request, viewer: CurrentViewer, employee_id: Employee, survey_id: Id) -> RedirectResponse:
        fields = await fields_of(request)
        await desk.answer_survey(viewer, employee_id, survey_id, ratings_in(fields), fields.get("comment", "")[:COMMENT_LENGTH])
        return back_to("/me", employee_id, answered=survey_id)

    return router


def ratings_in(fields: Mapping[str, str]) -> dict[str, int]:
    """The ratings of a survey's form, by question. Raises `Refused` 422 for anything but a number from 1 to 5."""
    ratings = {name.removeprefix("rating."): value for name, value in fields.items() if name.startswith("rating.")}
    for question, value in ratings.items():
        if value not in RATINGS:
            raise invalid(f"rating of '{question[:48]}' must be a number from 1 to 5; choose one", "invalid_rating", "ratings")
    return {question: int(value) for question, value in ratings.items()}


def urgent(tasks: Sequence[Task], owner: Owner) -> list[Task]:
    """Of these tasks, the owner's."""
    return [task for task in tasks if task.owner == owner]
