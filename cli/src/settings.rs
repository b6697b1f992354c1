//! Settings, from environment variables.

use crate::failure::Failure;

/// Where the service is, and who calls it.
pub struct Settings {
    /// The URL, without a slash at its end.
    pub url: String,
    /// The token.
    pub token: String,
}

impl Settings {
    /// Reads the environment.
    pub fn from_env() -> Result<Self, Failure> {
        let url = required("NUXERA_KEYS_URL", "the URL of the service, such as https://nuxera.cloud")?;
        let token = required("NUXERA_KEYS_TOKEN", "your token (JWT)")?;
        if !is_protected(&url) {
            let problem = "NUXERA_KEYS_URL must begin with https://: anybody on the way could read the token";
            return Err(Failure::Usage(problem.to_owned()));
        }
        Ok(Self { url: url.trim_end_matches('/').to_owned(), token })
    }
}

/// A variable, unless it is absent or blank.
#[expect(clippy::disallowed_methods, reason = "this is where a command line has its settings from")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

fn required(name: &str, meaning: &str) -> Result<String, Failure> {
    variable(name).ok_or_else(|| Failure::Usage(format!("{name} is not set: it must hold {meaning}")))
}

/// Whether what is sent there is encrypted or stays on this machine.
pub fn is_protected(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|url| url.scheme() == "https" || url.scheme() == "http" && is_local(&url))
}

/// Whether a URL is one of this machine.
pub fn is_local(url: &reqwest::Url) -> bool {
    matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_sent_in_the_open() {
        for url in ["https://nuxera.cloud", "http://127.0.0.1:4566/v1", "http://localhost", "http://[::1]:80/v1"] {
            assert!(is_protected(url), "{url}");
        }
        for url in
            ["http://nuxera.cloud", "http://127.0.0.1.example", "http://localhost@x.example", "nuxera.cloud", "ftp://x"]
        {
            assert!(!is_protected(url), "{url}");
        }
    }
}
