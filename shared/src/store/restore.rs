//! A restored table: all of its keys, and the revocations that its backup does not know.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};

use super::aws_requests::Request as _;
use super::item::Item;
use super::key_record::from_item;
use super::keys::Keys;
use super::primary_key::{KEY_PREFIX, PrimaryKey};
use super::sweep::{Page, Position};
use super::table::failure;
use crate::damage::Damaged;
use crate::error::Error;
use crate::ids::Locator;
use crate::keys::{
    Action, Author, Cursor, Entry, GracePeriod, Key, MAX_PAGE, PageRequest, Precondition, Revocation, Update,
};

impl Keys {
    /// Reads a page of the keys of all users, in no order.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn scan(&self, from: Option<Position>) -> Result<Page<Result<Key, Damaged>>, Error> {
        let scan = self
            .table
            .client()
            .scan()
            .table_name(self.table.name())
            .consistent_read(true)
            .filter_expression("begins_with(PK, :user) AND begins_with(SK, :key)")
            .expression_attribute_values(":user", AttributeValue::S("USER#".to_owned()))
            .expression_attribute_values(":key", AttributeValue::S(KEY_PREFIX.to_owned()))
            .set_exclusive_start_key(from.map(|Position(item)| item));
        let output = scan.send_boxed().await.map_err(|error| failure(&error))?;
        let elements = output.items.unwrap_or_default().iter().map(from_item).collect();
        Ok(Page { elements, next: output.last_evaluated_key.map(Position) })
    }

    /// The keys of some places that do not exist.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn missing(&self, mut places: Vec<Locator>) -> Result<Vec<Locator>, Error> {
        let wanted = places.iter().map(|place| Item::from(PrimaryKey::key(place.user_id, place.key_id)));
        let found = self.batch_get(wanted.collect()).await?;
        let found: Vec<_> = found.iter().filter_map(PrimaryKey::parse_key).collect();
        places.retain(|place| !found.contains(&(place.user_id, place.key_id)));
        Ok(places)
    }

    /// The entries of a key's trail after a moment, oldest first; none without a trail.
    ///
    /// # Errors
    ///
    /// When the table fails.
    pub async fn entries_after(&self, key: Locator, moment: DateTime<Utc>) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        let mut page = PageRequest { limit: 100, cursor: None };
        loop {
            let read = match self.audit(key, &page).await {
                Ok(read) => read,
                Err(Error::NotFound) => break,
                Err(error) => return Err(error),
            };
            let count = read.entries.len();
            let later = read.entries.into_iter().take_while(|entry| entry.at > moment);
            let before = entries.len();
            entries.extend(later);
            page = PageRequest { limit: MAX_PAGE, cursor: read.next.and_then(|next| Cursor::decode(&next)) };
            if page.cursor.is_none() || entries.len() - before < count {
                break;
            }
        }
        entries.reverse();
        Ok(entries)
    }

    /// Gives no id again that another table has given.
    ///
    /// # Errors
    ///
    /// When a table fails.
    pub async fn continue_ids_of(&self, other: &Self) -> Result<(), Error> {
        let Some(last_id) = other.table.get(PrimaryKey::next_id()).await?.and_then(|mut item| item.remove("last_id"))
        else {
            return Ok(());
        };
        let update = self
            .table
            .update_item(PrimaryKey::next_id())
            .update_expression("SET last_id = :last")
            .condition_expression("attribute_not_exists(last_id) OR last_id < :last")
            .expression_attribute_values(":last", last_id);
        match update.send_boxed().await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(()),
            Err(error) => Err(failure(&error)),
        }
    }

    /// Repeats a revocation, with an entry in the trail. What has ended already stays as it is.
    ///
    /// # Errors
    ///
    /// When the table or KMS fails.
    pub async fn revoke(&self, author: &Author, key: Locator, revocation: Revocation) -> Result<(), Error> {
        let anyway = Precondition::default();
        let result = match revocation {
            Revocation::Deleted => self.delete(author, key, &anyway).await,
            // A new string that nobody has seen, so that the restored one works no more.
            Revocation::Rotated => self.rotate(author, key, None, &anyway, GracePeriod::default()).await.map(drop),
            Revocation::Paused => self.change(author, key, Action::Pause, &anyway, Key::pause).await.map(drop),
            Revocation::Expiry(expiry) => {
                let update = Update { expires_at: Some(Some(expiry)), ..Update::default() };
                self.change(author, key, Action::Update, &anyway, |key, now| key.update(&update, now)).await.map(drop)
            }
        };
        match result {
            Err(Error::NotFound | Error::ChangeOfExpired) => Ok(()),
            result => result,
        }
    }
}
