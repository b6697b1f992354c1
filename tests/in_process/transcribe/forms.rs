//! Forms: accepted spellings, refusals, and the forwarded form.

use serde_json::json;
use shared::edge::reply::MAX_BINARY_BYTES;
use tests::stub::Stub;

use super::{
    AUDIO, SPECIALITY, TRANSCRIPT, USER_ID, app_before, assert_details, assert_error, complete, form, transcript, uses,
    with_key,
};

#[tokio::test]
async fn an_incomplete_form_is_told_all_that_is_wrong_and_counts_no_use() {
    let stub = Stub::start(transcript()).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let user_id_expected = "userId must be an integer from 1 to 9007199254740991";
    let length_expected = "speciality must have 1 to 100 characters";
    let odd = |audio: &str| form(&[(audio, b"RIFF"), (USER_ID, b"7"), (SPECIALITY, b"Cardiology")]);
    let with = |user_id: &'static [u8], speciality: &[u8]| {
        form(&[(AUDIO, b"RIFF"), (USER_ID, user_id), (SPECIALITY, speciality)])
    };
    let name_audio = "Content-Disposition: form-data; name=\"audio\"";
    let file = "Content-Disposition: form-data; name=audio; filename=a.wav";
    let encoded = format!("{file}\r\nContent-Transfer-Encoding: base64");
    let untyped = format!("{file}\r\nContent-Type: sound");
    for (form, details) in [
        (form(&[]), &[("audio", "audio is required"), ("speciality", "speciality is required")][..]),
        (
            form(&[(AUDIO, b""), (USER_ID, b"me"), (SPECIALITY, b" ")]),
            &[("audio", "audio must not be empty"), ("userId", user_id_expected), ("speciality", length_expected)],
        ),
        (with(b"", b"Cardiology"), &[("userId", user_id_expected)]),
        (with(b"0", b"Cardiology"), &[("userId", user_id_expected)]),
        (with(b"-7", b"Cardiology"), &[("userId", user_id_expected)]),
        (with(b"7.0", b"Cardiology"), &[("userId", user_id_expected)]),
        (with(b"9007199254740992", b"Cardiology"), &[("userId", user_id_expected)]),
        (with(b"\xff", b"Cardiology"), &[("userId", user_id_expected)]),
        (with(b"7", &[b'x'; 101]), &[("speciality", length_expected)]),
        (with(b"7", b"a\nb"), &[("speciality", "speciality must have no control characters")]),
        (with(b"7", b"\xff"), &[("speciality", "speciality must be text in UTF-8")]),
        (
            form(&[(AUDIO, b"1"), (AUDIO, b"2"), (USER_ID, b"7"), (SPECIALITY, b"x")]),
            &[("audio", "audio must not be repeated")],
        ),
        (
            form(&[(AUDIO, b"1"), (USER_ID, b"7"), (USER_ID, b"8"), (SPECIALITY, b"x")]),
            &[("userId", "userId must not be repeated")],
        ),
        (
            form(&[(AUDIO, b"1"), (SPECIALITY, b"x"), (SPECIALITY, b"x")]),
            &[("speciality", "speciality must not be repeated")],
        ),
        // Another spelling is another part.
        (form(&[(AUDIO, b"1"), (&SPECIALITY.replace("ity", "ty"), b"x")]), &[("speciality", "speciality is required")]),
        // As curl sends it without the @.
        (odd(name_audio), &[("audio", "audio must be a file: its part has no filename")]),
        (odd(&untyped), &[("audio", "audio must have a content type that can be read, or none")]),
        (odd(&encoded), &[("audio", "audio must be sent as it is, without a content-transfer-encoding")]),
    ] {
        let answer = with_key(&test, &key).form(&form).send().await;
        assert_eq!(answer.status, 400);
        assert_details(&answer, details);
    }
    assert_eq!((uses(&test, &key).await, stub.received().len()), (0, 0));
}

