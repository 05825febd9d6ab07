"""The JSON Schema of programme files: what editors go by says what the reader says."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from services.onboarding.programme_entries import schema
from services.onboarding.programme_files import SHIPPED, read_programme
from tests.domain.onboarding.history import AUTOMATIC, CONDITIONAL, SMALL
from tests.domain.onboarding.plan_changes import REMINDING
from tests.domain.onboarding.test_programme import AFTER, CADENCE

PUBLISHED = Path(__file__).parents[2] / "docs" / "programme.schema.json"
DEFAULT = (SHIPPED / "default.yaml").read_text()
BOTH = SMALL.replace("owner: manager, day: 0", "owner: manager, day: 0, completed_by: {all: [person, mentor_assigned]}")


def faults(text: str) -> list[str]:
    """What an editor would say of a programme."""
    return [error.message for error in Draft202012Validator(schema()).iter_errors(yaml.safe_load(text))]


def test_the_published_schema_is_the_present_one() -> None:
    assert json.loads(PUBLISHED.read_text()) == schema(), "run: ./firstmate programme schema > docs/programme.schema.json"
    Draft202012Validator.check_schema(schema())


def test_the_shipped_programme_names_the_published_schema() -> None:
    first = DEFAULT.splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (SHIPPED / first.partition("$schema=")[2]).resolve() == PUBLISHED


@pytest.mark.parametrize("text", [DEFAULT, SMALL, AUTOMATIC, CONDITIONAL, AFTER, BOTH, CADENCE, REMINDING])
def test_what_the_reader_takes_the_schema_takes(text: str) -> None:
    assert read_programme(text, "mine.yaml")
    assert not faults(text)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("owner: manager, day: 0", "owner: boss, day: 0"),
        ("owner: manager, day: 0", "owner: manager"),
        ("owner: manager, day: 0", "owner: manager, day: 0, working_day: 0"),
        ("owner: manager, day: 0", "owner: manager, day: 9999"),
        ("owner: manager, day: 0", "ownr: manager, day: 0"),
        ("completed_by: mentor_assigned", "completed_by: mentor"),
        ("title: {en: Small}", "title: {de: Klein}"),
        ("work_arrangement: remote", "work_arrangement: mars"),
    ],
)
def test_what_the_schema_refuses_the_reader_refuses(right: str, wrong: str) -> None:
    assert right in SMALL
    text = SMALL.replace(right, wrong, 1)
    assert faults(text)
    with pytest.raises(ValueError, match=r"mine\.yaml:"):
        read_programme(text, "mine.yaml")


def test_every_field_says_what_it_is_for() -> None:
    told = schema()
    for part in (told, *(told["$defs"][name] for name in ("MilestoneEntry", "When", "Survey"))):
        assert [name for name, field in part["properties"].items() if "description" not in field] in ([], ["surveys"]), part
