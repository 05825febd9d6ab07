"""The coordinator's pages of matching: where they are, what they are called, and what they say when something is done."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from fastapi import Form
from fastapi import Path as InPath
from fastapi.responses import RedirectResponse

from services.matching import words
from shared.events.hr import EmployeeId
from shared.pages import local_path, templates
from shared.pages.language import N_, current
from shared.pages.language import gettext as _

OVERVIEW, WAITLIST, MENTORS = "/coordinator", "/coordinator/waitlist", "/coordinator/mentors"
PROPOSALS, BETTER = "/coordinator/proposals", "/coordinator/better"
FORECAST, WHAT_IF, FAIRNESS = "/coordinator/forecast", "/coordinator/what-if", "/coordinator/fairness"
WHY, MENTORING = "/matching/why", "/mentoring"
ON_A_PAGE = 25

SECTIONS: list[tuple[str, str]] = [
    (OVERVIEW, N_("Overview")),
    (WAITLIST, N_("Waitlist")),
    (PROPOSALS, N_("Proposals")),
    (BETTER, N_("Better pairs")),
    (MENTORS, N_("Mentors")),
    (FORECAST, N_("Forecast")),
    (WHAT_IF, N_("What if")),
    (FAIRNESS, N_("Fairness")),
]
"""The menu within matching, in the order of how often a coordinator needs each."""

NOTICES: Mapping[str, str] = {
    "assigned": N_("Assigned. Hire and mentor are being told."),
    "places": N_("Places changed. Whoever waits is looked at again within seconds."),
    "paused": N_("Paused. Their mentees are being matched again."),
    "active": N_("Active. Whoever waits is looked at again within seconds."),
    "withdrawn": N_("Withdrawn. Their mentees are being matched again."),
    "enrolled": N_("Enrolled. Whoever waits is looked at again within seconds."),
    "nominated": N_("Nominated. They get mentees once they are trained or accepted."),
    "trained": N_("Training noted. Whoever waits is looked at again within seconds."),
    "leave": N_("Leave noted. They get nobody new who starts before they are back."),
    "back": N_("Back from leave. Whoever waits is looked at again within seconds."),
    "approved": N_("Approved. Hire and mentor are being told."),
    "all_approved": N_("Approved. Hires and mentors are being told."),
    "rejected": N_("Turned down. Another proposal follows within seconds, or a place on the waitlist."),
    "looked": N_("Looked at anew. What was open before is replaced by what is below."),
    "moved": N_("Taken. Everybody in it is being told."),
    "dismissed": N_("Left as it is."),
    "stale": N_("Nothing was taken: something has changed meanwhile. Look now to see what would fit better today."),
    "pinned": N_("Pinned. Nothing moves this pair but what makes it impossible."),
    "unpinned": N_("No longer pinned."),
    "change": N_("Asked for. Another mentor is found within seconds, and these two are not paired again."),
    "excluded": N_("Noted. These two are not paired."),
}
"""What a page says after a form did its work, by what was done."""

Employee = Annotated[EmployeeId, InPath()]
Back = Annotated[str, Form(max_length=500)]

PAGES = templates(Path(__file__).parent.parent / "templates")
PAGES.environment.globals["sections"] = SECTIONS


def spoken() -> str:
    """The language in which this page says why: one of `words.LANGUAGES`."""
    return words.tongue(current().tag)


def notice(done: str) -> str | None:
    """What to say about what was done; nothing for a word that nobody uses."""
    return _(NOTICES[done]) if done in NOTICES else None


def back_to(path: str, done: str, otherwise: str = MENTORS) -> RedirectResponse:
    """Send the browser on to a page of ours, which then says what was done."""
    target = local_path(path, otherwise)
    return RedirectResponse(f"{target}{'&' if '?' in target else '?'}done={done}", status_code=303)
