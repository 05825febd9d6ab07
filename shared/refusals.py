"""Refusals: what can't be carried out, said so that people and machines can act on it. `shared.problems` answers them."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Of these, one is enough: texts that a page translates each, in English `a, b or c`."""

    texts: tuple[str, ...]

    def __str__(self) -> str:
        return " or ".join(filter(None, [", ".join(self.texts[:-1]), self.texts[-1]]))


class Refused(Exception):
    """A request or command that can't be carried out, with what was wrong, where, and what to do.

    `status` is the HTTP status, `code` a stable word for machines, `field` the field at fault. `detail` holds no personal value.
    It is `text` with its `%(name)s` filled from `values`, in English: pages say the text in their own language.
    """

    def __init__(
        self, status: int, code: str, text: str, *, title: str | None = None, field: str | None = None, **values: Any
    ) -> None:
        self.status = status
        self.code = code
        self.text = text
        self.values = values
        self.detail = text % values if values else text
        super().__init__(f"{code}: {self.detail}")
        self.title = title or HTTPStatus(status).phrase
        self.field = field

    def problem(self) -> dict[str, Any]:
        """The body of the answer."""
        body = {"type": "about:blank", "title": self.title, "status": self.status, "code": self.code, "detail": self.detail}
        return body | ({"field": self.field} if self.field else {})


def not_found(text: str, code: str = "not_found", **values: Any) -> Refused:
    """404: what was asked for does not exist."""
    return Refused(404, code, text, **values)


def forbidden(text: str, code: str = "forbidden", **values: Any) -> Refused:
    """403: it may exist, but not for this viewer."""
    return Refused(403, code, text, **values)


def conflict(text: str, code: str = "conflict", **values: Any) -> Refused:
    """409: what is asked does not fit the present state."""
    return Refused(409, code, text, **values)


def invalid(text: str, code: str = "invalid", field: str | None = None, **values: Any) -> Refused:
    """422: the request is understood and wrong."""
    return Refused(422, code, text, field=field, **values)
