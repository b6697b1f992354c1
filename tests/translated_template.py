"""What CloudFormation gets of template.yaml: the SAM translator's output, with the parameters of each environment."""

import json
import logging
import os
import tomllib
import unittest
from pathlib import Path
from unittest.mock import patch

from samcli.yamlhelper import yaml_parse
from samtranslator.public.translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ("staging", "prod")
PSEUDO_PARAMETERS = {"AWS::" + name for name in "AccountId NoValue Partition Region StackId StackName URLSuffix".split()}
LANES = 8


def parameters_of(environment):
    settings = tomllib.loads((ROOT / "samconfig.toml").read_text())[environment]["deploy"]["parameters"]
    given = dict(override.split("=", 1) for override in settings["parameter_overrides"])
    # Those that samconfig.toml leaves to whoever deploys, and those that bring conditional resources.
    more = {
        "JwtIssuer": "https://login.example",
        "JwtAudience": "api-keys",
        "DomainName": "api.example",
        "CertificateArn": "arn:aws:acm:eu-central-1:123456789012:certificate/1",
        "HostedZoneId": "Z1",
        "WafRequestLimit": "2000",
        "TraceSampling": "0.01",
        "LogExpiryEvents": "true",
    }
    return given | more


def translate(parameters):
    template = yaml_parse((ROOT / "template.yaml").read_text())
    for function in template["Resources"].values():
        if function["Type"] == "AWS::Serverless::Function":
            # As `sam deploy` replaces it.
            function["Properties"]["CodeUri"] = {"Bucket": "bucket", "Key": "key"}
            function.pop("Metadata", None)
    # The translator asks for the region, and for policies of AWS by their names, of which the template uses none.
    os.environ["AWS_DEFAULT_REGION"] = "eu-central-1"
    logging.disable(logging.WARNING)
    loader = ManagedPolicyLoader(None)
    loader._policy_map = {}
    return transform(template, parameters, loader)


def references(node):
    """The logical ids that a part of the template names."""
    match node:
        case {"Ref": name}:
            yield name
        case {"Fn::GetAtt": str(path)}:
            yield path.split(".")[0]
        case {"Fn::GetAtt": [name, *_]}:
            yield name
        case {"Fn::Sub": sub}:
            text, given = (sub, {}) if isinstance(sub, str) else sub
            yield from references(given)
            for part in text.split("${")[1:]:
                name = part.split("}")[0].split(".")[0]
                if not name.startswith("!") and name not in given:
                    yield name
        case dict():
            for value in node.values():
                yield from references(value)
        case list():
            for value in node:
                yield from references(value)


def resolve(template, parameters):
    """The resources and outputs that CloudFormation makes with these parameters: `Fn::If` and conditions are gone."""
    values = {name: facts.get("Default") for name, facts in template["Parameters"].items()} | parameters

    def evaluate(node):
        """A value that conditions compare, or a condition."""
        match node:
            case {"Ref": name}:
                return str(values[name])
            case {"Condition": name}:
                return evaluate(template["Conditions"][name])
            case {"Fn::Equals": [one, other]}:
                return str(evaluate(one)) == str(evaluate(other))
            case {"Fn::Not": [condition]}:
                return not evaluate(condition)
            case {"Fn::Or": conditions}:
                return any(map(evaluate, conditions))
            case {"Fn::Join": [separator, parts]}:
                return separator.join(evaluate(parts))
            case {"Fn::Split": [separator, text]}:
                return evaluate(text).split(separator)
            case dict():
                raise AssertionError(f"not known here: {node}")
        return node

    def choose(node):
        match node:
            case {"Fn::If": [condition, yes, no]}:
                return choose(yes if evaluate({"Condition": condition}) else no)
            case dict():
                return {name: choose(value) for name, value in node.items()}
            case list():
                return [choose(value) for value in node]
        return node

    exists = lambda item: "Condition" not in item or evaluate({"Condition": item["Condition"]})
    return {kind: {name: choose(item) for name, item in template[kind].items() if exists(item)} for kind in ("Resources", "Outputs")}


def is_page(operation):
    """Whether a method of the API hands out a page, or a file of pages."""
    return "GetPageFunction" in references(operation.get("x-amazon-apigateway-integration", {}))


