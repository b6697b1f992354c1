"""Tests the deployed API against openapi.yaml with Schemathesis: `make test-contract`.

Runs in the environment of a deployment (local_aws.py run). Makes two users with keys first, so that the cases have
something to meet.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "local"))
import tokens  # noqa: E402

API_URL = os.environ["API_URL"]
FIRST, SECOND = 7_001, 7_002


def main():
    first, second = token(FIRST, ["service", "admin"]), token(SECOND, ["service"])
    # Small numbers are drawn often, also for what is to be deleted: the first keys are there for that.
    keys = [create(first) for _ in range(6)][3:]
    others = create(second)
    audit = f"/api/apiKeys/{keys[0]['id']}/audit"
    call(first, "PUT", f"/api/apiKeys/{keys[0]['id']}", {"name": "Renamed"})
    lists = {
        "listKeys": "/api/apiKeys",
        "listUserKeys": f"/api/apiKeys/userKeys/{FIRST}",
        "listAudit": audit,
    }
    state = {
        "user_id": FIRST,
        "ids": [key["id"] for key in keys],
        "key": keys[0]["key"],
        "cursors": {operation: cursor(first, path) for operation, path in lists.items()},
    }
    users = {"auth": [user("first", first, keys[0]), user("second", second, others)]}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(users, file)
        file.flush()
        schemathesis = Path(sys.executable).parent / "schemathesis"
        command = [schemathesis, "--config-file", HERE / "schemathesis.toml", "run", ROOT / "openapi.yaml"]
        variables = {"CONTRACT_STATE": json.dumps(state), "CONTRACT_USERS": file.name}
        variables |= {"SCHEMATHESIS_HOOKS": str(HERE / "request_generator.py")}
        command += ["--url", API_URL, *sys.argv[1:]]
        # Started there, it leaves what it remembers beside the deployment.
        there = Path(os.environ["LOG_FILE"]).parent
        sys.exit(subprocess.run(command, env=os.environ | variables, cwd=there).returncode)


def token(user_id, roles):
    claims = {"user_id": user_id, "exp": int(time.time()) + tokens.LIFETIME_SECONDS, "roles": roles}
    return tokens.sign_claims(os.environ["JWT_SECRET"], claims)


def call(token, method, path, body=None):
    """A call that succeeds: its headers, and what its body holds."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(API_URL + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.headers, json.load(response)


def create(token):
    body = {"name": "Contract", "type": "live", "status": "active", "expiry_at": None}
    return call(token, "POST", "/api/apiKeys", body)[1]


def cursor(token, path):
    link = call(token, "GET", f"{path}?limit=1")[0]["Link"]
    return link.split("cursor=")[1].split(">")[0]


def user(name, token, key):
    headers = [{"name": "Authorization", "value": f"Bearer {token}"}, {"name": "x-api-key", "value": key["key"]}]
    return {"name": name, "fixedHeaders": headers}


if __name__ == "__main__":
    main()
