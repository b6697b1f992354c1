//! Responses as `ACK^Znn` messages.

use std::borrow::Cow;

use serde_json::Value;

use super::write_error;
use super::writer::Writer;
use super::zak::ZAK;
use crate::fields::SHOWN;
use crate::format::exchange::{Content, ProcessingId, WriteContext};
use crate::keys::{Actor, DailyUsage, Entry, FieldValue, KeyView, UsageView, Verification};

/// The approximate size of a key's segment, and of the segments before it.
const KEY_BYTES: usize = 256;

/// Writes a response.
pub(crate) fn write(content: &Content, about: &WriteContext<'_>) -> Vec<u8> {
    let segments = match content {
        Content::Key(_) | Content::Created(_) | Content::Deleted | Content::Verification(_) | Content::Problem(_) => 1,
        Content::Keys(page) => page.keys.len(),
        Content::Audit(page) => page.entries.len(),
        Content::Usage(usage) => 1 + usage.daily.len(),
    };
    let mut writer = Writer::with_capacity(KEY_BYTES * (1 + segments));
    write_header(&mut writer, structure(content), about);
    match content {
        Content::Key(key) | Content::Created(key) => {
            write_acknowledgement(&mut writer, "AA", about);
            write_key(&mut writer, 1, key);
        }
        Content::Keys(page) => {
            write_acknowledgement(&mut writer, "AA", about);
            (1..).zip(&page.keys).for_each(|(set_id, key)| write_key(&mut writer, set_id, key));
        }
        Content::Deleted => write_acknowledgement(&mut writer, "AA", about),
        Content::Audit(page) => {
            write_acknowledgement(&mut writer, "AA", about);
            (1..).zip(&page.entries).for_each(|(set_id, entry)| write_entry(&mut writer, set_id, entry));
        }
        Content::Usage(usage) => {
            write_acknowledgement(&mut writer, "AA", about);
            write_usage(&mut writer, usage);
        }
        Content::Verification(verification) => {
            write_acknowledgement(&mut writer, "AA", about);
            write_verification(&mut writer, verification);
        }
        Content::Problem(problem) => {
            write_acknowledgement(&mut writer, write_error::acknowledgement(problem), about);
            write_error::write(&mut writer, problem);
        }
    }
    writer.into_bytes()
}

/// MSH-9.3. Parsers drop segments that the structure of a message does not have, and `ACK` has none of ours.
fn structure(content: &Content) -> &'static str {
    match content {
        Content::Key(_)
        | Content::Created(_)
        | Content::Keys(_)
        | Content::Audit(_)
        | Content::Usage(_)
        | Content::Verification(_) => "ACK_Z01",
        Content::Deleted | Content::Problem(_) => "ACK",
    }
}

/// MSH (section 2.15.9).
fn write_header(writer: &mut Writer, structure: &str, about: &WriteContext<'_>) {
    let (application, facility) =
        about.sender.map_or(("", ""), |sender| (sender.application.as_str(), sender.facility.as_str()));
    writer.segment("MSH").encoded("^~\\&").encoded("NUXERA").encoded("APIKEYS").foreign(application).foreign(facility);
    writer.time(about.now).empty(1).encoded("ACK^").append(about.operation.trigger_event());
    writer.append("^").append(structure);
    let processing_id = about.sender.map_or(ProcessingId::Production, |sender| sender.processing_id);
    writer
        .text(control_id(about))
        .encoded(processing_id.as_str())
        .encoded("2.5.1")
        .empty(5)
        .encoded("UNICODE UTF-8")
        .end();
}

/// MSA (section 2.15.8). The required MSA-2 repeats the response's own control id if the request has none.
fn write_acknowledgement(writer: &mut Writer, code: &str, about: &WriteContext<'_>) {
    let answered = about.sender.map(|sender| sender.control_id.as_str()).filter(|id| !id.is_empty());
    let answered = answered.unwrap_or_else(|| control_id(about));
    writer.segment("MSA").encoded(code).text(answered).end();
}

/// The control id of the response: as much of the request id as MSH-10 of version 2.5.1 holds.
fn control_id<'a>(about: &WriteContext<'a>) -> &'a str {
    let text = about.request_id;
    let end = text.char_indices().nth(20).map(|(index, _)| index);
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// ZAK. Fields that only requests have are left empty.
fn write_key(writer: &mut Writer, set_id: u64, view: &KeyView) {
    writer.segment(ZAK).number(set_id);
    let mut last = 1;
    for (field, value) in SHOWN.iter().zip(view.values()) {
        writer.empty(field.zak - last - 1);
        last = field.zak;
        match value {
            None => writer.null(),
            Some(FieldValue::Id(number) | FieldValue::Count(number)) => writer.number(number),
            Some(FieldValue::Text(text)) => writer.text(text),
            Some(FieldValue::Code(code)) => writer.encoded(code),
            Some(FieldValue::Flag(flag)) => writer.encoded(if flag { "Y" } else { "N" }),
            Some(FieldValue::Time(time)) => writer.time(time.time()),
        };
    }
    writer.end();
}

