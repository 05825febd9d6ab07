"""Running journeys follow the present version of their programme: previewed for all, then carried out in batches.

Safe to repeat and to stop anywhere: a journey that follows the version already is not looked at again. Paused journeys keep
their version until somebody asks again after their return.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence

from pydantic import BaseModel

from services.onboarding import store
from services.onboarding.commands import ChangeProgramme
from services.onboarding.deciding.replanning import change_of_programme, named_programme
from services.onboarding.handlers import as_event, command_processor
from services.onboarding.journey import Journey
from services.onboarding.programme import Person, Programme, Programmes
from shared.clock import Clock
from shared.directory import people
from shared.mongo import Database
from shared.processing import Processor
from shared.refusals import Refused

BATCH = 500  # as many as a batch from Kafka: bulk writes level off here


class Migration(BaseModel):
    """What became, or would become, of the running journeys: counts of journeys, and of milestones by id."""

    programme: str
    version: str
    journeys: int = 0
    refused: int = 0
    added: dict[str, int] = {}
    changed: dict[str, int] = {}
    dropped: dict[str, int] = {}
    behind: dict[str, int] = {}


async def preview(db: Database, programmes: Programmes, id: str, clock: Clock) -> Migration:
    """What `migrate` would change now. Raises `Refused` 404 for an unknown programme."""
    target = named_programme(programmes, id)
    counts = {name: Counter[str]() for name in ("added", "changed", "dropped", "behind")}
    journeys = 0
    async for batch in _outdated(db, target):
        known = await people(db, [journey.employee_id for journey in batch])
        for journey in batch:
            person = Person.of(known.get(journey.employee_id))
            fact = change_of_programme(journey, id, person, programmes, clock(), "preview")
            if fact is None:
                continue
            journeys += 1
            new = {each.id for each in fact.added}
            counts["added"].update(new - set(fact.dropped))
            counts["changed"].update(each.id for each in fact.changed)
            counts["dropped"].update(set(fact.dropped) - new)
            counts["behind"].update(new & set(fact.dropped))
    return Migration(programme=target.id, version=target.version, journeys=journeys, **counts)


async def migrate(
    db: Database, programmes: Programmes, id: str, by: str, clock: Clock, progress: Callable[[int], None] = lambda _: None
) -> Migration:
    """Let every active journey of this programme follow its present version; `progress` hears how many are done.

    Raises `Refused`: 404 for an unknown programme, 503 while the database is away (what was done is done; run it again).
    """
    target = named_programme(programmes, id)
    processor = command_processor(db, programmes, clock)
    journeys = refused = 0
    async for batch in _outdated(db, target):
        commands = [ChangeProgramme(employee_id=journey.employee_id, programme=id, decided_by=by) for journey in batch]
        failed = await _carry_out(processor, commands, clock)
        journeys, refused = journeys + len(batch) - failed, refused + failed
        progress(journeys)
    return Migration(programme=target.id, version=target.version, journeys=journeys, refused=refused)


async def _outdated(db: Database, target: Programme) -> AsyncIterator[list[Journey]]:
    after = ""
    while batch := await store.outdated(db, target, after, BATCH):
        yield batch
        after = batch[-1].employee_id


async def _carry_out(processor: Processor, commands: Sequence[ChangeProgramme], clock: Clock) -> int:
    """Carry these out in one transaction; where one is refused, halve. Returns how many were refused."""
    try:
        await processor.execute([as_event(command, clock()) for command in commands])
        return 0
    except Refused as refusal:
        if refusal.status == 503:
            raise
        if len(commands) == 1:
            return 1  # paused or ended meanwhile
    middle = len(commands) // 2
    first = await _carry_out(processor, commands[:middle], clock)
    return first + await _carry_out(processor, commands[middle:], clock)
