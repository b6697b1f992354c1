//! `POST /hl7`, the URL of all messages.

use serde_json::json;
use shared::Operation;
use tests::engine::Engine;
use tests::test_app::message;
use tests::web_client::Record;
use tests::{Answer, TestApp, TestCall, tokens};

/// A message as it is, to the URL of all messages.
fn send<'a>(test: &'a TestApp, body: &str) -> TestCall<'a> {
    test.call(Operation::ReceiveMessage).body(body)
}

/// The ZAK of a valid message on the keys of [`TestApp::make_two_keys`].
fn zak(operation: Operation, string: &str) -> String {
    match operation {
        Operation::CreateKey => "1|||Ward 3|live|active".to_owned(),
        Operation::UpdateKey => "1|1||renamed".to_owned(),
        Operation::ListKeys => "1".to_owned(),
        Operation::ResumeKey | Operation::SetDefault => "1|2".to_owned(),
        Operation::RotateKey => "1|1||||||||||||60".to_owned(),
        Operation::ListUserKeys => "1|||||||||7".to_owned(),
        Operation::VerifyKey | Operation::LookupKey => format!("1||{string}"),
        Operation::GetKey
        | Operation::DeleteKey
        | Operation::PauseKey
        | Operation::RemoveDefault
        | Operation::ListAudit
        | Operation::GetUsage => "1|1".to_owned(),
        Operation::AuthorizeRequest
        | Operation::ImportKeys
        | Operation::Transcribe
        | Operation::ForwardTranscription
        | Operation::Dictate
        | Operation::ReceiveMessage => panic!("{operation:?} takes no message"),
    }
}

/// Values of MSA-1 and, of the first error, ERR-2, ERR-3.1 and ERR-5.1.
fn acknowledgment(answer: &Answer) -> [&str; 4] {
    let field = |name: &str, number| {
        let segment = answer.text.split('\r').find(|segment| segment.starts_with(name)).unwrap_or_default();
        segment.split('|').nth(number).unwrap_or_default()
    };
    let code = |number| field("ERR|", number).split('^').next().unwrap_or_default();
    [field("MSA|", 1), field("ERR|", 2), code(3), code(5)]
}

#[tokio::test]
async fn every_event_does_what_its_route_does() {
    assert!(Operation::in_messages().all(|operation| receive_message::endpoint(operation).is_some()));
    for operation in Operation::in_messages() {
        let [by_route, by_message] = [TestApp::start().await, TestApp::start().await];
        let mut string = String::new();
        for test in [&by_route, &by_message] {
            test.make_two_keys().await;
            string = test.read(1).await["key"].as_str().expect("a string").to_owned();
        }
        let body = message(operation.trigger_event(), &zak(operation, &string));
        let token = if operation == Operation::VerifyKey {
            tokens::with_role(900, "service")
        } else if operation == Operation::LookupKey {
            tokens::with_role(901, "admin")
        } else {
            tokens::user(7)
        };
        let route = by_route.valid_call(operation).format("hl7").bearer(&token).request_id("1");
        // The user is in the path there.
        let route =
            route.body(&if operation == Operation::ListUserKeys { body.replace("|7\r", "\r") } else { body.clone() });
        let (expected, answer) =
            (route.send().await, send(&by_message, &body).bearer(&token).request_id("1").send().await);
        assert!(expected.status < 300, "{operation:?}: {}", expected.text);
        assert_eq!((answer.status, &answer.text), (200, &expected.text), "{operation:?}");
        assert_eq!(answer.header("content-type"), Some("application/hl7-v2; charset=utf-8"));
        assert_eq!(answer.header("location"), None, "{operation:?}");
        assert_eq!(answer.header("etag"), expected.header("etag"), "{operation:?}");
        assert_eq!(answer.header("ratelimit"), expected.header("ratelimit"), "{operation:?}");
        let line = by_message.log.lines().pop().expect("a line");
        let named = (&line["operation"], &line["route"], &line["status"]);
        assert_eq!(named, (&operation.name().into(), &"POST /hl7".into(), &expected.status.into()));
        let records = [by_route.contents().await.records(), by_message.contents().await.records()];
        assert_eq!(records[1].items().count(), records[0].items().count(), "{operation:?}");
    }
}

