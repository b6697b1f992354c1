//! Names of keys.

use serde::Serialize;

use crate::keys::free_text;

/// A key's name: 1 to 100 characters, trimmed, without control characters, key strings, or anything that misleads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct KeyName(String);

impl KeyName {
    /// The longest name, in characters (Unicode scalar values).
    pub const MAX_CHARS: usize = 100;

    /// Trims and checks a name; the error is the rule that it breaks.
    ///
    /// # Errors
    ///
    /// If it is empty or too long, or breaks a rule of free texts.
    pub fn new(name: &str) -> Result<Self, &'static str> {
        let name = name.trim();
        match (free_text::broken_rule(name), name.chars().count()) {
            (Some(rule), _) => Err(rule),
            (None, 0) => Err("must not be empty"),
            (None, 1..=Self::MAX_CHARS) => Ok(Self(name.to_owned())),
            (None, _) => Err("must be 1 to 100 characters long"),
        }
    }

    /// A name as it was stored, by whatever rules there were; `None` for one that never was a name.
    #[must_use]
    pub fn stored(name: &str) -> Option<Self> {
        (1..=Self::MAX_CHARS).contains(&name.chars().count()).then(|| Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_trimmed_and_bounded() {
        let name = |text: &str| KeyName::new(text).map(|name| name.0);
        assert_eq!(name("  Lab gateway\t").as_deref(), Ok("Lab gateway"));
        assert_eq!(name(&"é".repeat(100)).as_deref(), Ok("é".repeat(100).as_str()));
        assert!(name(&"é".repeat(101)).is_err());
        assert!(name(" \u{a0}").is_err());
        assert!(name("a\u{7}b").is_err());
        assert!(name("a\u{85}b").is_err(), "C1 controls too");
    }
}
