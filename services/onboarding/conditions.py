"""What completes a milestone: a person's word, a fact, the calendar, or several of these together. Pure."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, StringConstraints, Tag

from shared.events.notifications import RecipientRole
from shared.events.onboarding import Minutes

MAX_MEETINGS = 100  # of one journey; nobody meets twice a week for a year and logs it

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]


def listed(value: object) -> object:
    """Accept one value where a list is meant: `department: Sales`."""
    return value if isinstance(value, list) else [value]


class Part(BaseModel):
    """A piece of a programme: unknown fields are refused, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)  # for the published schema


class ByPerson(Part):
    """Completed by someone's word."""

    event: Literal["person"] = "person"


class ByMentorAssigned(Part):
    """Completed when the hire has a mentor."""

    event: Literal["mentor_assigned"]


class ByMessageSent(Part):
    """Completed when the channel accepted a message made from `template` for this recipient."""

    event: Literal["message_sent"]
    template: Slug
    """The message's template."""
    recipient: RecipientRole = "hire"
    """Who gets it."""


class ByMeetingHeld(Part):
    """Completed by the `number`-th meeting of mentor and hire that took at least `minutes`."""

    event: Literal["meeting_held"]
    number: Annotated[int, Field(ge=1, le=MAX_MEETINGS)] = 1
    """Which meeting of the journey: 1 is the first. Of a repeated milestone each waits for the next one."""
    minutes: Minutes = 1
    """How long it must have taken; shorter ones don't count."""


class BySurveyAnswered(Part):
    """Completed when the hire answered this survey of the programme."""

    event: Literal["survey_answered"]
    survey: Slug
    """One of those under `surveys`."""


class ByStillEmployed(Part):
    """Completed by the calendar: the due day is over and the person has not left."""

    event: Literal["still_employed"]


def _spelled_out(value: object) -> object:
    if isinstance(value, str):
        return {"event": value}
    if isinstance(value, dict) and "all" in value and "event" not in value:
        return {"event": "all"} | value
    return value


def _kind_of(value: Any) -> Any:
    return value.get("event", "person" if not value else None) if isinstance(value, dict) else getattr(value, "event", None)


PLAIN_EVENTS = ("person", "mentor_assigned")  # those that need no details, so that their name alone says it all
OneFact = Annotated[
    Annotated[ByPerson, Tag("person")]
    | Annotated[ByMentorAssigned, Tag("mentor_assigned")]
    | Annotated[ByMessageSent, Tag("message_sent")]
    | Annotated[ByMeetingHeld, Tag("meeting_held")]
    | Annotated[BySurveyAnswered, Tag("survey_answered")],
    Discriminator(_kind_of),
]
_InAll = Annotated[
    OneFact,
    BeforeValidator(_spelled_out, json_schema_input_type=OneFact | Literal["person", "mentor_assigned"]),
]


def _all_different(conditions: list[OneFact]) -> list[OneFact]:
    for index, condition in enumerate(conditions):
        if condition in conditions[:index]:
            raise ValueError(f"'{condition.event}' stands here twice with the same details; keep one")
    return conditions


class AllOf(Part):
    """Completed when all of these are met, in any order."""

    event: Literal["all"] = "all"
    all: Annotated[list[_InAll], Field(min_length=2, max_length=10), AfterValidator(_all_different)]


_Any = Annotated[
    Annotated[ByPerson, Tag("person")]
    | Annotated[ByMentorAssigned, Tag("mentor_assigned")]
    | Annotated[ByMessageSent, Tag("message_sent")]
    | Annotated[ByMeetingHeld, Tag("meeting_held")]
    | Annotated[BySurveyAnswered, Tag("survey_answered")]
    | Annotated[ByStillEmployed, Tag("still_employed")]
    | Annotated[AllOf, Tag("all")],
    Discriminator(_kind_of),
]
CompletedBy = Annotated[
    _Any,
    BeforeValidator(_spelled_out, json_schema_input_type=_Any | Literal["person", "mentor_assigned", "still_employed"]),
]
"""As written, the name of an event alone stands for one without details, and `all: [...]` needs no `event`."""


def conditions_in(condition: CompletedBy) -> Sequence[CompletedBy]:
    """The single conditions, each of which must be met."""
    return condition.all if isinstance(condition, AllOf) else [condition]


def takes_a_word(condition: CompletedBy) -> bool:
    """Whether somebody's word is (one of) what it needs."""
    return any(isinstance(each, ByPerson) for each in conditions_in(condition))


def surveys_in(condition: CompletedBy) -> Sequence[str]:
    """The surveys whose answers it needs."""
    return [each.survey for each in conditions_in(condition) if isinstance(each, BySurveyAnswered)]


def meetings_in(condition: CompletedBy) -> Sequence[int]:
    """The numbers of the meetings that it needs."""
    return [each.number for each in conditions_in(condition) if isinstance(each, ByMeetingHeld)]


def fact_key(*parts: str) -> str:
    """How a journey files an outside fact that may complete a milestone: `message_sent:welcome:hire`."""
    return ":".join(parts)


def heard_as(condition: CompletedBy) -> str | None:
    """The key (see `fact_key`) of the outside fact that meets a single condition; None where no outside fact does."""
    if isinstance(condition, ByMessageSent):
        return fact_key("message_sent", condition.template, condition.recipient)
    return fact_key("mentor_assigned") if isinstance(condition, ByMentorAssigned) else None
