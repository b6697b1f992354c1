//! The exact texts of violations, in one table, because clients show them to people.

use serde_json::json;
use shared::Operation;
use tests::{TestApp, TestCall, tokens};

use Operation::{
    CreateKey, GetKey, ImportKeys, ListKeys, LookupKey, RemoveDefault, RotateKey, SetDefault, UpdateKey, VerifyKey,
};

const TIME: &str = "must be an RFC 3339 timestamp, such as 2027-03-01T12:00:00Z";
const ID: &str = "must be an integer from 1 to 9007199254740991";
const TYPES: &str = r#"must be one of "live", "test", "ai-medical-note", "t2yd""#;

/// An operation, a body in JSON, the field at fault and the rest of its message.
const JSON: &[(Operation, &str, &str, &str)] = &[
    (CreateKey, "", "body", "is required"),
    (CreateKey, "[]", "body", "must be a JSON object"),
    (CreateKey, "{\"name\":}", "body", "must be valid JSON; parsing failed at line 1, column 9"),
    (CreateKey, r#"{"type":"live","status":"active"}"#, "name", "is required"),
    (CreateKey, r#"{"name":null,"type":"live","status":"active"}"#, "name", "must not be null"),
    (CreateKey, r#"{"name":1,"type":"live","status":"active"}"#, "name", "must be a string"),
    (CreateKey, r#"{"name":" ","type":"live","status":"active"}"#, "name", "must not be empty"),
    (CreateKey, r#"{"name":"a\tb","type":"live","status":"active"}"#, "name", "must not contain control characters"),
    (CreateKey, r#"{"name":"a","name":"b","type":"live","status":"active"}"#, "name", "must not be repeated"),
    (CreateKey, r#"{"name":"a","type":"gold","status":"active"}"#, "type", TYPES),
    (
        CreateKey,
        r#"{"name":"a","type":"live","status":"on"}"#,
        "status",
        r#"must be one of "active", "paused", "expired""#,
    ),
    (CreateKey, r#"{"name":"a","type":"live","status":"active","expiry_at":"soon"}"#, "expiry_at", TIME),
    (
        CreateKey,
        r#"{"name":"a","type":"live","status":"active","expiry_at":"2020-01-01T00:00:00Z"}"#,
        "expiry_at",
        "must be in the future",
    ),
    (CreateKey, r#"{"name":"a","type":"live","status":"active","x":1}"#, "x", "is not a field of this request"),
    (
        RotateKey,
        r#"{"resourceType":"Parameters"}"#,
        "body",
        "is a FHIR resource: send it with Content-Type: application/fhir+json, or with x-request-format: fhir",
    ),
    (
        CreateKey,
        "MSH|^~\\&|A|B|||||ZAK^Z01|1|P|2.5.1\rZAK|1|||a|live|active",
        "body",
        "is an HL7 message: send it with Content-Type: application/hl7-v2, or with x-request-format: hl7",
    ),
    (UpdateKey, "{}", "body", "must contain at least one of name, type and expiry_at"),
    (SetDefault, r#"{"id":"1"}"#, "id", ID),
    (SetDefault, r#"{"id":1,"old_id":0}"#, "old_id", ID),
    (RemoveDefault, "{}", "id", "is required"),
    (
        RotateKey,
        r#"{"grace_period_seconds":2592001}"#,
        "grace_period_seconds",
        "must be a whole number of seconds from 0 to 2592000",
    ),
    (VerifyKey, r#"{"key":1}"#, "key", "must be a string"),
    (LookupKey, r#"{"key":1}"#, "key", "must be a string"),
    (ImportKeys, r#"{"keys":1}"#, "keys", "must be an array"),
    (ImportKeys, r#"{"keys":[]}"#, "keys", "must have 1 to 100 elements"),
];

/// An operation, the event and the rest of a message in HL7, the field at fault and the whole text.
const HL7: &[(Operation, &str, &str, &str)] = &[
    (CreateKey, "PID|1", "body", "body must be an HL7 v2 message that starts with an MSH segment"),
    (
        CreateKey,
        "MSH|^^\\&|",
        "body",
        r"MSH-1 and MSH-2 must be two to six distinct punctuation characters, such as |^~\&",
    ),
    (
        CreateKey,
        "MSH|^~\\&|A|B|||||ADT^A01|1|P|2.5.1",
        "body",
        "MSH-9 (message type) must be ZAK^Z01^ZAK_Z01 for this endpoint",
    ),
    (
        CreateKey,
        "MSH|^~\\&|A|B|||||ZAK^Z02|1|P|2.5.1",
        "body",
        "MSH-9 (trigger event) must be ZAK^Z01^ZAK_Z01 for this endpoint",
    ),
    (CreateKey, "MSH|^~\\&|A|B|||||ZAK^Z01||P|2.5.1\rZAK|1", "body", "MSH-10 (control id) is required"),
    (
        CreateKey,
        "MSH|^~\\&|A|B|||||ZAK^Z01|12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890|P|2.5.1\rZAK|1",
        "body",
        "MSH-10 (control id) must be at most 199 characters long",
    ),
    (
        CreateKey,
        "MSH|^~\\&|A|B|||||ZAK^Z01|1|T|2.5.1\rZAK|1",
        "body",
        "MSH-11 (processing id) must be P: a message for training (T) or debugging (D) would change keys that are in use",
    ),
    (CreateKey, "MSH|^~\\&|A|B|||||ZAK^Z01|1|P|2.0\rZAK|1", "body", "MSH-12 (version) must be one from 2.1 to 2.8"),
    (
        CreateKey,
        "MSH|^~\\&|A|B|||||ZAK^Z01|1|P|2.5.1||||||UNICODE UTF-16\rZAK|1",
        "body",
        "MSH-18 (character set) must be empty, ASCII, 8859/1, 8859/15 or UNICODE UTF-8",
    ),
    (
        CreateKey,
        "MSH|^~\\&|A|B|||||ZAK^Z01|1|P|2.5.1\rPV1|1\rZAK|1",
        "body",
        "unexpected segment 2; only MSH and ZAK are read, and only SFT, EVN, PID, NTE and Z segments of others are ignored",
    ),
    (
        CreateKey,
        "FHS|^~\\&|A|B\rBHS|^~\\&|A|B\rMSH|^~\\&|A|B|||||ZAK^Z01|1|P|2.5.1\rZAK|1",
        "body",
        "body must be one message: send each message of a file (FHS) or batch (BHS) in a request of its own",
    ),
    (CreateKey, "MSH|^~\\&|A|B|||||ZAK^Z01|1|P|2.5.1", "body", "a ZAK segment is required"),
    (CreateKey, "MSH|^~\\&|A|B|||||ZAK^Z01|1|P|2.5.1\rZAK|1\rZAK|1", "body", "the ZAK segment must not be repeated"),
    (UpdateKey, "MSH|^~\\&|A|B|||||ZAK^Z04|1|P|2.5.1\rZAK|2|||a", "body", "ZAK-1 (set id) must be 1"),
    (UpdateKey, "MSH|^~\\&|A|B|||||ZAK^Z04|1|P|2.5.1\rZAK|1|9||a", "id", "id must match the id in the path"),
    (
        UpdateKey,
        "MSH|^~\\&|A|B|||||ZAK^Z04|1|P|2.5.1\rZAK|1|||a^b",
        "name",
        "name must be a single value, with any delimiters in it escaped",
    ),
    (
        UpdateKey,
        "MSH|^~\\&|A|B|||||ZAK^Z04|1|P|2.5.1\rZAK|1|||a\\b",
        "name",
        "name must not contain malformed or unknown escape sequences",
    ),
    (
        UpdateKey,
        "MSH|^~\\&|A|B|||||ZAK^Z04|1|P|2.5.1\rZAK|1||||||||20280101",
        "expiry_at",
        "expiry_at must be a time (YYYYMMDDHHMMSS) with a UTC offset, its own or that of MSH-7, such as 20270301120000+0000",
    ),
];

/// An operation, a resource, the field at fault and the whole text.
const FHIR: &[(Operation, &str, &str, &str)] = &[
    (CreateKey, "{", "body", "body must be a FHIR resource in valid JSON; parsing failed at line 1, column 1"),
    (
        CreateKey,
        r#"{"resourceType":"Patient"}"#,
        "body",
        "body must be a Parameters or Basic resource with exactly one resourceType",
    ),
    (SetDefault, "{}", "body", "body must be a Parameters resource with exactly one resourceType"),
    (RotateKey, r#"{"resourceType":"Parameters","id":"x"}"#, "body", "Parameters must contain only parameter"),
    (RotateKey, r#"{"resourceType":"Parameters","parameter":{}}"#, "body", "Parameters.parameter must be a list"),
    (RotateKey, r#"{"resourceType":"Parameters","parameter":[]}"#, "body", "Parameters.parameter must not be empty"),
    (
        RotateKey,
        r#"{"resourceType":"Parameters","parameter":[{"name":"x","valueString":"y"}]}"#,
        "body",
        "Parameters.parameter[0] must have the name of a field of this request",
    ),
    (
        RotateKey,
        r#"{"resourceType":"Parameters","parameter":[{"name":"grace_period_seconds","part":[]}]}"#,
        "body",
        "Parameters.parameter[0] must contain only a name and a value",
    ),
    (
        RotateKey,
        r#"{"resourceType":"Parameters","parameter":[{"name":"grace_period_seconds","valueString":"60"}]}"#,
        "grace_period_seconds",
        "grace_period_seconds must be sent as a valueInteger of 0 or more",
    ),
    (
        RemoveDefault,
        r#"{"resourceType":"Parameters","parameter":[{"name":"id","valueDecimal":1}]}"#,
        "id",
        "id must be sent as a valueReference to a Basic, a positive valueInteger or a valueString",
    ),
    (
        UpdateKey,
        r#"{"resourceType":"Basic","extension":[{"url":"https://nuxera.cloud/fhir/StructureDefinition/api-key-name","valueString":"a"}]}"#,
        "body",
        "Basic.code is required",
    ),
    (
        UpdateKey,
        r#"{"resourceType":"Basic","code":{},"extension":[{"url":"https://nuxera.cloud/fhir/StructureDefinition/api-key-name","valueString":"a"}]}"#,
        "body",
        "Basic.code must be the code api-key of the resource-type code system",
    ),
];

fn call(test: &TestApp, operation: Operation) -> TestCall<'_> {
    let call = test.call(operation);
    if operation == VerifyKey {
        call.bearer(&tokens::with_role(900, "service"))
    } else if [LookupKey, ImportKeys].contains(&operation) {
        call.bearer(&tokens::with_role(901, "admin"))
    } else if [UpdateKey, RotateKey].contains(&operation) {
        call.id(1)
    } else {
        call
    }
}

async fn start() -> TestApp {
    let limits = [("RATE_LIMIT_PER_MINUTE", "1000"), ("RATE_LIMIT_PER_HOUR", "1000")];
    let test = TestApp::with(&limits).await;
    test.key("a").await;
    test
}

/// Checks that a call has one violation, with this text.
async fn expect(call: TestCall<'_>, field: &str, message: &str) {
    let answer = call.send().await;
    let details = json!([{"field": field, "message": message}]);
    assert_eq!((answer.status, &answer.json()["details"]), (400, &details), "{}", answer.text);
}

#[tokio::test]
async fn violations_in_json() {
    let test = start().await;
    for (operation, body, field, message) in JSON {
        expect(call(&test, *operation).body(body), field, &format!("{field} {message}")).await;
    }
    let long = json!({"name": "n".repeat(101)});
    expect(call(&test, UpdateKey).json(&long), "name", "name must be 1 to 100 characters long").await;
    let key = test.key("b").await["key"].clone();
    expect(call(&test, UpdateKey).json(&json!({"name": key})), "name", "name must not contain an API key").await;
}

#[tokio::test]
async fn violations_in_hl7() {
    let test = start().await;
    for (operation, body, field, message) in HL7 {
        expect(call(&test, *operation).header("x-request-format", "hl7").body(body), field, message).await;
    }
}

#[tokio::test]
async fn violations_in_fhir() {
    let test = start().await;
    for (operation, body, field, message) in FHIR {
        expect(call(&test, *operation).header("x-request-format", "fhir").body(body), field, message).await;
    }
}

#[tokio::test]
async fn violations_outside_the_body() {
    let test = start().await;
    let list = || test.call(ListKeys);
    for (call, field, message) in [
        (test.call(GetKey).id("x"), "id", "id in the path must be an integer from 1 to 9007199254740991"),
        (list().query("limit", "0"), "limit", "limit must be an integer from 1 to 1000"),
        (list().query("limit", "1").query("limit", "1"), "limit", "limit must not be repeated"),
        (list().query("cursor", "!"), "cursor", "cursor must come from a Link header"),
        (
            list().query("sort", "name"),
            "sort",
            "sort is not a query parameter of this request; it takes limit, cursor, status, type",
        ),
        (test.call(GetKey).id(1).query("x", ""), "x", "x is not a query parameter of this request; it takes none"),
        (
            list().header("x-request-format", "xml"),
            "x-request-format",
            r#"x-request-format must be one of "json", "hl7", "fhir""#,
        ),
        (
            test.call(CreateKey)
                .header("Idempotency-Key", " ")
                .json(&json!({"name": "a", "type": "live", "status": "active"})),
            "Idempotency-Key",
            "Idempotency-Key must be 1 to 255 visible ASCII characters",
        ),
    ] {
        expect(call, field, message).await;
    }
}
