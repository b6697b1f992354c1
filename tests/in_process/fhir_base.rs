//! The service below its FHIR base: routes of the same functions, where everything is FHIR whatever the headers say.

use serde_json::{Value, json};
use shared::Operation;
use tests::{Answer, TestApp, TestCall};

const BASE: &str = "https://k2v9x4m7qa.execute-api.eu-central-1.amazonaws.com/v1/fhir";

fn basic(name: &str, kind: &str) -> Value {
    let extension = |extension: &str, member: &str, value: &str| json!({"url": format!("https://nuxera.cloud/fhir/StructureDefinition/api-key-{extension}"), member: value});
    json!({
        "resourceType": "Basic",
        "code": {"coding": [{"system": "https://nuxera.cloud/fhir/CodeSystem/resource-type", "code": "api-key"}]},
        "extension": [
            extension("name", "valueString", name),
            extension("type", "valueCode", kind),
            extension("status", "valueCode", "active"),
        ],
    })
}

async fn create(test: &TestApp, name: &str, kind: &str) -> Value {
    let answer = test.call(Operation::CreateKey).below_fhir().json(&basic(name, kind)).send().await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.header("content-type"), Some("application/fhir+json; charset=utf-8"));
    let key = answer.json();
    let id = key["id"].as_str().expect("an id");
    assert_eq!(answer.header("location"), Some(&*format!("/v1/fhir/Basic/{id}")));
    key
}

fn search<'a>(test: &'a TestApp, parameters: &[(&str, &str)]) -> TestCall<'a> {
    let call = test.call(Operation::ListKeys).below_fhir();
    parameters.iter().fold(call, |call, (name, value)| call.query(name, value))
}

/// The ids of the resources in a bundle.
fn ids(bundle: &Value) -> Vec<&str> {
    let entries = bundle["entry"].as_array().into_iter().flatten();
    entries.map(|entry| entry["resource"]["id"].as_str().expect("an id")).collect()
}

fn link<'a>(bundle: &'a Value, relation: &str) -> Option<&'a str> {
    let links = bundle["link"].as_array().expect("links").iter();
    links.filter(|link| link["relation"] == relation).find_map(|link| link["url"].as_str())
}

#[tokio::test]
async fn a_key_is_made_read_updated_and_deleted_as_a_resource() {
    let test = TestApp::start().await;
    let key = create(&test, "Ward", "live").await;
    let read = test.call(Operation::GetKey).below_fhir().id(1).format("hl7").send().await;
    assert_eq!((read.ok(), read.header("etag")), (key.clone(), Some("W/\"1\"")));
    let mut edited = key.clone();
    let name = edited["extension"]
        .as_array_mut()
        .expect("extensions")
        .iter_mut()
        .find(|extension| extension["url"].as_str().is_some_and(|url| url.ends_with("/api-key-name")));
    name.expect("a name")["valueString"] = "Ward 3".into();
    let updated = test.call(Operation::UpdateKey).below_fhir().id(1).json(&edited).send().await;
    edited["meta"]["versionId"] = "2".into();
    assert_eq!((updated.ok(), updated.header("etag")), (edited, Some("W/\"2\"")));
    let deleted = test.call(Operation::DeleteKey).below_fhir().id(1).send().await.ok();
    assert_eq!(deleted["issue"][0]["code"], "informational");
    let gone = test.call(Operation::GetKey).below_fhir().id(1).send().await;
    assert_eq!((gone.status, &gone.json()["issue"][0]["code"]), (404, &json!("not-found")));
}

