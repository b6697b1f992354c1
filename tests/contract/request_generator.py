"""What a schema cannot say about requests: which rules a valid one also keeps, and how HL7 v2 is written."""

import json
import os
import random
import re
import unicodedata
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core import NotSet
from schemathesis.core.failures import AcceptedNegativeData
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.meta import TestPhase
from schemathesis.openapi.checks import UnsupportedMethodResponse, UseAfterFree

HL7, FHIR = "application/hl7-v2", "application/fhir+json"
FORMATS = {"application/json": "json", HL7: "hl7", FHIR: "fhir"}
# Of a message at the URL of all messages.
MESSAGES = [HL7, "application/hl7-v2+er7", "x-application/hl7-v2+er7", "text/plain"]
EVENTS = {
    "createKey": "Z01",
    "updateKey": "Z04",
    "pauseKey": "Z06",
    "resumeKey": "Z07",
    "setDefault": "Z08",
    "removeDefault": "Z09",
    "rotateKey": "Z11",
    "verifyKey": "Z14",
    "lookupKey": "Z16",
}
# The further events at the URL of all messages, with the field of ZAK that names what they are about.
READING_EVENTS = {"listKeys": ("Z02", None), "getKey": ("Z03", 2), "listUserKeys": ("Z10", 10)}
READING_EVENTS |= {"getUsage": ("Z12", 2), "listAudit": ("Z13", 2)}
# Its first 44 bytes are what the transcription service takes for a recording.
RECORDING = (Path(__file__).parents[2] / "local/samples/recording.wav").read_bytes()

# What an update does not set. It may be there as it was read, which no drawn value is.
UNCHANGED = {"id", "key", "status", "is_default", "created_at", "user_id", "last_used_at", "usage_count"}
UNCHANGED_IN_FHIR = {"identifier", "subject", "created"}
SET_IN_FHIR = ("/api-key-name", "/api-key-type", "/api-key-expiry-at")
# The operations that are done in FHIR by another route.
IN_FHIR = re.compile("InFhir(ByPost)?$")

# The requests that the transcription service takes on the paths that are passed on unread.
FORWARDED = {
    "forwardTranscription": {
        "application/json": ("medical-note", {"transcribedText": "The patient has a fever."}),
        "multipart/form-data": ("v2", {"file": RECORDING[:44]}),
    },
    "dictate": {"multipart/form-data": (None, {"audio": RECORDING[:44]})},
}

# What run.py made before: a user's keys, and the cursors that Link headers of lists of theirs gave.
STATE = json.loads(os.environ["CONTRACT_STATE"])
FUTURE = "2100-01-01T00:00:00Z"

# An expiry must be in the future.
schemathesis.openapi.format(
    "date-time",
    st.builds(
        lambda time, minutes: time.replace(tzinfo=timezone(timedelta(minutes=minutes))).isoformat(),
        st.datetimes(min_value=datetime(2100, 1, 1), max_value=datetime(9998, 12, 31)),
        st.integers(-12 * 60, 14 * 60),
    ),
)


# Bodies that carry what createKey gave. The contract cannot say so: in its links a body is one expression, and code
# generators refuse any other.
LINKED_BODIES = {"setDefault": {"id": "$response.body#/id"}, "removeDefault": {"id": "$response.body#/id"}}
LINKED_BODIES |= {name: {"key": "$response.body#/key"} for name in ("verifyKey", "lookupKey")}


@schemathesis.hook
def before_load_schema(_context, schema):
    links = schema["paths"]["/api/apiKeys"]["post"]["responses"]["201"]["links"]
    links |= {name: {"operationId": name, "requestBody": body} for name, body in LINKED_BODIES.items()}


@schemathesis.serializer(*MESSAGES)
def write_hl7(_context, value):
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.deserializer(*MESSAGES)
def read_hl7(_context, response):
    return response.content.decode()


@schemathesis.hook
def filter_case(_context, case):
    """An empty text is no body, which is not needed everywhere: it breaks no rule there."""
    return case.body != "" or case.media_type not in MESSAGES


