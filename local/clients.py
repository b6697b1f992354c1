"""Writes what code generators and API tools take, out of openapi.yaml: `make clients`.

    clients.py          writes the files into clients/
    clients.py --check  fails if that would change one

    openapi.json             the contract in JSON alone: without the formats HL7 v2 and FHIR, their own URLs, the headers that choose
                             them, and the definitions of FHIR. Errors share one schema.
    openapi-3.0.json         the same for tools that know OpenAPI 3.0 only.
    postman_collection.json  a call of each operation, in an order that works, for Postman and Bruno.
"""

import copy
import json
import re
import sys
from pathlib import Path

import yaml

import postman

ROOT = Path(__file__).parent.parent
METHODS = {"get", "post", "put", "patch", "delete"}
JSON, FORM = "application/json", "multipart/form-data"
FORMAT_HEADERS = {"x-request-format", "x-response-format"}
ABOUT = """\
The contract in JSON alone, as code generators take it. `openapi.yaml` has everything: the formats HL7 v2 and FHIR, and the
text of each error.

"""


def main(check):
    contract = yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))
    view = json_view(contract)
    files = {
        "openapi.json": view,
        "openapi-3.0.json": openapi_3_0(view),
        "postman_collection.json": postman.collection(view),
    }
    for name, content in files.items():
        path = ROOT / "clients" / name
        text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            sys.exit(f"clients/{name} is not what openapi.yaml gives. Run: make clients")


# JSON alone


def json_view(contract):
    view = copy.deepcopy(contract)
    info = view["info"]
    _formats, limits, rest = info["description"].partition("## Every response")
    info["description"] = ABOUT + limits + rest
    view["components"]["schemas"]["Error"] = error_schema(contract)
    view["paths"] = {path: item for path, item in view["paths"].items() if not path.startswith(("/fhir/", "/hl7"))}
    view["tags"] = [tag for tag in view["tags"] if tag["name"] in tags_of(view)]
    for item in view["paths"].values():
        for holder in [item, *operations_of(item)]:
            without_format_headers(view, holder)
        for operation in operations_of(item):
            operation["description"] = re.sub(r"\AHL7 event [^.]*\.\s*", "", operation["description"])
            if is_empty_body(view, operation):
                del operation["requestBody"]
            for answer in operation["responses"].values():
                share_error(view, answer)
    for holder in every(view, "content"):
        formats = {name: content for name, content in holder["content"].items() if name in (JSON, FORM)}
        if formats.keys() == {JSON, FORM}:
            # Of two, openapi-python-client makes a module that cannot be imported, and of any value as well.
            formats = {JSON: formats[JSON] | {"schema": {"type": "object"}}}
        holder["content"] = formats
        if not formats:
            del holder["content"]
    without_unused_components(view)
    return view


def tags_of(view):
    return {tag for item in view["paths"].values() for operation in operations_of(item) for tag in operation["tags"]}


def operations_of(item):
    return [operation for method, operation in item.items() if method in METHODS]


def without_format_headers(view, holder):
    if "parameters" in holder:
        kept = [given for given in holder["parameters"] if resolved(view, given)["name"] not in FORMAT_HEADERS]
        holder["parameters"] = kept
        if not kept:
            del holder["parameters"]


def is_empty_body(view, operation):
    """Whether all that the body may be is an object without members."""
    body = resolved(view, operation.get("requestBody", {"required": True}))
    return not body.get("required") and not resolved(view, body["content"][JSON]["schema"]).get("properties")


def share_error(view, answer):
    """Gives an error the schema that all of them share."""
    content = resolved(view, answer).get("content", {}).get(JSON, {})
    schema = resolved(view, content.get("schema", {}))
    if "error" in schema.get("properties", {}):
        content["schema"] = {"$ref": "#/components/schemas/Error"}


def error_schema(contract):
    """All errors as one: a text, and what is wrong with which field."""
    details = contract["components"]["schemas"]["InvalidError"]["properties"]["details"]
    properties = {
        "error": {"type": "string", "description": "What is wrong, in one of the texts that the responses describe."},
        "details": details | {"description": "Each field at fault, with 400 and 413."},
    }
    return {"type": "object", "required": ["error"], "properties": properties}


def without_unused_components(view):
    """Drops components that nothing refers to, also through others."""
    components = view["components"]
    schemes = {f"securitySchemes/{name}" for name in components["securitySchemes"]}
    used, left = set(), references(view | {"components": {}}) | schemes
    while left:
        used |= left
        found = [components[kind][name] for kind, _, name in (reference.partition("/") for reference in left)]
        left = references(found) - used
    for kind, members in list(components.items()):
        components[kind] = {name: member for name, member in members.items() if f"{kind}/{name}" in used}
        if not components[kind]:
            del components[kind]


def references(value):
    """What a value refers to, such as `schemas/ApiKey`."""
    return {holder["$ref"].removeprefix("#/components/") for holder in every(value, "$ref")}


def every(value, name):
    """Every object in a value that has a member of this name, however deep."""
    if isinstance(value, dict):
        if name in value:
            yield value
        for member in list(value.values()):
            yield from every(member, name)
    elif isinstance(value, list):
        for element in value:
            yield from every(element, name)


def resolved(view, value):
    """A value, or the component that it refers to."""
    if "$ref" not in value:
        return value
    _, _, kind, name = value["$ref"].split("/")
    return view["components"][kind][name]


# OpenAPI 3.0


def openapi_3_0(view):
    """The view with what JSON Schema says in words of OpenAPI 3.0."""
    older = copy.deepcopy(view)
    older["openapi"] = "3.0.3"
    del older["info"]["summary"], older["info"]["license"]["identifier"]
    # OpenAPI Generator writes it into each file.
    older["info"]["description"] = ABOUT.strip()
    for item in older["paths"].values():
        for operation in operations_of(item):
            # A reference has no text of its own.
            operation["responses"] = {status: described(view, answer) for status, answer in operation["responses"].items()}
    for holder in every(older, "schema"):
        holder["schema"] = schema_3_0(holder["schema"])
    schemas = older["components"]["schemas"]
    older["components"]["schemas"] = {name: schema_3_0(schema) for name, schema in schemas.items()}
    without_unused_components(older)
    return older


def described(view, answer):
    if answer.keys() == {"$ref", "description"}:
        return resolved(view, answer) | {"description": answer["description"]}
    return answer


def schema_3_0(schema):
    """A schema of JSON Schema 2020-12 in OpenAPI 3.0's dialect. What that cannot say is left out."""
    schema = copy.deepcopy(schema)
    if "properties" in schema:
        schema["properties"] = {name: schema_3_0(value) for name, value in schema["properties"].items()}
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            schema[name] = schema_3_0(schema[name])
    for name in ("allOf", "oneOf"):
        if name in schema:
            schema[name] = [schema_3_0(value) for value in schema[name]]
    schema.pop("propertyNames", None)
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    if "examples" in schema:
        schema["example"] = schema.pop("examples")[0]
    if isinstance(schema.get("type"), list):
        first, *others = [name for name in schema.pop("type") if name != "null"]
        # Null belongs to a type there. Generators lose it in a choice of types, so that is any value.
        if not others:
            schema |= {"type": first, "nullable": True}
    if "$ref" in schema and len(schema) > 1:
        schema["allOf"] = [{"$ref": schema.pop("$ref")}]
    return schema


if __name__ == "__main__":
    main(sys.argv[1:] == ["--check"])