#[tokio::test]
async fn messages_of_the_web_client_find_their_operation() {
    let test = TestApp::start().await;
    let record = Record::new(7, "Ward 3");
    let created = send(&test, &record.hl7("create")).send_unjudged().await;
    assert_eq!((created.status, acknowledgment(&created)[0]), (200, "AA"), "{}", created.text);
    let record = Record { name: "Ward 4".to_owned(), ..record.with_id(1) };
    for (verb, operation, name, value) in [
        ("update", "update-key", "name", json!("Ward 4")),
        ("pause", "pause-key", "status", json!("paused")),
        ("resume", "resume-key", "status", json!("active")),
        ("setDefault", "set-default", "is_default", json!(true)),
        ("removeDefault", "remove-default", "is_default", json!(false)),
    ] {
        test.log.forget();
        let answer = send(&test, &record.hl7(verb)).send_unjudged().await;
        assert_eq!((answer.status, acknowledgment(&answer)[0]), (200, "AA"), "{verb}: {}", answer.text);
        assert_eq!(test.log.take_one().0["operation"], operation);
        assert_eq!(test.read(1).await[name], value, "{verb}");
    }
    let foreign = Record { user: "8".to_owned(), ..record.clone() };
    let refused = send(&test, &foreign.hl7("delete")).send_unjudged().await;
    assert_eq!((refused.status, acknowledgment(&refused)), (200, ["AR", "", "207", "403"]));
    let deleted = send(&test, &record.hl7("delete")).send_unjudged().await;
    assert_eq!((deleted.status, acknowledgment(&deleted)[0]), (200, "AA"), "{}", deleted.text);
    let without_id = send(&test, &Record::new(7, "Ward 3").hl7("pause")).send_unjudged().await;
    assert_eq!(acknowledgment(&without_id)[2..], ["101", "400"], "{}", without_id.text);
}

#[tokio::test]
async fn what_asks_for_no_operation_is_acknowledged_as_an_error() {
    let test = TestApp::start().await;
    test.make_two_keys().await;
    let before = test.contents().await.without_limits();
    let typed = |message_type: &str| message("Z06", "1|1").replace("ZAK^Z06^ZAK_Z01", message_type);
    let batch = format!("BHS|^~\\&|LABGW\r{}BTS|1\r", message("Z06", "1|1"));
    for (body, expected) in [
        (typed("ZAK^Z99^ZAK_Z01"), ["AR", "MSH^1^9", "201", "400"]),
        (typed("ZAK^Z15^ZAK_Z01"), ["AR", "MSH^1^9", "201", "400"]),
        (typed("ADT^A01^ADT_A01"), ["AR", "MSH^1^9", "200", "400"]),
        (typed(""), ["AR", "MSH^1^9", "200", "400"]),
        (Record::new(7, "Ward 3").hl7("pause").replace("||PAUSE", "||ROTATE"), ["AE", "OBX^1", "102", "400"]),
        (batch, ["AE", "MSH^1", "100", "400"]),
        ("{\"name\": \"Ward 3\"}".to_owned(), ["AE", "MSH^1", "100", "400"]),
        (String::new(), ["AE", "", "101", "400"]),
        ("x".repeat(16 * 1024 + 1), ["AE", "", "102", "413"]),
        // The operation is known, what it is about is not.
        (message("Z06", "1"), ["AE", "ZAK^1^2", "101", "400"]),
        (message("Z06", "1|x"), ["AE", "ZAK^1^2", "102", "400"]),
        (message("Z06", "1|\"\""), ["AE", "ZAK^1^2", "102", "400"]),
        (message("Z04", "1|||renamed"), ["AE", "ZAK^1^2", "101", "400"]),
        (message("Z10", "1"), ["AE", "ZAK^1^10", "101", "400"]),
        (message("Z06", "1|99"), ["AE", "", "204", "404"]),
        (message("Z10", "1|||||||||8"), ["AR", "", "207", "403"]),
        (message("Z14", "1||nux_live_x"), ["AR", "", "207", "403"]),
        (message("Z01", "1||||live|active"), ["AE", "ZAK^1^4", "101", "400"]),
        (message("Z06", "1|1").replace("|P|", "|T|"), ["AR", "MSH^1^11", "202", "400"]),
    ] {
        let answer = send(&test, &body).send_unjudged().await;
        assert_eq!((answer.status, acknowledgment(&answer)), (200, expected), "{body}: {}", answer.text);
        if !body.contains("Nuxera-Client") {
            tests::validators::hl7(&answer.text).unwrap_or_else(|complaints| panic!("{complaints}"));
        }
    }
    assert_eq!(test.contents().await.without_limits(), before);
}

