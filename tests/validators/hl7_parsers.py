"""Says what common parsers read in HL7 v2 messages.

Reads one message a line, as a JSON string; answers each with one line: by parser, the segments after MSH, each a list of its
name and its fields. The parsers run with their defaults; hl7types, which knows no segments but those of a registered
structure, with our registration.
"""

import json
import sys

import hl7
from hl7_segments import REGISTRY
from hl7apy.parser import parse_message
from hl7types import decode_er7


def by_hl7apy(message):
    for segment in parse_message(message).children:
        fields = {field.name.rpartition("_")[2]: field.value for field in segment.children}
        yield segment.name, {number: str(value) for number, value in fields.items() if number.isdigit()}


def by_hl7(message):
    parsed = hl7.parse(message)
    for segment in parsed:
        yield str(segment[0]), {number: parsed.unescape(str(field)) for number, field in enumerate(segment[1:], 1)}


def by_hl7types(message):
    for name, segments in decode_er7(message.rstrip("\r"), registry=REGISTRY):
        for segment in segments if isinstance(segments, list) else [segments] if segments else []:
            dumped = segment.model_dump(by_alias=True, exclude_none=True).items()
            yield name, {field.partition(".")[2]: text(value) for field, value in dumped}


def text(value):
    """The first component of the first repetition."""
    while isinstance(value, (list, dict)):
        value = value[0] if isinstance(value, list) else next(iter(value.values()))
    return str(value)


def read(parser, message):
    segments = []
    for name, fields in parser(message):
        if name != "MSH":
            last = max(int(number) for number in fields)
            segments.append([name, *(fields.get(str(number), fields.get(number, "")) for number in range(1, last + 1))])
    return segments


PARSERS = {"hl7apy": by_hl7apy, "hl7": by_hl7, "hl7types": by_hl7types}

if __name__ == "__main__":
    sys.stdin.reconfigure(encoding="utf-8")
    for line in sys.stdin:
        message = json.loads(line)
        print(json.dumps({name: read(parser, message) for name, parser in PARSERS.items()}), flush=True)
