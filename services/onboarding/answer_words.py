"""What the pages behind a mail's links say, in the languages that mails are written in. Pure."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

from babel.dates import format_date

Language = Literal["en", "de"]
FALLBACK: Language = "en"

WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "one_question": "Hi {name}, just one question.",
        "questions": "Hi {name}, {count} short questions.",
        "comment_hint": "If you like. Only you and coordinators can read it.",
        "send": "Send answer",
        "choose": "Please choose a number for each question. Nothing is lost: what you chose and wrote is still here.",
        "too_long": "Your text is longer than {count} characters. Please shorten it a little; it is still here.",
        "thanks": "Thank you, {name}",
        "answered": "Your answer of {day} is in. It counts once and stays as it is. If something went wrong, ask a coordinator.",
        "did_you_meet": "Did you and {name} meet?",
        "did_you_meet_mentor": "Did you and your mentor meet?",
        "meeting_lead": "However short it was, it counts.",
        "day": "Day",
        "minutes": "Minutes",
        "minutes_hint": "Roughly is fine.",
        "we_met": "Yes, we met",
        "not_a_day": "Please choose the day on which you met.",
        "not_minutes": "Please give the minutes as a number from 1 to 480.",
        "future_meeting": "That day is still to come. Log the meeting once it was held.",
        "meeting_too_early": "That day lies before all this began. Please check it.",
        "noted": "Noted, thank you",
        "met_on": "Your meeting of {day} is logged. It counts once, whichever of you says so.",
        "another": "It was another day",
        "no_mentor": "There is no mentor just now",
        "no_mentor_words": "A meeting is logged with a mentor. You will hear from us as soon as there is one.",
        "altered": "This link does not work",
        "altered_words": "A part of it is missing or was changed on its way. Open it once more from the mail, as a whole. "
        "What is asked of you also stands on your own page.",
        "expired": "This link has run out",
        "expired_words": "It worked until {day}. What is still asked of you stands on your own page.",
        "over": "This is over",
        "over_words": "The link belongs to an onboarding that has ended. There is nothing more to do. Thank you!",
        "other_journey": "This link is an old one",
        "other_journey_words": "It belongs to an earlier onboarding. For the present one, use the link in the latest mail.",
        "not_yours": "This is not yours to report any more",
        "not_yours_words": "You are not the mentor here any more, so there is nothing to report. Thank you for your time!",
        "not_open": "A little early",
        "not_open_words": "You will be asked on {day}. The same link works from then on.",
        "not_asked": "This is not asked any more",
        "not_asked_words": "The plan has changed, and these questions are no longer in it. There is nothing to do.",
        "own_page": "Go to my page",
    },
    "de": {
        "one_question": "Hallo {name}, nur eine Frage.",
        "questions": "Hallo {name}, {count} kurze Fragen.",
        "comment_hint": "Wenn du magst. Das lesen nur du und die Koordination.",
        "send": "Antwort senden",
        "choose": "Wähle bitte bei jeder Frage eine Zahl. Was du gewählt und geschrieben hast, ist noch da.",
        "too_long": "Dein Text ist länger als {count} Zeichen. Kürze ihn bitte ein wenig; er steht noch da.",
        "thanks": "Danke, {name}",
        "answered": "Deine Antwort vom {day} ist da. Sie zählt einmal und bleibt, wie sie ist; ist etwas schiefgegangen, "
        "hilft dir die Koordination.",
        "did_you_meet": "Habt ihr euch getroffen, du und {name}?",
        "did_you_meet_mentor": "Habt ihr euch getroffen, du und deine Begleitung?",
        "meeting_lead": "Auch ein kurzes Treffen zählt.",
        "day": "Tag",
        "minutes": "Minuten",
        "minutes_hint": "Ungefähr genügt.",
        "we_met": "Ja, wir haben uns getroffen",
        "not_a_day": "Wähle bitte den Tag, an dem ihr euch getroffen habt.",
        "not_minutes": "Gib die Minuten bitte als Zahl von 1 bis 480 an.",
        "future_meeting": "Dieser Tag kommt erst noch. Trag das Treffen ein, wenn es stattgefunden hat.",
        "meeting_too_early": "Dieser Tag liegt vor dem Beginn. Sieh bitte noch einmal nach.",
        "noted": "Notiert, danke",
        "met_on": "Euer Treffen vom {day} ist eingetragen. Es zählt einmal, wer von euch beiden es auch meldet.",
        "another": "Es war ein anderer Tag",
        "no_mentor": "Gerade begleitet dich niemand",
        "no_mentor_words": "Ein Treffen trägst du mit deiner Begleitung ein. Sobald jemand gefunden ist, erfährst du es von uns.",
        "altered": "Dieser Link geht nicht",
        "altered_words": "Ein Teil davon fehlt oder wurde unterwegs verändert. Öffne ihn noch einmal ganz aus der Mail. "
        "Was dich erwartet, steht auch auf deiner eigenen Seite.",
        "expired": "Dieser Link ist abgelaufen",
        "expired_words": "Er galt bis zum {day}. Was noch offen ist, steht auf deiner eigenen Seite.",
        "over": "Das ist vorbei",
        "over_words": "Der Link gehört zu einer Einarbeitung, die beendet ist. Du musst nichts mehr tun. Danke!",
        "other_journey": "Dieser Link ist von früher",
        "other_journey_words": "Er gehört zu einer früheren Einarbeitung. Für die jetzige nimm den Link in der neuesten Mail.",
        "not_yours": "Das meldet jetzt jemand anderes",
        "not_yours_words": "Du begleitest hier niemanden mehr, also gibt es nichts zu melden. Danke für deine Zeit!",
        "not_open": "Noch ein wenig früh",
        "not_open_words": "Gefragt wirst du am {day}. Ab dann geht derselbe Link.",
        "not_asked": "Danach fragt niemand mehr",
        "not_asked_words": "Der Plan ist ein anderer, und diese Fragen gehören nicht mehr dazu. Du musst nichts tun.",
        "own_page": "Zu meiner Seite",
    },
}


def language_of(locale: str | None) -> Language:
    """The language of these pages for a reader's locale or language tag (BCP 47); English where we have no other."""
    spoken = (locale or "").replace("_", "-").split("-")[0].lower()
    return next((language for language in WORDS if language == spoken), FALLBACK)


def in_words(language: Language, key: str, **values: object) -> str:
    """One text with its values filled in; days as the language writes them."""
    shown = {name: long_day(value, language) if isinstance(value, date) else value for name, value in values.items()}
    return WORDS[language][key].format(**shown)


def long_day(value: date, language: Language) -> str:
    """`11 January 2027`; `11. Januar 2027`."""
    return format_date(value, "long", locale="en_GB" if language == "en" else language)
