//! What a table holds, to see what a call wrote.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use shared::table::Table;

/// All items of a table, by partition and sort key.
#[derive(Clone, Debug, PartialEq)]
pub struct Content(BTreeMap<(String, String), BTreeMap<String, AttributeValue>>);

impl Content {
    /// Reads the whole table.
    ///
    /// # Panics
    ///
    /// If the engine does not work.
    pub async fn of(table: &Table) -> Self {
        let scan = table.client().scan().table_name(table.name()).consistent_read(true);
        let items = scan.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.expect("a scan");
        let text = |item: &BTreeMap<String, AttributeValue>, name: &str| {
            item[name].as_s().expect("keys of items are strings").to_owned()
        };
        let items = items.into_iter().map(BTreeMap::from_iter);
        Self(items.map(|item| ((text(&item, "PK"), text(&item, "SK")), item)).collect())
    }

    /// The same but for the counters of calls, which every authenticated call changes.
    #[must_use]
    pub fn without_limits(self) -> Self {
        self.without("LIMIT#")
    }

    /// The same but for the partitions whose names begin so.
    #[must_use]
    pub fn without(mut self, partition: &str) -> Self {
        self.0.retain(|(name, _), _| !name.starts_with(partition));
        self
    }

    /// How many audit entries there are.
    #[must_use]
    pub fn audit_entries(&self) -> usize {
        self.0.keys().filter(|(partition, _)| partition.starts_with("AUDIT#")).count()
    }
}
