"""A worker that is alive and does nothing is not well."""

from time import monotonic

from starlette.testclient import TestClient

from shared.health import MENDED_AFTER_S, STUCK_AFTER_S, Failing, Pulse, health_app

PLACE = ("hr.employees", 0)


def pulse(**since: float) -> Pulse:
    return Pulse("onboarding", moved_at=since.get("moved_at", 0.0))


def test_waiting_records_without_movement_are_stuck_after_a_while_and_not_before() -> None:
    one = pulse()
    one.observe({PLACE: 5}, {PLACE: 10}, running=True, at=0.0)
    one.observe({PLACE: 6}, {PLACE: 10}, running=True, at=STUCK_AFTER_S - 1)
    assert one.problem(STUCK_AFTER_S - 1) is None
    assert "6 records wait" in (one.problem(STUCK_AFTER_S + 1) or "")


def test_movement_is_well_however_long_the_queue() -> None:
    one = pulse()
    one.observe({PLACE: 1000}, {PLACE: 10}, running=True, at=0.0)
    one.observe({PLACE: 1000}, {PLACE: 11}, running=True, at=STUCK_AFTER_S * 2)
    assert one.problem(STUCK_AFTER_S * 2 + 1) is None


def test_an_idle_consumer_is_well() -> None:
    one = pulse()
    one.observe({PLACE: 0}, {PLACE: 10}, running=True, at=0.0)
    one.observe({PLACE: 0}, {PLACE: 10}, running=True, at=STUCK_AFTER_S * 9)
    assert one.problem(STUCK_AFTER_S * 9) is None


def test_an_ended_consume_loop_is_told_at_once() -> None:
    one = pulse()
    one.observe({}, {}, running=False, at=0.0)
    assert one.problem(0.0) == "its consume loop has ended"


def failing(*seconds: float) -> Failing:
    row = Failing("AssertionError", 0.0, 0.0)
    for at in seconds:
        row = row.again("AssertionError", at)
    return row


def test_a_duty_that_fails_again_and_again_is_told_and_one_that_failed_a_few_times_is_not() -> None:
    every_ten = [10.0 * number for number in range(1, 11)]
    assert failing(*every_ten[:3]).problem(30.0) is None
    assert "AssertionError" in (failing(*every_ten).problem(100.0) or "")


def test_a_duty_that_runs_again_is_well_and_a_failure_long_after_begins_a_new_row() -> None:
    row = failing(*[10.0 * number for number in range(1, 11)])
    assert row.problem(101.0 + MENDED_AFTER_S) is None
    later = row.again("OSError", 500.0)
    assert (later.since, later.problem(501.0)) == (500.0, None)


def test_health_names_the_duty_that_fails() -> None:
    async def ready() -> dict[str, str | None]:
        return {}

    at = monotonic()
    row = Failing("AssertionError", at - 2 * STUCK_AFTER_S, at)
    health = TestClient(health_app({}, {"relay": row}, ready)).get("/healthz")
    assert health.status_code == 503
    assert "AssertionError" in health.json()["duties"]["relay"]["problem"]


def test_the_endpoints_say_which_consumer_and_which_part() -> None:
    async def ready() -> dict[str, str | None]:
        return {"kafka": "ConnectionError", "mongo": None}

    stuck = pulse()
    stuck.observe({}, {}, running=False, at=0.0)
    client = TestClient(health_app({"onboarding": stuck}, {}, ready))
    health = client.get("/healthz")
    assert health.status_code == 503
    assert health.json()["consumers"]["onboarding"]["problem"] == "its consume loop has ended"
    readiness = client.get("/readyz")
    assert readiness.status_code == 503
    assert readiness.json()["parts"] == {"kafka": "ConnectionError", "mongo": None}
    assert "firstmate_consumer_lag_records" in client.get("/metrics").text
