"""Others who start around the same time: who agreed sees who agreed, and nothing tells of anybody else."""

from datetime import date, timedelta

import pytest

from services.onboarding import store
from services.onboarding.others import MOST_SHOWN
from shared.events.hr import EmployeeHired, EmployeeRehired, EmployeeTerminated, EmployeeUpdated, HireRescinded
from tests.connected.pages_server import ADA, BO, BOSS, COORDINATOR, CY, LEAD, MENTOR, STARTS, serving, signed_in, small_company

API = "/api/onboarding/v1/journeys"
FAR = "E-104"


@pytest.fixture
async def told(database):
    told = await small_company(database)
    await told.hire(FAR, LEAD, STARTS[ADA] + timedelta(days=15))
    return told


@pytest.fixture
async def server(database, told):
    async with serving(database, told) as server:
        yield server


async def agree(server, *ids, agreed=True):
    for id in ids:
        async with signed_in(server, id) as browser:
            answer = await browser.post("/me/others", data={"agreed": "yes" if agreed else "no"})
            assert answer.status_code == 303, answer.text


async def seen_by(server, id):
    async with signed_in(server, id) as browser:
        answer = await browser.get(f"{API}/{id}/others")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def ids_seen_by(server, id):
    return [each["employee_id"] for each in (await seen_by(server, id))["people"]]


async def page_of(server, id):
    async with signed_in(server, id) as browser:
        return (await browser.get("/me")).text


async def hire(told, id, start, **more):
    profile = {"given_name": "New", "family_name": id, "location": "Lyon, FR"} | more
    await told.fact(EmployeeHired(employee_id=id, manager_id=LEAD, start_date=start, **profile))


async def test_nobody_is_shown_before_both_agreed(server):
    assert await seen_by(server, ADA) == {"agreed": False, "people": [], "more": 0, "all_around": None}
    await agree(server, BO)
    assert await ids_seen_by(server, ADA) == []
    assert await ids_seen_by(server, BO) == []
    await agree(server, ADA)
    assert await ids_seen_by(server, ADA) == [BO]
    assert await ids_seen_by(server, BO) == [ADA]
    assert CY not in await page_of(server, ADA)


async def test_what_is_shown_is_what_was_agreed_to_and_no_more(server, told):
    await told.fact(
        EmployeeUpdated(employee_id=BO, department="Sales", work_email="bo@acme.example", personal_email="b@home.example")
    )
    await agree(server, ADA, BO)
    (shown,) = (await seen_by(server, ADA))["people"]
    assert shown == {
        "employee_id": BO,
        "name": "Bo <b>Berg</b>",
        "department": "Sales",
        "start_date": "2027-01-25",
        "work_email": "bo@acme.example",
        "here": True,
    }
    page = await page_of(server, ADA)
    for said in ("Bo &lt;b&gt;Berg&lt;/b&gt;", "Sales", "25 Jan 2027", 'href="mailto:bo@acme.example"'):
        assert said in page, said
    assert "home.example" not in page


async def test_the_switch_is_off_at_first_says_what_it_shows_and_turns(server):
    off = await page_of(server, ADA)
    assert 'role="switch" name="agreed" value="yes" aria-checked="false"' in off
    assert "name, department, first day and work email" in off
    await agree(server, ADA)
    assert 'role="switch" name="agreed" value="no" aria-checked="true"' in await page_of(server, ADA)


async def test_taken_back_it_holds_at_once_for_both_sides(server):
    await agree(server, ADA, BO)
    await agree(server, BO, agreed=False)
    assert await ids_seen_by(server, ADA) == []
    assert await ids_seen_by(server, BO) == []
    assert "Berg" not in await page_of(server, ADA)


async def test_two_weeks_either_side_count_and_a_day_more_does_not(server, told):
    await hire(told, "E-105", STARTS[ADA] - timedelta(days=14))
    await hire(told, "E-106", STARTS[ADA] - timedelta(days=15))
    await agree(server, ADA, BO, FAR, "E-105", "E-106")
    assert set(await ids_seen_by(server, ADA)) == {BO, "E-105"}  # Bo starts exactly 14 days later, the other two a day beyond


