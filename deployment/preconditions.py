"""What must hold before a deployment, and what to do where it does not. Nothing here changes anything."""

import json
import re
import shutil
import subprocess

import botocore.exceptions

LANES = 8
# Of an account that AWS has just opened.
NEW_ACCOUNT_CONCURRENCY = 10
MIN_SECRET_BYTES = 32


def problems(env):
    """Why the deployment would fail or could not be used: a sentence each, with the remedy."""
    checks = [
        known_parameters,
        tokens_can_be_verified,
        token_secret,
        tokens_are_meant_for_this_service,
            lanes_fit_the_stage,
        alarm_fits_the_schedule,
        domain,
        restored_table,
        kept_kms_key,
        alarm_topic,
        event_bus,
        build_target,
        stack_can_be_changed,
    ]
    return [problem for check in checks for problem in check(env)]


def notes(env):
    """What works, but not as one may expect."""
    if not env.parameters["TranscriptionUrl"]:
        yield "TranscriptionUrl is not set: POST /api/transcribe will answer 503."
    if not env.parameters["AlarmTopicArn"]:
        yield "AlarmTopicArn is not set: alarms will notify nobody."
    try:
        limit = env.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    except botocore.exceptions.ClientError as error:
        yield f"How many functions the account may run at once cannot be read: {error}"
        return
    if limit <= NEW_ACCOUNT_CONCURRENCY:
        yield (
            f"The account may run {limit} functions at once, as new accounts do; each call needs two. Request a higher quota "
            "(Service Quotas, AWS Lambda, Concurrent executions) before users come."
        )


def known_parameters(env):
    for name in env.given.keys() - env.template["Parameters"].keys():
        yield f"{env.config.name} sets {name}, which the template does not have. Remove it, or correct its name."


def tokens_can_be_verified(env):
    parameters = env.parameters
    if not any(parameters[name] for name in ("JwtSecretId", "JwtJwks", "JwtJwksUrl")):
        yield f"Nothing verifies tokens. Add JwtJwksUrl (the URL of the signer's public keys), JwtJwks or JwtSecretId to {env.config.name}."
    if parameters["JwtJwks"] and parameters["JwtJwksUrl"]:
        yield "JwtJwks and JwtJwksUrl exclude each other. Remove one of them."


def tokens_are_meant_for_this_service(env):
    if env.parameters["AcceptAnyIssuer"] == "true":
        return
    for name, claim in (("JwtIssuer", "iss"), ("JwtAudience", "aud")):
        if not env.parameters[name]:
            yield f"{name} is not set. Add it to {env.config.name}: the `{claim}` of the signer's tokens."


def token_secret(env):
    name = env.parameters["JwtSecretId"]
    if not name:
        return
    try:
        secret = env.client("secretsmanager").get_secret_value(SecretId=name)
    except botocore.exceptions.ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            yield (
                f"There is no secret {name} in {env.region}. Store the signer's secret there: "
                f"aws secretsmanager create-secret --region {env.region} --name {name} --secret-string file://secret.txt"
            )
        else:
            yield f"The secret {name} cannot be read, which the deployment must do: {error}"
        return
    text = secret.get("SecretString")
    if text is None:
        yield f"The secret {name} is binary. Store it as a string."
    elif is_json_object(text):
        yield f"The secret {name} is a JSON object, as the console makes it by default. Store the bare secret as plaintext."
    elif len(text.encode()) < MIN_SECRET_BYTES:
        yield f"The secret {name} has {len(text.encode())} bytes; HS256 needs at least {MIN_SECRET_BYTES} (RFC 7518, section 3.2). Have the signer use a longer one."
    elif text != text.strip():
        yield f"The secret {name} begins or ends with a blank or a line break, which the signer hardly has. Store it without."


def is_json_object(text):
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def lanes_fit_the_stage(env):
    for kind, unit in (("Rate", "per second"), ("Burst", "at once")):
        value = lambda name: int(env.parameters[f"{name}{kind}Limit"])
        lanes = (LANES + 1) * value("Lane") + value("Service") + value("Unauthenticated")
        if value("Stage") < lanes:
            yield f"All lanes together take {lanes} requests {unit}, but Stage{kind}Limit is {value('Stage')}: set it to {lanes} at least."


def alarm_fits_the_schedule(env):
    rate = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", env.parameters["ExpiryRate"])
    if not rate:
        return
    seconds = int(rate[1]) * {"minute": 60, "hour": 3_600, "day": 86_400}[rate[2]]
    if int(env.parameters["SweepAlarmSeconds"]) < 3 * seconds:
        yield f"SweepAlarmSeconds is less than three times ExpiryRate ({3 * seconds} s), so the alarm would go off by itself. Set a greater one."


