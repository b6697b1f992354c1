use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

const TYPE: &str = "multipart/form-data; boundary=b";

/// A form of one part, by the value of its Content-Disposition.
fn form_of(disposition: &[u8]) -> Vec<u8> {
    [b"--b\r\nContent-Disposition: ", disposition, b"\r\n\r\nRIFF\r\n--b--\r\n"].concat()
}

#[track_caller]
fn written(content_type: &str, body: &[u8]) -> (String, Bytes) {
    let body = Bytes::copy_from_slice(body);
    let form = Form::read(content_type, &body).unwrap_or_else(|error| panic!("{error}: {}", body.escape_ascii()));
    let RawBody { content_type, bytes } = form.write();
    (content_type.expect("a type"), bytes)
}

/// The error of a body that is refused.
#[track_caller]
fn refused(body: &[u8]) -> String {
    Form::read(TYPE, &Bytes::copy_from_slice(body)).expect_err("a refusal").to_string()
}

#[test]
fn forms_of_common_clients_go_on_byte_for_byte() {
    for (content_type, body) in [
        // curl
        (
            "multipart/form-data; boundary=------------------------Zk3vQ8pT1xWm5yRc7LdA2f",
            "--------------------------Zk3vQ8pT1xWm5yRc7LdA2f\r\nContent-Disposition: form-data; name=\"audio\"; \
             filename=\"recording.wav\"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n\
             --------------------------Zk3vQ8pT1xWm5yRc7LdA2f\r\nContent-Disposition: form-data; name=\"userId\"\r\n\
             \r\n7\r\n--------------------------Zk3vQ8pT1xWm5yRc7LdA2f--\r\n",
        ),
        // Chrome
        (
            "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
            "------WebKitFormBoundary7MA4YWxkTrZu0gW\r\nContent-Disposition: form-data; name=\"audio\"; \
             filename=\"Müller; ward 3.webm\"\r\nContent-Type: video/webm;codecs=vp8,opus\r\n\r\n\x1aE\r\n\
             ------WebKitFormBoundary7MA4YWxkTrZu0gW--\r\n",
        ),
        // Python's requests, and more headers
        (
            "multipart/form-data; boundary=3c1f",
            "--3c1f\r\nContent-Disposition: form-data; name=\"audio\"; filename=\"a.wav\"\r\nContent-Length: 4\r\n\
             x-odd:\tspelling  \r\n\r\nRIFF\r\n--3c1f--\r\n",
        ),
        // A boundary that needs quotes
        (
            "multipart/form-data; boundary=\"----=_Part 1 (2)\"",
            "------=_Part 1 (2)\r\nContent-Disposition: form-data; name=\"userId\"\r\n\r\n7\r\n\
             ------=_Part 1 (2)--\r\n",
        ),
    ] {
        assert_eq!(written(content_type, body.as_bytes()), (content_type.to_owned(), body.to_owned().into()));
    }
}

#[test]
fn other_spellings_go_on_as_they_are() {
    for disposition in [
        "form-data; name=\"audio\"; filename=\"a.wav\"",
        "form-data;name=audio;filename=a.wav",
        "FORM-DATA ; FileName=\"a.wav\" ;; NAME=\"audio\"; size=4",
        "form-data;\tx=\"y\"; name=\"speciality\"",
    ] {
        let body = form_of(disposition.as_bytes());
        assert_eq!(written(TYPE, &body).1, body, "{disposition}");
    }
    let lower = b"--b \t\r\ncontent-disposition:form-data; name=audio\r\n\r\nRIFF\r\n--b--";
    let around = [b"preamble\r\n", &lower[..], b"epilogue\r\nmore"].concat();
    for body in [&lower[..], &around] {
        assert_eq!(written(TYPE, body).1, body);
    }
    for (content_type, expected) in
        [("multipart/form-data;; Boundary=\"\\b\"; charset=utf-8", "multipart/form-data; boundary=b"), (TYPE, TYPE)]
    {
        assert_eq!(written(content_type, lower).0, expected);
    }
}

#[test]
fn the_disposition_of_a_file_with_another_name_is_rewritten() {
    for disposition in [
        "form-data; name=\"audio\"; filename=\"b;a.wav\"",
        "form-data; filename=\"b;a.wav\"; name=audio",
        "form-data; filename*=UTF-8''b.wav; filename=\"b;a.wav\"; name=\"audio\"",
        "form-data;\tx=\"; name=userId; \"; name=\"audio\"; filename=\"b;a.wav\"",
        "form-data; filename=\"c:/b;a.wav\"; name=\"audio\"",
    ] {
        let expected = form_of(b"form-data; name=\"audio\"; filename=\"b;a.wav\"");
        assert_eq!(written(TYPE, &form_of(disposition.as_bytes())).1, expected, "{disposition}");
    }
    // Everything else stays.
    let part = |line: &str| format!("--b\r\nX: 1\r\n{line}\r\nContent-Type: audio/wav\r\n\r\n\u{1}\r\n");
    let bare = part("content-disposition: form-data; name=a; filename=a.wav");
    let odd = part("content-disposition: form-data; name=c; filename=x/c.wav");
    let renamed = part("Content-Disposition: form-data; name=\"c\"; filename=\"c.wav\"");
    let body = |middle: &str| format!("before\r\n{bare}{middle}{bare}{middle}--b--after");
    assert_eq!(written(TYPE, body(&odd).as_bytes()).1, body(&renamed));
}

