"""`mentor-match` beside ours: its own environment, made when first asked for, and the two tasks that both are given."""

import json
import random
import subprocess
import sys
from pathlib import Path
from time import process_time
from typing import Any

from bench.crowd import DAY, intake
from deploy.bootstrap import Installer, say
from services.matching import rules
from services.matching.engine import match, match_batch
from services.matching.explanations import Matches
from services.matching.person import Seeker, person_from
from services.matching.policy import Policy
from services.matching.policy_file import load_policy, parse_policy
from services.matching.pool import Candidate, Pool
from services.matching.solving.batch import base_scores

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".venv" / "reference"  # both `mentor-match` and other packages install an import package `matching`
LOCK = ROOT / "requirements" / "bench.lock"
POINTS = {"profession": 4, "other_organisation": 3, "role": 3}
ITS_RULES = """
name: its-rules
rules: {training_required: false, shared_language_required: false, minimum_tenure_days: 0}
criteria:
  role: {weight: 4, same_family: 100}
  cross_group: {weight: 3, by: department}
  site: {weight: 3, same_arrangement: 0}
"""
REPEATS = 5  # the smaller sizes take milliseconds


def one_to_one(count: int) -> dict[str, float]:
    """Its own task: `count` mentees and mentors, one each, scores 0 to 10."""
    choose = random.Random(count)
    mentees, mentors = ([_row(choose, f"{kind}-{n:04}") for n in range(count)] for kind in ("H", "M"))
    theirs = _ask({"mentors": mentors, "mentees": mentees, "points": POINTS})
    policy = parse_policy(ITS_RULES)
    found = _ours(policy, mentors, mentees)  # caches that any second batch finds warm
    times, reading = [], []
    for _ in range(REPEATS):
        started = process_time()
        found = _ours(policy, mentors, mentees)
        decided = process_time()
        list(found)
        times.append(decided - started)
        reading.append(process_time() - started)
    return {
        "speedup_vs_mentor_match": round(theirs["seconds"] / min(times), 1),
        "speedup_with_every_decision_read": round(theirs["seconds"] / min(reading), 1),
        "mentor_match_seconds": round(theirs["seconds"], 3),
        "seconds_on_its_task": round(min(times), 4),
        "score_difference_on_its_task": int(found.scores.sum()) - 1000 * int(theirs["total"]),
    }


def _row(choose: random.Random, id: str) -> dict[str, Any]:
    return {
        "email": id,
        "grade": choose.randrange(1, 9),
        "profession": f"profession {choose.randrange(12)}",
        "organisation": f"organisation {choose.randrange(20)}",
        "role": f"role {choose.randrange(30)}",
    }


def _ours(policy: Policy, mentors: list[dict[str, Any]], mentees: list[dict[str, Any]]) -> Matches:
    """From the same rows to decisions in columns: scores, and what each criterion adds for mentor and runners-up."""
    pool = Pool(Candidate(person_from(row["email"], _known(row)), 1) for row in mentors)
    found = match_batch(pool, policy, [Seeker(person_from(row["email"], _known(row)), DAY) for row in mentees])
    assert found is not None
    return found


def _known(row: dict[str, Any]) -> dict[str, Any]:
    return {"role_family": row["profession"], "department": row["organisation"], "location": row["role"]}


def rounds(count: int, pool_size: int, alike: float) -> dict[str, float]:
    """Mentors with several places, 1.05 per hire, under the shipped policy without load: it in rounds, ours at once."""
    shipped = load_policy()
    policy = Policy(name=shipped.name, rules=shipped.rules, criteria=shipped.criteria.model_copy(update={"load": None}))
    batch = intake(count, pool_size, alike, 1.05)
    pool = Pool(batch.mentors)
    table: dict[str, dict[str, int | None]] = {id: {} for id in pool.ids}
    for seeker in batch.hires:
        scores, legal = base_scores(pool, policy, seeker), rules.legal(pool, policy, seeker)
        for row, id in enumerate(pool.ids):
            table[id][seeker.person.id] = int(scores[row]) if legal[row] else None
    people = {
        "mentors": [{"email": id, "grade": 1} for id in pool.ids],
        "mentees": [{"email": seeker.person.id, "grade": 1} for seeker in batch.hires],
    }
    theirs = _ask(people | {"table": table, "places": {one.person.id: one.capacity - one.load for one in batch.mentors}})
    found = [one for one in match(pool, policy, batch.hires) if one]
    ours = sum(one.score for one in found)
    return {
        "score_gain_vs_mentor_match_rounds": round(ours / int(theirs["total"]) - 1, 4),
        "mentor_match_rounds": int(theirs["rounds"]),
        "more_matched_than_in_rounds": len(found) - int(theirs["matched"]),
    }


def _ask(task: dict[str, Any]) -> dict[str, Any]:
    python = FOLDER / "bin" / "python"
    stamp = FOLDER / "lock"
    if not stamp.exists() or stamp.read_bytes() != LOCK.read_bytes():
        say("making the environment of mentor-match, for this bench only")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER)], check=True)
        Installer(python, FOLDER).install(LOCK, packages=2)
        stamp.write_bytes(LOCK.read_bytes())
    script = Path(__file__).with_name("mentor_match.py")
    done = subprocess.run([str(python), "-I", str(script)], input=json.dumps(task), stdout=subprocess.PIPE, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
