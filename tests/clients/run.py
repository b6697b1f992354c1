"""Generates clients from clients/, as docs/clients.md says, checks their types, and calls the stack with each: `make test-clients`.

    run.py           compares what the page's examples print with the page
    run.py --update  writes it into the page

Runs in the environment of a deployment (local_aws.py run). Each program has a user of its own, so that none meets another's
keys or limits.
"""

import itertools
import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT / "local"))
import tokens  # noqa: E402

PAGE = ROOT / "docs/clients.md"
TOOLS = ROOT / ".local/clients"
# Everything that is generated, anew in each run but for what cargo has compiled.
WORK = TOOLS / "work"
# That no other run has, on a stack that goes on.
USERS = itertools.count(random.randrange(10**9, 10**12))
PATH = [TOOLS / "venv/bin", TOOLS / "node_modules/.bin", os.environ["PATH"]]
TOOL_ENVIRONMENT = os.environ | {"PATH": os.pathsep.join(map(str, PATH)), "CARGO_TARGET_DIR": str(TOOLS / "target")}
KEY_STRING = re.compile(r"nux_live_[0-9A-Za-z]{56}")


def main(update):
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    page = PAGE.read_text(encoding="utf-8")
    for language, prepare in {"Python": python, "TypeScript": typescript, "Rust": rust}.items():
        commands, program, shown = section(page, language)
        folder = WORK / language.lower()
        folder.mkdir()
        # The commands of the page name the files as they lie in the repository.
        (folder / "clients").symlink_to(ROOT / "clients")
        printed = prepare(folder, commands, program)
        if update:
            page = page.replace(f"{program}```\n\n```text\n{shown}```", f"{program}```\n\n```text\n{printed}```")
        elif KEY_STRING.sub("KEY", printed) != KEY_STRING.sub("KEY", shown):
            sys.exit(f"docs/clients.md, {language}: shows\n{shown}\nbut the program prints\n{printed}")
    if update:
        PAGE.write_text(page, encoding="utf-8")
    collection()


def section(page, language):
    """The commands, the program and its output below a heading of the page."""
    text = page.split(f"\n## {language}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    commands = [block for kind, block in blocks if kind == "bash"]
    (program, shown), = zip([block for kind, block in blocks if kind == language.lower()],
                            [block for kind, block in blocks if kind == "text"], strict=True)
    return commands, program, shown


def python(folder, commands, program):
    run("Python: generation", ["bash", "-euc", commands[0]], folder)
    run("Python: generation by OpenAPI Generator", ["bash", "-euc", commands[1]], folder)
    (folder / "example.py").write_text(program, encoding="utf-8")
    for name in ("openapi_python_client.py", "openapi_generator.py"):
        shutil.copy(HERE / "python" / name, folder)
    generated = {"MYPYPATH": "generated", "PYTHONPATH": "generated"}
    checked = ["nuxera", "example.py", "openapi_python_client.py", "openapi_generator.py"]
    run("Python: mypy --strict", ["mypy", "--no-error-summary", "--config-file", HERE / "python/mypy.ini", *checked], folder, **generated)
    call("Python: openapi-python-client", ["python", "openapi_python_client.py"], folder)
    call("Python: OpenAPI Generator", ["python", "openapi_generator.py"], folder, **generated)
    return call("Python: example", ["python", "example.py"], folder)


def typescript(folder, commands, program):
    shutil.copytree(HERE / "typescript", folder, dirs_exist_ok=True)
    (folder / "package.json").write_text('{"type": "module"}\n', encoding="utf-8")
    # Hey API looks for it from its own place upwards.
    shutil.copy(folder / "tsconfig.json", TOOLS)
    run("TypeScript: generation", ["bash", "-euc", commands[0]], folder)
    run("TypeScript: generation by Hey API", ["bash", "-euc", commands[1]], folder)
    (folder / "example.ts").write_text(program, encoding="utf-8")
    run("TypeScript: tsc --strict", ["tsc", "--project", "."], folder)
    call("TypeScript: openapi-fetch", ["node", "out/openapi_fetch.js"], folder)
    call("TypeScript: Hey API", ["node", "out/hey_api.js"], folder)
    return call("TypeScript: example", ["node", "out/example.js"], folder)


def rust(folder, commands, program):
    shutil.copytree(HERE / "rust", folder, dirs_exist_ok=True)
    run("Rust: generation", ["bash", "-euc", commands[0]], folder)
    examples = folder / "src/bin"
    examples.mkdir()
    (examples / "example.rs").write_text(program, encoding="utf-8")
    run("Rust: cargo build", ["cargo", "build", "--quiet", "--locked"], folder, RUSTFLAGS="-D warnings")
    call("Rust: OpenAPI Generator", [TOOLS / "target/debug/caller"], folder)
    return call("Rust: example", [TOOLS / "target/debug/example"], folder)


def collection():
    user = next(USERS)
    variables = {"base_url": os.environ["API_URL"], "token": token(user)}
    variables |= {f"{role}_token": token(user, role) for role in ("service", "admin")}
    options = [option for name, value in variables.items() for option in ("--env-var", f"{name}={value}")]
    command = ["newman", "run", ROOT / "clients/postman_collection.json", "--working-dir", ROOT / "local/samples", *options]
    run("Collection", [*command, "--bail", "--reporters", "cli", "--color", "off"], WORK)


def token(user, role=None):
    return tokens.sign(os.environ["JWT_SECRET"], user, role)


def call(name, command, folder, **variables):
    """Runs a program with the token of a user without keys, and returns what it prints."""
    user = next(USERS)
    return run(name, command, folder, TOKEN=token(user), SERVICE_TOKEN=token(user, "service"), **variables)


def run(name, command, folder, **variables):
    return step(name, lambda: attempt(command, folder, variables))


def attempt(command, folder, variables):
    done = subprocess.run(command, cwd=folder, env=TOOL_ENVIRONMENT | variables, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        sys.exit(f"FAILED: {' '.join(map(str, command))[:300]}\n{done.stdout[-6000:]}")
    return done.stdout


def step(name, work):
    start = time.monotonic()
    result = work()
    print(f"{name}: {time.monotonic() - start:.1f} s", flush=True)
    return result


if __name__ == "__main__":
    main(sys.argv[1:] == ["--update"])
