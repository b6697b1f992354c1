//! HL7 messages as interface engines send them, and what common parsers read in the answers.

use serde_json::{Value, json};
use shared::Operation;
use tests::{Answer, TestApp, TestCall, validators};

const HEADER: &str = r"MSH|^~\&|LAB|HOSP|NUXERA|APIKEYS|20260303090000+0100||ZAK^Z01^ZAK_Z01|C1|P|2.5.1";

fn message(header: &str, segments: &str) -> String {
    format!("{header}\r{segments}\r")
}

/// The header with a control id of its own, so that the message is no repeat.
fn header(control_id: usize) -> String {
    HEADER.replace("|C1|", &format!("|C{control_id}|"))
}

fn create(test: &TestApp) -> TestCall<'_> {
    test.call(Operation::CreateKey).format("hl7")
}

/// The name and the expiry of the key in an answer.
fn made(answer: &Answer) -> (&str, &str) {
    assert_eq!(answer.status, 201, "{}", answer.text);
    let zak = answer.text.split('\r').find(|segment| segment.starts_with("ZAK|")).expect("a key");
    let field = |number| zak.split('|').nth(number).expect("a field");
    (field(4), field(9))
}

/// The place and the text of the only error in an answer.
fn refusal(answer: &Answer) -> (&str, &str) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    let errors: Vec<_> = answer.text.split('\r').filter(|segment| segment.starts_with("ERR|")).collect();
    let [error] = errors[..] else { panic!("{errors:?}") };
    let field = |number| error.split('|').nth(number).expect("a field");
    (field(2), field(8))
}

#[tokio::test]
async fn a_message_arrives_in_the_character_set_that_it_names() {
    let test = TestApp::start().await;
    let sent = [
        ("", "application/hl7-v2", "Büro € 漢".as_bytes()),
        ("UTF8", "application/hl7-v2", "Büro € 漢".as_bytes()),
        ("UNICODE UTF-8", "text/plain", "Büro € 漢".as_bytes()),
        ("8859/1", "application/hl7-v2", b"B\xfcro"),
        ("8859/15", "application/hl7-v2; charset=\"ISO-8859-15\"", b"B\xfcro \xa4"),
        // The engine has left the name in the message when it wrote it in UTF-8.
        ("8859/1", "text/plain; charset=UTF-8", "Büro".as_bytes()),
    ];
    for (number, (charset, content_type, name)) in sent.into_iter().enumerate() {
        let head = message(&format!("{}||||||{charset}", header(number)), "ZAK|1|||");
        let body = [head.trim_end().as_bytes(), name, b"|live|active\r"].concat();
        let answer = create(&test).header("Content-Type", content_type).base64_body(&body).send().await;
        let expected = match name.len() {
            4 => "Büro",
            6 => "Büro €",
            _ => std::str::from_utf8(name).expect("UTF-8"),
        };
        assert_eq!(made(&answer).0, expected, "{charset} {content_type}");
    }
}

#[tokio::test]
async fn characters_that_were_lost_are_not_guessed() {
    let test = TestApp::start().await;
    let segments = |name| format!("ZAK|1|||B{name}ro|live|active");
    for charset in ["", "8859/1", "UNICODE UTF-8"] {
        let body = message(&format!("{HEADER}||||||{charset}"), &segments("\u{fffd}"));
        let answer = create(&test).body(&body).send().await;
        let (place, advice) = refusal(&answer);
        assert!(place == "MSH^1^18" && advice.contains("Content-Type: application/hl7-v2"), "{}", answer.text);
    }
    let body = message(HEADER, &segments("u"));
    let call = create(&test).header("Content-Type", "application/hl7-v2; charset=utf-16").base64_body(body.as_bytes());
    let answer = call.send().await;
    assert_eq!(refusal(&answer), ("", "content-type must have the charset utf-8, iso-8859-1 or iso-8859-15, or none"));
    assert!(answer.text.contains("\rMSA|AE|C1\r"), "{}", answer.text);
}

