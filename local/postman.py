"""A collection of calls for Postman and Bruno, out of the contract in JSON.

The calls run one after the other on a stack without the user's keys as well as on any other: the first creates a key, whose id
and string the others take from variables, and the last deletes it.
"""

import json

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
# What the examples of the contract say, and the variable that takes its place. Numbers are not in quotes.
VARIABLES = {"id": "{{id}}", "key": "{{key}}", "user_id": "{{user_id}}", "userId": "{{user_id}}"}
# Headers that each call sends: a repeat of the collection is no repeat of the call.
HEADERS = {"Idempotency-Key": "{{$guid}}", "x-api-key": "{{key}}"}
# The operations that are a service's.
OF_SERVICES = {"verifyKey", "authorizeRequest", "authorizeRequestBelow"}
# What would leave keys behind.
LEFT_OUT = {"importKeys"}
ABOUT = """\
Set the variables `base_url`, `token`, `service_token` and `admin_token`: tokens of a user, and of ones with the roles `service` and \
`admin`. The first call creates a key, and the last deletes it.
"""
# The id and the string of the key that was created.
REMEMBERED = """\
const key = pm.response.json();
for (const name of ["id", "key", "user_id"]) {
    pm.collectionVariables.set(name, String(key[name]));
}"""


def collection(view):
    operations = [(path, method, operation) for path, item in view["paths"].items() for method, operation in item.items()
                  if method != "parameters" and operation["operationId"] not in LEFT_OUT]
    operations.sort(key=lambda operation: operation[2]["operationId"] == "deleteKey")
    variables = {"base_url": view["servers"][0]["url"], "token": "", "service_token": "", "admin_token": "", "id": "", "key": "", "user_id": ""}
    return {
        "info": {"name": view["info"]["title"], "description": ABOUT, "schema": SCHEMA},
        "auth": bearer("token"),
        "variable": [{"key": name, "value": value} for name, value in variables.items()],
        "item": [item(view, path, method, operation) for path, method, operation in operations],
    }


def item(view, path, method, operation):
    given = [resolved(view, parameter) for parameter in view["paths"][path].get("parameters", []) + operation.get("parameters", [])]
    query = [{"key": parameter["name"], "value": str(parameter["example"]), "disabled": True}
             for parameter in given if parameter["in"] == "query"]
    for parameter in given:
        if parameter["in"] == "path":
            place = VARIABLES.get(parameter["name"]) or parameter["example"]
            path = path.replace("{" + parameter["name"] + "}", place)
    steps = path.strip("/").split("/")
    request = {
        "method": method.upper(),
        "description": operation["description"],
        "url": {"raw": "/".join(["{{base_url}}", *steps]), "host": ["{{base_url}}"], "path": steps, "query": query},
        "header": [header(parameter) for parameter in given if parameter["in"] == "header"],
    }
    if "apiKey" in {name for scheme in operation.get("security", []) for name in scheme}:
        request |= {"auth": {"type": "noauth"}, "header": [{"key": "x-api-key", "value": "{{key}}"}]}
    elif operation["operationId"] in OF_SERVICES:
        request["auth"] = bearer("service_token")
    elif "Admin" in operation["tags"]:
        request["auth"] = bearer("admin_token")
    if "requestBody" in operation:
        request["body"] = body(view, resolved(view, operation["requestBody"])["content"])
        if request["body"]["mode"] == "raw":
            request["header"].append({"key": "Content-Type", "value": "application/json"})
    success = next(status for status in operation["responses"] if status.startswith("2"))
    script = [f'pm.test("{success}", () => pm.response.to.have.status({success}));']
    if operation["operationId"] in ("createKey", "rotateKey"):
        script += REMEMBERED.splitlines()
    event = {"listen": "test", "script": {"type": "text/javascript", "exec": script}}
    return {"name": operation["summary"], "event": [event], "request": request}


def header(parameter):
    """A header; what no call of the collection needs is there to be switched on."""
    name = parameter["name"]
    if name in HEADERS:
        return {"key": name, "value": HEADERS[name]}
    return {"key": name, "value": str(parameter["example"]), "disabled": True}


def body(view, content):
    form = resolved(view, content.get("multipart/form-data", {}).get("schema", {}))
    if fields := form.get("properties"):
        parts = [part(name, schema) for name, schema in fields.items()]
        return {"mode": "formdata", "formdata": parts}
    example = resolved(view, next(iter(content["application/json"]["examples"].values())))["value"]
    text = json.dumps({name: VARIABLES.get(name, value) for name, value in example.items()}, indent=2)
    for name in ("id", "user_id"):
        text = text.replace(f'"{VARIABLES[name]}"', VARIABLES[name])
    return {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}}


def part(name, schema):
    if schema.get("format") == "binary":
        return {"key": name, "type": "file", "src": "recording.wav"}
    return {"key": name, "type": "text", "value": VARIABLES.get(name) or schema["examples"][0]}


def bearer(variable):
    return {"type": "bearer", "bearer": [{"key": "token", "value": f"{{{{{variable}}}}}", "type": "string"}]}


def resolved(view, value):
    """A value, or the component that it refers to."""
    if "$ref" not in value:
        return value
    _, _, kind, name = value["$ref"].split("/")
    return view["components"][kind][name]
