//! Types of keys.

use crate::names::named;

named! {
    /// The type of a key. The prefix of its string is `nux_test_` when it was made as `test`, else `nux_live_`.
    pub enum KeyType {
        /// Production.
        Live = "live",
        /// Development and testing, with a daily limit.
        Test = "test",
        /// The medical note product.
        AiMedicalNote = "ai-medical-note",
        /// The T2YD product.
        T2yd = "t2yd",
    }
}

impl KeyType {
    /// The type that a request names. An earlier documentation of the API misspells one, and its readers copied it.
    #[must_use]
    pub fn of_request(name: &str) -> Option<Self> {
        if name == "ai-medicial-note" { Some(Self::AiMedicalNote) } else { Self::parse(name) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_documented_misspelling_is_read_and_never_written() {
        assert_eq!(KeyType::of_request("ai-medicial-note"), Some(KeyType::AiMedicalNote));
        assert_eq!(KeyType::parse("ai-medicial-note"), None);
        assert_eq!(KeyType::AiMedicalNote.as_str(), "ai-medical-note");
        for kind in KeyType::ALL {
            assert_eq!(KeyType::of_request(kind.as_str()), Some(kind));
        }
    }
}
