"""Which mail server mail goes to and how: encryption, sign-in, limits; and what to do about each way in which it can be away."""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import SecretStr

from shared.settings import Settings, SmtpTls

IMPLICIT_PORT: Final = 465  # submissions: TLS from the first byte (RFC 8314, section 3.3)
STARTTLS_PORTS: Final = frozenset({25, 587})
LOOPBACK = ("127.", "localhost", "::1", "[::1]")

ADVICE: Mapping[str, str] = {
    "smtp_unreachable": "nobody listens there: is FIRSTMATE_SMTP right, and may this machine reach it through the firewall?",
    "smtp_timeout": "it answers too slowly or not at all: is the port right? TLS from the first byte needs "
    "FIRSTMATE_SMTP_TLS=implicit",
    "smtp_disconnected": "it hung up: its log says why; some do so on too many connections (FIRSTMATE_SMTP_CONNECTIONS)",
    "smtp_tls_failed": "TLS can't be agreed on: FIRSTMATE_SMTP_TLS=implicit is for port 465, starttls for 587 and 25",
    "smtp_certificate_expired": "its certificate is out of date: have it renewed; nothing is sent meanwhile, and nothing is lost",
    "smtp_certificate_name": "its certificate is for another name: give FIRSTMATE_SMTP the name that stands in the certificate",
    "smtp_certificate_untrusted": "nobody known here signed its certificate: give your company's authority as "
    "FIRSTMATE_SMTP_CA_FILE",
    "smtp_no_starttls": "it offers no STARTTLS, or somebody between takes the offer away; FIRSTMATE_SMTP_TLS requires it",
    "smtp_auth_refused": "it refuses FIRSTMATE_SMTP_USER with this FIRSTMATE_SMTP_PASSWORD: correct them, or unlock the account",
    "smtp_auth_unsupported": "it offers no sign-in that we know (PLAIN, LOGIN, CRAM-MD5) here: use its submission port, mostly "
    "587 or 465",
    "chat_unreachable": "nobody answers there: is its address in FIRSTMATE_CHAT_FILE right, and may this machine reach it? "
    "After an hour its messages go by mail",
    "chat_timeout": "it answers too slowly; after an hour its messages go by mail",
    "smtp_421": "it closes for now: we go on once it is back",
}
"""What to do, by the reason for which the channel is away."""

REFUSED = "it refuses our sender: may FIRSTMATE_MAIL_FROM send here, and does it want FIRSTMATE_SMTP_USER?"


def advice(reason: str) -> str:
    """What to do about a channel that is away for this reason."""
    return ADVICE.get(reason, REFUSED)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail goes. `per_domain` is messages per second to one domain (0: any number), `domain_connections` how many at once
    (0: as many as there are connections)."""

    host: str
    port: int
    tls: SmtpTls = "auto"
    context: ssl.SSLContext | None = None
    user: str = ""
    password: SecretStr = field(default_factory=lambda: SecretStr(""))
    connections: int = 4
    per_domain: float = 0
    domain_connections: int = 0

    @classmethod
    def of(cls, settings: Settings) -> "MailServer":
        """As the settings say. Raises ValueError with everything that is wrong with them."""
        if wrong := [f"{name}: {words}" for name, words in faults(settings)]:
            raise ValueError("\n".join(wrong))
        host, port = _address(settings.smtp) or ("", 0)
        return cls(
            host=host.strip("[]"),
            port=port,
            tls=settings.smtp_tls,
            context=None if settings.smtp_tls == "off" else ssl.create_default_context(cafile=settings.smtp_ca_file),
            user=settings.smtp_user,
            password=settings.smtp_password,
            connections=settings.smtp_connections,
            per_domain=settings.smtp_domain_rate,
            domain_connections=settings.smtp_domain_connections,
        )

    @property
    def encrypts(self) -> bool:
        """Whether nothing goes there in the clear."""
        return self.tls in ("starttls", "implicit")


def faults(settings: Settings) -> Iterator[tuple[str, str]]:
    """Everything wrong with the settings of the mail server, as the name of a setting and words."""
    address = _address(settings.smtp)
    if address is None:
        yield "FIRSTMATE_SMTP", "give host:port, such as mail.example.org:25"
    else:
        yield from _encryption_faults(settings, *address)
    if settings.smtp_user and not settings.smtp_password.get_secret_value():
        yield "FIRSTMATE_SMTP_PASSWORD", "is missing, and FIRSTMATE_SMTP_USER is set; give it, or remove both"
    if settings.smtp_password.get_secret_value() and not settings.smtp_user:
        yield "FIRSTMATE_SMTP_USER", "is missing, and FIRSTMATE_SMTP_PASSWORD is set; give it, or remove both"
    if settings.smtp_domain_connections > settings.smtp_connections:
        yield (
            "FIRSTMATE_SMTP_DOMAIN_CONNECTIONS",
            f"allows {settings.smtp_domain_connections} to one domain, but FIRSTMATE_SMTP_CONNECTIONS opens only "
            f"{settings.smtp_connections} in all; lower it, or set it to 0 for no limit of its own",
        )
    yield from _authority_faults(settings)


def _encryption_faults(settings: Settings, host: str, port: int) -> Iterator[tuple[str, str]]:
    tls = settings.smtp_tls
    if port == IMPLICIT_PORT and tls != "implicit":
        yield "FIRSTMATE_SMTP_TLS", f"is {tls}, but port {port} speaks TLS from the first byte; set it to implicit"
    if port in STARTTLS_PORTS and tls == "implicit":
        yield "FIRSTMATE_SMTP_TLS", f"is implicit, but port {port} begins in the clear; set it to starttls, or take port 465"
    if settings.smtp_user and tls in ("off", "auto") and not host.startswith(LOOPBACK):
        yield (
            "FIRSTMATE_SMTP_TLS",
            f"is {tls}, and FIRSTMATE_SMTP_PASSWORD could go to {host} in the clear; set it to starttls or implicit",
        )


def _authority_faults(settings: Settings) -> Iterator[tuple[str, str]]:
    path = settings.smtp_ca_file
    if path is None:
        return
    if settings.smtp_tls == "off":
        yield "FIRSTMATE_SMTP_CA_FILE", "checks certificates, but FIRSTMATE_SMTP_TLS is off; remove one of them"
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError):
        yield "FIRSTMATE_SMTP_CA_FILE", f"{path} is no readable file of certificates in PEM form; correct the path or the file"


def _address(smtp: str) -> tuple[str, int] | None:
    host, _, port = smtp.strip().rpartition(":")
    return (host, int(port)) if host and port.isdigit() and 0 < int(port) <= 65535 else None