@schemathesis.hook
def before_call(_context, case, _kwargs):
    """Makes a request that the schema allows one that the API accepts. What a case is to be refused for stays as it is."""
    meta = case.meta
    if meta is None:
        return
    mode, components = meta.generation.mode, dict(meta.components)
    valid = {location for location in ParameterLocation if not meta.is_negative_at(location)}
    operation = operation_of(case)
    if ParameterLocation.PATH in valid and meta.phase.name != TestPhase.STATEFUL:
        # Drawn ids name nothing; half of them give way to real ones. What is deleted is left to the stateful tests.
        real = {"user_id": [STATE["user_id"]]} | ({} if operation == "deleteKey" else {"id": STATE["ids"]})
        for name in real.keys() & case.path_parameters.keys():
            number = int(case.path_parameters[name]) if str(case.path_parameters[name]).isdecimal() else 1
            if number % 2 == 0:
                case.path_parameters[name] = real[name][number % len(real[name])]
    if ParameterLocation.QUERY in valid and "cursor" in case.query:
        # Cursors are opaque: only those that the API gave are any good.
        # A message may ask for any list; another list than that of the cursor refuses it.
        case.query["cursor"] = STATE["cursors"].get(operation, STATE["cursors"]["listKeys"])
    if ParameterLocation.HEADER in valid and "If-Match" in case.headers:
        # A version that is not the key's is refused with 412.
        case.headers["If-Match"] = "*"
    if ParameterLocation.HEADER in valid and case.media_type in FORMATS:
        # The format that is announced is that of the body.
        case.headers["x-request-format"] = FORMATS[case.media_type]
    if ParameterLocation.HEADER in valid and operation == "transcribe":
        # With another format, the form needs fewer parts than the schema says.
        case.headers["x-request-format"] = "json"
    if ParameterLocation.HEADER in valid and meta.phase.name == TestPhase.STATEFUL and operation == "createKey":
        # The links to what can be done with a key lead through its JSON.
        case.headers["x-response-format"] = "json"
    if ParameterLocation.BODY in valid and not isinstance(case.body, NotSet):
        if case.media_type in MESSAGES:
            case.body = message(case.body) if operation == "receiveMessage" else hl7_request(operation, case.body)
        elif case.media_type in FORMATS:
            case.body = acceptable(case.body)
            if operation == "updateKey":
                case.body = update(case.body, case.path_parameters["id"])
        elif case.media_type == "multipart/form-data" and operation == "transcribe":
            # A form of the key's owner. Where it is not what a case is about, Schemathesis leaves its texts empty.
            case.body |= {"userId": str(STATE["user_id"]), "audio": RECORDING[:44]}
            case.body["speciality"] = case.body["speciality"] or "General Practice"
        if operation in FORWARDED and ParameterLocation.PATH in valid:
            # The bodies are the service's own: one that it takes, where it takes it.
            path, case.body = FORWARDED[operation][case.media_type]
            if path:
                case.path_parameters["path"] = path
    # Schemathesis judges an edited case anew, and takes a form with bytes for invalid. The edits made none less valid.
    # And it takes a case with a broken body for a valid one where its subject is a valid header.
    meta = case.meta
    meta.components.update(components)
    meta.generation.mode = mode if valid >= components.keys() else GenerationMode.NEGATIVE


def operation_of(case):
    return IN_FHIR.sub("", case.operation.definition.raw["operationId"])


def update(body, key_id):
    """An update that sets something, and leaves out what it does not set."""
    if "resourceType" not in body:
        return {name: value for name, value in body.items() if name not in UNCHANGED} or {"name": "Renamed"}
    if body["resourceType"] != "Basic":
        return body
    name = {"url": "https://nuxera.cloud/fhir/StructureDefinition/api-key-name", "valueString": "Renamed"}
    extensions = [extension for extension in body["extension"] if extension["url"].endswith(SET_IN_FHIR)]
    kept = {name: value for name, value in body.items() if name not in UNCHANGED_IN_FHIR}
    return kept | {"id": str(key_id), "extension": extensions or [name]}


def acceptable(body):
    """A body with expiries in the future, integers without a fraction and, in FHIR, where ids are text, ids that can be."""
    match body:
        case {"reference": _}:
            return {"reference": f"Basic/{STATE['ids'][0]}"}
        case dict():
            expiries = {"expiry_at", "valueInstant"} & body.keys()
            later = {name: FUTURE for name in expiries if isinstance(body[name], str) and body[name] < FUTURE}
            names = {name for name in {"name", "valueString"} & body.keys() if isinstance(body[name], str)}
            readable = {name: "Lab gateway" for name in names if misleads(body[name])}
            return {name: acceptable(value) for name, value in body.items()} | later | readable
        case list():
            return [acceptable(value) for value in body]
        case float() if body.is_integer():
            # JSON Schema takes 1.0 for an integer.
            return int(body)
    return body


