//! Failures of DynamoDB and KMS: the answer, the number and time of retries, and no partial writes.
//!
//! One file, because all cases share the app behind the fault proxy.

use std::time::Duration;

use serde_json::{Value, json};
use shared::{Access, Operation, serve};
use tests::consistency::integer;
use tests::engine::Engine;
use tests::fault_proxy::{Fault, FaultProxy, Gate, INTERNAL_TEXT};
use tests::{Answer, Contents, TestApp, repository};

const ALWAYS: usize = usize::MAX;
/// The attempts of the SDK.
const TRIES: usize = 3;

/// An app behind a proxy, with the two keys of valid calls.
struct Setup {
    proxy: FaultProxy,
    test: TestApp,
}

async fn start(engine: Engine) -> Setup {
    let proxy = FaultProxy::patient(&engine.start().await).await;
    let test = TestApp::on(
        &proxy.url,
        &[("TRANSCRIPTION_URL", "http://127.0.0.1:1"), ("DICTATION_URL", "http://127.0.0.1:1")],
    )
    .await;
    test.make_two_keys().await;
    proxy.clear();
    Setup { proxy, test }
}

/// The AWS operations of an operation, in order.
fn requests(operation: Operation) -> &'static [&'static str] {
    match operation {
        Operation::CreateKey => &["UpdateItem", "GetItem", "TransactWriteItems"],
        Operation::ListKeys | Operation::ListUserKeys => &["UpdateItem", "GetItem", "Query"],
        Operation::GetKey | Operation::LookupKey => &["UpdateItem", "BatchGetItem"],
        Operation::UpdateKey
        | Operation::DeleteKey
        | Operation::PauseKey
        | Operation::ResumeKey
        | Operation::SetDefault
        | Operation::RemoveDefault
        | Operation::RotateKey
        | Operation::ImportKeys => &["UpdateItem", "BatchGetItem", "TransactWriteItems"],
        Operation::ListAudit => &["UpdateItem", "Query"],
        Operation::GetUsage => &["UpdateItem", "GetItem"],
        Operation::VerifyKey
        | Operation::AuthorizeRequest
        | Operation::Transcribe
        | Operation::ForwardTranscription
        | Operation::Dictate
        | Operation::ReceiveMessage => &["UpdateItem"],
    }
}

fn changes() -> impl Iterator<Item = Operation> {
    Operation::ALL.into_iter().filter(|operation| requests(*operation).contains(&"TransactWriteItems"))
}

async fn contents(test: &TestApp) -> Contents {
    let contents = Contents::of(&test.app.table).await;
    contents.assert_consistent();
    contents
}

