"""Goes through docs/deploy.md as someone with a fresh clone and a new account does, with the local AWS in place of AWS.

In the order of the page, each `sh` block is run by one and the same bash, with the AWS CLI, and each `toml` block is added to
the parameters of the environment that its first line names. Then docs/operate.md is followed: the checksum secret is rotated,
and the table restored.
"""

import json
import os
import platform
import re
import subprocess
import sys
import textwrap
import time
import unittest

import boto3

from fresh_copy import ROOT, fresh_copy

sys.path.append(str(ROOT / "local"))

import tokens

COPY = ROOT / ".local/first-deployment"
REGION = "eu-central-1"
STEPS = 10
SECRET = "the-signer-of-staging-signs-with-this-0001"
# Of services that the local AWS does not have: what the command asks for is up to AWS.
ONLY_AWS = ("aws service-quotas ",)
BLOCK = re.compile(r"^ *```(sh|toml)\n(.*?)^ *```$", re.M | re.S)


class Shell:
    """Runs one script after the other, each with the variables that those before have set."""

    def __init__(self):
        self.state = COPY / ".local/variables"
        self.state.write_text("")
        bin = COPY / ".local/bin"
        bin.mkdir()
        (bin / "aws").symlink_to(ROOT / ".local/checks/bin/aws")
        profile = COPY / ".local/aws"
        profile.write_text(
            f"[staging]\naws_access_key_id = {os.environ['AWS_ACCESS_KEY_ID']}\n"
            f"aws_secret_access_key = {os.environ['AWS_SECRET_ACCESS_KEY']}\n"
        )
        # Nothing of the tests' own: no access to AWS but by the profile, and a make that is nobody's child.
        foreign = ("AWS_", "MAKE", "MFLAGS", "LOCAL_DIR", "PORT")
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | {
            "PATH": f"{bin}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"],
            "AWS_SHARED_CREDENTIALS_FILE": str(profile),
            "AWS_CONFIG_FILE": os.devnull,
        }

    def run(self, script, input="y\n"):
        """What it prints. `y` answers the question of `make deploy ENV=prod`."""
        script = f"set -aeuo pipefail\n. {self.state}\n{script}\nexport -p >{self.state}\n"
        command = ["bash", "-c", script]
        result = subprocess.run(command, cwd=COPY, env=self.environment, input=input, capture_output=True, text=True)
        if result.returncode:
            raise AssertionError(f"{script}\n{result.stdout[-3000:]}{result.stderr[-3000:]}")
        return result.stdout

    def variable(self, name):
        return self.run(f'printf %s "${name}"')