def misleads(text):
    """Whether a name has what the pattern of the schema cannot exclude: signs of lost bytes, or nothing to be seen."""
    hidden = re.compile("[\u115f\u1160\u3164\uffa0\u034f\u17b4\u17b5\u180b-\u180f\ufe00-\ufe0f\u2065\ufff0-\ufff8\U000e0000-\U000e0fff]")
    seen = [char for char in text if unicodedata.category(char) not in {"Cc", "Cf", "Zs", "Zl", "Zp"} and not hidden.match(char)]
    return not seen or re.search("[\ufffd\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", text) is not None


def message(seed):
    """A message for any operation but a deletion."""
    draw = random.Random(str(seed))
    operation = draw.choice([*EVENTS, *READING_EVENTS])
    about = {2: str(draw.choice(STATE["ids"])), 10: str(STATE["user_id"])}
    if operation in READING_EVENTS:
        event, field = READING_EVENTS[operation]
        return written(event, {field: about[field]} if field else {}, draw)
    fields = {"updateKey", "pauseKey", "resumeKey", "rotateKey"} & {operation} and {2: about[2]}
    return hl7_request(operation, seed, fields or {})


def hl7_request(operation, seed, fields=None):
    """A message for the operation. What is drawn for it follows from the seed, the string that the schema gave."""
    draw = random.Random(str(seed))
    name = draw.choice(["Lab gateway", "Stationsgerät Ä", "a", "x" * 100, r"A \T\ B \F\ C"])
    kind = draw.choice(["live", "test", "ai-medical-note", "t2yd"])
    expiry = draw.choice(["", '""', "21000101000000+0000", "29991231235959.999+0200"])
    zak = dict(fields or {})
    match operation:
        case "createKey":
            zak |= {4: name, 5: kind, 6: draw.choice(["active", "paused", "expired"]), 9: expiry}
        case "updateKey":
            zak |= {4: name, 5: draw.choice(["", kind]), 9: expiry}
        case "setDefault":
            zak |= {2: str(draw.choice(STATE["ids"])), 11: draw.choice(["", str(STATE["ids"][0])])}
        case "removeDefault":
            zak |= {2: str(draw.choice(STATE["ids"]))}
        case "rotateKey":
            zak |= {14: draw.choice(["", "0", "2592000"])}
        case "verifyKey" | "lookupKey":
            zak |= {3: draw.choice([STATE["key"], "nux_live_x"])}
        case "pauseKey" | "resumeKey":
            pass
    return written(EVENTS[operation], zak, draw)


def written(event, fields, draw):
    """A message with these fields of ZAK. Its control id is of this message alone: a repeat would be the same request."""
    zak = dict.fromkeys(range(1, 15), "") | {1: "1"} | fields
    header = rf"MSH|^~\&|LAB|HOSP|NUXERA|APIKEYS|20260303090000.000+0000||ZAK^{event}^ZAK_Z01|{uuid.uuid4().hex[:20]}|P|2.5.1"
    return header + "||||||UNICODE UTF-8\rZAK|" + "|".join(zak.values()).rstrip("|") + draw.choice(["\r", "\n", "\r\n"])


NOT_FOUND = {
    b'{"error":"Not found"}',
    b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found","details":{"text":"Not found"}}]}',
}


@schemathesis.hook
def filter_failure(_context, failure, case, response):
    """Drops what is a failure elsewhere and a promise here. Everything else counts."""
    if isinstance(failure, UseAfterFree):
        # The audit trail outlives its key.
        return operation_of(case) != "listAudit"
    if isinstance(failure, AcceptedNegativeData) and operation_of(case) == "receiveMessage":
        # A message is refused with 200 and an acknowledgment that says so, and it decides which parameters mean anything.
        refused = any(code in response.content for code in (b"\rMSA|AE|", b"\rMSA|AR|"))
        return not refused and case.meta.is_negative_at(ParameterLocation.BODY)
    if not isinstance(failure, UnsupportedMethodResponse):
        return True
    if operation_of(case).startswith("authorizeRequest"):
        # Its methods are those of the requests that a proxy guards. The contract names the one of proxies with their own.
        return False
    # API Gateway cannot answer 405. It knows no unknown methods, only unknown routes: 404, with one of these bodies.
    return not (response.status_code == 404 and response.content in NOT_FOUND)