#[tokio::test]
async fn a_body_that_is_no_form_is_refused_and_counts_no_use() {
    let stub = Stub::start(transcript()).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let type_expected = [(
        "content-type",
        "content-type must be multipart/form-data with a boundary, which HTTP clients add when they set the header themselves",
    )];
    let form_expected = [("body", "body must be a complete form, divided by the boundary that content-type names")];
    let call = || with_key(&test, &key);
    let of_type = |content_type: &str| call().header("Content-Type", content_type);

    assert_details(&call().without_header("Content-Type").send().await, &type_expected);
    let long = format!("multipart/form-data; boundary={}", "x".repeat(9_000));
    for (content_type, details) in [
        ("", type_expected),
        ("multipart", type_expected),
        ("application/json", type_expected),
        ("audio/wav", type_expected),
        ("multipart/mixed; boundary=form", type_expected),
        ("multipart/form-data", type_expected),
        ("multipart/form-data; boundary", type_expected),
        ("multipart/form-data; boundary=", type_expected),
        ("multipart/form-data; boundary=\"\"", type_expected),
        ("multipart/form-data; boundary=other", form_expected),
        ("multipart/form-data; boundary=form; boundary=form", type_expected),
        (&long, form_expected),
    ] {
        let answer = of_type(content_type).send().await;
        assert_eq!(answer.status, 400, "{content_type}");
        assert_details(&answer, &details);
    }

    let whole = complete();
    let many = "X-Many: 1\r\n".repeat(40) + AUDIO;
    let nameless =
        "every part of body must have a name, without quotes, backslashes, semicolons and control characters";
    let cut = whole.len() - 6;
    for (body, message) in [
        (b"RIFF".to_vec(), form_expected[0].1),
        (b"{\"audio\": 1}".to_vec(), form_expected[0].1),
        (vec![0; 100_000], form_expected[0].1),
        (b"--form".to_vec(), form_expected[0].1),
        (b"--form\r\n".to_vec(), form_expected[0].1),
        (b"--form\r\n\r\n".to_vec(), form_expected[0].1),
        (whole[..cut].to_vec(), form_expected[0].1),
        (whole[..60].to_vec(), form_expected[0].1),
        (form(&[(&many, b"RIFF")]), form_expected[0].1),
        (form(&[("\u{1}: x", b"RIFF")]), form_expected[0].1),
        (form(&[("Content-Disposition form-data", b"RIFF")]), form_expected[0].1),
        (form(&[("X: y", b"RIFF")]), nameless),
        (form(&[("Content-Disposition: form-data", b"RIFF")]), nameless),
        (form(&[("Content-Disposition: form-data; name=\"\u{fffd}", b"RIFF")]), nameless),
        (form(&[("Content-Disposition: form-data; name=\"a;b\"", b"RIFF")]), nameless),
        (form(&vec![("Content-Disposition: form-data; name=a", &b"7"[..]); 101]), "body must have at most 100 parts"),
    ] {
        let answer = call().form(&body).send().await;
        assert_eq!(answer.status, 400, "{}", String::from_utf8_lossy(&body));
        assert_details(&answer, &[("body", message)]);
    }
    assert_details(&call().form(b"").send().await, &[("body", "body is required")]);
    assert_eq!((uses(&test, &key).await, stub.received().len()), (0, 0));
}

#[tokio::test]
async fn forms_may_be_written_in_other_ways() {
    let stub = Stub::start(transcript()).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let quoted = with_key(&test, &key).header("Content-Type", "Multipart/Form-Data; charset=utf-8; boundary=\"form\"");
    assert_eq!(quoted.send().await.status, 200);
    let around = [b"preamble\r\n", &complete()[..], b"epilogue\r\n--for"].concat();
    assert_eq!(with_key(&test, &key).form(&around).send().await.status, 200);
    let as_text = with_key(&test, &key).body(&String::from_utf8(complete()).expect("text"));
    assert_eq!(as_text.send().await.status, 200);
    for content_type in [
        "multipart/form-data ; boundary=form",
        "multipart/form-data;;\tboundary=form;",
        "multipart/form-data; boundary=\"fo\\rm\"",
    ] {
        let answer = with_key(&test, &key).header("Content-Type", content_type).send().await;
        assert_eq!(answer.status, 200, "{content_type}: {}", answer.text);
        let request = stub.received().pop().expect("a request");
        assert_eq!(request.headers["content-type"], "multipart/form-data; boundary=form", "{content_type}");
    }
}

