"""One hire on the whole running system, followed by `./firstmate trace` from HR's event to the mail."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.connected.test_up import Up, call, until

HRS = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
HIRE = {
    "employee_id": "E-1001",
    "display_name": "Ada Okafor",
    "start_date": "2099-01-12",
    "personal_email": "ada.okafor@example.org",
    "manager_id": "E-0007",
}
MENTOR = {"employee_id": "E-0018", "display_name": "Mira Sand", "start_date": "2020-01-06", "work_email": "mira@example.org"}
ENROLMENT = {"mentor_id": "E-0018", "capacity": 3, "endorsed_by": "E-0007"}

# Each row is a way through the tree: a step, a step below it, and so on.
HR = "hr.employee.hired.v1"
ASSIGNED = "mentoring.assignment.assigned.v1"
STARTED = "onboarding.journey.started.v1"
SENT = "notifications.message.sent.v1"
WAYS = [
    ["matching " + HR, "transaction"],
    ["matching " + HR, "publish " + ASSIGNED, "onboarding " + ASSIGNED, "transaction"],
    ["matching " + HR, "publish " + ASSIGNED, "onboarding.read-models " + ASSIGNED],
    ["onboarding " + HR, "publish " + STARTED, "notifications " + STARTED],
    ["notifications " + HR, "plan welcome", "send welcome", "notifications.email notifications.record_result", "publish " + SENT],
]


def event(kind: str, id: str, data: dict[str, Any], **more: str) -> str:
    envelope = {"specversion": "1.0", "id": id, "source": "/hr/test", "type": kind, "data": data}
    return json.dumps(envelope | more)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("traced")
    up = Up(folder / "data")
    try:
        publish(up, event("hr.employee.snapshot.v1", "m-1", MENTOR), event("mentoring.mentor.enrolled.v1", "m-2", ENROLMENT))
        yield up
    finally:
        if up.process.poll() is None:
            up.stop()


def publish(up: Up, *lines: str) -> None:
    file = up.data.parent / "events.jsonl"
    file.write_text("\n".join(lines) + "\n")
    done = call("publish", str(file), "--data", str(up.data))
    assert done.returncode == 0, done.stderr


def traced(up: Up, employee_id: str) -> list[dict[str, Any]]:
    done = call("trace", employee_id, "--data", str(up.data), "--json")
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])["traces"] if done.stdout else []
    return [step for began in found for step in began if step["name"].endswith(HR) or step["steps"]]


def has(steps: Sequence[dict[str, Any]], way: Sequence[str]) -> bool:
    return not way or any(has(step["steps"], way[1:]) for step in steps if step["name"] == way[0])


def test_a_hire_is_followed_from_hr_to_the_mail(system: Up) -> None:
    publish(system, event(HR, "h-1", HIRE))

    def origin() -> dict[str, Any] | None:
        found = [step for step in traced(system, "E-1001") if step["name"] == HR]
        return found[0] if found and all(has(found[0]["steps"], way) for way in WAYS) else None

    began = until(origin)
    assert (began["parent"], began["service"]) == (None, "matching")
    (planned,) = [step for step in below(began) if step["name"] == "plan welcome"]
    (send,) = planned["steps"]
    assert send["attributes"]["firstmate.outcome"] == "sent"
    assert send["start"] >= planned["start"] >= began["start"]
    shown = call("trace", "E-1001", "--data", str(system.data)).stdout
    assert "send welcome E-1001 sent" in shown.replace("\n", " ")


def below(step: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for child in step["steps"] for each in (child, *below(child))]


def test_a_trace_that_hr_began_goes_on(system: Up) -> None:
    publish(system, event(HR, "h-2", HIRE | {"employee_id": "E-1002"}, traceparent=HRS))

    def steps() -> list[dict[str, Any]]:
        found = [step for step in traced(system, "E-1002") if step["parent"] == HRS.split("-")[2]]
        return found if {step["name"].split()[0] for step in found} == {"matching", "onboarding", "notifications"} else []

    assert len(until(steps)) == 3


def test_traces_hold_ids_and_no_personal_value(system: Up) -> None:
    files = [path for path in (system.data / "traces").iterdir() if path.stat().st_size]
    assert {path.stem for path in files} >= {"matching", "onboarding", "notifications"}
    for path in files:
        text = path.read_text()
        for value in ("Ada", "Okafor", "example.org", "Mira"):
            assert value not in text


def test_nobody_s_trace_is_an_answer_with_what_to_do(system: Up, tmp_path: Path) -> None:
    done = call("trace", "E-9999", "--data", str(system.data))
    assert done.returncode == 1
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in done.stderr
    assert call("trace", "E-9999", "--data", str(tmp_path)).returncode == 1
