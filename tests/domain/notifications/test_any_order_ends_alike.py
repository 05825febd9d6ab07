"""Topics are not ordered among each other: whatever the order, whatever is repeated, everybody ends up knowing the same."""

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifications.correspondence import Correspondence
from shared.events import new_event
from shared.events.hr import (
    EmployeeRehired,
    EmployeeTerminated,
    EmployeeUpdated,
    HireRescinded,
    StartDateChanged,
    TerminationCancelled,
)
from shared.events.mentoring import (
    HireUnlisted,
    HireWaitlisted,
    MentorChanged,
    MentorEnrolled,
    MentorNominated,
    MentorTrained,
    MentorWithdrawn,
)
from shared.events.onboarding import (
    JourneyStarted,
    MilestoneCompleted,
    MilestoneEscalated,
    MilestoneLate,
    MilestoneReminded,
    PlannedMilestone,
)
from tests.domain.notifications.correspondence import HIRE, NOW, START, Post, assigned, hired, released, stream_of

UNTIMED = settings(deadline=None)  # a busy machine is no fault
DATES = st.sampled_from([START + timedelta(days=days) for days in (0, 7, 21)])
MANAGERS = st.sampled_from(["B-1", "B-2", None])
MENTORS = st.sampled_from(["M-1", "M-2"])
CAUSES = st.sampled_from(["hire_rescinded", "hire_terminated", "mentor_paused", "mentor_left", "journey_ended", "coordinator"])

hr_facts = st.lists(
    st.one_of(
        st.builds(lambda day, boss: hired(start_date=day, manager_id=boss), DATES, MANAGERS),
        st.builds(lambda day: StartDateChanged(employee_id=HIRE, start_date=day), DATES),
        st.builds(lambda boss: EmployeeUpdated(employee_id=HIRE, manager_id=boss), MANAGERS),
        st.builds(lambda day: EmployeeRehired(employee_id=HIRE, given_name="Ada", start_date=day), DATES),
        st.sampled_from(
            [HireRescinded(employee_id=HIRE), EmployeeTerminated(employee_id=HIRE), TerminationCancelled(employee_id=HIRE)]
        ),
    ),
    max_size=8,
).map(lambda facts: [hired(), *facts])

matching_facts = st.lists(
    st.one_of(
        st.builds(assigned, MENTORS),
        st.builds(lambda mentor, cause: assigned(mentor, previous_mentor_id="M-0", previous_cause=cause), MENTORS, CAUSES),
        st.builds(released, CAUSES, MENTORS),
        st.just(HireWaitlisted(employee_id=HIRE, policy_version="1")),
        st.just(HireUnlisted(employee_id=HIRE, cause="hire_rescinded")),
    ),
    max_size=6,
)

mentor_facts = st.lists(
    st.sampled_from(
        [
            MentorNominated(mentor_id=HIRE),
            MentorTrained(mentor_id=HIRE, trained_on=date(2026, 11, 30)),
            MentorEnrolled(mentor_id=HIRE),
            MentorChanged(mentor_id=HIRE, status="active"),
            MentorChanged(mentor_id=HIRE, capacity=3),
            MentorWithdrawn(mentor_id=HIRE),
        ]
    ),
    max_size=4,
)

_PLANNED = PlannedMilestone(id="first_meeting", owner="mentor", due=date(2027, 1, 11))
_STARTED = JourneyStarted(employee_id=HIRE, start_date=START, programme="p", programme_version="1", milestones=[_PLANNED])
_LATE = MilestoneLate(employee_id=HIRE, milestone_id="first_meeting", due=date(2027, 1, 11))
_DONE = MilestoneCompleted(employee_id=HIRE, milestone_id="first_meeting", completed_at=NOW, completed_by="M-1", cause="person")
_REMINDED = MilestoneReminded(
    employee_id=HIRE, milestone_id="first_meeting", owner="mentor", due=date(2027, 1, 11), reminded_on=date(2027, 1, 8)
)
_ESCALATED = MilestoneEscalated(
    employee_id=HIRE, milestone_id="first_meeting", owner="mentor", due=date(2027, 1, 11), escalated_on=NOW.date(), to="manager"
)
onboarding_facts = st.lists(st.sampled_from([_STARTED, _REMINDED, _LATE, _ESCALATED, _DONE]), max_size=5)