/// The headers of an audio part as the service gets them, in a form that is otherwise complete.
async fn passed_on(headers: &[u8]) -> String {
    let stub = Stub::start(transcript()).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let audio = [b"--form\r\n", headers, b"\r\n\r\nRIFF\r\n"].concat();
    let body = [&audio[..], &form(&[(USER_ID, b"7"), (SPECIALITY, b"Cardiology")])].concat();
    let answer = with_key(&test, &key).form(&body).send().await;
    assert_eq!(answer.status, 200, "{}: {}", headers.escape_ascii(), answer.text);
    let [request] = &stub.received()[..] else { panic!("one request") };
    let body = String::from_utf8(request.body.clone()).expect("UTF-8");
    let (audio, rest) = body.split_once("\r\n\r\nRIFF\r\n").expect("the audio");
    assert_eq!(rest.as_bytes(), form(&[(USER_ID, b"7"), (SPECIALITY, b"Cardiology")]));
    audio.strip_prefix("--form\r\n").expect("the boundary").to_owned()
}

#[tokio::test]
async fn file_names_go_on_in_a_harmless_form() {
    for (disposition, file_name) in [
        ("form-data; filename=\"Müller \\\"1\\\".wav\"; name=\"audio\"".as_bytes(), "Müller _1_.wav"),
        (b"form-data; name=\"audio\"; filename=\"\"", "audio"),
        (b"form-data; name=\"audio\"; filename*=utf-8''M%C3%BCller.wav", "audio"),
        // Inside quotes nothing is a parameter.
        (b"form-data; filename=\"visit; name=userId .wav\"; name=\"audio\"", "visit; name=userId .wav"),
        (b"form-data; filename=\"a\\\"; name=\\\"userId\"; name=\"audio\"", "a_; name=_userId"),
        // Latin-1, Shift JIS
        (b"form-data; name=\"audio\"; filename=\"M\xfcller.wav\"", "M_ller.wav"),
        (b"form-data; name=\"audio\"; filename=\"\x8f\xc9\x97\xe1.wav\"", "____.wav"),
        (b"form-data; name=\"audio\"; filename=\"C:\\dir\\\"", "dir"),
        (b"form-data; filename=\"C:\\dir\\\"; name=\"audio\"", "dir"),
        (b"form-data; name=\"audio\"; filename=\"C:\\dir\\x.wav\"", "x.wav"),
        (b"form-data; name=\"audio\"; filename=\"../../x.wav\"", "x.wav"),
        (b"form-data; name=\"audio\"; filename=\"..\"", "audio"),
    ] {
        let headers = [b"content-disposition: ", disposition, b"\r\nContent-Transfer-Encoding: BINARY"].concat();
        let expected = format!(
            "Content-Disposition: form-data; name=\"audio\"; filename=\"{file_name}\"\r\n\
             Content-Transfer-Encoding: BINARY"
        );
        assert_eq!(passed_on(&headers).await, expected, "{}", disposition.escape_ascii());
    }
    for disposition in [
        "form-data; name=audio; filename=a.wav",
        "form-data; NAME=\"audio\"; FileName=\"a.wav\"",
        "form-data; filename=\"Müller 1.wav\"; name=\"audio\"; size=4",
    ] {
        let headers = format!("content-disposition: {disposition}\r\nContent-Transfer-Encoding: BINARY");
        assert_eq!(passed_on(headers.as_bytes()).await, headers);
    }
}

