"""A policy is checked to the line, versioned by content, and its shares sum exactly."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from services.matching.person import FIELDS, Person
from services.matching.policy import FULL, Criteria, Policy
from services.matching.policy_file import PolicyError, load_policy, parse_policy
from services.matching.pool import Candidate
from shared.events.hr import FORBIDDEN_FIELDS, is_forbidden_field
from tests.domain.matching.populations import SHIPPED, steady

ONE = "name: one\ncriteria: {role: {weight: 1}}\n"


def faults(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "my.yaml")
    return str(caught.value).splitlines()


def test_the_shipped_policy_uses_every_criterion_that_needs_no_extra_package_and_weighs_work_knowledge_most() -> None:
    assert list(SHIPPED.shares) == [name for name in Criteria.model_fields if name != "meaning"]
    assert SHIPPED.shares["role"] + SHIPPED.shares["skills"] > SHIPPED.shares["interests"] + SHIPPED.shares["working_hours"]


def words_of(model: type[BaseModel]) -> set[str]:
    """The names of a model's fields and of those below, whole and word by word."""
    found: set[str] = set()
    for name, field in model.model_fields.items():
        found |= {name, *name.split("_")}
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found |= words_of(kind)
    return found


def test_no_criterion_rule_or_parameter_and_nothing_known_of_a_person_is_a_demographic() -> None:
    assert {"prior_answers", "same_family", "A1", "minimum_tenure_days"} <= words_of(Policy)  # the walk reaches everything
    known = {
        *Person._fields,
        *(field.name for field in dataclasses.fields(Candidate)),
        *FIELDS,
    }
    for name in words_of(Policy) | known:
        assert not is_forbidden_field(name), name


@pytest.mark.parametrize("field", sorted(FORBIDDEN_FIELDS))
def test_a_policy_that_names_a_demographic_is_refused(field: str) -> None:
    assert faults(f"name: a\ncriteria:\n  {field}: {{weight: 1}}")[0].startswith(
        f"my.yaml:3: criteria.{field}: unknown criterion"
    )


@steady
@given(st.lists(st.integers(0, 1000), min_size=len(Criteria.model_fields), max_size=len(Criteria.model_fields)).filter(any))
def test_the_shares_sum_to_a_full_score_whatever_the_weights(weights: list[int]) -> None:
    criteria = {name: {"weight": weight} for name, weight in zip(Criteria.model_fields, weights, strict=True)}
    policy = Policy.model_validate({"name": "any", "criteria": criteria})
    assert sum(policy.shares.values()) == FULL
    total = sum(weights)
    for name, share in policy.shares.items():
        assert abs(share - criteria[name]["weight"] * FULL / total) < 1


