"""What people may do about a pair over HTTP: ask for a change, exclude, pin, approve, nominate; and what each of them sees."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.mongo import Database
from tests.connected.matching_company import Company, company, enrolled, hired, known
from tests.connected.matching_web import API, CORA, OPERATOR, signed_in, web_of


async def pair(database: Database, **options: Any) -> Company:
    room = await company(
        database,
        *(known(id) for id in ("B-1", "C-1")),
        known("M-1", skills=["kafka"], department="x"),
        known("M-2", department="x"),
        enrolled("M-1"),
        enrolled("M-2"),
        **options,
    )
    await room.tell(hired("H-1", skills=["kafka"], department="y", manager_id="B-1"))
    return room


def code(answer: httpx.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code") if answer.content else None


async def test_either_side_may_ask_for_a_change_and_the_other_is_not_told_who_did(database: Database) -> None:
    room = await pair(database)
    path = f"{API}/assignments/H-1/request-change"
    async with web_of(room) as web:
        for stranger in ("B-1", "M-2", "H-2"):
            assert code(await web.http.post(path, json={}, headers=signed_in(stranger))) == (403, "forbidden")
        keyed = signed_in("M-1") | {"idempotency-key": "k"}
        for _ in range(2):
            asked = await web.http.post(path, json={"reason": "we never find the time"}, headers=keyed)
            assert (asked.status_code, asked.json()) == (202, {"employee_id": "H-1", "status": "requested"})
        await room.waitlist.try_again(database)
        # The mentor of before has no business there any more, not even with the same key.
        assert code(await web.http.post(path, json={}, headers=keyed)) == (403, "forbidden")
        told = await web.get(f"{API}/assignments/H-1", signed_in("H-1"))
        assert (told["mentor_id"], [past["cause"] for past in told["history"]]) == ("M-2", ["coordinator"])
        for pair_or_manager in ("H-1", "M-2", "B-1"):
            seen = await web.get(f"{API}/assignments/H-1", signed_in(pair_or_manager))
            assert seen["objections"] == []
            assert "find the time" not in str(seen)
        (objection,) = (await web.get(f"{API}/assignments/H-1", CORA))["objections"]
        assert (objection["side"], objection["reason"]) == ("mentor", "we never find the time")
        assert code(await web.http.post(path, json={"reason": "x"}, headers=CORA)) == (422, "invalid_request")


async def test_a_coordinator_who_is_one_of_the_two_is_not_told_who_asked(database: Database) -> None:
    room = await pair(database)
    await room.tell(enrolled("C-1"))
    async with web_of(room) as web:
        override = {"mentor_id": "C-1", "reason": "they know each other"}
        assert (await web.http.post(f"{API}/assignments/H-1/override", json=override, headers=OPERATOR)).status_code == 200
        asked = await web.http.post(f"{API}/assignments/H-1/request-change", json={}, headers=signed_in("H-1"))
        assert asked.status_code == 202
        assert (await web.get(f"{API}/assignments/H-1", CORA))["objections"] == []
        assert len((await web.get(f"{API}/assignments/H-1", OPERATOR))["objections"]) == 1


async def test_a_coordinator_keeps_two_apart_and_lets_them_together_again(database: Database) -> None:
    room = await pair(database)
    path = f"{API}/assignments/H-1/exclusions"
    async with web_of(room) as web:
        body = {"mentor_id": "M-1", "reason": "they are siblings"}
        assert code(await web.http.post(path, json=body, headers=signed_in("B-1"))) == (403, "forbidden")
        assert (await web.http.post(path, json=body, headers=CORA)).status_code == 202
        await room.waitlist.try_again(database)
        assert await room.pairs() == {"H-1": "M-2"}
        assert code(await web.http.post(path, json={"mentor_id": "nobody"}, headers=CORA)) == (404, "unknown_person")
        again = {"mentor_id": "M-1", "reason": "all the same"}
        refused = await web.http.post(f"{API}/assignments/H-1/override", json=again, headers=CORA)
        assert code(refused) == (409, "excluded_pair")
        assert code(await web.http.delete(f"{path}/M-1", headers=signed_in("B-1"))) == (403, "forbidden")
        assert (await web.http.delete(f"{path}/M-1", headers=CORA)).status_code == 204
        assert (await web.http.post(f"{API}/assignments/H-1/override", json=again, headers=CORA)).status_code == 200


async def test_a_pair_is_pinned_and_let_go(database: Database) -> None:
    room = await pair(database)
    path = f"{API}/assignments/H-1/pin"
    async with web_of(room) as web:
        assert code(await web.http.put(path, json={}, headers=signed_in("H-1"))) == (403, "forbidden")
        assert (await web.http.put(path, json={"reason": "in the middle of a move"}, headers=CORA)).json()["pinned"] is True
        assert (await web.http.put(path, json={}, headers=CORA)).json()["pinned"] is True
        assert (await web.http.delete(path, headers=CORA)).json()["pinned"] is False
        assert code(await web.http.put(f"{API}/assignments/B-1/pin", json={}, headers=CORA)) == (409, "no_mentor")


async def test_a_proposal_is_seen_by_managers_and_coordinators_and_not_by_the_two_until_it_stands(database: Database) -> None:
    room = await pair(database, approval=timedelta(hours=4))
    async with web_of(room) as web:
        assert (await web.get(f"{API}/assignments/H-1", signed_in("B-1")))["mentor_id"] == "M-1"
        own = await web.get(f"{API}/assignments/H-1", signed_in("H-1"))
        assert (own["status"], own["mentor_id"], own["reasons"]) == ("proposed", None, [])
        await web.get(f"{API}/assignments/H-1", signed_in("M-1"), 403)
        await web.get(f"{API}/approvals", signed_in("B-1"), 403)
        (waiting,) = (await web.get(f"{API}/approvals"))["items"]
        assert (waiting["employee_id"], waiting["mentor_id"], waiting["what_would_change"]["mentor_id"]) == ("H-1", "M-1", "M-2")
        mentor = await web.get(f"{API}/mentors/M-1")
        assert (mentor["load"], mentor["mentees"], mentor["reserved"]) == (1, [], ["H-1"])
        for action, body in (("approve", {}), ("reject", {"reason": "not these two"})):
            path = f"{API}/approvals/H-1/{action}"
            assert code(await web.http.post(path, json=body, headers=signed_in("B-1"))) == (403, "forbidden")
        rejected = await web.http.post(f"{API}/approvals/H-1/reject", json={"reason": "not these two"}, headers=CORA)
        assert rejected.status_code == 202
        await room.waitlist.try_again(database)
        stands = await web.http.post(f"{API}/approvals/H-1/approve", json={}, headers=CORA)
        assert (stands.json()["mentor_id"], stands.json()["approved_by"]) == ("M-2", "C-1")
        assert code(await web.http.post(f"{API}/approvals/H-1/approve", json={}, headers=CORA)) == (409, "no_proposal")
        assert code(await web.http.post(f"{API}/approvals/M-1/approve", json={}, headers=CORA)) == (404, "not_a_hire")
        await web.get(f"{API}/approvals?cursor=junk", status=422)


async def test_managers_put_their_people_forward_and_coordinators_train_them(database: Database) -> None:
    room = await pair(database)
    await room.tell(known("E-1", manager_id="B-1"))
    async with web_of(room) as web:
        body = {"employee_id": "E-1", "traits": ["sensibility"], "capacity": 1}
        assert code(await web.http.post(f"{API}/nominations", json=body, headers=signed_in("M-1"))) == (403, "forbidden")
        keyed = signed_in("B-1") | {"idempotency-key": "k"}
        first = await web.http.post(f"{API}/nominations", json=body, headers=keyed)
        assert (first.status_code, first.json()["status"], first.json()["endorsed_by"]) == (201, "nominated", "B-1")
        assert (await web.http.post(f"{API}/nominations", json=body, headers=keyed)).status_code == 200
        assert code(await web.http.post(f"{API}/nominations", json=body, headers=CORA)) == (409, "already_enrolled")
        assert [one["employee_id"] for one in (await web.get(f"{API}/mentors?status=nominated"))["items"]] == ["E-1"]
        assert "Nominated" in await web.get("/coordinator/mentors")
        training = f"{API}/mentors/E-1/training"
        assert code(await web.http.post(training, json={}, headers=signed_in("B-1"))) == (403, "forbidden")
        ahead = {"trained_on": "2028-01-01"}
        assert code(await web.http.post(training, json=ahead, headers=OPERATOR)) == (422, "in_the_future")
        trained = (await web.http.post(training, json={"trained_on": "2027-01-02"}, headers=CORA)).json()
        assert (trained["status"], trained["trained_on"]) == ("active", "2027-01-02")
        assert code(await web.http.post(f"{API}/mentors/nobody/training", json={}, headers=CORA)) == (404, "not_a_mentor")
        withdrawn = await web.http.patch(f"{API}/mentors/E-1", json={"status": "withdrawn"}, headers=CORA)
        assert withdrawn.json()["status"] == "withdrawn"
        assert code(await web.http.post(training, json={}, headers=CORA)) == (409, "withdrawn")
        again = await web.http.post(f"{API}/nominations", json=body, headers=CORA)
        assert (again.status_code, again.json()["trained"]) == (201, True)
        accepted = await web.http.patch(f"{API}/mentors/E-1", json={"status": "active"}, headers=CORA)
        assert accepted.json()["status"] == "active"


@pytest.mark.parametrize("employee_id", ["H-1", "E-9"])
async def test_an_override_within_a_circle_of_managers_is_refused_by_name(database: Database, employee_id: str) -> None:
    room = await pair(database)
    await room.tell(known("B-1", manager_id="B-2"), known("B-2", manager_id="B-1"), enrolled("B-1"), enrolled("B-2"))
    await room.tell(hired("E-9", manager_id="B-2"))
    async with web_of(room) as web:
        answers = set()
        for mentor_id in ("B-1", "B-2"):
            body = {"mentor_id": mentor_id, "reason": "for a test"}
            answers.add(code(await web.http.post(f"{API}/assignments/{employee_id}/override", json=body, headers=CORA)))
        assert answers == {(409, "own_manager"), (409, "reporting_chain")}
