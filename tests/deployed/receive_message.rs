//! `POST /hl7`: an engine that knows one URL and one method.

use std::io::Read as _;

use flate2::read::GzDecoder;
use reqwest::{Method, RequestBuilder};
use tests::deployed::Deployed;
use tests::engine::unique_name;
use tests::validators;

/// A user of this file only.
const USER_ID: u64 = 4_601;

/// A message, whose control id is of its own.
fn message(event: &str, zak: &str) -> String {
    let name = unique_name("m");
    let control_id = &name[name.len() - 20..];
    format!(
        "MSH|^~\\&|LABGW|HOSP|NUXERA|APIKEYS|20260303090000+0000||ZAK^{event}^ZAK_Z01|{control_id}|P|2.5.1\rZAK|{zak}\r"
    )
}

/// A request as Mirth Connect's HTTP Sender makes it, with its content type as it is and no header but the token.
fn sender(deployed: &Deployed, token: &str, body: &str) -> RequestBuilder {
    let call =
        deployed.call(Method::POST, "/hl7").bearer_auth(token).header("Content-Type", "text/plain; charset=UTF-8");
    let call = call.header("User-Agent", "Apache-HttpClient/4.5.13 (Java/17.0.15)");
    call.header("Accept-Encoding", "gzip,deflate").body(body.to_owned())
}

/// The status, the content type and the message of a response.
async fn answer(call: RequestBuilder) -> (u16, String, String) {
    let response = call.send().await.expect("an answer");
    let content_type = response.headers()["content-type"].to_str().expect("ASCII").to_owned();
    let (status, is_zipped) = (response.status().as_u16(), response.headers().contains_key("content-encoding"));
    let body = response.bytes().await.expect("a body");
    let mut text = String::new();
    let read =
        if is_zipped { GzDecoder::new(&*body).read_to_string(&mut text) } else { (&*body).read_to_string(&mut text) };
    read.expect("text");
    validators::hl7(&text).unwrap_or_else(|complaints| panic!("{complaints}"));
    (status, content_type, text)
}

fn field<'a>(text: &'a str, segment: &str, number: usize) -> &'a str {
    let segment =
        text.split('\r').find(|found| found.starts_with(segment)).unwrap_or_else(|| panic!("{segment} in {text}"));
    segment.split('|').nth(number).expect("a field")
}

#[tokio::test]
async fn one_url_serves_every_event() {
    let deployed = Deployed::from_env();
    let token = deployed.token(USER_ID);
    let send = async |event: &str, zak: &str| {
        let (status, content_type, text) = answer(sender(&deployed, &token, &message(event, zak))).await;
        assert_eq!((status, &*content_type), (200, "text/plain; charset=utf-8"), "{event}: {text}");
        assert_eq!(field(&text, "MSA|", 1), "AA", "{event}: {text}");
        assert!(field(&text, "MSH|", 8).starts_with(&format!("ACK^{event}^")), "{text}");
        text
    };
    let created = send("Z01", "1|||Lab gateway|live|active").await;
    let (id, string) = (field(&created, "ZAK|", 2), field(&created, "ZAK|", 3));
    let about = format!("1|{id}");
    assert!(send("Z02", "1").await.contains(string));
    assert_eq!(field(&send("Z03", &about).await, "ZAK|", 4), "Lab gateway");
    assert_eq!(field(&send("Z04", &format!("{about}||Ward 3")).await, "ZAK|", 4), "Ward 3");
    assert_eq!(field(&send("Z06", &about).await, "ZAK|", 6), "paused");
    assert_eq!(field(&send("Z07", &about).await, "ZAK|", 6), "active");
    assert_eq!(field(&send("Z08", &about).await, "ZAK|", 7), "Y");
    assert_eq!(field(&send("Z09", &about).await, "ZAK|", 7), "N");
    assert!(send("Z10", &format!("1|||||||||{USER_ID}")).await.contains(string));
    let rotated = send("Z11", &about).await;
    let string = field(&rotated, "ZAK|", 3);
    let verify = sender(&deployed, &deployed.service_token(), &message("Z14", &format!("1||{string}")));
    assert_eq!(field(&answer(verify).await.2, "ZVF|", 2), "Y");
    let admin = deployed.token_with_role(902, "admin");
    let look_up = |string: &str| sender(&deployed, &admin, &message("Z16", &format!("1||{string}")));
    assert_eq!(field(&answer(look_up(string)).await.2, "ZAK|", 2), id);
    let unknown = answer(look_up("nux_live_d0d0d0d0d0d0d0d1")).await;
    assert_eq!((unknown.0, field(&unknown.2, "MSA|", 1)), (200, "AE"), "{}", unknown.2);
    assert_eq!(field(&send("Z12", &about).await, "ZUS|", 4), "1");
    assert_eq!(field(&send("Z13", &about).await, "ZAU|", 3), "rotate");
    assert!(!send("Z05", &about).await.contains("\rERR|"));
}

