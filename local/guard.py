"""Keeps web pages away from what `make local` runs.

Listening on the loopback interface keeps other machines out, but not the pages in this machine's browsers: any page may
send requests to 127.0.0.1, and has only their answers kept from it. Three things tell its requests from ours.

- Host: a page whose own name was made to resolve to 127.0.0.1 (DNS rebinding) may read the answers. It sends that name.
- Origin, Sec-Fetch-Site and the like: browsers add them, and a page can neither leave them out nor change them.
- Authorization: a page cannot send it elsewhere unless that place agrees, and does not know our access key.

All servers hold requests to the first two, and MiniStack, which does everything that AWS does, to all three. Only the
paths of the deployed API are for pages: there, the API's own authentication and CORS rules decide.
"""

import json
import re
from urllib.parse import quote

LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
ACCESS_KEY_ID = re.compile(r"AWS4-HMAC-SHA256 Credential=(\w+)/")


def is_addressed_to(port, headers):
    """Whether the one Host of a request is a name of this machine, with the port that listens."""
    hosts = [value.lower() for name, value in headers if name.lower() == "host"]
    return hosts in [[f"{name}:{port}"] for name in LOCAL_NAMES]


def is_sent_by_browser(headers):
    """Whether a request has a header that browsers set and their pages cannot."""
    return any(name.lower() == "origin" or name.lower().startswith("sec-") for name, _ in headers)


def access_key_id(headers):
    """The access key of a request that is signed in its Authorization header."""
    values = [value for name, value in headers if name.lower() == "authorization"]
    signed = ACCESS_KEY_ID.match(values[0]) if len(values) == 1 else None
    return signed and signed[1]


class Guard:
    """An ASGI application in front of MiniStack's."""

    def __init__(self, app, port, is_known_key, api_path):
        """`is_known_key` takes an access key id; `api_path` turns a path of the deployed API into MiniStack's name for it."""
        self.app, self.port, self.is_known_key, self.api_path = app, port, is_known_key, api_path

    async def __call__(self, scope, receive, send):
        match scope["type"]:
            case "lifespan":
                await self.app(scope, receive, send)
            case "http":
                await self.serve(scope, receive, send)
            case _:
                # WebSockets: neither the API nor any client of AWS uses them.
                await send({"type": "websocket.close"})

    async def serve(self, scope, receive, send):
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        path = self.api_path(scope["path"])
        if not is_addressed_to(self.port, headers):
            await refuse(send, "The Host is not a name of this machine, with this port.")
        elif path:
            await self.app(scope | {"path": path, "raw_path": quote(path).encode()}, receive, send)
        elif is_sent_by_browser(headers):
            await refuse(send, "The local AWS is not for browsers: only the paths of the deployed API are.")
        elif not self.is_known_key(access_key_id(headers)):
            await refuse(send, "The request is not signed with the access key of this local AWS, which aws.env holds.")
        else:
            await self.app(scope, receive, without_cors(send))


async def refuse(send, message):
    """Answers as AWS does when access is denied, in JSON."""
    body = json.dumps({"__type": "AccessDeniedException", "message": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def without_cors(send):
    """MiniStack lets every page read its answers."""

    async def send_without_cors(message):
        if message["type"] == "http.response.start":
            kept = [header for header in message["headers"] if not header[0].lower().startswith(b"access-control-")]
            message = message | {"headers": kept}
        await send(message)

    return send_without_cors


def guard_handler(handler):
    """Makes a class of handlers of http.server, and those derived from it, refuse what pages send."""
    parse_request = handler.parse_request

    def parse_and_check(request):
        if not parse_request(request):
            return False
        headers = request.headers.items()
        if is_addressed_to(request.server.server_address[1], headers) and not is_sent_by_browser(headers):
            return True
        request.close_connection = True
        request.send_error(403, "Not for browsers, nor under another name of this machine")
        return False

    handler.parse_request = parse_and_check
