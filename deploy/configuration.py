"""What a process is told, looked at as a whole before it connects to anything: every fault at once, by name, with its fix."""

import difflib
import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from pydantic import ValidationError

from shared import kafka_access
from shared.settings import Settings
from shared.tracing import OTLP

PREFIX = "FIRSTMATE_"
SHORTEST_SECRET = 16  # characters; shorter ones are words, and whoever guesses it signs in as anybody
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
NOT_SETTINGS = frozenset({"FIRSTMATE_BOOTSTRAP"})  # the start script's own
SIGNING = frozenset({"web", "notifications"})  # sessions; links in mails
SHARING = frozenset(
    {"onboarding", "notifications"}
)  # several at work at once; matching has one owner, the web is asked and not fed
SIGN_IN = ("FIRSTMATE_KAFKA_USER", "FIRSTMATE_KAFKA_PASSWORD", "FIRSTMATE_KAFKA_PASSWORD_FILE")
LOOPBACK = ("127.", "localhost", "[::1]")


class Fault(NamedTuple):
    """One thing wrong with one setting, and what to do."""

    setting: str
    words: str

    def __str__(self) -> str:
        return f"{self.setting}: {self.words}"


def read(process: str, environment: Mapping[str, str]) -> tuple[Settings | None, list[Fault]]:
    """The settings of `process` (a name of `deploy.run`) from the process's environment, or None with every fault there is.

    `environment` is looked at for what is set at all; the values come by pydantic from the process's own. A value that can't be
    read keeps none of the others from being looked at: it stands at its default meanwhile.
    """
    faults: list[Fault] = []
    try:
        settings = Settings()
    except ValidationError as error:
        wrong = {str(each["loc"][0]): each["msg"].removeprefix("Value error, ") for each in error.errors(include_url=False)}
        faults += [Fault(f"{PREFIX}{name.upper()}", words) for name, words in wrong.items()]
        settings = Settings(**{name: Settings.model_fields[name].get_default(call_default_factory=True) for name in wrong})
    faults += contradictions(process, settings, environment)
    return (None, faults) if faults else (settings, [])


def unknown(environment: Mapping[str, str]) -> list[Fault]:
    """Variables that look like settings and are none, with the one that was meant where there is a likely one."""
    names = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    strange = sorted(name for name in environment if name.startswith(PREFIX) and name not in names and name not in NOT_SETTINGS)
    return [Fault(name, f"is no setting; {_meant(name, names)}") for name in strange]


def contradictions(process: str, settings: Settings, environment: Mapping[str, str]) -> list[Fault]:
    """What is missing for this process, can't be what it should be, or can't be true together with another setting."""
    checks: list[Callable[[str, Settings, Mapping[str, str]], Iterator[Fault]]] = [
        _addresses,
        kafka_faults,
        _mail,
        _secrets,
        _replicas,
        _people,
        _traces,
    ]
    return [fault for check in checks for fault in check(process, settings, environment)]


def _addresses(process: str, settings: Settings, environment: Mapping[str, str]) -> Iterator[Fault]:
    if not all(_is_address(each) for each in settings.kafka.split(",")):
        yield Fault("FIRSTMATE_KAFKA", "give host:port, several with commas between, such as kafka-1:9092,kafka-2:9092")
    if not settings.mongo.startswith(("mongodb://", "mongodb+srv://")) or not urlsplit(settings.mongo).netloc:
        yield Fault("FIRSTMATE_MONGO", "give mongodb://host:port/?replicaSet=NAME, or mongodb+srv://host")
    if process == "web" and not _is_address(settings.listen):
        yield Fault("FIRSTMATE_LISTEN", "give host:port, such as 0.0.0.0:8080")
    web = urlsplit(settings.web_url)
    if web.scheme not in ("http", "https") or not web.hostname:
        yield Fault("FIRSTMATE_WEB_URL", "give the address that people open, such as https://firstmate.example.org")
    elif "FIRSTMATE_WEB_URL" not in environment and _serves_others(process, settings):
        yield Fault(
            "FIRSTMATE_WEB_URL",
            f"is missing, and FIRSTMATE_LISTEN ({settings.listen}) serves other machines: links in mails would lead them to "
            "their own; give the address that people open",
        )
    for peer in settings.peers if process == "web" else ():
        name, _, url = peer.partition("=")
        if not name or not url.startswith(("http://", "https://")):
            yield Fault("FIRSTMATE_PEERS", "give name=URL, several with commas between, such as matching=http://matching:8081")
            return


