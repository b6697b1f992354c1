"""Ends in a restored table what was ended since its backup, by the trail in the old one: the one that the functions use.

    reconcile.py ENVIRONMENT --to TABLE [--from TABLE] [--since TIME] [--dry-run] [--config FILE] [--program FILE]

The settings are those of the deployed functions. --program is `reconcile`, if it is built already.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from environment import ROOT, load, run


def main():
    parser = argparse.ArgumentParser(usage="make reconcile ENV=prod TO=restored-table [FROM=old-table] [SINCE=2026-11-28T06:00:00Z] [DRY_RUN=1]")
    parser.add_argument("environment")
    parser.add_argument("--to", required=True)
    parser.add_argument("--from", dest="old")
    parser.add_argument("--since")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--config", type=Path, default=ROOT / "samconfig.toml")
    parser.add_argument("--program", type=Path)
    arguments = parser.parse_args()
    env = load(arguments.environment, arguments.config)
    if not env.stack_description():
        sys.exit(f"There is no stack {env.stack} in {env.region}, whose settings are needed.")

    resources = env.client("cloudformation").describe_stack_resources(StackName=env.stack)["StackResources"]
    ids = {resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources}
    # It has all settings that issue and end strings.
    function = env.client("lambda").get_function_configuration(FunctionName=ids["RotateKeyFunction"])
    variables = function["Environment"]["Variables"]
    old = arguments.old or variables["TABLE_NAME"]
    if old == arguments.to:
        sys.exit(f"The functions use {old} already. Add the old table, as in FROM={ids['Table']}, the table of the stack.")
    print(f"Account {env.account}, region {env.region}: from {old} to {arguments.to}", flush=True)

    credentials = env.session.get_credentials().get_frozen_credentials()
    settings = variables | {
        "TABLE_NAME": arguments.to,
        "AWS_REGION": env.region,
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.token or "",
        "AWS_ENDPOINT_URL": os.environ.get("AWS_ENDPOINT_URL", ""),
    }
    command = [arguments.program or build(), old]
    command += ["--since", arguments.since] if arguments.since else []
    command += ["--dry-run"] if arguments.dry_run else []
    sys.exit(subprocess.run(command, env=settings).returncode)


def build():
    command = ["cargo", "build", "--locked", "--release", "--workspace", "--bin", "reconcile"]
    if subprocess.run(command, cwd=ROOT).returncode:
        sys.exit("The build failed.")
    return ROOT / "target/release/reconcile"


if __name__ == "__main__":
    run(main)
