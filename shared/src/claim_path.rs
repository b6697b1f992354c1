//! Where a claim is in a token.

use serde_json::{Map, Value};

/// The name of a claim, or the names that lead to it through objects.
///
/// As text, dots divide the names: `realm_access.roles`. Dots that belong to a name follow a backslash:
/// `https://nuxera\.cloud/user_id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Vec<String>);

impl ClaimPath {
    /// Reads a path; `None` if a name is empty or a backslash stands before anything but a dot or a backslash.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut names = vec![String::new()];
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            let character = match character {
                '.' => {
                    names.push(String::new());
                    continue;
                }
                '\\' => characters.next().filter(|escaped| matches!(escaped, '.' | '\\'))?,
                other => other,
            };
            names.last_mut()?.push(character);
        }
        names.iter().all(|name| !name.is_empty()).then_some(Self(names))
    }

    /// The claim, if it is there.
    #[must_use]
    pub fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        let (first, inner) = self.0.split_first()?;
        inner.iter().try_fold(claims.get(first)?, |value, name| value.get(name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_to_a_claim_or_nowhere() {
        let claims =
            json!({"a": {"b": {"c": 1}, "b.c": 2}, "a.b": 3, "https://n.example/id": 4, "x\\y": 5, "list": [6]});
        let claims = claims.as_object().expect("an object");
        for (path, expected) in [
            ("a.b.c", Some(json!(1))),
            (r"a.b\.c", Some(json!(2))),
            (r"a\.b", Some(json!(3))),
            (r"https://n\.example/id", Some(json!(4))),
            (r"x\\y", Some(json!(5))),
            ("a.b", Some(json!({"c": 1}))),
            ("a.c", None),
            ("a.b.c.d", None),
            ("list.0", None),
            ("https://n.example/id", None),
        ] {
            let found = ClaimPath::parse(path).expect(path).find(claims).cloned();
            assert_eq!(found, expected, "{path}");
        }
        for path in ["", ".", "a.", ".a", "a..b", r"a\b", r"a\"] {
            assert_eq!(ClaimPath::parse(path), None, "{path}");
        }
    }
}
