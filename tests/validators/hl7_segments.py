"""Says what is wrong with HL7 v2 messages.

Reads one message a line, as a JSON string; answers each with one line, a JSON array of complaints, empty for a valid
message. Every message goes through two validators: hl7apy, strict and with its warnings taken for errors, and hl7types.

Neither knows our Z segments: hl7apy takes every field of theirs for a plain one and checks no more, hl7types skips them.
So their layout is declared here (`SEGMENTS`), and the two validators are held to it: hl7apy's own data types check
every field, hl7types gets the segments as part of the message's model.
"""

import json
import os
import re
import sys
import tempfile
import warnings
from typing import List, Optional

from hl7apy import load_reference
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_field, parse_message
from hl7types import HL7Registry, decode_er7, encode_er7
from hl7types.hl7 import HL7Model
from hl7types.hl7.v2_5_1.messages import ACK
from hl7types.hl7.v2_5_1.segments import MSH
from pydantic import Field, create_model

VERSION = "2.5.1"
NULL = '""'

YES_NO = set(load_reference("HL70136", "Table", VERSION)[1])
TYPES = {"live", "test", "ai-medical-note", "t2yd"}
STATUSES = {"active", "paused", "expired"}
ACTIONS = {"create", "update", "delete", "pause", "resume", "set_default", "remove_default", "rotate", "expire", "import"}
ROLES = {"user", "admin", "service", "system"}
REASONS = {"unknown", "paused", "expired", "limit"}

# What changed: a field's name, its value before and after. There may be several.
CHANGES = ("ST", "ST", "ST")

# Per field: the data type, or those of its components; whether a response has it (R: always, N: always, but it may be null, O: or not at all,
# X: never), and its codes.
SEGMENTS = {
    "ZAK": [
        ("SI", "R", None),
        ("NM", "R", None),
        ("ST", "R", None),
        ("ST", "R", None),
        ("ID", "R", TYPES),
        ("ID", "R", STATUSES),
        ("ID", "R", YES_NO),
        ("TS", "R", None),
        ("TS", "N", None),
        ("NM", "R", None),
        ("NM", "X", None),
        ("TS", "N", None),
        ("NM", "R", None),
        ("NM", "X", None),
    ],
    "ZUS": [("SI", "R", None), ("NM", "R", None), ("DT", "O", None), ("NM", "R", None), ("TS", "O", None)],
    "ZVF": [
        ("SI", "R", None),
        ("ID", "R", YES_NO),
        ("ID", "O", REASONS),
        ("NM", "O", None),
        ("NM", "O", None),
        ("ID", "O", TYPES),
        ("ID", "O", STATUSES),
    ],
    "ZAU": [
        ("SI", "R", None),
        ("TS", "R", None),
        ("ID", "R", ACTIONS),
        ("NM", "R", None),
        ("NM", "N", None),
        ("ID", "R", ROLES),
        ("ST", "N", None),
        ("ST", "R", None),
        (CHANGES, "O", None),
    ],
}
# What the tables leave to a pattern in their text: events, messages and structures that begin with Z, and the names of
# HL7's own tables.
FINE = re.compile(
    r"Value (Z\d\d not in table HL70003|ZAK not in table HL70076|ZAK_Z\d\d not in table HL70354) in element MSH_9"
    r"|Value HL7\d{4} not in table HL70396 "
)


ESCAPE = re.compile(r"\\([FSTRE]|X([0-9A-F]{2})+)\\")


def complaints(message):
    segments = message.split("\r")
    if segments.pop() or "\n" in message or "" in segments:
        return ["segments: not every one ends with one carriage return"]
    found = []
    for check in (hl7apy, hl7types, z_segments, lengths, escapes):
        try:
            found += [f"{check.__name__}: {complaint}" for complaint in check(message, segments)]
        except Exception as error:
            found.append(f"{check.__name__}: {type(error).__name__}: {error}")
    return found


def hl7apy(_message, segments):
    # Without them, a response is what `ACK` is in the standard; a strict parser knows no other structure by that type.
    segments = [segment for segment in segments if segment[:3] not in SEGMENTS]
    message = "".join(f"{segment}\r" for segment in [segments[0].replace("^ACK_Z01|", "^ACK|"), *segments[1:]])
    # Its search for groups drops every segment that it does not expect, without a word.
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report")
        parsed = parse_message(
            message, VALIDATION_LEVEL.STRICT, find_groups=False, force_validation=True, report_file=report
        )
        with open(report, encoding="utf-8") as lines:
            found = [line.strip() for line in lines if not FINE.search(line)]
    if parsed.version != VERSION:
        found.append(f"version {parsed.version} instead of {VERSION}")
    return found


