"""Whether surveys are answered, and how: shares by kind, and means that tell on nobody."""

import pytest

from services.onboarding.programme_files import read_programmes
from services.onboarding.survey_shares import about_surveys, kind_of, line_of, survey_shares
from tests.domain.onboarding.test_lateness import BOTH

SHIPPED = read_programmes()


@pytest.mark.parametrize(
    ("survey", "kind"),
    [("pulse_7", "pulse"), ("pulse_14", "pulse"), ("match_quality", "match_quality"), ("outcome", "outcome"), ("gone", "pulse")],
)
def test_the_kind_follows_from_what_is_asked_and_when(survey: str, kind: str) -> None:
    assert kind_of("default", survey, SHIPPED) == kind


def test_a_survey_of_a_company_of_its_own_has_a_kind_too() -> None:
    assert kind_of("small", "pulse", BOTH) == "pulse"
    assert kind_of("no_such_programme", "pulse", BOTH) == "pulse"


def test_a_share_is_of_surveys_that_were_due() -> None:
    counts = {"answered::default:pulse_7": 6, "answered::default:pulse_14": 2, "unanswered::default:pulse_14": 4}
    pulse = survey_shares(counts, {}, SHIPPED)[0]
    assert (pulse.kind, pulse.due, pulse.answered) == ("pulse", 12, 8)
    assert pulse.unanswered == ["unanswered::default:pulse_14"]
    line = line_of(pulse)
    assert (line.answered, line.href) == ("8 of 12 (67\u00a0%)", "/board?facet=unanswered::default:pulse_14")
    assert survey_shares({"answered::default:outcome": 0}, {}, SHIPPED) == []


def test_a_mean_is_of_what_enough_people_answered() -> None:
    counts = {"answered::default:pulse_7": 6, "answered::default:match_quality": 5, "answered::default:outcome": 7}
    rated = {
        "default:pulse_7:satisfaction:5": 3,
        "default:pulse_7:satisfaction:2": 3,
        "default:match_quality:match_quality:4": 5,
        "default:match_quality:availability:2": 5,
    }
    pulse, quality, outcome = survey_shares(counts, rated, SHIPPED)
    assert (pulse.mean, quality.mean, outcome.mean) == (3.5, 3, None)
    assert (line_of(pulse).mean, line_of(outcome).mean) == ("3.5", "not shown")


def test_a_survey_that_few_answered_is_in_no_mean_and_none_can_be_worked_out() -> None:
    few = {"answered::default:pulse_7": 9, "answered::default:pulse_14": 4, "answered::default:match_quality": 5}
    rated = {
        "default:pulse_7:satisfaction:3": 9,
        "default:pulse_14:satisfaction:1": 4,
        "default:match_quality:match_quality:5": 5,
    }
    pulse, quality = survey_shares(few, rated, SHIPPED)
    assert (pulse.answered, pulse.mean) == (13, 3)
    assert quality.mean is None  # with four hidden people beside it, theirs could be told from it
    nobody = survey_shares({"unanswered::default:pulse_7": 3}, {}, SHIPPED)[0]
    assert line_of(nobody).mean == "nobody yet"


def test_facets_about_surveys_are_counted_apart() -> None:
    assert about_surveys("answered::default:pulse_7")
    assert about_surveys("unanswered::default:pulse_7")
    assert not about_surveys("late:hire:default:pulse_7")
    assert not about_surveys("on_rhythm")
