"""The coordinator's pages of matching: where they are, what they are called, and what they say when something is done."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from fastapi import Form
from fastapi import Path as InPath
from fastapi.responses import RedirectResponse

from shared.events.hr import EmployeeId
from shared.pages import local_path, templates

OVERVIEW, WAITLIST, MENTORS = "/coordinator", "/coordinator/waitlist", "/coordinator/mentors"
PROPOSALS, BETTER = "/coordinator/proposals", "/coordinator/better"
FORECAST, WHAT_IF, FAIRNESS = "/coordinator/forecast", "/coordinator/what-if", "/coordinator/fairness"
WHY = "/matching/why"
ON_A_PAGE = 25

SECTIONS: list[tuple[str, str]] = [
    (OVERVIEW, "Overview"),
    (WAITLIST, "Waitlist"),
    (PROPOSALS, "Proposals"),
    (BETTER, "Better pairs"),
    (MENTORS, "Mentors"),
    (FORECAST, "Forecast"),
    (WHAT_IF, "What if"),
    (FAIRNESS, "Fairness"),
]
"""The menu within matching, in the order of how often a coordinator needs each."""

NOTICES: Mapping[str, str] = {
    "assigned": "Assigned. Hire and mentor are being told.",
    "places": "Places changed. Whoever waits is looked at again within seconds.",
    "paused": "Paused. Their mentees are being matched again.",
    "active": "Active. Whoever waits is looked at again within seconds.",
    "withdrawn": "Withdrawn. Their mentees are being matched again.",
    "enrolled": "Enrolled. Whoever waits is looked at again within seconds.",
    "nominated": "Nominated. They get mentees once they are trained or accepted.",
    "trained": "Training noted. Whoever waits is looked at again within seconds.",
    "leave": "Leave noted. They get nobody new who starts before they are back.",
    "back": "Back from leave. Whoever waits is looked at again within seconds.",
    "approved": "Approved. Hire and mentor are being told.",
    "all_approved": "Approved. Hires and mentors are being told.",
    "rejected": "Turned down. Another proposal follows within seconds, or a place on the waitlist.",
    "looked": "Looked at anew. What was open before is replaced by what is below.",
    "moved": "Taken. Everybody in it is being told.",
    "dismissed": "Left as it is.",
    "stale": "Nothing was taken: something has changed meanwhile. Look now to see what would fit better today.",
    "pinned": "Pinned. Nothing moves this pair but what makes it impossible.",
    "unpinned": "No longer pinned.",
    "change": "Asked for. Another mentor is found within seconds, and these two are not paired again.",
    "excluded": "Noted. These two are not paired.",
}
"""What a page says after a form did its work, by what was done."""

Employee = Annotated[EmployeeId, InPath()]
Back = Annotated[str, Form(max_length=500)]

PAGES = templates(Path(__file__).parent.parent / "templates")
PAGES.environment.globals["sections"] = SECTIONS


def notice(done: str) -> str | None:
    """What to say about what was done; nothing for a word that nobody uses."""
    return NOTICES.get(done)


def back_to(path: str, done: str, otherwise: str = MENTORS) -> RedirectResponse:
    """Send the browser on to a page of ours, which then says what was done."""
    target = local_path(path, otherwise)
    return RedirectResponse(f"{target}{'&' if '?' in target else '?'}done={done}", status_code=303)
