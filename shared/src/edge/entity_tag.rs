//! The entity tags of keys (RFC 9110, section 8.8.3): the version of the record. They are weak, because a key is written in
//! three formats, and because its uses and its expiry leave the version as it is.

/// A text that is no list of entity tags.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotTags;

/// The entity tag of a version.
pub(super) fn of_version(version: u64) -> String {
    format!("W/\"{version}\"")
}

/// The versions of a list of entity tags; none of them for `*`, which is any version.
///
/// # Errors
///
/// If one is no entity tag.
pub(super) fn versions(tags: &str) -> Result<Option<Vec<u64>>, NotTags> {
    if tags.trim() == "*" {
        return Ok(None);
    }
    let mut versions = Vec::new();
    let mut rest = tags.trim();
    loop {
        let quoted = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"').ok_or(NotTags)?;
        let (tag, after) = quoted.split_once('"').ok_or(NotTags)?;
        // A tag that is not of ours matches no version.
        versions.extend(tag.parse::<u64>());
        rest = after.trim_start();
        if rest.is_empty() {
            return Ok(Some(versions));
        }
        rest = rest.strip_prefix(',').ok_or(NotTags)?.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_they_are_written() {
        assert_eq!(versions(&of_version(3)), Ok(Some(vec![3])));
        assert_eq!(versions("\"3\", W/\"4\",\"of another server, W/\" , \"5\""), Ok(Some(vec![3, 4, 5])));
        assert_eq!(versions(" * "), Ok(None));
        for bad in ["", "3", "W/3", "\"3", "\"3\" 4", "\"3\",", "*, \"3\""] {
            assert_eq!(versions(bad), Err(NotTags), "{bad:?}");
        }
    }
}