class FirstDeployment(unittest.TestCase):
    def test_the_guide_leads_from_an_empty_account_to_a_domain_and_production(self):
        page = (ROOT / "docs/deploy.md").read_text()
        guide = page.split("\n## From an empty account to a served domain\n")[1].split("\n## Parameters\n")[0]
        self.assertEqual(re.findall(r"^(\d+)\. \*\*", guide, re.M), [str(step + 1) for step in range(STEPS)])
        prepare()
        shell = Shell()
        # The reader has a domain, and the signer's secret.
        zone = boto3.client("route53").create_hosted_zone(Name="example.com", CallerReference="first deployment")
        (COPY / "secret.txt").write_text(SECRET)
        examples = {"123456789012": boto3.client("sts").get_caller_identity()["Account"]}
        examples["Z0123456789EXAMPLE"] = zone["HostedZone"]["Id"].rsplit("/", 1)[1]

        printed = {}
        for kind, block in BLOCK.findall(guide):
            block = textwrap.dedent(block)
            if "$API_URL" in block:
                url = re.search(r"The API is at (\S+),", printed["make deploy ENV=staging"])[1]
                shell.run(f"API_URL={url}; TOKEN={token()}")
            if kind == "sh":
                script = "".join(line + "\n" for line in block.splitlines() if not line.startswith(ONLY_AWS))
                printed[block.strip()] = shell.run(script)
            else:
                if "CertificateArn" in block:
                    examples["12345678-1234-1234-1234-123456789012"] = shell.variable("CERTIFICATE").rsplit("/", 1)[1]
                # The longest first: the id of the certificate ends with the account.
                for example in sorted(examples, key=len, reverse=True):
                    block = block.replace(example, examples[example])
                add_parameters(block)
        self.assert_deployed(printed)
        self.rotate_checksum_secret(shell)
        self.restore(shell)

    def assert_deployed(self, printed):
        looked = printed["make deploy ENV=staging DRY_RUN=1"]
        self.assertIn("All preconditions hold.", looked)
        self.assertIn("Nothing was changed.", looked)
        self.assertIn("preflight: ok", printed["make deploy ENV=prod"])
        calls = [output for script, output in printed.items() if "$API_URL" in script]
        self.assertEqual([json.loads(output) for output in calls], [[]], "a user without keys")
        cloudformation = client("cloudformation")
        stacks = {stack["StackName"]: stack for stack in cloudformation.describe_stacks()["Stacks"]}
        outputs = {
            name: {output["OutputKey"]: output["OutputValue"] for output in stacks[name]["Outputs"]}
            for name in ("nuxera-api-keys-staging", "nuxera-api-keys-prod")
        }
        self.assertEqual(outputs["nuxera-api-keys-staging"]["ApiUrl"], "https://keys.staging.example.com")
        mappings = client("apigateway").get_base_path_mappings(domainName="keys.staging.example.com")["items"]
        self.assertEqual(mappings[0]["restApiId"], outputs["nuxera-api-keys-staging"]["ApiId"])
        topic = client("sns").list_topics()["Topics"][0]["TopicArn"]
        alarms = client("cloudwatch").describe_alarms(AlarmNamePrefix="nuxera-api-keys-staging")["MetricAlarms"]
        self.assertGreater(len(alarms), 10)
        for alarm in alarms:
            self.assertEqual(alarm["AlarmActions"], [topic], alarm["AlarmName"])

    def rotate_checksum_secret(self, shell):
        page = (ROOT / "docs/operate.md").read_text()
        section = page.split("\n### Rotate the checksum secret\n")[1].split("\n### ")[0]
        [(_, script)] = BLOCK.findall(section)
        shell.run(script)
        secrets = client("secretsmanager").get_secret_value(SecretId=shell.variable("SECRET_ID"))["SecretString"]
        self.assertRegex(secrets, "^[0-9A-Za-z]{64},[0-9A-Za-z]{64}$")
        self.assertEqual(secrets, f"{shell.variable('OLD')},{shell.variable('NEW')}")


    def restore(self, shell):
        page = (ROOT / "docs/operate.md").read_text()
        section = page.split("\n### Restore a backup\n")[1].split("\n### ")[0]
        script = textwrap.dedent(BLOCK.findall(section)[0][1])
        dynamodb = client("dynamodb")
        stack = client("cloudformation").describe_stack_resource(StackName="nuxera-api-keys-prod", LogicalResourceId="Table")
        table = stack["StackResourceDetail"]["PhysicalResourceId"]
        request, wait, rest = script.partition("aws dynamodb wait ")
        shell.run(f"TABLE={table}\n{request}")
        # The first look finds it CREATING, after which the CLI would wait for 20 s.
        dynamodb.describe_table(TableName="nuxera-restored")
        shell.run(wait + rest)
        restored = dynamodb.describe_table(TableName="nuxera-restored")["Table"]
        self.assertEqual((restored["TableStatus"], restored["DeletionProtectionEnabled"]), ("ACTIVE", True))
        ttl = dynamodb.describe_time_to_live(TableName="nuxera-restored")["TimeToLiveDescription"]
        self.assertEqual((ttl["AttributeName"], ttl["TimeToLiveStatus"]), ("ttl", "ENABLED"))
        backups = dynamodb.describe_continuous_backups(TableName="nuxera-restored")["ContinuousBackupsDescription"]
        self.assertEqual(backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"], "ENABLED")


def prepare():
    """A fresh copy, with the tools and the functions that a reader's `make` would take minutes for."""
    fresh_copy(COPY)
    (COPY / ".local").mkdir()
    for made in ("venv", "build"):
        (COPY / ".local" / made).symlink_to(ROOT / ".local" / made)
    if platform.machine() in ("arm64", "aarch64"):
        for environment in ("staging", "prod"):
            add_parameters(f'# {environment}\n"Architecture=arm64",\n')


def add_parameters(block):
    """Adds lines to the `parameter_overrides` of the environment, in place of those that set the same parameter."""
    environment, *lines = block.strip().splitlines()
    config = COPY / "samconfig.toml"
    before, section = config.read_text().split(f"[{environment.removeprefix('# ')}.deploy.parameters]\n")
    section, bracket, after = section.partition("\n]\n")
    names = tuple(f'  {line.split("=")[0]}=' for line in lines)
    kept = [line for line in section.splitlines() if not line.startswith(names)]
    section = "\n".join(kept + [f"  {line}" for line in lines])
    config.write_text(f"{before}[{environment.removeprefix('# ')}.deploy.parameters]\n{section}{bracket}{after}")


def token():
    """Of a user, as the signer of the guide makes them."""
    parameters = dict(re.findall(r'"(JwtIssuer|JwtAudience)=([^"]+)"', (COPY / "samconfig.toml").read_text()))
    claims = {"user_id": 5, "iss": parameters["JwtIssuer"], "aud": parameters["JwtAudience"], "exp": int(time.time()) + 600}
    return tokens.sign_claims(SECRET, claims)


def client(service):
    return boto3.client(service, region_name=REGION)


if __name__ == "__main__":
    unittest.main()
