"""Re-optimisation on the real database and over HTTP: found, kept, taken step by step, refused by name where stale."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.matching import app as matching
from services.matching.desk import Exclusion, MentorPatch, OverrideRequest, ReasonGiven
from services.matching.policy import Policy
from services.matching.policy_file import parse_policy
from services.matching.reoptimisation.api import Proposals
from services.matching.reoptimisation.reoptimising import Nightly, Reoptimiser
from shared.access import Viewer
from shared.events.hr import EmployeeUpdated, HireRescinded
from shared.events.mentoring import MentorChanged
from shared.events.onboarding import MeetingHeld
from shared.mongo import Database
from shared.refusals import Refused
from shared.settings import Settings
from tests.connected.matching_company import Company, company, enrolled, hired, known
from tests.connected.matching_web import API, OPERATOR, signed_in, web_of

COORDINATOR = Viewer("C-1", frozenset({"coordinator"}))
SKILLS = parse_policy("name: skills\nrules: {minimum_tenure_days: 0}\ncriteria: {skills: {weight: 1, enough: 1}}")


def met(hire_id: str, mentor_id: str) -> MeetingHeld:
    return MeetingHeld(
        employee_id=hire_id, meeting_id="1", mentor_id=mentor_id, held_on=date(2027, 1, 5), minutes=30, reported_by=hire_id
    )


async def crossed(database: Database, policy: Policy = SKILLS) -> Company:
    """H-A came when only the mentor for b had a place, H-B when only the one for a had: both would gain by changing places."""
    room = await company(
        database, known("M-A", skills=["a"]), known("M-B", skills=["b"]), enrolled("M-A", 0), enrolled("M-B"), policy=policy
    )
    await room.tell(hired("H-A", skills=["a"]))
    await room.tell(MentorChanged(mentor_id="M-A", capacity=1), hired("H-B", skills=["b"]))
    assert await room.pairs() == {"H-A": "M-B", "H-B": "M-A"}
    return room


def desk_of(room: Company) -> Reoptimiser:
    return Reoptimiser(room.db, room.policy, lambda: room.now)


async def proposed(room: Company) -> str:
    id = await desk_of(room).propose("C-1")
    assert id is not None
    return id


async def test_two_who_would_gain_by_changing_places_are_proposed_and_nothing_moves(database: Database) -> None:
    room = await crossed(database)
    view = await Proposals(database).one(await proposed(room))
    assert (view.pairs, view.waiting, view.gain, view.placed, view.open) == (2, 0, 20_000, 0, True)
    (step,) = view.steps
    assert {(move.employee_id, move.from_mentor_id, move.to_mentor_id) for move in step.moves} == {
        ("H-A", "M-B", "M-A"),
        ("H-B", "M-A", "M-B"),
    }
    assert all(move.after == sum(reason.points for reason in move.reasons) == 10_000 for move in step.moves)
    assert await room.pairs() == {"H-A": "M-B", "H-B": "M-A"}
    assert await room.told("H-A") == ["assigned"]


async def test_a_step_that_is_taken_moves_everybody_in_it_and_tells_each_once(database: Database) -> None:
    room = await crossed(database)
    id = await proposed(room)
    await desk_of(room).accept(id, ["1"], "C-1", key="once")
    await desk_of(room).accept(id, ["1"], "C-1", key="once")
    assert await room.pairs() == {"H-A": "M-A", "H-B": "M-B"}
    assert [(event.subject, event.data.mentor_id, event.data.previous_mentor_id) for event in (await room.said())[-2:]] == [
        ("H-A", "M-A", "M-B"),
        ("H-B", "M-B", "M-A"),
    ]
    assert await room.told("H-A") == ["assigned", "assigned"]
    decision = (await room.hire("H-A")).decision
    assert decision is not None
    assert (decision.decided_by, decision.because, decision.approved_by) == ("policy", "reoptimised", "C-1")
    assert decision.score == sum(reason.points for reason in decision.reasons) == 10_000
    view = await Proposals(database).one(id)
    assert (view.open, view.steps[0].state, view.steps[0].decided_by) == (False, "accepted", "C-1")
    with pytest.raises(Refused) as refused:
        await desk_of(room).accept(id, None, "C-1")
    assert refused.value.code == "nothing_open"
    await room.assert_in_order()
    # The owner of the pool knows who is with whom now.
    await room.tell(HireRescinded(employee_id="H-A"), hired("H-C", skills=["b"]))
    assert await room.pairs() == {"H-B": "M-B", "H-C": "M-A"}
    await room.assert_in_order()


async def test_whoever_waits_is_placed_where_somebody_can_make_room(database: Database) -> None:
    room = await company(
        database,
        *(known(id) for id in ("B-1", "M-1", "M-2")),
        enrolled("M-1"),
        enrolled("M-2", 0),
        policy=parse_policy("name: any\nrules: {minimum_tenure_days: 0}\ncriteria: {load: {weight: 1}}"),
    )
    await room.tell(hired("H-1"))
    await room.desk.exclude(COORDINATOR, "B-1", Exclusion(mentor_id="M-2"))
    await room.tell(hired("B-1"), MentorChanged(mentor_id="M-2", capacity=1))
    assert await room.pairs() == {"H-1": "M-1", "B-1": None}
    id = await proposed(room)
    view = await Proposals(database).one(id)
    assert (view.waiting, view.placed) == (1, 1)
    await desk_of(room).accept(id, None, "C-1")
    assert await room.pairs() == {"H-1": "M-2", "B-1": "M-1"}
    assert await room.told("B-1") == ["waitlisted", "assigned"]
    await room.assert_in_order()


@pytest.mark.parametrize("how", ["met", "pinned", "override", "asked"])
async def test_pairs_that_met_are_pinned_or_chosen_by_hand_are_not_even_considered(database: Database, how: str) -> None:
    room = await crossed(database)
    if how == "met":
        await room.tell(met("H-A", "M-B"))
    elif how == "pinned":
        await room.desk.pin(COORDINATOR, "H-A", ReasonGiven())
    elif how == "asked":
        await room.desk.request_change(Viewer("H-A"), "H-A", "M-B", ReasonGiven())
    else:
        await room.tell(known("M-C"), enrolled("M-C"))
        await room.desk.override(COORDINATOR, "H-A", OverrideRequest(mentor_id="M-C", reason="just because"))
        await room.tell(MentorChanged(mentor_id="M-B", status="paused"))
    view = await Proposals(database).one(await proposed(room))
    assert (view.pairs, view.steps, view.open) == (1, [], False)


async def _changes(room: Company, what: str) -> None:
    desk = room.desk
    if what == "met":
        await room.tell(met("H-A", "M-B"))
    elif what == "pinned":
        await desk.pin(COORDINATOR, "H-B", ReasonGiven())
    elif what == "hire_gone":
        await room.tell(HireRescinded(employee_id="H-A"))
    elif what == "pair_changed":
        await room.tell(known("M-C"), enrolled("M-C"))
        await desk.override(COORDINATOR, "H-A", OverrideRequest(mentor_id="M-C", reason="just because"))
    elif what == "not_active":
        await desk.change("M-A", MentorPatch(status="paused"))
    elif what == "reporting_chain":
        await room.tell(EmployeeUpdated(employee_id="H-A", manager_id="X"), EmployeeUpdated(employee_id="X", manager_id="M-A"))
    elif what == "excluded_pair":
        await desk.exclude(COORDINATOR, "H-A", Exclusion(mentor_id="M-A"))
    elif what == "mentor_full":
        await desk.change("M-A", MentorPatch(capacity=0))
    elif what == "policy_changed":
        room.policy = parse_policy("name: other\ncriteria: {load: {weight: 1}}")


@pytest.mark.parametrize(
    "what",
    [
        "met",
        "pinned",
        "hire_gone",
        "pair_changed",
        "not_active",
        "reporting_chain",
        "excluded_pair",
        "mentor_full",
        "policy_changed",
    ],
)
async def test_a_step_that_no_longer_holds_is_refused_by_name_and_moves_nobody(database: Database, what: str) -> None:
    room = await crossed(database)
    id = await proposed(room)
    await _changes(room, what)
    before = await room.pairs()
    with pytest.raises(Refused) as refused:
        await desk_of(room).accept(id, None, "C-1")
    assert (refused.value.status, refused.value.code) == (409, what)
    assert await room.pairs() == before
    await room.assert_in_order()


async def test_accepting_all_takes_what_holds_and_notes_what_does_not(database: Database) -> None:
    room = await crossed(database)
    await room.tell(known("N-C", skills=["c"]), known("N-D", skills=["d"]), enrolled("N-C", 0), enrolled("N-D"))
    await room.tell(hired("H-C", skills=["c"]))
    await room.tell(MentorChanged(mentor_id="N-C", capacity=1), hired("H-D", skills=["d"]))
    id = await proposed(room)
    assert len((await Proposals(database).one(id)).steps) == 2
    await room.tell(met("H-C", "N-D"))
    await desk_of(room).accept(id, None, "C-1")
    assert await room.pairs() == {"H-A": "M-A", "H-B": "M-B", "H-C": "N-D", "H-D": "N-C"}
    view = await Proposals(database).one(id)
    told = {step.moves[0].employee_id[:3]: (step.state, step.refused) for step in view.steps}
    assert sorted(told.values(), key=str) == [("accepted", None), ("stale", "met")]
    assert next(step.refused_words for step in view.steps if step.refused) == "a pair in it has met meanwhile"
    await room.assert_in_order()


async def test_a_newer_proposal_supersedes_what_is_open_in_the_older_one(database: Database) -> None:
    room = await crossed(database)
    old = await proposed(room)
    room.now += timedelta(seconds=1)
    new = await proposed(room)
    assert [step.state for step in (await Proposals(database).one(old)).steps] == ["superseded"]
    page = await Proposals(database).page(None, 1)
    assert [one.id for one in page.items] == [new]
    assert [one.id for one in (await Proposals(database).page(page.next, 1)).items] == [old]


async def test_each_night_has_one_proposal_at_its_hour_in_the_offices_zone(database: Database) -> None:
    room = await crossed(database)
    nightly = Nightly(room.policy, lambda: room.now, 3, "Europe/Berlin")

    async def made_at(moment: datetime) -> int:
        room.now = moment
        await nightly.propose_if_due(database)
        await Nightly(room.policy, lambda: room.now, 3, "Europe/Berlin").propose_if_due(database)  # another replica, later
        return len((await Proposals(database).page(None, 50)).items)

    assert await made_at(datetime(2027, 1, 5, 1, 59, tzinfo=UTC)) == 0
    assert await made_at(datetime(2027, 1, 5, 2, 1, tzinfo=UTC)) == 1
    assert await made_at(datetime(2027, 1, 5, 5, 30, tzinfo=UTC)) == 1
    assert await made_at(datetime(2027, 1, 5, 12, 0, tzinfo=UTC)) == 1
    assert await made_at(datetime(2027, 1, 6, 2, 1, tzinfo=UTC)) == 2


async def test_proposals_over_http(database: Database) -> None:
    room = await company(database, known("M-1"), enrolled("M-1"), hired("H-1"))
    async with web_of(room) as web:
        await _proposals_over_http(web.http)


async def _proposals_over_http(http: httpx.AsyncClient) -> None:
    path = f"{API}/reoptimisations"
    assert (await http.post(path, headers=signed_in("M-1"))).status_code == 403
    made = await http.post(path, headers=OPERATOR | {"idempotency-key": "k"})
    again = await http.post(path, headers=OPERATOR | {"idempotency-key": "k"})
    assert (made.status_code, again.json()) == (201, made.json())
    assert (await http.get(path, headers=OPERATOR)).json()["items"] == [made.json()]
    one: Any = (await http.get(f"{path}/{made.json()['id']}", headers=OPERATOR)).json()
    assert one == made.json()
    for action in ("accept", "dismiss"):
        empty = await http.post(f"{path}/{one['id']}/{action}", json={}, headers=OPERATOR)
        assert (empty.status_code, empty.json()["code"]) == (409, "nothing_open")
        unknown = await http.post(f"{path}/{one['id']}/{action}", json={"steps": ["9"]}, headers=OPERATOR)
        assert (unknown.status_code, unknown.json()["code"]) == (422, "no_such_step")
        missing = await http.post(f"{path}/nothing/{action}", json={}, headers=OPERATOR)
        assert (missing.status_code, missing.json()["code"]) == (404, "no_reoptimisation")
    assert (await http.get(f"{path}/nothing", headers=OPERATOR)).status_code == 404


async def test_a_dismissed_step_is_left_as_it_is(database: Database) -> None:
    room = await crossed(database)
    id = await proposed(room)
    await desk_of(room).dismiss(id, ["1"], "C-1")
    assert [step.state for step in (await Proposals(database).one(id)).steps] == ["dismissed"]
    assert await room.pairs() == {"H-A": "M-B", "H-B": "M-A"}


@pytest.mark.parametrize(("hour", "duties"), [(3, ["waitlist", "reoptimisation", "measures"]), (-1, ["waitlist", "measures"])])
def test_the_nightly_proposal_can_be_switched_off(hour: int, duties: list[str]) -> None:
    assert [duty.name for duty in matching.worker(Settings(reoptimise_hour=hour)).duties] == duties
