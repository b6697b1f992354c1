"""Moves the keys of a file into a deployment: one JSON object per line, as POST /api/apiKeys/import takes them.

    import_keys.py FILE [ENVIRONMENT] [--config FILE]

The deployment is the local one, or that of an environment in samconfig.toml; then TOKEN is a token with the role admin.
Progress is kept beside the file, in FILE.progress: repeated, the command goes on where it stopped. Lines that the service
refuses are listed by number in FILE.refused. No key string is ever printed.
"""

import argparse
import hashlib
import http.client
import json
import os
import sys
import time
import urllib.parse
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_KEYS = 100
MAX_BYTES = 256 * 1024
OUTCOMES = ("imported", "exists", "invalid")
# How long a call is repeated before the command gives up.
PATIENCE_SECONDS = 300
RETRIED = {429, 502, 503, 504}


class Stopped(Exception):
    """Why the import cannot go on. What was done stays done."""


def main():
    parser = argparse.ArgumentParser(usage="make import FILE=keys.ndjson [ENV=prod]")
    parser.add_argument("file", type=Path)
    parser.add_argument("environment", nargs="?")
    parser.add_argument("--config", type=Path, default=ROOT / "samconfig.toml")
    arguments = parser.parse_args()
    if not arguments.file.is_file():
        sys.exit(f"There is no file {arguments.file}.")
    url, token = deployed(arguments.environment, arguments.config) if arguments.environment else local()
    try:
        total, first = survey(arguments.file)
        progress = Progress.of(arguments.file, total)
        import_all(Api(url, token), arguments.file, first, progress)
    except (Stopped, KeyboardInterrupt) as stopped:
        sys.exit(f"\n{stopped or 'Stopped'}\nRepeat the command to go on where it stopped.")
    progress.end()
    if progress.counts["invalid"]:
        sys.exit(f"{progress.refused} says why, line by line. Mend those lines, and repeat the command: the others exist then.")


def local():
    sys.path.insert(0, str(ROOT / "local"))
    import tokens

    stack = Path(os.environ.get("LOCAL_DIR", ROOT / ".local")) / "stack.env"
    if not stack.is_file():
        sys.exit(f"There is no {stack} yet: start `make local` first, or name an environment, as in ENV=staging.")
    settings = tokens.read_env(stack)
    return settings["API_URL"], tokens.sign(settings["JWT_SECRET"], 1, "admin")


def deployed(name, config):
    import environment

    token = os.environ.get("TOKEN") or sys.exit("TOKEN must be a token with the role admin, as in: export TOKEN=eyJ…")
    try:
        env = environment.load(name, config)
    except environment.Unusable as unusable:
        sys.exit(str(unusable))
    outputs = env.stack_description().get("Outputs") or sys.exit(f"There is no stack {env.stack} in {env.region}.")
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}["ApiUrl"], token


def survey(file):
    """The number of lines, and that of the line with the highest id: it goes first, so that ids which are given to new keys
    meanwhile lie behind all of the file's."""
    total, highest, first = 0, 0, None
    for number, line in lines(file):
        total += 1
        try:
            key = json.loads(line)
        except ValueError as error:
            raise Stopped(f"{file}:{number} is no JSON: {error.msg} at column {error.colno}") from None
        if not isinstance(key, dict):
            raise Stopped(f"{file}:{number} is no JSON object")
        if isinstance(key.get("id"), int) and key["id"] > highest:
            highest, first = key["id"], number
    if not total:
        raise Stopped(f"{file} has no keys")
    return total, first


def lines(file):
    """The lines that are not blank, with their numbers."""
    with file.open("rb") as content:
        for number, line in enumerate(content, 1):
            try:
                text = line.decode().strip()
            except UnicodeDecodeError:
                raise Stopped(f"{file}:{number} is not UTF-8") from None
            if text:
                yield number, text


def import_all(api, file, first, progress):
    if not progress.has_begun() and first:
        highest = next(line for number, line in lines(file) if number == first)
        progress.add([first], api.send([highest]), until=0)
    batch, size = [], 0
    for number, line in lines(file):
        if number <= progress.until:
            continue
        length = len(line.encode()) + 1
        if batch and (len(batch) == MAX_KEYS or size + length + 16 > MAX_BYTES):
            send(api, batch, first, progress)
            batch, size = [], 0
        batch.append((number, line))
        size += length
    if batch:
        send(api, batch, first, progress)


