//! An issuer of tokens that publishes its keys at a URL on this machine.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A small HTTP server, as long as the test runs.
#[derive(Debug)]
pub struct Issuer {
    /// Where it publishes its keys.
    pub url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    status: u16,
    body: String,
    fetches: usize,
}

impl Issuer {
    /// An issuer that answers with a body.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    pub async fn start(body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/.well-known/jwks.json", listener.local_addr().expect("an address"));
        let state = Arc::new(Mutex::new(State { status: 200, body: body.to_owned(), fetches: 0 }));
        tokio::spawn({
            let state = state.clone();
            async move {
                while let Ok((connection, _)) = listener.accept().await {
                    let _gone = serve(connection, &state).await;
                }
            }
        });
        Self { url, state }
    }

    /// Answers with a body from now on.
    ///
    /// # Panics
    ///
    /// If a test panicked meanwhile.
    pub fn answer(&self, body: &str) {
        let mut state = self.state.lock().expect("not poisoned");
        (state.status, state.body) = (200, body.to_owned());
    }

    /// Answers with an error from now on.
    ///
    /// # Panics
    ///
    /// If a test panicked meanwhile.
    pub fn fail(&self) {
        self.state.lock().expect("not poisoned").status = 500;
    }

    /// How often the keys were asked for.
    ///
    /// # Panics
    ///
    /// If a test panicked meanwhile.
    #[must_use]
    pub fn fetches(&self) -> usize {
        self.state.lock().expect("not poisoned").fetches
    }
}

async fn serve(mut connection: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(connection.read_u8().await?);
    }
    let response = {
        let mut state = state.lock().expect("not poisoned");
        state.fetches += 1;
        let State { status, body, fetches: _ } = &*state;
        format!("HTTP/1.1 {status} Status\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
    };
    connection.write_all(response.as_bytes()).await
}
