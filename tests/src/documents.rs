//! The endpoints that serve documents, which need no table and no token.

use chrono::DateTime;
use lambda_http::Response;
use serde_json::Value;
use shared::clock::{Clock, Random};
use shared::config::Config;
use shared::edge::publish::{DocumentServer, Found, Path};

use crate::LogLines;

/// The settings of a deployment without a table, which accepts tokens of any issuer.
#[must_use]
pub fn config(settings: &[(&str, &str)]) -> Config {
    let fixed = [("TABLE_NAME", "unused"), ("KMS_KEY_ID", "unused"), ("ACCEPT_ANY_ISSUER", "true")];
    let config = Config::from_variables(|name| {
        let setting = settings.iter().chain(&fixed).find(|(known, _)| *known == name);
        setting.map(|(_, value)| (*value).to_owned())
    });
    config.expect("settings")
}

/// Serves an event. Returns the response, and its line in the log.
#[must_use]
pub fn serve(
    name: &str,
    find: fn(&Config, &Path) -> Found,
    event: &Value,
    settings: &[(&str, &str)],
) -> (Response<String>, Value) {
    let request = lambda_http::request::from_str(&event.to_string()).expect("an event of API Gateway");
    let log = LogLines::default();
    let server = DocumentServer {
        config: config(settings),
        clock: Clock::new(|| DateTime::UNIX_EPOCH),
        random: Random::new(|bytes| bytes.fill(0)),
        log: log.log(),
    };
    let response = server.serve(name, find, &request);
    let (line, _) = log.take_one();
    (response.map(|body| String::from_utf8(body.to_vec()).expect("UTF-8")), line)
}
