"""How messages look and who they say they are from: name, colours in both themes, logo, the address line at the foot."""

from dataclasses import dataclass

LEAST = 4.5  # WCAG 2.2, success criterion 1.4.3, for text of any size
WHITE, BLACK = "#ffffff", "#000000"
PAPER = "#f5f4f0"  # the darker of the two grounds that the colour stands on in the light theme
CARD_DARK, BUTTON_WORDS_DARK = "#172229", "#0b2226"
SOFT = 0.12  # of the colour in a panel's ground
STEP = 0.05

Channels = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture that goes along with each mail. `kind` is its MIME subtype; `height` is shown, in CSS pixels."""

    content: bytes
    kind: str
    alt: str
    cid: str = "logo@firstmate"
    height: int = 36

    @property
    def src(self) -> str:
        """Where the mail finds it: in itself."""
        return f"cid:{self.cid}"


@dataclass(frozen=True, slots=True)
class Brand:
    """Whose mails these are. Colours are #rrggbb; `mail_from` and `reply_to` are mailboxes, None where the settings say."""

    name: str
    colour: str = "#0d5c68"
    colour_dark: str = "#7fd0d6"
    logo: Logo | None = None
    imprint: tuple[str, ...] = ()
    mail_from: str | None = None
    reply_to: str | None = None

    @property
    def soft(self) -> str:
        """The ground of a panel."""
        return mixed(self.colour, WHITE, SOFT)

    @property
    def soft_dark(self) -> str:
        """The ground of a panel in the dark theme."""
        return mixed(self.colour_dark, CARD_DARK, SOFT)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2, definition of contrast ratio)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def mixed(one: str, other: str, share: float) -> str:
    """So much of `one`, the rest of `other`."""
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in pairs)


def faint(colour: str) -> float | None:
    """The contrast that this colour has in the light theme, where that is too little."""
    return _too_little(contrast(colour, PAPER), contrast(colour, WHITE))


def faint_in_the_dark(colour: str) -> float | None:
    """The contrast that this colour has in the dark theme, where that is too little."""
    return _too_little(contrast(colour, CARD_DARK), contrast(colour, BUTTON_WORDS_DARK))


def darkened(colour: str) -> str:
    """The nearest colour towards black that can be read in the light theme."""
    steps = (mixed(colour, BLACK, 1 - STEP * step) for step in range(round(1 / STEP) + 1))
    return next(each for each in steps if faint(each) is None)


def lightened(colour: str) -> str:
    """The nearest colour towards white that can be read in the dark theme."""
    steps = (mixed(colour, WHITE, 1 - STEP * step) for step in range(round(1 / STEP) + 1))
    return next(each for each in steps if faint_in_the_dark(each) is None)


def _too_little(*ratios: float) -> float | None:
    return min(ratios) if min(ratios) < LEAST else None


def _channels(colour: str) -> Channels:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(channel / 255) for channel in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)
