"""Whether surveys are answered, and how, by kind: counted from the facets and ratings that rows of the board hold. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from pydantic import BaseModel

from services.onboarding.board_view import BoardView
from services.onboarding.conditions import surveys_in
from services.onboarding.outcomes.cases import DAY_90
from services.onboarding.outcomes.words import percent, rating
from services.onboarding.programme import Programmes
from services.onboarding.projections.facets import Facet
from shared.pages.language import N_
from shared.pages.language import gettext as _
from shared.small_groups import to_hide

SurveyKind = Literal["pulse", "match_quality", "outcome"]
KIND_WORDS: Mapping[SurveyKind, str] = {
    "pulse": N_("Pulse: how it goes"),
    "match_quality": N_("Match quality"),
    "outcome": N_("Outcome: after ninety days"),
}

Survey = tuple[str, str]  # programme and survey


class SurveyShare(BaseModel):
    """Surveys of a kind: how many were due, and of them answered; the mean of all ratings 1..5 in them.

    Answers to a survey that fewer than five people gave are in no mean, which is None where none is left. `unanswered` are the
    board's facets of who has not answered.
    """

    kind: SurveyKind
    due: int
    answered: int
    mean: float | None
    unanswered: list[str]


@dataclass(frozen=True, slots=True)
class SurveyLine:
    """A kind of survey in words; `share` 0..1, `href` leads to who has not answered."""

    title: str
    share: float
    answered: str
    mean: str
    href: str


def about_surveys(facet: str) -> bool:
    """Whether a facet is about the answer to a survey."""
    return Facet.of(facet).kind in ("answered", "unanswered")


def kind_of(programme: str, survey: str, programmes: Programmes) -> SurveyKind:
    """What a survey is for, by what it asks and when, as the outcomes know it: a company's own counts as ours does.

    One that no programme has any more counts as a pulse.
    """
    known = next((each for each in programmes.current if each.id == programme), None)
    if known is None or survey not in known.surveys:
        return "pulse"
    questions = known.surveys[survey].questions
    if "match_quality" in questions:
        return "match_quality"
    days = [each.day for each in known.milestones if each.after is None and survey in surveys_in(each.completed_by)]
    return "outcome" if "productivity" in questions or any(day >= DAY_90.start for day in days) else "pulse"


def survey_shares(counts: Mapping[str, int], rated: Mapping[str, int], programmes: Programmes) -> list[SurveyShare]:
    """The shares, from facets about surveys and from ratings with their numbers; kinds that nobody was asked are left out."""
    told = [(Facet.of(text), number) for text, number in counts.items() if number]
    answered: dict[Survey, int] = {(each.programme, each.milestone): n for each, n in told if each.kind == "answered"}
    open_ones: dict[Survey, int] = {(each.programme, each.milestone): n for each, n in told if each.kind == "unanswered"}
    by_kind: dict[SurveyKind, list[Survey]] = {kind: [] for kind in get_args(SurveyKind)}
    for survey in sorted(answered.keys() | open_ones.keys()):
        by_kind[kind_of(*survey, programmes)].append(survey)
    means = _means(by_kind, answered, rated)
    return [
        SurveyShare(
            kind=kind,
            due=sum(answered.get(each, 0) + open_ones.get(each, 0) for each in surveys),
            answered=sum(answered.get(each, 0) for each in surveys),
            mean=means[kind],
            unanswered=[
                str(Facet("unanswered", programme=one, milestone=survey)) for one, survey in surveys if (one, survey) in open_ones
            ],
        )
        for kind, surveys in by_kind.items()
        if surveys
    ]


def _means(
    by_kind: Mapping[SurveyKind, Sequence[Survey]], answered: Mapping[Survey, int], rated: Mapping[str, int]
) -> dict[SurveyKind, float | None]:
    """The mean rating of each kind, of the surveys that enough people answered."""
    hidden = to_hide({":".join(survey): number for survey, number in answered.items()})
    found: dict[Survey, Counter[int]] = {}
    for text, number in rated.items():
        programme, survey, _question, rating = text.split(":")
        if f"{programme}:{survey}" not in hidden:
            found.setdefault((programme, survey), Counter())[int(rating)] += number
    return {kind: _mean(sum((found.get(each, Counter()) for each in surveys), Counter())) for kind, surveys in by_kind.items()}


def _mean(ratings: Counter[int]) -> float | None:
    number = ratings.total()
    return sum(rating * count for rating, count in ratings.items()) / number if number else None


def line_of(one: SurveyShare) -> SurveyLine:
    """A kind of survey in words and with its link."""
    share = one.answered / one.due
    return SurveyLine(
        title=_(KIND_WORDS[one.kind]),
        share=share,
        answered=_("%(answered)s of %(due)s (%(share)s)", answered=one.answered, due=one.due, share=percent(share)),
        mean=rating(one.mean) if one.mean is not None else _("not shown") if one.answered else _("nobody yet"),
        href=BoardView(facets=tuple(one.unanswered)).address("/board") if one.unanswered else "",
    )