def send(api, batch, first, progress):
    # The line that went first is counted already.
    rest = [(number, line) for number, line in batch if number != first]
    results = api.send([line for _, line in rest]) if rest else []
    progress.add([number for number, _ in rest], results, until=batch[-1][0])


class Api:
    """The import of a deployment, by one connection."""

    def __init__(self, url, token):
        self.url = urllib.parse.urlsplit(url)
        self.token = token
        self.connection = None

    def send(self, keys):
        body = ('{"keys":[' + ",".join(keys) + "]}").encode()
        deadline = time.monotonic() + PATIENCE_SECONDS
        wait = 0.5
        while True:
            status, retry_after, answer = self.call(body)
            if status == 200:
                return json.loads(answer)["results"]
            if status not in RETRIED and status is not None:
                raise Stopped(refusal(status, answer))
            wait = min(float(retry_after or wait), 30)
            if time.monotonic() + wait > deadline:
                raise Stopped(f"The service has not answered for {PATIENCE_SECONDS} s, last with status {status}")
            time.sleep(wait)
            wait = min(wait * 2, 30)

    def call(self, body):
        """Status, Retry-After and body; no status if the service cannot be reached."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            if not self.connection:
                secure = self.url.scheme == "https"
                connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
                self.connection = connect(self.url.netloc, timeout=60)
            self.connection.request("POST", f"{self.url.path}/api/apiKeys/import", body, headers)
            response = self.connection.getresponse()
            return response.status, response.headers.get("Retry-After"), response.read()
        except (OSError, http.client.HTTPException):
            self.connection = None
            return None, None, b""


def refusal(status, answer):
    try:
        error = json.loads(answer)["error"]
    except (ValueError, KeyError, TypeError):
        error = "no JSON"
    remedy = {401: " Is TOKEN still valid?", 403: " TOKEN must have the role admin."}.get(status, "")
    return f"The service refuses the import with status {status}: {error}.{remedy}"


class Progress:
    """What is done of a file. It is written after each call, and tells where to go on."""

    def __init__(self, file, total, digest):
        self.total, self.digest = total, digest
        self.path = Path(f"{file}.progress")
        self.refused = Path(f"{file}.refused")
        self.until = 0
        self.counts = dict.fromkeys(OUTCOMES, 0)
        self.started, self.before = time.monotonic(), 0

    @classmethod
    def of(cls, file, total):
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        progress = cls(file, total, digest)
        try:
            kept = json.loads(progress.path.read_text())
        except FileNotFoundError:
            kept = {}
        if kept.get("sha256") == digest:
            progress.until, progress.counts = kept["until"], kept["counts"]
            progress.before = progress.done()
            print(f"Going on after line {progress.until} of {file}", flush=True)
        else:
            progress.refused.unlink(missing_ok=True)
        return progress

    def has_begun(self):
        return self.done() > 0

    def done(self):
        return sum(self.counts.values())

    def add(self, numbers, results, until):
        if len(numbers) != len(results):
            raise Stopped(f"The service answers about {len(results)} keys, not {len(numbers)}")
        for number, result in zip(numbers, results):
            self.counts[result["outcome"]] += 1
            if result["outcome"] == "invalid" or result.get("details"):
                reasons = "; ".join(detail["message"] for detail in result["details"])
                with self.refused.open("a") as refused:
                    refused.write(f"line {number}: {result['outcome']}: {reasons}\n")
        self.until = until
        state = {"sha256": self.digest, "until": until, "counts": self.counts}
        written = self.path.with_name(self.path.name + ".new")
        written.write_text(json.dumps(state))
        written.replace(self.path)
        self.show()

    def show(self):
        seconds = max(time.monotonic() - self.started, 0.001)
        rate = (self.done() - self.before) / seconds
        left = f", {(self.total - self.done()) / rate:.0f} s left" if rate else ""
        text = f"{self.done():,} of {self.total:,} keys, {rate:.0f} a second{left}"
        print(f"\r{text:60}" if sys.stdout.isatty() else text, end="" if sys.stdout.isatty() else "\n", flush=True)

    def end(self):
        self.path.unlink(missing_ok=True)
        counts = ", ".join(f"{count:,} {outcome}" for outcome, count in self.counts.items())
        print(f"{chr(10) if sys.stdout.isatty() else ''}{self.total:,} keys: {counts}", flush=True)


if __name__ == "__main__":
    main()
