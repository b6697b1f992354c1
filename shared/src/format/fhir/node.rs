//! JSON as sent: repeated members are kept, which `serde_json::Value` would merge.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

/// A JSON value. Reading one is bounded in depth by `serde_json`, which gives up at 128.
#[derive(Debug)]
pub(super) enum Node<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Object(Vec<Member<'a>>),
}

/// A member of an object: its name and value.
pub(super) type Member<'a> = (Cow<'a, str>, Node<'a>);

impl<'a> Node<'a> {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    pub(super) fn flag(&self) -> Option<bool> {
        if let Self::Bool(flag) = self { Some(*flag) } else { None }
    }

    pub(super) fn number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            Self::Null | Self::Bool(_) | Self::Text(_) | Self::List(_) | Self::Object(_) => None,
        }
    }

    pub(super) fn list(&self) -> Option<&[Node<'a>]> {
        match self {
            Self::List(nodes) => Some(nodes),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Object(_) => None,
        }
    }

    pub(super) fn object(&self) -> Option<&[Member<'a>]> {
        match self {
            Self::Object(members) => Some(members),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => None,
        }
    }

    /// A member of an object that has none twice.
    pub(super) fn member(&self, name: &str) -> Option<&Self> {
        self.object()?.iter().find(|(known, _)| known == name).map(|(_, node)| node)
    }

    /// Whether an object in it has a member twice.
    pub(super) fn repeats_a_member(&self) -> bool {
        match self {
            Self::Object(members) => {
                let names: BTreeSet<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
                names.len() < members.len() || members.iter().any(|(_, node)| node.repeats_a_member())
            }
            Self::List(nodes) => nodes.iter().any(Self::repeats_a_member),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => false,
        }
    }

    /// The required members of an object that has no others but the optional ones; nothing for any other node.
    pub(super) fn exactly<const N: usize, const M: usize>(
        &self,
        required: [&str; N],
        optional: [&str; M],
    ) -> Option<[&Node<'a>; N]> {
        let members = self.object()?;
        let known = |name: &str| required.contains(&name) || optional.contains(&name);
        let count = |name: &str| members.iter().filter(|(member, _)| member == name).count();
        // Unknown members are looked for first, so that the rest of the search is over a few names.
        if !members.iter().all(|(name, _)| known(name)) || optional.iter().any(|name| count(name) > 1) {
            return None;
        }
        let mut found = [self; N];
        for (name, slot) in required.iter().zip(&mut found) {
            let mut values = members.iter().filter(|(member, _)| member == name).map(|(_, value)| value);
            *slot = values.next()?;
            if values.next().is_some() {
                return None;
            }
        }
        Some(found)
    }
}

impl<'de> Deserialize<'de> for Node<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node<'de>, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node<'de>, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node<'de>, E> {
        Ok(Node::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node<'de>, E> {
        Ok(Number::from_f64(number).map_or(Node::Null, Node::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'de>, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node<'de>, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = list.next_element()? {
            nodes.push(node);
        }
        Ok(Node::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((Node::Text(name), value)) = map.next_entry::<Node<'de>, Node<'de>>()? {
            members.push((name, value));
        }
        Ok(Node::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Node<'_>, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn repeated_members_are_kept() {
        let node = parse(r#"{"a":1,"b\n":[true,null,-1.5],"a":"é"}"#).expect("JSON");
        let names: Vec<_> = node.object().expect("an object").iter().map(|(name, _)| name.as_ref()).collect();
        assert_eq!(names, ["a", "b\n", "a"]);
    }

    #[test]
    fn repeated_members_are_found_at_any_depth() {
        let repeats = |json| parse(json).expect("JSON").repeats_a_member();
        assert!(repeats(r#"{"a":1,"a":1}"#) && repeats(r#"[0,{"b":{"a":1,"c":2,"a":3}}]"#));
        assert!(!repeats(r#"{"a":{"a":1},"b":[{"a":1},{"a":1}]}"#) && !repeats("1"));
    }

    #[test]
    fn depth_is_bounded() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&deep(127)).is_ok());
        assert!(parse(&deep(128)).is_err());
        assert!(parse(&"[{\"a\":".repeat(1_000_000)).is_err());
    }

    #[test]
    fn exactly_takes_no_more_and_no_less() {
        let matches = |json| parse(json).expect("JSON").exactly(["a", "b"], ["c"]).is_some();
        assert!(matches(r#"{"b":1,"a":2}"#));
        assert!(matches(r#"{"b":1,"c":3,"a":2}"#));
        for bad in [
            "1",
            "{}",
            r#"{"a":1}"#,
            r#"{"a":1,"b":1,"a":1}"#,
            r#"{"a":1,"b":1,"c":1,"c":1}"#,
            r#"{"a":1,"b":1,"d":1}"#,
        ] {
            assert!(!matches(bad), "{bad}");
        }
    }
}
