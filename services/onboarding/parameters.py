"""What requests to onboarding carry alike, whatever they ask for."""

from typing import Annotated

from fastapi import Header, Path, Request
from pydantic import BaseModel, ConfigDict

from shared.events.hr import EmployeeId
from shared.languages import accepted

AcceptLanguage = Annotated[str, Header(max_length=200, description="Languages of titles, best first; English otherwise.")]
Employee = Annotated[EmployeeId, Path(description="The hire's employee id.")]
Id = Annotated[str, Path(max_length=64, pattern=r"^[a-z0-9_]+$")]


class Said(BaseModel):
    """A body in which unknown fields are refused: a typing error must not be taken for silence."""

    model_config = ConfigDict(extra="forbid")


async def fields_of(request: Request) -> dict[str, str]:
    """The fields of a form whose names depend on what it asks. Raises `HTTPException` 400 for one that no page of ours sends."""
    async with request.form(max_files=0, max_fields=50) as form:
        return {name: str(value) for name, value in form.items()}


def languages(accept_language: str) -> list[str]:
    """The tags of an Accept-Language header (RFC 9110), best first."""
    return [tag for tag, _ in accepted(accept_language)]
