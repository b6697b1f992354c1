//! A token issuer that publishes its keys at a loopback URL.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A small HTTP server that runs as long as the test.
#[derive(Debug)]
pub struct Issuer {
    pub url: String,
    state: Arc<Mutex<State>>,
    sent_without_end: watch::Receiver<Option<usize>>,
}

#[derive(Debug)]
struct State {
    status: u16,
    /// The target of redirects.
    location: Option<String>,
    body: Body,
    fetches: usize,
}

#[derive(Clone, Debug)]
enum Body {
    Text(String),
    Endless,
}

impl Issuer {
    /// Starts an issuer that answers with a body.
    pub async fn start(body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/.well-known/jwks.json", listener.local_addr().expect("an address"));
        let state =
            Arc::new(Mutex::new(State { status: 200, location: None, body: Body::Text(body.to_owned()), fetches: 0 }));
        let (sent, sent_without_end) = watch::channel(None);
        tokio::spawn({
            let state = state.clone();
            async move {
                while let Ok((connection, _)) = listener.accept().await {
                    let _gone = serve(connection, &state, &sent).await;
                }
            }
        });
        Self { url, state, sent_without_end }
    }

    /// From now on, answers with a body.
    pub fn answer(&self, body: &str) {
        let mut state = self.state.lock().expect("not poisoned");
        (state.status, state.body) = (200, Body::Text(body.to_owned()));
    }

    /// From now on, answers with an error.
    pub fn fail(&self) {
        self.state.lock().expect("not poisoned").status = 500;
    }

    /// From now on, redirects.
    pub fn redirect_to(&self, url: &str) {
        let mut state = self.state.lock().expect("not poisoned");
        (state.status, state.location) = (302, Some(url.to_owned()));
    }

    /// From now on, sends an endless body.
    pub fn answer_without_end(&self) {
        let mut state = self.state.lock().expect("not poisoned");
        (state.status, state.body) = (200, Body::Endless);
    }

    /// The number of bytes of an endless body sent until the connection was closed.
    pub async fn sent_without_end(&self) -> usize {
        let mut sent = self.sent_without_end.clone();
        sent.wait_for(Option::is_some).await.expect("the issuer runs").expect("a number")
    }

    /// The number of requests for the keys.
    #[must_use]
    pub fn fetches(&self) -> usize {
        self.state.lock().expect("not poisoned").fetches
    }
}

async fn serve(
    mut connection: TcpStream,
    state: &Mutex<State>,
    sent: &watch::Sender<Option<usize>>,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(connection.read_u8().await?);
    }
    let (head, body) = {
        let mut state = state.lock().expect("not poisoned");
        state.fetches += 1;
        let location = state.location.as_ref().map(|url| format!("Location: {url}\r\n")).unwrap_or_default();
        (format!("HTTP/1.1 {} Status\r\n{location}Connection: close\r\n", state.status), state.body.clone())
    };
    match body {
        Body::Text(body) => {
            let response = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
            connection.write_all(response.as_bytes()).await
        }
        Body::Endless => {
            connection.write_all(format!("{head}\r\n").as_bytes()).await?;
            let (chunk, mut total) = ([b' '; 16 * 1024], 0);
            while connection.write_all(&chunk).await.is_ok() {
                total += chunk.len();
            }
            sent.send_replace(Some(total));
            Ok(())
        }
    }
}
