"""Run by the environment that has `mentor-match` and nothing else: its own task, timed. JSON in, JSON out.

Input: `mentors` and `mentees` as its forms have them, `points` of its rules, and optionally `table` (mentor by mentee: a score,
or null for a pair that is ruled out) with `places` of each mentor, then matched in rounds, which is how it serves more than one.
"""

import json
import sys
from time import process_time
from typing import Any

from matching.mentee import Mentee
from matching.mentor import Mentor
from matching.process import create_matches, generate_match_matrix, match_and_assign_participants, process_data
from matching.rules.rule import Disqualify, Equivalent


def one_to_one(task: dict[str, Any]) -> dict[str, Any]:
    """Its entry point on its own participants: seconds of CPU, and the total of its scores."""
    points = task["points"]
    started = process_time()
    mentors, mentees = [Mentor(**row) for row in task["mentors"]], [Mentee(**row) for row in task["mentees"]]
    rules = [
        Equivalent("profession", {True: points["profession"], False: 0}),
        Equivalent("organisation", {True: 0, False: points["other_organisation"]}),
        Equivalent("role", {True: points["role"], False: 0}),
    ]
    process_data(mentors, mentees, [rules])
    seconds = process_time() - started
    total = 0
    for mentee in mentees:
        for mentor in mentee.mentors:
            total += points["profession"] * (mentor.profession == mentee.profession)
            total += points["other_organisation"] * (mentor.organisation != mentee.organisation)
            total += points["role"] * (mentor.role == mentee.role)
    return {"seconds": seconds, "total": total, "matched": sum(bool(mentee.mentors) for mentee in mentees)}


class Scored:
    """A rule of its protocol: the pair's score in the table."""

    def __init__(self, table: dict[str, dict[str, int | None]]) -> None:
        self._table = table

    def apply(self, match: Any) -> int:
        """What the pair earns."""
        return self._table[match.mentor.email][match.mentee.email] or 0


def in_rounds(task: dict[str, Any]) -> dict[str, Any]:
    """Round after round one mentee more for each mentor with a place, until a round matches nobody."""
    table = task["table"]
    left = dict(task["places"])
    waiting = {row["email"]: row for row in task["mentees"]}
    rows = {row["email"]: row for row in task["mentors"]}
    total = matched = rounds = 0
    while waiting and any(left.values()):
        mentors = [Mentor(**rows[id]) for id in rows if left[id]]
        mentees = [Mentee(**row) for row in waiting.values()]
        ruled_out = Disqualify(lambda match: table[match.mentor.email][match.mentee.email] is None)
        match_and_assign_participants(create_matches(generate_match_matrix(mentors, mentees, [Scored(table), ruled_out])))
        paired = [(mentor.email, mentee.email) for mentee in mentees for mentor in mentee.mentors]
        for mentor, mentee in paired:
            left[mentor] -= 1
            del waiting[mentee]
            total += table[mentor][mentee]
        rounds += 1
        matched += len(paired)
        if not paired:
            break
    return {"total": total, "matched": matched, "rounds": rounds}


if __name__ == "__main__":
    given = json.load(sys.stdin)
    print(json.dumps(in_rounds(given) if "table" in given else one_to_one(given)))
