"""What people report of a journey: something is done, a meeting was held, a survey is answered. Pure.

While a journey is paused, what happened may still be reported.
"""

from datetime import date

from services.onboarding.conditions import AllOf, ByPerson, takes_a_word
from services.onboarding.deciding.case import Case, Facts, milestone_of, require_live
from services.onboarding.journey import Journey, MilestoneState, local_day
from services.onboarding.milestones import asked_from, completed
from shared.events.onboarding import MeetingHeld, MilestoneConfirmed, SurveyAnswered
from shared.refusals import conflict, invalid, not_found


def complete_milestone_on_a_persons_word(case: Case) -> Facts:
    """Done is done: said again, it changes nothing. One that waits for an event takes nobody's word for it.

    Of one that needs a word and more, the word is kept until the rest is there.
    """
    milestone = _reported(case)
    planned = case.programme.by_id.get(milestone.id)
    condition = planned.completed_by if planned else ByPerson()
    if not takes_a_word(condition):
        raise conflict(
            "milestone '%(id)s' is completed by an event (%(event)s), not by hand; report that, or waive it",
            "completed_by_event",
            id=milestone.id,
            event=condition.event,
        )
    if milestone.status == "done" or milestone.said_at is not None:
        return []
    if isinstance(condition, AllOf):
        by = case.data.completed_by
        return [MilestoneConfirmed(employee_id=case.journey.employee_id, milestone_id=milestone.id, confirmed_by=by)]
    return [completed(case.journey, milestone.id, case.now, case.data.completed_by, condition.event)]


def hold_meeting_on_report(case: Case) -> Facts:
    """Mentor and hire met, on a day that can have been: not in the future, not before the journey."""
    journey, said = case.journey, case.data
    require_live(journey)
    if not journey.had_mentor:
        raise conflict("this person has had no mentor yet; a meeting is logged with a mentor", "no_mentor")
    if any(meeting.id == said.meeting_id for meeting in journey.meetings):
        return []
    today = local_day(case.now, case.person.time_zone)
    if said.held_on > today:
        raise invalid("held_on: lies in the future; log a meeting once it was held", "future_meeting", "held_on")
    earliest = _earliest_meeting(journey)
    if earliest is not None and said.held_on < earliest:
        raise invalid(
            "held_on: lies before this journey began (%(earliest)s); check the year",
            "meeting_too_early",
            "held_on",
            earliest=earliest,
        )
    return [
        MeetingHeld(
            employee_id=journey.employee_id,
            meeting_id=said.meeting_id,
            mentor_id=journey.mentor_id,
            held_on=said.held_on,
            minutes=said.minutes,
            reported_by=said.reported_by,
        )
    ]


def _earliest_meeting(journey: Journey) -> date | None:
    # A journey made from late data may have begun before anybody told us: then the start date counts.
    days = [journey.start_date, journey.started_at.date() if journey.started_at else None]
    return min((day for day in days if day is not None), default=None)


def answer_survey_on_reply(case: Case) -> Facts:
    """Every question rated once; a survey is answered once, and not before its day: nobody knows their first week on day one."""
    journey, said = case.journey, case.data
    require_live(journey)
    survey = case.programme.surveys.get(said.survey_id)
    if survey is None:
        known = ", ".join(case.programme.surveys) or "none"
        raise not_found(
            "this journey has no survey '%(id)s'; its surveys are: %(known)s", "unknown_survey", id=said.survey_id, known=known
        )
    if said.survey_id in journey.surveys:
        if journey.surveys[said.survey_id].ratings == said.ratings:
            return []
        raise conflict("survey '%(id)s' is answered already; an answer can't be changed", "already_answered", id=said.survey_id)
    opens = asked_from(journey, case.programme, said.survey_id)
    if opens is not None and case.today < opens:
        raise conflict(
            "survey '%(id)s' is asked from %(day)s on; answer it then", "survey_not_open", id=said.survey_id, day=opens
        )
    wrong = sorted(said.ratings.keys() ^ survey.questions.keys())
    if wrong:
        fault = "is not rated" if wrong[0] in survey.questions else "is not a question of this survey"
        raise invalid(f"ratings.{wrong[0]}: {fault}; rate {', '.join(survey.questions)}", "wrong_questions", "ratings")
    return [
        SurveyAnswered(
            employee_id=journey.employee_id, survey_id=said.survey_id, mentor_id=journey.mentor_id, ratings=said.ratings
        )
    ]


def _reported(case: Case) -> MilestoneState:
    require_live(case.journey)
    return milestone_of(case.journey, case.data.milestone_id)
