"""What holds for every history: repeats change nothing, order among topics does not matter, nothing done is undone."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.onboarding.commands import (
    AnswerSurvey,
    CompleteMilestone,
    LogMeeting,
    ReassignMilestone,
    ReviewDueDays,
    WaiveMilestone,
)
from services.onboarding.deciding.days import due_days
from services.onboarding.evolution import evolve
from services.onboarding.journey import Journey
from services.onboarding.programme import Person, Programmes
from services.onboarding.projections.board import Board
from services.onboarding.projections.outcomes import Outcomes
from services.onboarding.projections.stored import Stored
from services.onboarding.projections.timeline import Timeline
from services.onboarding.read_models import READ_MODELS
from shared.events import Event, to_record
from shared.events.hr import EmployeeTerminated, HireRescinded, TerminationCancelled
from shared.events.mentoring import HireUnlisted
from shared.events.notifications import MessageSuppressed
from shared.events.onboarding import MilestoneEscalated, MilestoneLate, MilestoneReminded
from shared.events.own import kind_of
from shared.refusals import Refused
from shared.streams import Stream, read_stream
from tests.domain.onboarding.history import (
    ADA,
    AUTOMATIC,
    BOSS,
    CONDITIONAL,
    MENTOR,
    NEW_BOSS,
    OTHER_MENTOR,
    SHIPPED,
    SMALL,
    START,
    Life,
    assigned,
    at,
    board_of,
    counted,
    failed,
    hired,
    hr,
    moved,
    programmes,
    published,
    rehired,
    released,
    sent,
    snapshot,
    timeline_of,
    updated,
    waitlisted,
)
from tests.domain.onboarding.plan_changes import RESUME, add, follow, move, pause, reopen, several_programmes, waive

TELLINGS = (MilestoneLate, MilestoneReminded, MilestoneEscalated)
LONG_AFTER = 100_000  # minutes: later than any fact of these histories, so that no clock is ahead

starts = st.sampled_from([START, START + timedelta(days=1), START + timedelta(days=14), START + timedelta(days=300)])
profiles = st.fixed_dictionaries(
    {},
    optional={
        "manager_id": st.sampled_from([BOSS, NEW_BOSS, None]),
        "location": st.sampled_from(["FR", "SA", "DE-BY", "nowhere"]),
        "time_zone": st.sampled_from(["Asia/Tokyo", "America/Los_Angeles"]),
        "work_arrangement": st.sampled_from(["remote", "onsite"]),
    },
)
last_days = st.sampled_from([None, date(2026, 12, 1), START, START + timedelta(days=20), START + timedelta(days=400)])
hr_data = st.one_of(
    st.builds(lambda start, profile: hired(start, **profile), starts, profiles),
    st.builds(lambda start, profile: rehired(start, **profile), starts, profiles),
    st.builds(lambda profile: updated(**profile), profiles),
    st.builds(lambda start: updated(start_date=start), starts),
    st.builds(moved, starts),
    st.builds(lambda profile: snapshot(**profile), profiles),
    st.just(HireRescinded(employee_id=ADA)),
    st.builds(lambda day: EmployeeTerminated(employee_id=ADA, last_day=day), last_days),
    st.just(TerminationCancelled(employee_id=ADA)),
)
times = st.integers(0, 60).map(at)
mentors = st.sampled_from([MENTOR, OTHER_MENTOR])
assignment_data = st.one_of(
    st.builds(assigned, mentors),
    st.builds(released, mentors),
    st.builds(waitlisted),
    st.just(HireUnlisted(employee_id=ADA, cause="hire_rescinded")),
)
message_data = st.one_of(
    st.builds(sent, st.sampled_from(["welcome", "mentor_brief"]), st.sampled_from(["hire", "mentor"])),
    st.builds(failed),
    st.just(MessageSuppressed(**sent().model_dump(), reason="no_address")),
)


def _as_topic(source: str, data: Sequence[Any], moments: Sequence[datetime]) -> list[Event[Any]]:
    if source == "hr":
        return [hr(each, moment, f"hr-{number}") for number, (each, moment) in enumerate(zip(data, moments, strict=True))]
    return [
        counted(source, each, number, moment) for number, (each, moment) in enumerate(zip(data, moments, strict=True), start=1)
    ]


def topic(source: str, data: st.SearchStrategy[Any], longest: int) -> st.SearchStrategy[list[Event[Any]]]:
    """What one source tells of one person, in order; its times need not be in order."""
    facts = st.lists(st.tuples(data, times), max_size=longest)
    return facts.map(lambda pairs: _as_topic(source, [each for each, _ in pairs], [moment for _, moment in pairs]))


hr_topic = topic("hr", hr_data, 7)
assignments = topic("matching", assignment_data, 5)
messages = topic("notifications", message_data, 4)
registries = st.sampled_from([programmes(SMALL), programmes(AUTOMATIC), programmes(CONDITIONAL), SHIPPED])


@st.composite
def interleavings(draw: st.DrawFn, topics: Sequence[list[Event[Any]]]) -> list[Event[Any]]:
    """One order of all events that keeps the order within each topic."""
    places = [number for number, events in enumerate(topics) for _ in events]
    waiting = [iter(events) for events in topics]
    return [next(waiting[place]) for place in draw(st.permutations(places))]


def lived(registry: Programmes, events: Sequence[Event[Any]]) -> Life:
    life = Life(registry, now=at(LONG_AFTER))
    life.on(*events)
    return life


def essence(journey: Journey) -> dict[str, Any]:
    """What must not depend on the order among topics: everything but the records of when something was heard."""
    return {
        "status": journey.status,
        "number": journey.number,
        "start_date": journey.start_date,
        "manager": journey.manager_id,
        "mentor": journey.mentor_id,
        "programme": (journey.programme, journey.programme_version),
        "milestones": {id: each.status for id, each in journey.milestones.items()},
        "due": {id: each.due for id, each in journey.milestones.items() if not each.settled},
        "past": [(each.number, each.start_date) for each in journey.past],
    }


@settings(max_examples=100, deadline=None)
@given(st.data(), registries, hr_topic, assignments, messages)
def test_every_interleaving_of_the_topics_ends_in_the_same_journey(
    data: st.DataObject,
    registry: Programmes,
    hr_events: list[Event[Any]],
    mentor_events: list[Event[Any]],
    message_events: list[Event[Any]],
) -> None:
    topics = [hr_events, mentor_events, message_events]
    one = lived(registry, [event for events in topics for event in events])
    other = lived(registry, data.draw(interleavings(topics)))
    assert essence(one.journey) == essence(other.journey)


commands = st.one_of(
    st.builds(
        CompleteMilestone, employee_id=st.just(ADA), milestone_id=st.sampled_from(["access", "lunch"]), completed_by=mentors
    ),
    st.builds(WaiveMilestone, employee_id=st.just(ADA), milestone_id=st.sampled_from(["mentor", "pulse"]), waived_by=mentors),
    st.builds(
        LogMeeting,
        employee_id=st.just(ADA),
        meeting_id=st.sampled_from("abc"),
        held_on=st.just(date(2027, 2, 1)),
        minutes=st.sampled_from([10, 45]),
        reported_by=mentors,
    ),
    st.builds(AnswerSurvey, employee_id=st.just(ADA), survey_id=st.just("pulse"), ratings=st.just({"mood": 3})),
    st.just(ReviewDueDays(employee_id=ADA)),
)
some_days = st.sampled_from([START + timedelta(days=number) for number in (-3, 2, 9, 45, 200)])
some_ids = st.sampled_from(["access", "lunch", "pulse", "meet_long", "shipped", "own_1"])
changes = st.one_of(
    st.builds(waive, some_ids),
    st.builds(reopen, some_ids),
    st.builds(move, some_ids, some_days),
    st.builds(lambda due, own: add(due, milestone_id=own), some_days, st.sampled_from(["own_1", "own_2"])),
    st.builds(
        ReassignMilestone,
        employee_id=st.just(ADA),
        milestone_id=some_ids,
        owner=st.sampled_from(["hire", "manager"]),
        reassigned_by=mentors,
    ),
    st.builds(follow, st.sampled_from(["small", "other", "reminding"])),
    st.builds(pause, st.none() | some_days),
    st.just(RESUME),
)
causes = st.one_of(hr_data, assignment_data, message_data, commands, changes)
histories = st.lists(st.tuples(causes, st.integers(0, 200_000)), max_size=14)
begun = st.tuples(st.builds(hired, starts), st.integers(0, 20_000))
anything = histories | st.tuples(begun, histories).map(lambda pair: [pair[0], *pair[1]])  # most causes mean nothing before a hire


def live_through(life: Life, history: Sequence[tuple[Any, int]]) -> None:
    """One after the other, time going on by the given minutes; what is refused changes nothing."""
    moment = life.now
    for data, minutes in history:
        moment += timedelta(minutes=minutes)
        before = life.journey
        try:
            life.on(data, now=moment)
        except Refused:
            assert life.journey is before


@settings(max_examples=100, deadline=None)
@given(anything)
def test_the_state_is_the_fold_of_the_journeys_own_facts(history: list[tuple[Any, int]]) -> None:
    life = Life(several_programmes())
    live_through(life, history)
    again = Journey(employee_id=ADA)
    for moment, fact in life.told:
        again = evolve(again, fact, moment)
    remembered = {"heard", "since", "wake_at"}
    assert again.model_dump(exclude=remembered) == life.journey.model_dump(exclude=remembered)


@settings(max_examples=100, deadline=None)
@given(anything)
def test_nothing_completed_is_undone_and_open_days_follow_the_start_date(history: list[tuple[Any, int]]) -> None:
    life = Life(several_programmes())
    moment = life.now
    for data, minutes in history:
        number, done = life.journey.number, {id: life.milestone(id) for id in life.done}
        moment += timedelta(minutes=minutes)
        live_through(life, [(data, 0)] if moment == life.now else [(data, minutes)])
        if life.journey.number == number:
            assert {id: life.milestone(id) for id in done} == done
        if life.journey.live:
            assert_planned(life)


def assert_planned(life: Life) -> None:
    """The days of what is open follow from start date, place, pauses and what people set; no other day is possible."""
    journey = life.journey
    assert journey.start_date is not None
    person = Person.of(life.directory.get(ADA))
    programme = life.programmes.pinned(journey.programme or "", journey.programme_version or "")
    due = {id: life.milestone(id).due for id in journey.still_open}
    assert due_days(journey, programme, journey.still_open, journey.start_date, person) == due
    untouched = [id for id in due if not life.milestone(id).own_day and life.milestone(id).not_before is None]
    if not journey.pauses:
        expected = programme.due_days(untouched, journey.start_date, person)
        assert expected == {id: due[id] for id in untouched}


@settings(max_examples=100, deadline=None)
@given(anything)
def test_an_event_told_twice_in_a_row_decides_nothing_the_second_time(history: list[tuple[Any, int]]) -> None:
    life = Life(several_programmes())
    for data, minutes in history:
        live_through(life, [(data, minutes)])
        before = essence(life.journey)
        told = len(life.told)
        live_through(life, [(data, 0)])
        assert (essence(life.journey), len(life.told)) == (before, told)


@settings(max_examples=100, deadline=None)
@given(anything)
def test_the_calendar_is_asked_again_exactly_when_it_has_something_to_say(history: list[tuple[Any, int]]) -> None:
    life = Life(several_programmes())
    live_through(life, history)
    wake_at = life.journey.wake_at
    life.on(ReviewDueDays(employee_id=ADA))
    assert life.journey.wake_at is None or life.journey.wake_at > life.now
    if wake_at is not None and wake_at > life.now:
        assert life.on(ReviewDueDays(employee_id=ADA), now=wake_at - timedelta(seconds=1)) == []
        assert life.on(ReviewDueDays(employee_id=ADA), now=wake_at) != []


@settings(max_examples=100, deadline=None)
@given(st.data(), anything, assignments, messages)
def test_every_interleaving_ends_in_the_same_board_and_timeline(
    data: st.DataObject, history: list[tuple[Any, int]], mentor_events: list[Event[Any]], message_events: list[Event[Any]]
) -> None:
    life = Life(several_programmes())
    live_through(life, history)
    topics = [published(life.told), mentor_events, message_events]
    straight = [event for events in topics for event in events]
    mixed = data.draw(interleavings(topics))
    assert board_of(straight) == board_of(mixed)
    assert timeline_of(straight) == timeline_of(mixed)


@settings(max_examples=100, deadline=None)
@given(st.data(), anything, assignments, messages)
def test_facts_told_again_and_batches_of_any_size_change_no_row(
    data: st.DataObject, history: list[tuple[Any, int]], mentor_events: list[Event[Any]], message_events: list[Event[Any]]
) -> None:
    life = Life(several_programmes())
    live_through(life, history)
    topics = [published(life.told), mentor_events, message_events]
    for model in READ_MODELS.values():
        once: Stream[Stored] = Stream(ADA, "onboarding")
        for event in [event for events in topics for event in events]:
            model.apply(once, event)
        again: Stream[Stored] = Stream(ADA, "onboarding")
        for event in data.draw(interleavings(topics)):
            for _ in range(data.draw(st.integers(1, 2))):
                model.apply(again, event)
            if data.draw(st.booleans()):  # the end of a batch: written, and read again
                model.complete(again)
                again = read_stream(again.document(), dict, "onboarding")
        model.complete(once)
        model.complete(again)
        assert (again.state, again.seen) == (once.state, once.seen)


@settings(max_examples=100, deadline=None)
@given(anything, assignments, messages)
def test_what_a_model_may_not_show_changes_no_row(
    history: list[tuple[Any, int]], mentor_events: list[Event[Any]], message_events: list[Event[Any]]
) -> None:
    life = Life(several_programmes())
    live_through(life, history)
    for model in READ_MODELS.values():
        row: Stored | None = None
        for event in [*published(life.told), *mentor_events, *message_events]:
            after = model.fold(row, event)
            _, value, headers = to_record(event)
            assert kind_of(headers) is type(event.data)
            assert after is row or model.may_show(type(event.data), value)
            row = after


@settings(max_examples=100, deadline=None)
@given(anything, assignments, messages)
def test_a_stored_row_is_exactly_what_its_model_says(
    history: list[tuple[Any, int]], mentor_events: list[Event[Any]], message_events: list[Event[Any]]
) -> None:
    life = Life(several_programmes())
    live_through(life, history)
    for name, model in (("board", Board), ("timeline", Timeline), ("outcomes", Outcomes)):
        row: Stream[Stored] = Stream(ADA, "onboarding")
        for event in [*published(life.told), *mentor_events, *message_events]:
            READ_MODELS[name].apply(row, event)
        READ_MODELS[name].complete(row)
        if row.state is not None:
            assert model.model_validate(row.state).model_dump(mode="json") == row.state


@settings(max_examples=100, deadline=None)
@given(anything)
def test_the_board_shows_what_the_journey_is(history: list[tuple[Any, int]]) -> None:
    life = Life(several_programmes())
    live_through(life, history)
    row = board_of(published(life.told))
    journey = life.journey
    if journey.number == 0:
        assert row is None
        return
    assert row is not None
    assert (row.status, row.start_date, row.manager_id, row.number) == (
        journey.status,
        journey.start_date,
        journey.manager_id,
        journey.number,
    )
    assert {id: (each.status, each.due, each.owner, each.optional) for id, each in row.milestones.items()} == {
        id: (each.status, each.due, each.owner, each.optional) for id, each in journey.milestones.items()
    }
    assert (row.programme, row.last_day) == (journey.programme, journey.last_day)
    assert (row.away and (row.away.since, row.away.until)) == (journey.pause and (journey.pause.since, journey.pause.back_on))
    assert (row.done, row.total) == journey.progress
    assert row.meetings == len(journey.meetings)


@settings(max_examples=100, deadline=None)
@given(anything)
def test_nobody_is_told_of_a_milestone_twice_on_a_day_nor_of_what_is_settled_paused_or_over(
    history: list[tuple[Any, int]],
) -> None:
    life = Life(several_programmes())
    moment = life.now
    heard: set[tuple[int, str, str, date]] = set()
    for data, minutes in [*history, (ReviewDueDays(employee_id=ADA), 60_000)]:
        before, told = life.journey, len(life.told)
        moment += timedelta(minutes=minutes)
        live_through(life, [(data, minutes)])
        about = [fact for _, fact in life.told[told:] if isinstance(fact, (MilestoneLate, MilestoneReminded))]
        assert len({fact.milestone_id for fact in about}) == len(about)
        for fact in (fact for _, fact in life.told[told:] if isinstance(fact, TELLINGS)):
            assert isinstance(data, ReviewDueDays)
            assert life.journey.status == "active" or before.status in ("active", "paused")
            assert life.milestone(fact.milestone_id).status in ("planned", "late")
            known = life.milestone(fact.milestone_id).planned_at
            for kind, on in (
                ("reminded", getattr(fact, "reminded_on", None)),
                ("escalated", getattr(fact, "escalated_on", None)),
            ):
                if on is not None:
                    one = (life.journey.number, fact.milestone_id, kind, on)
                    assert one not in heard
                    heard.add(one)
                    assert on <= (life.now + timedelta(days=1)).date()
                    assert on >= known.date()
