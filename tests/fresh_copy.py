"""A copy of what git would commit, as a clone of the repository is."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = "functions/get-page/web"


def fresh_copy(to):
    """Replaces the folder `to`, with the pages built. Files keep their times: make and cargo repeat what is newer."""
    shutil.rmtree(to, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    for file in listed.stdout.decode().rstrip("\0").split("\0"):
        if (ROOT / file).is_file():
            (to / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, to / file)
    shutil.copytree(ROOT / WEB / "dist", to / WEB / "dist")
    (to / WEB / "node_modules").symlink_to(ROOT / WEB / "node_modules")
