//! Bad input: each route refuses it, names the fields and writes nothing.
//!
//! One file, because its cases share an app whose table must not change, and the lists of wrong values.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use shared::Operation;
use shared::operation::RequestBody;
use tests::test_app::valid_body;
use tests::{Contents, TestApp, TestCall};

use Operation::{
    CreateKey, DeleteKey, GetKey, GetUsage, ImportKeys, ListAudit, ListKeys, ListUserKeys, LookupKey, PauseKey,
    RemoveDefault, ResumeKey, RotateKey, SetDefault, UpdateKey, VerifyKey,
};

const NOT_AN_ID: [&str; 20] = [
    "0",
    "-1",
    "-0",
    "+1",
    "01",
    "1.0",
    "1.5",
    "1e0",
    "0x1",
    "9007199254740992",
    "18446744073709551617",
    "abc",
    "",
    " 1",
    "1 ",
    "%31",
    "1%00",
    "1/",
    "１",
    "null",
];
const WITH_BODY: [Operation; 6] = [CreateKey, UpdateKey, SetDefault, RemoveDefault, VerifyKey, ImportKeys];

/// The operations whose bodies, if any, are fields and not a form.
fn of_fields() -> impl Iterator<Item = Operation> {
    Operation::ALL.into_iter().filter(|operation| operation.body().has_fields())
}

/// An app whose table must not change.
struct Subject {
    test: TestApp,
    before: Contents,
}

impl Subject {
    async fn start() -> Self {
        let test = start().await;
        let before = test.contents().await.without_limits();
        Self { test, before }
    }

    /// Checks that a call is refused because of some fields, in this order.
    async fn refuses(&self, call: TestCall<'_>, fields: &[&str], what: &str) {
        let answer = call.send().await;
        println!("{what}: {} {}", answer.status, answer.text);
        answer.assert_invalid(fields);
    }

    /// Checks that these calls wrote nothing but call counters, byte for byte.
    async fn assert_untouched(&self) {
        assert_eq!(self.test.contents().await.without_limits(), self.before);
    }
}

/// An app with the two keys of valid calls, in which rate limits do not matter.
async fn start() -> TestApp {
    let test = TestApp::with(&[("RATE_LIMIT_PER_MINUTE", "100000"), ("RATE_LIMIT_PER_HOUR", "100000")]).await;
    test.make_two_keys().await;
    test
}

/// A valid call, still without its body.
fn call(test: &TestApp, operation: Operation) -> TestCall<'_> {
    test.valid_call(operation).without_body()
}

fn right_body(operation: Operation) -> Value {
    valid_body(operation).unwrap_or_else(|| json!({}))
}

/// The right body with a field replaced or removed.
fn with(operation: Operation, name: &str, value: Option<Value>) -> String {
    let mut body = right_body(operation);
    match value {
        Some(value) => body[name] = value,
        None => drop(body.as_object_mut().expect("an object").remove(name)),
    }
    body.to_string()
}

#[tokio::test]
async fn the_right_bodies_are_accepted() {
    let test = start().await;
    for operation in WITH_BODY {
        let answer = call(&test, operation).json(&right_body(operation)).send().await;
        assert!(answer.status < 300, "{operation:?} {}", answer.text);
    }
}

#[tokio::test]
async fn a_body_must_be_a_json_object() {
    let subject = Subject::start().await;
    let test = &subject.test;
    for operation in of_fields() {
        for body in [
            "{",
            "}",
            "{}{}",
            "{} x",
            "x",
            "[]",
            "[{}]",
            "\"\"",
            "\"{}\"",
            "1",
            "null",
            "true",
            "{'id':1}",
            "{\"id\"}",
            "{\"id\":}",
            "{\"id\":1,}",
            "{id:1}",
            "{\"id\":01}",
            "{\"id\":NaN}",
            "{\"id\":1e999}",
            "{\"id\":1}//",
            "\u{feff}{}",
            "{\"name\":\"\\ud800\"}",
            "{\"name\":\"\n\"}",
            " ",
            "name=a&type=live",
            "<id>1</id>",
        ] {
            subject.refuses(call(test, operation).body(body), &["body"], body).await;
        }
        let deep = format!("{{\"name\":{}{}}}", "[".repeat(5_000), "]".repeat(5_000));
        subject.refuses(call(test, operation).body(&deep), &["body"], "deeply nested").await;
        for bytes in [&b"\xff\xfe"[..], b"{\"name\":\"\xff\"}", b"\0", b"{}\0"] {
            subject.refuses(call(test, operation).base64_body(bytes), &["body"], "bytes").await;
        }
        subject.assert_untouched().await;
    }
}