#[tokio::test]
async fn a_repeat_is_the_same_request_also_on_another_route() {
    let deployed = Deployed::from_env();
    let token = deployed.token(USER_ID + 1);
    let body = message("Z01", "1|||Lab gateway|live|active");
    let (_, _, first) = answer(sender(&deployed, &token, &body)).await;
    let (status, _, repeat) = answer(sender(&deployed, &token, &body)).await;
    assert_eq!((status, field(&repeat, "ZAK|", 3)), (200, field(&first, "ZAK|", 3)));
    let by_route = deployed.call(Method::POST, "/api/apiKeys").bearer_auth(&token);
    let by_route = by_route.header("Content-Type", "application/hl7-v2").header("Accept", "application/hl7-v2");
    let (status, content_type, repeat) = answer(by_route.body(body.clone())).await;
    assert_eq!((status, &*content_type), (201, "application/hl7-v2; charset=utf-8"));
    assert_eq!(field(&repeat, "ZAK|", 3), field(&first, "ZAK|", 3));
    let (status, _, other) = answer(sender(&deployed, &token, &body.replace("Lab gateway", "Ward 3"))).await;
    assert_eq!((status, field(&other, "MSA|", 1), field(&other, "ERR|", 5)), (200, "AE", "409^Conflict^L"));
}

#[tokio::test]
async fn refusals_are_acknowledged() {
    let deployed = Deployed::from_env();
    let token = deployed.token(USER_ID + 2);
    for (body, expected) in [
        (message("Z99", "1"), ["AR", "201^Unsupported event code^HL70357"]),
        (message("Z06", "1"), ["AE", "101^Required field missing^HL70357"]),
        (message("Z06", "1|1"), ["AE", "204^Unknown key identifier^HL70357"]),
        ("{}".to_owned(), ["AE", "100^Segment sequence error^HL70357"]),
        (String::new(), ["AE", "101^Required field missing^HL70357"]),
    ] {
        let (status, _, text) = answer(sender(&deployed, &token, &body)).await;
        assert_eq!((status, [field(&text, "MSA|", 1), field(&text, "ERR|", 3)]), (200, expected), "{body}: {text}");
    }
    let call = deployed.call(Method::POST, "/hl7").header("Content-Type", "application/hl7-v2");
    let (status, content_type, text) = answer(call.body(message("Z02", "1"))).await;
    assert_eq!((status, &*content_type), (401, "application/hl7-v2; charset=utf-8"));
    assert_eq!([field(&text, "MSA|", 1), field(&text, "ERR|", 5)], ["AR", "401^Unauthorized^L"]);
}

/// The bytes of a message come through the gateway in each content type that engines send.
#[tokio::test]
async fn a_message_may_be_in_latin_1() {
    let deployed = Deployed::from_env();
    let token = deployed.token(USER_ID + 3);
    for content_type in ["text/plain", "application/hl7-v2", "application/hl7-v2+er7", "x-application/hl7-v2+er7"] {
        let text = message("Z01", "1|||B?ro|live|active").replace("|2.5.1\r", "|2.5.1||||||8859/1\r");
        let body: Vec<u8> = text.bytes().map(|byte| if byte == b'?' { 0xfc } else { byte }).collect();
        let call = deployed.call(Method::POST, "/hl7").bearer_auth(&token).header("Content-Type", content_type);
        let (status, _, text) = answer(call.body(body)).await;
        assert_eq!((status, field(&text, "ZAK|", 4)), (200, "Büro"), "{content_type}: {text}");
    }
}
