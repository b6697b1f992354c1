//! Lists, page by page.

use serde_json::Value;

use crate::{Answer, TestCall};

/// The pages of a list, each reached by the link of the page before.
///
/// `call` makes a call of the list without parameters, whose path is `path`.
pub async fn pages<'a>(path: &str, limit: usize, call: impl Fn() -> TestCall<'a>) -> Vec<Vec<Value>> {
    let limit = limit.to_string();
    let mut pages = Vec::new();
    let mut answer = call().query("limit", &limit).send().await;
    while let Some(cursor) = add_page(&mut pages, &answer) {
        assert!(pages.len() < 100, "the links of {path} do not end");
        let link = format!("<{path}?limit={limit}&cursor={cursor}>; rel=\"next\"");
        assert_eq!(answer.header("link"), Some(link.as_str()));
        answer = call().query("limit", &limit).query("cursor", &cursor).send().await;
    }
    assert_eq!(answer.header("link"), None);
    pages
}

/// Adds a page, and returns the cursor of the next one.
fn add_page(pages: &mut Vec<Vec<Value>>, answer: &Answer) -> Option<String> {
    pages.push(answer.ok().as_array().expect("an array").clone());
    answer.next_cursor().map(str::to_owned)
}
