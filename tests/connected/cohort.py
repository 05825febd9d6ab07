"""A company whose outcomes are known: facts told straight to the read model's real processing, on a real database."""

import random
from datetime import UTC, date, datetime, timedelta

from services.onboarding.read_models import SERVICE, ReadModelWork
from shared.directory import COLLECTION as DIRECTORY
from shared.events import Event, Fact, new_event
from shared.events.mentoring import MentorAssigned
from shared.events.onboarding import JourneyEnded, JourneyStarted, MeetingHeld, SurveyAnswered
from shared.mongo import Database
from shared.processing import Processor

TODAY = datetime(2027, 6, 15, 9, tzinfo=UTC)


def lives(people: int, seed: int = 5) -> tuple[list[Event[Fact]], list[dict[str, str]]]:
    """The facts of so many hires and their directory entries; contact makes them a bit more content and less likely to leave."""
    dice = random.Random(seed)
    facts: list[Event[Fact]] = []
    entries = []
    for number in range(people):
        id = f"H-{number:05}"
        start = date(2025, 7, 1) + timedelta(days=dice.randrange(0, 600))
        entries.append({"_id": id, "department": dice.choice(["Sales", "Engineering", "Support"]), "location": "Lyon, FR"})
        facts += _life(id, start, dice)
    return facts, entries


def _life(id: str, start: date, dice: random.Random) -> list[Event[Fact]]:
    regular = dice.random() < 0.55
    left = dice.randrange(35, 340) if dice.random() < (0.1 if regular else 0.25) else None
    first = datetime(start.year, start.month, start.day, 9, tzinfo=UTC)
    told: list[tuple[Fact, datetime]] = [
        (
            JourneyStarted(employee_id=id, start_date=start, programme="default", programme_version="1", milestones=[]),
            first - timedelta(days=20),
        )
    ]
    for day in range(1, 90, 7 if regular else 45):
        held = MeetingHeld(employee_id=id, meeting_id=f"{day}", held_on=start + timedelta(days=day), minutes=30, reported_by=id)
        told.append((held, first + timedelta(days=day)))
    for day, question in ((7, "satisfaction"), (31, "match_quality"), (91, "satisfaction")):
        rating = min(5, max(1, round(dice.gauss(4.1 if regular else 3.5, 0.8))))
        ratings = {question: rating} | ({"productivity": rating} if day == 91 else {})
        told.append((SurveyAnswered(employee_id=id, survey_id=f"day_{day}", ratings=ratings), first + timedelta(days=day)))
    if left is not None:
        told.append((JourneyEnded(employee_id=id, outcome="left"), first + timedelta(days=left)))
    told = [(fact, at) for fact, at in told if at <= TODAY and (left is None or at <= first + timedelta(days=left))]
    events = [
        new_event(fact, source="/firstmate/onboarding", id=f"{id}/{place}", time=at, sequence=place)
        for place, (fact, at) in enumerate(sorted(told, key=lambda each: each[1]), start=1)
    ]
    chosen = MentorAssigned(employee_id=id, mentor_id="M-1", score=1, contributions=[], policy_version="1")
    matched = first - timedelta(days=20) + timedelta(hours=dice.choice([0, 0, 0, 30]), seconds=1)
    return [*events, new_event(chosen, source="/firstmate/matching", id=f"{id}/m", time=matched, sequence=1)]


async def tell(db: Database, people: int) -> None:
    """Let the read model process the cohort, and know where they work."""
    facts, entries = lives(people)
    reading = Processor(service=SERVICE, consumer="cohort", db=db, work=lambda: ReadModelWork(db), clock=lambda: TODAY)
    for begin in range(0, len(facts), 500):
        await reading.execute(facts[begin : begin + 500])
    await db[DIRECTORY].insert_many([entry | {"left": False} for entry in entries])
