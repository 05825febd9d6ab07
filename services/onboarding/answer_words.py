"""What the pages behind a mail's links say, in the language of the page. Pure."""

from collections.abc import Mapping
from datetime import date

from babel.dates import format_date

from shared.pages.language import N_, current, ngettext
from shared.pages.language import gettext as _

WORDS: Mapping[str, str] = {
    "comment_hint": N_("If you like. Only you and coordinators can read it."),
    "send": N_("Send answer"),
    "choose": N_("Please choose a number for each question. Nothing is lost: what you chose and wrote is still here."),
    "too_long": N_("Your text is longer than %(count)s characters. Please shorten it a little; it is still here."),
    "thanks": N_("Thank you, %(name)s"),
    "answered": N_(
        "Your answer of %(day)s is in. It counts once and stays as it is. If something went wrong, ask a coordinator."
    ),
    "did_you_meet": N_("Did you and %(name)s meet?"),
    "did_you_meet_mentor": N_("Did you and your mentor meet?"),
    "meeting_lead": N_("However short it was, it counts."),
    "day": N_("Day"),
    "minutes": N_("Minutes"),
    "minutes_hint": N_("Roughly is fine."),
    "we_met": N_("Yes, we met"),
    "not_a_day": N_("Please choose the day on which you met."),
    "not_minutes": N_("Please give the minutes as a number from 1 to 480."),
    "future_meeting": N_("That day is still to come. Log the meeting once it was held."),
    "meeting_too_early": N_("That day lies before all this began. Please check it."),
    "noted": N_("Noted, thank you"),
    "met_on": N_("Your meeting of %(day)s is logged. It counts once, whichever of you says so."),
    "another": N_("It was another day"),
    "no_mentor": N_("There is no mentor just now"),
    "no_mentor_words": N_("A meeting is logged with a mentor. You will hear from us as soon as there is one."),
    "altered": N_("This link does not work"),
    "altered_words": N_(
        "A part of it is missing or was changed on its way. Open it once more from the mail, as a whole. What"
        " is asked of you also stands on your own page."
    ),
    "expired": N_("This link has run out"),
    "expired_words": N_("It worked until %(day)s. What is still asked of you stands on your own page."),
    "over": N_("This is over"),
    "over_words": N_("The link belongs to an onboarding that has ended. There is nothing more to do. Thank you!"),
    "other_journey": N_("This link is an old one"),
    "other_journey_words": N_("It belongs to an earlier onboarding. For the present one, use the link in the latest mail."),
    "not_yours": N_("This is not yours to report any more"),
    "not_yours_words": N_("You are not the mentor here any more, so there is nothing to report. Thank you for your time!"),
    "not_open": N_("A little early"),
    "not_open_words": N_("You will be asked on %(day)s. The same link works from then on."),
    "not_asked": N_("This is not asked any more"),
    "not_asked_words": N_("The plan has changed, and these questions are no longer in it. There is nothing to do."),
    "own_page": N_("Go to my page"),
}


def in_words(key: str, **values: object) -> str:
    """One text with its values filled in; days as the language writes them."""
    shown = {name: long_day(value) if isinstance(value, date) else value for name, value in values.items()}
    return _(WORDS[key], **shown)


def greeting(name: str, questions: int) -> str:
    """How a survey begins."""
    return ngettext("Hi %(name)s, just one question.", "Hi %(name)s, %(num)s short questions.", questions, name=name)


def long_day(value: date) -> str:
    """`11 January 2027`; `11. Januar 2027`."""
    return str(format_date(value, "long", locale=current().locale))
