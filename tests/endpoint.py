"""Makes an endpoint in a copy of the repository. It compiles, and everything that is left to write is missed: by the
compiler, or by a test that compares files of the repository."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Always the same folder, so that only what has changed is compiled again.
COPY = ROOT / ".local/endpoint"
NAME = "archive-key"

# Matches over operations without a default.
COMPILER = {
    "shared/src/format/hl7/read_request.rs",
    "tests/benches/bench/functions.rs",
    "tests/in_process/damaged_items/keys.rs",
    "tests/in_process/faults.rs",
    "tests/in_process/formats.rs",
}
# The tests were compiled without the endpoint, so its row and its failure text are missing in the code.
TESTS = {
    "documentation::the_tour_makes_every_call": "PATCH /api/apiKeys/{id}/archive is not called",
    "repository::every_error_text_is_documented_and_no_other": "Failed to archive API Key",
    "repository::folders_functions_events_operations_and_routes_are_the_same": "template.yaml and Operation::ALL",
}


def main():
    copy()
    left = run(["python3", "local/endpoint.py", NAME])
    assert left.returncode == 0 and "Left to decide" in left.stdout, left
    again = run(["python3", "local/endpoint.py", NAME])
    assert again.returncode == 1 and "is there already" in again.stderr, again

    cargo = ["cargo", "check", "--offline", "--workspace", "--all-targets", "--keep-going", "--message-format", "short"]
    check = run([*cargo, "--target-dir", ROOT / "target"])
    errors = re.findall(r"^(\S+?):\d+:\d+: error(?:\[(\w+)\])?", check.stderr, re.M)
    assert {code for _, code in errors} == {"E0004"}, check.stderr
    assert_same("the compiler", COMPILER, {file for file, _ in errors})
    assert not re.search(rf"(functions/{NAME}|tests/src)/\S*: (error|warning)", check.stderr), check.stderr

    tests = ["repository::", "documentation::", "monitoring::", "template::"]
    test = ["cargo", "test", "--offline", "--workspace", "--test", "in_process", "--", *tests]
    of_copy = os.environ | {"REPOSITORY_ROOT": str(COPY)}
    test = subprocess.run(test, cwd=ROOT, env=of_copy, text=True, capture_output=True)
    failed = re.findall(r"^test (\S+) \.\.\. FAILED", test.stdout, re.M)
    assert_same("the tests", set(TESTS), set(failed), test.stdout + test.stderr)
    for name, reason in TESTS.items():
        output = test.stdout.split(f"---- {name} stdout ----")[1].split("\n---- ")[0]
        assert reason in output, output
    print(f"{NAME} compiles; {len(COMPILER)} files and {len(TESTS)} tests miss what is left to write.")


def copy():
    """What git would commit, with its times: cargo compiles what is newer."""
    shutil.rmtree(COPY, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    for file in listed.stdout.decode().rstrip("\0").split("\0"):
        if (ROOT / file).is_file():
            (COPY / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, COPY / file)


def run(command):
    return subprocess.run(command, cwd=COPY, text=True, capture_output=True)


def assert_same(who, expected, found, output=""):
    if expected != found:
        sys.exit(f"{output}\nMissed by {who}: {sorted(found)}, not {sorted(expected)}.")


if __name__ == "__main__":
    main()
