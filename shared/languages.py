"""Which languages a reader asks for, and how a text is marked for translation."""


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it, which extraction looks for
    """Marks a text for translation where no page is being made yet."""
    return text


def accepted(header: str) -> list[tuple[str, float]]:
    """The tags of an `Accept-Language` header with their weights, best first (RFC 9110, 12.5.4); the unreadable are left out."""
    weighed = []
    for place, part in enumerate(header.split(",")):
        tag, _, weight = part.strip().partition(";q=")
        try:
            weighed.append((-float(weight or 1), place, tag.strip()))
        except ValueError:
            continue
    return [(tag, -weight) for weight, _, tag in sorted(weighed) if tag]
