"""What a client of OpenAPI Generator does with keys of its own, also when it is refused."""

import os
from datetime import datetime, timezone
from urllib.parse import parse_qs, urlsplit

from nuxera_generated import ApiClient, AuditApi, Configuration, CreateKey, KeysApi, KeyType, RefusedKey, Status, UseApi, ValidKey
from nuxera_generated import VerifyKey
from nuxera_generated.exceptions import ApiException, BadRequestException
from nuxera_generated.models.error import Error

HOST = os.environ["API_URL"]
# Left to itself, it waits after a 429, and repeats the call.
client = ApiClient(Configuration(host=HOST, access_token=os.environ["TOKEN"], retries=0))
service = ApiClient(Configuration(host=HOST, access_token=os.environ["SERVICE_TOKEN"]))
keys = KeysApi(client)


def names_in_pages(limit: int) -> list[list[str]]:
    pages = []
    cursor: str | None = None
    while cursor != "":
        answer = keys.list_keys_with_http_info(limit=limit, cursor=cursor)
        pages.append([key.name for key in answer.data])
        link = urlsplit((answer.headers or {}).get("link", "").split(">")[0].lstrip("<"))
        cursor = parse_qs(link.query).get("cursor", [""])[0]
    return pages


def new(name: str, expiry_at: datetime | None = None) -> CreateKey:
    return CreateKey(name=name, type=KeyType.LIVE, status=Status.ACTIVE, expiry_at=expiry_at)


created = keys.create_key(new("first"))
assert len(created.key) == 65 and created.key.startswith("nux_live_"), created
assert (created.message, created.expiry_at, created.usage_count) == ("API Key created", None, 0), created
read = keys.get_key(created.id)
assert (read.key, read.created_at) == (created.key, created.created_at), read

for name in ("second", "third", "fourth", "fifth"):
    keys.create_key(new(name))
assert names_in_pages(2) == [["first", "second"], ["third", "fourth"], ["fifth"]]

valid = UseApi(service).verify_key(VerifyKey(key=created.key)).actual_instance
assert isinstance(valid, ValidKey) and valid.id == created.id, valid
paused = keys.pause_key(created.id)
assert paused.status is Status.PAUSED, paused
refused = UseApi(service).verify_key(VerifyKey(key=created.key)).actual_instance
assert isinstance(refused, RefusedKey) and refused.reason == "paused", refused

trail = AuditApi(client).list_audit(created.id)
assert [entry.action for entry in trail] == ["pause", "create"], trail
assert trail[0].changes["status"].to == "paused" and trail[1].changes["name"].var_from is None, trail

try:
    keys.create_key(new("late", datetime(2020, 1, 1, tzinfo=timezone.utc)))
    raise AssertionError("it was created")
except BadRequestException as wrong:
    assert isinstance(wrong.data, Error) and wrong.data.details, wrong
    details = [(detail.var_field, detail.message) for detail in wrong.data.details]
    assert details == [("expiry_at", "expiry_at must be in the future")], details

for _ in range(200):
    try:
        keys.list_keys(limit=1)
    except ApiException as limited:
        assert limited.status == 429 and isinstance(limited.data, Error), limited
        assert limited.data.error == "Rate limit exceeded" and limited.headers, limited
        assert int(limited.headers["Retry-After"]) > 0, limited
        break
else:
    raise AssertionError("no call was refused")
