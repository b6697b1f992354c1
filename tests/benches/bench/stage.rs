//! The setting of measurements: a table with users and their keys, of which each measurement gets a copy.

use std::path::PathBuf;

use chrono::SecondsFormat;
use serde_json::json;
use shared::Operation;
use shared::clock::Clock;
use tests::engine::{self, Database};
use tests::fault_proxy::FaultProxy;
use tests::key_strings::CHECKSUM_SECRETS;
use tests::stub::{Script, Stub};
use tests::{TestApp, tokens};

/// Users with a few keys, one for each call of a function.
pub const USERS: usize = 600;
/// Numbers of keys of the users with lists.
pub const LISTS: [usize; 4] = [1, 10, 100, 1_000];

/// The table and the other dependencies of functions.
pub struct Stage {
    /// An app on the original table, which does not change.
    pub seed: TestApp,
    /// The users with a few keys.
    pub users: Vec<User>,
    /// The transcription service.
    pub transcription: Stub,
    kms: FaultProxy,
    snapshot: PathBuf,
}

/// A user with three keys.
pub struct User {
    pub id: u64,
    /// The default.
    pub default: u64,
    /// Its string.
    pub string: String,
    /// Another active key.
    pub active: u64,
    /// A paused key.
    pub paused: u64,
}

impl Stage {
    pub async fn set() -> Self {
        println!("Making {USERS} users with 3 keys each, and others with up to 1,000 ...");
        let database = Database::memory().expect("an empty database");
        let kms = FaultProxy::start(&engine::serve(database.clone()).await).await;
        let transcript = br#"{"text": "the patient is resting"}"#;
        let transcription = Stub::start(Script::respond("200 OK", "application/json", transcript)).await;
        let test = TestApp::on(&kms.url, &settings(&transcription.url)).await;
        test.set_time(&Clock::system().now().to_rfc3339_opts(SecondsFormat::Millis, true));
        // With a data key from KMS, as in the functions.
        let seed = test.cold(&kms.url);
        let mut users = Vec::with_capacity(USERS);
        for id in 1..=USERS as u64 {
            users.push(user(&seed, id).await);
        }
        for (index, keys) in LISTS.into_iter().enumerate() {
            for number in 1..=keys {
                seed.key_of(list_owner(index), &format!("Lab gateway {number}")).await;
            }
        }
        let snapshot = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.db", engine::unique_name("stage")));
        database.vacuum_into(snapshot.to_str().expect("UTF-8")).expect("the database is written");
        Self { seed, users, transcription, kms, snapshot }
    }

    /// An engine with a copy of the table.
    pub async fn copy(&self) -> String {
        let database = Database::memory().expect("an empty database");
        database.restore_from(self.snapshot.to_str().expect("UTF-8")).expect("the snapshot is read");
        engine::serve(database).await
    }

    /// The environment of a function on an engine.
    pub fn environment<'a>(&'a self, engine: &'a str) -> Vec<(&'a str, &'a str)> {
        let table = self.seed.app.table.name();
        let mut variables = settings(&self.transcription.url).to_vec();
        variables.extend([
            ("TABLE_NAME", table),
            ("KMS_KEY_ID", "alias/keys"),
            ("JWT_SECRET", tokens::SECRET),
            ("KEY_CHECKSUM_SECRETS", CHECKSUM_SECRETS),
            ("ACCEPT_ANY_ISSUER", "true"),
            ("MAX_TOKEN_HOURS", tokens::MAX_TOKEN_HOURS),
            ("LANE_KEY_PREFIX", "nuxera"),
            ("LANES", "8"),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL_DYNAMODB", engine),
            ("AWS_ENDPOINT_URL_KMS", &self.kms.url),
        ]);
        variables
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // A leftover file does no harm.
        let _ = std::fs::remove_file(&self.snapshot);
    }
}

/// The user with the list of an index in [`LISTS`].
pub fn list_owner(index: usize) -> u64 {
    1_000_000 + index as u64
}

fn settings(transcription_url: &str) -> [(&str, &str); 5] {
    [
        ("TRANSCRIPTION_URL", transcription_url),
        ("DICTATION_URL", transcription_url),
        ("MAX_KEYS_PER_USER", "100000"),
        ("RATE_LIMIT_PER_MINUTE", "1000000"),
        ("RATE_LIMIT_PER_HOUR", "1000000"),
    ]
}

async fn user(seed: &TestApp, id: u64) -> User {
    let [default, active, paused] =
        [seed.key_of(id, "Default").await, seed.key_of(id, "Active").await, seed.key_of(id, "Paused").await];
    let user = User {
        id,
        default: default["id"].as_u64().expect("an id"),
        string: default["key"].as_str().expect("a string").to_owned(),
        active: active["id"].as_u64().expect("an id"),
        paused: paused["id"].as_u64().expect("an id"),
    };
    seed.call(Operation::PauseKey).user(id).id(user.paused).send().await.ok();
    seed.call(Operation::SetDefault).user(id).json(&json!({"id": user.default})).send().await.ok();
    user
}
