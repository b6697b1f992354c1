"""MiniStack, the local AWS, with what our template needs and MiniStack leaves out.

Started by local_aws.py, which also sets its environment. It ends when its standard input closes, so that it
cannot outlive whoever started it.
"""

import fnmatch
import gzip
import hmac
import json
import os
import re
import signal
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler

import guard
from ministack import app
from ministack.core import iam_actions, iam_evaluator, lambda_runtime
from ministack.services import acm, apigateway, apigateway_v1, dynamodb, lambda_svc, route53, sts
from ministack.services.cloudformation import stacks


class Tee:
    """The output of a function: what MiniStack reads of it also goes to the log file, at once and completely."""

    def __init__(self, stream, log):
        self.stream, self.log = stream, log

    def readline(self):
        line = self.stream.readline()
        self.log.write(line)
        return line

    def close(self):
        self.stream.close()


def log_functions_to(path):
    """MiniStack hands on only what a function had written by the end of a call."""
    log = open(path, "ab", buffering=0)
    pump = lambda_runtime.ProvidedWorker._pump_output

    def pump_and_log(worker, stream, lines):
        pump(worker, Tee(stream, log), lines)

    lambda_runtime.ProvidedWorker._pump_output = pump_and_log


def answer_fast():
    """Every answer of the Lambda runtime API would wait 40 ms for an acknowledgement of its headers."""
    socketserver.StreamRequestHandler.disable_nagle_algorithm = True


def import_whole_apis():
    """MiniStack imports an API's routes, but neither its gateway responses nor the answers of its preflights."""
    import_routes = apigateway_v1._import_rest_api

    def import_rest_api(spec, data=None):
        api_id = import_routes(spec, data)
        for kind, response in spec.get("x-amazon-apigateway-gateway-responses", {}).items():
            apigateway_v1._put_gateway_response(api_id, kind, response)
        for resource in apigateway_v1._resources[api_id].values():
            preflight = spec["paths"].get(resource["path"], {}).get("options")
            if preflight:
                answers = preflight["x-amazon-apigateway-integration"]["responses"].values()
                integration = resource["resourceMethods"]["OPTIONS"]["methodIntegration"]
                integration["integrationResponses"] = {answer["statusCode"]: answer for answer in answers}
        return api_id

    apigateway_v1._import_rest_api = import_rest_api


def ask_for_no_usage_plan_keys():
    """MiniStack looks for them in x-api-key. API Gateway takes those of the authorizer."""
    apigateway_v1._check_api_key = lambda method, api_id, stage, headers: (None, None)


def compress_answers():
    """MiniStack keeps the minimumCompressionSize of an API, and does nothing with it."""
    execute = apigateway_v1.handle_execute

    async def execute_and_compress(api_id, stage, method, path, headers, body, query):
        status, answer_headers, answer = await execute(api_id, stage, method, path, headers, body, query)
        minimum = apigateway_v1._rest_apis.get(api_id, {}).get("minimumCompressionSize")
        if minimum is not None and len(answer) >= minimum and accepts_gzip(headers.get("accept-encoding", "")):
            answer, answer_headers = gzip.compress(answer, 6, mtime=0), answer_headers | {"Content-Encoding": "gzip"}
        return status, answer_headers, answer

    apigateway_v1.handle_execute = execute_and_compress


def accepts_gzip(accept_encoding):
    codings = [coding.replace(" ", "").lower() for coding in accept_encoding.split(",")]
    return "gzip" in [coding.split(";")[0] for coding in codings if not re.search(r";q=0(\.0*)?$", coding)]


def supply_condition_keys():
    """MiniStack holds the functions to their IAM statements (AUTH), but does not know what our conditions ask for."""
    dynamodb_context = iam_actions.dynamodb_service_context
    any_context = iam_actions.request_tag_context

    def with_leading_keys(body):
        return dynamodb_context(body) | {"dynamodb:LeadingKeys": list(partition_keys(json.loads(body)))}

    def with_encryption_context(service, action, body, parameters):
        context = any_context(service, action, body, parameters)
        if service == "kms":
            pairs = json.loads(body).get("EncryptionContext", {})
            context |= {f"kms:EncryptionContext:{name}": value for name, value in pairs.items()}
        if action == "events:PutEvents":
            # The functions publish under one name.
            context["events:source"] = json.loads(body)["Entries"][0]["Source"]
        return context

    iam_actions.dynamodb_service_context = with_leading_keys
    iam_actions.request_tag_context = with_encryption_context


def ask_for_account_settings():
    """Every principal may read them in MiniStack, which does not know the action."""
    of_request = iam_actions._lambda_action
    iam_actions._lambda_action = lambda method, path: (
        "GetAccountSettings" if path.rstrip("/").endswith("/account-settings") else of_request(method, path)
    )


def match_line_breaks():
    """An asterisk in a policy stands for any characters. MiniStack's ends at a line break in a path."""
    apigateway_v1._arn_matches = lambda pattern, arn: fnmatch.fnmatchcase(arn, pattern.replace("[", "[[]"))


def record_calls_to(path):
    """Writes down each call to AWS that a role makes, as its permissions were asked for it, one JSON object a line."""
    log = open(path, "a", buffering=1)
    evaluate = iam_evaluator.evaluate

    def evaluate_and_record(context, policies, *limits):
        result = evaluate(context, policies, *limits)
        if context.principal_type == "AssumedRole":
            call = {
                # arn:aws:sts::<account>:assumed-role/<role>/<session>
                "role": context.principal_arn.split("/")[1],
                "action": context.action,
                "resource": context.resource_arn,
                "context": context.service_context,
            }
            log.write(json.dumps(call) + "\n")
        return result

    iam_evaluator.evaluate = evaluate_and_record