#[tokio::test]
async fn a_missing_or_empty_body_is_refused_where_there_must_be_one() {
    let subject = Subject::start().await;
    let test = &subject.test;
    for operation in WITH_BODY {
        subject.refuses(call(test, operation), &["body"], "none").await;
        subject.refuses(call(test, operation).body(""), &["body"], "empty").await;
        subject.refuses(call(test, operation).base64_body(b""), &["body"], "empty bytes").await;
    }
    subject.refuses(call(test, CreateKey).body("{}"), &["name", "type", "status"], "nothing in it").await;
    subject.refuses(call(test, UpdateKey).body("{}"), &["body"], "nothing in it").await;
    subject.refuses(call(test, SetDefault).body("{}"), &["id"], "nothing in it").await;
    subject.refuses(call(test, RemoveDefault).body("{}"), &["id"], "nothing in it").await;
    subject.refuses(call(test, VerifyKey).body("{}"), &["key"], "nothing in it").await;
    subject.refuses(call(test, LookupKey).body("{}"), &["key"], "nothing in it").await;
    subject.refuses(call(test, LookupKey), &["body"], "none").await;
    subject.refuses(call(test, ImportKeys).body("{}"), &["keys"], "nothing in it").await;
    subject.assert_untouched().await;
}

#[tokio::test]
async fn a_body_has_at_most_16_kib_unless_it_is_a_form_or_an_import() {
    let test = start().await;
    for operation in of_fields() {
        let limit = if operation == ImportKeys { 256 * 1024 } else { 16 * 1024 };
        let body = right_body(operation).to_string();
        let body = format!("{body}{}", " ".repeat(limit + 1 - body.len()));
        for call in [call(&test, operation).body(&body), call(&test, operation).base64_body(body.as_bytes())] {
            let before = test.contents().await.without_limits();
            let answer = call.send().await;
            let message = format!("body must not be larger than {limit} bytes");
            let expected =
                json!({"error": "Request body too large", "details": [{"field": "body", "message": message}]});
            assert_eq!((answer.status, answer.json()), (413, expected), "{operation:?}");
            assert_eq!(test.contents().await.without_limits(), before, "{operation:?}");
        }
    }
    let multibyte = format!("{{\"name\":\"{}\"}}", "é".repeat(8_190));
    assert!(multibyte.len() > 16 * 1024 && multibyte.chars().count() < 16 * 1024);
    assert_eq!(call(&test, UpdateKey).body(&multibyte).send().await.status, 413, "bytes count, not characters");
    for operation in of_fields() {
        let body = format!("{:<16384}", right_body(operation).to_string());
        let answer = call(&test, operation).body(&body).send().await;
        assert_ne!(answer.status, 413, "{operation:?}");
        assert_ne!(answer.status, 400, "{operation:?} {}", answer.text);
    }
}

#[tokio::test]
async fn no_name_holds_a_key() {
    let subject = Subject::start().await;
    let test = &subject.test;
    let key = test.key("Lab gateway").await;
    let key = key["key"].as_str().expect("a string");
    let before = test.contents().await;
    for operation in [CreateKey, UpdateKey] {
        for name in [key.to_owned(), format!("  {key}"), format!("key={key}; lab")] {
            let body = with(operation, "name", Some(json!(name)));
            let answer = call(test, operation).body(&body).send().await;
            answer.assert_invalid(&["name"]);
            assert!(!answer.text.contains(key), "{}", answer.text);
        }
    }
    assert_eq!(test.contents().await.without_limits(), before.without_limits());
}

