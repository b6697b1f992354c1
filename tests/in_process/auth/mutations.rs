//! Damaged tokens: no mutation of a valid token is accepted.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::Index;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use serde_json::json;
use shared::Error;
use shared::edge::auth::Authenticator;
use tests::TestApp;
use tests::tokens::SECRET;

use super::{
    ED25519, NOW, P256, RSA, assert_accepted, assert_invalid, claims, header, hs256, jwt_config, key_set,
    with_public_keys,
};

/// The characters of tokens, similar ones, and delimiters of headers, segments and strings.
const REPLACEMENTS: &str =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/~,;:'\"\\%& \t\r\n\0\u{7f}éＡ";

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).expect("a time")
}

fn authenticator() -> Authenticator {
    let jwks = key_set(&[(&RSA, "r"), (&P256, "e"), (&ED25519, "d")]);
    Authenticator::new(&jwt_config(&[("JWT_SECRET", SECRET), ("JWT_JWKS", &jwks)])).expect("keys")
}

/// A valid token of each algorithm.
fn valid_tokens() -> Vec<String> {
    let claims = claims();
    vec![
        hs256(&claims),
        RSA.token(&header("RS256", Some("r")), &claims),
        P256.token(&header("ES256", Some("e")), &claims),
        ED25519.token(&header("EdDSA", Some("d")), &claims),
    ]
}

async fn accepts(authenticator: &Authenticator, token: &str) -> bool {
    match authenticator.authenticate(Some(&format!("Bearer {token}")), now()).await {
        Ok(_) => true,
        Err(Error::TokenInvalid { .. } | Error::TokenRequired) => false,
        Err(other) => panic!("{token:?}: {other:?}"),
    }
}

/// A single mutation.
#[derive(Clone, Debug)]
enum Damage {
    FlipBit { at: Index, bit: u8 },
    FlipBitWithin { segment: Index, at: Index, bit: u8 },
    Cut { from: Index, to: Index },
    Repeat { from: Index, to: Index },
    Insert { at: Index, text: String },
    SwapSegments { one: Index, other: Index },
    RepeatSegment { one: Index },
    DropSegment { one: Index },
    Pad { segment: Index },
    StandardAlphabet { segment: Index },
    PercentEncode { at: Index },
    SwapCase { at: Index },
    Twice,
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<Index>;
    prop_oneof![
        (index(), 0..7_u8).prop_map(|(at, bit)| Damage::FlipBit { at, bit }),
        (index(), index(), 0..8_u8).prop_map(|(segment, at, bit)| Damage::FlipBitWithin { segment, at, bit }),
        (index(), index()).prop_map(|(from, to)| Damage::Cut { from, to }),
        (index(), index()).prop_map(|(from, to)| Damage::Repeat { from, to }),
        (index(), "[ -~\u{80}-\u{ff}]{1,9}").prop_map(|(at, text)| Damage::Insert { at, text }),
        (index(), "[.=A-Za-z0-9_ -]{1,9000}").prop_map(|(at, text)| Damage::Insert { at, text }),
        (index(), index()).prop_map(|(one, other)| Damage::SwapSegments { one, other }),
        index().prop_map(|one| Damage::RepeatSegment { one }),
        index().prop_map(|one| Damage::DropSegment { one }),
        index().prop_map(|segment| Damage::Pad { segment }),
        index().prop_map(|segment| Damage::StandardAlphabet { segment }),
        index().prop_map(|at| Damage::PercentEncode { at }),
        index().prop_map(|at| Damage::SwapCase { at }),
        Just(Damage::Twice),
    ]
}

