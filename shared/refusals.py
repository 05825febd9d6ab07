"""Refusals: what can't be carried out, said so that people and machines can act on it. `shared.problems` answers them."""

from http import HTTPStatus
from typing import Any


class Refused(Exception):
    """A request or command that can't be carried out, with what was wrong, where, and what to do.

    `status` is the HTTP status, `code` a stable word for machines, `field` the field at fault. `detail` holds no personal value.
    """

    def __init__(self, status: int, code: str, detail: str, *, title: str | None = None, field: str | None = None) -> None:
        super().__init__(f"{code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.title = title or HTTPStatus(status).phrase
        self.field = field

    def problem(self) -> dict[str, Any]:
        """The body of the answer."""
        body = {"type": "about:blank", "title": self.title, "status": self.status, "code": self.code, "detail": self.detail}
        return body | ({"field": self.field} if self.field else {})


def not_found(detail: str, code: str = "not_found") -> Refused:
    """404: what was asked for does not exist."""
    return Refused(404, code, detail)


def forbidden(detail: str, code: str = "forbidden") -> Refused:
    """403: it may exist, but not for this viewer."""
    return Refused(403, code, detail)


def conflict(detail: str, code: str = "conflict") -> Refused:
    """409: what is asked does not fit the present state."""
    return Refused(409, code, detail)


def invalid(detail: str, code: str = "invalid", field: str | None = None) -> Refused:
    """422: the request is understood and wrong."""
    return Refused(422, code, detail, field=field)
