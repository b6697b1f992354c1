"""`make deploy` and `make destroy` against the local AWS: each precondition broken once, then a whole deployment."""

import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import boto3
import botocore.exceptions

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "local"))

import local_aws
import tokens

BUILT = local_aws.BUILD / "template.yaml"
STACK = "nuxera-api-keys-staging"
REGION = os.environ["AWS_REGION"]
SECRET_ID = "nuxera/staging/jwt"
GOOD = {
    "StageName": "staging",
    "JwtSecretId": SECRET_ID,
    "JwtIssuer": "https://login.example",
    "JwtAudience": "api-keys",
    "DeletionProtection": "false",
    "TranscriptionUrl": "https://transcription.example/v1",
    "PublicOrigin": os.environ["AWS_ENDPOINT_URL"],
}


def run(program, *options, parameters={}, environment={}):
    """Runs a program of deployment/ with these parameters; None leaves one out, also in the environment."""
    overrides = {name: value for name, value in (GOOD | parameters).items() if value is not None}
    variables = {name: value for name, value in (os.environ | environment).items() if value is not None}
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "samconfig.toml"
        config.write_text(
            "version = 0.1\n[staging.deploy.parameters]\n"
            f'stack_name = "{STACK}"\nresolve_s3 = true\ncapabilities = "CAPABILITY_IAM"\n'
            "confirm_changeset = false\nfail_on_empty_changeset = false\n"
            f"parameter_overrides = {json.dumps([f'{name}={value}' for name, value in overrides.items()])}\n"
        )
        command = [sys.executable, ROOT / "deployment" / program, "staging", "--config", config, *options]
        return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def dry_run(**setting):
    return run("deploy.py", "--dry-run", "--built", BUILT, **setting)


def stacks():
    listed = boto3.client("cloudformation").describe_stacks()["Stacks"]
    return {stack["StackName"]: stack["StackStatus"] for stack in listed}


def store_secret(**value):
    client = boto3.client("secretsmanager")
    try:
        client.create_secret(Name=SECRET_ID, **value)
    except client.exceptions.ResourceExistsException:
        client.put_secret_value(SecretId=SECRET_ID, **value)


def session_that_may(*actions):
    """Variables of a session that may do nothing but these actions."""
    iam = boto3.client("iam")
    name = f"may-{len(iam.list_roles()['Roles'])}"
    trust = {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    allowed = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
    session = boto3.client("sts").assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="test")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": session["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": session["SecretAccessKey"],
        "AWS_SESSION_TOKEN": session["SessionToken"],
    }