async def test_those_at_the_same_place_come_first(server, told):
    await hire(told, "E-105", STARTS[ADA], location="Berlin, DE")
    await agree(server, ADA, BO, "E-105")
    assert await ids_seen_by(server, ADA) == [BO, "E-105"]
    assert [each["here"] for each in (await seen_by(server, ADA))["people"]] == [True, False]


@pytest.mark.parametrize("ending", [HireRescinded(employee_id=BO), EmployeeTerminated(employee_id=BO)])
async def test_who_will_not_come_or_has_left_is_gone(server, told, ending):
    await agree(server, ADA, BO)
    await told.fact(ending)
    assert await ids_seen_by(server, ADA) == []


async def test_who_is_hired_again_is_asked_again(server, told):
    await agree(server, ADA, BO)
    await told.fact(EmployeeTerminated(employee_id=BO))
    await told.fact(EmployeeRehired(employee_id=BO, given_name="Bo", family_name="Berg", start_date=date(2027, 1, 22)))
    assert await ids_seen_by(server, ADA) == []
    assert (await seen_by(server, BO))["agreed"] is False


async def test_a_count_never_tells_of_fewer_than_five_who_did_not_agree(server, told):
    everybody = [f"E-2{number:02}" for number in range(5)]
    for id in everybody[:3]:
        await hire(told, id, STARTS[ADA])
    assert (await seen_by(server, ADA))["all_around"] == 5  # Bo, Cy and three, none of whom agreed
    await agree(server, BO)
    assert (await seen_by(server, ADA))["all_around"] is None  # four did not: five less one who is shown would tell of them
    assert "start within two weeks of you.</p>" not in await page_of(server, ADA)
    await agree(server, ADA)
    assert (await seen_by(server, ADA))["all_around"] is None
    for id in everybody[3:]:
        await hire(told, id, STARTS[ADA])
    assert (await seen_by(server, ADA))["all_around"] == 7
    assert "7 others start within two weeks of you." in await page_of(server, ADA)


async def test_nobody_else_sees_it_or_chooses_for_a_person(server):
    await agree(server, ADA, BO)
    for who in (BO, MENTOR, LEAD, BOSS, COORDINATOR):
        async with signed_in(server, who) as browser:
            read = await browser.get(f"{API}/{ADA}/others")
            written = await browser.put(f"{API}/{ADA}/others", json={"agreed": False})
        assert (read.status_code, written.status_code) == (403, 403), who
    async with signed_in(server, None) as program:
        answer = await program.get(f"{API}/{ADA}/others", headers={"Authorization": "Bearer t"})
        assert answer.status_code == 403
        assert (await program.get(f"{API}/{ADA}/others")).status_code == 401
    assert await ids_seen_by(server, BO) == [ADA]


async def test_who_has_no_journey_or_whose_is_over_agrees_to_nothing(server, told):
    async with signed_in(server, CY) as browser:
        await told.fact(EmployeeTerminated(employee_id=CY))
        assert (await browser.put(f"{API}/{CY}/others", json={"agreed": True})).status_code == 409
        assert (await browser.put(f"{API}/{CY}/others", json={"agreed": False})).status_code == 200
    async with signed_in(server, MENTOR) as browser:
        assert (await browser.post("/me/others", data={"agreed": "yes"})).status_code == 404


async def test_of_a_large_intake_the_list_is_cut_and_says_so(server, told, database):
    for number in range(MOST_SHOWN + 2):
        id = f"E-3{number:02}"
        await hire(told, id, STARTS[ADA])
        await store.share_start(database, id, 1, told.now)
    await agree(server, ADA)
    seen = await seen_by(server, ADA)
    assert (len(seen["people"]), seen["more"]) == (MOST_SHOWN, 2)
    assert "and 2 more who agreed" in await page_of(server, ADA)


async def test_who_starts_around_the_same_time_is_found_in_an_index_alone(told, database):
    shown = {"_id": 1, "state.standing": 1, "state.start_date": 1}
    query = store.starting_query(date(2027, 1, 1), date(2027, 1, 28))
    command = {"find": store.BOARD, "filter": query, "projection": shown}
    plan = str((await database.command({"explain": command, "verbosity": "queryPlanner"}))["queryPlanner"]["winningPlan"])
    assert "IXSCAN" in plan
    assert "FETCH" not in plan
    assert "COLLSCAN" not in plan