#[tokio::test]
async fn names_have_1_to_100_characters_and_no_control_characters() {
    let subject = Subject::start().await;
    let test = &subject.test;
    for operation in [CreateKey, UpdateKey] {
        for name in [
            json!(""),
            json!("   "),
            json!("\t\r\n"),
            json!("\u{a0}\u{2003}\u{3000}"),
            json!("n".repeat(101)),
            json!("鍵".repeat(101)),
            json!("n".repeat(10_000)),
            json!("a\u{0}b"),
            json!("a\tb"),
            json!("a\nb"),
            json!("a\rb"),
            json!("a\u{1b}[31mb"),
            json!("a\u{7f}b"),
            json!("a\u{85}b"),
            json!("\u{0}"),
            json!(1),
            json!(1.5),
            json!(true),
            json!([]),
            json!(["a"]),
            json!({}),
            json!({"name": "a"}),
            Value::Null,
        ] {
            let body = with(operation, "name", Some(name));
            subject.refuses(call(test, operation).body(&body), &["name"], &body).await;
        }
    }
    subject.refuses(call(test, CreateKey).body(&with(CreateKey, "name", None)), &["name"], "missing").await;
    subject.assert_untouched().await;
}

#[tokio::test]
async fn types_and_statuses_are_one_of_the_documented() {
    let subject = Subject::start().await;
    let test = &subject.test;
    let wrong = [
        json!(""),
        json!("Live"),
        json!("LIVE"),
        json!(" live"),
        json!("live "),
        json!("production"),
        json!("ai_medical_note"),
        json!("T2YD"),
        json!(0),
        json!(true),
        json!(["live"]),
        json!({"live": true}),
        Value::Null,
    ];
    for value in wrong {
        for operation in [CreateKey, UpdateKey] {
            let body = with(operation, "type", Some(value.clone()));
            subject.refuses(call(test, operation).body(&body), &["type"], &body).await;
        }
    }
    let wrong = [
        json!(""),
        json!("Active"),
        json!("ACTIVE"),
        json!("active "),
        json!("inactive"),
        json!("deleted"),
        json!(1),
        json!(true),
        json!(["active"]),
        json!({}),
        Value::Null,
    ];
    for value in wrong {
        let body = with(CreateKey, "status", Some(value));
        subject.refuses(call(test, CreateKey).body(&body), &["status"], &body).await;
    }
    for name in ["type", "status"] {
        subject.refuses(call(test, CreateKey).body(&with(CreateKey, name, None)), &[name], "missing").await;
    }
    subject.assert_untouched().await;
}

#[tokio::test]
async fn an_expiry_is_a_timestamp_in_the_future() {
    let subject = Subject::start().await;
    let test = &subject.test;
    for operation in [CreateKey, UpdateKey] {
        for value in [
            json!("2026-03-01T12:00:00Z"),
            json!("2026-03-01T12:00:00.999Z"),
            json!("2026-03-01T13:00:00+01:00"),
            json!("2026-03-01T11:59:59Z"),
            json!("1970-01-01T00:00:00Z"),
            json!("0000-01-01T00:00:00Z"),
            json!("2027-03-01T12:00:00"),
            json!("2027-03-01"),
            json!("2027-03-01T12:00Z"),
            json!("2027-3-1T12:00:00Z"),
            json!("2027-02-29T12:00:00Z"),
            json!("2027-13-01T12:00:00Z"),
            json!("2027-03-01T25:00:00Z"),
            json!("2027-03-01T12:00:00+25:00"),
            json!("2027-03-01T12:00:00 UTC"),
            json!("2027-W09-1T12:00:00Z"),
            json!("20270301T120000Z"),
            json!("9999-12-31T23:59:59-00:01"),
            json!("10000-01-01T00:00:00Z"),
            json!("+12027-03-01T12:00:00Z"),
            json!("-2027-03-01T12:00:00Z"),
            json!(" 2027-03-01T12:00:00Z"),
            json!("tomorrow"),
            json!("never"),
            json!("null"),
            json!(""),
            json!(1_803_902_400),
            json!(0),
            json!(true),
            json!([]),
            json!({}),
        ] {
            let body = with(operation, "expiry_at", Some(value));
            subject.refuses(call(test, operation).body(&body), &["expiry_at"], &body).await;
        }
    }
    subject.assert_untouched().await;
}

