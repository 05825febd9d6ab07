"""The sample company: what was promised of it, and that its outcome depends on no order of events."""

from datetime import UTC, date, datetime, timedelta

import pytest

from deploy.sample.company import Company, Employee, Hire, Person, company
from deploy.sample.story import (
    Scene,
    enrolments,
    hiring,
    next_monday,
    present,
    starts_on,
    unreadable_record,
)
from shared.events import Unprocessable, decode_record, new_event, to_record

TODAY = date(2026, 11, 24)
NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
HALDEN = company()
BOSSES = {person.id: person.manager for person in HALDEN.people}
MINIMUM_TENURE = timedelta(days=180)


def chain(person: Person) -> list[str]:
    above: list[str] = []
    manager = person.manager
    while manager is not None:
        above.append(manager)
        manager = BOSSES[manager]
    return above


def possible(mentor: Employee, hire: Hire) -> bool:
    enrolled = mentor.mentor
    assert enrolled is not None
    started = TODAY - timedelta(days=mentor.tenure_days)
    return (
        enrolled.trained
        and not enrolled.paused
        and starts_on(hire, TODAY) - started >= MINIMUM_TENURE
        and mentor.id not in chain(hire)
        and bool(set(mentor.languages) & set(hire.languages))
    )


def places(mentors: list[Employee]) -> int:
    return sum(mentor.mentor.capacity for mentor in mentors if mentor.mentor)


def test_the_company_is_as_large_and_varied_as_promised() -> None:
    assert (len(HALDEN.people), len(HALDEN.mentors), len(HALDEN.hires)) == (60, 20, 25)
    assert len({person.department for person in HALDEN.people}) == 5
    assert len({site.location.rsplit(", ", 1)[1].split("-")[0] for site in HALDEN.sites.values()}) == 3
    assert len({language for person in HALDEN.people for language in person.languages}) == 4
    assert len({HALDEN.sites[person.site].time_zone for person in HALDEN.people}) == 8
    assert len(HALDEN.coordinators) == 2
    assert max(len(chain(person)) for person in HALDEN.people) == 3


def test_every_hire_event_reads_back_and_addresses_are_plain() -> None:
    tellings = [*present(HALDEN, TODAY), *enrolments(HALDEN), *(s.telling for s in hiring(HALDEN, TODAY) if s.telling)]
    for telling in tellings:
        event = new_event(telling.payload, source=HALDEN.source, id=telling.id, time=NOW)
        _, value, headers = to_record(event)
        assert decode_record(telling.topic, value, headers, NOW) == event
    addresses = [HALDEN.work_email(person) for person in [*HALDEN.people, *HALDEN.hires]]
    assert len(set(addresses)) == 85
    assert all(address.isascii() and " " not in address for address in addresses)


def test_ids_and_dates_depend_on_the_fact_and_the_day_alone() -> None:
    assert hiring(HALDEN, TODAY) == hiring(HALDEN, TODAY)
    later = hiring(HALDEN, TODAY + timedelta(days=7))
    assert [scene.telling and scene.telling.id for scene in later] == [s.telling and s.telling.id for s in hiring(HALDEN, TODAY)]


@pytest.mark.parametrize("weekday", range(7))
def test_hires_start_on_mondays_to_come(weekday: int) -> None:
    today = TODAY + timedelta(days=weekday)
    for hire in HALDEN.hires:
        assert starts_on(hire, today).weekday() == 0
        assert today < next_monday(today, hire.starts_in_weeks) <= today + timedelta(weeks=8)


def scenes(act: str) -> list[Scene]:
    return [scene for scene in hiring(HALDEN, TODAY) if scene.act == act]


def test_the_awkward_ones_are_there() -> None:
    acts = [scene.act for scene in hiring(HALDEN, TODAY)]
    assert {act: acts.count(act) for act in set(acts)} == {
        "hired": 25,
        "repeated": 1,
        "told_again": 1,
        "moved": 1,
        "rescinded": 1,
        "unreadable": 1,
    }
    (again,) = scenes("told_again")
    (first,) = (scene for scene in scenes("hired") if scene.employee_id == again.employee_id)
    assert again.telling
    assert first.telling
    assert (again.telling.payload, again.telling.id != first.telling.id) == (first.telling.payload, True)
    assert sum(hire.work_address_only for hire in HALDEN.hires) == 1


def test_the_unreadable_event_can_not_be_read() -> None:
    topic, _, value, headers = unreadable_record(HALDEN.source)
    with pytest.raises(Unprocessable) as caught:
        decode_record(topic, value, headers, NOW)
    assert caught.value.code == "malformed_json"


def test_as_many_hires_find_a_mentor_in_whatever_order_they_are_told() -> None:
    """Without this the demo's figures would depend on timing.

    A hire is sure of a mentor where some of theirs have places for everybody who could want one of them. The others must
    all want exactly the same mentors; then as many of them are matched as there are places.
    """
    live = [hire for hire in HALDEN.hires if not hire.rescinded]
    wanted = {hire.id: [mentor for mentor in HALDEN.mentors if possible(mentor, hire)] for hire in live}

    def sure(hire: Hire) -> bool:
        groups = [[m for m in wanted[hire.id] if m.languages == spoken] for spoken in (["en"], ["fr"], ["de"])]
        return any(
            places(group) >= sum(any(mentor in wanted[other.id] for mentor in group) for other in live)
            for group in groups
            if group
        )

    scarce = [hire for hire in live if wanted[hire.id] and not sure(hire)]
    assert [hire.id for hire in live if not wanted[hire.id]] == ["E-1003"]
    assert len(scarce) == 5
    assert {tuple(mentor.id for mentor in wanted[hire.id]) for hire in scarce} == {("E-0022", "E-0040")}
    assert places(wanted[scarce[0].id]) == 3
    assert not any({"E-0022", "E-0040"} & {mentor.id for mentor in wanted[hire.id]} for hire in live if hire not in scarce)


def test_a_company_that_does_not_hold_together_is_refused() -> None:
    whole = HALDEN.model_dump()
    wrong = [
        {"coordinators": ["E-9999"]},
        {"sites": {}},
        {"hires": whole["hires"] + whole["hires"][:1]},
        {"people": [person | {"manager": None} for person in whole["people"]]},
        {"hires": [whole["hires"][0] | {"manager": "E-9999"}]},
    ]
    for change in wrong:
        with pytest.raises(ValueError, match=r"id|site|manager"):
            Company.model_validate(whole | change)
