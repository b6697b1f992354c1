"""`make deploy` and `make destroy` against the local AWS: each precondition broken once, then a whole deployment."""

import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import boto3

ROOT = Path(__file__).resolve().parent.parent
BUILT = ROOT / ".local/build/template.yaml"
STACK = "nuxera-api-keys-staging"
REGION = os.environ["AWS_REGION"]
SECRET_ID = "nuxera/staging/jwt"
GOOD = {
    "StageName": "staging",
    "JwtSecretId": SECRET_ID,
    "JwtIssuer": "https://login.example",
    "JwtAudience": "api-keys",
    "DeletionProtection": "false",
    "UsagePlanKeyRequired": "true",
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
            "create  10 AWS::ApiGateway::ApiKey",
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
            ("UsagePlanKeyRequired is not true", {"UsagePlanKeyRequired": None}),
            ("All lanes together take 1310 requests per second, but StageRateLimit is 100", {"StageRateLimit": "100"}),
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
        self.assertEqual(dry_run(parameters=domain).returncode, 0, dry_run(parameters=domain).stderr)
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
        deployed = run("deploy.py", "--built", BUILT)
        self.assertEqual(deployed.returncode, 0, deployed.stdout + deployed.stderr)
        for line in ["401 without a token in hl7: ok", "FHIR metadata: ok", "404 for an unknown path: ok", "The API is at "]:
            self.assertIn(line, deployed.stdout)
        self.assertEqual(stacks()[STACK], "CREATE_COMPLETE")

        changed = run("deploy.py", "--dry-run", "--built", BUILT, parameters={"TestKeyDailyLimit": "50"})
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


if __name__ == "__main__":
    unittest.main()
