"""Deletes the stack of an environment, and says what stays and why.

    destroy.py ENVIRONMENT [--config FILE] [--confirm STACK]
"""

import argparse
import sys
from pathlib import Path

import botocore.exceptions
from environment import ROOT, load, run

KEPT = {
    "Table": "the keys and their audit trails. To delete it: aws dynamodb delete-table --region {region} --table-name {id}",
    "DataKeyEncryptionKey": "without it no stored key string can ever be read again, backups included. To delete it after 30 days: "
    "aws kms schedule-key-deletion --region {region} --key-id {id}",
    "KeyChecksumSecret": "without it no key string of the table works. To delete it: "
    "aws secretsmanager delete-secret --region {region} --secret-id {id}",
    "ApiGatewayLoggingRole": "API Gateway writes the logs of all APIs of this account and region with it",
}


def main():
    parser = argparse.ArgumentParser(usage="make destroy ENV=staging [CONFIRM=stack name]")
    parser.add_argument("environment")
    parser.add_argument("--config", type=Path, default=ROOT / "samconfig.toml")
    parser.add_argument("--confirm")
    arguments = parser.parse_args()
    env = load(arguments.environment, arguments.config)
    stack = env.stack_description()
    if not stack:
        sys.exit(f"There is no stack {env.stack} in {env.region} of account {env.account}.")
    cloudformation = env.client("cloudformation")
    resources = cloudformation.describe_stack_resources(StackName=env.stack)["StackResources"]
    ids = {resource["LogicalResourceId"]: resource.get("PhysicalResourceId") for resource in resources}

    print(f"This deletes the stack {env.stack} in {env.region} of account {env.account}: its API, {len(resources)} resources.")
    print("It keeps:")
    for name, reason in KEPT.items():
        if ids.get(name):
            print(f"- {ids[name]}: {reason.format(region=env.region, id=ids[name])}")
    if (arguments.confirm or ask(env)) != env.stack:
        sys.exit("Nothing was deleted.")
    comeback = how_to_come_back(env, ids)
    print("Deleting ...", flush=True)
    cloudformation.delete_stack(StackName=env.stack)
    # Keys and plans of API Gateway are deleted one after the other, which takes minutes.
    within_an_hour = {"Delay": 3, "MaxAttempts": 1_200}
    try:
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack["StackId"], WaiterConfig=within_an_hour)
    except botocore.exceptions.WaiterError as error:
        sys.exit(f"The stack is not deleted: {error}. CloudFormation's events say why.")
    print(f"Deleted. A new deployment makes a new table. {comeback}".rstrip())


def how_to_come_back(env, ids):
    """The settings with which a new stack uses what this one used; nothing if it has no functions."""
    functions = env.client("lambda")
    try:
        settings = functions.get_function_configuration(FunctionName=ids["RotateKeyFunction"])["Environment"]["Variables"]
    except (KeyError, functions.exceptions.ResourceNotFoundException):
        return ""
    return (
        f"To use the present one, deploy with RestoredTable={settings['TABLE_NAME']}, VaultName={settings['VAULT_NAME']} "
        f"and KeptKmsKeyArn={settings['KMS_KEY_ID']}, then copy the secret {ids['KeyChecksumSecret']} "
        "(docs/operate.md, A deleted stack)."
    )


def ask(env):
    try:
        return input(f"Type the name of the stack to delete it ({env.stack}): ")
    except EOFError:
        return ""


if __name__ == "__main__":
    run(main)
