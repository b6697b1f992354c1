"""Deploys an environment of samconfig.toml: says what and where, checks what must hold, deploys, and calls the result.

    deploy.py ENVIRONMENT [--dry-run] [--config FILE] [--built TEMPLATE]

--dry-run stops before anything is changed. --built takes a template whose functions are built already, and builds none.
"""

import argparse
import collections
import os
import subprocess
import sys
from pathlib import Path

import preconditions
import smoke_test
from environment import ROOT, load, run
from samcli.yamlhelper import yaml_parse


def main():
    arguments = parse()
    env = load(arguments.environment, arguments.config)
    stack = env.stack_description()
    is_new = stack.get("StackStatus") in (None, "REVIEW_IN_PROGRESS")
    print(f"Account  {env.account} ({env.identity})")
    print(f"Region   {env.region}")
    print(f"Stack    {env.stack} ({'new' if is_new else stack['StackStatus']})", flush=True)
    check(env)

    template = arguments.built or build(env.parameters["Architecture"])
    print("\nChanges")
    for line in changes(env, template, is_new):
        print(f"  {line}")
    if arguments.dry_run:
        print("\nNothing was changed.")
        return
    deploy(env, template, is_new)

    outputs = {output["OutputKey"]: output["OutputValue"] for output in env.stack_description()["Outputs"]}
    url = local_url(env) or outputs["ApiUrl"]
    print(f"\nCalls of {url}")
    failures = smoke_test.run(url, env.parameters["CorsOrigins"])
    if failures:
        sys.exit(f"\nThe stack is deployed, but does not answer as it should: {', '.join(failures)}. Its log is /aws/lambda/{env.stack}.")
    print("\n" + next_steps(env, url, outputs, is_new))


def parse():
    parser = argparse.ArgumentParser(usage="make deploy ENV=staging [DRY_RUN=1]")
    parser.add_argument("environment")
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--config", type=Path, default=ROOT / "samconfig.toml")
    parser.add_argument("--built", type=Path)
    return parser.parse_args()


def check(env):
    problems = preconditions.problems(env)
    if problems:
        print("\nNot yet:", file=sys.stderr)
        for problem in problems:
            print(f"- {problem}", file=sys.stderr)
        sys.exit("Nothing was changed.")
    print("\nAll preconditions hold.")
    for note in preconditions.notes(env):
        print(f"- {note}")
    sys.stdout.flush()


def build(architecture):
    print("\nBuilding the functions, which takes some minutes the first time ...", flush=True)
    if subprocess.run(["make", "--no-print-directory", "build", f"ARCHITECTURE={architecture}"], cwd=ROOT).returncode:
        sys.exit("The build failed. Nothing was changed.")
    return ROOT / ".local/build" / architecture / "template.yaml"


def changes(env, template, is_new):
    """What CloudFormation will do. That of a new stack is known without it, which leaves nothing behind."""
    if is_new:
        resources = yaml_parse(template.read_text())["Resources"].values()
        kinds = collections.Counter(resource["Type"] for resource in resources if "Condition" not in resource)
        yield from (f"create {count:3} {kind}" for kind, count in sorted(kinds.items()))
        return
    result = sam(env, template, "--no-execute-changeset", capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{result.stdout}{result.stderr}\nCloudFormation refuses the change. Nothing was changed.")
    cloudformation = env.client("cloudformation")
    sets = cloudformation.list_change_sets(StackName=env.stack)["Summaries"]
    if not sets:
        yield "none"
        return
    newest = max(sets, key=lambda summary: summary["CreationTime"])["ChangeSetName"]
    described = cloudformation.describe_change_set(StackName=env.stack, ChangeSetName=newest)
    for change in described["Changes"]:
        change = change["ResourceChange"]
        replaced = ", REPLACED" if change.get("Replacement") == "True" else ""
        yield f"{change['Action'].lower()} {change['LogicalResourceId']} ({change['ResourceType']}{replaced})"
    cloudformation.delete_change_set(StackName=env.stack, ChangeSetName=newest)


def deploy(env, template, is_new):
    print("\nDeploying ...", flush=True)
    # A first deployment that fails leaves no stack behind that can neither be used nor updated.
    options = ["--on-failure", "DELETE"] if is_new else []
    if sam(env, template, *options).returncode:
        sys.exit("The deployment failed: see the event with CREATE_FAILED or UPDATE_FAILED above.")


def sam(env, template, *options, **run):
    command = ["sam", "deploy", "--config-file", env.config, "--config-env", env.name]
    command += ["--template-file", template, "--region", env.region, *options]
    return subprocess.run([str(word) for word in command], cwd=ROOT, **run)


def local_url(env):
    """The local AWS serves the API below its stage."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    return endpoint and f"{endpoint}/{env.parameters['StageName']}"


def next_steps(env, url, outputs, is_new):
    steps = [f"The API is at {url}, the dashboard at {outputs['DashboardUrl']}."]
    if is_new:
        steps.append(f"Next: subscribe to the alarms, create a key with a token of your signer (docs/api-tour.md), and keep {outputs['KmsKeyArn']}: without it no stored key string can be read.")
    return "\n".join(steps)


if __name__ == "__main__":
    run(main)
