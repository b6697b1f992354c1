//! HTTP/1.1 as an attacker writes it: what no client would send.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An HTTP request, as it goes over the wire: no client would send all of them.
#[derive(Clone, Debug)]
pub struct Request {
    /// Such as `GET`.
    pub method: &'static str,
    /// What comes after it, which need not be a path.
    pub target: String,
    /// In the order in which they are sent.
    pub headers: Vec<(String, String)>,
    /// What is sent after them.
    pub body: String,
}

impl Request {
    /// One without a body.
    #[must_use]
    pub fn new(method: &'static str, target: &str, host: &str) -> Self {
        Self { method, target: target.to_owned(), headers: vec![], body: String::new() }.with("Host", host)
    }

    /// The same with another header, also where there is one of its name.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with several.
    #[must_use]
    pub fn with_all(self, headers: &[(&str, &str)]) -> Self {
        headers.iter().fold(self, |request, (name, value)| request.with(name, value))
    }

    /// The same without the headers of a name.
    #[must_use]
    pub fn without(mut self, unwanted: &str) -> Self {
        self.headers.retain(|(name, _)| name != unwanted);
        self
    }

    /// The same with a body, and its length.
    #[must_use]
    pub fn with_body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        let length = body.len().to_string();
        self.with("Content-Length", &length)
    }

    /// What a server on this machine answers before it closes the connection.
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

/// An answer, head and body.
#[derive(Debug)]
pub struct Response(String);

impl Response {
    /// Its status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.0.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{self:?}"))
    }

    /// All of it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Its status line and headers.
    #[must_use]
    pub fn head(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or(&self.0, |(head, _)| head)
    }

    /// What comes after them.
    #[must_use]
    pub fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }
}
