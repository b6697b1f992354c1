"""An environment of samconfig.toml, with the account and region that it would be deployed to."""

import os
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import boto3
import botocore.exceptions
import botocore.parsers
from samcli.yamlhelper import yaml_parse

ROOT = Path(__file__).resolve().parent.parent


class Unusable(Exception):
    """There is nothing to deploy, or nowhere to deploy it to. The message says what to do."""


@dataclass
class Environment:
    name: str
    config: Path
    stack: str
    # As samconfig.toml gives them, and all of them with the template's defaults.
    given: dict
    parameters: dict
    template: dict
    session: boto3.Session
    account: str
    identity: str

    @property
    def region(self):
        return self.session.region_name

    def client(self, service):
        return self.session.client(service)

    def stack_description(self):
        """The stack as CloudFormation describes it; nothing if there is none."""
        try:
            return self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"][0]
        except botocore.exceptions.ClientError as error:
            if "does not exist" in str(error):
                return {}
            raise


def run(main):
    """Runs a program. What stops it is told in a sentence."""
    try:
        main()
    except Unusable as unusable:
        sys.exit(str(unusable))
    except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
        sys.exit(f"AWS refuses a request that is needed: {error}")


def load(name, config=ROOT / "samconfig.toml"):
    """Reads an environment, and asks AWS who is calling."""
    environments = tomllib.loads(config.read_text())
    settings = environments.get(name, {}).get("deploy", {}).get("parameters")
    if settings is None or name == "local":
        known = [known for known, section in environments.items() if known != "local" and isinstance(section, dict)]
        raise Unusable(f"{config.name} has no environment {name!r}. It has: {', '.join(known)}.")
    template = yaml_parse((ROOT / "template.yaml").read_text())
    given = dict(override.split("=", 1) for override in settings["parameter_overrides"])
    defaults = {parameter: str(facts["Default"]) for parameter, facts in template["Parameters"].items()}
    # SAM and botocore do not read AWS_REGION, which other SDKs do.
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or settings.get("region")
    session = boto3.Session(region_name=region)
    if not session.region_name:
        raise Unusable("Which region? Set AWS_REGION, as in: export AWS_REGION=eu-central-1")
    try:
        identity = session.client("sts").get_caller_identity()
    except (botocore.exceptions.NoCredentialsError, botocore.exceptions.PartialCredentialsError):
        raise Unusable("There are no AWS credentials. Set AWS_PROFILE, or run `aws configure`.") from None
    except botocore.exceptions.BotoCoreError as error:
        raise Unusable(f"AWS cannot be asked who is calling: {error}") from None
    except (botocore.exceptions.ClientError, botocore.parsers.ResponseParserError) as error:
        raise Unusable(f"AWS refuses the credentials: {error}. Sign in again, or choose another AWS_PROFILE.") from None
    return Environment(
        name=name,
        config=config,
        stack=settings["stack_name"],
        given=given,
        parameters=defaults | given,
        template=template,
        session=session,
        account=identity["Account"],
        identity=identity["Arn"],
    )
