"""`./firstmate` on machines that aren't as they should be: it says what is missing and what to do."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import bootstrap

ROOT = Path(__file__).parent.parent.parent
NOTHING = {"PATH": "", "HOME": os.environ.get("HOME", "")}


def old_python() -> str:
    """An interpreter older than 3.11 that runs, from PATH or from pyenv."""
    candidates = [shutil.which(f"python3.{minor}") for minor in range(6, 11)]
    candidates += [str(path) for path in sorted((Path.home() / ".pyenv" / "versions").glob("3.[6-9].*/bin/python"))]
    for candidate in candidates:
        if candidate and subprocess.run([candidate, "-c", ""], capture_output=True, check=False).returncode == 0:
            return candidate
    pytest.skip("no Python older than 3.11 on this machine")


def checkout(folder: Path) -> Path:
    """The files that a start needs, in a folder of their own without an environment."""
    shutil.copy(ROOT / "firstmate", folder)
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_an_old_python_without_a_newer_one_says_which_is_needed() -> None:
    done = subprocess.run([old_python(), str(ROOT / "firstmate"), "up"], capture_output=True, text=True, env=NOTHING, check=False)
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_old_python_hands_over_to_a_newer_one_on_the_path(tmp_path: Path) -> None:
    name = f"python3.{sys.version_info.minor}"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / name).symlink_to(sys.executable)
    root = checkout(tmp_path)
    (root / "deploy" / "bootstrap.py").write_text(
        "import sys\ndef run(root, arguments):\n    print(sys.version_info[:2], arguments)\n    return 0\n"
    )
    done = subprocess.run(
        [old_python(), str(root / "firstmate"), "up", "--port", "1"],
        capture_output=True,
        text=True,
        env={**NOTHING, "PATH": str(tmp_path / "bin")},
        check=False,
    )
    assert done.stdout.strip() == f"{sys.version_info[:2]} ['up', '--port', '1']", done.stderr


def test_a_valid_stamp_makes_a_start_do_nothing(tmp_path: Path) -> None:
    environment = bootstrap.Environment(checkout(tmp_path))
    environment.python.parent.mkdir(parents=True)
    environment.python.touch()
    environment.stamp.write_text(json.dumps({"dev": environment._digest("dev")}))
    environment.ensure("run")
    environment.ensure("dev")


@pytest.mark.parametrize("spoil", ["lock", "marker", "python", "stamp"])
def test_an_environment_that_is_not_whole_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: str) -> None:
    environment = bootstrap.Environment(checkout(tmp_path))
    environment.python.parent.mkdir(parents=True)
    environment.python.touch()
    environment.stamp.write_text(json.dumps({"run": environment._digest("run")}))
    made: list[str] = []
    monkeypatch.setattr(environment, "_make", made.append)
    match spoil:
        case "lock":
            (environment.root / "requirements" / "run.lock").write_text("other==1\n")
        case "marker":
            environment.unfinished.touch()
        case "python":
            environment.python.unlink()
        case "stamp":
            environment.stamp.write_text("{")
    environment.ensure("run")
    assert made == ["run"]


def test_the_development_environment_serves_to_run_but_not_the_other_way_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = bootstrap.Environment(checkout(tmp_path))
    environment.python.parent.mkdir(parents=True)
    environment.python.touch()
    environment.stamp.write_text(json.dumps({"run": environment._digest("run")}))
    made: list[str] = []
    monkeypatch.setattr(environment, "_make", made.append)
    environment.ensure("dev")
    assert made == ["dev"]


def test_what_is_started_compiles_modules_once_and_outside_the_checkout(tmp_path: Path) -> None:
    environment = bootstrap.Environment(tmp_path / "checkout")
    given = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHOME": "/elsewhere"}
    environment.folder.mkdir(parents=True)
    (environment.root / "module.py").touch()
    subprocess.run([sys.executable, "-c", "import module"], env=environment.variables(given), cwd=tmp_path, check=True)
    [compiled] = environment.folder.rglob("module.*.pyc")
    assert compiled.stat().st_size
    assert not list(environment.root.rglob("__pycache__"))


def test_where_compiled_modules_go_may_be_said(tmp_path: Path) -> None:
    variables = bootstrap.Environment(tmp_path).variables({"PYTHONPYCACHEPREFIX": "/var/cache"})
    assert variables["PYTHONPYCACHEPREFIX"] == "/var/cache"


def start_without_network(root: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_FIND_LINKS": "", "PIP_RETRIES": "1", "UV_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, str(root / "firstmate"), "doctor"],
        capture_output=True,
        text=True,
        env={**os.environ, **nowhere, **settings},
        check=False,
    )


def test_without_network_it_says_so_and_the_next_start_begins_anew(tmp_path: Path) -> None:
    root = checkout(tmp_path)
    done = start_without_network(root)
    assert done.returncode == 1
    assert "the package index can't be reached" in done.stderr
    assert bootstrap.Environment(root).unfinished.exists()


def test_a_python_without_ensurepip_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['ensurepip'] = None\n")
    (tmp_path / "checkout").mkdir()
    done = start_without_network(checkout(tmp_path / "checkout"), PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    assert f"apt-get install python3.{sys.version_info.minor}-venv" in done.stderr


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("error: No space left on device (os error 28)", "the disk is full"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "not the one that the lock names"),
        ("error: invalid peer certificate: UnknownIssuer", "PIP_CERT"),
        ("error: dns error: failed to lookup address information: Temporary failure in name resolution", "can't be reached"),
        ("cause: Because noida-db==0.2.3 has no usable wheels", "no build for this platform"),
        ("PermissionError: [Errno 13] Permission denied", "can't be written to"),
        ("error: something else", "could not be installed"),
    ],
)
def test_what_stands_behind_a_failed_installation_is_named(output: str, words: str) -> None:
    assert words in bootstrap.explain(output, Path(".venv"))


def test_pips_settings_reach_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://packages.example/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://a.example/simple https://b.example/simple")
    monkeypatch.delenv("UV_DEFAULT_INDEX", raising=False)
    monkeypatch.delenv("UV_INDEX", raising=False)
    settings = bootstrap.Installer(Path(sys.executable), Path())._uv_settings()
    assert settings["UV_DEFAULT_INDEX"] == "https://packages.example/simple"
    assert settings["UV_INDEX"] == "https://a.example/simple https://b.example/simple"
