"""The coordinator's pages of matching: where they are, what they are called, and how they are rendered."""

from pathlib import Path

from shared.pages import templates

OVERVIEW, WAITLIST, MENTORS = "/coordinator", "/coordinator/waitlist", "/coordinator/mentors"
FORECAST, WHAT_IF, FAIRNESS = "/coordinator/forecast", "/coordinator/what-if", "/coordinator/fairness"

SECTIONS: list[tuple[str, str]] = [
    (WAITLIST, "Waitlist"),
    (MENTORS, "Mentors"),
    (FORECAST, "Forecast"),
    (WHAT_IF, "What if"),
    (FAIRNESS, "Fairness"),
]
"""The menu within matching, in the order of how often a coordinator needs each."""

PAGES = templates(Path(__file__).parent / "templates")
PAGES.environment.globals["sections"] = SECTIONS
