"""How Kafka is spoken to: plainly, over TLS, or over TLS with a user and password.

The cluster that FIRSTMATE_KAFKA names is spoken to as the FIRSTMATE_KAFKA_ variables beside it say, by every client of every
process; any other address is a broker of this machine's own, and plain. So no client can forget it, and none is told of it.
"""

import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError, UnsupportedSaslMechanismError
from faststream.kafka.security import parse_security
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from shared.settings import Settings

LOOKS_WITHIN_S = 5.0
MECHANISMS = {"SCRAM-SHA-512": SASLScram512, "SCRAM-SHA-256": SASLScram256, "PLAIN": SASLPlaintext}


def security(address: str) -> BaseSecurity | None:
    """How FastStream's broker is to speak to `address`; None for plainly. Raises OSError for a file that can't be read."""
    if "FIRSTMATE_KAFKA_SECURITY" not in os.environ or address != os.environ.get("FIRSTMATE_KAFKA"):
        return None
    settings = Settings()
    if settings.kafka_security == "plaintext":
        return None
    context = trusting(settings.kafka_ca_file)
    if settings.kafka_security == "tls":
        return BaseSecurity(ssl_context=context, use_ssl=True)
    login = MECHANISMS[settings.kafka_sasl_mechanism]
    return login(username=settings.kafka_user, password=password(settings), ssl_context=context, use_ssl=True)


def client(address: str) -> dict[str, Any]:
    """What every aiokafka client for `address` is made with. Raises OSError for a file that can't be read."""
    return {"bootstrap_servers": address, **parse_security(security(address))}


def password(settings: Settings) -> str:
    """From the setting itself, or from the file that one names (a mounted secret)."""
    file = settings.kafka_password_file
    return settings.kafka_password.get_secret_value() if file is None else file.read_text(encoding="utf-8").strip()


@lru_cache(maxsize=4)
def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """A TLS context that trusts this file's authorities, or those of the system. Raises OSError, ssl.SSLError among them."""
    return ssl.create_default_context(cafile=ca_file)


async def trouble(address: str) -> str | None:
    """Why none of the brokers lets us in, in words with what to do (aiokafka says only that it failed); None when one does."""
    found = None
    for each in address.split(","):
        host, _, port = each.strip().rpartition(":")
        try:
            found = await _trouble(host, int(port), address)
        except OSError as error:
            found = f"{each} does not answer ({error.strerror or type(error).__name__}); start it, or correct FIRSTMATE_KAFKA"
        if found is None:
            return None
    return found


@asynccontextmanager
async def explained(address: str) -> AsyncIterator[None]:
    """Have a failed connection to a secured cluster say why it failed. Raises KafkaConnectionError with those words."""
    try:
        yield
    except KafkaConnectionError as error:
        if security(address) and (words := await trouble(address)):
            raise KafkaConnectionError(words) from error
        raise


async def _trouble(host: str, port: int, address: str) -> str | None:
    options = client(address)
    del options["bootstrap_servers"]
    try:
        connection = await create_conn(host, port, request_timeout_ms=int(LOOKS_WITHIN_S * 1000), **options)
    except ssl.SSLCertVerificationError as error:
        return (
            f"{host}:{port} shows a certificate that is not trusted ({error.verify_message}); give the authority that signed it "
            "in FIRSTMATE_KAFKA_CA_FILE, and an address that the certificate names in FIRSTMATE_KAFKA"
        )
    except (ssl.SSLError, ConnectionResetError):
        return f"{host}:{port} speaks no TLS; give the port of its TLS listener, or FIRSTMATE_KAFKA_SECURITY=plaintext"
    except (KafkaError, TimeoutError) as error:
        return _refusal(f"{host}:{port}", error, options)
    connection.close()
    return None


def _refusal(broker: str, error: Exception, options: dict[str, Any]) -> str:
    user = options.get("sasl_plain_username")
    if isinstance(error, UnsupportedSaslMechanismError):
        asked = f"{broker} does not offer {options['sasl_mechanism']}"
        return f"{asked}; set FIRSTMATE_KAFKA_SASL_MECHANISM to what its listener has enabled"
    if user and not isinstance(error, TimeoutError):
        return f"{broker} refuses user '{user}'; correct FIRSTMATE_KAFKA_USER and the password, or add the user to Kafka"
    return (
        f"{broker} does not answer as Kafka does ({type(error).__name__}); correct FIRSTMATE_KAFKA and FIRSTMATE_KAFKA_SECURITY"
    )
