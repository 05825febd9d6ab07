"""What HR systems send about a person, read tolerantly where a hire must not be lost for it."""

from typing import Any

import pytest
from pydantic import ValidationError

from shared.events.hr import EmployeeHired, EmployeeSnapshot, EmployeeUpdated


def hired(**more: Any) -> EmployeeHired:
    return EmployeeHired.model_validate({"employee_id": "E-1", "display_name": "Ada", "start_date": "2027-01-11"} | more)


@pytest.mark.parametrize("spelled", ["fr-B2", "fr:B2", "fr_b2", "fr/B2", "FR (B2)", " fr b2 "])
def test_a_level_may_stand_behind_its_language(spelled: str) -> None:
    person = hired(languages=[spelled, "en"])
    assert person.languages == ["fr", "en"]
    assert person.language_levels == {"fr": "B2"}


def test_levels_may_stand_apart_and_win_over_those_behind_a_language() -> None:
    person = hired(languages=["fr-B2", "en-native"], language_levels={"fr": "c1", "de": "Mother  Tongue"})
    assert person.language_levels == {"fr": "C1", "en": "C2", "de": "C2"}


def test_a_region_is_no_level() -> None:
    assert hired(languages=["fr-FR", "pt-BR"]).language_levels is None


def test_a_level_in_other_words_counts_as_not_told_and_loses_no_hire() -> None:
    assert hired(languages=["fr"], language_levels={"fr": "quite good", "en": 3}).language_levels == {}


def test_an_update_without_languages_says_nothing_about_levels() -> None:
    assert "language_levels" not in EmployeeUpdated(employee_id="E-1", title="Cook").profile()
    assert EmployeeUpdated(employee_id="E-1", languages=["fr-A2"]).profile() == {
        "languages": ["fr"],
        "language_levels": {"fr": "A2"},
    }


@pytest.mark.parametrize(
    ("start", "fits"), [("1939-12-31", False), ("1940-01-01", True), ("1987-04-01", True), ("2100-01-01", False)]
)
def test_an_employee_may_have_joined_decades_ago(start: str, fits: bool) -> None:
    known = {"employee_id": "E-1", "display_name": "Ada", "start_date": start}
    if fits:
        assert str(EmployeeSnapshot.model_validate(known).start_date) == start
    else:
        with pytest.raises(ValidationError, match="must lie between 1940-01-01 and 2100-01-01"):
            EmployeeSnapshot.model_validate(known)


@pytest.mark.parametrize("start", ["1970-01-01", "1999-12-31", "2100-01-01", "2199-06-01"])
def test_nobody_is_hired_for_a_day_that_is_a_typing_error(start: str) -> None:
    with pytest.raises(ValidationError, match=r"start_date\n.*must lie between 2000-01-01 and 2100-01-01"):
        EmployeeHired.model_validate({"employee_id": "E-1", "display_name": "Ada", "start_date": start})