#[tokio::test]
async fn what_encloses_a_message_is_left_off() {
    let test = TestApp::start().await;
    for (before, after) in [("\u{b}", "\u{1c}\r"), ("\u{feff}", ""), ("\u{b}\u{feff}", "\u{1c}\n")] {
        let body = format!("{before}{}{after}", message(HEADER, "ZAK|1|||Lab|live|active"));
        assert_eq!(made(&create(&test).body(&body).send().await).0, "Lab");
    }
}

#[tokio::test]
async fn segments_of_other_trades_are_ignored() {
    let test = TestApp::start().await;
    let around = "SFT|Engine|4.5\rEVN|A08|20260303\rPID|1||4711\rZAK|1|||Lab|live|active\rNTE|1||note\rZXY|1|42";
    assert_eq!(made(&create(&test).body(&message(HEADER, around)).send().await).0, "Lab");
    for (segments, place) in [
        ("ZAK|1|||Lab|live|active\rZAK|1|||Lab|live|active", "ZAK^2"),
        ("ZAK|1|||Lab|live|active\rOBX|1", "OBX^1"),
        ("ZAK|1|||Lab|live|active\rZUS|1", "ZUS^1"),
        ("ZAK|1|||Lab|live|active\rMSH|^~\\&", "MSH^1"),
    ] {
        assert_eq!(refusal(&create(&test).body(&message(HEADER, segments)).send().await).0, place);
    }
}

#[tokio::test]
async fn a_batch_is_told_to_come_one_by_one() {
    let test = TestApp::start().await;
    for envelope in ["FHS|^~\\&|LAB\rBHS|^~\\&|LAB\r", "BHS|^~\\&|LAB\r"] {
        let body = format!("{envelope}{}BTS|1\r", message(HEADER, "ZAK|1|||Lab|live|active"));
        let answer = create(&test).body(&body).send().await;
        let (_, advice) = refusal(&answer);
        assert!(
            advice.contains("send each message of a file (FHS) or batch (BHS) in a request of its own"),
            "{advice}"
        );
    }
}

