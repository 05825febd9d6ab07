"""Apache Kafka's own program files: the Maven artifacts named in `requirements/kafka.lock`, each checked against its SHA-256.

They come through the Python package `jgo`, or through an installed Maven where that fails (Maven knows a company's mirror). They
lie under this Python environment (`share/apache-kafka`), 47 MB, and go with it. To move to another version of Kafka:

    python -m deploy.kafka_jars 4.4.0        # resolves it and writes the lock anew
"""

import contextlib
import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from deploy.process import StartError

LOCK = Path(__file__).parent.parent / "requirements" / "kafka.lock"
FOLDER = Path(sys.prefix) / "share" / "apache-kafka"
SLF4J_SIMPLE = "org.slf4j:slf4j-simple:1.7.36"  # Kafka's log calls go through SLF4J 1.7 and lead nowhere without a binding
HTTP_SECONDS = 60

Say = Callable[[str], None]
"""Takes a line of progress."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked file."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def path(self) -> Path:
        """Where it lies once fetched."""
        return FOLDER / f"{self.artifact}-{self.version}.jar"

    def is_here(self) -> bool:
        """Whether the file lies there with the locked content."""
        return self.path.is_file() and hashlib.sha256(self.path.read_bytes()).hexdigest() == self.sha256


def locked() -> list[Jar]:
    """The files of the lock, in its order, which is the class path's."""
    jars = []
    for line in LOCK.read_text().splitlines():
        if line and not line.startswith("#"):
            coordinate, digest = line.split()
            group, artifact, version = coordinate.split(":")
            jars.append(Jar(group, artifact, version, digest.removeprefix("sha256:")))
    return jars


def fetch(say: Say) -> list[Path]:
    """Every file of the lock, fetching what is missing. Raises `StartError` when one can't be had or differs from the lock."""
    jars = locked()
    missing = [jar for jar in jars if not jar.is_here()]
    if missing:
        FOLDER.mkdir(parents=True, exist_ok=True)
        try:
            _fetch_with_jgo(missing, say)
        except Exception as error:
            _fetch_with_maven(missing, say, error)
        for jar in missing:
            if not jar.is_here():
                jar.path.unlink(missing_ok=True)
                raise StartError(
                    f"Apache Kafka: {jar.path.name} is not the file that requirements/kafka.lock names; it was removed."
                )
    return [jar.path for jar in jars]


def _fetch_with_jgo(jars: list[Jar], say: Say) -> None:
    from jgo.maven import MavenContext  # noqa: PLC0415  half a second, for downloads alone

    with tempfile.TemporaryDirectory(dir=FOLDER) as cache:
        context = MavenContext(repo_cache=Path(cache), timeout=HTTP_SECONDS)
        for number, jar in enumerate(jars, start=1):
            say(f"Apache Kafka: fetching {number} of {len(jars)}: {jar.path.name}")
            artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
            Path(artifact.resolve()).replace(jar.path)


def _fetch_with_maven(jars: list[Jar], say: Say, reason: Exception) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise StartError(
            f"Apache Kafka: its files could not be fetched ({type(reason).__name__}: {reason}). "
            "Check the network and the proxy settings, or use the embedded broker (`--kafka light`)."
        ) from reason
    say(f"Apache Kafka: fetching {len(jars)} files with {maven}")
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        (Path(folder) / "pom.xml").write_text(_pom(jars))
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={FOLDER}", "-DexcludeTransitive=true"]
        done = subprocess.run([maven, "--batch-mode", "--quiet", *goal], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stdout + done.stderr).strip().splitlines()[-1:]
        raise StartError(f"Apache Kafka: neither jgo ({reason}) nor Maven ({' '.join(last)}) could fetch its files.") from reason


def _pom(jars: list[Jar]) -> str:
    dependencies = "".join(
        f"<dependency><groupId>{escape(jar.group)}</groupId><artifactId>{escape(jar.artifact)}</artifactId>"
        f"<version>{escape(jar.version)}</version></dependency>"
        for jar in jars
    )
    return (
        "<project><modelVersion>4.0.0</modelVersion><groupId>firstmate</groupId><artifactId>kafka</artifactId><version>1</version>"
        f"<dependencies>{dependencies}</dependencies></project>"
    )


def resolve(version: str) -> Iterator[str]:
    """The lines of a lock for this version of Kafka: its transitive dependencies as Maven resolves them, with digests."""
    from jgo.maven import Dependency, MavenContext, PythonResolver  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as cache:
        resolver = PythonResolver()
        context = MavenContext(resolver=resolver, repo_cache=Path(cache), timeout=HTTP_SECONDS)
        wanted = []
        for coordinate in (f"org.apache.kafka:kafka_2.13:{version}", SLF4J_SIMPLE):
            group, name, number = coordinate.split(":")
            wanted.append(Dependency(context.project(group, name).at_version(number).artifact()))
        inputs, transitive = resolver.resolve(wanted)
        for dependency in [*inputs, *transitive]:
            if dependency.scope in ("compile", "runtime", None):
                artifact = dependency.artifact
                digest = hashlib.sha256(Path(artifact.resolve()).read_bytes()).hexdigest()
                yield f"{artifact.groupId}:{artifact.artifactId}:{artifact.version} sha256:{digest}"


def write_lock(version: str) -> None:
    """Resolve `version` and write the lock."""
    lines = list(resolve(version))
    LOCK.write_text(f"# python -m deploy.kafka_jars {version}\n" + "".join(f"{line}\n" for line in lines))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        write_lock(sys.argv[1])