/// ZAU. ZAU-9 repeats per changed field: its name, its value before and after.
fn write_entry(writer: &mut Writer, set_id: u64, entry: &Entry) {
    let Entry {
        id: _,
        at,
        action,
        key_id,
        user_id: _,
        actor: Actor { user_id: actor, role },
        source_ip,
        request_id,
        changes,
    } = entry;
    writer.segment("ZAU").number(set_id).time(*at).encoded(action.as_str()).number(key_id.get());
    match actor {
        Some(actor) => writer.number(actor.get()),
        None => writer.null(),
    };
    writer.encoded(role.as_str()).text_or_null(source_ip.as_deref()).text(request_id);
    let changes = changes.iter().map(|(field, change)| [Some(field.into()), value(&change.from), value(&change.to)]);
    writer.repetitions(changes).end();
}

/// ZUS: the total, then one per day.
fn write_usage(writer: &mut Writer, usage: &UsageView) {
    let UsageView { id, usage_count, last_used_at, daily } = usage;
    writer.segment("ZUS").number(1).number(id.get()).empty(1).number(*usage_count).time_or_null(*last_used_at).end();
    for (set_id, DailyUsage { date, count }) in (2..).zip(daily) {
        // DT (section 2.A.21) has no separators.
        writer.segment("ZUS").number(set_id).number(id.get()).encoded(&date.replace('-', "")).number(*count).end();
    }
}

/// ZVF.
fn write_verification(writer: &mut Writer, verification: &Verification) {
    writer.segment("ZVF").number(1);
    match verification {
        Verification::Valid { user_id, id, kind, status } => {
            writer.encoded("Y").empty(1).number(id.get()).number(user_id.get());
            writer.encoded(kind.as_str()).encoded(status.as_str()).end();
        }
        Verification::Invalid(refusal) => writer.encoded("N").encoded(refusal.as_str()).end(),
    }
}