def hl7types(_message, segments):
    # It takes text between two escapes for one more escape, so it is shown none.
    segments = [segments[0], *(ESCAPE.sub("_", segment) for segment in segments[1:])]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = encode_er7(decode_er7("\r".join(segments), registry=REGISTRY)).split("\r")
    # It keeps what it understands, and says nothing of the rest.
    if [skeleton(segment) for segment in again] != [skeleton(segment) for segment in segments]:
        return [f"understands only {again}"]
    return []


def skeleton(segment):
    return segment[:3] + re.sub(r"[^|^~&]", "", segment.rstrip("|"))


def z_segments(message, segments):
    message_type = segments[0].split("|")[8]
    is_response = message_type.startswith("ACK")
    if is_response and not message_type.endswith("^ACK_Z01") and any(segment[:3] in SEGMENTS for segment in segments):
        yield f"{message_type} has no place for Z segments"
    expected_set_ids = {}
    for segment in segments:
        name, *values = segment.split("|")
        if name not in SEGMENTS:
            continue
        layout = SEGMENTS[name]
        if len(values) > len(layout):
            yield f"{name} has more than {len(layout)} fields"
        values += [""] * (len(layout) - len(values))
        expected_set_ids[name] = expected_set_ids.get(name, 0) + 1
        if values[0] != str(expected_set_ids[name]):
            yield f"{name}-1 is {values[0]} instead of {expected_set_ids[name]}"
        for number, (value, (data_type, usage, codes)) in enumerate(zip(values, layout), 1):
            where = f"{name}-{number}"
            if is_response:
                if usage in "RN" and not value or usage == "R" and value == NULL:
                    yield f"{where} is missing"
                if usage == "X" and value:
                    yield f"{where} is not for responses"
            if value in ("", NULL):
                continue
            if isinstance(data_type, tuple):
                for repetition in value.split("~"):
                    components = repetition.split("^")
                    if len(components) != len(data_type) or "" in components:
                        yield f"{where} has {repetition} instead of {len(data_type)} components"
                    for component, component_type in zip(components, data_type):
                        yield from plain(component, component_type, where)
                continue
            if codes is not None and value not in codes:
                yield f"{where} is {value}, not one of {sorted(codes)}"
            if data_type == "TS" and not value.endswith("+0000"):
                yield f"{where} is not in UTC"
            yield from plain(value, data_type, where)


def plain(value, data_type, where):
    """What hl7apy says of a field without components."""
    if re.search(r"[\^~&]", value):
        yield f"{where} has components or repetitions"
    try:
        reference = ("leaf", None, data_type, where, None, -1)
        parse_field(value, where.replace("-", "_"), VERSION, None, VALIDATION_LEVEL.STRICT, reference, True)
    except Exception as error:
        yield f"{where}: {error}"


def lengths(message, segments):
    """Of the ids, which neither validator measures: 20 characters each in version 2.5.1."""
    fields = {segment[:3]: segment.split("|") for segment in segments}
    for where, value in (("MSH-10", fields["MSH"][9]), ("MSA-2", fields.get("MSA", ["", "", "-"])[2])):
        if not 1 <= len(value) <= 20:
            yield f"{where} has {len(value)} characters instead of 1 to 20"


def escapes(_message, segments):
    for segment in segments[1:]:
        if "\\" in ESCAPE.sub("", segment):
            yield f"{segment} has an escape that is none"


def registry():
    """hl7types' models of our messages: an acknowledgement with Z segments, and a request."""
    known = HL7Registry()
    segments = {name: model(name, [data_type for data_type, _, _ in layout]) for name, layout in SEGMENTS.items()}
    for name, segment in segments.items():
        known.register_segment(name, segment)
    repeated = {name: (Optional[List[segment]], None) for name, segment in segments.items()}
    known.register_message(VERSION, "ACK_Z01", create_model("Response", __base__=ACK, **repeated))
    for event in range(1, 16):
        structure = f"ZAK_Z{event:02}"
        request = create_model(structure, __base__=HL7Model, MSH=(MSH, ...), ZAK=(segments["ZAK"], ...))
        known.register_message(VERSION, structure, request)
    return known


def model(name, data_types):
    """hl7types' model of a segment, or of a field with components."""
    fields = {}
    for number, data_type in enumerate(data_types, 1):
        kind = List[model(f"{name}{number}", data_type)] if isinstance(data_type, tuple) else str
        fields[f"{name.lower()}_{number}"] = (Optional[kind], Field(None, serialization_alias=f"{name}.{number}"))
    return create_model(name, __base__=HL7Model, **fields)


REGISTRY = registry()

if __name__ == "__main__":
    sys.stdin.reconfigure(encoding="utf-8")
    for line in sys.stdin:
        print(json.dumps(complaints(json.loads(line))), flush=True)
