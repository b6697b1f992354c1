"""Writes an endpoint about one key, which at first answers as get-key does, and says what is left to decide.

    endpoint.py NAME [ROUTE]    NAME is a verb and a noun, as in archive-key; ROUTE is PATCH /api/apiKeys/{id}/<verb>
                                unless another method and path are given
"""

import json
import re
import sys
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

MANIFEST = """\
[package]
name = "{name}"
version.workspace = true
edition.workspace = true
license.workspace = true
publish.workspace = true

[dependencies]
shared.workspace = true
tokio.workspace = true

[lints]
workspace = true
"""

MAIN = """\
//! Runs the endpoint as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), shared::LambdaError> {{
    shared::run({snake}::OPERATION, {snake}::ACCESS, {snake}::handle).await
}}
"""

LIBRARY = """\
//! `{route}`

use shared::{{Access, App, Call, Error, Operation, Reply}};

/// The operation that this endpoint implements.
pub const OPERATION: Operation = Operation::{pascal};
/// The access that a caller needs.
pub const ACCESS: Access = Access::User;

/// Returns one of the caller's keys. 404 unknown.
///
/// # Errors
///
/// As above, or when the table fails.
pub async fn handle(app: App, call: Call) -> Result<Reply, Error> {{
    let key = app.keys.get(&call.author, call.key()?).await?;
    Ok(Reply::key(key))
}}
"""

VARIANT = """\
    /// `{route}`
    {pascal},
"""

ROW = """\
    Row {{
        operation: Operation::{pascal},
        name: "{name}",
        failure: "{failure}",
        trigger_event: "{event}",
        fhir_routes: &["POST {fhir_path}"],
        ..DEFAULTS
    }},
"""

FUNCTION = """\
  {pascal}Function:
    Type: AWS::Serverless::Function
    Metadata: {{ BuildMethod: rust-cargolambda }}
    Properties:
      CodeUri: functions/{name}
      Role: !GetAtt {pascal}Role.Arn
      Events:
        Call:
          Type: Api
          Properties: {{ RestApiId: !Ref Api, Method: {method}, Path: "{path}" }}
        Fhir:
          Type: Api
          Properties: {{ RestApiId: !Ref Api, Method: POST, Path: "{fhir_path}" }}

  {pascal}Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: *lambda
      ManagedPolicyArns: [!Ref LogAndTracePolicy, !Ref CountCallsPolicy, !Ref ReadKeysPolicy, !Ref ShowKeysPolicy]

"""

PATH_ITEM = """\
  {path}:
    parameters:
      - {{$ref: '#/components/parameters/KeyId'}}
      - {{$ref: '#/components/parameters/ResponseFormat'}}
      - {{$ref: '#/components/parameters/RequestFormat'}}
    {method_lower}:
{operation}
"""

FHIR_PATH_ITEM = """\
  {fhir_path}:
    parameters:
      - {{$ref: '#/components/parameters/KeyId'}}
    post:
{operation}
"""

TEST = """\
//! `{route}`

use shared::Operation;
use tests::TestApp;

#[tokio::test]
async fn it_returns_the_key() {{
    let test = TestApp::start().await;
    let key = test.key("a").await;
    assert_eq!(test.call(Operation::{pascal}).id(1).send().await.ok(), key);
}}

#[tokio::test]
async fn an_unknown_key_is_not_found() {{
    let test = TestApp::start().await;
    test.call(Operation::{pascal}).id(1).send().await.assert_refused(404, "API Key not found");
}}
"""

