"""Who is behind with what, in words and with the way to them."""

from services.onboarding.facet_words import facets_in_words
from services.onboarding.lateness import late_counts, lateness
from services.onboarding.programme import Programmes
from services.onboarding.programme_files import read_programme
from tests.domain.onboarding.history import SMALL

REMOTE = """
id: remote
title: {en: From home}
when: {work_arrangement: remote}
milestones:
  - {id: shipped, title: {en: Shipped}, owner: manager, day: -2}
"""
BOTH = Programmes([read_programme(text, "test.yaml") for text in (SMALL, REMOTE)])
COUNTS = {
    "late:manager": 7,
    "late:mentor": 3,
    "late::small": 5,
    "late::remote": 4,
    "late::gone": 1,
    "late:manager:small": 4,
    "late:mentor:small": 3,
    "late:manager:remote": 4,
    "late:manager:small:access": 4,
    "late:mentor:small:meet_short": 3,
    "late:manager:remote:shipped": 4,
    "late:manager:gone:old_one": 1,
    "late:hire:small:own": 0,
}


def test_those_with_the_most_people_stand_first_and_what_counts_nobody_is_left_out() -> None:
    found = lateness(late_counts(COUNTS), BOTH)
    assert [(line.owner, line.people) for line in found.owners] == [("Manager", 7), ("Mentor", 3)]
    assert found.most == 7
    assert [(each.title, each.people) for each in found.programmes] == [("Small", 5), ("From home", 4), ("Gone", 1)]
    small = found.programmes[0]
    assert [(line.owner, line.people) for line in small.owners] == [("Manager", 4), ("Mentor", 3)]
    assert [(line.title, line.owner, line.people) for line in small.milestones] == [
        ("Access", "Manager", 4),
        ("Meet", "Mentor", 3),
    ]


def test_each_number_leads_to_whom_it_counts() -> None:
    found = lateness(late_counts(COUNTS), BOTH)
    assert found.owners[0].href == "/board?facet=late:manager"
    assert found.programmes[0].href == "/board?facet=late::small"
    assert found.programmes[1].milestones[0].href == "/board?facet=late:manager:remote:shipped"


def test_a_narrowed_board_says_to_what() -> None:
    assert facets_in_words([], BOTH) == ""
    assert facets_in_words(["late:mentor:small:meet_short"], BOTH) == "Late: Mentor, Small, Meet"
    assert facets_in_words(["late::remote", "late:hire:small:own"], BOTH) == (
        "Late: From home; Late: New hire, Small, Milestones of their own"
    )
    assert facets_in_words(["late:nobody:no_such:thing"], BOTH) == "Late: Nobody, No such, Thing"
    assert facets_in_words(["late"], BOTH) == "Something is late"
