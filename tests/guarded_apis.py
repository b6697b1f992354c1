"""Other APIs of API Gateway take the keys of a deployment: the template of docs/guard-a-service.md, deployed beside it, and
what it says of caching. Run in the deployment's environment, before its log and permissions are looked at.
"""

import json
import os
import re
import sys
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import boto3

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "local"))
import tokens  # noqa: E402

API_URL = os.environ["API_URL"]
AUTHORIZER = os.environ["AUTHORIZE_KEY_FUNCTION_ARN"]
STACK = "guarded-apis"
USER = 4_601
KEPT_SECONDS = 300


def call(url, method="GET", body=None, **headers):
    """The status of a call, and what its body holds."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()} | {"Content-Type": "application/json"}
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def manage(method, path, body=None):
    token = tokens.sign(os.environ["JWT_SECRET"], USER)
    status, answer = call(API_URL + path, method, body, Authorization=f"Bearer {token}")
    assert status in (200, 201), answer
    return answer


def new_key(kind="live"):
    return manage("POST", "/api/apiKeys", {"name": "Guarded", "type": kind, "status": "active"})


class TheGuardedApis(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        page = (ROOT / "docs/guard-a-service.md").read_text()
        (template,) = [block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "AWSTemplateFormatVersion" in block]
        cls.template = template
        cls.stacks = boto3.client("cloudformation")
        cls.stacks.create_stack(
            StackName=STACK,
            TemplateBody=template,
            Parameters=[{"ParameterKey": "AuthorizeKeyFunctionArn", "ParameterValue": AUTHORIZER}],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        cls.addClassCleanup(cls.stacks.delete_stack, StackName=STACK)
        cls.stacks.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        (stack,) = cls.stacks.describe_stacks(StackName=STACK)["Stacks"]
        cls.ids = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        host = API_URL.rsplit("/", 1)[0]
        cls.notes = {stage: f"{host}/{stage}/notes" for stage in ("rest", "http")}

    def test_pass_what_has_a_key_that_works_and_tell_whose_it_is(self):
        for kind in ("live", "t2yd"):
            key = new_key(kind)
            for stage, url in self.notes.items():
                status, notes = call(url, x_api_key=key["key"])
                self.assertEqual(status, 200, f"{stage}: {notes}")
                self.assertEqual(notes, {"notes": [], "of_user": str(USER), "by_key": str(key["id"]), "type": kind}, stage)
            self.assertEqual(manage("GET", f"/api/apiKeys/{key['id']}")["usage_count"], len(self.notes))

    def test_take_imported_keys(self):
        key = {"user_id": USER, "key": "nux_live_a1a1a1a1a1a1a1a1", "name": "Older", "type": "live", "status": "active"}
        admin = tokens.sign(os.environ["JWT_SECRET"], 901, "admin")
        status, answer = call(f"{API_URL}/api/apiKeys/import", "POST", {"keys": [key]}, Authorization=f"Bearer {admin}")
        self.assertEqual(status, 200, answer)
        for stage, url in self.notes.items():
            status, notes = call(url, x_api_key=key["key"])
            self.assertEqual((status, notes.get("by_key")), (200, str(answer["results"][0]["id"])), stage)

    def test_refuse_the_rest_from_the_next_request_on(self):
        for stage, url in self.notes.items():
            unknown = {"rest": 401, "http": 403}[stage]
            self.assertEqual(call(url)[0], 401, stage)
            self.assertEqual(call(url, x_api_key="nux_live_x")[0], unknown, stage)
            key = new_key()
            expected = [(None, None, 200), ("PATCH", "/pause", 403), ("PATCH", "/resume", 200), ("DELETE", "", unknown)]
            for method, change, status in expected:
                if method:
                    manage(method, f"/api/apiKeys/{key['id']}{change}")
                self.assertEqual(call(url, x_api_key=key["key"])[0], status, f"{stage} after {change}")

    def test_may_ask_in_the_other_formats(self):
        """TOKEN of a REST API, and format 1.0 of an HTTP API."""
        rest, http = boto3.client("apigateway"), boto3.client("apigatewayv2")
        (authorizer,) = rest.get_authorizers(restApiId=self.ids["RestApiId"])["items"]
        change = {"type": "TOKEN", "identitySource": "method.request.header.x-api-key"}
        rest.update_authorizer(
            restApiId=self.ids["RestApiId"],
            authorizerId=authorizer["id"],
            patchOperations=[{"op": "replace", "path": f"/{name}", "value": value} for name, value in change.items()],
        )
        (of_http,) = http.get_authorizers(ApiId=self.ids["HttpApiId"])["Items"]
        former = {"AuthorizerPayloadFormatVersion": "2.0", "EnableSimpleResponses": True}
        of_http = {"ApiId": self.ids["HttpApiId"], "AuthorizerId": of_http["AuthorizerId"]}
        http.update_authorizer(**of_http, AuthorizerPayloadFormatVersion="1.0", EnableSimpleResponses=False)
        try:
            key = new_key()
            for stage, url in self.notes.items():
                self.assertEqual(call(url, x_api_key=key["key"])[0], 200, stage)
            manage("PATCH", f"/api/apiKeys/{key['id']}/pause")
            for stage, url in self.notes.items():
                self.assertEqual(call(url, x_api_key=key["key"])[0], 403, stage)
        finally:
            http.update_authorizer(**of_http, **former)
            rest.update_authorizer(
                restApiId=self.ids["RestApiId"],
                authorizerId=authorizer["id"],
                patchOperations=[{"op": "replace", "path": "/type", "value": "REQUEST"}],
            )

    def test_go_by_a_kept_answer_as_long_as_the_page_says(self):
        http = boto3.client("apigatewayv2")
        (authorizer,) = http.get_authorizers(ApiId=self.ids["HttpApiId"])["Items"]
        authorizer = {"ApiId": self.ids["HttpApiId"], "AuthorizerId": authorizer["AuthorizerId"]}
        http.update_authorizer(**authorizer, AuthorizerResultTtlInSeconds=KEPT_SECONDS)
        try:
            key = new_key()
            self.assertEqual(call(self.notes["http"], x_api_key=key["key"])[0], 200)
            manage("PATCH", f"/api/apiKeys/{key['id']}/pause")
            self.assertEqual(call(self.notes["http"], x_api_key=key["key"])[0], 200, "revoked, and kept")
            self.assertEqual(manage("GET", f"/api/apiKeys/{key['id']}")["usage_count"], 1)
        finally:
            http.update_authorizer(**authorizer, AuthorizerResultTtlInSeconds=0)
        self.assertEqual(call(self.notes["http"], x_api_key=key["key"])[0], 403)


if __name__ == "__main__":
    unittest.main()