#[tokio::test]
async fn operations_are_called_by_their_codes() {
    let test = TestApp::start().await;
    let key = create(&test, "Ward", "live").await;
    let parameters = json!({"resourceType": "Parameters"});
    let call = |operation| test.call(operation).below_fhir();
    let status = |answer: Answer| answer.ok()["extension"][3]["valueCode"].clone();
    assert_eq!(status(call(Operation::PauseKey).id(1).json(&parameters).send().await), "paused");
    assert_eq!(status(call(Operation::ResumeKey).id(1).send().await), "active");
    let named = json!({"resourceType": "Parameters", "parameter": [
        {"name": "id", "valueReference": {"reference": "Basic/1"}}]});
    assert_eq!(call(Operation::SetDefault).json(&named).send().await.ok()["extension"][4]["valueBoolean"], true);
    assert_eq!(call(Operation::RemoveDefault).json(&named).send().await.ok()["extension"][4]["valueBoolean"], false);
    let rotated = call(Operation::RotateKey).id(1).send().await.ok();
    assert_ne!(rotated["extension"][0], key["extension"][0]);
    assert_eq!(call(Operation::GetUsage).id(1).send().await.ok()["resourceType"], "Parameters");
    let trail = call(Operation::ListAudit).id(1).query("_count", "2").send().await.ok();
    assert_eq!(trail["entry"].as_array().map(Vec::len), Some(2));
    assert!(trail["entry"][0]["fullUrl"].as_str().is_some_and(|url| url.starts_with("urn:uuid:")), "{trail}");
    assert!(
        link(&trail, "next").is_some_and(|next| next.starts_with(&format!("{BASE}/Basic/1/$audit?_count=2&cursor=")))
    );
}

#[tokio::test]
async fn a_search_leads_through_its_pages_below_the_base_that_was_called() {
    let test = TestApp::start().await;
    for name in ["a", "b", "c"] {
        create(&test, name, "live").await;
    }
    let first = search(&test, &[("_count", "2")]).send().await.ok();
    assert_eq!((ids(&first), &first["total"]), (vec!["1", "2"], &json!(3)));
    assert_eq!(first["entry"][0]["fullUrl"], format!("{BASE}/Basic/1"));
    assert_eq!(link(&first, "self"), Some(&*format!("{BASE}/Basic?_count=2")));
    let next = link(&first, "next").expect("a next page");
    let cursor = next.strip_prefix(&format!("{BASE}/Basic?_count=2&cursor=")).expect("below the base");
    let second = search(&test, &[("_count", "2"), ("cursor", cursor)]).send().await.ok();
    assert_eq!((ids(&second), link(&second, "next")), (vec!["3"], None));
    let own = search(&test, &[]).under_domain("keys.example").send().await.ok();
    assert_eq!(own["entry"][0]["fullUrl"], "https://keys.example/fhir/Basic/1");
    // The resources of the other routes are to be had below the base, too.
    let other = test.call(Operation::ListKeys).format("fhir").send().await.ok();
    assert_eq!(other["entry"][0]["fullUrl"], format!("{BASE}/Basic/1"));
}

#[tokio::test]
async fn a_search_is_narrowed_before_its_pages_are_cut() {
    let test = TestApp::start().await;
    for (name, kind) in [("a", "live"), ("b", "test"), ("c", "live"), ("d", "t2yd"), ("e", "live")] {
        create(&test, name, kind).await;
    }
    for id in [3, 4] {
        test.call(Operation::PauseKey).id(id).send().await.ok();
    }
    for (parameters, expected) in [
        (&[("status", "active")][..], &["1", "2", "5"][..]),
        (&[("status", "paused,active"), ("type", "live")], &["1", "3", "5"]),
        (&[("type", "https://nuxera.cloud/fhir/CodeSystem/api-key-type|t2yd")], &["4"]),
        (&[("_id", "2")], &["2"]),
        (&[("_id", "5,1,9")], &["1", "5"]),
        (&[("_id", "3"), ("status", "active")], &[]),
        (&[("status", "expired")], &[]),
    ] {
        let bundle = search(&test, parameters).send().await.ok();
        assert_eq!((ids(&bundle), &bundle["total"]), (expected.to_vec(), &json!(expected.len())), "{parameters:?}");
    }
    let page = search(&test, &[("status", "active"), ("_count", "2")]).send().await.ok();
    assert_eq!((ids(&page), page.get("total")), (vec!["1", "2"], None));
    let next = link(&page, "next").expect("a next page");
    let cursor = next.strip_prefix(&format!("{BASE}/Basic?_count=2&status=active&cursor=")).expect("the same search");
    let rest = search(&test, &[("status", "active"), ("_count", "2"), ("cursor", cursor)]).send().await.ok();
    assert_eq!((ids(&rest), link(&rest, "next")), (vec!["5"], None));
    for counting in [("_summary", "count"), ("_count", "0")] {
        let bundle = search(&test, &[counting, ("status", "active")]).send().await.ok();
        assert_eq!((ids(&bundle), &bundle["total"]), (vec![], &json!(3)), "{counting:?}");
        assert_eq!(link(&bundle, "self"), Some(&*format!("{BASE}/Basic?status=active&_summary=count")));
        assert_eq!(link(&bundle, "next"), None);
    }
}