#[tokio::test]
async fn delimiters_may_be_as_many_as_a_version_has() {
    let test = TestApp::start().await;
    let sent = [("^", "A&B~C"), ("^~", "A&B"), (r"^~\", "A&B"), (r"^~\&", r"A\T\B"), (r"^~\&#", r"A\P\B")];
    for (number, (delimiters, name)) in sent.into_iter().enumerate() {
        let header = header(number).replace(r"^~\&", delimiters).replace("2.5.1", "2.7");
        let answer = create(&test).body(&message(&header, &format!("ZAK|1|||{name}|live|active"))).send().await;
        let expected = match delimiters {
            "^" => r"A\T\B\R\C",
            r"^~\&#" => "A#B",
            _ => r"A\T\B",
        };
        assert_eq!(made(&answer).0, expected, "{delimiters}");
    }
}

#[tokio::test]
async fn formatting_is_taken_out_of_a_name() {
    let test = TestApp::start().await;
    let zak = r"ZAK|1|||\H\Lab\N\ gateway\.br\ward 3|live|active";
    assert_eq!(made(&create(&test).body(&message(HEADER, zak)).send().await).0, "Lab gateway ward 3");
    let zak = r"ZAK|1|||Lab\.in+4\|live|active";
    assert_eq!(refusal(&create(&test).body(&message(HEADER, zak)).send().await).0, "ZAK^1^4");
}

#[tokio::test]
async fn a_time_without_an_offset_has_that_of_the_message() {
    let test = TestApp::start().await;
    for (control_id, sent, offset, kept) in [
        (1, "20270301120000", "+0100", "20270301110000.000+0000"),
        (2, "20270301120000+0000", "+0100", "20270301120000.000+0000"),
    ] {
        let header = header(control_id).replace("+0100", offset);
        let zak = format!("ZAK|1|||Lab|live|active|||{sent}");
        assert_eq!(made(&create(&test).body(&message(&header, &zak)).send().await).1, kept);
    }
    let zak = "ZAK|1|||Lab|live|active|||20270301120000";
    let answer = create(&test).body(&message(&HEADER.replace("+0100", ""), zak)).send().await;
    assert_eq!(refusal(&answer).0, "ZAK^1^9");
}

#[tokio::test]
async fn a_message_for_training_or_debugging_changes_nothing_and_is_told_why() {
    let test = TestApp::start().await;
    for id in ["T", "D"] {
        let header = HEADER.replace("|P|", &format!("|{id}|"));
        let answer = create(&test).body(&message(&header, "ZAK|1|||Lab|live|active")).send().await;
        assert!(refusal(&answer).1.contains("would change keys that are in use"), "{}", answer.text);
        assert!(answer.text.contains("\rMSA|AR|C1\r"), "{}", answer.text);
        assert!(answer.text.split('\r').next().is_some_and(|header| header.contains(&format!("|{id}|2.5.1|"))));
    }
    assert_eq!(test.call(Operation::ListKeys).send().await.json(), json!([]));
}

/// The fields of the segments of a name, as each of the parsers reads them.
fn read_by_all(answer: &Answer, segment: &str, fields: &[usize]) -> Vec<Vec<String>> {
    let readings = validators::hl7_readings(&answer.text);
    assert_eq!(readings.len(), 4);
    let of = |segments: &[Vec<String>]| -> Vec<Vec<String>> {
        let segments = segments.iter().filter(|fields| fields[0] == segment);
        segments.map(|found| fields.iter().map(|field| found[*field].clone()).collect()).collect()
    };
    let (first, rest) = readings.split_first().expect("four");
    for (parser, segments) in rest {
        assert_eq!(of(segments), of(&first.1), "{parser} and {} of {}", first.0, answer.text);
    }
    of(&first.1)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[tokio::test]
async fn common_parsers_read_keys() {
    let test = TestApp::start().await;
    let zak = "ZAK|1|||Lab gateway|live|active|||\"\"";
    let created = create(&test).body(&message(HEADER, zak)).send().await;
    let key = test.read(1).await;
    let expected = ["id", "key", "name", "type", "status", "user_id"].map(|field| text(&key[field]));
    assert_eq!(read_by_all(&created, "ZAK", &[2, 3, 4, 5, 6, 10]), [expected]);
    assert_eq!(read_by_all(&created, "ZAK", &[7, 9, 12]), [["N", "\"\"", "\"\""]]);
    assert_eq!(read_by_all(&created, "MSA", &[1, 2]), [["AA", "C1"]]);
    let second = test.key("Ward").await;
    let list = test.call(Operation::ListKeys).header("x-response-format", "hl7").send().await;
    let strings = [text(&key["key"]), text(&second["key"])].map(|string| vec![string]);
    assert_eq!(read_by_all(&list, "ZAK", &[3]), strings);
}

#[tokio::test]
async fn common_parsers_read_usage_trails_verifications_and_errors() {
    let test = TestApp::start().await;
    let key = test.key("Lab").await;
    let verify = test.valid_call(Operation::VerifyKey).header("x-response-format", "hl7").send().await;
    assert_eq!(read_by_all(&verify, "ZVF", &[2, 4, 6]), [["Y", "1", "live"]]);
    let usage = test.call(Operation::GetUsage).id(1).header("x-response-format", "hl7").send().await;
    assert_eq!(read_by_all(&usage, "ZUS", &[3, 4]), [["", "1"], ["20260301", "1"]]);
    test.call(Operation::UpdateKey).id(1).json(&json!({"name": "Ward"})).send().await.ok();
    let trail = test.call(Operation::ListAudit).id(1).header("x-response-format", "hl7").send().await;
    assert_eq!(read_by_all(&trail, "ZAU", &[3, 5]), [["update", "7"], ["create", "7"]]);
    let missing = create(&test).body(&message(HEADER, "ZAK|1||||live|active")).send().await;
    assert_eq!(read_by_all(&missing, "ERR", &[4, 8]), [["E", "name is required"]]);
    assert_eq!(read_by_all(&missing, "MSA", &[1, 2]), [["AE", "C1"]]);
    let deleted = test.call(Operation::DeleteKey).id(1).header("x-response-format", "hl7").send().await;
    assert_eq!(read_by_all(&deleted, "MSA", &[1]), [["AA"]]);
    assert!(key["id"] == 1);
}
