"""A company's first import: ten thousand hires told of at once, through the decisions of onboarding and notifications together.

What a hire's data brings depends on nobody else's, so each kind of life is lived once and counted for everybody who shares it.
"""

from collections import Counter
from datetime import date, timedelta
from typing import Any

import pytest

from services.onboarding.commands import ReviewDueDays
from shared.events import Event
from shared.events.mentoring import MentorReleased
from tests.domain.notifications.correspondence import Post
from tests.domain.onboarding.history import ADA, MENTOR, NOW, SHIPPED, Life, assigned, counted, hired, waitlisted

HIRES = 10_000
HALF_A_YEAR = range(150, 211)  # days since the start: a company hires all the time
FOUR_WEEKS = 28
REVIEW = ReviewDueDays(employee_id=ADA)
OVER = MentorReleased(employee_id=ADA, mentor_id=MENTOR, cause="journey_ended")


def letters(days_ago: int, *from_matching: Any) -> Counter[tuple[str, date]]:
    """How many letters each role gets on each day of the four weeks after we heard of one hire."""
    life, post = Life(SHIPPED), Post()

    def hear(event: Event[Any]) -> None:
        said = len(life.told)
        post.receive(event, life.now)
        for number, fact in enumerate(life.on(event), start=said + 1):
            post.receive(counted("onboarding", fact, number, life.now), life.now)

    for number, fact in enumerate((hired(NOW.date() - timedelta(days=days_ago)), *from_matching), start=1):
        hear(counted("hr" if number == 1 else "matching", fact, number, life.now))
    for _ in range(FOUR_WEEKS):
        life.now += timedelta(days=1)
        if life.journey.wake_at is not None and life.journey.wake_at <= life.now:
            hear(counted("clock", REVIEW, 1, life.now))
    assert post.state is not None
    return Counter((each.role, each.due_at.date()) for each in post.state.letters.values())


@pytest.mark.parametrize("from_matching", [(assigned(), OVER), (waitlisted(),)], ids=["had a mentor", "waits for one"])
def test_ten_thousand_hires_of_half_a_year_ago_bring_nobody_a_message_on_any_day(from_matching: tuple[Any, ...]) -> None:
    alike = -(-HIRES // len(HALF_A_YEAR))
    for_all = Counter[tuple[str, date]]()
    for days_ago in HALF_A_YEAR:
        for who, count in letters(days_ago, *from_matching).items():
            for_all[who] += alike * count
    assert for_all == {}


@pytest.mark.parametrize("days_ago", [0, 1, 5, 10, 20, 31, 40, 60, 89])
def test_a_hire_of_these_weeks_brings_each_of_their_people_few_messages_a_day(days_ago: int) -> None:
    most = Counter[str]()
    for (role, _), count in letters(days_ago, assigned()).items():
        most[role] = max(most[role], count)
    assert most["hire"] > 0
    assert most <= Counter(hire=3, mentor=2, manager=1, coordinator=1)
