"""What a client of openapi-python-client does with keys of its own, also when it is refused."""

import os
from datetime import datetime, timezone
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from nuxera import AuthenticatedClient
from nuxera.api.audit import list_audit
from nuxera.api.keys import create_key, get_key, list_keys, pause_key
from nuxera.api.use import verify_key
from nuxera.models import ApiKey, ApiKeyCreated, CreateKey, Error, KeyType, RefusedKey, Status, ValidKey, VerifyKey
from nuxera.types import UNSET

client = AuthenticatedClient(base_url=os.environ["API_URL"], token=os.environ["TOKEN"])
service = AuthenticatedClient(base_url=os.environ["API_URL"], token=os.environ["SERVICE_TOKEN"])


def create(name: str) -> ApiKeyCreated:
    body = CreateKey(name=name, type_=KeyType.LIVE, status=Status.ACTIVE, expiry_at=None)
    created = create_key.sync(client=client, body=body)
    assert isinstance(created, ApiKeyCreated), created
    return created


def names_in_pages(limit: int) -> list[list[str]]:
    pages = []
    cursor: str | None = None
    while cursor != "":
        answer = list_keys.sync_detailed(client=client, limit=limit, cursor=cursor or UNSET)
        assert isinstance(answer.parsed, list), answer
        pages.append([key.name for key in answer.parsed])
        link = urlsplit(answer.headers.get("link", "").split(">")[0].lstrip("<"))
        cursor = parse_qs(link.query).get("cursor", [""])[0]
    return pages


created = create("first")
assert len(created.key) == 65 and created.key.startswith("nux_live_"), created
assert (created.message, created.expiry_at, created.usage_count) == ("API Key created", None, 0), created
read = get_key.sync(created.id, client=client)
assert isinstance(read, ApiKey) and (read.key, read.created_at) == (created.key, created.created_at), read

for name in ("second", "third", "fourth", "fifth"):
    create(name)
assert names_in_pages(2) == [["first", "second"], ["third", "fourth"], ["fifth"]]

valid = verify_key.sync(client=service, body=VerifyKey(key=created.key))
assert isinstance(valid, ValidKey) and valid.id == created.id, valid
paused = pause_key.sync(created.id, client=client)
assert isinstance(paused, ApiKey) and paused.status is Status.PAUSED, paused
refused = verify_key.sync(client=service, body=VerifyKey(key=created.key))
assert isinstance(refused, RefusedKey) and refused.reason == "paused", refused

trail = list_audit.sync(created.id, client=client)
assert isinstance(trail, list) and [entry.action for entry in trail] == ["pause", "create"], trail
assert trail[0].changes["status"].to == "paused" and trail[1].changes["name"].from_ is None, trail

past = CreateKey(name="late", type_=KeyType.LIVE, status=Status.ACTIVE, expiry_at=datetime(2020, 1, 1, tzinfo=timezone.utc))
wrong = create_key.sync_detailed(client=client, body=past)
assert wrong.status_code is HTTPStatus.BAD_REQUEST and isinstance(wrong.parsed, Error), wrong
assert isinstance(wrong.parsed.details, list), wrong
assert [(detail.field, detail.message) for detail in wrong.parsed.details] == [("expiry_at", "expiry_at must be in the future")]

answers = (list_keys.sync_detailed(client=client, limit=1) for _ in range(200))
limited = next(answer for answer in answers if answer.status_code is HTTPStatus.TOO_MANY_REQUESTS)
assert isinstance(limited.parsed, Error) and limited.parsed.error == "Rate limit exceeded", limited
assert int(limited.headers["retry-after"]) > 0, limited.headers
