"""Each function may do what it does, and nothing else: what the roles of a deployment are granted is held against the
calls to AWS that were made while it was tested. Run in its environment, after those tests.

A grant that no test uses fails: either nobody needs it, or a test is missing.
"""

import fnmatch
import json
import os
import unittest
from dataclasses import dataclass, field

@dataclass(frozen=True)
class Call:
    """What was asked for: an action on a resource, and the values of the keys that conditions look at."""

    function: str
    action: str
    resource: str
    context: dict = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Statement:
    """One Allow, with every element a list and every condition key in lower case."""

    actions: tuple
    resources: tuple
    # (operator, key) and the values that are allowed.
    conditions: tuple = ()

    @classmethod
    def of(cls, document):
        if document["Effect"] != "Allow" or {"NotAction", "NotResource"} & document.keys():
            raise ValueError(f"only plain Allow statements are understood, not {document}")
        conditions = [
            (operator, key.lower(), tuple(as_list(values)))
            for operator, keys in document.get("Condition", {}).items()
            for key, values in keys.items()
        ]
        return cls(tuple(as_list(document["Action"])), tuple(as_list(document["Resource"])), tuple(conditions))

    def grants(self):
        """The single things it grants, each of which some call must have used."""
        for action in self.actions:
            yield ("action", action)
        for resource in self.resources:
            yield ("resource", resource)
        for _operator, key, values in self.conditions:
            for value in values:
                yield (key, value)

    def used_by(self, call):
        """The grants that a call uses; none if the statement does not allow it."""
        used = [("action", action) for action in self.actions if action == call.action]
        used += [("resource", resource) for resource in self.resources if fnmatch.fnmatchcase(call.resource, resource)]
        if {kind for kind, _ in used} != {"action", "resource"}:
            return set()
        for operator, key, values in self.conditions:
            asked = as_list(call.context.get(key, []))
            of_some = any if operator.startswith("ForAnyValue:") else all
            if not asked or not of_some(any(matches(operator, value, one) for value in values) for one in asked):
                return set()
            used += [(key, value) for value in values if any(matches(operator, value, one) for one in asked)]
        return set(used)


def matches(operator, value, asked):
    match operator.rsplit(":", 1)[-1]:
        case "StringEquals":
            return value == asked
        case "StringLike":
            return fnmatch.fnmatchcase(asked, value)
        case "Null":
            # There is a value: `used_by` looks at none otherwise.
            return value == "false"
    raise ValueError(f"the condition operator {operator} is not understood: add it here")


def as_list(value):
    return value if isinstance(value, list) else [value]


def unused(granted, calls):
    """What no call used, of what the functions are granted (statements by function)."""
    for function, statements in granted.items():
        own = [call for call in calls if call.function == function]
        for statement in statements:
            used = set().union(*(statement.used_by(call) for call in own))
            for grant in statement.grants():
                if grant not in used:
                    yield f"{function}: {' '.join(grant)}, in {' '.join(statement.actions)}"


def forbidden(granted, calls):
    """The calls that no statement allows."""
    for call in calls:
        if not any(statement.used_by(call) for statement in granted.get(call.function, [])):
            yield f"{call.function}: {call.action} on {call.resource} with {call.context}"


class TheComparison(unittest.TestCase):
    STATEMENT = Statement.of({
        "Effect": "Allow",
        "Action": ["dynamodb:GetItem", "dynamodb:PutItem"],
        "Resource": "table",
        "Condition": {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["USER#*", "AUDIT#*"]}},
    })

    def call(self, action, *keys, resource="table"):
        return Call("F", action, resource, {"dynamodb:leadingkeys": list(keys)})

    def test_finds_what_is_not_used(self):
        calls = [self.call("dynamodb:GetItem", "USER#1"), self.call("dynamodb:PutItem", "SYSTEM")]
        calls += [self.call("dynamodb:PutItem", "AUDIT#1", resource="index")]
        found = [text.split(",")[0] for text in unused({"F": [self.STATEMENT]}, calls)]
        self.assertEqual(found, ["F: action dynamodb:PutItem", "F: dynamodb:leadingkeys AUDIT#*"])
        calls.append(self.call("dynamodb:PutItem", "USER#1", "AUDIT#1"))
        self.assertEqual(list(unused({"F": [self.STATEMENT]}, calls)), [])
        self.assertEqual(len(list(unused({"G": [self.STATEMENT]}, calls))), 5, "the calls of another function")

    def test_finds_what_is_not_allowed(self):
        allowed = self.call("dynamodb:GetItem", "USER#1", "AUDIT#1")
        self.assertEqual(list(forbidden({"F": [self.STATEMENT]}, [allowed])), [])
        for call in [
            self.call("dynamodb:DeleteItem", "USER#1"),
            self.call("dynamodb:GetItem", "USER#1", "SYSTEM"),
            self.call("dynamodb:GetItem"),
            self.call("dynamodb:GetItem", "USER#1", resource="other"),
        ]:
            self.assertEqual(len(list(forbidden({"F": [self.STATEMENT]}, [call]))), 1, call)

    def test_asks_for_one_of_the_keys_where_the_statement_does(self):
        condition = {"dynamodb:LeadingKeys": ["USER#*", "AUDIT#*"]}
        own = {"dynamodb:LeadingKeys": "USER#*"}
        statement = Statement.of({
            "Effect": "Allow",
            "Action": "dynamodb:DeleteItem",
            "Resource": "table",
            "Condition": {"ForAllValues:StringLike": condition, "ForAnyValue:StringLike": own},
        })
        for keys, expected in [(["USER#1"], 0), (["USER#1", "AUDIT#1"], 0), (["AUDIT#1"], 1), (["USER#1", "SYSTEM"], 1)]:
            call = self.call("dynamodb:DeleteItem", *keys)
            self.assertEqual(len(list(forbidden({"F": [statement]}, [call]))), expected, keys)