LEFT = """\
{name} answers {route}, and POST {fhir_path}, as get-key does. Left to decide:

  functions/{name}/src/lib.rs        the rule, and what is returned; rules about keys go into shared/src/keys/
  shared/src/operation.rs            the failure text, the body and its fields, and whether {event} is the HL7 event
  template.yaml                      the policies of {pascal}Role: exactly what the calls to AWS need
  openapi.yaml                       summary, statuses, schemas and examples, after which `make generated`
  tests/in_process/{snake}.rs        what the endpoint does

Left to write, each missed by a check:

  functions/get-conformance/         OperationDefinition-{name}.json in resources/, the CapabilityStatement, src/lib.rs
  docs/                              a call in api-tour.md, rows in formats.md and architecture.md
  tests/                             the arms that `cargo check --workspace --all-targets` asks for

docs/add-an-endpoint.md explains each.
"""


class Change:
    """What is to be written: nothing is until everything is known to fit."""

    def __init__(self):
        self.files = {}

    def create(self, path, text):
        if (ROOT / path).exists():
            sys.exit(f"{path} is there already.")
        self.files[path] = text

    def read(self, path):
        return self.files.get(path) or (ROOT / path).read_text()

    def insert(self, path, before, text, times=1):
        """Puts text before each of the places, of which there must be so many."""
        whole = self.read(path)
        if whole.count(before) != times:
            found = whole.count(before)
            sys.exit(f"{path} has {before.strip()!r} {found} times, not {times}: an endpoint does not fit there.")
        self.files[path] = whole.replace(before, text + before)

    def write(self):
        for path, text in self.files.items():
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / path).write_text(text)


def main(name, route=None):
    verb = name.split("-")[0]
    route = route or f"PATCH /api/apiKeys/{{id}}/{verb}"
    if not re.fullmatch(r"[a-z]+(-[a-z]+)+", name):
        sys.exit(f"{name!r} is not a verb and nouns in lower case, such as archive-key.")
    if not re.fullmatch(r"(GET|POST|PUT|PATCH|DELETE) /api/apiKeys/\{id\}/[A-Za-z]+", route):
        sys.exit(f"{route!r} is not a method and a path below /api/apiKeys/{{id}}.")
    method, path = route.split()
    words = name.split("-")
    change = Change()
    operations = change.read("shared/src/operation.rs")
    last = max(int(number) for number in re.findall(r'trigger_event: "Z(\d+)"', operations))
    parts = {
        "name": name,
        "snake": name.replace("-", "_"),
        "pascal": "".join(word.capitalize() for word in words),
        "camel": words[0] + "".join(word.capitalize() for word in words[1:]),
        "route": route,
        "method": method,
        "method_lower": method.lower(),
        "path": path,
        "fhir_path": f"/fhir/Basic/{{id}}/${verb}",
        "event": f"Z{last + 1:02}",
        "failure": f"Failed to {verb} API Key",
    }
    crate(change, parts)
    operation_row(change, parts, operations)
    deployment(change, parts)
    contract(change, parts)
    tests(change, parts)
    change.write()
    print(LEFT.format(**parts), end="")


def crate(change, parts):
    folder = f"functions/{parts['name']}"
    change.create(f"{folder}/Cargo.toml", MANIFEST.format(**parts))
    change.create(f"{folder}/src/main.rs", MAIN.format(**parts))
    change.create(f"{folder}/src/lib.rs", LIBRARY.format(**parts))
    event = json.loads(change.read("events/get-key.json"))
    request_id = str(uuid.uuid5(uuid.NAMESPACE_URL, parts["name"]))
    client_path = parts["path"].replace("{id}", "1")
    event |= {"resource": parts["path"], "path": client_path, "httpMethod": parts["method"]}
    event["requestContext"] |= {
        "resourceId": request_id[:6],
        "resourcePath": parts["path"],
        "httpMethod": parts["method"],
        "path": f"/{event['requestContext']['stage']}{client_path}",
        "requestId": request_id,
    }
    change.create(f"events/{parts['name']}.json", json.dumps(event, indent=2) + "\n")
    arm = f"        Operation::{parts['pascal']} => Endpoint::new({parts['snake']}::ACCESS, {parts['snake']}::handle),\n"
    change.insert("functions/receive-message/src/lib.rs", "        Operation::AuthorizeRequest\n", arm)
    dependency = f'{parts["name"]} = {{ path = "../{parts["name"]}" }}\n'
    change.insert("functions/receive-message/Cargo.toml", "shared.workspace = true\n", dependency)


