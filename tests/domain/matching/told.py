"""What somebody knows who hears every fact about one hire: the check that each effect is told once and in order."""

from dataclasses import dataclass
from typing import Any

from shared.events.mentoring import HireUnlisted, HireWaitlisted, MentorAssigned, MentorReleased


@dataclass
class Told:
    """Each fact must follow from the last, and tell something new."""

    mentor_id: str | None = None
    waits: bool = False

    def hear(self, fact: Any) -> None:
        """Take in a fact about the hire; others (about the same person as a mentor) pass by."""
        if isinstance(fact, MentorAssigned):
            assert fact.previous_mentor_id == self.mentor_id != fact.mentor_id
            self.mentor_id, self.waits = fact.mentor_id, False
        elif isinstance(fact, MentorReleased):
            assert fact.mentor_id == self.mentor_id
            self.mentor_id = None
        elif isinstance(fact, HireWaitlisted):
            assert (self.mentor_id, self.waits) == (None, False)
            self.waits = True
        elif isinstance(fact, HireUnlisted):
            assert self.waits
            self.waits = False