def partition_keys(request):
    """The partition keys that a DynamoDB request names, in its keys and items or in the condition of a query."""
    match request:
        case {"PK": {"S": key}}:
            yield key
        case {"KeyConditionExpression": condition, "ExpressionAttributeValues": values, **rest}:
            names = rest.get("ExpressionAttributeNames", {})
            for name, value in re.findall(r"(\S+)\s*=\s*(:\w+)", condition):
                if names.get(name, name) == "PK":
                    yield values[value]["S"]
        case dict():
            for part in request.values():
                yield from partition_keys(part)
        case list():
            for part in request:
                yield from partition_keys(part)


def api_path(path):
    """MiniStack's path for one below /<stage>/, where the API is served as AWS serves it below the API's own host name."""
    root, _, below = path.partition("/")
    stage, _, resource = below.partition("/")
    # Of REST APIs, and of HTTP APIs, which MiniStack takes the same path for.
    for (_account, _region, api_id), stages in [*apigateway_v1._stages_v1.all_items(), *apigateway._stages.all_items()]:
        if not root and stage in stages:
            return f"/restapis/{api_id}/{stage}/_user_request_/{resource}"
    return None


def is_known_key(access_key_id):
    """Ours, or that of a role. MiniStack itself would also take `test`, any twelve digits, and none at all for ours."""
    return access_key_id == os.environ["AWS_ACCESS_KEY_ID"] or access_key_id in sts._sessions


def verify_our_signatures():
    """MiniStack verifies what roles sign, but not what is signed with its own access key."""
    iam_evaluator._is_root_key = lambda _access_key_id: False


def draw_credentials_of_functions():
    """MiniStack derives a function's credentials from its name, which others could do too. Here they depend on our secret."""
    derive = lambda_runtime.execution_credentials
    secret = os.environ["AWS_SECRET_ACCESS_KEY"].encode()
    lock = threading.Lock()

    def draw(config):
        with lock:
            derived = derive(config)
            session = sts._sessions.pop(derived["AWS_ACCESS_KEY_ID"])
        drawn = {name: hmac.digest(secret, value.encode(), "sha256").hex() for name, value in derived.items()}
        drawn["AWS_ACCESS_KEY_ID"] = "ASIA" + drawn["AWS_ACCESS_KEY_ID"][:16].upper()
        session["SecretAccessKey"], session["SessionToken"] = drawn["AWS_SECRET_ACCESS_KEY"], drawn["AWS_SESSION_TOKEN"]
        sts.register_session(drawn["AWS_ACCESS_KEY_ID"], session)
        return drawn

    lambda_runtime.execution_credentials = lambda_svc.execution_credentials = draw


def validate_certificates():
    """MiniStack issues a certificate at once. ACM waits for the record that proves whose the domain is."""
    show = acm._cert_shape

    def show_validated(certificate):
        shown = show(certificate)
        known = {(record["Name"], record["Type"]) for zone in route53._records.values() for record in zone}
        options = [
            option
            if (option["ResourceRecord"]["Name"], option["ResourceRecord"]["Type"]) in known
            else option | {"ValidationStatus": "PENDING_VALIDATION"}
            for option in shown["DomainValidationOptions"]
        ]
        pending = any(option["ValidationStatus"] == "PENDING_VALIDATION" for option in options)
        return shown | {"DomainValidationOptions": options} | ({"Status": "PENDING_VALIDATION"} if pending else {})

    acm._cert_shape = show_validated


def restore_tables_in_steps():
    """MiniStack restores a table at once. DynamoDB shows it as CREATING before, and so does the first look here."""
    restore, describe = dynamodb._restore_table_to_point_in_time, dynamodb._describe_table
    restored = set()

    def restore_and_mark(data):
        result = restore(data)
        if result[0] == 200:
            restored.add(data["TargetTableName"])
        return result

    def describe_in_steps(data):
        status, headers, body = describe(data)
        if status == 200 and data["TableName"] in restored:
            restored.discard(data["TableName"])
            table = json.loads(body)
            table["Table"]["TableStatus"] = "CREATING"
            body = json.dumps(table).encode()
        return status, headers, body

    dynamodb._restore_table_to_point_in_time, dynamodb._describe_table = restore_and_mark, describe_in_steps


def read_secrets_again_for_changed_resources():
    """MiniStack reads a secret again only if the template differs. For CloudFormation, other parameters change a resource, too."""
    resolve = stacks._resolve_dynamic_references

    def resolve_of_definition(value, previous=None, reuse_ssm=False, reuse_secrets=False):
        definition = json.dumps(value, sort_keys=True, default=str)
        is_same = (previous or {}).get("definition") == definition
        resolved, values = resolve(value, previous, reuse_ssm, reuse_secrets and is_same)
        return resolved, values | {"definition": definition}

    stacks._resolve_dynamic_references = resolve_of_definition


def stop_with_parent():
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    log_functions_to(os.environ["FUNCTION_LOG"])
    answer_fast()
    import_whole_apis()
    ask_for_no_usage_plan_keys()
    compress_answers()
    supply_condition_keys()
    match_line_breaks()
    ask_for_account_settings()
    record_calls_to(os.environ["CALL_LOG"])
    verify_our_signatures()
    draw_credentials_of_functions()
    validate_certificates()
    restore_tables_in_steps()
    read_secrets_again_for_changed_resources()
    # The runtime APIs of the functions, each of them on a port of its own.
    guard.guard_handler(BaseHTTPRequestHandler)
    app.app = guard.Guard(app.app, os.environ["GATEWAY_PORT"], is_known_key, api_path)
    threading.Thread(target=stop_with_parent, daemon=True).start()
    try:
        app.main()
    finally:
        # The functions' processes, which would otherwise look for their runtime API in vain.
        lambda_runtime.reset()
