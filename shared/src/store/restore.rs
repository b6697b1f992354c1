//! A restored table: all of its keys, and the revocations that its backup does not know.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::AttributeValue;

use super::aws_requests::Request as _;
use super::item::Item;
use super::key_record::from_item;
use super::keys::Keys;
use super::primary_key::{KEY_PREFIX, PrimaryKey};
use super::sweep::{Page, Position};
use super::table::failure;
use crate::damage::{Damaged, noted};
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
    pub async fn scan(&self, from: Option<Position>) -> Result<Page<(Locator, Result<Key, Damaged>)>, Error> {
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
        let element = |item: &Item| {
            let (user_id, key_id) = PrimaryKey::parse_key(item)?;
            Some((Locator { user_id, key_id }, from_item(item)))
        };
        let elements = output.items.unwrap_or_default().iter().filter_map(element).collect();
        Ok(Page { elements, next: output.last_evaluated_key.map(Position) })
    }

    /// The keys of up to 100 places that do not exist.
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

    /// The whole trail of a key, oldest entry first; empty for a key that never existed.
    ///
    /// # Errors
    ///
    /// When the table fails, or an entry is damaged.
    pub async fn whole_trail(&self, key: Locator) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        let mut page = PageRequest { limit: MAX_PAGE, cursor: None };
        loop {
            let (read, damaged) = noted(Box::pin(self.audit(key, &page))).await;
            let read = match read {
                Ok(read) => read,
                Err(Error::NotFound) => break,
                Err(error) => return Err(error),
            };
            if let Some(damaged) = damaged.into_iter().next() {
                return Err(damaged.into());
            }
            entries.extend(read.entries);
            page.cursor = read.next.and_then(|next| Cursor::decode(&next));
            if page.cursor.is_none() {
                break;
            }
        }
        entries.reverse();
        Ok(entries)
    }

    /// Gives no id again that another table has given, and leaves to imported keys those that are for them.
    ///
    /// # Errors
    ///
    /// When a table fails.
    pub async fn continue_ids_of(&self, other: &Self) -> Result<(), Error> {
        for range in other.ranges_of_imports(None).await? {
            self.note_range(&range).await?;
        }
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
            // A new string that nobody has seen takes the place of the restored one.
            Revocation::Rotated { old_until } => {
                let left = old_until.map(|until| until.seconds() - author.timestamp().seconds());
                let grace = left.and_then(|left| GracePeriod::new(u64::try_from(left).ok()?)).unwrap_or_default();
                self.rotate(author, key, None, &anyway, grace).await.map(drop)
            }
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
