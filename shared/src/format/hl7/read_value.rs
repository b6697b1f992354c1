//! What requests have in common, whichever segments hold it: the values of fields.

use serde_json::Value;

use super::message::{Field, Given};
use super::time;
use crate::fields::FieldType;
use crate::ids::KeyId;

pub(super) fn is_segment_name(name: &str) -> bool {
    name.len() == 3 && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

pub(super) fn check_path_id(field: Field<'_>, path_id: Option<KeyId>) -> Result<(), String> {
    match field.single() {
        Ok(Given::Value(id)) if KeyId::parse(&id) == path_id => Ok(()),
        Ok(Given::Value(_) | Given::Null | Given::Absent) | Err(_) => {
            Err("id must match the id in the path".to_owned())
        }
    }
}

/// The value of a field in the notation of JSON, given the UTC offset of the message; the error is the rule that it breaks.
pub(super) fn read_value(kind: FieldType, field: Field<'_>, offset: Option<&str>) -> Result<Value, String> {
    let text = match field.single()? {
        Given::Absent | Given::Null => return Ok(Value::Null),
        Given::Value(text) => text,
    };
    match kind {
        FieldType::Id => match KeyId::parse(&text) {
            Some(id) => Ok(id.get().into()),
            None => Err("must be an integer from 1 to 9007199254740991".to_owned()),
        },
        FieldType::Seconds => match text.parse::<u32>() {
            Ok(seconds) => Ok(seconds.into()),
            Err(_) => Err("must be a whole number".to_owned()),
        },
        FieldType::Time => match time::parse(&text, offset) {
            Some(time) => Ok(time.to_string().into()),
            None => Err(time::EXPECTED.to_owned()),
        },
        FieldType::Flag => match &*text {
            "Y" => Ok(true.into()),
            "N" => Ok(false.into()),
            _ => Err("must be Y or N".to_owned()),
        },
        FieldType::Count => text.parse::<u64>().map(Value::from).map_err(|_| "must be a whole number".to_owned()),
        FieldType::Text | FieldType::Code => Ok(text.into_owned().into()),
    }
}
