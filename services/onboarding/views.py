"""What pages show of a journey, made from its state: words, groups and what the viewer may do. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from services.onboarding.conditions import (
    AllOf,
    ByMeetingHeld,
    ByMentorAssigned,
    ByMessageSent,
    ByPerson,
    ByStillEmployed,
    BySurveyAnswered,
    surveys_in,
    takes_a_word,
)
from services.onboarding.deciding.changes import OWN
from services.onboarding.journey import SYSTEM, Journey, MilestoneState
from services.onboarding.programme import Milestone, Programme, text_in
from shared.access import OPERATOR
from shared.events.onboarding import Owner
from shared.pages.language import N_, current, ngettext
from shared.pages.language import gettext as _
from shared.pages.words import day, humane, listed, relative

NOT_PEOPLE = (SYSTEM, "policy")
SOON_DAYS = 7  # what is due within a week is what people plan with
SOON_AT_LEAST = 3

OWNERS: dict[Owner, str] = {
    "hire": N_("New hire"),
    "mentor": N_("Mentor"),
    "manager": N_("Manager"),
    "coordinator": N_("Coordinator"),
}
OWNERS_TO_HIRE: Mapping[Owner, str] = OWNERS | {"hire": N_("You"), "mentor": N_("Your mentor"), "manager": N_("Your manager")}
OWNERS_TO_MENTOR: Mapping[Owner, str] = OWNERS | {"mentor": N_("You")}
TaskState = Literal["done", "late", "open", "off"]

_HOW: Mapping[type, str] = {
    ByMentorAssigned: N_("Happens by itself when a mentor is found."),
    ByMessageSent: N_("Happens by itself when the message is sent."),
    BySurveyAnswered: N_("Done when the questions are answered."),
    ByStillEmployed: N_("Settled by the calendar."),
}


@dataclass(frozen=True, slots=True)
class Task:
    """One milestone as a line of a list."""

    id: str
    title: str
    description: str
    owner: Owner
    state: TaskState
    due: str
    how: str
    optional: bool
    may_complete: bool


@dataclass(frozen=True, slots=True)
class Tasks:
    """A journey's milestones in the order people need them."""

    late: Sequence[Task]
    soon: Sequence[Task]
    later: Sequence[Task]
    settled: Sequence[Task]


def in_page_language(texts: Mapping[str, str]) -> str:
    """A text of a programme in the language of the page; in English where it has no other."""
    return text_in(texts, [str(current().locale)])


def title_of(programme: Programme | None, milestone_id: str) -> str:
    """A milestone's title; its id in words where the programme does not have it."""
    planned = programme.by_id.get(milestone_id) if programme else None
    if planned is None and milestone_id.startswith(OWN):
        return _("A milestone of their own")  # its title is on their page
    return in_page_language(planned.title) if planned else humane(milestone_id)


def tasks_of(
    journey: Journey,
    programme: Programme,
    may_complete: Callable[[Owner], bool],
    names: Mapping[str, str],
    today: date,
    owners: Mapping[Owner, str] = OWNERS,
) -> Tasks:
    """All milestones of a journey for a viewer whose word completes those of an owner if `may_complete` says so.

    `names` are of people by id; `owners` is what owners are called, which depends on who reads.
    """
    words = _Wording(names, owners, today)
    ordered = sorted(journey.milestones.values(), key=lambda each: (each.due, list(journey.milestones).index(each.id)))
    tasks = {each.id: _task(each, programme, journey.live and may_complete(each.owner), words) for each in ordered}
    open_ones = [each for each in ordered if tasks[each.id].state == "open"]
    near = [each.id for each in open_ones if each.due <= today + timedelta(days=SOON_DAYS)]
    soon = near if len(near) >= SOON_AT_LEAST else [each.id for each in open_ones[:SOON_AT_LEAST]]
    settled = sorted((each for each in ordered if each.settled), key=lambda each: str(each.settled_at), reverse=True)
    return Tasks(
        late=[task for task in tasks.values() if task.state == "late"],
        soon=[tasks[id] for id in soon],
        later=[tasks[each.id] for each in open_ones if each.id not in soon],
        settled=[tasks[each.id] for each in settled],
    )


@dataclass(frozen=True, slots=True)
class _Wording:
    names: Mapping[str, str]
    owners: Mapping[Owner, str]
    today: date


def _task(state: MilestoneState, programme: Programme, may_complete: bool, words: _Wording) -> Task:
    planned = programme.by_id.get(state.id)
    by_hand = planned is None or (takes_a_word(planned.completed_by) and state.said_at is None)
    return Task(
        id=state.id,
        title=title_of(programme, state.id),
        description=in_page_language(planned.description) if planned else "",
        owner=state.owner,
        state=_state_of(state),
        due=_settled_words(state, words) if state.settled else _due_words(state, words),
        how=_how(planned) if planned and not state.settled else "",
        optional=state.optional and by_hand,
        may_complete=may_complete and by_hand and not state.settled,
    )