def operation_row(change, parts, operations):
    file = "shared/src/operation.rs"
    change.insert(file, "    /// `POST /hl7`, with a message", VARIANT.format(**parts))
    change.insert(file, "    Row {\n        operation: Operation::ReceiveMessage,", ROW.format(**parts))
    rows = int(re.search(r"const ROWS: \[Row; (\d+)\]", operations)[1])
    change.files[file] = change.read(file).replace(f"[Row; {rows}]", f"[Row; {rows + 1}]")


def deployment(change, parts):
    file = "template.yaml"
    change.insert(file, "  VerifyKeyFunction:\n", FUNCTION.format(**parts))
    preflight = f'          "{parts["path"]}": {{ options: *preflight }}\n'
    change.insert(file, "          /api/apiKeys/removeDefault: {", preflight)
    preflight = f'          "{parts["fhir_path"]}": {{ options: *preflight }}\n'
    change.insert(file, '          "/fhir/Basic/{id}/$audit": {', preflight)
    line = f"[\"...\", \"${{{parts['pascal']}Function}}\"],\n            "
    change.insert(file, '["...", "${GetConformanceFunction}"]', line, times=3)


def contract(change, parts):
    file = "openapi.yaml"
    whole = change.read(file)
    if f"  {parts['path']}:\n" in whole:
        sys.exit(f"{file} has the path {parts['path']} already.")
    change.insert(file, "  /api/transcribe:\n", PATH_ITEM.format(**parts, operation=described(whole, "getKey", parts)) + "\n")
    operation = described(whole, "getKeyInFhir", parts).replace("The read interaction.", f"The operation `{parts['fhir_path'][17:]}`.")
    change.insert(file, "  /fhir/metadata:\n", FHIR_PATH_ITEM.format(**parts, operation=operation) + "\n")
    change.insert(file, "            - Failed to transcribe\n", f"            - {parts['failure']}\n")


def described(contract, like, parts):
    """The operation that it starts as, with a name and a failure of its own."""
    operation = re.search(rf"^      operationId: {like}\n.*?(?=\n    \w|\n\n  \S)", contract, re.M | re.S)[0]
    operation = operation.replace("getKey", parts["camel"]).replace("Failed to fetch API Key", parts["failure"])
    operation = re.sub("HL7 event Z[0-9]+", f"HL7 event {parts['event']}", operation)
    summary = re.sub("api key", "API Key", parts["failure"].removeprefix("Failed to ").capitalize(), flags=re.I)
    in_fhir = " (FHIR)" if like.endswith("InFhir") else ""
    return re.sub("summary: .*", f"summary: {summary}{in_fhir}", operation)


def tests(change, parts):
    name, snake, pascal = parts["name"], parts["snake"], parts["pascal"]
    file = "tests/Cargo.toml"
    change.insert(file, "shared.workspace = true\n", f'{name} = {{ path = "../functions/{name}" }}\n')
    change.insert(file, '    "verify-key",\n', f'    "{name}",\n')
    file = "tests/src/test_app.rs"
    arm = f"            Operation::{pascal} => endpoint!({snake}),\n"
    change.insert(file, "            Operation::VerifyKey => endpoint!", arm)
    change.insert(file, "            | Operation::GetUsage => call.id(1),\n", f"            | Operation::{pascal}\n")
    change.insert(file, "        | Operation::Dictate => None,\n", f"        | Operation::{pascal}\n")
    change.insert("tests/in_process/main.rs", "mod assign_lane;\n", f"mod {snake};\n")
    change.create(f"tests/in_process/{snake}.rs", TEST.format(**parts))


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