#[tokio::test]
async fn ids_in_a_body_are_integers_from_1_to_2_to_the_53() {
    let subject = Subject::start().await;
    let test = &subject.test;
    for bad in [
        "0",
        "-1",
        "-0",
        "1.0",
        "1.5",
        "1e0",
        "9007199254740992",
        "18446744073709551617",
        "\"1\"",
        "\"\"",
        "\"abc\"",
        "true",
        "[]",
        "[1]",
        "{}",
        "{\"id\":1}",
    ] {
        for (operation, body, field) in [
            (SetDefault, format!("{{\"id\":{bad}}}"), "id"),
            (SetDefault, format!("{{\"id\":{bad},\"old_id\":1}}"), "id"),
            (SetDefault, format!("{{\"id\":2,\"old_id\":{bad}}}"), "old_id"),
            (RemoveDefault, format!("{{\"id\":{bad}}}"), "id"),
        ] {
            subject.refuses(call(test, operation).body(&body), &[field], &body).await;
        }
    }
    for operation in [SetDefault, RemoveDefault] {
        subject.refuses(call(test, operation).body("{\"id\":null}"), &["id"], "null").await;
    }
    let both = call(test, SetDefault).body("{\"id\":\"2\",\"old_id\":\"1\"}");
    subject.refuses(both, &["id", "old_id"], "both at once").await;
    subject.assert_untouched().await;
}

#[tokio::test]
async fn a_grace_period_is_at_most_30_days_and_a_key_to_verify_a_string() {
    let subject = Subject::start().await;
    let test = &subject.test;
    let unlike = [json!("60"), json!(1.5), json!(60.0), json!(true), json!([]), json!({}), Value::Null];
    for value in [json!(-1), json!(2_592_001), json!(u64::MAX)].iter().chain(&unlike) {
        let body = with(RotateKey, "grace_period_seconds", Some(value.clone()));
        subject.refuses(call(test, RotateKey).body(&body), &["grace_period_seconds"], &body).await;
    }
    for value in [json!(1), json!(true), json!([]), json!(["x"]), json!({}), Value::Null] {
        let body = with(VerifyKey, "key", Some(value));
        subject.refuses(call(test, VerifyKey).body(&body), &["key"], &body).await;
    }
    subject.assert_untouched().await;
}

#[tokio::test]
async fn an_idempotency_key_is_1_to_255_visible_ascii_characters() {
    let subject = Subject::start().await;
    let test = &subject.test;
    for operation in [CreateKey, RotateKey] {
        for key in ["", " ", "a b", "a\tb", "é", &"k".repeat(256)] {
            let call = call(test, operation).json(&right_body(operation)).header("Idempotency-Key", key);
            subject.refuses(call, &["Idempotency-Key"], &format!("{operation:?} {key:?}")).await;
        }
    }
    subject.assert_untouched().await;
    for operation in [CreateKey, RotateKey] {
        let call = call(test, operation).json(&right_body(operation));
        let key = format!("{:~<255}", operation.name());
        let answer = call.header("Idempotency-Key", &key).send().await;
        assert!(answer.status < 300, "{}", answer.text);
    }
}

