//! What holds for every key and every text.

use proptest::prelude::*;

use super::escape::{Delimiters, push_encoded};
use super::message::{Given, Message};
use super::{ZAK, read, time, write};
use crate::format::samples::{cases, context, key_view, name, shown, text, values};
use crate::format::{Content, ReadContext, Sender};
use crate::ids::{KeyId, UserId};
use crate::keys::{KeyName, KeyPage, KeyType, KeyView, Status};
use crate::operation::Operation;

/// The keys of a message, by our own reader of segments.
fn keys(message: &str) -> Option<Vec<KeyView>> {
    let message = Message::parse(message).ok()?;
    let zaks = message.segments().filter(|segment| segment.name() == ZAK);
    zaks.map(|zak| {
        let fields: Vec<_> = zak.fields().map(|field| field.single().ok()).collect::<Option<_>>()?;
        let value = |number: usize| match fields.get(number - 1)? {
            Given::Value(value) => Some(value.as_ref()),
            Given::Absent | Given::Null => None,
        };
        let null_or_time = |number: usize| match fields.get(number - 1)? {
            Given::Null => Some(None),
            Given::Value(value) => Some(Some(time::parse(value)?)),
            Given::Absent => None,
        };
        Some(KeyView {
            id: KeyId::parse(value(2)?)?,
            key: shown(value(3)?),
            name: KeyName::new(value(4)?).ok()?,
            kind: KeyType::parse(value(5)?)?,
            status: Status::parse(value(6)?)?,
            is_default: value(7)? == "Y",
            created_at: time::parse(value(8)?)?,
            expiry_at: null_or_time(9)?,
            user_id: UserId::parse(value(10)?)?,
            last_used_at: null_or_time(12)?,
            usage_count: value(13)?.parse().ok()?,
        })
    })
    .collect()
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn keys_survive_the_way_there_and_back(views in proptest::collection::vec(key_view(), 0..4)) {
        let page = KeyPage { total: 3, next: None, keys: views.clone() };
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
        let expected = ReadContext { operation: Operation::UpdateKey, path_id: KeyId::new(42), fhir_base: "" };
        let incoming = read(message.as_bytes(), expected);
        let sender = Sender { application: "LAB".into(), facility: String::new(), control_id: "#|~".into() };
        prop_assert_eq!(incoming.sender.as_ref(), Some(&sender));
        prop_assert_eq!(values(incoming, &["name"]), Ok(vec![name.as_str().into()]), "{:?}", message);
    }

    #[test]
    fn no_bytes_upset_the_reader(
        mut body in proptest::collection::vec(any::<u8>(), 0..200),
        prefix in prop_oneof![Just(""), Just("MSH|^~\\&|"), Just("MSH|^~\\&|||||||ZAK^Z04^ZAK_Z01|1|P|2.5.1\rZAK|1|")],
    ) {
        body.splice(0..0, prefix.bytes());
        let expected = ReadContext { operation: Operation::UpdateKey, path_id: KeyId::new(42), fhir_base: "" };
        let incoming = read(&body, expected);
        prop_assert_eq!(incoming.sender.is_some(), !prefix.is_empty());
    }
}
