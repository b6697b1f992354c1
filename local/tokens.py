"""Signs JWTs for the local AWS: `make token USER_ID=123 [ROLE=admin]`."""

import base64
import hashlib
import hmac
import json
import sys
import time
from pathlib import Path

LIFETIME_SECONDS = 12 * 3600


def sign(secret, user_id, role=None):
    """An HS256 token for the user, valid for half a day."""
    now = int(time.time())
    claims = {"user_id": int(user_id), "iat": now, "exp": now + LIFETIME_SECONDS}
    if role:
        claims["role"] = role
    return sign_claims(secret, claims)


def sign_claims(secret, claims):
    """An HS256 token with any claims."""
    header = {"alg": "HS256", "typ": "JWT"}
    signed = ".".join(encode(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
    return signed + "." + encode(hmac.digest(secret.encode(), signed.encode(), hashlib.sha256))


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read_env(path):
    """The assignments of a stack.env."""
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


if __name__ == "__main__":
    stack, user_id, *role = sys.argv[1:]
    if not Path(stack).exists():
        sys.exit(f"There is no {stack} yet: start `make local` first.")
    if not user_id.isdecimal():
        sys.exit("Usage: make token USER_ID=123 [ROLE=admin]")
    print(sign(read_env(Path(stack))["JWT_SECRET"], user_id, *role))
