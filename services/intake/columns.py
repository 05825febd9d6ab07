"""The columns of a table of people: how they are recognised, and what their cells mean."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from shared.events.hr import EmployeeHired, EmployeeSnapshot, is_forbidden_field, snake_case
from shared.events.mentoring import MentorEnrolled

Kind = Literal["hire", "employee", "mentor"]
KIND = "kind"
LISTS = frozenset({"languages", "skills", "interests", "values", "traits"})
BOOLEANS = frozenset({"trained"})
NUMBERS = frozenset({"capacity"})
PROFILE_FIELDS = frozenset(EmployeeHired.model_fields) - {"language_levels"}  # a cell says `fr-B2` among the languages
MENTOR_FIELDS = frozenset(MentorEnrolled.model_fields) - {"mentor_id"}
FIELDS = PROFILE_FIELDS | MENTOR_FIELDS | {KIND}

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        alias: name
        for name, aliases in {
            "employee_id": "id person_id worker_id user_id staff_id mentor_id",
            "employee_number": "number personnel_number staff_number",
            "given_name": "first_name forename name_given_name",
            "family_name": "last_name surname name_family_name",
            "display_name": "name full_name preferred_name",
            "work_email": "email e_mail mail work_mail email_address business_email",
            "personal_email": "private_email personal_mail home_email",
            "title": "job_title position role",
            "job_level": "level grade career_level seniority",
            "role_family": "job_family",
            "location": "office site city",
            "time_zone": "timezone tz",
            "languages": "language spoken_languages",
            "manager_id": "manager supervisor_id reports_to reports_to_id line_manager",
            "start_date": "hire_date first_day start starts_on joining_date",
            "employment_type": "contract_type contract",
            "work_arrangement": "work_mode work_model workplace",
            "capacity": "places mentees max_mentees",
            "trained": "mentor_trained",
            "endorsed_by": "nominated_by endorser",
            "kind": "record_type row_type",
        }.items()
        for alias in aliases.split()
    }
)
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "hire": "hire",
        "hires": "hire",
        "new_hire": "hire",
        "hired": "hire",
        "employee": "employee",
        "employees": "employee",
        "existing": "employee",
        "mentor": "mentor",
        "mentors": "mentor",
    }
)


class ColumnFault(ValueError):
    """A header that makes the whole table unusable; `column` is the header as it is spelled."""

    def __init__(self, code: str, detail: str, column: str | None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.column = column


@dataclass(frozen=True, slots=True)
class Columns:
    """A recognised header. `fields[i]` is the field of column i, or None where it is ignored."""

    headers: tuple[str, ...]
    fields: tuple[str | None, ...]

    @property
    def ignored(self) -> list[str]:
        """The headers that mean nothing here."""
        return [header for header, field in zip(self.headers, self.fields, strict=True) if field is None and header]

    def header_of(self, field: str | None) -> str | None:
        """How the table spells a field (`languages.0` counts as `languages`)."""
        name = (field or "").split(".", maxsplit=1)[0]
        return self.headers[self.fields.index(name)] if name in self.fields else None


def read_header(headers: Sequence[str]) -> Columns:
    """Recognise a header. Raises `ColumnFault`: `forbidden_field`, `duplicate_column`, `missing_column`."""
    spelled = tuple(header.strip() for header in headers)
    fields: list[str | None] = []
    for header in spelled:
        if is_forbidden_field(header):
            raise ColumnFault(
                "forbidden_field", f"column '{header}' is personal data that Firstmate refuses; remove the column", header
            )
        name = re.sub(r"[^a-z0-9_]", "", snake_case(header))
        name = ALIASES.get(name, name)
        if name in FIELDS and name in fields:
            raise ColumnFault("duplicate_column", f"column '{header}' means '{name}', which stands there already", header)
        fields.append(name if name in FIELDS else None)
    if "employee_id" not in fields:
        raise ColumnFault("missing_column", "no column 'employee_id'; the first line must name the columns", None)
    return Columns(spelled, tuple(fields))


def infer_kind(columns: Columns) -> Kind:
    """What the rows of a table without a `kind` column are. Places or traits make mentors, a start date makes hires."""
    if any(field in MENTOR_FIELDS for field in columns.fields):
        return "mentor"
    return "hire" if "start_date" in columns.fields else "employee"


def cell_value(field: str, cell: str) -> Any:
    """A cell as JSON: lists split at `;`, `,` or `|`, yes and no as booleans. What can't be read stays text, to be refused."""
    if field in LISTS:
        return [part.strip() for part in re.split(r"[;,|]", cell) if part.strip()]
    if field in BOOLEANS:
        return {"yes": True, "true": True, "1": True, "y": True, "no": False, "false": False, "0": False, "n": False}.get(
            cell.lower(), cell
        )
    if field in NUMBERS:
        return int(cell) if re.fullmatch(r"[0-9]{1,6}", cell) else cell
    if field in ("work_arrangement", KIND):
        return cell.lower()
    return cell


def payload_models(kind: Kind) -> tuple[type[Any], ...]:
    """The events a row of this kind becomes, in order."""
    return {"hire": (EmployeeHired,), "employee": (EmployeeSnapshot,), "mentor": (EmployeeSnapshot, MentorEnrolled)}[kind]
