"""Reading the mail sink's Maildir: what a person sees of a message."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

ID = re.compile(r"[\w.=-]{1,200}")  # a Maildir name without its flags; nothing that leads out of the folder
SHOWN_HEADERS = (
    "From",
    "To",
    "Reply-To",
    "Subject",
    "Date",
    "Message-ID",
    "List-Unsubscribe",
    "Auto-Submitted",
    "Content-Language",
)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is neither the text nor the HTML; `number` counts the message's parts from 0."""

    number: int
    name: str
    kind: str
    size: int


@dataclass(frozen=True, slots=True)
class Mail:
    """One message of the sink. `html` and `text` are None where it has no such part."""

    id: str
    kept_at: datetime
    recipient: str
    subject: str
    headers: list[tuple[str, str]]
    text: str | None
    html: str | None
    attachments: list[Attachment]


def newest(folder: Path, limit: int, recipient: str = "") -> list[Mail]:
    """The newest messages, newest first; `recipient` narrows to addresses that contain it."""
    found = []
    for path in sorted(_files(folder), key=_kept_at, reverse=True):
        mail = _read(path)
        if recipient.lower() in mail.recipient.lower():
            found.append(mail)
        if len(found) == limit:
            break
    return found


def find(folder: Path, id: str) -> Mail | None:
    """The message with this id, or None."""
    path = _find(folder, id)
    return _read(path) if path else None


def part(folder: Path, id: str, number: int) -> tuple[str, bytes] | None:
    """File name and content of one part, or None."""
    path = _find(folder, id)
    parts = list(_parse(path).walk()) if path else []
    if not 0 <= number < len(parts):
        return None
    content = parts[number].get_payload(decode=True)
    return parts[number].get_filename() or f"part-{number}", content if isinstance(content, bytes) else b""


def _files(folder: Path) -> Iterator[Path]:
    for place in ("new", "cur"):
        if (folder / place).is_dir():
            yield from (path for path in (folder / place).iterdir() if path.is_file())


def _find(folder: Path, id: str) -> Path | None:
    if not ID.fullmatch(id):
        return None
    return next((path for path in _files(folder) if _id(path) == id), None)


def _id(path: Path) -> str:
    return path.name.partition(":")[0]


def _kept_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # replaced at this moment
        return 0.0


def _parse(path: Path) -> EmailMessage:
    message: Message = BytesParser(policy=default).parsebytes(path.read_bytes())
    assert isinstance(message, EmailMessage)
    return message


def _read(path: Path) -> Mail:
    message = _parse(path)
    html, text = message.get_body(("html",)), message.get_body(("plain",))
    attachments = [
        Attachment(
            number,
            part.get_filename() or part.get_content_type(),
            part.get_content_type(),
            len(part.get_payload(decode=True) or b""),
        )
        for number, part in enumerate(message.walk())
        if not part.is_multipart() and part is not html and part is not text
    ]
    return Mail(
        id=_id(path),
        kept_at=datetime.fromtimestamp(_kept_at(path), UTC),
        recipient=str(message.get("Delivered-To", message.get("To", ""))),
        subject=str(message.get("Subject", "")) or "(no subject)",
        headers=[(name, str(message[name])) for name in SHOWN_HEADERS if message[name] is not None],
        text=_content(text),
        html=_with_pictures(_content(html), message),
        attachments=attachments,
    )


def _with_pictures(html: str | None, message: EmailMessage) -> str | None:
    """The HTML with the pictures that came along in it, as a mail program shows them (RFC 2392)."""
    for part in message.walk() if html else ():
        cid, content = (part.get("Content-ID") or "").strip("<> "), part.get_payload(decode=True)
        if html and cid and part.get_content_maintype() == "image" and isinstance(content, bytes):
            picture = f"data:{part.get_content_type()};base64,{base64.b64encode(content).decode()}"
            html = html.replace(f"cid:{cid}", picture)
    return html


def _content(part: Message | None) -> str | None:
    if part is None:
        return None
    try:
        return str(part.get_content())  # type: ignore[attr-defined]
    except (LookupError, KeyError):  # a character set that does not exist
        raw = part.get_payload(decode=True)
        return raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