class Preconditions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        store_secret(SecretString="a-secret-of-the-signer-in-staging-0001")
        zone = boto3.client("route53").create_hosted_zone(Name="keys.example", CallerReference="test")
        cls.zone = zone["HostedZone"]["Id"].rsplit("/", 1)[1]
        certificate = boto3.client("acm").request_certificate(DomainName="api.keys.example")
        cls.certificate = certificate["CertificateArn"]

    def assert_refused(self, expected, **setting):
        before = stacks()
        result = dry_run(**setting)
        self.assertNotEqual(result.returncode, 0, result.stdout)
        self.assertIn(expected, result.stderr + result.stdout)
        self.assertNotIn("Traceback", result.stderr)
        self.assertEqual(stacks(), before)

    def test_a_good_environment_passes_and_changes_nothing(self):
        before = stacks()
        result = dry_run()
        self.assertEqual(result.returncode, 0, result.stderr)
        for line in [
            "All preconditions hold.",
            f"Region   {REGION}",
            f"Stack    {STACK} (new)",
            "create  11 AWS::ApiGateway::ApiKey",
            "Nothing was changed.",
        ]:
            self.assertIn(line, result.stdout)
        self.assertEqual(stacks(), before)

    def test_region(self):
        nowhere = {"AWS_REGION": None, "AWS_DEFAULT_REGION": None, "AWS_CONFIG_FILE": os.devnull}
        self.assert_refused("Which region? Set AWS_REGION", environment=nowhere)
        # Either variable will do.
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            self.assertEqual(dry_run(environment=nowhere | {name: REGION}).returncode, 0)

    def test_credentials(self):
        none = {
            "AWS_ACCESS_KEY_ID": None,
            "AWS_SECRET_ACCESS_KEY": None,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self.assert_refused("There are no AWS credentials. Set AWS_PROFILE", environment=none)
        self.assert_refused("AWS refuses the credentials", environment={"AWS_ACCESS_KEY_ID": "AKIAAAAAAAAAAAAAAAAA"})

    def test_parameters(self):
        cases = [
            ("Nothing verifies tokens. Add JwtJwksUrl", {"JwtSecretId": None}),
            ("JwtJwks and JwtJwksUrl exclude each other", {"JwtJwks": "{}", "JwtJwksUrl": "https://login.example/keys"}),
            ("JwtIssuer is not set", {"JwtIssuer": None}),
            ("JwtAudience is not set", {"JwtAudience": None}),
            ("All lanes together take 1410 requests per second, but StageRateLimit is 100", {"StageRateLimit": "100"}),
            ("but StageBurstLimit is 100", {"StageBurstLimit": "100"}),
            ("SweepAlarmSeconds is less than three times", {"ExpiryRate": "rate(5 minutes)", "SweepAlarmSeconds": "300"}),
            ("sets KeyRevael, which the template does not have", {"KeyRevael": "once"}),
        ]
        for expected, parameters in cases:
            with self.subTest(expected):
                self.assert_refused(expected, parameters=parameters)

    def test_token_secret(self):
        self.assert_refused(f"There is no secret other in {REGION}", parameters={"JwtSecretId": "other"})
        cases = [
            ("has 31 bytes; HS256 needs at least 32", {"SecretString": "s" * 31}),
            ("is a JSON object", {"SecretString": '{"secret": "a-secret-of-the-signer-in-staging"}'}),
            ("begins or ends with a blank or a line break", {"SecretString": "a-secret-of-the-signer-in-staging-0001\n"}),
            ("is binary", {"SecretBinary": b"s" * 32}),
        ]
        try:
            for expected, value in cases:
                with self.subTest(expected):
                    store_secret(**value)
                    self.assert_refused(f"The secret {SECRET_ID} {expected}")
        finally:
            store_secret(SecretString="a-secret-of-the-signer-in-staging-0001")

    def test_domain(self):
        domain = {"DomainName": "api.keys.example", "CertificateArn": self.certificate, "HostedZoneId": self.zone}
        self.assert_refused("The certificate of api.keys.example is PENDING_VALIDATION. Add its validation record", parameters=domain)
        certificate = boto3.client("acm").describe_certificate(CertificateArn=self.certificate)["Certificate"]
        [option] = certificate["DomainValidationOptions"]
        record = {**option["ResourceRecord"], "TTL": 300}
        record["ResourceRecords"] = [{"Value": record.pop("Value")}]
        change = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
        boto3.client("route53").change_resource_record_sets(HostedZoneId=self.zone, ChangeBatch=change)
        issued = dry_run(parameters=domain)
        self.assertEqual(issued.returncode, 0, issued.stderr)
        elsewhere = re.sub(r":acm:[^:]*:", ":acm:ap-south-2:", self.certificate)
        cases = [
            ("DomainName, CertificateArn without HostedZoneId", {"HostedZoneId": None}),
            (f"is not in {REGION}. Request one there", {"CertificateArn": elsewhere}),
            ("but not www.keys.example. Request one for it", {"DomainName": "www.keys.example"}),
            ("cannot be read", {"CertificateArn": self.certificate[:-4] + "0000"}),
            ("which api.other.example is not in", {"DomainName": "api.other.example"}),
            ("The hosted zone Z0000000 cannot be read", {"HostedZoneId": "Z0000000"}),
        ]
        for expected, wrong in cases:
            with self.subTest(expected):
                self.assert_refused(expected, parameters=domain | wrong)

    def test_other_resources(self):
        topic = f"arn:aws:sns:{REGION}:000000000000:none"
        cases = [
            ("The table restored cannot be read", {"RestoredTable": "restored"}),
            (f"The topic AlarmTopicArn={topic} cannot be read", {"AlarmTopicArn": topic}),
            ("The event bus none cannot be read", {"EventBusName": "none"}),
        ]
        for expected, parameters in cases:
            with self.subTest(expected):
                self.assert_refused(expected, parameters=parameters)

    def test_restored_table(self):
        dynamodb = boto3.client("dynamodb")
        attributes = {"PK": "S", "SK": "S", "expiry_shard": "N", "due_at": "N"}
        schema = lambda *names: [{"AttributeName": name, "KeyType": kind} for name, kind in zip(names, ("HASH", "RANGE"))]
        index = {"IndexName": "ExpiryIndex", "KeySchema": schema("expiry_shard", "due_at"), "Projection": {"ProjectionType": "KEYS_ONLY"}}
        for name, has_index in [("without-index", False), ("with-index", True)]:
            used = attributes if has_index else {"PK": "S", "SK": "S"}
            dynamodb.create_table(
                TableName=name,
                KeySchema=schema("PK", "SK"),
                AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in used.items()],
                BillingMode="PAY_PER_REQUEST",
                **({"GlobalSecondaryIndexes": [index]} if has_index else {}),
            )
        kms_key = boto3.client("kms").create_key()["KeyMetadata"]
        whole = {"RestoredTable": "with-index", "VaultName": "nuxera-api-keys-staging", "KeptKmsKeyArn": kms_key["Arn"]}
        self.assert_refused("The table without-index has no ExpiryIndex", parameters=whole | {"RestoredTable": "without-index"})
        self.assert_refused("The table with-index has no time to live", parameters=whole)
        dynamodb.update_time_to_live(TableName="with-index", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
        self.assert_refused("The table with-index has no point-in-time recovery", parameters=whole)
        dynamodb.update_continuous_backups(
            TableName="with-index", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        for parameter in ("VaultName", "KeptKmsKeyArn"):
            self.assert_refused(f"A new stack on a restored table needs {parameter}", parameters=whole | {parameter: None})
        passed = dry_run(parameters=whole)
        self.assertEqual(passed.returncode, 0, passed.stderr)
        protected = whole | {"DeletionProtection": "true"}
        self.assert_refused("The table with-index has no deletion protection", parameters=protected)
        dynamodb.update_table(TableName="with-index", DeletionProtectionEnabled=True)
        self.assertEqual(dry_run(parameters=protected).returncode, 0)
        dynamodb.update_table(TableName="with-index", DeletionProtectionEnabled=False)
        dynamodb.restore_table_to_point_in_time(
            SourceTableName="with-index", TargetTableName="restoring", UseLatestRestorableTime=True
        )
        self.assert_refused("The table restoring is CREATING. Wait until it is ACTIVE", parameters=whole | {"RestoredTable": "restoring"})

    def test_kept_kms_key(self):
        kms = boto3.client("kms")
        key = kms.create_key()["KeyMetadata"]
        kept = {"KeptKmsKeyArn": key["Arn"]}
        self.assertEqual(dry_run(parameters=kept).returncode, 0)
        kms.disable_key(KeyId=key["KeyId"])
        self.assert_refused(f"The KMS key {key['Arn']} is Disabled. Enable it: aws kms enable-key", parameters=kept)
        kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
        self.assert_refused("is PendingDeletion. Keep it: aws kms cancel-key-deletion", parameters=kept)
        other = f"arn:aws:kms:{REGION}:000000000000:key/00000000-0000-0000-0000-000000000000"
        self.assert_refused(f"The KMS key {other} cannot be read", parameters={"KeptKmsKeyArn": other})

    def test_a_stack_that_cannot_be_changed(self):
        cloudformation = boto3.client("cloudformation")
        # Of a key and a plan that are not there.
        member = {"KeyType": "API_KEY", "KeyId": "none", "UsagePlanId": "none"}
        template = {"Resources": {"Member": {"Type": "AWS::ApiGateway::UsagePlanKey", "Properties": member}}}
        cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(template))
        try:
            with self.assertRaises(botocore.exceptions.WaiterError):
                cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
            self.assertEqual(stacks()[STACK], "ROLLBACK_COMPLETE")
            self.assert_refused(f"The stack {STACK} is ROLLBACK_COMPLETE, and cannot be changed any more: make destroy ENV=staging")
        finally:
            self.assertEqual(run("destroy.py", "--confirm", STACK).returncode, 0)
        self.assertNotIn(STACK, stacks())

    def test_a_stack_that_is_being_changed(self):
        handle = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
        wait = {"Type": "AWS::CloudFormation::WaitCondition", "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "60"}}
        template = {"Resources": {"Handle": handle, "Wait": wait}}
        cloudformation = boto3.client("cloudformation")
        cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(template))
        try:
            self.assert_refused(f"The stack {STACK} is CREATE_IN_PROGRESS. Wait until that is over.")
        finally:
            cloudformation.delete_stack(StackName=STACK)
            cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})

    def test_a_principal_that_may_too_little(self):
        self.assert_refused("cannot be read, which the deployment must do", environment=session_that_may("cloudformation:DescribeStacks"))
        self.assert_refused("AWS refuses a request that is needed", environment=session_that_may("sns:Publish"))
        told = dry_run(environment=session_that_may("cloudformation:*", "secretsmanager:*")).stdout
        self.assertIn("How many functions the account may run at once cannot be read", told)

    def test_what_works_but_not_as_expected_is_told(self):
        told = dry_run(parameters={"TranscriptionUrl": None}).stdout
        for note in [
            "- TranscriptionUrl is not set: POST /api/transcribe will answer 503.",
            "- AlarmTopicArn is not set: alarms will notify nobody.",
            f"- The account may run {os.environ['LAMBDA_ACCOUNT_CONCURRENCY']} functions at once, as new accounts do",
        ]:
            self.assertIn(note, told)

    def test_build_target(self):
        with tempfile.TemporaryDirectory() as folder:
            rustup = Path(folder) / "rustup"
            rustup.write_text("#!/bin/sh\necho x86_64-unknown-linux-gnu\n")
            rustup.chmod(0o755)
            path = {"PATH": f"{folder}:{os.environ['PATH']}"}
            arm = {"Architecture": "arm64"}
            self.assert_refused("rustup target add aarch64-unknown-linux-gnu", parameters=arm, environment=path)

    def test_unknown_environment(self):
        command = [sys.executable, ROOT / "deployment/deploy.py", "production", "--dry-run"]
        result = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(result.returncode, 1)
        self.assertIn("samconfig.toml has no environment 'production'. It has: staging, prod.", result.stderr)