class TheDeployment(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        configurations = deployed_functions()
        roles = {configuration["Role"].rsplit("/", 1)[1]: name for name, configuration in configurations.items()}
        cls.granted = {function: list(statements_of(role)) for role, function in roles.items()}
        with open(os.environ["CALL_LOG"]) as log:
            recorded = [json.loads(line) for line in log]
        cls.calls = [
            Call(roles[call["role"]], call["action"], call["resource"], call["context"])
            for call in recorded
            if call["role"] in roles
        ]
        statements = sum(map(len, cls.granted.values()))
        cls.calls += [
            call for function, configuration in configurations.items() for call in calls_by_lambda(function, configuration)
        ]
        print(f"{len(recorded)} calls to AWS, {len(cls.granted)} functions, {statements} statements")

    def test_allows_every_call(self):
        self.assertEqual(sorted(set(forbidden(self.granted, self.calls))), [])

    def test_leaves_the_trail_as_it_is(self):
        for function, statements in self.granted.items():
            resources = {resource for statement in statements for resource in statement.resources}
            for action in ["dynamodb:DeleteItem", "dynamodb:UpdateItem"]:
                calls = [Call(function, action, table, {"dynamodb:leadingkeys": ["AUDIT#1#1"]}) for table in resources]
                self.assertEqual(len(list(forbidden(self.granted, calls))), len(calls), f"{function}: {action}")

    def test_grants_nothing_that_is_not_used(self):
        self.assertEqual(list(unused(self.granted, self.calls)), [])


def deployed_functions():
    """The configurations of the functions of the stack, by their names in the template."""
    import boto3

    pages = boto3.client("cloudformation").get_paginator("list_stack_resources")
    resources = [
        resource
        for page in pages.paginate(StackName=os.environ["STACK_NAME"])
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == "AWS::Lambda::Function"
    ]
    functions = boto3.client("lambda")
    return {
        resource["LogicalResourceId"]: functions.get_function_configuration(FunctionName=resource["PhysicalResourceId"])
        for resource in resources
    }


def calls_by_lambda(function, configuration):
    """The calls that Lambda makes under a function's role, as its configuration says. The local AWS does not make them."""
    import boto3

    _arn, _aws, _lambda, region, account, *_ = configuration["FunctionArn"].split(":")
    stream = f"arn:aws:logs:{region}:{account}:log-group:{configuration['LoggingConfig']['LogGroup']}:log-stream:any"
    yield Call(function, "logs:CreateLogStream", stream)
    yield Call(function, "logs:PutLogEvents", stream)
    if configuration["TracingConfig"]["Mode"] == "Active":
        yield Call(function, "xray:PutTraceSegments", "*")
        yield Call(function, "xray:PutTelemetryRecords", "*")
    invocations = boto3.client("lambda").list_function_event_invoke_configs(FunctionName=configuration["FunctionName"])
    for invocation in invocations["FunctionEventInvokeConfigs"]:
        yield Call(function, "sqs:SendMessage", invocation["DestinationConfig"]["OnFailure"]["Destination"])


def statements_of(role):
    """What the policies of a role allow, AWS's own included."""
    import boto3

    iam = boto3.client("iam")
    documents = [
        iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
    ]
    for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
        version = iam.get_policy(PolicyArn=policy["PolicyArn"])["Policy"]["DefaultVersionId"]
        document = iam.get_policy_version(PolicyArn=policy["PolicyArn"], VersionId=version)
        documents.append(document["PolicyVersion"]["Document"])
    return [Statement.of(statement) for document in documents for statement in as_list(document["Statement"])]


if __name__ == "__main__":
    unittest.main()