#[test]
fn a_name_that_parsers_read_in_different_ways_is_refused() {
    for disposition in [
        "form-data",
        "form-data; name=\"\"",
        "form-data; name=\"a;b\"",
        "form-data; name=\"au\\dio\"",
        "form-data; name=\"a\\\"b\"",
        "form-data; name=\"a\tb\"",
        "form-data; filename=\"a.wav\"; name=\"a;b\"",
    ] {
        assert!(refused(&form_of(disposition.as_bytes())).contains("must have a name, without"), "{disposition}");
    }
    assert!(refused(&form_of(b"form-data; name=\"M\xfcller\"")).contains("must have a name, without"));
    for disposition in ["form-data; x=\"; name=userId; \"; name=\"speciality\"", "form-data; name=a; x=\"a\\b\""] {
        assert_eq!(refused(&form_of(disposition.as_bytes())), unreadable().to_string(), "{disposition}");
    }
}

#[test]
fn boundaries_are_read_in_every_valid_spelling() {
    for content_type in [
        "multipart/form-data; boundary=b",
        "Multipart/Form-Data;BOUNDARY=\"b\"",
        "multipart/form-data ; boundary=b",
        "multipart/form-data;; boundary=b;",
        "multipart/form-data;\tboundary=b\t; charset=utf-8",
        "multipart/form-data; x=\"; boundary=c\"; boundary=\"\\b\"",
    ] {
        assert_eq!(boundary(content_type).as_deref(), Some("b"), "{content_type}");
    }
    for content_type in [
        "",
        "multipart/form-data",
        "multipart/form-data; boundary",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"b",
        "multipart/form-data; boundary=\"b \"",
        "multipart/form-data; boundary=\"b\\\\\"",
        "multipart/form-data; boundary=\"b\\\"\"",
        "multipart/form-data; boundary=ü",
        "multipart/form-data; boundary=b; Boundary=c",
        "multipart/mixed; boundary=b",
        "boundary=b",
    ] {
        assert_eq!(boundary(content_type), None, "{content_type}");
    }
}

#[test]
fn file_names_are_reduced_to_what_is_harmless() {
    let long = format!("{}ü.wav", "x".repeat(300));
    for (raw, expected) in [
        (&b"recording.wav"[..], "recording.wav"),
        ("Müller; 'ward 3' (1).wav".as_bytes(), "Müller; 'ward 3' (1).wav"),
        (b"visit; name=userId .wav", "visit; name=userId .wav"),
        (b"../../etc/passwd", "passwd"),
        (b"/a/b.wav", "b.wav"),
        (b"C:\\dir\\x.wav", "x.wav"),
        (b"C:\\\\dir\\\\x.wav", "x.wav"),
        (b"\\\\server\\share/x.wav", "x.wav"),
        (b"C:\\dir\\", "dir"),
        (b"dir/..", "audio"),
        (b"..", "audio"),
        (b".. ", "audio"),
        (b"", "audio"),
        (b" ", "audio"),
        (b"/", "audio"),
        (b"say \\\"a\\\".wav", "say _a_.wav"),
        (b"a\tb.wav", "a_b.wav"),
        ("a\u{2028}b.wav".as_bytes(), "a_b.wav"),
        (b"M\xfcller.wav", "M_ller.wav"),
        // Shift JIS, whose second bytes may look like a backslash.
        (b"\x8f\xc9\x97\xe1.wav", "____.wav"),
        (b"\x95\x5c", "_"),
        (long.as_bytes(), &format!("{}ü.wav", "x".repeat(249))),
    ] {
        let body = form_of(&[b"form-data; name=\"audio\"; filename=\"", raw, b"\""].concat());
        let line = format!("form-data; name=\"audio\"; filename=\"{expected}\"");
        assert_eq!(written(TYPE, &body).1, form_of(line.as_bytes()), "{}", raw.escape_ascii());
    }
    let unquoted = written(TYPE, &form_of(b"form-data; name=audio; filename=../M\xfcller 1.wav")).1;
    assert_eq!(unquoted, form_of(b"form-data; name=\"audio\"; filename=\"M_ller 1.wav\""));
}

