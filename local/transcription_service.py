"""A transcription service for development: speech recognition on this machine, for English in WAV files.

    transcription_service.py PORT

It takes what POST /api/transcribe passes on, listens on the loopback interface only, refuses what web pages send, and
ends when its standard input closes, so that it cannot outlive whoever started it. Recognition takes about a quarter of the recording's length.
"""

import io
import json
import os
import sys
import threading
import wave
from array import array
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import guard
from pocketsphinx import Decoder

# What the model was trained on: samples a second, 16 bits each, one channel.
RATE = 16_000
MAX_BODY_BYTES = 6_000_000


class Refusal(Exception):
    """The request cannot be transcribed; the message says why."""


class Handler(BaseHTTPRequestHandler):
    decoder = None
    one_at_a_time = threading.Lock()

    def do_POST(self):
        try:
            parts = self.parts()
            for name in ("audio", "userId", "speciality"):
                if name not in parts:
                    raise Refusal(f"{name} is missing")
            samples = read_wav(parts["audio"])
            with self.one_at_a_time:
                text = recognise(self.decoder, samples)
            self.answer(200, {"text": text})
        except Refusal as refusal:
            self.answer(400, {"error": str(refusal)})

    def parts(self):
        """The parts of the form by their names."""
        length = int(self.headers.get("Content-Length", 0))
        if not 0 < length <= MAX_BODY_BYTES:
            self.close_connection = True
            raise Refusal(f"the body must have 1 to {MAX_BODY_BYTES} bytes")
        if self.headers.get_content_type() != "multipart/form-data":
            self.rfile.read(length)
            raise Refusal("the body must be multipart/form-data")
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        form = BytesParser(policy=HTTP).parsebytes(head + self.rfile.read(length))
        return {
            part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
            for part in form.iter_parts()
        }

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


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
