"""Makes the Python environment in `.venv` and hands over to `deploy.cli`.

Standard library only: it runs before anything is installed. The environment holds exactly what a lock names, checked by hash.
`uv` installs it in about a tenth of pip's time (two cores, fast network: 3 s against 44 s), so pip fetches uv first, hash-checked
as well, and pip itself is the way when uv fails. A stamp holds the lock's digest: a start with a valid stamp does nothing here. A
marker that an earlier run left says that it was interrupted: the environment is then made anew. Nothing is written outside the
checkout, caches included.
"""

import ast
import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

RUN, DEV = "run", "dev"
NEEDS_DEV = ("test", "bench", "setup")
ROOM_MB = 2_000  # the environment of the tests has 1.1 GB, and packages lie packed and unpacked for a while
PIP_TO_UV = {  # what pip's settings are called in uv: `pip config list` names them like this after the dot
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
}
NO_BUILD = r"no usable wheels|no wheels with a matching|Could not find a version|No matching distribution"
FAULTS = (  # what the tools' output holds, and what to tell; the first that fits
    (r"No space left", "the disk is full at {folder}; make room and start again"),
    (r"Permission denied", "{folder} can't be written to; start as its owner, or remove it"),
    (r"hash(es)? mismatch|do not match the hashes", "a package is not the one that the lock names, so it was not installed"),
    (r"certificate|UnknownIssuer|SSLError", "the package index's certificate is not trusted; name your certificates in PIP_CERT"),
    (
        r"name resolution|resolve host|dns error|Connection refused|timed out|unreachable|NewConnectionError|Failed to establish|"
        r"error sending request|Max retries|ProxyError|tunnel|NameResolutionError|ConnectTimeout",
        "the package index can't be reached; check the network, HTTPS_PROXY and PIP_INDEX_URL",
    ),
    (
        NO_BUILD,
        "a package has no build for this platform ({platform}); Firstmate runs on Linux with glibc and on macOS, "
        "with Python 3.11 to 3.14",
    ),
)


class SetupError(Exception):
    """The environment can't be made; the message says why and what to do."""


