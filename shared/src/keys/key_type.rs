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