#[tokio::test]
async fn a_search_that_would_be_misunderstood_is_refused() {
    let test = TestApp::start().await;
    for (parameters, expression) in [
        (&[("_count", "ten")][..], "http._count"),
        (&[("status", "gone")], "http.status"),
        (&[("status", "active"), ("status", "paused")], "http.status"),
        (&[("status:not", "active")], "http.status"),
        (&[("_id", "1.0")], "http._id"),
        (&[("cursor", "?")], "http.cursor"),
    ] {
        let answer = search(&test, parameters).send().await;
        assert_eq!(answer.status, 400, "{parameters:?}");
        assert_eq!(answer.json()["issue"][0]["expression"][0], expression, "{parameters:?}");
    }
}

#[tokio::test]
async fn lists_of_the_other_formats_are_narrowed_too() {
    let test = TestApp::start().await;
    test.make_two_keys().await;
    let list = |status: &str| test.call(Operation::ListKeys).query("status", status);
    assert_eq!(list("paused").send().await.ok()[0]["id"], 2);
    assert_eq!(list("paused").query("status", "active").send().await.ok().as_array().map(Vec::len), Some(2));
    list("gone").send().await.assert_invalid(&["status"]);
    let user = test.call(Operation::ListUserKeys).path_parameter("user_id", "7").query("type", "test");
    assert_eq!(user.send().await.ok(), json!([]));
}

#[tokio::test]
async fn what_was_read_can_be_sent_back_in_every_format() {
    let test = TestApp::start().await;
    test.make_two_keys().await;
    test.verify(test.read(1).await["key"].as_str().expect("a string")).await;
    for (format, name) in [("json", "In JSON"), ("fhir", "In FHIR"), ("hl7", "In HL7")] {
        let read = test.call(Operation::GetKey).id(1).format(format).send().await.text;
        let before = test.read(1).await["name"].as_str().expect("a name").to_owned();
        let edited = read.replace(&before, name);
        let edited = edited.replace("ACK^Z03^ACK_Z01", "ZAK^Z04^ZAK_Z01");
        let request: String = edited.split_inclusive('\r').filter(|segment| !segment.starts_with("MSA|")).collect();
        // A use in between is no contradiction.
        test.verify(test.read(1).await["key"].as_str().expect("a string")).await;
        let answer = test.call(Operation::UpdateKey).id(1).format(format).body(&request).send().await;
        assert_eq!(answer.status, 200, "{format}: {}", answer.text);
        assert_eq!(test.read(1).await["name"], name);
    }
}

#[tokio::test]
async fn an_expired_key_that_was_read_can_be_renamed() {
    let test = TestApp::start().await;
    let body = json!({"name": "a", "type": "live", "status": "active", "expiry_at": "2026-03-01T12:00:01Z"});
    test.call(Operation::CreateKey).json(&body).send().await;
    test.set_time("2026-03-01T12:01:00Z");
    let mut key = test.read(1).await;
    assert_eq!(key["status"], "expired");
    key["name"] = "b".into();
    let update = |key: &Value| test.call(Operation::UpdateKey).id(1).json(key);
    assert_eq!(update(&key).send().await.ok(), key);
    key["expiry_at"] = "2026-03-01T12:00:02Z".into();
    update(&key).send().await.assert_invalid(&["expiry_at"]);
}

