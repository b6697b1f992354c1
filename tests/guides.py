"""Tries the two guides in a copy of the repository.

An endpoint is made there: it compiles, and everything that is left to write is missed, by the compiler or by a test that
compares files of the repository. A field is added to a key: the compiler misses it in the places of the guide.
"""

import os
import re
import subprocess
import sys

from fresh_copy import ROOT, fresh_copy

# Always the same folder, so that only what has changed is compiled again.
COPY = ROOT / ".local/guides"
NAME = "archive-key"

# Matches over operations without a default.
COMPILER = {
    "shared/src/format/hl7/read_request.rs",
    "tests/benches/bench/functions.rs",
    "tests/in_process/damaged_items/keys.rs",
    "tests/in_process/faults.rs",
    "tests/in_process/formats.rs",
    "tests/in_process/headers.rs",
    "tests/in_process/receive_message.rs",
}
# The tests were compiled without the endpoint, so its row and its failure text are missing in the code.
TESTS = {
    "documentation::the_tour_makes_every_call": "PATCH /api/apiKeys/{id}/archive is not called",
    "repository::every_error_text_is_documented_and_no_other": "Failed to archive API Key",
    "repository::folders_functions_events_operations_and_routes_are_the_same": "template.yaml and Operation::ALL",
}

# A field of the guide's example: its row, and the types that have a member per field.
ROW = """\
    Field {{
        name: "note",
        kind: FieldType::Text,
        zak: {zak},
        extension: Some("api-key-note"),
        input_of: &[Operation::CreateKey, Operation::UpdateKey],
        is_audited: true,
        ..SHOWN_ONLY
    }},
];

/// Names in the audit trail"""
MEMBERS = {
    "shared/src/keys/key.rs": ["Key", "NewKey", "Update"],
    "shared/src/keys/view.rs": ["KeyView"],
}
# Without them, the key does not compile.
FIELD = {
    "shared/src/keys/existing.rs",
    "shared/src/keys/key.rs",
    "shared/src/keys/view.rs",
    "shared/src/store/issuance.rs",
    "shared/src/store/key_record.rs",
}


def main():
    endpoint()
    field()


def endpoint():
    copy()
    left = run(["python3", "local/endpoint.py", NAME])
    assert left.returncode == 0 and "Left to decide" in left.stdout, left
    again = run(["python3", "local/endpoint.py", NAME])
    assert again.returncode == 1 and "is there already" in again.stderr, again

    output, errors = compile("--all-targets")
    assert {code for _, code in errors} == {"E0004"}, output
    assert_same("the compiler", COMPILER, {file for file, _ in errors})
    assert not re.search(rf"(functions/{NAME}|tests/src)/\S*: (error|warning)", output), output

    tests = ["repository::", "documentation::", "monitoring::", "template::"]
    test = ["cargo", "test", "--offline", "--workspace", "--test", "in_process", "--", *tests]
    of_copy = os.environ | {"REPOSITORY_ROOT": str(COPY)}
    test = subprocess.run(test, cwd=ROOT, env=of_copy, text=True, capture_output=True)
    failed = re.findall(r"^test (\S+) \.\.\. FAILED", test.stdout, re.M)
    assert_same("the tests", set(TESTS), set(failed), test.stdout + test.stderr)
    for name, reason in TESTS.items():
        output = test.stdout.split(f"---- {name} stdout ----")[1].split("\n---- ")[0]
        assert reason in output, output
    print(f"{NAME} compiles; {len(COMPILER)} files and {len(TESTS)} tests miss what is left to write.")


def field():
    copy()
    edit("shared/src/fields.rs", r"\];\n\n/// Names in the audit trail", lambda text, _: ROW.format(zak=count(text) + 2))
    edit("shared/src/fields.rs", r"(?<=FIELDS: \[Field; )\d+", lambda text, _: str(count(text) + 1))
    for file, types in MEMBERS.items():
        for name in types:
            edit(file, rf"pub struct {name} {{\n", lambda _, found: f"{found}    /// A note.\n    pub note: Option<String>,\n")
    output, errors = compile()
    files = {file for file, _ in errors}
    assert_same("the compiler", FIELD, files, output)
    guide = set(re.findall(r"^\| `([^`]+)`", (ROOT / "docs/add-a-field.md").read_text(), re.M))
    assert files <= guide, f"docs/add-a-field.md does not name {sorted(files - guide)}"
    print(f"A new field is missed by the compiler in {len(files)} files, which the guide names.")


def count(text):
    return int(re.search(r"FIELDS: \[Field; (\d+)\]", text)[1])


def edit(file, pattern, replace):
    path = COPY / file
    text = path.read_text()
    found = re.findall(pattern, text)
    assert len(found) == 1, f"{file}: {pattern} occurs {len(found)} times"
    path.write_text(text.replace(found[0], replace(text, found[0]), 1))


def compile(*options):
    """The compiler's messages, and the file and code of each error."""
    cargo = ["cargo", "check", "--offline", "--workspace", "--keep-going", "--message-format", "short", *options]
    messages = run([*cargo, "--target-dir", ROOT / "target"]).stderr
    return messages, re.findall(r"^(\S+?):\d+:\d+: error(?:\[(\w+)\])?", messages, re.M)


def copy():
    fresh_copy(COPY)
    # In the shared target folder, cargo tells a workspace from its copy by the version only.
    edit("Cargo.toml", r'(?m)^version = "[^"]*"', lambda _, found: found.replace('"', '"0.0.0-', 1))


def run(command):
    return subprocess.run(command, cwd=COPY, text=True, capture_output=True)


def assert_same(who, expected, found, output=""):
    if expected != found:
        sys.exit(f"{output}\nMissed by {who}: {sorted(found)}, not {sorted(expected)}.")


if __name__ == "__main__":
    main()
