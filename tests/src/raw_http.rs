//! HTTP/1.1 as an attacker writes it.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An HTTP request byte for byte, which a client library might refuse to send.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// The request target, which need not be a path.
    pub target: String,
    /// The headers, in the order in which they are sent.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Request {
    /// A request without a body.
    #[must_use]
    pub fn new(method: &'static str, target: &str, host: &str) -> Self {
        Self { method, target: target.to_owned(), headers: vec![], body: String::new() }.with("Host", host)
    }

    /// Adds a header, even if there is one of that name.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds several headers.
    #[must_use]
    pub fn with_all(self, headers: &[(&str, &str)]) -> Self {
        headers.iter().fold(self, |request, (name, value)| request.with(name, value))
    }

    /// Removes the headers of a name.
    #[must_use]
    pub fn without(mut self, unwanted: &str) -> Self {
        self.headers.retain(|(name, _)| name != unwanted);
        self
    }

    /// Sets the body and its length.
    #[must_use]
    pub fn with_body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        let length = body.len().to_string();
        self.with("Content-Length", &length)
    }

    /// Sends the request to a loopback port and reads until the connection closes.
    pub async fn send(&self, port: u16) -> Response {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        self.headers.iter().for_each(|(name, value)| head.extend([name, ": ", value, "\r\n"]));
        if !self.headers.iter().any(|(name, _)| name == "Connection") {
            head.push_str("Connection: close\r\n");
        }
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
        stream.write_all(format!("{head}\r\n{}", self.body).as_bytes()).await.expect("it reads");
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut answer)).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        read.unwrap_or_else(|_| panic!("{head}: the connection stays open after {answer:?}")).expect("an answer");
        Response(answer)
    }
}

/// A response, head and body.
#[derive(Debug)]
pub struct Response(String);

impl Response {
    /// Its status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{self:?}"))
    }

    /// The whole response.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Its status line and headers.
    #[must_use]
    pub fn head(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or(&self.0, |(head, _)| head)
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }
}