#[test]
fn a_boundary_that_only_some_parsers_see_is_refused() {
    let form = |content: &str| form_of(format!("form-data; name=\"audio\"\r\n\r\n{content}").as_bytes());
    for content in ["--b", "x--bx", "x--b--x", "\r\n-b\r\n", "--\r\nb", "\r\n--a\r\n"] {
        // As the first line of a body, a boundary follows a line break.
        let content = format!("x{content}x");
        let body = Bytes::from(form(&content));
        let read = Form::read(TYPE, &body).unwrap_or_else(|error| panic!("{error}: {content:?}"));
        assert_eq!(read.parts[0].body, format!("{content}\r\n\r\nRIFF").as_bytes());
    }
    for content in [
        "\n--b\n",
        "\r--b\r",
        "\n--b\r\n",
        "\r\n--b\n",
        "\r\n--bx",
        "\r\n--b x",
        "\n--bx",
        "\n--b--",
        "\r--b--\r\n",
        "x--b\r\n",
        "x--b\t\n",
        "--b\r\n",
    ] {
        assert_eq!(refused(&form(content)), unreadable().to_string(), "{content:?}");
    }
    for epilogue in
        ["--b\r\n", "x\r\n--b--", "\n--b", "\r\n--b\r\nContent-Disposition: x; name=userId\r\n\r\n8\r\n--b--"]
    {
        let body = [form("RIFF"), epilogue.as_bytes().to_vec()].concat();
        assert_eq!(refused(&body), unreadable().to_string(), "{epilogue:?}");
    }
}

#[test]
fn malformed_headers_are_refused() {
    for header in
        ["X", ": x", "X y: z", "X: a\u{0}", "X: a\u{7f}", "X: a\nY: b", "X: a\rb", "X: a\r\n b", "X: a\r\nx: b"]
    {
        let body = form_of(format!("form-data; name=\"audio\"\r\n{header}").as_bytes());
        assert_eq!(refused(&body), unreadable().to_string(), "{header:?}");
    }
}

/// The pieces that forms are made of, and what looks like them.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec![
        "--b\r\n",
        "--b--",
        "--b",
        "\r\n",
        "\r",
        "\n",
        "\t",
        "-",
        "b",
        "x",
        "\r\n\r\n",
        "\r\n--b\r\n",
        "\r\n--b--\r\n",
        "\r\n--b\r\nContent-Disposition: form-data; name=\"audio\"\r\n\r\n",
        "--b\r\nContent-Disposition: form-data; name=\"userId\"\r\n\r\n",
    ]);
    vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes())
}

/// How many boundaries a parser sees that takes any line break for one, and any line that begins with one.
fn leniently_seen(body: &[u8]) -> usize {
    body.split(|byte| b"\r\n".contains(byte)).filter(|line| line.starts_with(b"--b")).count()
}

proptest! {
    #[test]
    fn lenient_parsers_see_the_same_parts(pieces in pieces(), after in pieces()) {
        let head = &b"--b\r\nContent-Disposition: form-data; name=\"audio\"\r\n\r\n"[..];
        let body = Bytes::from([head, &pieces, b"\r\n--b--\r\n", &after].concat());
        if let Ok(form) = Form::read(TYPE, &body) {
            prop_assert_eq!(leniently_seen(&body), form.parts.len() + 1);
            prop_assert_eq!(memmem::find_iter(&body, b"--b\r\n").count(), form.parts.len());
            prop_assert_eq!(form.write().bytes, body);
        }
    }

    #[test]
    fn contents_come_through(contents in vec(vec(any::<u8>(), 0..40), 1..4), file_name in vec(any::<u8>(), 0..20)) {
        // Line breaks would end the header.
        let file_name: Vec<u8> = file_name.into_iter().filter(|byte| !byte.is_ascii_control() && *byte != b'"').collect();
        let head = [b"Content-Disposition: form-data; filename=\"", &file_name[..], b"\"; name=\"audio\"\r\n\r\n"].concat();
        let mut body = Vec::new();
        for content in &contents {
            body.extend([b"--bound\r\n", &head[..], content, b"\r\n"].concat());
        }
        body.extend(b"--bound--");
        let body = Bytes::from(body);
        let form = Form::read("multipart/form-data; boundary=bound", &body).expect("a form");
        let RawBody { content_type, bytes } = form.write();
        let content_type = content_type.expect("a type");
        let again = Form::read(&content_type, &bytes).expect("a form");
        for (first, second) in form.parts.iter().zip(&again.parts) {
            prop_assert_eq!((&first.name, first.body), (&second.name, second.body));
            if let File::Renamed(name) = &first.file {
                prop_assert!(!name.contains(['/', '\\', '"']) && !["", ".", ".."].contains(&name.as_str()), "{}", name);
            }
        }
        prop_assert_eq!(again.parts.iter().map(|part| part.body).collect::<Vec<_>>(), contents);
        prop_assert_eq!(again.write().bytes, bytes);
    }

    #[test]
    fn any_bytes_are_read_or_refused(body in any::<Vec<u8>>(), content_type in any::<String>()) {
        let body = Bytes::from(body);
        let _ = Form::read(TYPE, &body);
        let _ = Form::read(&content_type, &body);
    }
}
