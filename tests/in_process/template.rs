//! Parts of `template.yaml` that must agree with each other.

use std::collections::BTreeSet;

use serde_yaml_ng::Value;
use shared::Operation;
use shared::edge::event_bus::SOURCE;
use shared::ids::UserId;
use shared::lanes::Lanes;
use tests::repository;

/// Plans, keys, authorizer and API of the outer layer of rate limiting.
#[test]
fn each_lane_is_a_key_in_a_plan_and_the_authorizer_names_them_all() {
    let template = repository::yaml("template.yaml");
    let resources = &template["Resources"];
    let function = &resources["AssignLaneFunction"]["Properties"];
    let settings = &function["Environment"]["Variables"];
    let lanes = Lanes {
        key_prefix: value(&settings["LANE_KEY_PREFIX"]),
        count: text(&settings["LANES"]).parse().expect("a number"),
    };
    let users = (0..lanes.count.get()).map(|number| {
        let user_id = UserId::new(lanes.count.get() + number).expect("an id");
        (format!("Lane{number}"), "LanePlan", lanes.of_user(user_id))
    });
    let existing = ("ExistingLane".to_owned(), "LanePlan", lanes.existing());
    let services = ("ServicesLane".to_owned(), "ServicesPlan", lanes.services());
    let unauthenticated = ("UnauthenticatedLane".to_owned(), "UnauthenticatedPlan", lanes.unauthenticated());
    let expected: Vec<(String, &str, String)> = users.chain([existing, services, unauthenticated]).collect();
    let of_type = |kind: &'static str| {
        let resources = resources.as_mapping().expect("resources").iter();
        resources.filter(move |(_, resource)| resource["Type"] == kind).map(|(name, _)| text(name)).collect::<Vec<_>>()
    };
    assert_eq!(of_type("AWS::ApiGateway::ApiKey").len(), expected.len());
    assert_eq!(of_type("AWS::ApiGateway::UsagePlanKey").len(), expected.len());
    for (lane, plan, key) in &expected {
        let properties = &resources[lane.as_str()]["Properties"];
        assert_eq!((value(&properties["Value"]), &properties["Enabled"]), (key.clone(), &Value::Bool(true)));
        // With the stack's id in place. API Gateway accepts keys of 20 to 128 letters and digits.
        let value = key.replace("${Stack}", "8b7d4a4d2eaa4c0f9d2bc7c8a1f2e693");
        assert!((20..=128).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{value}");
        let member = &resources[format!("{lane}InPlan").as_str()]["Properties"];
        assert_eq!((text(untagged(&member["KeyId"])), text(untagged(&member["UsagePlanId"]))), (lane.as_str(), *plan));
    }

    for plan in ["LanePlan", "ServicesPlan", "UnauthenticatedPlan"] {
        let plan = &resources[plan]["Properties"];
        let [stage] = list(&plan["ApiStages"]) else { panic!("one stage") };
        assert_eq!((text(untagged(&stage["ApiId"])), text(untagged(&stage["Stage"]))), ("Api", "Api.Stage"));
        assert!(!plan["Throttle"]["RateLimit"].is_null() && !plan["Throttle"]["BurstLimit"].is_null());
        assert!(plan["Quota"].is_null(), "a quota would turn a burst into an outage until midnight");
    }

    let api = &resources["Api"]["Properties"];
    assert_eq!(text(&api["ApiKeySourceType"]), "AUTHORIZER", "a caller cannot choose a lane");
    let auth = &api["Auth"];
    assert_eq!(auth["ApiKeyRequired"], true);
    assert_eq!(text(&auth["DefaultAuthorizer"]), "AssignLane");
    let authorizer = &auth["Authorizers"]["AssignLane"];
    assert_eq!(text(untagged(&authorizer["FunctionArn"])), "AssignLaneFunction.Arn");
    assert_eq!(text(&authorizer["FunctionPayloadType"]), "REQUEST");
    assert_eq!(authorizer["Identity"]["ReauthorizeEvery"], 0);
    assert_eq!(authorizer["Identity"].as_mapping().map(serde_yaml_ng::Mapping::len), Some(1), "no header is asked for");
    for preflight in ["AddDefaultAuthorizerToCorsPreflight", "AddApiKeyRequiredToCorsPreflight"] {
        assert_eq!(auth[preflight], false, "browsers send preflights without credentials");
    }
    for (refusal, status, body) in [
        ("THROTTLED", 429, r#"{"error":"Rate limit exceeded"}"#),
        ("INVALID_API_KEY", 503, r#"{"error":"Service temporarily unavailable"}"#),
        ("ACCESS_DENIED", 403, r#"{"error":"Access denied"}"#),
        ("WAF_FILTERED", 403, r#"{"error":"Access denied"}"#),
    ] {
        let response = &api["GatewayResponses"][refusal];
        assert_eq!(response["StatusCode"], status, "{refusal}");
        assert_eq!(text(&response["ResponseTemplates"]["application/json"]), body);
        let retry_after = &response["ResponseParameters"]["Headers"]["Retry-After"];
        assert_eq!(retry_after.is_null(), status == 403, "{refusal}");
    }
}

/// Without origins, OPTIONS is an unknown method. SAM's `Cors` would answer it all the same.
#[test]
fn each_path_answers_preflights_if_some_origin_has_access() {
    let template = repository::yaml("template.yaml");
    let api = &template["Resources"]["Api"]["Properties"];
    assert!(api["Cors"].is_null(), "SAM's preflights");
    assert_eq!(api["MergeDefinitions"], true);
    let condition = untagged(&template["Conditions"]["HasCors"]);
    let [equals] = list(condition) else { panic!("one condition") };
    let [parameter, none] = list(untagged(equals)) else { panic!("two values to compare") };
    assert_eq!((text(untagged(parameter)), text(none)), ("CorsOrigins", ""));

    let mut paths = BTreeSet::new();
    for (path, item) in api["DefinitionBody"]["paths"].as_mapping().expect("paths") {
        let methods = item.as_mapping().expect("methods");
        assert_eq!(methods.keys().map(text).collect::<Vec<_>>(), ["options"], "{path:?}");
        let [condition, preflight, absent] = list(untagged(&item["options"])) else { panic!("a condition") };
        assert_eq!((text(condition), text(untagged(absent))), ("HasCors", "AWS::NoValue"), "{path:?}");
        let integration = &preflight["x-amazon-apigateway-integration"];
        assert_eq!(text(&integration["type"]), "mock", "{path:?}");
        let sent = integration["responses"]["default"]["responseParameters"].as_mapping().expect("headers");
        let declared = preflight["responses"]["200"]["headers"].as_mapping().expect("headers");
        let declared: Vec<String> =
            declared.keys().map(|name| format!("method.response.header.{}", text(name))).collect();
        assert_eq!(sent.keys().map(text).collect::<Vec<_>>(), declared, "{path:?}");
        paths.insert(text(path).to_owned());
    }
    // Nobody asks for pages from elsewhere with headers of theirs, and proxies are no browsers.
    let has_none = ["get-page", repository::OF_ANY_METHOD];
    let routes = repository::template_routes().into_iter().filter(|(name, _)| !has_none.contains(&name.as_str()));
    let routes: BTreeSet<String> = routes.flat_map(|(_, routes)| routes).collect();
    let path = |route: &String| route.split_once(' ').expect("method and path").1.to_owned();
    assert_eq!(paths, routes.iter().map(path).collect());

    let methods: BTreeSet<&str> = routes.iter().map(|route| route.split(' ').next().expect("a method")).collect();
    let (_, item) = api["DefinitionBody"]["paths"].as_mapping().and_then(|paths| paths.iter().next()).expect("a path");
    let answer = &untagged(&item["options"])[1]["x-amazon-apigateway-integration"]["responses"]["default"];
    let allowed = text(&answer["responseParameters"]["method.response.header.Access-Control-Allow-Methods"]);
    assert_eq!(allowed.trim_matches('\'').split(',').collect::<BTreeSet<_>>(), methods);
}

#[test]
fn issuer_and_audience_are_required_in_every_real_environment() {
    let template = repository::yaml("template.yaml");
    let rule = &template["Rules"]["TokensAreMeantForThisService"];
    let [parameter, value] = list(untagged(&rule["RuleCondition"])) else { panic!("two values to compare") };
    assert_eq!((text(untagged(parameter)), text(value)), ("AcceptAnyIssuer", "false"));
    let asserted = list(&rule["Assertions"]).iter().map(|assertion| {
        let [equals] = list(untagged(&assertion["Assert"])) else { panic!("one condition") };
        let [parameter, value] = list(untagged(equals)) else { panic!("two values to compare") };
        (text(untagged(parameter)), text(value))
    });
    assert_eq!(asserted.collect::<Vec<_>>(), [("JwtIssuer", ""), ("JwtAudience", "")], "neither is empty");
    assert_eq!(text(&template["Parameters"]["AcceptAnyIssuer"]["Default"]), "false");
    let settings = &template["Globals"]["Function"]["Environment"]["Variables"];
    for (setting, parameter) in [
        ("JWT_ISSUER", "JwtIssuer"),
        ("JWT_AUDIENCE", "JwtAudience"),
        ("JWT_USER_ID_CLAIM", "JwtUserIdClaim"),
        ("JWT_ROLES_CLAIM", "JwtRolesClaim"),
        ("ACCEPT_ANY_ISSUER", "AcceptAnyIssuer"),
        ("MAX_TOKEN_HOURS", "MaxTokenHours"),
    ] {
        assert_eq!(text(untagged(&settings[setting])), parameter);
    }
    for (environment, accepts_any) in [("local", true), ("staging", false), ("prod", false)] {
        assert_eq!(overrides(environment).contains("AcceptAnyIssuer"), accepts_any, "{environment}");
    }
}

#[test]
fn events_are_published_and_subscribed_under_the_same_name() {
    let template = repository::yaml("template.yaml");
    let resources = &template["Resources"];
    let pattern = &resources["ExpiryEventsRule"]["Properties"]["EventPattern"];
    assert_eq!(list(&pattern["source"]).iter().map(text).collect::<Vec<_>>(), [SOURCE]);
    let kinds: BTreeSet<&str> = list(&pattern["detail-type"]).iter().map(text).collect();
    assert_eq!(kinds, BTreeSet::from(["API Key Expired", "API Key Expiring"]));
    let policies = list(&resources["ExpireKeysRole"]["Properties"]["Policies"]).iter();
    let mut statements = policies.flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
    let may_publish = statements.find(|statement| statement["Action"] == "events:PutEvents");
    // Of every event in a call, and there is one.
    let condition = &may_publish.expect("a statement")["Condition"];
    assert_eq!(text(&condition["ForAllValues:StringEquals"]["events:source"]), SOURCE);
    assert_eq!(text(&condition["Null"]["events:source"]), "false");
}

#[test]
fn only_functions_that_issue_or_check_strings_have_the_secret_of_their_checksum() {
    let template = repository::yaml("template.yaml");
    let mut holders = BTreeSet::new();
    for (name, resource) in template["Resources"].as_mapping().expect("resources") {
        let secret = &resource["Properties"]["Environment"]["Variables"]["KEY_CHECKSUM_SECRETS"];
        if !secret.is_null() {
            assert_eq!(text(untagged(secret)), "{{resolve:secretsmanager:${KeyChecksumSecret}}}", "{name:?}");
            holders.insert(text(&resource["Properties"]["CodeUri"]).trim_start_matches("functions/").to_owned());
        }
    }
    let operations = Operation::ALL.into_iter().chain([Operation::ReceiveMessage]);
    let operations = operations.filter(|operation| operation.handles_key_strings());
    let expected = operations
        .map(|operation| operation.name().to_owned())
        .chain(["assign-lane", "authorize-key"].map(str::to_owned));
    assert_eq!(holders, expected.collect());
    let globals = &template["Globals"]["Function"]["Environment"]["Variables"];
    assert!(globals["KEY_CHECKSUM_SECRETS"].is_null());
}

/// A role of two functions, or one that SAM makes with AWS policies, would grant more than a function uses.
#[test]
fn each_function_has_a_role_of_its_own_without_policies_of_aws() {
    let template = repository::yaml("template.yaml");
    let resources = &template["Resources"];
    let names = resources.as_mapping().expect("resources").iter().filter_map(|(name, resource)| {
        let name = text(name).strip_suffix("Function")?;
        (resource["Type"] == "AWS::Serverless::Function").then_some(name)
    });
    let names: Vec<&str> = names.collect();
    assert_eq!(names.len(), repository::functions().len());
    for name in names {
        let function = &resources[format!("{name}Function").as_str()]["Properties"];
        assert_eq!(text(untagged(&function["Role"])), format!("{name}Role.Arn"));
        assert!(function["Policies"].is_null(), "{name}: with a role, SAM ignores policies");
        let role = &resources[format!("{name}Role").as_str()]["Properties"];
        let [trusted] = list(&role["AssumeRolePolicyDocument"]["Statement"]) else { panic!("{name}: one statement") };
        assert_eq!(text(&trusted["Principal"]["Service"]), "lambda.amazonaws.com");
        let policies: Vec<&str> =
            list(&role["ManagedPolicyArns"]).iter().map(|policy| text(untagged(policy))).collect();
        assert!(policies.contains(&"LogAndTracePolicy"), "{name}: {policies:?}");
        for policy in policies {
            assert_eq!(resources[policy]["Type"], "AWS::IAM::ManagedPolicy", "{name}: {policy}");
        }
    }
}

/// The settings that samconfig.toml has for an environment.
fn overrides(environment: &str) -> String {
    let config = repository::read("samconfig.toml");
    let section = config.split(&format!("[{environment}.deploy.parameters]")).nth(1).expect("a section");
    section.split("\n[").next().expect("its lines").to_owned()
}

/// The form of a key's value, which contains the end of the stack's id.
fn value(form: &Value) -> String {
    let [form, parts] = list(untagged(form)) else { panic!("a form and its parts") };
    let stack_id = serde_yaml_ng::to_string(&parts["Stack"]).expect("YAML");
    assert!(stack_id.contains("AWS::StackId"), "{stack_id}");
    text(form).to_owned()
}

fn untagged(value: &Value) -> &Value {
    match value {
        Value::Tagged(tagged) => &tagged.value,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Sequence(_) | Value::Mapping(_) => {
            value
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_sequence().unwrap_or_else(|| panic!("a list, not {value:?}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a string, not {value:?}"))
}
