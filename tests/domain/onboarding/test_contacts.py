"""How a hire reaches the people around them."""

from datetime import UTC, datetime

import pytest

from services.onboarding.contacts import clock_words, contacts, mailto

NOW = datetime(2027, 1, 20, 12, tzinfo=UTC)
ADA = {"_id": "E-1", "time_zone": "Europe/Paris"}
KNOWN = {
    "M-1": {"_id": "M-1", "display_name": "Mina", "work_email": "mina@x.example", "time_zone": "Asia/Kolkata"},
    "B-1": {"_id": "B-1", "display_name": "Bo", "work_email": "bo@x.example", "left": True},
    "C-1": {"_id": "C-1", "display_name": "Cora"},
    "C-2": {"_id": "C-2", "display_name": "Gone", "left": True},
}


def test_mentor_manager_and_coordinators_stand_once_and_in_order() -> None:
    found = list(contacts(ADA, "M-1", "B-1", ["C-2", "M-1", "C-1", "E-1", "C-9"], KNOWN, NOW))
    assert [(each.name, each.note) for each in found] == [
        ("Mina", "Your mentor"),
        ("Bo", "Your manager"),
        ("Cora", "Coordinator"),
    ]
    assert [each.mailto for each in found] == ["mailto:mina@x.example", "", ""]  # who has left reads no mail here
    assert found[0].clock == "Asia/Kolkata, 4.5 hours ahead of you"
    assert list(contacts(ADA, None, None, [], {}, NOW)) == []


@pytest.mark.parametrize(
    ("theirs", "yours", "words"),
    [
        ("Europe/Berlin", "Europe/Paris", "Europe/Berlin, the same time as with you"),
        ("America/New_York", "Europe/Paris", "America/New York, 6 hours behind you"),
        ("Europe/Paris", "Europe/London", "Europe/Paris, 1 hour ahead of you"),
        (None, "Europe/Paris", ""),
        ("Europe/Paris", None, ""),
    ],
)
def test_a_clock_is_told_against_the_readers(theirs: str | None, yours: str | None, words: str) -> None:
    assert clock_words(theirs, yours, NOW) == words


def test_an_address_is_written_as_a_link_may_hold_it() -> None:
    assert mailto("a b?c&d@x.example") == "mailto:a%20b%3Fc%26d@x.example"
    assert mailto(None) == ""