/// A form as Nuxera's web client sends a chunk of a session.
fn chunk(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let field = |name: &str| format!("Content-Disposition: form-data; name=\"{name}\"");
    let fields = [
        ("sessionId", "5f0d8f0f"),
        ("sequence", "3"),
        ("isFinalChunk", "false"),
        ("encounterId", "e-17"),
        ("patientName", "Müller"),
        ("removeSilence", "true"),
        ("retry", ""),
    ];
    let headers: Vec<String> = fields.iter().map(|(name, _)| field(name)).collect();
    let fields = headers.iter().zip(fields).map(|(headers, (_, value))| (headers.as_str(), value.as_bytes()));
    form(&[parts.to_vec(), fields.collect()].concat())
}

#[tokio::test]
async fn the_forms_of_nuxeras_client_go_on_byte_for_byte() {
    const HL7: &str =
        "Content-Disposition: form-data; name=\"hl7_request\"; filename=\"request.hl7\"\r\nContent-Type: text/plain";
    const FHIR: &str = "Content-Disposition: form-data; name=\"fhir_request\"; filename=\"request.json\"\r\nContent-Type: application/fhir+json";
    let stub = Stub::start(transcript()).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let hl7: (&str, &[u8]) = (HL7, b"MSH|^~\\&|\r");
    let fhir: (&str, &[u8]) = (FHIR, b"{}");
    let audio: (&str, &[u8]) = (AUDIO, b"RIFF");
    let speciality: (&str, &[u8]) = (SPECIALITY, b"Cardiology");
    for (format, parts) in [
        (None, vec![audio, speciality]),
        (Some("json"), vec![audio, speciality, (USER_ID, b"7")]),
        (Some("hl7"), vec![hl7, audio]),
        (Some("fhir"), vec![fhir, audio, (USER_ID, b"7")]),
        // What takes the place of the fields is the service's to judge.
        (Some("HL7"), vec![audio, (SPECIALITY, b"\xff")]),
    ] {
        let body = chunk(&parts);
        let call = with_key(&test, &key).form(&body);
        let call = format.iter().fold(call, |call, format| call.format(format));
        let answer = call.send().await;
        assert_eq!((answer.status, answer.text.as_bytes()), (200, TRANSCRIPT), "{format:?}");
        let request = stub.received().pop().expect("a request");
        assert_eq!(request.body, body, "{format:?}");
        let expected = format.unwrap_or("json").to_lowercase();
        for header in ["x-request-format", "x-response-format"] {
            assert_eq!(request.headers[header], expected, "{format:?}");
        }
    }
    assert_eq!(uses(&test, &key).await, 5);
    // `audio` is required in every format, and `speciality` in JSON; a `userId` is never somebody else's.
    let refused = async |format: &str, parts: &[(&str, &[u8])]| {
        with_key(&test, &key).form(&chunk(parts)).header("x-request-format", format).send().await
    };
    assert_details(&refused("json", &[audio]).await, &[("speciality", "speciality is required")]);
    assert_details(&refused("hl7", &[hl7]).await, &[("audio", "audio is required")]);
    for (format, part) in [("json", speciality), ("hl7", hl7), ("fhir", fhir)] {
        assert_error(&refused(format, &[audio, part, (USER_ID, b"8")]).await, 403, "Access denied");
    }
    assert_eq!((uses(&test, &key).await, stub.received().len()), (5, 5));
}

const FILE: &str = "Content-Disposition: form-data; name=\"audio\"; filename=\"a.wav\"";

#[tokio::test]
async fn recordings_of_every_accepted_type_go_on_unchanged() {
    for content_type in [
        "audio/wav",
        "Audio/X-Odd+1",
        "audio/wav ;x=1",
        "video/webm;codecs=vp8,opus",
        "video/mp4",
        "application/octet-stream",
    ] {
        let headers = format!("{FILE}\r\nContent-Type: {content_type}");
        assert_eq!(passed_on(headers.as_bytes()).await, headers);
    }
    assert_eq!(passed_on(FILE.as_bytes()).await, FILE);
}

