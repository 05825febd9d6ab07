"""What people ask of journeys: who may is checked, then the command is carried out. Used by the API and by the pages."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from services.onboarding import store
from services.onboarding.commands import AnswerSurvey, Command, CompleteMilestone, LogMeeting, WaiveMilestone
from services.onboarding.conditions import ByPerson
from services.onboarding.handlers import JourneyWork, as_event, command_processor
from services.onboarding.journey import Journey
from services.onboarding.programme import FALLBACK_LANGUAGE, Milestone, Programme, Programmes, with_others
from shared.access import Action, Viewer, check
from shared.clock import Clock
from shared.directory import chain
from shared.events.onboarding import Owner
from shared.mongo import Database
from shared.refusals import not_found
from shared.web import scoped_key

WAIVER_OWNER: Owner = "manager"  # what is not needed is a manager's or a coordinator's word, whoever owns the milestone


class Desk:
    """Journeys as people read and change them. Every method raises `Refused`: 403, 404, 409 or 422, with the reason."""

    def __init__(self, db: Database, programmes: Programmes, clock: Clock) -> None:
        self._db = db
        self._programmes = programmes
        self._clock = clock
        self._processor = command_processor(db, programmes, clock)

    async def journey(self, viewer: Viewer, employee_id: str) -> Journey:
        """A person's journey, one's own writes included, for whoever may see it."""
        journey = await self.checked(viewer, "see_journey", employee_id)
        if journey is None or journey.status == "expected":
            raise not_found("this person has no journey; it starts when their HR system tells of the hire", "no_journey")
        return journey

    async def programme(self, journey: Journey) -> Programme:
        """What the journey's pages call its milestones: its programme with what it has from earlier ones and of its own.

        Raises `LookupError` when the programme is stored nowhere.
        """
        pins = [(journey.programme or "", journey.programme_version or ""), *reversed(journey.earlier)]
        await store.load_pinned(self._db, self._programmes, pins)
        present, *earlier = (self._programmes.pinned(*pin) for pin in pins)
        own = any(each.own for each in journey.milestones.values())
        titles = (await store.written(self._db, journey.employee_id)).titles if own else {}
        return with_others(present, [*_own_milestones(journey, titles), *_by_hand(earlier)])

    async def programmes_before(self, journey: Journey) -> Programmes:
        """The programmes, those among them that the person's former journeys followed."""
        await store.load_pinned(self._db, self._programmes, [(past.programme, past.programme_version) for past in journey.past])
        return self._programmes

    async def complete_milestone(self, viewer: Viewer, employee_id: str, milestone_id: str, key: str | None = None) -> Journey:
        """Say that a milestone is done; done already is no error."""
        await self._check_owner(viewer, employee_id, milestone_id)
        command = CompleteMilestone(employee_id=employee_id, milestone_id=milestone_id, completed_by=viewer.by)
        return await self.carry_out(viewer, command, key)

    async def waive_milestone(
        self, viewer: Viewer, employee_id: str, milestone_id: str, key: str | None = None, reason: str = ""
    ) -> Journey:
        """Say that this person does not need a milestone, and why."""
        await self.checked(viewer, "complete_milestone", employee_id, WAIVER_OWNER)
        command = WaiveMilestone(employee_id=employee_id, milestone_id=milestone_id, reason=reason, waived_by=viewer.by)
        return await self.carry_out(viewer, command, key)

    async def log_meeting(
        self,
        viewer: Viewer,
        employee_id: str,
        held_on: date,
        minutes: int,
        meeting_id: str | None = None,
        key: str | None = None,
    ) -> Journey:
        """Report a meeting of mentor and hire.

        Without `meeting_id` it is the meeting of that day: both may report it, and it counts once.
        """
        await self.checked(viewer, "log_meeting", employee_id)
        command = LogMeeting(
            employee_id=employee_id,
            meeting_id=meeting_id or held_on.isoformat(),
            held_on=held_on,
            minutes=minutes,
            reported_by=viewer.by,
        )
        return await self.carry_out(viewer, command, key)

    async def answer_survey(
        self,
        viewer: Viewer,
        employee_id: str,
        survey_id: str,
        ratings: Mapping[str, int],
        comment: str = "",
        key: str | None = None,
    ) -> Journey:
        """Answer a survey: a rating 1..5 for each question, and free text that nobody but the hire and coordinators see."""
        await self.checked(viewer, "answer_survey", employee_id)
        command = AnswerSurvey(employee_id=employee_id, survey_id=survey_id, ratings=dict(ratings), comment=comment.strip())
        return await self.carry_out(viewer, command, key)

    async def checked(self, viewer: Viewer, action: Action, employee_id: str, owner: Owner | None = None) -> Journey | None:
        """The person's journey, if there is one, for whoever may do this; `owner` is the milestone's (see `shared.access`)."""
        journey = await store.journey(self._db, employee_id)
        mentor_id = journey.mentor_id if journey else None
        above = () if viewer.sees_all else await chain(self._db, employee_id)
        check(viewer, action, subject=employee_id, chain=above, mentor_id=mentor_id, owner=owner)
        return journey

    async def _check_owner(self, viewer: Viewer, employee_id: str, milestone_id: str) -> None:
        journey = await self.checked(viewer, "see_journey", employee_id)
        milestone = journey.milestones.get(milestone_id) if journey else None
        if milestone is not None:  # the decision itself answers for one that does not exist
            await self.checked(viewer, "complete_milestone", employee_id, milestone.owner)

    async def carry_out(self, viewer: Viewer, command: Command, key: str | None) -> Journey:
        """The journey after the command; the same `key` again, by the same person for the same thing, does nothing anew."""
        scoped = scoped_key(key, viewer.by, command.TYPE, command.employee_id)
        work = await self._processor.execute([as_event(command, self._clock())], key=scoped)
        if isinstance(work, JourneyWork):
            journey = work.journeys[command.employee_id].state
        else:  # this key was carried out before
            journey = await store.journey(self._db, command.employee_id)
        if journey is None:
            raise not_found("this person has no journey; it starts when their HR system tells of the hire", "no_journey")
        return journey


def _own_milestones(journey: Journey, titles: Mapping[str, str]) -> Iterator[Milestone]:
    """What this person alone has, as a programme would have it."""
    for state in journey.milestones.values():
        if state.own:
            title = {FALLBACK_LANGUAGE: titles.get(state.id, state.id)}
            yield Milestone.model_construct(id=state.id, title=title, owner=state.owner, day=0, optional=state.optional)


def _by_hand(programmes: Iterable[Programme]) -> Iterator[Milestone]:
    """The milestones of programmes that are followed no more: nothing but a person's word completes them now."""
    for programme in programmes:
        for milestone in programme.milestones:
            yield milestone.model_copy(update={"completed_by": ByPerson()})