def kafka_faults(process: str, settings: Settings, environment: Mapping[str, str]) -> Iterator[Fault]:
    """What can't be true together of how Kafka is spoken to, and files that can't be read."""
    how, secured = settings.kafka_security, settings.kafka_security != "plaintext"
    if secured and "FIRSTMATE_KAFKA" not in environment:
        yield Fault("FIRSTMATE_KAFKA", f"is missing, and FIRSTMATE_KAFKA_SECURITY={how} is about it; give the brokers' addresses")
    used = {"FIRSTMATE_KAFKA_CA_FILE": secured, **dict.fromkeys(SIGN_IN, how == "sasl_tls")}
    for name, is_used in used.items():
        if environment.get(name) and not is_used:
            needed = "sasl_tls" if name in SIGN_IN else "tls or sasl_tls"
            unused = f"is given, but with FIRSTMATE_KAFKA_SECURITY={how} nothing uses it"
            yield Fault(name, f"{unused}; set that to {needed}, or remove it")
    if secured:
        try:
            kafka_access.trusting(settings.kafka_ca_file)
        except OSError as error:
            words = "holds no certificate in PEM" if isinstance(error, ssl.SSLError) else f"can't be read ({error.strerror})"
            yield Fault("FIRSTMATE_KAFKA_CA_FILE", f"{settings.kafka_ca_file} {words}; correct the path, or mount it")
    if how == "sasl_tls":
        yield from _sign_in(settings)


def _sign_in(settings: Settings) -> Iterator[Fault]:
    if not settings.kafka_user:
        yield Fault("FIRSTMATE_KAFKA_USER", "is missing, and FIRSTMATE_KAFKA_SECURITY is sasl_tls; give it, or set that to tls")
    if settings.kafka_password_file is not None and settings.kafka_password.get_secret_value():
        yield Fault("FIRSTMATE_KAFKA_PASSWORD", "is given beside FIRSTMATE_KAFKA_PASSWORD_FILE; remove one of them")
        return
    name = "FIRSTMATE_KAFKA_PASSWORD" if settings.kafka_password_file is None else "FIRSTMATE_KAFKA_PASSWORD_FILE"
    try:
        if not kafka_access.password(settings):
            yield Fault(name, "is empty, and FIRSTMATE_KAFKA_SECURITY=sasl_tls signs in with it; give the user's password")
    except (OSError, UnicodeDecodeError):
        yield Fault(name, f"{settings.kafka_password_file} can't be read; correct the path, or mount the secret there")


def _mail(process: str, settings: Settings, environment: Mapping[str, str]) -> Iterator[Fault]:
    if process == "mailsink" and not _is_address(settings.smtp):
        yield Fault("FIRSTMATE_SMTP", "give host:port, such as 127.0.0.1:1025")
    if process != "notifications":
        return
    from services.notifications.channels import server  # noqa: PLC0415  a mail sink needs none of it
    from services.notifications.channels.email import Identity  # noqa: PLC0415
    from services.notifications.timing import Hours  # noqa: PLC0415

    yield from (Fault(name, words) for name, words in server.faults(settings))
    for name, read_it in (
        ("FIRSTMATE_MAIL_HOURS", lambda: Hours.read(settings.mail_hours)),
        ("FIRSTMATE_MAIL_FROM", lambda: Identity(settings.mail_from)),
        ("FIRSTMATE_MAIL_REPLY_TO", lambda: Identity(Settings.model_fields["mail_from"].default, settings.mail_reply_to)),
    ):
        try:
            read_it()
        except ValueError as error:
            yield Fault(name, str(error).removeprefix(f"{name} ").removeprefix(f"{name}: "))


