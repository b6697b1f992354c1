//! Pages of query results.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::query::QueryOutput;

use super::item::Item;
use super::table::failure;
use crate::error::Error;

/// Runs a query to its end, or until `limit` items are there; says whether there are more.
pub(super) async fn all_or_some<F, E>(
    limit: Option<u32>,
    start: Option<Item>,
    query: impl Fn(Option<Item>, Option<i32>) -> F,
) -> Result<(Vec<Item>, bool), Error>
where
    F: Future<Output = Result<QueryOutput, SdkError<E>>>,
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    // One more than asked for tells whether there is a next page.
    let wanted = limit.map(|limit| limit as usize + 1);
    let mut items = Vec::new();
    let mut start = start;
    loop {
        let left = wanted.map(|wanted| i32::try_from(wanted - items.len()).unwrap_or(i32::MAX));
        let output = query(start, left).await.map_err(|error| failure(&error))?;
        items.extend(output.items.unwrap_or_default());
        start = output.last_evaluated_key;
        if start.is_none() || wanted.is_some_and(|wanted| items.len() >= wanted) {
            break;
        }
    }
    let more = limit.is_some_and(|limit| items.len() > limit as usize);
    items.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
    Ok((items, more))
}