def domain(env):
    names = ("DomainName", "CertificateArn", "HostedZoneId")
    given = [name for name in names if env.parameters[name]]
    if not given:
        return
    if missing := [name for name in names if name not in given]:
        yield f"{', '.join(given)} without {' and '.join(missing)}: a domain needs all three."
        return
    domain, arn, zone = (env.parameters[name] for name in names)
    if f":{env.region}:" not in arn:
        yield f"The certificate of {domain} is not in {env.region}. Request one there: a regional API takes no other."
        return
    try:
        certificate = env.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
        covered = [certificate["DomainName"], *certificate.get("SubjectAlternativeNames", [])]
        if certificate["Status"] != "ISSUED":
            yield f"The certificate of {domain} is {certificate['Status']}. Add its validation record to the zone, and wait until it is ISSUED."
        if not any(covers(name, domain) for name in covered):
            yield f"The certificate covers {', '.join(covered)}, but not {domain}. Request one for it."
    except botocore.exceptions.ClientError as error:
        yield f"The certificate {arn} cannot be read: {error}"
    try:
        name = env.client("route53").get_hosted_zone(Id=zone)["HostedZone"]["Name"].rstrip(".")
        if domain != name and not domain.endswith(f".{name}"):
            yield f"The hosted zone {zone} is that of {name}, which {domain} is not in."
    except botocore.exceptions.ClientError as error:
        yield f"The hosted zone {zone} cannot be read: {error}"


def covers(pattern, domain):
    return pattern == domain or pattern.startswith("*.") and domain.partition(".")[2] == pattern[2:]


def restored_table(env):
    name = env.parameters["RestoredTable"]
    if not name:
        return
    dynamodb = env.client("dynamodb")
    try:
        table = dynamodb.describe_table(TableName=name)["Table"]
    except botocore.exceptions.ClientError as error:
        yield f"The table {name} cannot be read: {error}"
        return
    if table["TableStatus"] != "ACTIVE":
        yield f"The table {name} is {table['TableStatus']}. Wait until it is ACTIVE."
    if "ExpiryIndex" not in [index["IndexName"] for index in table.get("GlobalSecondaryIndexes", [])]:
        yield f"The table {name} has no ExpiryIndex. Restore it with its indexes."
    # A restored table has neither of these.
    ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if ttl.get("AttributeName") != "ttl" or ttl["TimeToLiveStatus"] not in ("ENABLED", "ENABLING"):
        yield f"The table {name} has no time to live: aws dynamodb update-time-to-live --table-name {name} --time-to-live-specification Enabled=true,AttributeName=ttl"
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    if backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") != "ENABLED":
        yield f"The table {name} has no point-in-time recovery: aws dynamodb update-continuous-backups --table-name {name} --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
    if env.parameters["DeletionProtection"] == "true" and not table.get("DeletionProtectionEnabled"):
        yield f"The table {name} has no deletion protection: aws dynamodb update-table --table-name {name} --deletion-protection-enabled"
    if env.stack_description():
        return
    for parameter, whose in (("VaultName", "name"), ("KeptKmsKeyArn", "KMS key")):
        if not env.parameters[parameter]:
            yield f"A new stack on a restored table needs {parameter}, the {whose} that the table's data keys are bound to, or it decrypts no key string: `make destroy` printed it, docs/operate.md says where else it is."


def kept_kms_key(env):
    arn = env.parameters["KeptKmsKeyArn"]
    if not arn:
        return
    try:
        state = env.client("kms").describe_key(KeyId=arn)["KeyMetadata"]["KeyState"]
    except botocore.exceptions.ClientError as error:
        yield f"The KMS key {arn} cannot be read: {error}"
        return
    remedy = {
        "PendingDeletion": f"Keep it: aws kms cancel-key-deletion --key-id {arn}, then aws kms enable-key --key-id {arn}",
        "Disabled": f"Enable it: aws kms enable-key --key-id {arn}",
    }
    if state != "Enabled":
        yield f"The KMS key {arn} is {state}. {remedy.get(state, 'Wait until it is Enabled.')}"


def alarm_topic(env):
    topic = env.parameters["AlarmTopicArn"]
    if topic:
        try:
            env.client("sns").get_topic_attributes(TopicArn=topic)
        except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
            yield f"The topic AlarmTopicArn={topic} cannot be read in {env.region}: {error}"


def event_bus(env):
    name = env.parameters["EventBusName"]
    if name != "default":
        try:
            env.client("events").describe_event_bus(Name=name)
        except botocore.exceptions.ClientError as error:
            yield f"The event bus {name} cannot be read: {error}. Create it, or leave EventBusName out."


def build_target(env):
    if env.parameters["Architecture"] != "arm64" or not shutil.which("rustup"):
        return
    installed = subprocess.run(["rustup", "target", "list", "--installed"], capture_output=True, text=True).stdout
    if "aarch64-unknown-linux-gnu" not in installed:
        yield "Architecture=arm64 needs its standard library: rustup target add aarch64-unknown-linux-gnu"


def stack_can_be_changed(env):
    status = env.stack_description().get("StackStatus", "")
    if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"):
        yield f"The stack {env.stack} is {status}, and cannot be changed any more: make destroy ENV={env.name}"
    elif status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
        yield f"The stack {env.stack} is {status}. Wait until that is over."