#[track_caller]
fn assert_unavailable(answer: &Answer) {
    assert_eq!((answer.status, &*answer.text), (503, r#"{"error":"Service temporarily unavailable"}"#));
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[track_caller]
fn assert_success(answer: &Answer) {
    assert!(matches!(answer.status, 200 | 201), "{}: {}", answer.status, answer.text);
}

#[tokio::test]
async fn throttling_anywhere_is_503_after_three_tries_and_writes_nothing() {
    for operation in Operation::ALL {
        let setup = start(Engine::Embedded).await;
        let Setup { proxy, test } = &setup;
        let before = contents(test).await.records();
        for request in requests(operation) {
            let call = test.valid_call(operation);
            proxy.clear();
            proxy.inject(request, ALWAYS, Fault::error(400, "ProvisionedThroughputExceededException"));
            assert_unavailable(&call.send().await);
            // A creation takes an id and counts the call, with an `UpdateItem` each.
            let calls = if (operation, *request) == (Operation::CreateKey, "UpdateItem") { 2 } else { 1 };
            assert_eq!(proxy.count(request), calls * TRIES, "{operation:?} {request}");
            assert_eq!(contents(test).await.records(), before, "{operation:?} {request}");
        }
    }
}

fn transient_faults() -> [Fault; 6] {
    [
        Fault::error(400, "ThrottlingException"),
        Fault::error(400, "RequestLimitExceeded"),
        Fault::error(500, "InternalServerError"),
        Fault::error(503, "ServiceUnavailable"),
        Fault::garbage(503),
        Fault::Reset,
    ]
}

#[tokio::test]
async fn every_transient_error_is_503() {
    for fault in transient_faults() {
        let setup = start(Engine::Embedded).await;
        let Setup { proxy, test } = &setup;
        let before = contents(test).await.records();
        for request in requests(Operation::PauseKey) {
            proxy.clear();
            proxy.inject(request, ALWAYS, fault.clone());
            assert_unavailable(&test.call(Operation::PauseKey).id(1).send().await);
            assert!(proxy.count(request) <= TRIES, "{fault:?} {request}: {}", proxy.count(request));
            assert_eq!(contents(test).await.records(), before, "{fault:?} {request}");
        }
    }
}

#[tokio::test]
async fn a_transient_error_is_retried_unnoticed() {
    for fault in transient_faults() {
        let setup = start(Engine::Embedded).await;
        let Setup { proxy, test } = &setup;
        let version =
            async || contents(test).await.key(7, 1).and_then(|key| integer(key, "version")).expect("a version");
        let before = version().await;
        for request in requests(Operation::PauseKey) {
            proxy.inject(request, 1, fault.clone());
        }
        assert_success(&test.call(Operation::PauseKey).id(1).send().await);
        assert_eq!(version().await, before + 1, "{fault:?}");
    }
}

/// Other errors are our faults, and clients learn nothing of them.
#[tokio::test]
async fn any_other_error_is_500_with_the_text_of_the_operation() {
    for operation in Operation::ALL {
        let setup = start(Engine::Embedded).await;
        let Setup { proxy, test } = &setup;
        let before = contents(test).await.records();
        for request in requests(operation) {
            for code in ["AccessDeniedException", "ResourceNotFoundException", "ValidationException"] {
                let call = test.valid_call(operation);
                proxy.clear();
                proxy.inject(request, ALWAYS, Fault::error(400, code));
                let answer = call.send().await;
                let text = json!({"error": operation.failure()}).to_string();
                assert_eq!((answer.status, answer.text), (500, text), "{operation:?} {request} {code}");
                assert_eq!(answer.headers.get("retry-after"), None);
                assert!(proxy.count(request) <= 2, "it is not tried again");
            }
            for format in ["hl7", "fhir"].into_iter().filter(|_| !operation.is_json_only()) {
                let call = test.valid_call(operation).header("x-response-format", format);
                proxy.clear();
                proxy.inject(request, ALWAYS, Fault::error(400, "AccessDeniedException"));
                let answer = call.send().await;
                assert_eq!(answer.status, 500);
                assert!(answer.text.contains(operation.failure()), "{}", answer.text);
                assert!(!answer.text.contains("AccessDenied"), "{}", answer.text);
                assert!(!answer.text.contains(INTERNAL_TEXT), "{}", answer.text);
            }
        }
        assert_eq!(contents(test).await.records(), before, "{operation:?}");
    }
}

#[tokio::test]
async fn a_damaged_record_is_500_too() {
    let Setup { test, .. } = &start(Engine::Embedded).await;
    let table = &test.app.table;
    let mut record = contents(test).await.key(7, 1).expect("a record").clone();
    record.remove("ciphertext");
    table.client().put_item().table_name(table.name()).set_item(Some(record)).send().await.expect("put");
    let answer = test.call(Operation::GetKey).id(1).send().await;
    assert_eq!((answer.status, &*answer.text), (500, r#"{"error":"Failed to fetch API Key"}"#));
    let list = test.call(Operation::ListKeys).send().await.ok();
    assert_eq!((list.as_array().map(Vec::len), &list[0]["id"]), (Some(1), &json!(2)), "the others are listed");
}

/// The write is committed but its answer lost: the SDK's retry does not repeat it.
#[tokio::test]
async fn a_change_whose_answer_is_lost_is_made_once() {
    for engine in [Engine::Embedded, Engine::DynamoDbLocal] {
        for operation in changes() {
            let setup = start(engine).await;
            let Setup { proxy, test } = &setup;
            let before = contents(test).await.records().items().count();
            let call = test.valid_call(operation);
            proxy.inject("TransactWriteItems", 1, Fault::LoseAnswer);
            assert_success(&call.send().await);
            assert_eq!(proxy.count("TransactWriteItems"), 2, "{engine:?} {operation:?}");
            // One entry more (two when a default is displaced), a record more or less for a key made or deleted, and the item
            // of an imported string.
            let records = if operation == Operation::ImportKeys {
                3
            } else if matches!(operation, Operation::CreateKey | Operation::SetDefault) {
                2
            } else {
                isize::from(operation != Operation::DeleteKey)
            };
            let after = contents(test).await.records().items().count();
            assert_eq!(after.cast_signed() - before.cast_signed(), records, "{engine:?} {operation:?}");
        }
    }
}

/// All answers are lost: the client may repeat the call. To repeat one that issues a string, it needs an
/// `Idempotency-Key`.
#[tokio::test]
async fn a_change_that_is_never_answered_can_be_repeated() {
    for operation in changes().filter(|change| !matches!(change, Operation::CreateKey | Operation::RotateKey)) {
        let setup = start(Engine::Embedded).await;
        let Setup { proxy, test } = &setup;
        let call = test.valid_call(operation);
        proxy.inject("TransactWriteItems", TRIES, Fault::LoseAnswer);
        assert_unavailable(&call.clone().send().await);
        assert_eq!(proxy.count("TransactWriteItems"), TRIES);
        let once = contents(test).await.records();
        let repeated = call.send().await;
        if operation == Operation::DeleteKey {
            assert_eq!(repeated.status, 404);
        } else {
            assert_success(&repeated);
        }
        assert_eq!(contents(test).await.records(), once, "{operation:?}");
    }
}

#[tokio::test]
async fn a_transaction_conflict_is_retried_until_it_is_over() {
    for operation in changes() {
        let setup = start(Engine::Embedded).await;
        let Setup { proxy, test } = &setup;
        let call = test.valid_call(operation);
        for code in ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"] {
            proxy.inject("TransactWriteItems", 2, Fault::cancellation(&["None", code, "None"]));
        }
        assert_success(&call.send().await);
        assert_eq!(proxy.count("TransactWriteItems"), 7, "{operation:?}");
        contents(test).await;
    }
}

#[tokio::test]
async fn a_lasting_conflict_is_503() {
    let setup = start(Engine::Embedded).await;
    let Setup { proxy, test } = &setup;
    let before = contents(test).await.records();
    let hurried = test.without_back_off(&proxy.url);
    for code in ["TransactionConflict", "ThrottlingError"] {
        proxy.clear();
        proxy.inject("TransactWriteItems", ALWAYS, Fault::cancellation(&[code, "None", "None"]));
        for operation in [Operation::CreateKey, Operation::PauseKey] {
            assert_unavailable(&hurried.valid_call(operation).send().await);
        }
        assert_eq!(proxy.count("TransactWriteItems"), 2 * 20);
    }
    assert_eq!(contents(test).await.records(), before);
}

#[tokio::test]
async fn a_transaction_cancelled_for_another_reason_is_500() {
    let setup = start(Engine::Embedded).await;
    let Setup { proxy, test } = &setup;
    let before = contents(test).await.records();
    let pause = || test.call(Operation::PauseKey).id(1).send();
    for code in ["ValidationError", "ItemCollectionSizeLimitExceeded", "AccessDenied"] {
        proxy.inject("TransactWriteItems", 1, Fault::cancellation(&["None", code]));
        let answer = pause().await;
        assert_eq!((answer.status, &*answer.text), (500, r#"{"error":"Failed to pause API Key"}"#));
    }
    assert_eq!(contents(test).await.records(), before);
}

/// A use that meets a transaction on its record is counted once, after the transaction.
#[tokio::test]
async fn a_use_that_meets_a_transaction_is_counted_once() {
    let setup = start(Engine::Embedded).await;
    let Setup { proxy, test } = &setup;
    let call = test.valid_call(Operation::VerifyKey);
    proxy.clear();
    proxy.inject("UpdateItem", 4, Fault::error(400, "TransactionConflictException"));
    assert_eq!(call.send().await.json()["valid"], true);
    assert_eq!(proxy.count("UpdateItem"), 5);
    assert_eq!(test.call(Operation::GetKey).id(1).send().await.json()["usage_count"], 1);
}

#[tokio::test]
async fn keys_left_out_of_a_batch_are_asked_for_again() {
    let setup = start(Engine::Embedded).await;
    let Setup { proxy, test } = &setup;
    let whole = test.call(Operation::GetKey).id(1).send().await.json();
    assert_eq!(whole["is_default"], true);
    for faults in [vec![Fault::Process(1)], vec![Fault::Process(0), Fault::Process(1), Fault::Process(0)]] {
        proxy.clear();
        let times = faults.len();
        for fault in faults {
            proxy.inject("BatchGetItem", 1, fault);
        }
        assert_eq!(test.call(Operation::GetKey).id(1).send().await.json(), whole);
        assert_eq!(proxy.count("BatchGetItem"), times + 1);
    }
    proxy.clear();
    proxy.inject("BatchGetItem", ALWAYS, Fault::Process(0));
    assert_unavailable(&test.call(Operation::PauseKey).id(1).send().await);
    assert_eq!(proxy.count("BatchGetItem"), 4);
    assert_eq!(contents(test).await.actions(7), ["create", "create", "pause", "set_default"]);
}

/// A write that arrives after the SDK has abandoned and repeated it is not applied twice.
#[tokio::test]
async fn a_late_write_is_made_once() {
    for engine in [Engine::Embedded, Engine::DynamoDbLocal] {
        let setup = start(engine).await;
        let Setup { proxy, test } = &setup;
        let gate = Gate::default();
        proxy.inject("TransactWriteItems", 1, Fault::Detach(gate.clone()));
        assert_success(&test.valid_call(Operation::CreateKey).send().await);
        assert_eq!(proxy.count("TransactWriteItems"), 2);
        let before = contents(test).await;
        gate.open();
        gate.delivered().await;
        assert_eq!(contents(test).await, before);
        assert_eq!(before.key_count(7), 3);
    }
}

/// It may have been refused meanwhile, or repeated for a key that is deleted again.
#[tokio::test]
async fn a_late_creation_is_not_made() {
    for engine in [Engine::Embedded, Engine::DynamoDbLocal] {
        let proxy = FaultProxy::patient(&engine.start().await).await;
        let test = TestApp::on(&proxy.url, &[("MAX_KEYS_PER_USER", "2")]).await;
        test.make_two_keys().await;
        let create = || test.valid_call(Operation::CreateKey);
        for (id, is_full) in [(1, true), (4, false)] {
            let gate = Gate::default();
            proxy.clear();
            proxy.inject("TransactWriteItems", 1, Fault::Detach(gate.clone()));
            if is_full {
                create().send().await.assert_refused(409, "API Key limit reached");
            } else {
                // With another token than the abandoned request.
                proxy.inject("TransactWriteItems", 1, Fault::cancellation(&["None", "TransactionConflict", "None"]));
                assert_eq!(create().send().await.json()["id"], id);
            }
            assert_success(&test.call(Operation::DeleteKey).id(id).send().await);
            let before = contents(&test).await;
            gate.open();
            gate.delivered().await;
            assert_eq!(contents(&test).await, before);
            assert_eq!(before.key_count(7), 1);
        }
    }
}

/// A deletion that comes between the first read and the write of a creation delays it by one attempt.
#[tokio::test]
async fn a_creation_beside_a_deletion_is_made() {
    for engine in [Engine::Embedded, Engine::DynamoDbLocal] {
        let url = engine.start().await;
        let proxy = FaultProxy::patient(&url).await;
        let other = TestApp::on(&url, &[("MAX_KEYS_PER_USER", "2")]).await;
        other.make_two_keys().await;
        let test = other.second(&proxy.url);
        let gate = Gate::default();
        proxy.inject("TransactWriteItems", 1, Fault::Hold(gate.clone()));
        let (created, ()) = tokio::join!(test.valid_call(Operation::CreateKey).send(), async {
            gate.reached().await;
            assert_success(&other.call(Operation::DeleteKey).id(1).send().await);
            gate.open();
        });
        assert_eq!((created.status, proxy.count("TransactWriteItems")), (201, 2), "{}", created.text);
        assert_eq!(contents(&other).await.key_count(7), 2);
    }
}

/// A late request finds the default where it was read, but moved away and back in the meantime.
#[tokio::test]
async fn a_late_change_of_the_default_is_not_made() {
    for engine in [Engine::Embedded, Engine::DynamoDbLocal] {
        let setup = start(engine).await;
        let Setup { proxy, test } = &setup;
        test.key("third").await;
        let other = test.valid_call(Operation::CreateKey).send().await.json()["id"].clone();
        let to = |id: &Value| test.call(Operation::SetDefault).json(&json!({"id": id}));
        proxy.clear();
        let gate = Gate::default();
        proxy.inject("TransactWriteItems", 1, Fault::Detach(gate.clone()));
        proxy.inject("TransactWriteItems", TRIES - 1, Fault::Reset);
        assert_unavailable(&to(&json!(3)).send().await);
        for id in [&other, &json!(1)] {
            assert_success(&to(id).send().await);
        }
        let before = contents(test).await;
        gate.open();
        gate.delivered().await;
        assert_eq!(contents(test).await, before);
        assert_eq!(before.default_id(7), Some(1));
    }
}

/// No client can repeat it without ending the grace of the string before.
#[tokio::test]
async fn a_rotation_that_is_never_answered_is_found() {
    let setup = start(Engine::Embedded).await;
    let Setup { proxy, test } = &setup;
    let old = test.read(1).await["key"].clone();
    let rotate = test.call(Operation::RotateKey).id(1).without_header("Idempotency-Key");
    proxy.inject("TransactWriteItems", TRIES, Fault::LoseAnswer);
    let rotated = rotate.clone().json(&json!({"grace_period_seconds": 60})).send().await;
    assert_eq!((rotated.status, rotated.header("idempotent-replayed")), (200, None), "{}", rotated.text);
    let new = rotated.json()["key"].clone();
    assert_eq!((proxy.count("TransactWriteItems"), &test.read(1).await["key"]), (TRIES, &new));
    for string in [&old, &new] {
        assert_eq!(test.verify(string.as_str().expect("a string")).await["valid"], true);
    }
    assert_eq!(test.audit(1).await[0]["action"], "rotate");
    // One that was not applied is no success.
    proxy.inject("TransactWriteItems", TRIES, Fault::Reset);
    assert_unavailable(&rotate.send().await);
    assert_eq!(test.read(1).await["key"], new);
}

#[tokio::test]
async fn silence_is_503_within_six_seconds() {
    let silence = [
        (Operation::GetKey, "BatchGetItem"),
        (Operation::ListKeys, "Query"),
        (Operation::PauseKey, "TransactWriteItems"),
        (Operation::CreateKey, "UpdateItem"),
        (Operation::VerifyKey, "UpdateItem"),
    ];
    for (operation, request) in silence {
        let engine = Engine::Embedded.start().await;
        let proxy = FaultProxy::start(&engine).await;
        let patient = TestApp::on(&engine, &[]).await;
        patient.make_two_keys().await;
        let test = patient.second(&proxy.url);
        let before = contents(&patient).await.records();
        let gate = Gate::default();
        proxy.inject(request, ALWAYS, Fault::Hold(gate.clone()));
        let answered = tokio::join!(test.valid_call(operation).send(), async {
            gate.reached().await;
            // From here on the call only waits, so time passes at once, six seconds at most.
            tokio::time::pause();
            tokio::time::Instant::now()
        });
        let (answer, start) = answered;
        let waited = start.elapsed();
        tokio::time::resume();
        assert_unavailable(&answer);
        assert!(waited <= Duration::from_secs(6), "{operation:?} {request}: {waited:?}");
        assert!(proxy.count(request) <= 2 * TRIES, "{operation:?} {request}");
        assert_eq!(contents(&patient).await.records(), before, "{operation:?} {request}");
    }
}

/// However many steps are slow, the answer comes before Lambda's timeout.
#[tokio::test]
async fn a_call_that_never_ends_is_503_before_lambda_gives_up() {
    let template = repository::yaml("template.yaml");
    for (operation, function) in [
        (Operation::GetKey, "Globals"),
        (Operation::Transcribe, "TranscribeFunction"),
        (Operation::ForwardTranscription, "ForwardTranscriptionFunction"),
        (Operation::Dictate, "DictateFunction"),
        (Operation::ImportKeys, "ImportKeysFunction"),
    ] {
        let settings = if function == "Globals" {
            &template["Globals"]["Function"]
        } else {
            &template["Resources"][function]["Properties"]
        };
        let lambda = Duration::from_secs(settings["Timeout"].as_u64().expect("a time-out"));
        assert!(operation.deadline() < lambda, "{function}");
    }

    let test = TestApp::start().await;
    let request = test.call(Operation::GetKey).id(1).request();
    let answer = serve(
        &test.app,
        Operation::GetKey,
        Access::User,
        async |_, call| {
            call.author.admission.granted().await.expect("within the limits");
            // From here on the call only waits, so time passes at once.
            tokio::time::pause();
            std::future::pending().await
        },
        request,
    );
    assert_unavailable(&Box::pin(answer).await.into());
}

#[tokio::test]
async fn a_kms_failure_is_503_or_500_and_the_next_call_tries_again() {
    let proxy = FaultProxy::patient(&Engine::Embedded.start().await).await;
    let test = TestApp::on(&proxy.url, &[]).await.cold(&proxy.url);
    let setup = Setup { proxy, test };
    let Setup { proxy, test } = &setup;
    let create = || test.valid_call(Operation::CreateKey).send();
    for request in ["GenerateDataKeyWithoutPlaintext", "Decrypt"] {
        for (code, status) in [
            ("ThrottlingException", 503),
            ("KMSInternalException", 503),
            ("KeyUnavailableException", 503),
            ("DependencyTimeoutException", 503),
            ("AccessDeniedException", 500),
            ("DisabledException", 500),
        ] {
            proxy.inject(request, TRIES, Fault::error(if status == 503 { 500 } else { 400 }, code));
            let answer = create().await;
            assert_eq!(answer.status, status, "{request} {code}: {}", answer.text);
            assert!(!answer.text.contains(INTERNAL_TEXT));
            assert_eq!(contents(test).await.records().items().count(), 0);
            proxy.clear();
        }
    }
    assert_eq!(create().await.status, 201);
    contents(test).await;
}