class Deployment(unittest.TestCase):
    def test_a_stack_is_deployed_called_changed_and_destroyed(self):
        store_secret(SecretString="a-secret-of-the-signer-in-staging-0001")
        logging = boto3.client("apigateway").get_account()["cloudwatchRoleArn"]
        deployed = run("deploy.py", "--built", BUILT, parameters={"ManageApiGatewayLogging": "false"})
        self.assertEqual(deployed.returncode, 0, deployed.stdout + deployed.stderr)
        for line in ["401 without a token in hl7: ok", "FHIR metadata: ok", "404 for an unknown path: ok", "The API is at "]:
            self.assertIn(line, deployed.stdout)
        self.assertEqual(stacks()[STACK], "CREATE_COMPLETE")
        self.assertEqual(boto3.client("apigateway").get_account()["cloudwatchRoleArn"], logging)

        changed = run("deploy.py", "--dry-run", "--built", BUILT, parameters={"TestKeyDailyLimit": "50", "ManageApiGatewayLogging": "false"})
        self.assertEqual(changed.returncode, 0, changed.stdout + changed.stderr)
        self.assertIn("modify VerifyKeyFunction (AWS::Lambda::Function)", changed.stdout)
        self.assertIn("Nothing was changed.", changed.stdout)
        self.assertEqual(stacks()[STACK], "CREATE_COMPLETE")

        kept = run("destroy.py")
        self.assertEqual((kept.returncode, kept.stderr.splitlines()[-1]), (1, "Nothing was deleted."))
        self.assertEqual(run("destroy.py", "--confirm", "another").returncode, 1)
        self.assertIn(STACK, stacks())
        resources = boto3.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
        ids = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
        destroyed = run("destroy.py", "--confirm", STACK)
        self.assertEqual(destroyed.returncode, 0, destroyed.stdout + destroyed.stderr)
        for name in ("Table", "DataKeyEncryptionKey", "KeyChecksumSecret"):
            self.assertIn(f"- {ids[name]}: ", destroyed.stdout)
        self.assertNotIn(STACK, stacks())
        table = boto3.client("dynamodb").describe_table(TableName=ids["Table"])["Table"]
        self.assertEqual(table["TableStatus"], "ACTIVE")
        self.assertEqual(run("destroy.py", "--confirm", STACK).returncode, 1)