class TranslatedTemplate(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.templates = {name: translate(parameters_of(name)) for name in ENVIRONMENTS}

    def each(self, *types):
        """Environment, name and resource, of the given types or of all."""
        for environment, template in self.templates.items():
            for name, resource in template["Resources"].items():
                if not types or resource["Type"] in types:
                    with self.subTest(environment=environment, resource=name):
                        yield template, name, resource

    def dependencies(self, template, name):
        resource = template["Resources"][name]
        stated = resource.get("DependsOn", [])
        stated = [stated] if isinstance(stated, str) else stated
        named = {*stated, *references(resource.get("Properties", {}))}
        return named & template["Resources"].keys()

    def test_there_is_something_to_hold(self):
        for template in self.templates.values():
            self.assertGreater(len(template["Resources"]), 100)

    def test_it_keeps_the_quotas_of_cloudformation(self):
        for template in self.templates.values():
            self.assertLessEqual(len(template["Resources"]), 500)
            self.assertLessEqual(len(template["Parameters"]), 200)
            self.assertLessEqual(len(template["Outputs"]), 200)
            self.assertLess(len(json.dumps(template)), 1_000_000)

    def test_every_reference_leads_somewhere_whatever_is_left_out(self):
        """A resource that a parameter brings must not be named where it is not."""
        parameters = parameters_of("staging")
        bare = {name: value for name, value in parameters.items() if name in ("JwtIssuer", "JwtAudience")}
        bare |= {"ManageApiGatewayLogging": "false", "RestoredTable": "restored", "CorsOrigins": ""}
        bare |= {"KeptKmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1"}
        cases = {
            "everything": parameters | {"CorsOrigins": "https://a.example,https://b.example"},
            "nothing": bare,
            "prod": parameters_of("prod"),
            "another's logging": parameters | {"ManageApiGatewayLogging": "false"},
        }
        template = self.templates["staging"]
        known = template["Parameters"].keys() | PSEUDO_PARAMETERS
        made = {}
        for case, given in cases.items():
            made[case] = resolve(template, given)
            resources = made[case]["Resources"].keys()
            for name, item in [*made[case]["Resources"].items(), *made[case]["Outputs"].items()]:
                with self.subTest(case=case, resource=name):
                    stated = item.get("DependsOn", [])
                    stated = {stated} if isinstance(stated, str) else set(stated)
                    self.assertEqual((set(references(item)) | stated) - resources - known, set())
        optional = made["everything"]["Resources"].keys() - made["nothing"]["Resources"].keys()
        self.assertEqual(optional, {name for name, item in template["Resources"].items() if "Condition" in item})

    def test_the_logging_of_another_stack_is_left_alone(self):
        made = resolve(self.templates["staging"], parameters_of("staging") | {"ManageApiGatewayLogging": "false"})["Resources"]
        kinds = {item["Type"] for item in made.values()}
        self.assertNotIn("AWS::ApiGateway::Account", kinds)
        roles = {name for name, item in made.items() if "AmazonAPIGatewayPushToCloudWatchLogs" in json.dumps(item)}
        self.assertEqual(roles, set())
        [stage] = [item for item in made.values() if item["Type"] == "AWS::ApiGateway::Stage"]
        self.assertIn({"Key": "logging", "Value": "account"}, stage["Properties"]["Tags"])
        self.assertIn("DestinationArn", stage["Properties"]["AccessLogSetting"], "it logs, with the role of the account")

    def test_each_deployment_makes_the_stage_anew(self):
        """Otherwise a change of gateway responses or of CORS alone would not reach it."""
        # The translator tells deployments by the second.
        with patch("samtranslator.model.apigateway.time.time", return_value=0):
            again = translate(parameters_of("staging"))
        deployments = []
        for template in (self.templates["staging"], again):
            [stage] = [item for item in template["Resources"].values() if item["Type"] == "AWS::ApiGateway::Stage"]
            deployment = stage["Properties"]["DeploymentId"]["Ref"]
            self.assertEqual(template["Resources"][deployment]["Type"], "AWS::ApiGateway::Deployment")
            deployments.append(deployment)
        self.assertNotEqual(*deployments)

    def test_nothing_waits_for_itself(self):
        for environment, template in self.templates.items():
            waiting = {name: self.dependencies(template, name) for name in template["Resources"]}
            while free := [name for name, others in waiting.items() if not others]:
                for name in free:
                    del waiting[name]
                for others in waiting.values():
                    others.difference_update(free)
            self.assertEqual(waiting, {}, environment)

    def test_keys_and_their_plans_are_made_one_after_the_other(self):
        """API Gateway refuses parallel changes, which is final for CloudFormation."""
        kinds = ("AWS::ApiGateway::ApiKey", "AWS::ApiGateway::UsagePlan", "AWS::ApiGateway::UsagePlanKey")
        for environment, template in self.templates.items():
            names = [name for name, resource in template["Resources"].items() if resource["Type"] in kinds]
            self.assertEqual(len(names), 2 * (LANES + 3) + 3)
            before = {name: self.dependencies(template, name) & set(names) for name in names}
            done = []
            while len(done) < len(names):
                free = [name for name in names if name not in done and before[name] <= set(done)]
                self.assertEqual(len(free), 1, f"{environment}: {free} have no order between them")
                done += free

    def test_what_holds_keys_outlives_the_stack_but_not_a_failed_first_deployment(self):
        kept = {"Table": "RetainExceptOnCreate", "DataKeyEncryptionKey": "RetainExceptOnCreate", "KeyChecksumSecret": "RetainExceptOnCreate"}
        # The setting is the account's, which others use.
        kept["ApiGatewayLoggingRole"] = "Retain"
        for template in self.templates.values():
            resources = template["Resources"].items()
            policies = {name: resource["DeletionPolicy"] for name, resource in resources if "DeletionPolicy" in resource}
            self.assertEqual(policies, kept)
            for name in kept:
                self.assertEqual(template["Resources"][name]["UpdateReplacePolicy"], "Retain")

    def test_plans_have_rates_and_no_quotas_and_fit_the_stage(self):
        for _, _, plan in self.each("AWS::ApiGateway::UsagePlan"):
            self.assertNotIn("Quota", plan["Properties"])
            self.assertEqual(plan["Properties"]["Throttle"].keys(), {"RateLimit", "BurstLimit"})
        for environment, template in self.templates.items():
            values = {name: facts["Default"] for name, facts in template["Parameters"].items()} | parameters_of(environment)
            for kind in ("Rate", "Burst"):
                value = lambda name: int(values[f"{name}{kind}Limit"])
                self.assertLessEqual((LANES + 1) * value("Lane") + value("Service") + value("Unauthenticated"), value("Stage"))

    def test_roles_have_no_policies_of_aws_and_create_no_log_groups(self):
        for _, name, role in self.each("AWS::IAM::Role"):
            policies = role["Properties"].get("ManagedPolicyArns", [])
            if name != "ApiGatewayLoggingRole":
                self.assertTrue(all("Ref" in policy for policy in policies), policies)
        for template in self.templates.values():
            text = json.dumps(template)
            self.assertNotIn("AWSLambdaBasicExecutionRole", text)
            self.assertNotIn("logs:CreateLogGroup", text)

    def test_every_method_is_counted_and_preflights_and_pages_need_nothing(self):
        for template, _, api in self.each("AWS::ApiGateway::RestApi"):
            methods = 0
            for path, item in api["Properties"]["Body"]["paths"].items():
                for method, operation in item.items():
                    operations = operation.get("Fn::If", [None, operation])[1:2] if method == "options" else [operation]
                    for operation in operations:
                        methods += 1
                        security = [name for rule in operation.get("security", []) for name in rule]
                        if method == "options":
                            self.assertEqual([name for name in security if name != "NONE"], [], path)
                        elif is_page(operation):
                            self.assertEqual((method in ("get", "head"), security), (True, []), f"{method} {path}")
                        else:
                            self.assertEqual(set(security), {"AssignLane", "api_key"}, f"{method} {path}")
            self.assertGreater(methods, 20)
            deployments = [item for item in template["Resources"].values() if item["Type"] == "AWS::ApiGateway::Deployment"]
            self.assertEqual(len(deployments), 1)

    def test_pages_which_no_lane_counts_have_limits_of_their_own(self):
        for template, _, api in self.each("AWS::ApiGateway::RestApi"):
            paths = api["Properties"]["Body"]["paths"].items()
            pages = {(path, method) for path, item in paths for method, operation in item.items() if is_page(operation)}
            self.assertGreater(len(pages), 6)
            (stage,) = [item for item in template["Resources"].values() if item["Type"] == "AWS::ApiGateway::Stage"]
            limited = set()
            for setting in stage["Properties"]["MethodSettings"]:
                if setting["ResourcePath"] != "/*":
                    self.assertLessEqual(setting["ThrottlingRateLimit"], 200)
                    self.assertLessEqual(setting["ThrottlingBurstLimit"], 400)
                    limited.add((setting["ResourcePath"][1:].replace("~1", "/"), setting["HttpMethod"].lower()))
            self.assertEqual(limited, pages)

    def test_a_new_version_of_a_secret_changes_every_function_that_holds_one(self):
        for _, name, function in self.each("AWS::Lambda::Function"):
            variables = function["Properties"]["Environment"]["Variables"]
            self.assertIn("${JwtSecretVersion},${ChecksumSecretVersion}", json.dumps(variables["SECRET_VERSIONS"]), name)

    def test_the_domain_takes_tls_1_2_and_later(self):
        for _, _, domain in self.each("AWS::ApiGateway::DomainName"):
            self.assertEqual(domain["Properties"]["SecurityPolicy"], "TLS_1_2")
            self.assertEqual(domain["Properties"]["EndpointConfiguration"], {"Types": ["REGIONAL"]})
        for _, _, mapping in self.each("AWS::ApiGateway::BasePathMapping"):
            self.assertNotIn("BasePath", mapping["Properties"])

    def test_logs_of_events_can_be_written(self):
        """`aws:SourceArn` is there for PutLogEvents alone."""
        for _, _, policy in self.each("AWS::Logs::ResourcePolicy"):
            statements = policy["Properties"]["PolicyDocument"]["Fn::Sub"]
            self.assertEqual(statements.count('"Effect": "Allow"'), 2)
            self.assertEqual(statements.count("aws:SourceArn"), 1)
            create, put = statements.split('"logs:PutLogEvents"')
            self.assertNotIn("aws:SourceArn", create)


if __name__ == "__main__":
    unittest.main()
