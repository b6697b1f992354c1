//! Usage and verification results as `Parameters` resources (R4).

use serde::Serialize;

use super::data_types::instant;
use crate::format::digits::decimal;
use crate::keys::{DailyUsage, UsageView, Verification};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Parameters<'a> {
    resource_type: &'static str,
    parameter: Vec<Parameter<'a>>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Parameter<'a> {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_string: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_boolean: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_instant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value_date: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    part: Vec<Parameter<'a>>,
}

impl<'a> Parameters<'a> {
    /// The usage of a key, with a part per day.
    pub(super) fn usage(usage: &'a UsageView) -> Self {
        let UsageView { id, usage_count, last_used_at, daily } = usage;
        let mut parameter = vec![number("id", id.get()), number("usage_count", *usage_count)];
        parameter.extend(last_used_at.map(|time| Parameter {
            name: "last_used_at",
            value_instant: Some(instant(time.time())),
            ..Parameter::default()
        }));
        parameter.extend(daily.iter().map(|DailyUsage { date, count }| Parameter {
            name: "daily",
            part: vec![
                Parameter { name: "date", value_date: Some(date), ..Parameter::default() },
                number("count", *count),
            ],
            ..Parameter::default()
        }));
        Self { resource_type: "Parameters", parameter }
    }

    /// The result of a verification.
    pub(super) fn verification(verification: &Verification) -> Self {
        let valid = |valid| Parameter { name: "valid", value_boolean: Some(valid), ..Parameter::default() };
        let parameter = match verification {
            Verification::Valid { user_id, id, kind, status } => vec![
                valid(true),
                number("user_id", user_id.get()),
                number("id", id.get()),
                code("type", kind.as_str()),
                code("status", status.as_str()),
            ],
            Verification::Invalid(refusal) => vec![valid(false), code("reason", refusal.as_str())],
        };
        Self { resource_type: "Parameters", parameter }
    }
}

/// Ids and counts are strings: FHIR's integers have 32 bits.
fn number(name: &'static str, number: u64) -> Parameter<'static> {
    Parameter { name, value_string: Some(decimal(number)), ..Parameter::default() }
}

fn code(name: &'static str, code: &'static str) -> Parameter<'static> {
    Parameter { name, value_code: Some(code), ..Parameter::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, to_value};

    use super::*;
    use crate::clock::Timestamp;
    use crate::error::Refusal;
    use crate::ids::{KeyId, UserId};
    use crate::keys::{KeyType, Status};

    fn parameters(parameters: &Parameters<'_>) -> Value {
        let resource = to_value(parameters).expect("JSON");
        assert_eq!(resource["resourceType"], "Parameters");
        resource["parameter"].clone()
    }

    #[test]
    fn the_usage_of_a_key_has_a_part_per_day() {
        let usage = UsageView {
            id: KeyId::new(42).expect("an id"),
            usage_count: 9_007_199_254_740_993,
            last_used_at: Timestamp::parse("2026-03-01T12:00:00Z"),
            daily: vec![DailyUsage { date: "2026-03-01".to_owned(), count: 3 }],
        };
        let expected = json!([
            {"name": "id", "valueString": "42"},
            {"name": "usage_count", "valueString": "9007199254740993"},
            {"name": "last_used_at", "valueInstant": "2026-03-01T12:00:00.000Z"},
            {"name": "daily", "part": [
                {"name": "date", "valueDate": "2026-03-01"},
                {"name": "count", "valueString": "3"},
            ]},
        ]);
        assert_eq!(parameters(&Parameters::usage(&usage)), expected);
    }

    #[test]
    fn a_verification_has_the_owner_or_the_reason() {
        let valid = Verification::Valid {
            user_id: UserId::new(7).expect("an id"),
            id: KeyId::new(42).expect("an id"),
            kind: KeyType::Live,
            status: Status::Active,
        };
        let expected = json!([
            {"name": "valid", "valueBoolean": true},
            {"name": "user_id", "valueString": "7"},
            {"name": "id", "valueString": "42"},
            {"name": "type", "valueCode": "live"},
            {"name": "status", "valueCode": "active"},
        ]);
        assert_eq!(parameters(&Parameters::verification(&valid)), expected);
        let expected = json!([{"name": "valid", "valueBoolean": false}, {"name": "reason", "valueCode": "paused"}]);
        assert_eq!(parameters(&Parameters::verification(&Verification::Invalid(Refusal::Paused))), expected);
    }
}
