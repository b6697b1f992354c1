//! YAML in the style of openapi.yaml: blocks, with small values on one line.

use serde_yaml_ng::Value;

/// Extensions of a key take one line.
const WIDTH: usize = 180;

/// A value in block style, each line indented.
pub fn block(value: &Value, indent: usize) -> String {
    let lines = lines(value, WIDTH - indent).into_iter().map(|line| format!("{:indent$}{line}\n", ""));
    lines.collect::<Vec<_>>().concat()
}

/// A message in double quotes, a segment per line.
pub fn quoted(message: &str) -> String {
    let escaped = message.replace('\\', r"\\").replace('"', "\\\"");
    let segments: Vec<_> = escaped.split_terminator('\r').map(|segment| format!(r"{segment}\r")).collect();
    format!("\"{}\"", segments.join("\\\n         "))
}

fn lines(value: &Value, width: usize) -> Vec<String> {
    let nested = |start: &str, value: &Value| {
        let line = format!("{start} {}", flow(value));
        // Lists of objects are easier to read below one another.
        let is_small = !has_list_of_objects(value) && line.chars().count() <= width;
        if is_small || !(value.is_mapping() || value.is_sequence()) { Ok(line) } else { Err(lines(value, width - 2)) }
    };
    match value {
        Value::Mapping(members) => members
            .iter()
            .flat_map(|(name, value)| {
                let start = format!("{}:", flow(name));
                match nested(&start, value) {
                    Ok(line) => vec![line],
                    Err(below) => {
                        [start].into_iter().chain(below.into_iter().map(|line| format!("  {line}"))).collect()
                    }
                }
            })
            .collect(),
        Value::Sequence(elements) => elements
            .iter()
            .flat_map(|element| match nested("-", element) {
                Ok(line) => vec![line],
                Err(below) => (0..)
                    .zip(below)
                    .map(|(index, line)| format!("{} {line}", if index == 0 { '-' } else { ' ' }))
                    .collect(),
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => vec![flow(value)],
    }
}

fn has_list_of_objects(value: &Value) -> bool {
    let mut members = value.as_mapping().into_iter().flat_map(|members| members.values());
    let mut elements = value.as_sequence().into_iter().flatten();
    members.any(has_list_of_objects) || elements.any(|element| element.is_mapping() || has_list_of_objects(element))
}

/// A value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::Mapping(members) => {
            let members: Vec<_> =
                members.iter().map(|(name, value)| format!("{}: {}", flow(name), flow(value))).collect();
            format!("{{{}}}", members.join(", "))
        }
        Value::Sequence(elements) => format!("[{}]", elements.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(text) if is_plain(text) => text.clone(),
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Tagged(_) => panic!("FHIR has neither null nor tags: {value:?}"),
    }
}

/// Whether text needs no quotes in any version of YAML.
fn is_plain(text: &str) -> bool {
    let is_word = |text: &str| ["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text);
    let is_safe = |letter: char| letter.is_ascii_alphanumeric() || " _-./:…".contains(letter);
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(is_safe)
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !is_word(&text.to_lowercase())
}
