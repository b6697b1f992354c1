//! Lists as searchset bundles (R4, Bundle and "Managing Returned Resources" in Search).

use serde::Serialize;

use crate::format::exchange::WriteContext;

/// A list of resources.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bundle<'a, T> {
    resource_type: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    link: Vec<Link<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entry: Vec<Entry<T>>,
}

#[derive(Serialize)]
struct Link<'a> {
    relation: &'static str,
    url: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<T> {
    full_url: String,
    resource: T,
    search: Search,
}

#[derive(Serialize)]
struct Search {
    mode: &'static str,
}

impl<'a, T> Bundle<'a, T> {
    /// A page of matches with their absolute URLs; `total` counts all pages, if known.
    pub(super) fn new(
        total: Option<u64>,
        matches: impl Iterator<Item = (String, T)>,
        about: &WriteContext<'a>,
    ) -> Self {
        let pages = [("self", Some(about.self_url)), ("next", about.next_url)];
        let link = pages.into_iter().filter_map(|(relation, url)| Some(Link { relation, url: url? }));
        let entry = matches.map(|(full_url, resource)| Entry { full_url, resource, search: Search { mode: "match" } });
        Self { resource_type: "Bundle", kind: "searchset", total, link: link.collect(), entry: entry.collect() }
    }
}
