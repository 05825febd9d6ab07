"""What people ask of one person's plan: who may is checked, then the command is carried out. Used by the API and by the pages."""

from collections.abc import Sequence
from datetime import date

from services.onboarding.commands import (
    A_DAY_BEFORE,
    AddMilestone,
    ChangeProgramme,
    MoveMilestone,
    PauseJourney,
    ReassignMilestone,
    ReopenMilestone,
    ResumeJourney,
)
from services.onboarding.deciding.case import require_running
from services.onboarding.deciding.replanning import change_of_programme
from services.onboarding.desk import Desk
from services.onboarding.journey import Journey
from services.onboarding.programme import Person, Programmes
from shared.access import Viewer
from shared.clock import Clock
from shared.directory import people
from shared.events.onboarding import JourneyReplanned, Owner
from shared.mongo import Database


class PlanDesk:
    """Changes of one person's plan: a manager's above them, or a coordinator's. Raises `Refused` as `Desk` does."""

    def __init__(self, db: Database, desk: Desk, programmes: Programmes, clock: Clock) -> None:
        self._db = db
        self._desk = desk
        self._programmes = programmes
        self._clock = clock

    async def reopen(
        self, viewer: Viewer, employee_id: str, milestone_id: str, reason: str = "", key: str | None = None
    ) -> Journey:
        """A waived milestone is needed after all."""
        await self._desk.checked(viewer, "change_plan", employee_id)
        said = {"milestone_id": milestone_id, "reason": reason}
        command = ReopenMilestone(employee_id=employee_id, **said, reopened_by=viewer.by)
        return await self._desk.carry_out(viewer, command, key)

    async def add(
        self,
        viewer: Viewer,
        employee_id: str,
        *,
        title: str,
        owner: Owner,
        due: date,
        optional: bool = False,
        remind: Sequence[int] = A_DAY_BEFORE,
        escalate_after: int | None = None,
        reason: str = "",
        milestone_id: str | None = None,
        key: str | None = None,
    ) -> Journey:
        """A milestone that this person alone has; its owner is reminded so many days from its day (negative: before it), and
        somebody else told that it is still open so many days after it."""
        await self._desk.checked(viewer, "change_plan", employee_id)
        command = AddMilestone(
            employee_id=employee_id,
            milestone_id=milestone_id,
            title=title,
            owner=owner,
            due=due,
            optional=optional,
            remind=list(remind),
            escalate_after=escalate_after,
            reason=reason,
            added_by=viewer.by,
        )
        return await self._desk.carry_out(viewer, command, key)

    async def move(
        self, viewer: Viewer, employee_id: str, milestone_id: str, due: date, reason: str = "", key: str | None = None
    ) -> Journey:
        """Another day for a milestone."""
        await self._desk.checked(viewer, "change_plan", employee_id)
        command = MoveMilestone(employee_id=employee_id, milestone_id=milestone_id, due=due, reason=reason, moved_by=viewer.by)
        return await self._desk.carry_out(viewer, command, key)

    async def reassign(
        self, viewer: Viewer, employee_id: str, milestone_id: str, owner: Owner, reason: str = "", key: str | None = None
    ) -> Journey:
        """Another owner for a milestone."""
        await self._desk.checked(viewer, "change_plan", employee_id)
        command = ReassignMilestone(
            employee_id=employee_id, milestone_id=milestone_id, owner=owner, reason=reason, reassigned_by=viewer.by
        )
        return await self._desk.carry_out(viewer, command, key)

    async def pause(
        self, viewer: Viewer, employee_id: str, until: date | None, since: date | None = None, key: str | None = None
    ) -> Journey:
        """The person is away from today or another day on, until the day of return where it is known."""
        await self._desk.checked(viewer, "change_plan", employee_id)
        command = PauseJourney(employee_id=employee_id, since=since, until=until, paused_by=viewer.by)
        return await self._desk.carry_out(viewer, command, key)

    async def resume(self, viewer: Viewer, employee_id: str, key: str | None = None) -> Journey:
        """The person is back today, or will not be away after all."""
        await self._desk.checked(viewer, "change_plan", employee_id)
        command = ResumeJourney(employee_id=employee_id, resumed_by=viewer.by)
        return await self._desk.carry_out(viewer, command, key)

    async def change_programme(
        self, viewer: Viewer, employee_id: str, programme: str, reason: str = "", key: str | None = None
    ) -> Journey:
        """From now on by the present version of this programme."""
        await self._desk.checked(viewer, "change_plan", employee_id)
        command = ChangeProgramme(employee_id=employee_id, programme=programme, reason=reason, decided_by=viewer.by)
        return await self._desk.carry_out(viewer, command, key)

    async def preview(self, viewer: Viewer, employee_id: str, programme: str) -> tuple[Journey, JourneyReplanned | None]:
        """What `change_programme` would change now; None where it would change nothing."""
        await self._desk.checked(viewer, "change_plan", employee_id)
        journey = await self._desk.journey(viewer, employee_id)
        require_running(journey)
        person = Person.of((await people(self._db, [employee_id])).get(employee_id))
        return journey, change_of_programme(journey, programme, person, self._programmes, self._clock(), viewer.by)
