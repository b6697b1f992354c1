//! Headers of HL7 messages as engines send them, and what the answer makes of them.

use shared::Operation;
use tests::{Answer, TestApp, TestCall};

/// A creation whose header is this.
fn creation<'a>(test: &'a TestApp, header: &str) -> TestCall<'a> {
    let body = format!("{header}\rZAK|1|||Lab|live|active\r");
    test.call(Operation::CreateKey).body(&body).format("hl7")
}

async fn send(test: &TestApp, header: &str) -> Answer {
    creation(test, header).send().await
}

/// MSA-1, MSA-2, MSH-11 and MSH-12 of an answer.
fn acknowledgment(answer: &Answer) -> [&str; 4] {
    let field = |segment: &str, index: usize| {
        let segment = answer.text.split('\r').find(|line| line.starts_with(segment)).expect("a segment");
        segment.split('|').nth(index).expect("a field")
    };
    [field("MSA", 1), field("MSA", 2), field("MSH", 10), field("MSH", 11)]
}

fn header(delimiters: &str, control_id: &str, processing_id: &str, version: &str) -> String {
    format!("MSH|{delimiters}|LAB|HOSP|NUXERA|APIKEYS|20260303||ZAK^Z01^ZAK_Z01|{control_id}|{processing_id}|{version}")
}

#[tokio::test]
async fn escape_and_subcomponent_separator_may_be_left_out() {
    let test = TestApp::start().await;
    for delimiters in [r"^~\&", r"^~\", "^~"] {
        let answer = send(&test, &header(delimiters, "C1", "P", "2.5.1")).await;
        assert_eq!((answer.status, acknowledgment(&answer)), (201, ["AA", "C1", "P", "2.5.1"]), "{delimiters}");
    }
}

#[tokio::test]
async fn a_control_id_of_up_to_199_characters_is_returned_whole() {
    let test = TestApp::start().await;
    for length in [1, 20, 21, 29, 199] {
        let id = "C".repeat(length);
        // Version 2.5.1 allows 20, so a judge of that version would complain; 2.7 allows 199.
        let answer = creation(&test, &header(r"^~\&", &id, "P", "2.5.1")).send_unjudged().await;
        assert_eq!((answer.status, acknowledgment(&answer)[1]), (201, id.as_str()));
    }
    let too_long = header(r"^~\&", &"C".repeat(200), "P", "2.5.1");
    assert_eq!(creation(&test, &too_long).send_unjudged().await.status, 400);
}

#[tokio::test]
async fn versions_2_1_to_2_8_are_answered_in_2_5_1() {
    let test = TestApp::start().await;
    for version in ["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8"] {
        let answer = send(&test, &header(r"^~\&", "C1", "P", version)).await;
        assert_eq!((answer.status, acknowledgment(&answer)), (201, ["AA", "C1", "P", "2.5.1"]), "{version}");
    }
    for version in ["2.0", "3.0", ""] {
        let answer = send(&test, &header(r"^~\&", "C1", "P", version)).await;
        assert_eq!((answer.status, acknowledgment(&answer)), (400, ["AR", "C1", "P", "2.5.1"]), "{version}");
    }
}

#[tokio::test]
async fn a_refusal_repeats_control_id_and_processing_id() {
    let test = TestApp::start().await;
    let before = test.contents().await.records();
    for processing_id in ["T", "D"] {
        let answer = send(&test, &header(r"^~\&", "C1", processing_id, "2.5.1")).await;
        assert_eq!((answer.status, acknowledgment(&answer)), (400, ["AR", "C1", processing_id, "2.5.1"]));
    }
    // Also where the delimiters are none.
    for delimiters in ["", "^^", "^~\\&#!", "abc"] {
        let answer = send(&test, &header(delimiters, "C1", "P", "2.5.1")).await;
        assert_eq!((answer.status, acknowledgment(&answer)[1]), (400, "C1"), "{delimiters}");
    }
    assert_eq!(test.contents().await.records(), before);
}
