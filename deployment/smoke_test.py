"""Calls a deployed API without credentials: what everybody may see of it must be right."""

import json
import time
import urllib.error
import urllib.request

# New lanes are known to their usage plans within a minute or so; until then calls get 503.
PATIENCE_SECONDS = 120

FORMATS = {
    "json": ("application/json", '{"error":"JWT token required"}'),
    "hl7": ("application/hl7-v2", "MSA|A"),
    "fhir": ("application/fhir+json", '"resourceType":"OperationOutcome"'),
}


def run(url, origins):
    """Prints a line for each call; returns the failures."""
    failures = []
    for name, check in checks(url, origins):
        problem = patiently(check)
        print(f"  {name}: {problem or 'ok'}", flush=True)
        if problem:
            failures.append(name)
    return failures


def patiently(check):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        status, problem = check()
        if not problem or status != 503 or time.monotonic() > deadline:
            return problem
        time.sleep(3)


def checks(url, origins):
    for format, (content_type, part) in FORMATS.items():
        yield (
            f"401 without a token in {format}",
            lambda format=format, content_type=content_type, part=part: expect(
                call(f"{url}/api/apiKeys", {"x-response-format": format}), 401, content_type, part
            ),
        )
    metadata = f"{url}/fhir/metadata"
    yield "FHIR metadata", lambda: expect(call(metadata), 200, "application/fhir+json", '"CapabilityStatement"')
    yield "404 for an unknown path", lambda: expect(call(f"{url}/api/nothing"), 404, "application/json", '"Not found"')
    if origins:
        yield "preflight", lambda: preflight(url, origins.split(",")[0].replace("*", "https://example.com"))


def preflight(url, origin):
    headers = {"Origin": origin, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
    status, answered, body = call(f"{url}/api/apiKeys", headers, "OPTIONS")
    allowed = answered.get("access-control-allow-origin")
    if status in (200, 204) and allowed in ("*", origin):
        return status, None
    return status, f"status {status} allows {allowed}, not {origin}"


def call(url, headers={}, method="GET"):
    request = urllib.request.Request(url, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, lower(response.headers), response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, lower(error.headers), error.read().decode()
    except (urllib.error.URLError, TimeoutError) as error:
        # A domain is known when its record is, which takes a minute.
        return 503, {}, json.dumps(str(error))


def lower(headers):
    return {name.lower(): value for name, value in headers.items()}


def expect(answer, status, content_type, part):
    got, headers, body = answer
    if got != status:
        return got, f"status {got}, not {status}: {body[:200]}"
    if not headers.get("content-type", "").startswith(content_type):
        return got, f"content type {headers.get('content-type')}, not {content_type}"
    return got, None if part in body.replace('": "', '":"') else f"{body[:200]!r} has no {part}"