def _state_of(state: MilestoneState) -> TaskState:
    if state.status == "done":
        return "done"
    if state.status == "waived":
        return "off"
    return "late" if state.status == "late" else "open"


def _due_words(state: MilestoneState, words: _Wording) -> str:
    near = relative(state.due, words.today)
    exact = day(state.due, words.today)
    when = near if near == exact else f"{near} ({exact})"
    text = N_("%(owner)s, was due %(when)s") if state.due < words.today else N_("%(owner)s, %(when)s")
    return _(text, owner=_(words.owners[state.owner]), when=when)


def _settled_words(state: MilestoneState, words: _Wording) -> str:
    on = day(state.settled_at.date(), words.today) if state.settled_at else ""
    by = who_did(state.settled_by, words.names)
    if state.status == "waived":
        text = N_("Not needed %(day)s by %(who)s") if by else N_("Not needed %(day)s")
    else:
        text = N_("Done %(day)s by %(who)s") if by else N_("Done %(day)s")
    return _(text, day=on, who=by)


def who_did(id: str | None, names: Mapping[str, str]) -> str:
    """`Grace Hopper`, `the operator`, or nothing where no person did it."""
    if id is None or id in NOT_PEOPLE:
        return ""
    return names.get(id, _("the operator") if id == OPERATOR else id)


def _how(planned: Milestone) -> str:
    condition = planned.completed_by
    if isinstance(condition, AllOf):
        return _("Done when all of this is: %(what)s.", what=listed([_needed(each) for each in condition.all]))
    if isinstance(condition, ByMeetingHeld):
        return _meeting_makes_it_done(condition)
    return _(_HOW[type(condition)]) if type(condition) in _HOW else ""


def _meeting_makes_it_done(meeting: ByMeetingHeld) -> str:
    if meeting.minutes <= 1:
        return _("Done when meeting number %(number)s with the mentor is logged.", number=meeting.number)
    return ngettext(
        "Done when meeting number %(number)s of at least %(num)s minute with the mentor is logged.",
        "Done when meeting number %(number)s of at least %(num)s minutes with the mentor is logged.",
        meeting.minutes,
        number=meeting.number,
    )


_NEEDED: Mapping[type, str] = {
    ByPerson: N_("somebody says so"),
    ByMentorAssigned: N_("a mentor is found"),
    ByMessageSent: N_("the message is sent"),
    BySurveyAnswered: N_("the questions are answered"),
}


def _needed(condition: Any) -> str:
    """One of several conditions, as it stands in a list."""
    if not isinstance(condition, ByMeetingHeld):
        return _(_NEEDED[type(condition)])
    if condition.minutes <= 1:
        return _("meeting number %(number)s with the mentor is logged", number=condition.number)
    return ngettext(
        "meeting number %(number)s of at least %(num)s minute with the mentor is logged",
        "meeting number %(number)s of at least %(num)s minutes with the mentor is logged",
        condition.minutes,
        number=condition.number,
    )


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a survey."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class SurveyForm:
    """A survey to answer. `comment` asks for free text, empty where none is asked; `low` and `high` say what 1 and 5 mean."""

    id: str
    milestone_id: str
    title: str
    questions: Sequence[Question]
    comment: str
    low: str
    high: str


def surveys_to_answer(journey: Journey, programme: Programme, today: date) -> list[SurveyForm]:
    """The surveys whose milestone is due and which the hire has not answered."""
    if not journey.live:
        return []
    forms = []
    for state in journey.milestones.values():
        planned = programme.by_id.get(state.id)
        asked = surveys_in(planned.completed_by) if planned and state.due <= today and not state.settled else []
        forms += [survey_form(programme, survey, milestone_id=state.id) for survey in asked if survey not in journey.surveys]
    return forms


@dataclass(frozen=True, slots=True)
class Comment:
    """What a person wrote in answer to a survey."""

    title: str
    when: str
    text: str


def comments_of(written: Sequence[Mapping[str, Any]], programme: Programme, today: date) -> list[Comment]:
    """The free text of a person's surveys (as `store.survey_comments` gives it), the latest first."""
    return [
        Comment(survey_title(programme, each["survey_id"]), day(each["at"].date(), today), each["text"])
        for each in reversed(written)
    ]


def survey_title(programme: Programme, id: str) -> str:
    """A survey's title; its id in words where the programme does not have it."""
    survey = programme.surveys.get(id)
    return in_page_language(survey.title) if survey else humane(id)


def survey_form(programme: Programme, id: str, milestone_id: str = "") -> SurveyForm:
    """A survey of the programme in the language of the page."""
    survey = programme.surveys[id]
    return SurveyForm(
        id=id,
        milestone_id=milestone_id,
        title=in_page_language(survey.title),
        questions=[Question(name, in_page_language(texts)) for name, texts in survey.questions.items()],
        comment=in_page_language(survey.comment),
        low=in_page_language(survey.low) or _("Not at all"),
        high=in_page_language(survey.high) or _("Very much"),
    )