#[tokio::test]
async fn fields_that_a_route_does_not_know_are_refused() {
    let subject = Subject::start().await;
    let test = &subject.test;
    for (operation, unknown) in [
        (
            CreateKey,
            vec!["id", "key", "is_default", "created_at", "user_id", "last_used_at", "usage_count", "Name", "expiryAt"],
        ),
        (UpdateKey, vec!["old_id", "grace_period_seconds", "Type"]),
        (SetDefault, vec!["oldId", "user_id", "name", "ID"]),
        (RemoveDefault, vec!["old_id", "user_id"]),
        (ListKeys, vec!["limit"]),
        (GetKey, vec!["id"]),
        (DeleteKey, vec!["id"]),
        (PauseKey, vec!["id", "status"]),
        (ResumeKey, vec!["id", "status"]),
        (ListUserKeys, vec!["user_id"]),
        (ListAudit, vec!["id"]),
        (RotateKey, vec!["id", "grace_period", "gracePeriodSeconds"]),
        (GetUsage, vec!["id", "days"]),
        (VerifyKey, vec!["user_id", "Key"]),
    ] {
        for name in unknown.into_iter().chain(["x", "", "__proto__", "a b"]) {
            for value in [json!(1), Value::Null] {
                let body = with(operation, name, Some(value));
                subject.refuses(call(test, operation).body(&body), &[name], &body).await;
            }
        }
        subject.assert_untouched().await;
    }
}

