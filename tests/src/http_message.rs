//! HTTP/1.1 as the SDK, the engines and the stand-ins speak it.

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Error, Result};
use tokio::net::TcpStream;

/// An HTTP/1.1 request or response with a body of known length (RFC 9112).
pub(crate) struct Message {
    pub(crate) head: Vec<String>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) async fn read(stream: &mut BufReader<TcpStream>) -> Result<Option<Self>> {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(None);
            }
            if line == "\r\n" {
                break;
            }
            head.push(line.trim_end().to_owned());
        }
        let mut message = Self { head, body: Vec::new() };
        if message.header("transfer-encoding").is_some() {
            return Err(Error::other("no content-length"));
        }
        let length = message.header("content-length").map_or(Ok(0), str::parse).map_err(Error::other)?;
        message.body.resize(length, 0);
        stream.read_exact(&mut message.body).await?;
        Ok(Some(message))
    }

    pub(crate) async fn write(&self, stream: &mut BufReader<TcpStream>) -> Result<()> {
        let head = self.head.join("\r\n") + "\r\n\r\n";
        stream.write_all(&[head.as_bytes(), &self.body].concat()).await
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.iter().filter_map(|line| line.split_once(':'));
        fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Whether this is a successful response.
    pub(crate) fn is_success(&self) -> bool {
        self.head.first().is_some_and(|line| line.split(' ').nth(1) == Some("200"))
    }
}
