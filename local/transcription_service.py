"""A transcription and dictation service for development: speech recognition on this machine, for English in WAV files.

    transcription_service.py PORT

It takes what POST /api/transcribe, the paths below it and POST /api/dictate pass on, listens on the loopback interface only,
refuses what web pages send, and ends when its standard input closes, so that it cannot outlive whoever started it. Recognition
takes about a quarter of the recording's length.

A session is a recording in chunks: requests of one user with the same `sessionId`. Each is answered with its own text, and the
one with `isFinalChunk` also with that of the whole session, in the order of `sequence`.
"""

import io
import json
import os
import sys
import threading
import wave
from array import array
from collections import OrderedDict
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import guard
from pocketsphinx import Decoder

# What the model was trained on: samples a second, 16 bits each, one channel.
RATE = 16_000
MAX_BODY_BYTES = 6_000_000
# Sessions that never end are forgotten when there are more.
MAX_SESSIONS = 100


class Refusal(Exception):
    """The request cannot be transcribed; the message says why."""


class Sessions:
    """The texts of the chunks of each session so far."""

    def __init__(self):
        self.texts, self.lock = OrderedDict(), threading.Lock()

    def add(self, session, sequence, text, is_final):
        """The text of the whole session, if the chunk is its last."""
        with self.lock:
            chunks = self.texts.setdefault(session, {})
            chunks[sequence] = text
            self.texts.move_to_end(session)
            if is_final:
                del self.texts[session]
            while len(self.texts) > MAX_SESSIONS:
                self.texts.popitem(last=False)
        return " ".join(text for _, text in sorted(chunks.items()) if text) if is_final else None


class Handler(BaseHTTPRequestHandler):
    decoder = None
    one_at_a_time = threading.Lock()
    sessions = Sessions()

    def do_POST(self):
        body = self.body()
        try:
            match urlsplit(self.path).path:
                case "/transcribe":
                    self.answer(200, self.transcribe(form(self.headers, body)))
                case "/transcribe/v2":
                    self.answer(200, {"text": self.text(form(self.headers, body), "file")})
                case "/transcribe/medical-note":
                    self.answer(200, medical_note(body))
                case "/dictate":
                    self.answer(200, self.chunk(form(self.headers, body)))
                case _:
                    self.answer(404, {"error": "There is no such path"})
        except Refusal as refusal:
            self.answer(400, {"error": str(refusal)})

    def transcribe(self, parts):
        request = {"hl7": "hl7_request", "fhir": "fhir_request"}.get(self.headers["x-request-format"], "speciality")
        if request not in parts:
            raise Refusal(f"{request} is missing")
        return self.chunk(parts)

    def chunk(self, parts):
        text = self.text(parts, "audio")
        if "sessionId" not in parts:
            return {"text": text}
        session, sequence = parts["sessionId"].decode(errors="replace"), parts.get("sequence", b"0")
        if not sequence.isdigit():
            raise Refusal("sequence must be a number")
        sequence = int(sequence)
        is_final = parts.get("isFinalChunk") == b"true"
        user = self.headers["x-nuxera-user-id"]
        whole = self.sessions.add((user, session), sequence, text, is_final)
        return {"sessionId": session, "sequence": sequence, "text": text} | ({"transcript": whole} if is_final else {})

    def text(self, parts, name):
        """The words of the recording in a part."""
        if name not in parts:
            raise Refusal(f"{name} is missing")
        samples = read_wav(parts[name])
        with self.one_at_a_time:
            return recognise(self.decoder, samples)

    def body(self):
        length = int(self.headers.get("Content-Length", 0))
        if length > MAX_BODY_BYTES:
            self.close_connection = True
            return b""
        return self.rfile.read(length)

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def form(headers, body):
    """The parts of a form by their names."""
    if not body:
        raise Refusal(f"the body must have 1 to {MAX_BODY_BYTES} bytes")
    if headers.get_content_type() != "multipart/form-data":
        raise Refusal("the body must be multipart/form-data")
    head = f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode()
    parts = BytesParser(policy=HTTP).parsebytes(head + body).iter_parts()
    return {part.get_param("name", header="content-disposition"): part.get_payload(decode=True) for part in parts}


def medical_note(body):
    """A note from a transcript: its sentences, under the one heading that needs no medicine."""
    try:
        text = json.loads(body)["transcribedText"]
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal("the body must be JSON with transcribedText") from error
    return {"note": {"subjective": str(text)}}


def read_wav(data):
    """The samples of a WAV file with PCM of any rate, width and number of channels, as the model wants them."""
    try:
        with wave.open(io.BytesIO(data)) as recording:
            channels, width, rate, *_ = recording.getparams()
            frames = recording.readframes(recording.getnframes())
    except (wave.Error, EOFError) as error:
        raise Refusal("audio must be a WAV file with PCM") from error
    if width == 1:
        # The only width without a sign.
        samples = array("h", ((byte - 128) << 8 for byte in frames))
    else:
        upper = bytearray(len(frames) // width * 2)
        upper[0::2], upper[1::2] = frames[width - 2 :: width], frames[width - 1 :: width]
        samples = array("h", bytes(upper))
    if channels > 1:
        samples = array("h", (sum(frame) // channels for frame in zip(*(samples[i::channels] for i in range(channels)))))
    return samples if rate == RATE else resample(samples, rate)


def resample(samples, rate):
    """Between two samples a straight line."""
    samples = samples + samples[-1:]
    positions = (divmod(index * rate, RATE) for index in range((len(samples) - 1) * RATE // rate))
    return array("h", (samples[i] + (samples[i + 1] - samples[i]) * part // RATE for i, part in positions))


def recognise(decoder, samples):
    if not samples:
        return ""
    decoder.start_utt()
    try:
        decoder.process_raw(samples.tobytes(), full_utt=True)
    finally:
        decoder.end_utt()
    hypothesis = decoder.hyp()
    return hypothesis.hypstr if hypothesis else ""


def stop_with_parent():
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=stop_with_parent, daemon=True).start()
    guard.guard_handler(Handler)
    # It listens before the model is loaded, which takes a second: whoever comes early waits.
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler) as server:
        Handler.decoder = Decoder(samprate=RATE, loglevel="ERROR")
        server.serve_forever()