def test_the_version_follows_the_content_and_not_the_layout() -> None:
    same = parse_policy("# a comment\ncriteria:\n  role:\n    weight: 1\nname: one\n")
    assert parse_policy(ONE).version == same.version
    assert same.version.startswith("one@")
    assert parse_policy(ONE.replace("weight: 1", "weight: 2")).version != same.version
    assert parse_policy(ONE + "rules: {minimum_tenure_days: 1}").version != same.version


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "name: one\ncriteria:\n  luck: {weight: 3}\n  role: {weight: 1}",
            "my.yaml:3: criteria.luck: unknown criterion; use one of role,",
        ),
        (
            "name: one\ncriteria:\n  role:\n    weight: 1\n    gender: 1",
            "my.yaml:5: criteria.role.gender: unknown setting; use one of weight,",
        ),
        (
            "name: one\ncriteria:\n  role:\n    weight: lots",
            "my.yaml:4: criteria.role.weight: input should be a valid integer (found 'lots')",
        ),
        ("name: one\ncriteria:\n  role:\n    weight: true", "my.yaml:4: criteria.role.weight: input should be a valid integer"),
        (
            "name: one\ncriteria:\n  role:\n    weight: -1",
            "my.yaml:4: criteria.role.weight: input should be greater than or equal to 0",
        ),
        ("name: one\ncriteria:\n  role: {same_family: 3}", "my.yaml:3: criteria.role.weight: missing; add it"),
        ("name: one\ncriteria:\n  role: {weight: 0}", "my.yaml:2: criteria: the weights sum to nothing"),
        ("name: one", "my.yaml:1: criteria: missing; add it"),
        ("name: One!\ncriteria: {role: {weight: 1}}", "my.yaml:1: name: must be small letters"),
        (
            ONE + "rules:\n  minimum_tenure_days: 99999",
            "my.yaml:4: rules.minimum_tenure_days: input should be less than or equal to 3650",
        ),
        ("name: a\nname: b\ncriteria: {role: {weight: 1}}", "my.yaml:2: name: given twice; keep one of them"),
        (
            "name: a\ncriteria:\n  tenure: {weight: 1, curve: [[9, 1], [3, 1]]}",
            "my.yaml:3: criteria.tenure: the days of 'curve' must rise",
        ),
        (
            "name: a\ncriteria:\n  tenure:\n    weight: 1\n    curve:\n    - [1, 2]\n    - [3, 400]",
            "my.yaml:7: criteria.tenure.curve.1.1: ",
        ),
        (
            "name: a\ncriteria:\n  working_hours: {weight: 1, starts: 20}",
            "my.yaml:3: criteria.working_hours: 'starts' must be earlier",
        ),
        (
            "name: a\ncriteria:\n  working_hours: {weight: 1, enough_hours: 9}",
            "my.yaml:3: criteria.working_hours: 'enough_hours' must be",
        ),
        ("name: a\ncriteria: [1", "my.yaml:2: not YAML: "),
        ("name: a\ncriteria: \x07", "my.yaml:1: not YAML: the file holds something that YAML can't read"),
        ("name: a\ncriteria:\n\trole: {weight: 1}", "my.yaml:3: not YAML: found character '\\t'"),
        ("name: a\ncriteria: {role: {weight: 2027-02-30}}", "my.yaml:1: not YAML: the file holds something that YAML can't read"),
        ("name: a\ncriteria: &c\n  role: *c", "my.yaml:3: criteria.role.weight: missing; add it"),
        (
            "name: a\ncriteria:\n  intrests: {weight: 1}",
            "my.yaml:3: criteria.intrests: unknown criterion; did you mean interests? use one of role,",
        ),
        (
            "name: a\ncriteria:\n  role: {weigth: 1}",
            "my.yaml:3: criteria.role.weight: missing; add it",
        ),
        (
            "name: a\ncriteria:\n  role: {weight: 1}\n  site:",
            "my.yaml:4: criteria.site: nothing stands under it; give it a weight",
        ),
        ("name: a\nrules:\ncriteria: {role: {weight: 1}}", "my.yaml:2: rules: input should be a valid dictionary"),
        (
            "name: a\nrules: {training_required: 3}\ncriteria: {role: {weight: 1}}",
            "my.yaml:2: rules.training_required: input should be a valid boolean (found 3)",
        ),
        (
            "name: a\ncriteria:\n  language:\n    weight: 1\n    levels: {B1: 90, B2: 10}",
            "my.yaml:5: criteria.language.levels: a better level must not earn less",
        ),
        (
            "name: a\ncriteria:\n  language:\n    weight: 1\n    levels: {b1: 90}",
            "my.yaml:5: criteria.language.levels.b1: unknown setting; did you mean B1? use one of A1,",
        ),
        (
            "name: a\ncriteria:\n  seniority: {weight: 1, least: 2, most: 1}",
            "my.yaml:3: criteria.seniority: 'least' must not be greater than 'most'",
        ),
        (
            "name: a\ncriteria:\n  rating: {weight: 1, prior_answers: 0}",
            "my.yaml:3: criteria.rating.prior_answers: input should be greater than or equal to 1",
        ),
        (
            "name: a\ncriteria:\n  load: {weight: 10000}",
            "my.yaml:3: criteria.load.weight: input should be less than or equal to 1000",
        ),
        ("- a list", "my.yaml:1: a policy is a mapping"),
        ("", "my.yaml:1: a policy is a mapping"),
    ],
)
def test_a_fault_is_told_with_file_line_field_and_what_to_do(text: str, fault: str) -> None:
    assert faults(text)[0].startswith(fault)


def test_all_faults_are_told_at_once() -> None:
    assert len(faults("name: X\ncriteria:\n  role: {weight: x}\n  luck: {}\n  site: {weight: 1, foo: 2}")) == 4


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"nowhere\.yaml:1: the policy can't be read \(FileNotFoundError\)"):
        load_policy(tmp_path / "nowhere.yaml")
    own = tmp_path / "own.yaml"
    own.write_text(ONE)
    assert load_policy(own).name == "one"