def _secrets(process: str, settings: Settings, environment: Mapping[str, str]) -> Iterator[Fault]:
    secret = settings.secret.get_secret_value()
    random = "give the same long random text to web and notifications, such as `openssl rand -hex 32` prints"
    if process in SIGNING and not secret:
        yield Fault("FIRSTMATE_SECRET", f"is missing, and {process} signs with it; {random}")
    elif process in SIGNING and len(secret) < SHORTEST_SECRET:
        yield Fault("FIRSTMATE_SECRET", f"has {len(secret)} characters, {SHORTEST_SECRET} are the fewest; {random}")
    token = settings.token.get_secret_value()
    if process == "web" and token and token == secret:
        yield Fault(
            "FIRSTMATE_TOKEN", "is the same as FIRSTMATE_SECRET: whoever calls the API could sign in as anybody; give another"
        )


def _replicas(process: str, settings: Settings, environment: Mapping[str, str]) -> Iterator[Fault]:
    if process in SHARING and "FIRSTMATE_INSTANCE" in environment and not settings.kafka_groups:
        yield Fault(
            "FIRSTMATE_INSTANCE",
            "names a replica, but FIRSTMATE_KAFKA_GROUPS is off, and every replica would read everything; set "
            "FIRSTMATE_KAFKA_GROUPS=true, or remove FIRSTMATE_INSTANCE and run one",
        )
    if not 0 <= settings.health_port <= 65535:
        yield Fault("FIRSTMATE_HEALTH_PORT", "give a port from 1 to 65535, or 0 for none")
    if settings.log_level.upper() not in LOG_LEVELS:
        yield Fault("FIRSTMATE_LOG_LEVEL", f"give one of {', '.join(LOG_LEVELS)}")


def _people(process: str, settings: Settings, environment: Mapping[str, str]) -> Iterator[Fault]:
    if process == "matching" and settings.approval_hours and not settings.coordinators:
        yield Fault(
            "FIRSTMATE_APPROVAL_HOURS",
            "lets matches wait for a coordinator, but FIRSTMATE_COORDINATORS names none; name some, or set it to 0",
        )
    advice = "correct the path, mount it, or remove the setting for what is shipped"
    policy, programmes = settings.policy_file, settings.programmes_dir
    if process in ("matching", "web") and policy is not None and not policy.is_file():
        yield Fault("FIRSTMATE_POLICY_FILE", f"there is no file {policy}; {advice}")
    if process in ("onboarding", "web") and programmes is not None and not programmes.is_dir():
        yield Fault("FIRSTMATE_PROGRAMMES_DIR", f"there is no folder {programmes}; {advice}")
    if process == "notifications" and settings.templates is not None and not settings.templates.is_dir():
        yield Fault("FIRSTMATE_TEMPLATES", f"there is no folder {settings.templates}; {advice}")

    if process in ("notifications", "web"):
        yield from _chat(settings, environment)


def _chat(settings: Settings, environment: Mapping[str, str]) -> Iterator[Fault]:
    from services.notifications.channels import chat  # noqa: PLC0415  whoever starts no messages needs none of it
    from services.notifications.chat_services import chat_services  # noqa: PLC0415

    try:
        services = chat_services(settings.chat_file, environment)
    except ValueError as error:
        yield Fault("FIRSTMATE_CHAT_FILE", f"{error}; docs/guides/write-by-chat.md shows how it looks")
        return
    for name, service in services.items():
        if (problem := chat.fault_in(service)) is not None:
            yield Fault("FIRSTMATE_CHAT_FILE", f"{settings.chat_file}: {name}.url: {problem}")


def _traces(process: str, settings: Settings, environment: Mapping[str, str]) -> Iterator[Fault]:
    for name in ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"):
        if environment.get(name, "http/protobuf") != "http/protobuf":
            yield Fault(name, "only http/protobuf is spoken here; remove it, and give the collector's HTTP port (4318)")
    for name in OTLP:
        if (url := environment.get(name)) and not url.startswith(("http://", "https://")):
            yield Fault(name, "give the collector's URL, such as http://collector:4318")


def _serves_others(process: str, settings: Settings) -> bool:
    return process == "web" and _is_address(settings.listen) and not settings.listen.startswith(LOOPBACK)


def _is_address(text: str) -> bool:
    host, _, port = text.strip().rpartition(":")
    return bool(host) and port.isdigit() and 0 < int(port) <= 65535


def _meant(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, 1)
    return f"did you mean {close[0]}?" if close else "remove it, or see the list in docs/guides/run-it-on-a-cluster.md"
