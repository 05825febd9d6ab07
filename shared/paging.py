"""Listings page by page: what a page holds, and the cursor to the next."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from shared.refusals import invalid

PAGE_DEFAULT = 50
PAGE_LIMIT = 200  # a page of more is slow to read for people and no faster for machines

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """One page of a listing; `next` is the cursor of the following page, or null at the end."""

    items: list[T]
    next: str | None = None


def encode_cursor(values: Sequence[Any]) -> str:
    """An opaque cursor of the sort key's JSON values of the last item."""
    return base64.urlsafe_b64encode(json.dumps(list(values)).encode()).decode().rstrip("=")


def decode_cursor(cursor: str | None, length: int) -> list[Any] | None:
    """The sort key in a cursor of ours. Raises `Refused` 422 for anything else."""
    if cursor is None:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        values = None
    if not isinstance(values, list) or len(values) != length or not all(_can_be_a_key(value) for value in values):
        raise invalid("cursor is not one that this listing gave; start again without it", "invalid_cursor", "cursor")
    return values


def _can_be_a_key(value: object) -> bool:
    """Whether the database can compare with it: short text of whole characters, or a number of 64 bits."""
    if isinstance(value, str):
        return "\0" not in value and value.encode(errors="ignore").decode() == value
    return isinstance(value, (int, float)) and abs(value) < 2**63