impl Damage {
    fn to(&self, token: &str) -> String {
        let characters: Vec<char> = token.chars().collect();
        let mut segments: Vec<String> = token.split('.').map(str::to_owned).collect();
        let (length, count) = (characters.len().max(1), segments.len());
        let text = |characters: &[char]| characters.iter().collect::<String>();
        let range = |from: &Index, to: &Index| {
            let (from, to) = (from.index(length), to.index(length));
            from.min(to)..(from.max(to) + 1).min(characters.len())
        };
        let replaced = |at: usize, by: String| {
            let rest = characters.get(at + 1..).unwrap_or_default();
            text(&characters[..at.min(characters.len())]) + &by + &text(rest)
        };
        match self {
            Self::FlipBit { at, bit } => {
                let at = at.index(length);
                let flipped = characters.get(at).and_then(|old| char::from_u32(u32::from(*old) ^ (1 << bit)));
                replaced(at, flipped.map(String::from).unwrap_or_default())
            }
            Self::FlipBitWithin { segment, at, bit } => {
                let segment = &mut segments[segment.index(count)];
                if let Ok(mut bytes) = URL_SAFE_NO_PAD.decode(&*segment)
                    && !bytes.is_empty()
                {
                    let at = at.index(bytes.len());
                    bytes[at] ^= 1 << bit;
                    *segment = URL_SAFE_NO_PAD.encode(bytes);
                }
                segments.join(".")
            }
            Self::Cut { from, to } => {
                let range = range(from, to);
                text(&characters[..range.start]) + &text(&characters[range.end..])
            }
            Self::Repeat { from, to } => {
                let range = range(from, to);
                text(&characters[..range.end]) + &text(&characters[range.start..])
            }
            Self::Insert { at, text: inserted } => {
                let at = at.index(length + 1).min(characters.len());
                text(&characters[..at]) + inserted + &text(&characters[at..])
            }
            Self::SwapSegments { one, other } => {
                segments.swap(one.index(count), other.index(count));
                segments.join(".")
            }
            Self::RepeatSegment { one } => {
                let one = one.index(count);
                segments.insert(one, segments[one].clone());
                segments.join(".")
            }
            Self::DropSegment { one } => {
                segments.remove(one.index(count));
                segments.join(".")
            }
            Self::Pad { segment } => Self::encoded_anew(segments, *segment, |bytes| URL_SAFE.encode(bytes)),
            Self::StandardAlphabet { segment } => {
                Self::encoded_anew(segments, *segment, |bytes| STANDARD.encode(bytes))
            }
            Self::PercentEncode { at } => {
                let at = at.index(length);
                let encoded = characters.get(at).map(|old| format!("%{:02X}", u32::from(*old)));
                replaced(at, encoded.unwrap_or_default())
            }
            Self::SwapCase { at } => {
                let at = at.index(length);
                let swapped = characters.get(at).map(|old| {
                    if old.is_ascii_uppercase() { old.to_ascii_lowercase() } else { old.to_ascii_uppercase() }
                });
                replaced(at, swapped.map(String::from).unwrap_or_default())
            }
            Self::Twice => format!("{token}, Bearer {token}"),
        }
    }

    fn encoded_anew(mut segments: Vec<String>, one: Index, encode: impl Fn(Vec<u8>) -> String) -> String {
        let one = one.index(segments.len());
        if let Ok(bytes) = URL_SAFE_NO_PAD.decode(&segments[one]) {
            segments[one] = encode(bytes);
        }
        segments.join(".")
    }
}

/// Damaged tokens, the same ones in every run.
fn damaged(cases: u32, check: impl Fn(&str) -> Result<(), TestCaseError>) {
    let tokens = valid_tokens();
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let strategy = (0..tokens.len(), proptest::collection::vec(damage(), 1..4));
    let outcome = runner.run(&strategy, |(which, damages)| {
        let token = damages.iter().fold(tokens[which].clone(), |token, damage| damage.to(&token));
        // Some mutations cancel out or change nothing; white space around a token is not part of it.
        if token.trim() == tokens[which] { Ok(()) } else { check(&token) }
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[tokio::test]
async fn no_character_of_a_token_can_be_another() {
    let authenticator = authenticator();
    for token in valid_tokens() {
        assert!(accepts(&authenticator, &token).await, "{token}");
        for (at, old) in token.char_indices() {
            // One in eleven is tried in its place, but all where a segment ends: the last bits there mean nothing, and
            // must be zero all the same (RFC 4648, section 3.5).
            let ends = token[at + 1..].is_empty() || token[at + 1..].starts_with('.') || old == '.';
            let step = if ends { 1 } else { 11 };
            for new in REPLACEMENTS.chars().skip(at % step).step_by(step).filter(|new| *new != old) {
                let damaged = format!("{}{new}{}", &token[..at], &token[at + 1..]);
                assert!(!accepts(&authenticator, &damaged).await, "{new:?} for {old:?} at {at} of {token}");
            }
            assert!(!accepts(&authenticator, &token[..at]).await, "{at} characters of {token}");
        }
    }
}

#[tokio::test]
async fn the_parts_of_different_tokens_make_none() {
    let authenticator = authenticator();
    let mut tokens = valid_tokens();
    let others = json!({"user_id": 8, "exp": NOW + 60}).to_string();
    tokens.push(hs256(&others));
    tokens.push(RSA.token(&header("RS256", Some("r")), &others));
    let parts: Vec<Vec<&str>> = tokens.iter().map(|token| token.split('.').collect()).collect();
    let all = || parts.iter();
    for (head, body, tail) in all().flat_map(|a| all().flat_map(move |b| all().map(move |c| (a[0], b[1], c[2])))) {
        let token = format!("{head}.{body}.{tail}");
        assert_eq!(accepts(&authenticator, &token).await, tokens.contains(&token), "{token}");
    }
}

#[test]
fn a_damaged_token_is_refused() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let authenticator = authenticator();
    damaged(4_000, |token| {
        let accepted = runtime.block_on(accepts(&authenticator, token));
        if accepted { Err(TestCaseError::fail(format!("accepted: {token}"))) } else { Ok(()) }
    });
}

#[test]
fn a_call_with_a_damaged_token_is_refused_and_leaves_nothing() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let test: TestApp = runtime.block_on(with_public_keys(SECRET));
    damaged(300, |token| {
        runtime.block_on(async {
            // An empty text is not a token, and no header has control characters.
            if !token.trim().is_empty() && !token.contains(char::is_control) {
                assert_invalid(&test, token, token).await;
            }
        });
        Ok(())
    });
    runtime.block_on(assert_accepted(&test, &valid_tokens()[1], 7, "undamaged"));
}
