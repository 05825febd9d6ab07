"""A milestone that several conditions complete together."""

from itertools import permutations

import pytest

from services.onboarding.commands import AnswerSurvey, CompleteMilestone
from tests.domain.onboarding.history import ADA, BOSS, SMALL, Life, assigned, hired, kinds, programmes
from tests.domain.onboarding.test_reports import done, met, refusal

NEEDS = (
    "completed_by: {all: [person, mentor_assigned, {event: meeting_held, minutes: 20}, {event: survey_answered, survey: pulse}]}"
)
TEXT = SMALL.replace("owner: manager, day: 0", f"owner: manager, day: 0, {NEEDS}")
SAID = CompleteMilestone(employee_id=ADA, milestone_id="access", completed_by=BOSS)
ANSWERED = AnswerSurvey(employee_id=ADA, survey_id="pulse", ratings={"mood": 4})
FACTS = {"said": SAID, "met": met(minutes=30), "answered": ANSWERED}


def started() -> Life:
    life = Life(programmes(TEXT))
    life.on(hired(), now=life.now.replace(year=2027, month=2))
    return life


@pytest.mark.parametrize("order", list(permutations(FACTS)), ids="-".join)
def test_it_is_done_with_the_last_of_them_in_any_order(order: tuple[str, ...]) -> None:
    life = started()
    life.on(assigned())
    for name in order[:-1]:
        life.on(FACTS[name])
        assert life.milestone("access").status == "planned"
    life.on(FACTS[order[-1]])
    assert life.milestone("access").status == "done"
    assert life.milestone("access").cause == "all"


def test_a_word_said_twice_is_one_word() -> None:
    life = started()
    assert kinds(life.on(SAID)) == ["MilestoneConfirmed"]
    assert life.on(SAID) == []
    assert life.milestone("access").said_by == BOSS


def test_a_meeting_that_was_too_short_is_not_what_is_needed() -> None:
    life = started()
    life.on(assigned(), SAID, ANSWERED, met(minutes=10))
    assert life.milestone("access").status == "planned"
    life.on(met(id="2", minutes=20))
    assert life.milestone("access").status == "done"


def test_no_word_is_taken_where_none_is_among_the_conditions() -> None:
    life = Life(programmes(TEXT.replace("[person, ", "[")))
    life.on(hired())
    assert refusal(life, done("access")).code == "completed_by_event"
