"""Whose a service's database is: the Kafka cluster that its progress and its facts belong to.

Collection `deployment`, one document `{_id: "deployment", kafka, at}` with the cluster's own id. The first process writes it; one
that is pointed at another cluster stops, since two deployments on one database would take each other's facts.
"""

from datetime import datetime

from shared.clock import Clock
from shared.mongo import Database

COLLECTION = "deployment"


class ForeignDatabase(Exception):
    """The database belongs to the deployment on another Kafka cluster; the message names both, and what to do."""

    def __init__(self, service: str, owner: str, since: datetime, cluster: str) -> None:
        self.what = (
            f"database {service} belongs to the deployment on Kafka cluster {owner} (since {since:%Y-%m-%d}), not {cluster}"
        )
        self.fix = (
            "correct FIRSTMATE_KAFKA or FIRSTMATE_MONGO; or, if the database was restored or the cluster made anew, stop all "
            "processes and run `./firstmate doctor --adopt-database`"
        )
        super().__init__(f"{self.what}; {self.fix}")


async def claim(db: Database, cluster: str, clock: Clock) -> None:
    """Make the database this cluster's where it is nobody's yet. Raises `ForeignDatabase` where it is another's."""
    first = {"$setOnInsert": {"kafka": cluster, "at": clock()}}
    await db[COLLECTION].update_one({"_id": "deployment"}, first, upsert=True)
    await check(db, cluster)


async def check(db: Database, cluster: str) -> None:
    """Raises `ForeignDatabase` where the database is another cluster's; writes nothing."""
    found = await db[COLLECTION].find_one({"_id": "deployment"})
    if found is not None and found["kafka"] != cluster:
        raise ForeignDatabase(db.name, found["kafka"], found["at"], cluster)


async def adopt(db: Database, cluster: str, clock: Clock) -> str | None:
    """Make the database this cluster's, whoever's it was (an operator's decision); whose it was."""
    mine = {"$set": {"kafka": cluster, "at": clock()}}
    before = await db[COLLECTION].find_one_and_update({"_id": "deployment"}, mine, upsert=True)
    return str(before["kafka"]) if before else None
