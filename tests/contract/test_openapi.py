"""The HTTP APIs keep what their OpenAPI document promises, whatever is sent to them, on the running system with people in it."""

import asyncio
import sys
from dataclasses import asdict
from pathlib import Path

import httpx
import pytest

from deploy.asking import Origin
from deploy.sample.company import company
from deploy.sample.play import play
from deploy.supervisor import Plan, running

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
EXAMPLES = 12  # per operation and phase; more finds little more and takes a minute for every ten
BY_OTHER_MEANS = "POST /api/notifications/v1/bounces"  # takes whole mails, for which there is no serialiser: test_bounces does it
CONFIG = """
[dictionaries]
people = { values = ["E-1001", "E-1003", "E-1013", "E-0018", "E-0022", "E-0007", "E-9999", "not an id", "\u00e9"] }

[parameters]
"path.employee_id" = { dictionary = "people", probability = 0.7 }
"path.mentor_id" = { dictionary = "people", probability = 0.7 }
"query.employee_id" = { dictionary = "people", probability = 0.7 }
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_every_operation_answers_as_described_to_arbitrary_requests(tmp_path: Path) -> None:
    said: list[str] = []
    plan = Plan(tmp_path / "data", port=0, usual_ports=False, settings={"coordinators": ",".join(company().coordinators)})
    async with running(plan, said.append) as system:
        ends = asdict(system.endpoints)
        await play(ends, pace=0, say=said.append)
        async with Origin(ends) as origin:
            for hire in company().hires:
                assert hire.rescinded or await origin.settled_assignment(hire.id, 60) is not None
        (tmp_path / "schemathesis.toml").write_text(CONFIG)
        run = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            f"{system.endpoints.web}/openapi.json",
            *("--header", f"Authorization: Bearer {system.endpoints.token}"),
            *("--include-path-regex", "^/api/"),
            *("--exclude-name", BY_OTHER_MEANS),
            *("--phases", "examples,coverage,fuzzing"),
            *("--max-examples", str(EXAMPLES)),
            *("--checks", CHECKS),
            *("--request-timeout", "20"),
            *("--warnings", "off"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=tmp_path,
        )
        printed, _ = await run.communicate()
        assert run.returncode == 0, printed.decode(errors="replace")[-8000:]
        async with httpx.AsyncClient(base_url=system.endpoints.web, timeout=20, trust_env=False) as client:
            assert (await client.get("/healthz")).status_code == 200
