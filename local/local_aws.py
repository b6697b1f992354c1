"""The local AWS: starts MiniStack, deploys the built template to it, and stops it again.

    local_aws.py up                until Ctrl-C
    local_aws.py run COMMAND...    while COMMAND runs, which finds the stack's variables in its environment
    local_aws.py reset             forgets all state

PORT is where it listens, on the loopback interface only; 0 takes any free one. LOCAL_DIR holds credentials, stack.env, aws.env, logs
and state: another PORT and LOCAL_DIR make another, independent local AWS. PARAMETERS sets parameters of the template, as in
PARAMETERS="KeyReveal=once MaxKeysPerUser=5". Beside it runs a transcription service for development, on the next port
if that is free.
"""

import fcntl
import hashlib
import os
import platform
import secrets
import shutil
import signal
import socket
import string
import subprocess
import sys
import time
import tomllib
from contextlib import contextmanager
from pathlib import Path

import boto3

import tokens

ROOT = Path(__file__).resolve().parent.parent
ARCHITECTURE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"
BUILD = ROOT / ".local/build" / ARCHITECTURE
DIR = Path(os.environ.get("LOCAL_DIR", ROOT / ".local")).absolute()
STATE = DIR / "state"
CONFIG = tomllib.loads((ROOT / "samconfig.toml").read_text())["local"]["deploy"]["parameters"]
STACK = CONFIG["stack_name"]
JWT_SECRET_ID = "nuxera/jwt"
DEFAULT_PORT = 4566


def main():
    # Any request to stop unwinds like Ctrl-C, also in a background job, which starts with Ctrl-C ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    DIR.mkdir(parents=True, exist_ok=True)
    with (DIR / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"A local AWS is already running on {DIR}: stop it first, or choose another LOCAL_DIR.")
        match sys.argv[1:]:
            case ["up"]:
                with transcription_service() as transcription_url, emulator() as process:
                    print(banner(deploy(transcription_url)), flush=True)
                    process.wait()
                    sys.exit(f"The local AWS ended by itself: see {DIR / 'ministack.log'}")
            case ["run", *command] if command:
                with transcription_service() as transcription_url, emulator():
                    sys.exit(subprocess.run(command, env=os.environ | deploy(transcription_url)).returncode)
            case ["reset"]:
                shutil.rmtree(STATE, ignore_errors=True)
                print("The local AWS will start empty.")
            case _:
                sys.exit(__doc__)


