from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.notifications.correspondence import Assignment, Correspondence, LateMilestone
from services.notifications.digest import MOST, Digest, News, Overdue, Starter, digest, trouble
from services.notifications.entry import Entry

NOW = datetime(2027, 1, 18, 8, tzinfo=UTC)  # a Monday
TODAY = NOW.date()
PEOPLE = {id: {"given_name": id.title(), "family_name": "Of"} for id in ("ada", "bo", "cy", "mina")}


def hire(id: str, **more: Any) -> Correspondence:
    return Correspondence(employee_id=id, status="expected", manager_id="boss", **({"start_date": date(2027, 1, 11)} | more))


def mentored(since: datetime = NOW - timedelta(days=30)) -> Assignment:
    return Assignment(event_id="1", mentor_id="mina", since=since)


def of(*team: Correspondence, zone: str = "UTC") -> Digest:
    return digest(team, PEOPLE, {"time_zone": zone}, NOW)


def test_a_team_of_whom_there_is_nothing_to_tell_gets_no_mail():
    assert not of(hire("ada", assignment=mentored())).says_anything
    assert not of().says_anything
    assert of(hire("ada", assignment=mentored())).well == 1


def test_who_starts_within_a_fortnight_is_named_with_who_mentors_them():
    found = of(
        hire("bo", start_date=date(2027, 2, 1)),
        hire("ada", start_date=TODAY, assignment=mentored()),
        hire("cy", start_date=date(2027, 2, 2)),
    )
    assert found.starting == [Starter("Ada Of", TODAY, "Mina Of"), Starter("Bo Of", date(2027, 2, 1), "")]


def test_a_day_is_the_managers_own():
    tomorrow = hire("ada", start_date=date(2027, 1, 17))
    assert of(tomorrow, zone="Pacific/Apia").starting == []
    assert digest([tomorrow], PEOPLE, {"time_zone": "America/Los_Angeles"}, NOW.replace(hour=3)).starting != []


def test_what_is_late_says_whose_it_is_the_oldest_first_and_counts_the_rest():
    def late(day: int, owner: str) -> LateMilestone:
        return LateMilestone(event_id="1", due=date(2027, 1, day), owner=owner)  # type: ignore[arg-type]

    found = of(
        hire("ada", assignment=mentored(), late={"a": late(15, "mentor"), "b": late(12, "hire")}),
        hire("bo", late={"c": late(13, "manager")}),
    )
    assert found.late == [
        Overdue("Ada Of", "b", date(2027, 1, 12), "hire", "Ada Of"),
        Overdue("Bo Of", "c", date(2027, 1, 13), "manager", ""),
        Overdue("Ada Of", "a", date(2027, 1, 15), "mentor", "Mina Of"),
    ]
    assert found.well == 0
    many = of(hire("ada", late={str(number): late(12, "hire") for number in range(MOST + 3)}))
    assert (len(many.late), many.more_late) == (MOST, 3)


def test_who_waits_and_what_changed_within_a_week_is_told_and_older_news_is_not():
    found = of(
        hire("ada", waitlisted_by="1"),
        hire("bo", assignment=mentored(NOW - timedelta(days=2))),
        hire("cy", assignment=mentored(), moves=1, start_said_at=NOW - timedelta(days=3), start_date=date(2027, 3, 1)),
    )
    assert found.waiting == ["Ada Of"]
    assert found.news == [News("Bo Of", mentor="Mina Of"), News("Cy Of", start=date(2027, 3, 1))]
    assert of(hire("cy", moves=1, start_said_at=NOW - timedelta(days=8))).news == []


def test_after_ninety_days_a_hire_belongs_to_the_team_like_everybody():
    old = hire("ada", start_date=TODAY - timedelta(days=91), late={"a": LateMilestone(event_id="1", due=TODAY, owner="hire")})
    assert of(old) == Digest([], [], 0, [], [], 0)


def entry(recipient_id: str, reason: str) -> Entry:
    fields = {"employee_id": "ada", "template": "welcome", "recipient_role": "hire", "channel": "email", "state": "suppressed"}
    return Entry.model_validate(
        fields | {"_id": "1", "recipient_id": recipient_id, "reason": reason, "due_at": NOW, "planned_at": NOW}
    )


def test_whom_we_could_not_reach_is_told_once_each():
    found = trouble([entry("ada", "no_address"), entry("bo", "bad_address"), entry("ada", "smtp_550")], PEOPLE)
    assert [(each.name, each.reason, each.count) for each in found.people] == [
        ("Ada Of", "smtp_550", 2),
        ("Bo Of", "bad_address", 1),
    ]
    many = trouble([entry(f"E-{number}", "no_address") for number in range(MOST + 2)], PEOPLE)
    assert (len(many.people), many.more) == (MOST, 2)
    assert not trouble([], PEOPLE).says_anything
