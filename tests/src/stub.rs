//! A scripted HTTP server that stands in for a service behind ours and records its requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::http_message::Message;

/// A server on its own port, stopped with the test's runtime.
#[derive(Clone, Debug)]
pub struct Stub {
    /// Its URL.
    pub url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

/// A recorded request.
#[derive(Clone, Debug)]
pub struct Received {
    /// The request line, such as `POST /transcribe HTTP/1.1`.
    pub request_line: String,
    /// The headers by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

/// The response to every request, byte for byte.
#[derive(Clone, Debug)]
pub enum Script {
    /// Sends these bytes and closes the connection.
    Send(Vec<u8>),
    /// Sends these bytes and keeps the connection open.
    SendAndWait(Vec<u8>),
}

impl Script {
    /// A complete response.
    #[must_use]
    pub fn respond(status: &str, content_type: &str, body: &[u8]) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n");
        Self::Send([head.as_bytes(), body].concat())
    }
}

impl Stub {
    /// Starts a server.
    pub async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/transcribe", listener.local_addr().expect("an address"));
        let received = Arc::default();
        let stub = Self { url, received };
        tokio::spawn({
            let stub = stub.clone();
            async move {
                while let Ok((connection, _)) = listener.accept().await {
                    tokio::spawn(stub.clone().serve(connection, script.clone()));
                }
            }
        });
        stub
    }

    /// The requests so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().expect("not poisoned").clone()
    }

    async fn serve(self, connection: TcpStream, script: Script) {
        let mut connection = BufReader::new(connection);
        let Some(request) = read(&mut connection).await else { return };
        self.received.lock().expect("not poisoned").push(request);
        match script {
            Script::Send(bytes) => {
                // The client may have gone.
                let _ = connection.write_all(&bytes).await;
                let _ = connection.shutdown().await;
            }
            Script::SendAndWait(bytes) => {
                let _ = connection.write_all(&bytes).await;
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Reads a request with a length, or by GET, which has no body; `None` if the client disconnects.
async fn read(connection: &mut BufReader<TcpStream>) -> Option<Received> {
    let Message { head, body } = Message::read(connection).await.ok()??;
    let mut lines = head.into_iter();
    let request_line = lines.next()?;
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())))
        .collect();
    (headers.contains_key("content-length") || request_line.starts_with("GET ")).then_some(Received {
        request_line,
        headers,
        body,
    })
}