class Restore(unittest.TestCase):
    """A backup is restored into a new table, brought up to date, and used, also after its stack was deleted."""

    URL = f"{os.environ['AWS_ENDPOINT_URL']}/staging"
    SECRET = "a-secret-of-the-signer-in-staging-0001"

    def call(self, method, path, body=None, role=None):
        claims = {"user_id": 71, "iss": GOOD["JwtIssuer"], "aud": GOOD["JwtAudience"], "exp": int(time.time()) + 600}
        if role:
            claims["role"] = role
        request = urllib.request.Request(f"{self.URL}/api/apiKeys{path}", method=method)
        request.add_header("Authorization", f"Bearer {tokens.sign_claims(self.SECRET, claims)}")
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, json.dumps(body).encode() if body else None) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def key(self, name):
        status, key = self.call("POST", "", {"name": name, "type": "live", "status": "active"})
        self.assertEqual(status, 201, key)
        return key

    def works(self, key):
        return self.call("POST", "/verify", {"key": key["key"]}, "service")[1]["valid"]

    def test_a_restored_table_revives_nothing_that_was_ended(self):
        store_secret(SecretString=self.SECRET)
        self.assertEqual(run("deploy.py", "--built", BUILT).returncode, 0)
        names = "kept deleted paused rotated shortened renamed late".split()
        kept, deleted, paused, rotated, shortened, renamed, late = map(self.key, names)
        resources = boto3.client("cloudformation").describe_stack_resources(StackName=STACK)["StackResources"]
        table = next(item["PhysicalResourceId"] for item in resources if item["LogicalResourceId"] == "Table")
        restored = back_up_and_restore(table)

        self.call("DELETE", f"/{deleted['id']}")
        self.call("PATCH", f"/{paused['id']}/pause")
        new_string = self.call("POST", f"/{rotated['id']}/rotate")[1]
        self.call("PUT", f"/{shortened['id']}", {"expiry_at": "2099-01-01T00:00:00Z"})
        soon = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
        self.call("PUT", f"/{shortened['id']}", {"expiry_at": soon})
        self.call("PUT", f"/{renamed['id']}", {"name": "renamed since"})
        lost = self.key("created since")

        program = ["--to", restored, "--program", ROOT / "target/debug/reconcile"]
        lines = [
            f"key {deleted['id']} of user 71 was deleted",
            f"key {paused['id']} of user 71 was paused",
            f"key {rotated['id']} of user 71 was rotated; its owner must rotate it again to get a string",
            f"key {shortened['id']} of user 71 got the expiry {soon}",
            f"key {renamed['id']} of user 71 lost later changes of name",
            f"key {lost['id']} of user 71 was created since the backup, and is lost",
        ]
        summary = "7 keys: 4 revocations, 1 with lost changes, 0 without a trail, 0 failures. 1 keys are not in the backup"
        for options in (["--dry-run"], []):
            result = run("reconcile.py", *program, *options)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            self.assertEqual(sorted(result.stdout.splitlines()[1:-1]), sorted(lines))
            self.assertIn(summary, result.stdout)
            self.assertNotIn("nux_live_", result.stdout + result.stderr)
            if options:
                later = run("reconcile.py", *program, *options, "--since", "2099-01-01T00:00:00Z")
                self.assertEqual(later.stdout.splitlines()[1:-1], lines[-1:], later.stderr)
        again = run("reconcile.py", *program)
        self.assertIn("6 keys: 0 revocations, ", again.stdout, again.stderr)

        self.call("PATCH", f"/{late['id']}/pause")
        deployed = run("deploy.py", "--built", BUILT, parameters={"RestoredTable": restored})
        self.assertEqual(deployed.returncode, 0, deployed.stdout[-2000:] + deployed.stderr)
        self.assertTrue(self.works(late))
        undecided = run("reconcile.py", *program)
        self.assertEqual(undecided.returncode, 1, undecided.stdout)
        self.assertIn(f"The functions use {restored} already. Add the old table, as in FROM={table}", undecided.stderr)
        caught_up = run("reconcile.py", *program, "--from", table)
        self.assertIn(f"key {late['id']} of user 71 was paused\n", caught_up.stdout, caught_up.stderr)
        self.assertFalse(self.works(late))
        self.assertTrue(self.works(kept) and self.works(renamed))
        # Strings are decrypted under the name of the same vault.
        self.assertEqual(self.call("GET", f"/{kept['id']}")[1]["key"], kept["key"])
        for key in (deleted, paused, rotated, new_string, shortened, lost):
            self.assertFalse(self.works(key), key["name"])
        self.assertEqual(self.call("GET", f"/{deleted['id']}")[0], 404)
        trail = self.call("GET", f"/{paused['id']}/audit")[1]
        self.assertEqual((trail[0]["action"], trail[0]["actor"]["role"]), ("pause", "system"))
        self.assertEqual(self.call("GET", f"/{shortened['id']}")[1]["status"], "expired")
        self.assertGreater(self.key("next")["id"], lost["id"], "no id is given again")
        self.come_back(restored, kept)

    def come_back(self, table, key):
        """A new stack, as `make destroy` and docs/operate.md say, goes on with the table of the deleted one."""
        destroyed = run("destroy.py", "--confirm", STACK)
        self.assertEqual(destroyed.returncode, 0, destroyed.stdout + destroyed.stderr)
        settings = dict(re.findall(r"(RestoredTable|VaultName|KeptKmsKeyArn)=([^ ,]+)", destroyed.stdout.splitlines()[-1]))
        self.assertEqual((settings["RestoredTable"], settings["VaultName"]), (table, STACK))
        # The local AWS gives the secret of a new stack the name of the old one, and AWS another.
        secrets, old_secret = boto3.client("secretsmanager"), re.search("copy the secret ([^ ]+)", destroyed.stdout)[1]
        kept = secrets.get_secret_value(SecretId=old_secret)["SecretString"]
        old_secret = secrets.create_secret(Name=f"{old_secret}-kept", SecretString=kept)["ARN"]

        deployed = run("deploy.py", "--built", BUILT, parameters=settings)
        self.assertEqual(deployed.returncode, 0, deployed.stdout[-2000:] + deployed.stderr)
        self.assertEqual(self.call("GET", f"/{key['id']}")[1]["key"], key["key"])
        between = self.key("made before the secret was copied")
        self.assertFalse(self.works(key))
        script = block_of_operate("A deleted stack").replace("nuxera-api-keys-prod", STACK)
        variables = os.environ | {"OLD_SECRET_ID": old_secret, "PATH": f"{ROOT}/.local/checks/bin:{os.environ['PATH']}"}
        copied = subprocess.run(["sh", "-euc", script], env=variables, capture_output=True, text=True)
        self.assertEqual(copied.returncode, 0, copied.stderr)
        deployed = run("deploy.py", "--built", BUILT, parameters=settings | {"ChecksumSecretVersion": "2"})
        self.assertEqual(deployed.returncode, 0, deployed.stdout[-2000:] + deployed.stderr)
        for one in (key, between, self.key("made after the secret was copied")):
            self.assertTrue(self.works(one), one["name"])
        self.assertEqual(run("destroy.py", "--confirm", STACK).returncode, 0)


def block_of_operate(section):
    """The first script of a section of docs/operate.md."""
    page = (ROOT / "docs/operate.md").read_text()
    text = re.split(r"\n###+ ", page.split(f"# {section}\n")[1])[0]
    return textwrap.dedent(re.search(r"```sh\n(.*?)```", text, re.DOTALL)[1])


def back_up_and_restore(table):
    """A new table with the items of now, as a restore makes it, given what a restore leaves out."""
    dynamodb = boto3.client("dynamodb")
    restored = f"{table}-restored"
    dynamodb.restore_table_to_point_in_time(SourceTableName=table, TargetTableName=restored, UseLatestRestorableTime=True)
    while dynamodb.describe_table(TableName=restored)["Table"]["TableStatus"] != "ACTIVE":
        time.sleep(0.1)
    dynamodb.update_time_to_live(TableName=restored, TimeToLiveSpecification={"Enabled": True, "AttributeName": "ttl"})
    dynamodb.update_continuous_backups(
        TableName=restored, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )
    return restored


if __name__ == "__main__":
    unittest.main()
