"""`./firstmate policy`: check, explain and compare matching policies."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from deploy.answers import Data, Json, fail, result, run
from shared.clock import now

policy_app = typer.Typer(no_args_is_help=True, help="Matching policies: check one, explain it, compare two.")

File = Annotated[Path | None, typer.Argument(help="A policy's YAML file; otherwise the one in force.")]
Either = Annotated[str, typer.Argument(help="A policy's YAML file, or a version that was in force (`policy versions`).")]


@policy_app.command()
def check(
    file: File = None,
    mentors: Annotated[
        Path | None, typer.Option("--mentors", help="Test its rules on the mentors of this CSV table, not of a running system.")
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Check a policy to the line, and test its rules on the mentors there are."""
    from deploy import policies  # noqa: PLC0415  loads numpy: `--help` answers at once
    from services.matching.policy_file import PolicyError  # noqa: PLC0415

    try:
        name, policy = policies.in_force(file)
    except PolicyError as error:
        faults = policies.faults_of(error)
        result({"ok": False, "faults": faults}, "", as_json, f"not a usable policy\n{error}")
        return
    with _in_words():
        pool = policies.table_pool(mentors, now()) if mentors else run(policies.live_pool(policy, data))
    found: dict[str, Any] = {"mentors": None, "excluded": {}, "excludes_everyone": []}
    if pool is not None:
        found = policies.tested(policy, pool, now())
    summary = {"ok": not found["excludes_everyone"], "faults": [], "policy": name, "version": policy.version} | found
    result(summary, "\n".join(_checked(name, policy.version, found)), as_json, _excludes_everyone(found))


def _checked(name: str, version: str, found: Mapping[str, Any]) -> Iterator[str]:
    from services.matching import words  # noqa: PLC0415

    yield f"{name} is well formed: version {version}"
    if found["mentors"] is None:
        yield "no system runs here, so its rules were not tested on mentors (--data DIR or --mentors FILE.csv does)"
        return
    yield f"of {found['mentors']} mentors, for somebody who starts today and of whom nothing else is known:"
    yield from (f"  {words.ruled_out(rule, count)}" for rule, count in found["excluded"].items())
    if not found["excluded"]:
        yield "  no rule excludes anybody"


def _excludes_everyone(found: Mapping[str, Any]) -> str | None:
    if not found["excludes_everyone"]:
        return None
    advice = {
        "not_trained": "rules.training_required: let mentors do the training, or set it to false",
        "tenure_too_short": "rules.minimum_tenure_days: ask for fewer days",
    }
    lines = [
        f"{advice[rule]}: with it every new hire waits, since it excludes every mentor" for rule in found["excludes_everyone"]
    ]
    return "\n".join(lines)


@policy_app.command()
def explain(
    policy: Annotated[
        str | None, typer.Argument(help="A policy's YAML file, or a version that was in force; otherwise the one in force.")
    ] = None,
    hire: Annotated[str | None, typer.Option(help="With --mentor: how it sees this hire of the running system.")] = None,
    mentor: Annotated[str | None, typer.Option(help="With --hire: and this mentor.")] = None,
    language: Annotated[Literal["en", "de", "fr", "ar"], typer.Option(help="The language of what is said about a pair.")] = "en",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Say what counts how much and which rules hold, or how one pair's score comes about."""
    from deploy import policies  # noqa: PLC0415
    from services.matching import policy_words  # noqa: PLC0415

    if (hire is None) != (mentor is None):
        fail("name both --hire and --mentor, or neither", code=2)
    with _in_words():
        chosen = run(policies.policy_of(policy, data)) if policy else policies.in_force(None)[1]
        if hire is not None and mentor is not None:
            found = run(policies.pair(chosen, hire, mentor, data, now(), language))
            result(found, "\n".join(_pair_in_words(found)), as_json)
            return
    counted, rules = policy_words.criteria(chosen), policy_words.rules(chosen)
    result(
        {"version": chosen.version, "criteria": counted, "rules": rules},
        "\n".join(_policy_in_words(chosen.version, counted, rules)),
        as_json,
    )


def _policy_in_words(version: str, counted: Sequence[Mapping[str, Any]], rules: Sequence[str]) -> Iterator[str]:
    from services.matching.words import points  # noqa: PLC0415

    yield f"Policy {version}. A pair's score is the sum of these, 100 points at most:"
    yield from (f"  {points(one['share']):>6}  {one['label']}: {one['words']}" for one in counted)
    yield "What is not known of a person earns nothing. These rules hold whatever the score:"
    yield from (f"  - {rule}" for rule in rules)
    yield "Gender, age, origin and the like can't count: Firstmate refuses and does not hold them."


def _pair_in_words(found: Mapping[str, Any]) -> Iterator[str]:
    from services.matching.words import points  # noqa: PLC0415

    yield f"{found['mentor_id']} for {found['hire_id']} by policy {found['policy_version']}:"
    for one in sorted(found["criteria"], key=lambda one: -one["points"]):
        earned = f"{points(one['points'])} of {points(one['share'])}"
        yield f"  {earned:>14}  {one['label']}: {one['words']}"
    yield f"  {points(found['score']) + ' of 100':>14}  in all"
    yield from (f"  not possible: the mentor {rule['words']}" for rule in found["rules_against"])
    decided = found["decided"]
    if decided:
        score, version = points(decided["score"]), decided["policy_version"]
        yield f"This pair was made on {decided['decided_at'][:10]} with {score} points by policy {version}."


@policy_app.command()
def diff(old: Either, new: Either, data: Data = None, as_json: Json = False) -> None:
    """Say what another policy would count differently."""
    from deploy import policies  # noqa: PLC0415
    from services.matching import policy_words  # noqa: PLC0415

    with _in_words():
        before, after = run(policies.policy_of(old, data)), run(policies.policy_of(new, data))
    differences = policy_words.differences(before, after)
    lines = [one["words"] for one in differences] or ["Both count and rule alike."]
    result(
        {"old": before.version, "new": after.version, "differences": differences},
        "\n".join([f"{before.version} -> {after.version}", *(f"  {line}" for line in lines)]),
        as_json,
    )


@policy_app.command()
def enable_meaning(as_json: Json = False) -> None:
    """Install the sentence model that the criterion `meaning` needs: 90 MB, once."""
    from deploy.meaning import install  # noqa: PLC0415

    problem = install()
    words = "" if problem else "the sentence model is installed; give criteria.meaning a weight in your policy"
    result({"installed": problem is None}, words, as_json, problem)


@policy_app.command()
def versions(data: Data = None, as_json: Json = False) -> None:
    """List the versions that were ever in force in the running system."""
    from deploy import policies  # noqa: PLC0415

    with _in_words():
        found = run(policies.known_versions(data))
    rows = [{"version": version, "since": since.isoformat()} for version, since in found]
    words = "\n".join(f"{row['since'][:16]}  {row['version']}" for row in rows) or "no policy was in force yet"
    result({"versions": rows}, words, as_json)


@contextmanager
def _in_words() -> Iterator[None]:
    """What can go wrong in the ordinary way becomes words and exit code 1."""
    from deploy.policies import Unknown  # noqa: PLC0415
    from services.intake.columns import ColumnFault  # noqa: PLC0415
    from services.intake.table import Unreadable  # noqa: PLC0415
    from services.matching.policy_file import PolicyError  # noqa: PLC0415

    try:
        yield
    except (PolicyError, Unknown, Unreadable) as error:
        fail(str(error))
    except ColumnFault as error:
        fail(error.detail)
    except OSError as error:
        fail(f"{error.filename or ''}: {error.strerror or error}")