#[tokio::test]
async fn a_field_that_occurs_twice_is_refused() {
    let subject = Subject::start().await;
    let test = &subject.test;
    for (operation, body, field) in [
        (CreateKey, r#"{"name":"c","type":"live","status":"active","name":"d"}"#, "name"),
        (CreateKey, r#"{"name":"c","name":"c","type":"live","status":"active"}"#, "name"),
        (CreateKey, r#"{"name":"c","type":"live","type":"test","status":"active"}"#, "type"),
        (CreateKey, r#"{"name":"c","type":"live","status":"active","status":"active"}"#, "status"),
        (CreateKey, r#"{"name":"c","type":"live","status":"active","expiry_at":null,"expiry_at":null}"#, "expiry_at"),
        (CreateKey, r#"{"name":"c","type":"live","status":"active","n\u0061me":"d"}"#, "name"),
        (UpdateKey, r#"{"name":"c","name":"d"}"#, "name"),
        (UpdateKey, r#"{"type":"test","type":"test"}"#, "type"),
        (SetDefault, r#"{"id":2,"id":1}"#, "id"),
        (SetDefault, r#"{"id":2,"old_id":1,"old_id":null}"#, "old_id"),
        (RemoveDefault, r#"{"id":2,"id":1}"#, "id"),
        (RotateKey, r#"{"grace_period_seconds":0,"grace_period_seconds":0}"#, "grace_period_seconds"),
        (VerifyKey, r#"{"key":"x","key":"x"}"#, "key"),
    ] {
        subject.refuses(call(test, operation).body(body), &[field], body).await;
    }
    subject.assert_untouched().await;
}

#[tokio::test]
async fn all_mistakes_are_named_at_once() {
    let subject = Subject::start().await;
    let test = &subject.test;
    let body = json!({"name": "", "type": "x", "status": 1, "expiry_at": "x", "more": 1});
    let fields = ["name", "type", "status", "expiry_at", "more"];
    subject.refuses(call(test, CreateKey).json(&body), &fields, "create").await;
    let body = json!({"type": null, "old_id": 1, "expiry_at": "2020-01-01T00:00:00Z", "more": 2});
    let fields = ["type", "expiry_at", "more", "old_id"];
    subject.refuses(call(test, UpdateKey).json(&body), &fields, "update").await;
    // They are compared with the key, which is read when nothing else is wrong.
    let body = json!({"name": "d", "status": "paused", "id": 2, "key": "x", "usage_count": -1});
    let fields = ["id", "key", "status", "usage_count"];
    subject.refuses(call(test, UpdateKey).json(&body), &fields, "update of what cannot be set").await;
    subject.assert_untouched().await;
}

#[tokio::test]
async fn ids_in_the_path_are_canonical() {
    let subject = Subject::start().await;
    let test = &subject.test;
    for operation in [GetKey, UpdateKey, DeleteKey, PauseKey, ResumeKey, ListAudit, RotateKey, GetUsage] {
        for id in NOT_AN_ID {
            let call = test.call(operation).id(id);
            let call = if operation.body() == RequestBody::None { call } else { call.json(&right_body(operation)) };
            subject.refuses(call, &["id"], &format!("{operation:?} {id:?}")).await;
        }
        subject.assert_untouched().await;
    }
    for id in NOT_AN_ID {
        let call = test.call(ListUserKeys).path_parameter("user_id", id);
        subject.refuses(call, &["user_id"], id).await;
    }
    subject.assert_untouched().await;
}

#[tokio::test]
async fn a_limit_is_an_integer_from_1_to_1000() {
    let subject = Subject::start().await;
    let test = &subject.test;
    for operation in [ListKeys, ListUserKeys, ListAudit] {
        for limit in
            ["0", "-1", "+1", "1001", "01", "1.0", "1e2", "x", "", " 1", "1 ", "4294967297", "１", "1,2", "null"]
        {
            let call = call(test, operation).query("limit", limit);
            subject.refuses(call, &["limit"], &format!("{operation:?} {limit:?}")).await;
        }
        for limit in ["1", "1000"] {
            call(test, operation).query("limit", limit).send().await.ok();
        }
    }
    subject.assert_untouched().await;
}

#[tokio::test]
async fn a_cursor_is_one_that_a_link_gave() {
    let subject = Subject::start().await;
    let test = &subject.test;
    let key_cursor = call(test, ListKeys).query("limit", "1").send().await.next_cursor().expect("more").to_owned();
    let entry_cursor = call(test, ListAudit).query("limit", "1").send().await.next_cursor().expect("more").to_owned();
    let encoded = ["0", "-1", "01", "x", "", "KEY#0000000000000001", "USER#8", "9007199254740992", "1 ", "{\"id\":1}"]
        .map(|text| URL_SAFE_NO_PAD.encode(text));
    let garbage = ["", "x", "!", "MQ==", "1", "..", "%4d%51", "////", "MQ MQ", "\u{0}", "é"].map(str::to_owned);
    for operation in [ListKeys, ListUserKeys, ListAudit] {
        let other = if operation == ListAudit { &key_cursor } else { &entry_cursor };
        for cursor in garbage.iter().chain(&encoded).chain([other]) {
            let call = call(test, operation).query("cursor", cursor);
            subject.refuses(call, &["cursor"], &format!("{operation:?} {cursor:?}")).await;
        }
    }
    for (operation, cursor) in [(ListKeys, &key_cursor), (ListUserKeys, &key_cursor), (ListAudit, &entry_cursor)] {
        call(test, operation).query("cursor", cursor).send().await.ok();
        let twice = call(test, operation).query("limit", "5").query("limit", "5");
        subject.refuses(twice, &["limit"], "a limit twice").await;
        let twice = call(test, operation).query("cursor", cursor).query("cursor", cursor);
        subject.refuses(twice, &["cursor"], "a cursor twice").await;
        let bad_limit = call(test, operation).query("cursor", cursor).query("limit", "0");
        subject.refuses(bad_limit, &["limit"], "a bad limit beside it").await;
    }
    subject.assert_untouched().await;
}

#[tokio::test]
async fn an_unknown_format_is_refused_before_the_token_is_looked_at() {
    let test = start().await;
    let before = test.contents().await;
    for operation in Operation::ALL.into_iter().filter(|operation| operation.body() != RequestBody::Ignored) {
        for format in ["xml", "", "json,hl7", "application/json", "fhir;q=1", "hl7v2", "j son", "\u{e9}"] {
            for (response_format, request_format, field) in [
                (Some(format), None, "x-response-format"),
                (None, Some(format), "x-request-format"),
                (Some(format), Some("fhir"), "x-response-format"),
                (Some(format), Some("hl7"), "x-response-format"),
                (Some("json"), Some(format), "x-request-format"),
            ] {
                let call = call(&test, operation).json(&right_body(operation));
                let call = response_format.into_iter().fold(call, |call, it| call.header("x-response-format", it));
                let call = request_format.into_iter().fold(call, |call, it| call.header("x-request-format", it));
                let answer = call.clone().send().await;
                answer.assert_invalid(&[field]);
                assert_eq!(answer.header("content-type"), Some("application/json"), "{format}");
                assert_eq!(call.without_header("Authorization").send().await, answer);
            }
        }
        assert_eq!(test.contents().await, before, "nothing is written or counted");
    }
}

#[tokio::test]
async fn formats_are_named_in_any_case() {
    let test = start().await;
    for format in ["json", "JSON", "Json", " json "] {
        call(&test, GetKey).header("x-response-format", format).send().await.ok();
    }
    for (format, content_type) in
        [("HL7", "application/hl7-v2; charset=utf-8"), ("Fhir", "application/fhir+json; charset=utf-8")]
    {
        let answer = call(&test, GetKey).header("x-response-format", format).send().await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(content_type)));
        let answer = call(&test, GetKey).header("x-request-format", format).send().await;
        assert_eq!(answer.ok()["id"], 1, "a request format without a body means nothing");
    }
}

#[tokio::test]
async fn a_body_that_says_nothing_is_welcome_where_none_is_needed() {
    for operation in of_fields().filter(|operation| operation.body() != RequestBody::Required) {
        let test = start().await;
        for body in ["", "{}", " {\n} "] {
            let answer = call(&test, operation).body(body).send().await;
            // The second deletion finds no key any more.
            let expected = if operation == DeleteKey && !body.is_empty() { 404 } else { 200 };
            assert_eq!(answer.status, expected, "{operation:?} {}", answer.text);
        }
    }
}

#[tokio::test]
async fn bytes_that_were_not_utf_8_are_refused() {
    let subject = Subject::start().await;
    let test = &subject.test;
    // A name in Latin-1, as the gateway decodes it.
    let name = "M\u{fffd}ller";
    let json = json!({"name": name, "type": "live", "status": "active"}).to_string();
    let hl7 = format!("MSH|^~\\&|LAB|HOSP|||20260303||ZAK^Z01^ZAK_Z01|C1|P|2.5.1\rZAK|1|||{name}|live|active");
    let fhir = json!({"resourceType": "Parameters", "parameter": [{"name": "name", "valueString": name}]}).to_string();
    for (format, body) in [("json", json), ("hl7", hl7), ("fhir", fhir)] {
        let call = test.call(CreateKey).body(&body).header("x-request-format", format);
        subject.refuses(call, &["body"], format).await;
    }
    let escaped = r#"{"name": "M\ufffdller", "type": "live", "status": "active"}"#;
    subject.refuses(test.call(CreateKey).body(escaped), &["name"], "escaped").await;
    subject.assert_untouched().await;
}

#[tokio::test]
async fn an_api_key_is_repeated_nowhere() {
    let subject = Subject::start().await;
    let key = format!("nux_live_{}", "a1B2".repeat(14));
    let new = |field: &str, value: &str| json!({field: value, "type": "live", "status": "active"});
    let call = |body: &Value| subject.test.call(CreateKey).json(body);
    for name in [format!("PROD_{key}"), format!("{key}_old"), key.to_uppercase(), key.replace("a1", "a 1")] {
        subject.refuses(call(&new("name", &name)), &["name"], &name).await;
    }
    let answer = call(&new(&key, "x")).send().await;
    assert_eq!(answer.status, 400);
    assert!(!answer.text.contains(&key), "{}", answer.text);
    let hl7 = format!("MSH|^~\\&|{key}|{key}|||20260303||ZAK^Z01^ZAK_Z01|{key}|P|2.5.1\rZAK|1|||Lab|live|active");
    let answer = subject.test.call(CreateKey).body(&hl7).format("hl7").send().await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(!answer.text.contains(&key), "{}", answer.text);
    subject.assert_untouched().await;
}