#[tokio::test]
async fn other_content_types_are_refused_and_count_no_use() {
    let stub = Stub::start(transcript()).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let kind = "audio must have the content type audio/*, video/webm, video/mp4 or application/octet-stream, or none";
    let readable = "audio must have a content type that can be read, or none";
    let inner = b"--inner\r\nContent-Disposition: file; filename=\"b.wav\"\r\n\r\nRIFF\r\n--inner--";
    for (content_type, message) in [
        ("multipart/mixed; boundary=inner", kind),
        ("Multipart/Form-Data; boundary=inner", kind),
        ("message/rfc822", kind),
        ("text/plain", kind),
        ("application/json", kind),
        ("video/mpeg", kind),
        ("video/webm2", kind),
        ("audio", readable),
        ("audio/", readable),
        ("audio/wav/x", readable),
        ("", readable),
    ] {
        let headers = format!("{FILE}\r\nContent-Type: {content_type}");
        let body = form(&[(&headers, inner), (USER_ID, b"7"), (SPECIALITY, b"Cardiology")]);
        let answer = with_key(&test, &key).form(&body).send().await;
        assert_eq!(answer.status, 400, "{content_type}");
        assert_details(&answer, &[("audio", message)]);
    }
    // The service would decode these and read a different text from the one checked here.
    for header in ["Content-Type: multipart/mixed; boundary=x", "Content-Transfer-Encoding: base64", "Content-Type: x"]
    {
        let speciality = format!("{SPECIALITY}\r\n{header}");
        let body = form(&[(AUDIO, b"RIFF"), (USER_ID, b"7"), (&speciality, b"Q2FyZA==")]);
        let answer = with_key(&test, &key).form(&body).send().await;
        assert_details(&answer, &[("speciality", "speciality must be text in UTF-8")]);
    }
    assert_eq!((uses(&test, &key).await, stub.received().len()), (0, 0));
}

#[tokio::test]
async fn a_boundary_that_only_some_parsers_see_is_refused() {
    let stub = Stub::start(transcript()).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let expected = "body must be a complete form, divided by the boundary that content-type names";
    for audio in [
        "RIFF\n--form\nContent-Disposition: form-data; name=\"userId\"\n\n8",
        "RIFF--form\r\nContent-Disposition: form-data; name=\"userId\"\r\n\r\n8",
        "RIFF\r\n--form2\r\nContent-Disposition: form-data; name=\"userId\"\r\n\r\n8",
    ] {
        let body = form(&[(AUDIO, audio.as_bytes()), (USER_ID, b"7"), (SPECIALITY, b"Cardiology")]);
        let answer = with_key(&test, &key).form(&body).send().await;
        assert_eq!(answer.status, 400, "{audio}");
        assert_details(&answer, &[("body", expected)]);
    }
    assert_eq!((uses(&test, &key).await, stub.received().len()), (0, 0));

    // Some receivers read on after the last boundary.
    let forged = [complete(), form(&[(USER_ID, b"8")])].concat();
    assert_details(&with_key(&test, &key).form(&forged).send().await, &[("body", expected)]);
    assert_eq!((uses(&test, &key).await, stub.received().len()), (0, 0));
}

#[tokio::test]
async fn the_largest_form_passes_and_a_larger_one_is_told_the_limit() {
    let stub = Stub::start(transcript()).await;
    let test = app_before(&stub).await;
    let key = test.key("ward").await;
    let rest = form(&[(AUDIO, b""), (USER_ID, b"7"), (SPECIALITY, b"Cardiology")]).len();
    let of_length = |length: usize| {
        let audio = vec![0xa5; length - rest];
        with_key(&test, &key).form(&form(&[(AUDIO, &audio), (USER_ID, b"7"), (SPECIALITY, b"Cardiology")])).send()
    };
    assert_eq!(of_length(MAX_BINARY_BYTES).await.status, 200);
    let message = "body must not be larger than 4500000 bytes, which hold 2 minutes of WAV (16 kHz, 16 bits, mono) or 25 \
                   minutes of Opus (24 kbit/s)";
    let expected = json!({"error": "Request body too large", "details": [{"field": "body", "message": message}]});
    let answer = of_length(MAX_BINARY_BYTES + 1).await;
    assert_eq!((answer.status, answer.json()), (413, expected));
    assert_eq!((uses(&test, &key).await, stub.received().len()), (1, 1));
}
