//! A call as an endpoint sees it: typed, authenticated, and free of HTTP and formats.

use std::collections::HashMap;

use super::app::App;
use super::entity_tag::{self, NotTags};
use super::presented_key::PresentedKey;
use super::query::{Query, one_of};
use crate::clock::Timestamp;
use crate::error::{Error, Reason};
use crate::format::{Fields, Rejected};
use crate::ids::{KeyId, Locator, UserId};
use crate::keys::{
    Author, Caller, Cursor, Idempotency, KeyFilter, KeyType, MAX_PAGE, PageRequest, Precondition, Status,
};
use crate::operation::Operation;

/// The callers that an endpoint admits; `serve` demands one, so no endpoint can forget it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Any user: a valid JWT, within the rate limits.
    User,
    /// A service: a valid JWT with the role `service`.
    Service,
    /// An admin: a valid JWT with the role `admin`, within the rate limits.
    Admin,
    /// An admin who moves many keys at once: the same, without rate limits.
    AdminInBulk,
}

/// A call whose JWT was verified.
pub struct Call {
    /// The operation of the route.
    pub operation: Operation,
    /// The verified caller.
    pub caller: Caller,
    /// The caller as the author of changes.
    pub author: Author,
    /// The header `Idempotency-Key` as it came; empty when it is not ASCII.
    pub(super) idempotency_key: Option<String>,
    /// The identity of the message, which stands in for an `Idempotency-Key`.
    pub(super) message_id: Option<String>,
    /// The header `If-Match`; empty when it is not ASCII.
    pub(super) if_match: Option<String>,
    pub(super) api_key: Option<String>,
    pub(super) path: HashMap<String, String>,
    pub(super) query: Query,
    pub(super) fields: Fields,
}

impl Call {
    /// The time of the call, in whole seconds.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        self.author.timestamp()
    }

    /// The caller's key in the path.
    ///
    /// # Errors
    ///
    /// If its id is not a positive integer below 2^53.
    pub fn key(&self) -> Result<Locator, Error> {
        Ok(self.own(self.path_id("id", KeyId::parse)?))
    }

    /// A key of the caller's, by its id.
    #[must_use]
    pub fn own(&self, key_id: KeyId) -> Locator {
        Locator { user_id: self.caller.user_id, key_id }
    }

    /// The key of the client for which a service calls.
    ///
    /// # Errors
    ///
    /// If there is none, or the deployment neither issued nor imported it; or when the table fails.
    pub async fn presented_key(&self, app: &App) -> Result<PresentedKey, Error> {
        PresentedKey::read(self.api_key.as_deref(), &app.keys).await
    }

    /// The user in the path.
    ///
    /// # Errors
    ///
    /// If the id is not a positive integer below 2^53.
    pub fn user_id(&self) -> Result<UserId, Error> {
        self.path_id("user_id", UserId::parse)
    }

    fn path_id<T>(&self, name: &'static str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
        self.path.get(name).and_then(|text| parse(text)).ok_or_else(|| {
            Error::invalid(
                name,
                Reason::Type,
                format!("{name} in the path must be an integer from 1 to 9007199254740991"),
            )
        })
    }

    /// The page that `limit` and `cursor` ask for.
    ///
    /// # Errors
    ///
    /// If one of them is wrong.
    pub fn page(&self) -> Result<PageRequest, Error> {
        let limit = match self.parameter("limit")? {
            None => MAX_PAGE,
            Some(text) => {
                let digits = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
                let limit = text.parse().ok().filter(|limit| digits && (1..=MAX_PAGE).contains(limit));
                let invalid = || Error::invalid("limit", Reason::Value, "limit must be an integer from 1 to 1000");
                limit.ok_or_else(invalid)?
            }
        };
        let cursor = self.parameter("cursor")?.map(|text| Cursor::decode(text).ok_or_else(Cursor::invalid));
        Ok(PageRequest { limit, cursor: cursor.transpose()? })
    }

    /// The keys that `status` and `type` ask for, and `_id` in FHIR.
    ///
    /// # Errors
    ///
    /// If one of them is wrong.
    pub fn filter(&self) -> Result<KeyFilter, Error> {
        Ok(KeyFilter {
            ids: self.values("_id", KeyId::parse, "an id of a key")?,
            statuses: self.values("status", Status::parse, &one_of(Status::ALL.map(Status::as_str)))?,
            kinds: self.values("type", KeyType::parse, &one_of(KeyType::ALL.map(KeyType::as_str)))?,
        })
    }

    /// The values of a query parameter that may be repeated.
    fn values<T>(&self, name: &'static str, parse: fn(&str) -> Option<T>, rule: &str) -> Result<Vec<T>, Error> {
        let values = self.query.get(name).into_iter().flatten().map(|value| parse(value));
        let values: Option<Vec<T>> = values.collect();
        values.ok_or_else(|| Error::invalid(name, Reason::Value, format!("{name} must be {rule}")))
    }

    /// The condition of the header `If-Match`: a list of entity tags.
    ///
    /// # Errors
    ///
    /// If one of them is no entity tag.
    pub fn precondition(&self) -> Result<Precondition, Error> {
        let versions = self.if_match.as_deref().map(|tags| {
            entity_tag::versions(tags).map_err(|NotTags| {
                let message = "If-Match must be an ETag of the key, such as W/\"3\"";
                Error::invalid("If-Match", Reason::Value, message)
            })
        });
        Ok(Precondition { versions: versions.transpose()?.flatten(), ..Precondition::default() })
    }

    /// A query parameter that may occur once.
    fn parameter(&self, name: &'static str) -> Result<Option<&str>, Error> {
        match self.query.get(name).map(Vec::as_slice) {
            None | Some([]) => Ok(None),
            Some([value]) => Ok(Some(value)),
            Some(_) => Err(Error::invalid(name, Reason::Structure, format!("{name} must not be repeated"))),
        }
    }

    /// The `Idempotency-Key`, or else the identity of the message, with a fingerprint of the request, which is the same in
    /// every format. Must be called before the input is read.
    ///
    /// # Errors
    ///
    /// If the header's value is wrong.
    pub fn idempotency(&self) -> Result<Option<Idempotency>, Error> {
        let id = self.path.get("id").map(String::as_str).unwrap_or_default();
        let canonical = || format!("{} {id} {}", self.operation.name(), self.fields.canonical());
        match (&self.idempotency_key, &self.message_id) {
            (Some(key), _) => Idempotency::new(key, &canonical()).map(Some),
            (None, Some(id)) => Ok(Some(Idempotency::of_message(id, &canonical()))),
            (None, None) => Ok(None),
        }
    }

    /// Reads the endpoint's input from the body, once.
    ///
    /// # Errors
    ///
    /// If a field is missing, wrong or unknown; all such fields are named.
    pub fn read<T>(&mut self, input: impl FnOnce(&mut Fields) -> Result<T, Rejected>) -> Result<T, Error> {
        std::mem::take(&mut self.fields).read(input)
    }
}
