//! The fields of a key: one row of a table per field. What reads, writes or checks fields asks this table;
//! `docs/add-a-field.md` lists what else a new field needs.

use crate::operation::Operation;

/// A field of a key, in requests, in responses or in both.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The JSON name, also the name of a FHIR parameter and the name in the audit trail.
    pub name: &'static str,
    /// The type of its values.
    pub kind: FieldType,
    /// HL7 v2: the number of its field in a ZAK segment.
    pub zak: usize,
    /// FHIR: the end of its extension's URL in a `Basic`. The others are elements of the resource, or not in it.
    pub extension: Option<&'static str>,
    /// Whether responses have it. They have all such fields, in the order of the table.
    pub is_shown: bool,
    /// The operations whose requests may have it.
    pub input_of: &'static [Operation],
    /// Whether the audit trail records its changes.
    pub is_audited: bool,
}

/// The type of a field's values, which decides their notation in each format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// The id of a key or a user.
    Id,
    /// Text.
    Text,
    /// One of a set of codes.
    Code,
    /// A boolean.
    Flag,
    /// A point in time.
    Time,
    /// A count, of up to 64 bits.
    Count,
    /// A number of seconds, of up to 32 bits.
    Seconds,
}

/// A field of responses that clients do not set.
const SHOWN_ONLY: Field = Field {
    name: "",
    kind: FieldType::Text,
    zak: 0,
    extension: None,
    is_shown: true,
    input_of: &[],
    is_audited: false,
};

/// A field of requests that is not in responses.
const INPUT_ONLY: Field = Field { is_shown: false, ..SHOWN_ONLY };

/// Every field, in the order of ZAK segments and of JSON. New ones go to the end: HL7 clients count.
pub const FIELDS: [Field; 13] = [
    Field {
        name: "id",
        kind: FieldType::Id,
        zak: 2,
        input_of: &[Operation::SetDefault, Operation::RemoveDefault],
        ..SHOWN_ONLY
    },
    Field {
        name: "key",
        kind: FieldType::Text,
        zak: 3,
        extension: Some("api-key-value"),
        input_of: &[Operation::VerifyKey, Operation::LookupKey],
        ..SHOWN_ONLY
    },
    Field {
        name: "name",
        kind: FieldType::Text,
        zak: 4,
        extension: Some("api-key-name"),
        input_of: &[Operation::CreateKey, Operation::UpdateKey],
        is_audited: true,
        ..SHOWN_ONLY
    },
    Field {
        name: "type",
        kind: FieldType::Code,
        zak: 5,
        extension: Some("api-key-type"),
        input_of: &[Operation::CreateKey, Operation::UpdateKey],
        is_audited: true,
        ..SHOWN_ONLY
    },
    Field {
        name: "status",
        kind: FieldType::Code,
        zak: 6,
        extension: Some("api-key-status"),
        input_of: &[Operation::CreateKey],
        is_audited: true,
        ..SHOWN_ONLY
    },
    Field {
        name: "is_default",
        kind: FieldType::Flag,
        zak: 7,
        extension: Some("api-key-is-default"),
        is_audited: true,
        ..SHOWN_ONLY
    },
    Field { name: "created_at", kind: FieldType::Time, zak: 8, extension: Some("api-key-created-at"), ..SHOWN_ONLY },
    Field {
        name: "expiry_at",
        kind: FieldType::Time,
        zak: 9,
        extension: Some("api-key-expiry-at"),
        input_of: &[Operation::CreateKey, Operation::UpdateKey],
        is_audited: true,
        ..SHOWN_ONLY
    },
    Field { name: "user_id", kind: FieldType::Id, zak: 10, ..SHOWN_ONLY },
    Field { name: "old_id", kind: FieldType::Id, zak: 11, input_of: &[Operation::SetDefault], ..INPUT_ONLY },
    Field {
        name: "last_used_at",
        kind: FieldType::Time,
        zak: 12,
        extension: Some("api-key-last-used-at"),
        ..SHOWN_ONLY
    },
    Field {
        name: "usage_count",
        kind: FieldType::Count,
        zak: 13,
        extension: Some("api-key-usage-count"),
        ..SHOWN_ONLY
    },
    Field {
        name: "grace_period_seconds",
        kind: FieldType::Seconds,
        zak: 14,
        input_of: &[Operation::RotateKey],
        ..INPUT_ONLY
    },
];

/// Names in the audit trail that are no fields of requests or responses.
pub const TRAIL_ONLY: [&str; 1] = ["previous_key_until"];

/// The number of the first field of a key in a ZAK segment: ZAK-1 is the set id.
pub const FIRST_ZAK: usize = 2;

/// ZAK segments have no gaps.
const _: () = {
    let mut index = 0;
    while index < FIELDS.len() {
        assert!(FIELDS[index].zak == index + FIRST_ZAK);
        index += 1;
    }
};

const SHOWN_COUNT: usize = {
    let (mut index, mut count) = (0, 0);
    while index < FIELDS.len() {
        if FIELDS[index].is_shown {
            count += 1;
        }
        index += 1;
    }
    count
};

/// The fields of responses.
pub const SHOWN: [Field; SHOWN_COUNT] = {
    let mut shown = [SHOWN_ONLY; SHOWN_COUNT];
    let (mut index, mut count) = (0, 0);
    while index < FIELDS.len() {
        if FIELDS[index].is_shown {
            shown[count] = FIELDS[index];
            count += 1;
        }
        index += 1;
    }
    shown
};

impl Field {
    /// The field of a JSON name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        FIELDS.iter().find(|field| field.name == name)
    }

    /// The field of a number in a ZAK segment.
    #[must_use]
    pub fn of_zak(number: usize) -> Option<&'static Self> {
        FIELDS.get(number.checked_sub(FIRST_ZAK)?)
    }

    /// The field of an extension.
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<&'static Self> {
        FIELDS.iter().find(|field| field.extension == Some(extension))
    }

    /// Whether requests of an operation may set it.
    #[must_use]
    pub fn is_input_of(&self, operation: Operation) -> bool {
        self.input_of.contains(&operation)
    }

    /// Whether requests of an operation may have it: to set it, or as responses have it.
    #[must_use]
    pub fn may_be_in(&self, operation: Operation) -> bool {
        self.is_input_of(operation) || self.is_shown && operation.takes_unchanged()
    }
}