@contextmanager
def transcription_service():
    """The transcription service as a child process: yields its URL, and in the end stops it."""
    # The deployment holds the URL, so it stays the same where it can.
    port = int(os.environ.get("PORT", DEFAULT_PORT))
    port = free_port(port and port + 1) or free_port(0)
    with (DIR / "transcription.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, ROOT / "local/transcription_service.py", str(port)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield f"http://127.0.0.1:{port}/transcribe"
    finally:
        stop(process)


@contextmanager
def emulator():
    """MiniStack as a child process: yields it when it answers, and in the end stops it, which saves its state."""
    wanted = int(os.environ.get("PORT", DEFAULT_PORT))
    port = free_port(wanted)
    if port is None:
        sys.exit(f"Port {wanted} is in use: stop what listens there, or choose another one, as in PORT={wanted + 2}.")
    use_local_aws(f"http://127.0.0.1:{port}")
    # A run ends with logs of its own.
    (DIR / "functions.log").write_bytes(b"")
    (DIR / "calls.log").write_bytes(b"")
    # It holds the JWT secret, among others.
    STATE.mkdir(mode=0o700, exist_ok=True)
    (STATE / "tmp").mkdir(exist_ok=True)
    environment = os.environ | {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        # The functions may do what their IAM statements say and no more.
        "AUTH": "true",
        "IOT_MTLS_ENABLED": "0",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(STATE / "services"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(STATE / "s3"),
        "TMPDIR": str(STATE / "tmp"),
        "FUNCTION_LOG": str(DIR / "functions.log"),
        "CALL_LOG": str(DIR / "calls.log"),
    }
    with progress(f"Starting the local AWS on port {port}"), (DIR / "ministack.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, ROOT / "local/emulator.py"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C reaches this process alone, which then stops the other in its turn.
            start_new_session=True,
        )
        wait_until_ready(process, port)
    try:
        yield process
    finally:
        # The state is lost if a second Ctrl-C interrupts this.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        with progress("Stopping the local AWS"):
            stop(process)


def free_port(port):
    """The port if it is free, any free one for 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return None
        return probe.getsockname()[1]


def use_local_aws(endpoint):
    """Points this process and all it starts to the local AWS, whatever profile the developer has chosen."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ |= {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_REGION": CONFIG["region"],
        "AWS_DEFAULT_REGION": CONFIG["region"],
        # How long sam waits between two looks.
        "SAM_CLI_POLL_DELAY": "0.5",
    } | credentials()


def credentials():
    """The access key of this local AWS, without which it does nothing: made on the first start, and kept."""
    kept = DIR / "credentials.env"
    if not kept.exists():
        letters = string.ascii_uppercase + "234567"
        access_key_id = "AKIA" + "".join(secrets.choice(letters) for _ in range(16))
        write_private(kept, {"AWS_ACCESS_KEY_ID": access_key_id, "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(30)})
    return tokens.read_env(kept)


def write_private(path, variables):
    """Writes assignments to a file that only its owner can read, all of them or none."""
    new = path.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    new.replace(path)


def wait_until_ready(process, port):
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            if process.poll() is not None:
                sys.exit((DIR / "ministack.log").read_text() + "\nThe local AWS did not start.")
            time.sleep(0.1)
    stop(process)
    sys.exit(f"The local AWS did not answer within 30 seconds: see {DIR / 'ministack.log'}")


def stop(process):
    process.stdin.close()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def deploy(transcription_url):
    """Deploys the built template unless that very build is deployed; writes and returns the stack's variables."""
    secret = jwt_secret(boto3.client("secretsmanager"))
    cloudformation = boto3.client("cloudformation")
    overrides = [*CONFIG["parameter_overrides"], f"JwtSecretId={JWT_SECRET_ID}", f"Architecture={ARCHITECTURE}"]
    dictation_url = transcription_url.replace("/transcribe", "/dictate")
    overrides += [f"TranscriptionUrl={transcription_url}", f"DictationUrl={dictation_url}"]
    overrides += [f"PublicOrigin={os.environ['AWS_ENDPOINT_URL']}"]
    overrides += os.environ.get("PARAMETERS", "").split()
    build = fingerprint(overrides)
    stack = describe(cloudformation)
    if {"Key": "build", "Value": build} not in stack.get("Tags", []):
        boto3.client("s3").create_bucket(Bucket=CONFIG["s3_bucket"])
        with progress("Deploying template.yaml"):
            sam_deploy(overrides, build)
        stack = describe(cloudformation)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    variables = {
        "API_URL": f"{endpoint}/{outputs['ApiUrl'].rsplit('/', 1)[1]}",
        "JWT_SECRET": secret,
        "TABLE_NAME": outputs["TableName"],
        "KMS_KEY_ID": outputs["KmsKeyArn"],
        "AUTHORIZE_KEY_FUNCTION_ARN": outputs["AuthorizeKeyFunctionArn"],
        "EXPIRE_FUNCTION": outputs["ExpireFunction"],
        "EVENT_BUS_NAME": outputs["EventBusName"],
        "TEST_KEY_DAILY_LIMIT": outputs["TestKeyDailyLimit"],
        "LOG_FILE": str(DIR / "functions.log"),
        "CALL_LOG": str(DIR / "calls.log"),
        "STACK_NAME": STACK,
        "TRANSCRIPTION_URL": transcription_url,
    }
    write_private(DIR / "stack.env", variables)
    # Apart, so that a shell that reads the stack's variables keeps its own access to AWS.
    aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    write_private(DIR / "aws.env", aws)
    return variables | aws


def jwt_secret(secretsmanager):
    try:
        return secretsmanager.get_secret_value(SecretId=JWT_SECRET_ID)["SecretString"]
    except secretsmanager.exceptions.ResourceNotFoundException:
        secret = secrets.token_hex(32)
        secretsmanager.create_secret(Name=JWT_SECRET_ID, SecretString=secret)
        return secret


def fingerprint(overrides):
    """What a deployment depends on. The stack is tagged with it, so it is forgotten with the stack."""
    digest = hashlib.sha256(" ".join(overrides).encode())
    for path in sorted(path for path in BUILD.rglob("*") if path.is_file()):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def describe(cloudformation):
    try:
        return cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
    except cloudformation.exceptions.ClientError:
        return {}


def sam_deploy(overrides, build):
    command = ["sam", "deploy", "--config-file", ROOT / "samconfig.toml", "--config-env", "local"]
    command += ["--template-file", BUILD / "template.yaml"]
    command += ["--parameter-overrides", *overrides, "--tags", f"build={build}"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    (DIR / "deploy.log").write_text(result.stdout + result.stderr)
    if result.returncode:
        sys.exit(f"{result.stdout}{result.stderr}\nThe deployment failed. `make local-reset` starts from nothing.")


@contextmanager
def progress(step):
    print(f"{step} ... ", end="", flush=True)
    start = time.monotonic()
    yield
    print(f"{time.monotonic() - start:.1f} s", flush=True)


def banner(stack):
    token = tokens.sign(stack["JWT_SECRET"], 123)
    return f"""
Keys of user 123, whose token these links hold for 12 hours, in the console:

  {stack["API_URL"]}/console#token={token}

and the API, to read and try, in its reference:

  {stack["API_URL"]}/docs#token={token}

The API is at {stack["API_URL"]}. Ctrl-C stops it; the data stay until `make local-reset`.
What the functions log goes to {os.path.relpath(stack["LOG_FILE"])}, and {os.path.relpath(DIR / "stack.env")} has this for scripts.

The same from another terminal (with the id that the first call returns in place of 1):

  export API_URL={stack["API_URL"]}
  export TOKEN={token}

  curl -X POST "$API_URL/api/apiKeys" -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
       -d '{{"name": "My first key", "type": "live", "status": "active"}}'
  curl "$API_URL/api/apiKeys" -H "Authorization: Bearer $TOKEN"
  curl -X POST "$API_URL/api/transcribe" -H "x-api-key: <the key>" -F "audio=@local/samples/recording.wav" \\
       -F "userId=123" -F "speciality=General Practice"
  curl -X PATCH "$API_URL/api/apiKeys/1/pause" -H "Authorization: Bearer $TOKEN"
"""


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(0 if sys.argv[1] == "up" else 128 + signal.SIGINT)
