//! What lies in the table: key strings only as hashes and ciphertexts, under a data key that KMS wrapped.

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use tests::Contents;
use tests::deployed::Deployed;

/// The characters of a key that are random: after the prefix and two ids of nine digits, before the checksum.
const SECRET: std::ops::Range<usize> = 27..59;

#[tokio::test]
async fn the_table_gives_no_key_away() {
    const USER_ID: u64 = 4_251;
    let deployed = Deployed::from_env();
    let created = deployed.key(USER_ID, "k").await;
    let rotate = format!("/api/apiKeys/{}/rotate", created["id"]);
    let rotated = deployed.manage(USER_ID, Method::POST, &rotate, None).await;
    let contents = Contents::of(&deployed.table().await).await;
    let mut dump = Vec::new();
    for item in contents.items() {
        for value in item.values() {
            write(&mut dump, value);
        }
    }
    assert!(holds(&dump, format!("USER#{USER_ID}").as_bytes()), "the dump is of this table");
    for key in [created, rotated] {
        let string = key["key"].as_str().expect("a key");
        let secret = &string[SECRET];
        for form in [string.to_owned(), secret.to_owned(), STANDARD.encode(string), STANDARD.encode(secret)] {
            assert!(!holds(&dump, form.as_bytes()), "the table holds the key {} as {form}", key["id"]);
        }
    }
    assert!(!holds(&dump, b"nux_live_") && !holds(&dump, b"nux_test_"));
}

#[tokio::test]
async fn the_data_key_is_wrapped() {
    const USER_ID: u64 = 4_252;
    let deployed = Deployed::from_env();
    deployed.key(USER_ID, "k").await;
    let contents = Contents::of(&deployed.table().await).await;
    let data_key = contents.get("SYSTEM", "DATA_KEY#0000000001").expect("a data key");
    let wrapped = data_key["wrapped"].as_b().expect("bytes");
    assert!(wrapped.as_ref().len() > 32, "more than the 32 bytes of a plain key");
    let names: Vec<&str> = ["PK", "SK", "created_at", "version", "wrapped"].into();
    let mut known: Vec<&str> = data_key.keys().map(String::as_str).collect();
    known.sort_unstable();
    assert_eq!(known, names, "and nothing else is kept of it");
}

/// All texts and bytes of an attribute, one after the other.
fn write(dump: &mut Vec<u8>, value: &AttributeValue) {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => dump.extend(text.as_bytes()),
        AttributeValue::B(bytes) => dump.extend(bytes.as_ref()),
        AttributeValue::M(map) => map.values().for_each(|value| write(dump, value)),
        AttributeValue::L(list) => list.iter().for_each(|value| write(dump, value)),
        AttributeValue::Bool(_) | AttributeValue::Null(_) => {}
        AttributeValue::Bs(_) | AttributeValue::Ns(_) | AttributeValue::Ss(_) | _ => panic!("no attribute is a set"),
    }
    dump.push(b'\n');
}

fn holds(dump: &[u8], part: &[u8]) -> bool {
    dump.windows(part.len()).any(|window| window == part)
}