def run(root: str, arguments: list[str]) -> NoReturn:
    """Make sure of the environment that the command needs, then become `python -m deploy.cli`."""
    environment = Environment(Path(root))
    command = next((argument for argument in arguments if not argument.startswith("-")), "")
    try:
        environment.ensure(DEV if command in NEEDS_DEV else RUN)
    except SetupError as error:
        say(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        say("interrupted; the next start makes the environment anew")
        sys.exit(130)
    python = str(environment.python)
    variables = environment.variables(os.environ)
    os.execve(python, [python, "-m", "deploy.cli", *arguments], variables)  # noqa: S606  signals then reach the command itself


class Environment:
    """`.venv` of one checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.python = self.folder / "bin" / "python"
        self.stamp = self.folder / "firstmate-stamp.json"
        self.unfinished = self.folder / "firstmate-unfinished"

    def variables(self, given: Mapping[str, str]) -> dict[str, str]:
        """What the command and all that it starts find in their environment.

        The checkout and nothing else is on the path, from whatever folder this is called: file arguments stay relative to it.
        Modules are compiled once and kept here, also where `PYTHONDONTWRITEBYTECODE` keeps checkouts and images clean of that:
        compiling them again is most of what the start of a worker takes, and the tests start hundreds.
        """
        kept = {name: value for name, value in given.items() if name not in ("PYTHONHOME", "PYTHONDONTWRITEBYTECODE")}
        return {"PYTHONPYCACHEPREFIX": str(self.folder / "bytecode"), **kept, "PYTHONPATH": str(self.root)}

    def ensure(self, kind: str) -> None:
        """Have what `requirements/<kind>.lock` names installed. Raises `SetupError`."""
        if self._is_current(kind):
            return
        with self._alone():
            if not self._is_current(kind):  # another start may have made it while this one waited
                self._make(kind)

    def _is_current(self, kind: str) -> bool:
        try:
            stamp = json.loads(self.stamp.read_text())
        except (OSError, ValueError):
            return False
        # The development lock holds the other one whole (a test says so).
        enough = (DEV,) if kind == DEV else (RUN, DEV)
        return (
            self.python.exists()
            and not self.unfinished.exists()
            and any(stamp.get(lock) == self._digest(lock) for lock in enough)
        )

    def _digest(self, kind: str) -> str:
        return hashlib.sha256(self._lock(kind).read_bytes()).hexdigest()

    def _lock(self, kind: str) -> Path:
        return self.root / "requirements" / f"{kind}.lock"

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Two starts at once make one environment: the lock is on the requirements file, which is always there."""
        with self._lock(RUN).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("another start is making the environment; waiting for it")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _make(self, kind: str) -> None:
        began = time.monotonic()
        self._check_place()
        self._create()
        self.unfinished.touch()
        packages = len(re.findall(r"^[\w.-]+(?:\[[\w,]+\])?==", self._lock(kind).read_text(), re.MULTILINE))
        try:
            Installer(self.python, self.folder).install(self._lock(kind), packages)
        except OSError as error:
            raise SetupError(f"{error.strerror}: {error.filename}; {self.folder} is made anew at the next start.") from error
        self.stamp.write_text(json.dumps({kind: self._digest(kind)}))
        self.unfinished.unlink()
        say(f"environment ready in {time.monotonic() - began:.0f} s")

    def _check_place(self) -> None:
        place = self.folder if self.folder.exists() else self.root
        if not os.access(place, os.W_OK):
            raise SetupError(f"{place} can't be written to by you; make it writable, or clone Firstmate into a folder of yours.")
        free_mb = shutil.disk_usage(place).free // 1_000_000
        if free_mb < ROOM_MB:
            raise SetupError(
                f"the disk is full: {free_mb} MB free at {place}, the environment needs {ROOM_MB} MB while it is made."
            )

    def _create(self) -> None:
        if self._is_usable():
            return
        missing = [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]
        if missing:
            version = f"python3.{sys.version_info.minor}"
            raise SetupError(
                f"this Python ({sys.executable}) comes without its module `{missing[0]}`. On Debian and Ubuntu: "
                f"`apt-get install {version}-venv` (or python3-venv), then start again."
            )
        say(f"making the environment with Python {platform.python_version()} ({sys.executable}) in {self.folder}")
        done = subprocess.run(
            [sys.executable, "-m", "venv", "--clear", str(self.folder)], capture_output=True, text=True, env=_clean(), check=False
        )
        if done.returncode:
            raise SetupError(explain(done.stdout + done.stderr, self.folder))

    def _is_usable(self) -> bool:
        """Whether there is an environment to install into: whole, of a Python that suits, with pip."""
        try:
            version = re.search(r"^version(?:_info)? = 3\.(\d+)", (self.folder / "pyvenv.cfg").read_text(), re.MULTILINE)
        except OSError:
            return False
        if version is None or int(version.group(1)) < 11 or self.unfinished.exists() or not self.python.exists():
            return False
        return (
            subprocess.run(
                [str(self.python), "-m", "pip", "--version"], capture_output=True, env=_clean(), check=False
            ).returncode
            == 0
        )


class Installer:
    """Installs a lock: uv first, pip when uv can't."""

    def __init__(self, python: Path, folder: Path) -> None:
        self._python = str(python)
        self._folder = folder

    def install(self, lock: Path, packages: int) -> None:
        """Raises `SetupError` when neither way works."""
        say(f"installing {packages} packages, each checked against its hash in requirements/{lock.name}")
        if not self._fetch_uv(lock.with_name("dev.lock")) or not self._with_uv(lock):
            say("uv could not do it, or is not to be had; pip goes on, which takes about a minute")
            code, output = self._with_pip(lock, packages)
            if code:
                raise SetupError(explain(output, self._folder))

    def _fetch_uv(self, dev_lock: Path) -> bool:
        block = re.search(r"^uv==.*?(?=^[\w.-]+(?:\[[\w,]+\])?==|\Z)", dev_lock.read_text(), re.MULTILINE | re.DOTALL)
        if block is None:
            return False
        wanted = self._folder / "firstmate-uv.txt"
        wanted.write_text(block.group())
        code, output = self._follow([*self._pip(), "install", "--require-hashes", "--only-binary", ":all:", "-r", str(wanted)])
        wanted.unlink()
        if code and not explain(output, self._folder).startswith("a package has no build"):
            raise SetupError(explain(output, self._folder))  # pip can't do for a hundred packages what it can't do for one
        return code == 0

    def _with_uv(self, lock: Path) -> bool:
        cache = self._folder / "uv-cache"  # on the environment's file system, so that packages are linked, not copied
        settings = {**self._uv_settings(), "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
        settings.setdefault("UV_CACHE_DIR", os.environ.get("UV_CACHE_DIR", str(cache)))
        command = [self._python, "-m", "uv", "pip", "install", "--python", self._python, "--require-hashes", "--no-build"]
        try:
            code, _ = self._follow([*command, "-r", str(lock)], settings)
        finally:
            shutil.rmtree(cache, ignore_errors=True)
        return code == 0

    def _with_pip(self, lock: Path, packages: int) -> tuple[int, str]:
        return self._follow(
            [*self._pip(), "install", "--require-hashes", "--only-binary", ":all:", "--progress-bar", "off", "-r", str(lock)],
            of=packages,
        )

    def _pip(self) -> list[str]:
        cache = [] if "PIP_CACHE_DIR" in os.environ else ["--no-cache-dir"]
        return [self._python, "-m", "pip", "--disable-pip-version-check", *cache]

    def _uv_settings(self) -> dict[str, str]:
        """What pip's files and variables say about index, proxy and certificates, in uv's words.

        What uv is told itself goes first. An extra index is asked like the first one, as pip does: the hashes say what is right.
        """
        done = subprocess.run([*self._pip(), "config", "list"], capture_output=True, text=True, env=_clean(), check=False)
        settings = {"UV_INDEX_STRATEGY": "unsafe-best-match"}
        for line in done.stdout.splitlines():
            name, _, value = line.partition("=")
            target = PIP_TO_UV.get(name.rpartition(".")[2])
            if target and target not in os.environ:
                with contextlib.suppress(ValueError, SyntaxError):
                    settings[target] = " ".join(str(ast.literal_eval(value)).split())
        return settings

    def _follow(self, command: list[str], settings: dict[str, str] | None = None, of: int = 0) -> tuple[int, str]:
        """Run it, showing what it is at; its exit code and output."""
        output: list[str] = []
        count = 0
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=_clean() | (settings or {}),
        ) as child:
            assert child.stdout is not None
            for line in child.stdout:
                output.append(line)
                word, _, rest = line.strip().partition(" ")
                if word == "Collecting" and of:
                    count += 1
                    say(f"  {count} of {of}: {rest.partition(' ')[0]}")
                elif word in ("Resolved", "Downloading", "Prepared", "Installed") and not of:
                    say(f"  {line.strip()}")
        return child.returncode, "".join(output)


def explain(output: str, folder: Path) -> str:
    """What stood behind a failed installation, what to do, and the tool's own last word on it."""
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["no output"]
    last = next((line for line in reversed(lines) if re.search("error|cause", line, re.IGNORECASE)), lines[-1])
    here = f"{sys.platform} {platform.machine()}, Python {platform.python_version()}"
    for pattern, words in FAULTS:
        if re.search(pattern, output, re.IGNORECASE):
            return f"{words.format(folder=folder, platform=here)}. ({last})"
    return f"the packages could not be installed: {last}"


def say(words: str) -> None:
    """A line of progress; standard output belongs to the command's result."""
    print(f"firstmate: {words}", file=sys.stderr, flush=True)


def _clean() -> dict[str, str]:
    """The environment without what would send packages elsewhere or mix in another Python's."""
    unwanted = {
        "PIP_USER",
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_CONSTRAINT",
        "PIP_NO_BINARY",
        "PYTHONPATH",
        "PYTHONHOME",
        "VIRTUAL_ENV",
    }
    return {name: value for name, value in os.environ.items() if name not in unwanted}
