//! What `template.yaml` says twice, or in several places that only work together.

use std::collections::BTreeSet;

use serde_yaml_ng::Value;
use shared::events::SOURCE;
use tests::repository;

/// Plan, keys, authorizer and API of the outer wall.
#[test]
fn each_lane_is_a_key_in_a_plan_and_the_authorizer_names_them_all() {
    let template = repository::yaml("template.yaml");
    let resources = &template["Resources"];
    let [variable, numbers, lane] = list(&resources["Fn::ForEach::Lanes"]) else { panic!("a loop has three parts") };
    assert_eq!(text(variable), "Number");

    let function = &resources["AssignLaneFunction"]["Properties"];
    let settings = &function["Environment"]["Variables"];
    let count: usize = text(&settings["LANES"]).parse().expect("a number");
    let expected: Vec<String> = (0..count).map(|number| number.to_string()).collect();
    assert_eq!(list(numbers).iter().map(text).collect::<Vec<_>>(), expected);

    // The values that the function forms from its settings.
    let values = [&lane["Lane${Number}"], &resources["UnauthenticatedLane"]].map(|key| {
        assert_eq!(
            (text(&key["Type"]), &key["Properties"]["Enabled"]),
            ("AWS::ApiGateway::ApiKey", &Value::Bool(true))
        );
        let [form, parts] = list(untagged(&key["Properties"]["Value"])) else { panic!("a form and its parts") };
        assert_eq!(parts["Stack"], settings["LANE_KEY_PREFIX"], "the stack's id");
        text(form)
    });
    assert_eq!(values, ["${Stack}lane${Number}", "${Stack}unauthenticated"]);

    let api = &resources["Api"]["Properties"];
    for (member, plan) in
        [(&lane["Lane${Number}InPlan"], "LanePlan"), (&resources["UnauthenticatedLaneInPlan"], "UnauthenticatedPlan")]
    {
        assert_eq!(text(&member["Type"]), "AWS::ApiGateway::UsagePlanKey");
        assert_eq!(text(untagged(&member["Properties"]["UsagePlanId"])), plan);
        let plan = &resources[plan];
        assert_eq!(text(&plan["Type"]), "AWS::ApiGateway::UsagePlan");
        let [stage] = list(&plan["Properties"]["ApiStages"]) else { panic!("one stage") };
        assert_eq!((text(untagged(&stage["ApiId"])), text(untagged(&stage["Stage"]))), ("Api", "Api.Stage"));
        for (limits, names) in [("Throttle", ["RateLimit", "BurstLimit"]), ("Quota", ["Limit", "Period"])] {
            assert!(names.iter().all(|name| !plan["Properties"][limits][*name].is_null()), "{limits}");
        }
        assert_eq!(text(&plan["Properties"]["Quota"]["Period"]), "DAY");
    }
    assert_eq!(text(&untagged(&lane["Lane${Number}InPlan"]["Properties"]["KeyId"])["Fn::Sub"]), "Lane${Number}");
    assert_eq!(text(untagged(&resources["UnauthenticatedLaneInPlan"]["Properties"]["KeyId"])), "UnauthenticatedLane");

    assert_eq!(text(&api["ApiKeySourceType"]), "AUTHORIZER", "a caller cannot choose a lane");
    let auth = &api["Auth"];
    assert_eq!(text(untagged(&auth["ApiKeyRequired"])), "UsagePlanKeyRequired");
    assert_eq!(text(&auth["DefaultAuthorizer"]), "AssignLane");
    let authorizer = &auth["Authorizers"]["AssignLane"];
    assert_eq!(text(untagged(&authorizer["FunctionArn"])), "AssignLaneFunction.Arn");
    assert_eq!(text(&authorizer["FunctionPayloadType"]), "REQUEST");
    assert_eq!(authorizer["Identity"]["ReauthorizeEvery"], 0);
    assert_eq!(authorizer["Identity"].as_mapping().map(serde_yaml_ng::Mapping::len), Some(1), "no header is asked for");
    for preflight in ["AddDefaultAuthorizerToCorsPreflight", "AddApiKeyRequiredToCorsPreflight"] {
        assert_eq!(auth[preflight], false, "browsers send preflights without credentials");
    }
    for refusal in ["THROTTLED", "QUOTA_EXCEEDED"] {
        let response = &api["GatewayResponses"][refusal];
        assert_eq!(response["StatusCode"], 429);
        assert_eq!(text(&response["ResponseTemplates"]["application/json"]), r#"{"error":"Rate limit exceeded"}"#);
        assert!(!response["ResponseParameters"]["Headers"]["Retry-After"].is_null());
    }
}

/// API Gateway takes keys of 20 to 128 characters.
#[test]
fn the_values_of_lanes_are_ones_that_the_gateway_takes() {
    let stack = "f81d4fae7dec11d0a76500a0c91e6bf6";
    for value in [format!("{stack}lane0"), format!("{stack}lane15"), format!("{stack}unauthenticated")] {
        assert!((20..=128).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}

#[test]
fn usage_plans_count_in_every_real_environment_and_not_locally() {
    let parameter = &repository::yaml("template.yaml")["Parameters"]["UsagePlanKeyRequired"];
    assert_eq!(text(&parameter["Default"]), "");
    let config = repository::read("samconfig.toml");
    for (environment, required) in [("local", false), ("staging", true), ("prod", true)] {
        let section = config.split(&format!("[{environment}.deploy.parameters]")).nth(1).expect("a section");
        let section = section.split("\n[").next().expect("its lines");
        assert_eq!(section.contains("\"UsagePlanKeyRequired=true\""), required, "{environment}");
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
    let statements = &resources["ExpireKeysFunction"]["Properties"]["Policies"][0]["Statement"];
    let may_publish = list(statements).iter().find(|statement| statement["Action"] == "events:PutEvents");
    let condition = &may_publish.expect("a statement")["Condition"]["StringEquals"]["events:source"];
    assert_eq!(text(condition), SOURCE);
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
