"""Which chat services a company has: a YAML file that maps a channel's name to what Apprise needs to reach somebody there.

    ntfy:
      title: ntfy
      url: ntfys://ntfy.acme.example/{handle}
      handle: your topic
    slack:
      url: slack://${SLACK_TOKEN}/@{handle}

`{handle}` is what a person gives of themselves, `${NAME}` a secret from the environment. The guide
`docs/guides/write-by-chat.md` shows more.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from services.notifications.correspondence import EMAIL
from shared.events import describe

HANDLE = "{handle}"
NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
SECRET = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
PLAIN = r"[A-Za-z0-9._+-]{1,80}"
"""Handles of most services."""
SEPARATORS = re.compile(r"[\s,;/?#%&]")
"""What Apprise ends a receiver at, quoted or not: no pattern lets it through, as others might follow."""


class ChatService(BaseModel):
    """One service. `url` is Apprise's with `{handle}` once; `handle` tells people what to give, `pattern` what may be given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(repr=False)
    title: str = ""
    handle: str = ""
    pattern: str = PLAIN

    @field_validator("url")
    @classmethod
    def _has_one_handle(cls, url: str) -> str:
        if url.count(HANDLE) != 1 or "://" not in url.partition(HANDLE)[0]:
            raise ValueError("must hold {handle} once, behind its scheme, such as ntfys://ntfy.acme.example/{handle}")
        return url

    @field_validator("pattern")
    @classmethod
    def _is_pattern(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        return pattern

    def takes(self, handle: str) -> bool:
        """Whether this may be somebody's handle here."""
        return not SEPARATORS.search(handle) and handle.isprintable() and re.fullmatch(self.pattern, handle) is not None

    def target(self, handle: str) -> str:
        """Apprise's address of one person."""
        return self.url.replace(HANDLE, quote(handle, safe=""))


ChatServices = Mapping[str, ChatService]
_READER = TypeAdapter(dict[str, ChatService])


def chat_services(file: Path | None, environment: Mapping[str, str]) -> ChatServices:
    """The services by the name of their channel; none without a file. Raises ValueError naming what is wrong and where."""
    if file is None:
        return {}
    try:
        found = _READER.validate_python(_with_secrets(yaml.safe_load(file.read_text()) or {}, environment))
    except OSError as error:
        raise ValueError(f"{file} can't be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{file} is no YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        faults = "; ".join(f"{fault.detail}" for fault in describe(error))
        raise ValueError(f"{file}: {faults}") from None
    except KeyError as error:
        raise ValueError(f"{file} names ${{{error.args[0]}}}, which the environment does not hold") from None
    if wrong := [name for name in found if not NAME.fullmatch(name) or name == EMAIL]:
        raise ValueError(f"{file}: {wrong[0]!r} can't be a channel's name; take small letters, digits, - and _, but not {EMAIL}")
    return {name: each.model_copy(update={"title": each.title or name.capitalize()}) for name, each in found.items()}


def _with_secrets(held: Any, environment: Mapping[str, str]) -> Any:
    """With `${NAME}` replaced in every address. Raises KeyError for one that the environment lacks."""
    if not isinstance(held, dict):
        return held
    return {
        key: SECRET.sub(lambda match: environment[match[1]], value)
        if key == "url" and isinstance(value, str)
        else _with_secrets(value, environment)
        for key, value in held.items()
    }
