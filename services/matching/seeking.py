"""A hire as the engine sees one who needs a mentor, from what is stored of them. Pure."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from services.matching.domain import Hire
from services.matching.person import Seeker, person_from


def needed_from(known: Mapping[str, Any] | None, today: date) -> date:
    """The first day on which a mentor is needed: the start date in the directory document, or today once that is past."""
    start = (known or {}).get("start_date")
    return max(date.fromisoformat(start), today) if start else today


def seeker_of(
    id: str,
    hire: Hire,
    known: Mapping[str, Any] | None,
    today: date,
    *,
    managers: Iterable[str],
    reports: Iterable[str],
    rank: int = 0,
) -> Seeker:
    """The hire with their directory document `known`, the managers above (nearest first) and everybody below who matters."""
    return Seeker(
        person=person_from(id, known or {}),
        day=needed_from(known, today),
        managers=tuple(managers),
        reports=frozenset(reports),
        excluded=frozenset(hire.excluded),
        rank=rank,
    )


def ranks(hires: Mapping[str, Hire]) -> dict[str, int]:
    """The rank of each who waits: the longest-waiting has the largest; whoever does not wait has none."""
    waiting = sorted(((hire.waiting.since, id) for id, hire in hires.items() if hire.waiting is not None), reverse=True)
    return {id: rank for rank, (_, id) in enumerate(waiting, 1)}