#[tokio::test]
async fn a_message_without_an_operation_has_a_name_in_the_log() {
    let test = TestApp::start().await;
    send(&test, &message("Z99", "1|1")).send().await;
    let (line, _) = test.log.take_one();
    let found = ["operation", "route", "reason"].map(|name| line[name].as_str().expect("a text"));
    assert_eq!(found, ["receive-message", "POST /hl7", "invalid_request"]);
    assert_eq!((&line["status"], &line["user_id"]), (&400.into(), &7.into()));
}

#[tokio::test]
async fn nobody_is_answered_401_with_an_acknowledgment() {
    let test = TestApp::start().await;
    for body in [message("Z06", "1|1"), message("Z99", "1|1"), "{}".to_owned(), String::new()] {
        for call in [send(&test, &body).without_header("Authorization"), send(&test, &body).bearer("x.y.z")] {
            let answer = call.send().await;
            assert_eq!((answer.status, acknowledgment(&answer)), (401, ["AR", "", "207", "401"]), "{body}");
            assert!(answer.header("www-authenticate").is_some());
        }
    }
}

/// As HL7 over HTTP has it (section 2.6): a status other than 2xx says that the message was not processed.
#[tokio::test]
async fn limits_are_acknowledged_and_failures_keep_their_status() {
    let engine = Engine::Embedded.start().await;
    let test = TestApp::on(&engine, &[("RATE_LIMIT_PER_MINUTE", "1")]).await;
    test.key("Ward 3").await;
    let limited = send(&test, &message("Z06", "1|1")).send().await;
    assert_eq!((limited.status, acknowledgment(&limited)), (200, ["AR", "", "207", "429"]));
    assert!(limited.header("retry-after").is_some() && limited.header("ratelimit").is_some());
    let cut_off = test.second("http://127.0.0.1:1");
    let failed = send(&cut_off, &message("Z06", "1|1")).send().await;
    assert_eq!((failed.status, acknowledgment(&failed)), (503, ["AR", "", "207", "503"]));
    assert_eq!(failed.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn format_headers_are_not_looked_at_and_the_media_type_is_repeated() {
    let test = TestApp::start().await;
    test.make_two_keys().await;
    let body = message("Z03", "1|1");
    for format in ["json", "fhir", "xml"] {
        let answer = send(&test, &body).format(format).header("Accept", "application/json").send().await;
        assert_eq!((answer.status, acknowledgment(&answer)[0]), (200, "AA"), "{format}");
        assert_eq!(answer.header("vary"), None);
    }
    for (sent, expected) in [
        ("application/hl7-v2", "application/hl7-v2; charset=utf-8"),
        ("application/hl7-v2+er7; charset=UTF-8", "application/hl7-v2+er7; charset=utf-8"),
        ("X-Application/HL7-v2+ER7", "x-application/hl7-v2+er7; charset=utf-8"),
        ("text/plain; charset=UTF-8", "text/plain; charset=utf-8"),
        ("application/json", "application/hl7-v2; charset=utf-8"),
        ("multipart/form-data", "application/hl7-v2; charset=utf-8"),
    ] {
        for call in [send(&test, &body), send(&test, &body).without_header("Authorization")] {
            let answer = call.header("Content-Type", sent).send().await;
            assert_eq!(answer.header("content-type"), Some(expected), "{sent}");
        }
    }
    let answer = send(&test, &body).without_header("Content-Type").send().await;
    assert_eq!(answer.header("content-type"), Some("application/hl7-v2; charset=utf-8"));
}

#[tokio::test]
async fn lists_are_continued_at_the_same_url() {
    let test = TestApp::start().await;
    test.make_two_keys().await;
    let page = send(&test, &message("Z02", "1")).query("limit", "1").send().await;
    assert_eq!(page.text.matches("\rZAK|").count(), 1);
    let link = page.header("link").expect("another page");
    assert!(link.starts_with("</v1/hl7?limit=1&cursor="), "{link}");
    let cursor = page.next_cursor().expect("a cursor").to_owned();
    let rest = send(&test, &message("Z02", "1")).query("limit", "1").query("cursor", &cursor).send().await;
    assert!(rest.text.contains("\rZAK|1|2|") && rest.header("link").is_none(), "{}", rest.text);
    let trail = send(&test, &message("Z13", "1|1")).query("limit", "1").send().await;
    assert!(trail.text.contains("|set_default|") && trail.header("link").is_some(), "{}", trail.text);
}