#[tokio::test]
async fn what_the_server_sets_must_be_left_out_or_as_it_is() {
    let test = TestApp::start().await;
    let key = test.key("a").await;
    for (field, value) in [
        ("id", json!(2)),
        ("key", json!("nux_live_…aaaa")),
        ("status", json!("paused")),
        ("is_default", json!(true)),
        ("created_at", json!("2026-03-01T12:00:01Z")),
        ("user_id", json!(8)),
        ("last_used_at", json!("2026-03-01T12:00:00Z")),
        ("usage_count", json!(1)),
        ("usage_count", json!("0")),
    ] {
        let mut changed = key.clone();
        changed["name"] = "b".into();
        changed[field] = value;
        test.call(Operation::UpdateKey).id(1).json(&changed).send().await.assert_invalid(&[field]);
    }
    assert_eq!(test.read(1).await, key);
    let string = key["key"].as_str().expect("a string");
    let masked = json!({"name": "b", "key": format!("nux_live_…{}", &string[string.len() - 4..])});
    test.call(Operation::UpdateKey).id(1).json(&masked).send().await.ok();
    // An update has to say what it changes.
    test.call(Operation::UpdateKey).id(1).json(&json!({"id": 1})).send().await.assert_invalid(&["body"]);
    // Where a key is made, there is nothing to be as it is.
    test.call(Operation::CreateKey).json(&key).send().await.assert_invalid(&[
        "created_at",
        "id",
        "is_default",
        "key",
        "last_used_at",
        "usage_count",
        "user_id",
    ]);
}

#[tokio::test]
async fn a_change_can_depend_on_the_version_that_was_read() {
    let test = TestApp::start().await;
    test.key("a").await;
    let tag = |answer: &Answer| answer.header("etag").expect("a tag").to_owned();
    let read = tag(&test.call(Operation::GetKey).id(1).send().await);
    let renamed = json!({"name": "b"});
    let update = |tag: &str| test.call(Operation::UpdateKey).id(1).json(&renamed).header("If-Match", tag);
    let updated = update(&read).send().await;
    assert_eq!((updated.status, tag(&updated)), (200, "W/\"2\"".to_owned()));
    // Nothing changes, and so the version stays.
    assert_eq!(tag(&update("*").send().await), "W/\"2\"");
    for operation in
        [Operation::UpdateKey, Operation::PauseKey, Operation::ResumeKey, Operation::RotateKey, Operation::DeleteKey]
    {
        for format in ["json", "hl7", "fhir"] {
            let call = test.call(operation).id(1).header("x-response-format", format).header("If-Match", &read);
            let call = if operation == Operation::UpdateKey { call.json(&renamed) } else { call };
            let answer = call.send().await;
            assert_eq!(answer.status, 412, "{operation:?} {}", answer.text);
            assert!(answer.text.contains("API Key has changed"), "{}", answer.text);
        }
    }
    update("2").send().await.assert_invalid(&["If-Match"]);
    let paused = test.call(Operation::PauseKey).id(1).header("If-Match", "\"9\", \"2\"").send().await;
    assert_eq!((paused.status, tag(&paused)), (200, "W/\"3\"".to_owned()));
    let rotated = test.call(Operation::RotateKey).id(1).send().await;
    assert_eq!(tag(&rotated), "W/\"4\"");
    let default = test.call(Operation::SetDefault).json(&json!({"id": 1})).send().await;
    assert_eq!(tag(&default), "W/\"5\"");
    let removed = test.call(Operation::RemoveDefault).json(&json!({"id": 1})).send().await;
    assert_eq!(tag(&removed), "W/\"6\"");
    assert_eq!(tag(&test.call(Operation::GetKey).id(1).send().await), "W/\"6\"");
    let deleted = test.call(Operation::DeleteKey).id(1).header("If-Match", "W/\"6\"").send().await;
    assert_eq!(deleted.status, 200);
}
