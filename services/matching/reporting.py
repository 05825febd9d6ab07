"""Who reports to whom, in memory: a hire's managers and reports in microseconds instead of a walk through the database."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from shared.directory import CHAIN_LIMIT


class Reporting:
    """The reporting lines of everybody, and of one attempt on top of them that may come to nothing."""

    def __init__(self, manager_of: Mapping[str, str | None]) -> None:
        self._manager: dict[str, str] = {}
        self._reports: defaultdict[str, set[str]] = defaultdict(set)
        self._tried: dict[str, str | None] = {}
        self._tried_reports: defaultdict[str, set[str]] = defaultdict(set)
        for id, manager in manager_of.items():
            self._set(id, manager)

    def manager(self, id: str) -> str | None:
        """Whom a person reports to, or None."""
        return self._tried[id] if id in self._tried else self._manager.get(id)

    def managers(self, id: str) -> tuple[str, ...]:
        """Everybody above a person, nearest first. A loop in the data ends the chain; nobody manages themselves."""
        found: dict[str, None] = {}
        current = self.manager(id)
        while current is not None and current not in found and current != id and len(found) < CHAIN_LIMIT:
            found[current] = None
            current = self.manager(current)
        return tuple(found)

    def reports(self, id: str) -> frozenset[str]:
        """Everybody below a person, without the person."""
        found: set[str] = set()
        level = {id}
        for _ in range(CHAIN_LIMIT):
            level = {report for manager in level for report in self._direct(manager)} - found - {id}
            if not level:
                break
            found |= level
        return frozenset(found)

    def attempt(self, id: str, manager: str | None) -> bool:
        """Take a person to report to `manager` until `keep` or `drop`; says whether that changes anything."""
        former = self.manager(id)
        if former == manager:
            return False
        if former is not None:
            self._tried_reports[former].discard(id)
        if manager is not None:
            self._tried_reports[manager].add(id)
        self._tried[id] = manager
        return True

    def keep(self) -> None:
        """What was attempted is committed."""
        for id, manager in self._tried.items():
            self._set(id, manager)
        self.drop()

    def drop(self) -> None:
        """What was attempted came to nothing."""
        self._tried = {}
        self._tried_reports.clear()

    def _direct(self, manager: str) -> Iterable[str]:
        yield from self._tried_reports.get(manager, ())
        for report in self._reports.get(manager, ()):
            if report not in self._tried:
                yield report

    def _set(self, id: str, manager: str | None) -> None:
        former = self._manager.pop(id, None)
        if former is not None:
            self._reports[former].discard(id)
        if manager is not None:
            self._manager[id] = manager
            self._reports[manager].add(id)
