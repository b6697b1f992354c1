//! Results, as tables or JSON. Key strings are written whole to a terminal, or when the caller says so.

use std::io::{IsTerminal as _, Write as _};

use serde_json::Value;

use crate::arguments::{Arguments, Format};
use crate::failure::Failure;
use crate::table::{Table, printable};

/// The digits at a string's end that tell keys apart.
const SHOWN_AT_END: usize = 4;
/// The prefix of a key string, `nux_live_` or `nux_test_`.
const PREFIX: usize = 9;

/// Where results go, and how.
pub struct Output {
    format: Format,
    /// Whether `--reveal` was given.
    reveal: bool,
    is_terminal: bool,
}

impl Output {
    /// Standard output.
    pub fn new(arguments: &Arguments) -> Self {
        Self { format: arguments.format, reveal: arguments.reveal, is_terminal: std::io::stdout().is_terminal() }
    }

    /// Fails if a new key string would not be seen: a deployment may show it this once only.
    pub fn ensure_whole_keys(&self) -> Result<(), Failure> {
        if self.reveal || self.is_terminal {
            return Ok(());
        }
        let problem =
            "the output is no terminal, so the new key string would be left out: add --reveal to write it there";
        Err(Failure::Usage(problem.to_owned()))
    }

    /// A key.
    pub fn key(&self, key: Value) -> Result<(), Failure> {
        let key = shown(key, self.reveal || self.is_terminal);
        if self.format == Format::Json {
            return json(&key);
        }
        let fields = [
            "id",
            "name",
            "key",
            "type",
            "status",
            "is_default",
            "created_at",
            "expiry_at",
            "last_used_at",
            "usage_count",
        ];
        let lines = fields.map(|field| format!("{:<13}{}\n", field.replace('_', " "), printable(&text(&key[field]))));
        write(&lines.concat())
    }

    /// Keys. In a table, their strings are whole only if the caller says so.
    pub fn keys(&self, keys: Vec<Value>) -> Result<(), Failure> {
        if self.format == Format::Json {
            let whole = self.reveal || self.is_terminal;
            return json(&keys.into_iter().map(|key| shown(key, whole)).collect());
        }
        let mut table = Table::new(&["ID", "NAME", "TYPE", "STATUS", "DEFAULT", "EXPIRES", "LAST USED", "USES", "KEY"]);
        for key in keys.into_iter().map(|key| shown(key, self.reveal)) {
            let fields =
                ["id", "name", "type", "status", "is_default", "expiry_at", "last_used_at", "usage_count", "key"];
            table.add(fields.map(|field| text(&key[field])));
        }
        write(&table.to_string())
    }

    /// The entries of a trail.
    pub fn trail(&self, entries: Vec<Value>) -> Result<(), Failure> {
        if self.format == Format::Json {
            return json(&entries.into());
        }
        let mut table = Table::new(&["AT", "ACTION", "BY", "FROM", "CHANGES"]);
        for entry in entries {
            let actor = [text(&entry["actor"]["role"]), text(&entry["actor"]["user_id"])].join(" ");
            let changes = entry["changes"].as_object().into_iter().flatten();
            let changes =
                changes.map(|(field, change)| format!("{field}: {} → {}", text(&change["from"]), text(&change["to"])));
            let changes = changes.collect::<Vec<_>>().join(", ");
            table.add([text(&entry["at"]), text(&entry["action"]), actor, text(&entry["source_ip"]), changes]);
        }
        write(&table.to_string())
    }

    /// An answer of the API that programs get as it is, and people as a text.
    pub fn either(&self, answer: &Value, text: impl FnOnce(&Value) -> String) -> Result<(), Failure> {
        if self.format == Format::Json { json(answer) } else { write(&text(answer)) }
    }
}

fn json(value: &Value) -> Result<(), Failure> {
    write(&format!("{value:#}\n"))
}

/// A key with its whole string, or without its secret.
fn shown(mut key: Value, whole: bool) -> Value {
    if let Some(string) = key["key"].as_str().filter(|_| !whole) {
        key["key"] = masked(string).into();
    }
    key
}

/// A key string without its secret.
fn masked(string: &str) -> String {
    let (start, end) = (string.get(..PREFIX), string.len().checked_sub(SHOWN_AT_END).and_then(|at| string.get(at..)));
    format!("{}…{}", start.unwrap_or_default(), end.unwrap_or_default())
}

/// A value as people read it.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn write(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    Ok(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_string_keeps_its_kind_and_its_end() {
        assert_eq!(masked("nux_live_00000001z000000001HE36JAyaVqD5TkrnWoYvl5Js8fOXfgPl3mY2kq"), "nux_live_…Y2kq");
        assert_eq!(masked("nux_live_…Y2kq"), "nux_live_…Y2kq");
        assert_eq!(masked("x"), "…");
    }
}
