//! Properties of every key and every text.

use proptest::prelude::*;
use serde_json::Value;

use super::escape::{Delimiters, push_encoded};
use super::message::{Given, Message};
use super::zak::ZAK;
use super::{read, time, write};
use crate::fields::FieldType;
use crate::format::exchange::{Content, ReadContext, Sender};
use crate::format::samples::{cases, context, key_view, name, read_back, text, values};
use crate::ids::KeyId;
use crate::keys::{KeyPage, KeyView};
use crate::operation::Operation;

/// The keys of a message, by our own reader of segments.
fn keys(message: &str) -> Option<Vec<KeyView>> {
    let message = Message::parse(message).ok()?;
    let zaks = message.segments().filter(|segment| segment.name() == ZAK);
    zaks.map(|zak| {
        let fields: Vec<_> = zak.fields().map(|field| field.single().ok()).collect::<Option<_>>()?;
        read_back(|field| match (fields.get(field.zak - 1)?, field.kind) {
            (Given::Absent, _) => None,
            (Given::Null, _) => Some(Value::Null),
            (Given::Value(text), FieldType::Id | FieldType::Count | FieldType::Seconds) => {
                Some(text.parse::<u64>().ok()?.into())
            }
            (Given::Value(text), FieldType::Text | FieldType::Code) => Some((**text).into()),
            (Given::Value(text), FieldType::Flag) => Some((*text == "Y").into()),
            (Given::Value(text), FieldType::Time) => Some(time::parse(text, None)?.to_string().into()),
        })
    })
    .collect()
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn keys_survive_writing_and_reading(views in proptest::collection::vec(key_view(), 0..4)) {
        let page = KeyPage { total: Some(3), next: None, keys: views.clone() };
        let message = String::from_utf8(write(&Content::Keys(page), &context())).expect("UTF-8");
        prop_assert_eq!(message.split('\r').count(), 2 + views.len() + 1, "{:?}", message);
        prop_assert_eq!(keys(&message), Some(views));
    }

    #[test]
    fn texts_survive_the_encoding(text in text()) {
        let mut encoded = String::new();
        push_encoded(&mut encoded, &text);
        prop_assert!(!encoded.chars().any(|char| char.is_control() || "|^~&".contains(char)));
        prop_assert_eq!(Delimiters::RECOMMENDED.decode(&encoded), Ok(text.into()));
    }

    #[test]
    fn names_are_read_with_any_delimiters(
        name in name(),
        delimiters in Just("!#$%&()*+,-./:;<=>?@[\\]^_`{|}~".chars().collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let [field, component, repetition, escape, subcomponent] = delimiters[..5].try_into().expect("five");
        let encode = |text: &str| {
            text.chars().fold(String::new(), |mut encoded, char| {
                let sequence = [(field, 'F'), (component, 'S'), (repetition, 'R'), (escape, 'E'), (subcomponent, 'T')];
                match sequence.into_iter().find(|(delimiter, _)| *delimiter == char) {
                    Some((_, letter)) => encoded.extend([escape, letter, escape]),
                    None => encoded.push(char),
                }
                encoded
            })
        };
        let two_quotes = format!("{escape}X2222{escape}");
        let encoded_name = if name.as_str() == "\"\"" { two_quotes } else { encode(name.as_str()) };
        let message_type = format!("ZAK{component}{}", Operation::UpdateKey.trigger_event());
        let header = ["LAB", "", "", "", "", "", &message_type, &encode("#|~"), "P", &encode("2.5.1")];
        let encoding = String::from_iter([component, repetition, escape, subcomponent]);
        let separator = field.to_string();
        let message = format!(
            "MSH{field}{encoding}{field}{}\rZAK{}",
            header.join(&separator),
            ["", "1", "", "", &encoded_name].join(&separator)
        );
        let expected = ReadContext { operation: Operation::UpdateKey, path_id: KeyId::new(42), path_field: None, fhir_base: "", charset: None };
        let incoming = read(message.as_bytes(), expected);
        let sender = Sender { application: "LAB".into(), facility: String::new(), control_id: "#|~".into(), ..Sender::default() };
        prop_assert_eq!(incoming.sender.as_ref(), Some(&sender));
        prop_assert_eq!(values(incoming, &["name"]), Ok(vec![name.as_str().into()]), "{:?}", message);
    }

    #[test]
    fn the_reader_survives_any_bytes(
        mut body in proptest::collection::vec(any::<u8>(), 0..200),
        prefix in prop_oneof![Just(""), Just("MSH|^~\\&|"), Just("MSH|^~\\&|||||||ZAK^Z04^ZAK_Z01|1|P|2.5.1\rZAK|1|")],
    ) {
        body.splice(0..0, prefix.bytes());
        let expected = ReadContext { operation: Operation::UpdateKey, path_id: KeyId::new(42), path_field: None, fhir_base: "", charset: None };
        let incoming = read(&body, expected);
        prop_assert_eq!(incoming.sender.is_some(), !prefix.is_empty());
    }
}
