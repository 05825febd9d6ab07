"""Re-optimisation from finding to deciding: propose what would be better, keep it, carry out what a coordinator accepts.

Finding reads the pool anew and disturbs nobody; nothing moves until somebody accepts, and then every step is held against the
present once more.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.matching import store
from services.matching.decisions import reasons_of
from services.matching.domain import Hire
from services.matching.memory import Memory
from services.matching.person import Seeker
from services.matching.policy import Policy
from services.matching.reoptimisation import moves
from services.matching.reoptimisation.moves import Move, Reoptimisation, Step
from services.matching.reoptimisation.reoptimise import Pair, reoptimise
from services.matching.reoptimisation.settling import Keep, KeepWork, Settle, SettleWork
from services.matching.seeking import ranks, seeker_of
from services.matching.store import SERVICE
from shared.clock import Clock
from shared.directory import people
from shared.events import Event, new_event
from shared.lease import Fence
from shared.mongo import Database
from shared.processing import Processor
from shared.refusals import Refused

TRIES = 5  # the pool stands still for a second soon enough; at night at once
NIGHTLY = "nightly"
LATEST = timedelta(hours=4)  # a worker that was down longer at the hour proposes the next night, not in the working day


class Reoptimiser:
    """What may be asked about re-optimisation, by API, pages and the nightly duty. Every method raises `Refused`."""

    def __init__(self, db: Database, policy: Policy, clock: Clock) -> None:
        self._db = db
        self._policy = policy
        self._clock = clock
        self._keep = Processor(service=SERVICE, consumer="matching.web", db=db, work=lambda: KeepWork(db), clock=clock)
        self._settle = Processor(
            service=SERVICE, consumer="matching.web", db=db, work=lambda: SettleWork(db, policy), clock=clock
        )

    async def propose(self, by: str, key: str | None = None, fence: Fence | None = None) -> str | None:
        """Look for what would be better now and keep it; answers its id, None where `key` was carried out before.

        503 `busy` while the pool does not stand still long enough to be read.
        """
        found = await find(self._db, self._policy, by, self._clock())
        id = f"{found.made_at:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        kept = await self._keep.execute([self._event(Keep(subject=id, found=found))], key=key, fence=fence)
        return id if kept is not None else None

    async def accept(self, id: str, steps: Sequence[str] | None, by: str, key: str | None = None) -> None:
        """Take these steps, or all that are open. 409 with the fault's name when none can be taken; see `moves.WHY_NOT`."""
        await self._settled(id, steps, by, key, take=True)

    async def dismiss(self, id: str, steps: Sequence[str] | None, by: str, key: str | None = None) -> None:
        """Leave these steps, or all that are open, as they are."""
        await self._settled(id, steps, by, key, take=False)

    async def _settled(self, id: str, steps: Sequence[str] | None, by: str, key: str | None, *, take: bool) -> None:
        command = Settle(subject=id, by=by, take=take, steps=list(steps) if steps is not None else None)
        await self._settle.execute([self._event(command)], key=key)

    def _event(self, command: Keep | Settle) -> Event[Any]:
        return new_event(command, source=f"/firstmate/{SERVICE}/web", id="command", time=self._clock())


async def find(db: Database, policy: Policy, by: str, now: datetime) -> Reoptimisation:
    """What would be better among pairs that have not met, and for whoever waits. Raises `Refused` 503 `busy`."""
    for _ in range(TRIES):
        memory = Memory(policy, "reoptimisation")  # its own: what is worked on for seconds must not change under the hand
        attempt, _others = await memory.begin(db)
        hires = {id: hire for id, hire in (await store.movable(db)).items() if moves.may_move(hire) is None}
        if (await store.pool_version(db)).number == attempt.seen.number:
            return await _found(db, memory, hires, by, now)
    raise Refused(503, "busy", "mentors and hires are changing just now; try again in a minute")


async def _found(db: Database, memory: Memory, hires: Mapping[str, Hire], by: str, now: datetime) -> Reoptimisation:
    seekers = _seekers(memory, hires, await people(db, hires), now.date())
    pairs = [Pair(seekers[id], hire.mentor_id) for id, hire in hires.items() if hire.mentor_id is not None]
    waiting = [seekers[id] for id, hire in hires.items() if hire.mentor_id is None]
    found = await asyncio.to_thread(reoptimise, memory.pool, memory.policy, pairs, waiting)
    return Reoptimisation(
        made_at=now.replace(microsecond=0),
        made_by=by,
        policy_version=memory.policy.version,
        pairs=len(pairs),
        waiting=len(waiting),
        before=found.before,
        after=found.after,
        gain=found.gain,
        placed=found.placed,
        steps=[
            Step(
                id=str(number),
                gain=step.gain,
                placed=step.placed,
                moves=[
                    Move(
                        hire_id=move.hire_id,
                        from_mentor=move.from_mentor,
                        to_mentor=move.match.mentor_id,
                        before=move.before,
                        after=move.match.score,
                        before_points={part.criterion: part.points for part in move.before_parts},
                        reasons=reasons_of(
                            move.match.parts,
                            seekers[move.hire_id],
                            replace(memory.pool[move.match.mentor_id], load=move.match.load),
                            memory.policy,
                        ),
                    )
                    for move in step.moves
                ],
            )
            for number, step in enumerate(found.steps, 1)
        ],
    )


def _seekers(memory: Memory, hires: Mapping[str, Hire], known: Mapping[str, Any], today: date) -> dict[str, Seeker]:
    rank_of, reporting = ranks(hires), memory.reporting
    return {
        id: seeker_of(
            id,
            hire,
            known.get(id),
            today,
            managers=reporting.managers(id),
            reports=reporting.reports(id),
            rank=rank_of.get(id, 0),
        )
        for id, hire in hires.items()
    }


class Nightly:
    """The duty that proposes once a night, in the `LATEST` hours from the local `hour` on."""

    def __init__(self, policy: Policy, clock: Clock, hour: int, zone: str) -> None:
        self._policy = policy
        self._clock = clock
        self._hour = timedelta(hours=hour)
        self._zone = ZoneInfo(zone)
        self._done: date | None = None

    async def propose_if_due(self, db: Database, fence: Fence | None = None) -> None:
        """Propose, if it is time and this night has no proposal. Raises `LeaseLost`."""
        since = self._clock().astimezone(self._zone).replace(tzinfo=None) - self._hour
        night = since.date()
        if night == self._done or since - datetime.combine(night, datetime.min.time()) >= LATEST:
            return
        key = f"reoptimise {night.isoformat()}"
        if await db["requests"].find_one({"_id": key}) is None:
            await Reoptimiser(db, self._policy, self._clock).propose(NIGHTLY, key, fence)
        self._done = night