fn value(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.into()),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Some(value.to_string().into()),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::error::{ErrorKind, Problem, Reason, Violation};
    use crate::format::exchange::Sender;
    use crate::format::samples::{context, key};
    use crate::ids::{KeyId, UserId};
    use crate::keys::{Action, AuditPage, Change, KeyPage, Role};
    use crate::operation::Operation;

    fn written(content: &Content, operation: Operation) -> String {
        let sender = Sender {
            application: "LABGW".into(),
            facility: "HOSP".into(),
            control_id: "C00001".into(),
            ..Sender::default()
        };
        let about = WriteContext { sender: Some(&sender), operation, ..context() };
        String::from_utf8(write(content, &about)).expect("UTF-8").replace('\r', "\n")
    }

    #[test]
    fn a_key_is_one_zak() {
        let expected = r#"MSH|^~\&|NUXERA|APIKEYS|LABGW|HOSP|20260303090000.045+0000||ACK^Z03^ACK_Z01|8f14e45f-ceea-467f-a|P|2.5.1||||||UNICODE UTF-8
MSA|AA|C00001
ZAK|1|42|nux_live_…bm4k|Lab gateway|live|active|Y|20260301120000.000+0000|""|7||""|0
"#;
        assert_eq!(written(&Content::Key(Box::new(key())), Operation::GetKey), expected);
    }

    #[test]
    fn a_list_numbers_its_keys_and_may_be_empty() {
        let second = KeyView { id: KeyId::new(43).expect("an id"), ..key() };
        let page = KeyPage { keys: vec![key(), second], total: Some(2), next: None };
        let text = written(&Content::Keys(page), Operation::ListKeys);
        let lines: Vec<_> = text.lines().skip(1).collect();
        assert!(
            matches!(lines[..], ["MSA|AA|C00001", one, two] if one.starts_with("ZAK|1|42|") && two.starts_with("ZAK|2|43|"))
        );
        let empty = KeyPage { keys: vec![], total: Some(0), next: None };
        assert!(written(&Content::Keys(empty), Operation::ListKeys).ends_with("\nMSA|AA|C00001\n"));
    }

    #[test]
    fn a_deletion_has_nothing_but_an_acknowledgement() {
        let text = written(&Content::Deleted, Operation::DeleteKey);
        assert!(text.contains("|ACK^Z05^ACK|"));
        assert!(text.ends_with("|UNICODE UTF-8\nMSA|AA|C00001\n"));
    }

    #[test]
    fn the_usage_of_a_key_is_a_total_and_its_days() {
        let usage = UsageView {
            id: KeyId::new(42).expect("an id"),
            usage_count: 5,
            last_used_at: crate::clock::Timestamp::parse("2026-03-01T12:00:00Z"),
            daily: [("2026-02-28", 2), ("2026-03-01", 3)]
                .map(|(date, count)| DailyUsage { date: date.to_owned(), count })
                .into(),
        };
        let text = written(&Content::Usage(usage), Operation::GetUsage);
        let expected =
            "\nMSA|AA|C00001\nZUS|1|42||5|20260301120000.000+0000\nZUS|2|42|20260228|2\nZUS|3|42|20260301|3\n";
        assert!(text.ends_with(expected), "{text}");
        let unused =
            UsageView { id: KeyId::new(42).expect("an id"), usage_count: 0, last_used_at: None, daily: vec![] };
        assert!(written(&Content::Usage(unused), Operation::GetUsage).ends_with("\nZUS|1|42||0|\"\"\n"));
    }

    #[test]
    fn a_check_is_one_zvf() {
        let valid = Verification::Valid {
            user_id: UserId::new(7).expect("an id"),
            id: KeyId::new(42).expect("an id"),
            kind: crate::keys::KeyType::Live,
            status: crate::keys::Status::Active,
        };
        let text = written(&Content::Verification(valid), Operation::VerifyKey);
        assert!(text.ends_with("\nMSA|AA|C00001\nZVF|1|Y||42|7|live|active\n"), "{text}");
        let invalid = Verification::Invalid(crate::error::Refusal::Expired);
        assert!(written(&Content::Verification(invalid), Operation::VerifyKey).ends_with("\nZVF|1|N|expired\n"));
    }

    #[test]
    fn a_problem_is_acknowledged_with_errors() {
        let violations = vec![
            Violation::new("name", Reason::Required, "name is required"),
            Violation::new("body", Reason::VersionId, "MSH-12 (version) must be 2.5.1").at("MSH-12"),
        ];
        let problem = Problem { kind: ErrorKind::Invalid, text: "Invalid request data", violations };
        let text = written(&Content::Problem(problem), Operation::CreateKey);
        let expected = r"MSA|AR|C00001
ERR||ZAK^1^4|101^Required field missing^HL70357|E|400^Bad Request^L|||name is required
ERR||MSH^1^12|203^Unsupported version id^HL70357|E|400^Bad Request^L|||MSH-12 (version) must be 2.5.1
";
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn without_a_control_id_msa_2_repeats_the_request_id() {
        for sender in [None, Some(&Sender::default())] {
            let about = WriteContext { sender, ..context() };
            let text = String::from_utf8(write(&Content::Deleted, &about)).expect("UTF-8");
            assert!(text.starts_with(r"MSH|^~\&|NUXERA|APIKEYS|||20260303090000"), "{text}");
            assert!(text.ends_with("\rMSA|AA|8f14e45f-ceea-467f-a\r"), "{text}");
        }
    }

    #[test]
    fn a_sender_stays_in_its_fields() {
        let sender = Sender {
            application: "LAB^1.2^ISO".into(),
            facility: "a|b\rERR|".into(),
            control_id: "1|2\r34567890123456789012".into(),
            ..Sender::default()
        };
        let about = WriteContext { sender: Some(&sender), ..context() };
        let text = String::from_utf8(write(&Content::Deleted, &about)).expect("UTF-8");
        assert!(text.contains(r"|LAB^1.2^ISO|a\F\b\X0D\ERR\F\|2026"), "{text}");
        assert!(text.ends_with("\rMSA|AA|1\\F\\2\\X0D\\34567890123456789012\r"), "{text}");
    }

    #[test]
    fn an_audit_entry_is_one_zau() {
        let entry = Entry {
            id: uuid::Uuid::from_u128(7),
            at: DateTime::from_timestamp_millis(1_772_528_400_045).expect("a time"),
            action: Action::Update,
            key_id: KeyId::new(42).expect("an id"),
            user_id: UserId::new(7).expect("an id"),
            actor: Actor { user_id: UserId::new(7), role: Role::User },
            source_ip: Some("2001:db8::1".into()),
            request_id: "r-1".into(),
            changes: [
                ("expiry_at".into(), Change { from: "2027-03-01T12:00:00Z".into(), to: Value::Null }),
                ("name".into(), Change { from: "a^b".into(), to: "\"\"".into() }),
            ]
            .into(),
        };
        let system = Entry {
            actor: Actor { user_id: None, role: Role::System },
            source_ip: None,
            changes: [].into(),
            ..entry.clone()
        };
        let page = AuditPage { entries: vec![entry, system], next: None };
        let expected = r#"
ZAU|1|20260303090000.045+0000|update|42|7|user|2001:db8::1|r-1|expiry_at^2027-03-01T12:00:00Z^""~name^a\S\b^\X2222\
ZAU|2|20260303090000.045+0000|update|42|""|system|""|r-1|
"#;
        let text = written(&Content::Audit(page), Operation::ListAudit);
        assert!(text.ends_with(expected), "{text}");
    }
}
