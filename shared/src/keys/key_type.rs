//! Types of keys.

use serde::Serialize;

/// The type of a key. The prefix of its string is `nux_test_` when it was made as `test`, else `nux_live_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyType {
    /// Production.
    Live,
    /// Development and testing, with a daily limit.
    Test,
    /// The medical note product.
    AiMedicalNote,
    /// The T2YD product.
    T2yd,
}

impl KeyType {
    /// Every type.
    pub const ALL: [Self; 4] = [Self::Live, Self::Test, Self::AiMedicalNote, Self::T2yd];

    /// The type's name in every format and in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
            Self::AiMedicalNote => "ai-medical-note",
            Self::T2yd => "t2yd",
        }
    }

    /// The type of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}