@st.composite
def interleavings(draw, count):
    """`count` orders of the same topics, each keeping the order within a topic."""
    topics = [
        stream_of("hr", draw(hr_facts)),
        stream_of("matching", draw(matching_facts)),
        stream_of("onboarding", draw(onboarding_facts)),
        stream_of("mentors", draw(mentor_facts)),
    ]
    order = [number for number, topic in enumerate(topics) for _ in topic]
    orders = []
    for _ in range(count):
        queues = [iter(topic) for topic in topics]
        orders.append([next(queues[number]) for number in draw(st.permutations(order))])
    return orders


def _knowledge(state: Correspondence | None) -> tuple:
    """What is known, and which letters stand, whenever they are due."""
    assert state is not None
    live = {id for id, letter in state.letters.items() if letter.status == "planned"}
    return state.model_copy(update={"letters": {}}), live


@UNTIMED
@given(interleavings(2))
def test_every_order_of_the_topics_plans_the_same_letters(orders):
    posts = [Post(), Post()]
    for post, order in zip(posts, orders, strict=True):
        for event in order:
            post.receive(event)
    assert _knowledge(posts[0].state) == _knowledge(posts[1].state)


@UNTIMED
@given(interleavings(1), st.data())
def test_a_fact_repeated_at_once_under_another_id_changes_nothing(orders, data):
    once, repeated = Post(), Post()
    for event in orders[0]:
        once.receive(event)
        repeated.receive(event)
        if event.sequence is None and data.draw(st.booleans()):
            repeated.receive(new_event(event.data, source=event.source, id=f"{event.id}-again", time=event.time))
    assert _knowledge(once.state) == _knowledge(repeated.state)


def _everybody_knows(post: Post) -> None:
    state = post.state
    told = {}
    for letter, start in post.sent:
        if start is not None:
            told[letter.role, letter.recipient_id] = start
    sent = [letter for letter, _ in post.sent]
    assert len({letter.id for letter in sent}) == len(sent), "a letter went twice"
    briefs = [letter for letter in sent if letter.template == "mentor_brief"]
    released_from = {letter.cause for letter in sent if letter.template == "mentor_release"}
    current = state.assignment.event_id if state.assignment and state.status == "expected" else None
    for brief in briefs:
        if brief.cause != current and state.endings.get(brief.cause) != "mentor_left":
            assert brief.cause in released_from, "a mentor still waits for a hire who will not come"
    if state.status == "expected":
        assert told["hire", HIRE] == state.start_date
        assert state.manager_id is None or told["manager", state.manager_id] == state.start_date
        assert current is None or told["mentor", state.assignment.mentor_id] == state.start_date
        welcomes = {letter.cause for letter in sent if letter.template == "welcome"}
        assert state.cause(f"hire-{state.chapter}") in welcomes
    if state.status == "rescinded":
        expecting = {
            letter.recipient_id
            for letter in sent
            if letter.template == "manager_notice" and letter.cause == state.cause(f"hire-{state.chapter}")
        }
        assert expecting <= {letter.recipient_id for letter in sent if letter.template == "hire_cancelled"}


@UNTIMED
@given(interleavings(1), st.data())
def test_however_sending_falls_between_the_facts_everybody_ends_up_knowing_what_is_true(orders, data):
    post = Post()
    for event in orders[0]:
        post.receive(event)
        for _ in range(data.draw(st.integers(0, 3))):
            taken = {letter.id for letter, _ in post.on_the_way}
            waiting = [letter for letter in post.planned() if letter.id not in taken]
            if post.on_the_way and (not waiting or data.draw(st.booleans())):
                post.record()
            elif waiting:
                post.take(data.draw(st.sampled_from(waiting)))
    post.send_all()
    _everybody_knows(post)


@UNTIMED
@given(interleavings(1))
def test_a_second_reading_of_all_topics_from_the_start_sends_nothing_twice(orders):
    post = Post()
    for event in orders[0]:
        post.receive(event)
        post.send_all()
    again = Post()
    ledger = {letter.id for letter, _ in post.sent}
    for event in orders[0]:
        again.receive(event)
    # The ledger refuses what it holds, so only keys that it has never seen could double.
    fresh = {letter.id for letter in again.planned()} - ledger
    assert not fresh
