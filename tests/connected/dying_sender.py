"""The sender in a process that is killed: `python -m tests.connected.dying_sender MONGO DATABASE SMTP_PORT SINCE`.

Since SINCE its clock runs a hundred times as fast as ours: pauses between tries pass in seconds.
"""

import asyncio
import sys
from datetime import datetime

from pydantic import SecretStr

from services.notifications.channels.email import EmailChannel, Identity
from services.notifications.channels.server import MailServer
from services.notifications.handlers import SERVICE, CorrespondenceWork
from services.notifications.rendering import Renderer
from services.notifications.sender import Sender
from shared import lease
from shared.clock import now
from shared.links import Links
from shared.mongo import connect
from shared.processing import Processor

FASTER = 100


async def send(mongo: str, database: str, port: int, since: datetime) -> None:
    def clock() -> datetime:
        return since + (now() - since) * FASTER

    client = await connect(mongo, name="dying-sender")
    db = client[database]
    fence = await lease.take(db, SERVICE, "dying-sender")
    assert fence is not None  # a replica that starts again under its name does not wait
    processor = Processor(service=SERVICE, consumer="test", db=db, work=lambda: CorrespondenceWork(db, []), clock=clock)
    sender = Sender(
        db=db,
        channel=EmailChannel(MailServer("127.0.0.1", port), Identity("Firstmate <welcome@firstmate.example>")),
        processor=processor,
        renderer=Renderer("Firstmate"),
        web_url="http://127.0.0.1:8080",
        links=Links(SecretStr("of the tests")),
        fence=fence,
        clock=clock,
    )
    await sender.run()


if __name__ == "__main__":
    asyncio.run(send(sys.argv[1], sys.argv[2], int(sys.argv[3]), datetime.fromisoformat(sys.argv[4])))
