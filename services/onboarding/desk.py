"""What people ask of journeys: who may is checked, then the command is carried out. Used by the API and by the pages."""

from collections.abc import Mapping
from datetime import date

from services.onboarding import store
from services.onboarding.commands import AnswerSurvey, Command, CompleteMilestone, LogMeeting, WaiveMilestone
from services.onboarding.handlers import JourneyWork, as_event, command_processor
from services.onboarding.journey import Journey
from services.onboarding.programme import Programme, Programmes
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
        journey = await self._checked(viewer, "see_journey", employee_id)
        if journey is None or journey.status == "expected":
            raise not_found("this person has no journey; it starts when their HR system tells of the hire", "no_journey")
        return journey

    async def programme(self, journey: Journey) -> Programme:
        """The programme version that a journey is pinned to. Raises `LookupError` when it is stored nowhere."""
        return await store.programme_of(self._db, self._programmes, journey.programme or "", journey.programme_version or "")

    async def complete_milestone(self, viewer: Viewer, employee_id: str, milestone_id: str, key: str | None = None) -> Journey:
        """Say that a milestone is done; done already is no error."""
        await self._check_owner(viewer, employee_id, milestone_id)
        command = CompleteMilestone(employee_id=employee_id, milestone_id=milestone_id, completed_by=viewer.by)
        return await self._carry_out(viewer, command, key)

    async def waive_milestone(self, viewer: Viewer, employee_id: str, milestone_id: str, key: str | None = None) -> Journey:
        """Say that this person does not need a milestone."""
        await self._checked(viewer, "complete_milestone", employee_id, WAIVER_OWNER)
        command = WaiveMilestone(employee_id=employee_id, milestone_id=milestone_id, waived_by=viewer.by)
        return await self._carry_out(viewer, command, key)

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
        await self._checked(viewer, "log_meeting", employee_id)
        command = LogMeeting(
            employee_id=employee_id,
            meeting_id=meeting_id or held_on.isoformat(),
            held_on=held_on,
            minutes=minutes,
            reported_by=viewer.by,
        )
        return await self._carry_out(viewer, command, key)

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
        await self._checked(viewer, "answer_survey", employee_id)
        command = AnswerSurvey(employee_id=employee_id, survey_id=survey_id, ratings=dict(ratings), comment=comment.strip())
        return await self._carry_out(viewer, command, key)

    async def _checked(self, viewer: Viewer, action: Action, employee_id: str, owner: Owner | None = None) -> Journey | None:
        journey = await store.journey(self._db, employee_id)
        mentor_id = journey.mentor_id if journey else None
        above = () if viewer.sees_all else await chain(self._db, employee_id)
        check(viewer, action, subject=employee_id, chain=above, mentor_id=mentor_id, owner=owner)
        return journey

    async def _check_owner(self, viewer: Viewer, employee_id: str, milestone_id: str) -> None:
        journey = await self._checked(viewer, "see_journey", employee_id)
        milestone = journey.milestones.get(milestone_id) if journey else None
        if milestone is not None:  # the decision itself answers for one that does not exist
            await self._checked(viewer, "complete_milestone", employee_id, milestone.owner)

    async def _carry_out(self, viewer: Viewer, command: Command, key: str | None) -> Journey:
        scoped = scoped_key(key, viewer.by, command.TYPE, command.employee_id)
        work = await self._processor.execute([as_event(command, self._clock())], key=scoped)
        if isinstance(work, JourneyWork):
            journey = work.journeys[command.employee_id].state
        else:  # this key was carried out before
            journey = await store.journey(self._db, command.employee_id)
        if journey is None:
            raise not_found("this person has no journey; it starts when their HR system tells of the hire", "no_journey")
        return journey
