//! A proxy on the loopback interface between the service and its engine that injects faults. It also stands in for KMS,
//! which no engine has.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{BufReader, Error, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::http_message::Message;
use crate::{engine, kms};

/// A fault of a request.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Answers with this response and does not forward the request.
    Answer(Response),
    /// Resets the connection instead of forwarding the request.
    Reset,
    /// Forwards the request and resets the connection instead of answering.
    LoseAnswer,
    /// Forwards the request and never answers, until the client times out.
    WithholdAnswer,
    /// Forwards the request after a delay, even if the client has gone.
    Delay(Duration),
    /// Forwards the request when the gate opens.
    Hold(Gate),
    /// Resets the connection and forwards the request when the gate opens.
    Detach(Gate),
    /// Processes only this many keys of a `BatchGetItem` and returns the others as unprocessed.
    Process(usize),
}

/// A response of the proxy itself.
#[derive(Clone, Debug)]
pub struct Response {
    status: u16,
    body: String,
}

impl Fault {
    /// An error of an AWS service: its code, with status 400 or 500. Its message must never reach clients.
    #[must_use]
    pub fn error(status: u16, code: &str) -> Self {
        let body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{code}"), "message": INTERNAL_TEXT});
        Self::Answer(Response { status, body: body.to_string() })
    }

    /// A cancelled transaction with the codes of its reasons.
    #[must_use]
    pub fn cancellation(codes: &[&str]) -> Self {
        let reasons: Vec<Value> = codes.iter().map(|code| json!({"Code": code, "Message": INTERNAL_TEXT})).collect();
        let body = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": INTERNAL_TEXT,
            "CancellationReasons": reasons,
        });
        Self::Answer(Response { status: 400, body: body.to_string() })
    }

    /// A response that is not JSON, as from an intermediary.
    #[must_use]
    pub fn garbage(status: u16) -> Self {
        Self::Answer(Response { status, body: format!("<html>{INTERNAL_TEXT}</html>") })
    }
}

/// More requests than are ever in flight.
const ROOM: u32 = 10_000;

/// Part of each response of the proxy itself.
pub const INTERNAL_TEXT: &str = "arn:aws:dynamodb:eu-central-1:123456789012:table/internal";

/// Holds requests until it is opened.
#[derive(Clone)]
pub struct Gate {
    arrived: Arc<Semaphore>,
    opened: Arc<Semaphore>,
    delivered: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        let closed = || Arc::new(Semaphore::new(0));
        Self { arrived: closed(), opened: closed(), delivered: closed() }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gate")
    }
}

impl Gate {
    /// Waits until a request is held.
    pub async fn reached(&self) {
        soon(&self.arrived, "a request is held back").await;
    }

    /// Waits until the engine has answered a request whose client had gone.
    pub async fn delivered(&self) {
        soon(&self.delivered, "a late request is answered").await;
    }

    /// Releases all requests.
    pub fn open(&self) {
        self.opened.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    async fn pass(&self) {
        self.arrived.add_permits(1);
        self.opened.acquire().await.expect("never closed").forget();
    }
}

/// Waits for an event that a busy machine may delay.
async fn soon(event: &Semaphore, what: &str) {
    let happened = tokio::time::timeout(Duration::from_mins(2), event.acquire()).await;
    happened.unwrap_or_else(|_| panic!("not within two minutes: {what}")).expect("never closed").forget();
}

/// The proxy. It runs as long as the test.
#[derive(Clone, Debug)]
pub struct FaultProxy {
    pub url: String,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    engine: String,
    /// One permit per request in flight.
    under_way: Semaphore,
    rules: Mutex<Vec<Rule>>,
    requests: Mutex<Vec<String>>,
    updates: Mutex<Vec<Update>>,
}

#[derive(Debug)]
struct Rule {
    operation: String,
    times: usize,
    met: usize,
    fault: Fault,
}

/// An applied `UpdateItem`.
#[derive(Clone, Debug)]
pub struct Update {
    /// The item's partition and sort key.
    pub item: (String, String),
    /// The request id of the engine's response, which may or may not have reached the client.
    pub answer: String,
}

impl FaultProxy {
    /// A proxy whose clients have no timeouts, so that only injected faults occur.
    pub async fn patient(engine_url: &str) -> Self {
        let proxy = Self::start(engine_url).await;
        engine::without_time_outs(&proxy.url);
        proxy
    }

    /// A proxy whose clients have the service's timeouts.
    pub async fn start(engine_url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        engine::with_time_outs(&url);
        let engine = engine_url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let (rules, requests, updates) = Default::default();
        let under_way = Semaphore::new(ROOM as usize);
        let state = Arc::new(State { engine, under_way, rules, requests, updates });
        tokio::spawn({
            let state = state.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let state = state.clone();
                    // A client may disconnect at any time.
                    tokio::spawn(async move { state.serve(stream).await.ok() });
                }
            }
        });
        Self { url, state }
    }

    /// Injects a fault into the next `times` requests of an operation, such as `UpdateItem`. Earlier rules come first.
    pub fn inject(&self, operation: &str, times: usize, fault: Fault) {
        let rule = Rule { operation: operation.to_owned(), times, met: 0, fault };
        self.state.rules.lock().expect("not poisoned").push(rule);
    }

    /// The number of occurrences of each injected fault, in order of injection.
    #[must_use]
    pub fn met(&self) -> Vec<usize> {
        self.state.rules.lock().expect("not poisoned").iter().map(|rule| rule.met).collect()
    }

    /// The applied `UpdateItem`s, in order. [`FaultProxy::clear`] keeps them.
    #[must_use]
    pub fn updates(&self) -> Vec<Update> {
        self.state.updates.lock().expect("not poisoned").clone()
    }

    /// Removes all faults and clears the record of requests.
    pub fn clear(&self) {
        self.state.rules.lock().expect("not poisoned").clear();
        self.state.requests.lock().expect("not poisoned").clear();
    }

    /// Waits until no request is in flight, abandoned ones included.
    pub async fn settled(&self) {
        drop(self.state.under_way.acquire_many(ROOM).await.expect("never closed"));
    }

    /// The number of requests of an operation, answered or not.
    #[must_use]
    pub fn count(&self, operation: &str) -> usize {
        let requests = self.state.requests.lock().expect("not poisoned");
        requests.iter().filter(|request| *request == operation).count()
    }
}

impl State {
    async fn serve(&self, stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        let mut client = BufReader::new(stream);
        let mut engine: Option<BufReader<TcpStream>> = None;
        while let Some(mut request) = Message::read(&mut client).await? {
            let target = request.header("x-amz-target").unwrap_or_default().to_owned();
            let (service, operation) = target.split_once('.').unwrap_or_default();
            self.requests.lock().expect("not poisoned").push(operation.to_owned());
            let under_way = self.under_way.acquire().await.expect("never closed");
            let mut unprocessed = None;
            let fault = self.fault(operation);
            match &fault {
                None | Some(Fault::LoseAnswer | Fault::WithholdAnswer) => {}
                Some(Fault::Answer(response)) => {
                    respond(&mut client, response).await?;
                    continue;
                }
                Some(Fault::Reset) => return client.get_ref().set_zero_linger(),
                Some(Fault::Delay(time)) => tokio::time::sleep(*time).await,
                Some(Fault::Hold(gate)) => gate.pass().await,
                Some(Fault::Detach(gate)) => {
                    client.get_ref().set_zero_linger()?;
                    drop(client);
                    gate.pass().await;
                    let mut engine = BufReader::new(TcpStream::connect(&self.engine).await?);
                    request.write(&mut engine).await?;
                    Message::read(&mut engine).await?;
                    gate.delivered.add_permits(1);
                    return Ok(());
                }
                Some(Fault::Process(0)) => {
                    let request: Value = serde_json::from_slice(&request.body)?;
                    let body = json!({"Responses": {}, "UnprocessedKeys": request["RequestItems"]}).to_string();
                    respond(&mut client, &Response { status: 200, body }).await?;
                    continue;
                }
                Some(Fault::Process(count)) => unprocessed = Some(request.leave_out(*count)?),
            }
            if service == "TrentService" {
                let (status, body) = kms::answer(operation, &serde_json::from_slice(&request.body)?);
                respond(&mut client, &Response { status, body: body.to_string() }).await?;
                continue;
            }
            let engine = match &mut engine {
                Some(engine) => engine,
                none => none.insert(BufReader::new(TcpStream::connect(&self.engine).await?)),
            };
            request.write(engine).await?;
            let mut answer = Message::read(engine).await?.ok_or_else(|| Error::other("the engine went away"))?;
            let unanswered = matches!(fault, Some(Fault::LoseAnswer | Fault::WithholdAnswer));
            if operation == "UpdateItem" && answer.is_success() {
                self.updates.lock().expect("not poisoned").push(Update::of(&request, &answer)?);
            }
            drop(under_way);
            if unanswered {
                if matches!(fault, Some(Fault::WithholdAnswer)) {
                    Message::read(&mut client).await?;
                }
                return client.get_ref().set_zero_linger();
            }
            if let Some(unprocessed) = unprocessed {
                answer.change(|body| body["UnprocessedKeys"] = unprocessed)?;
            }
            answer.write(&mut client).await?;
        }
        Ok(())
    }

    fn fault(&self, operation: &str) -> Option<Fault> {
        let mut rules = self.rules.lock().expect("not poisoned");
        let rule = rules.iter_mut().find(|rule| rule.operation == operation && rule.times > 0)?;
        rule.times -= 1;
        rule.met += 1;
        Some(rule.fault.clone())
    }
}

impl Update {
    fn of(request: &Message, answer: &Message) -> Result<Self> {
        let body: Value = serde_json::from_slice(&request.body)?;
        let part = |name: &str| body["Key"][name]["S"].as_str().unwrap_or_default().to_owned();
        let answer = answer.header("x-amzn-requestid").unwrap_or_default().to_owned();
        Ok(Self { item: (part("PK"), part("SK")), answer })
    }
}

impl Message {
    fn change(&mut self, change: impl FnOnce(&mut Value)) -> Result<()> {
        let mut body = serde_json::from_slice(&self.body)?;
        change(&mut body);
        self.body = body.to_string().into_bytes();
        self.head.retain(|line| {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            !matches!(name.as_str(), "content-length" | "x-amz-crc32")
        });
        self.head.push(format!("content-length: {}", self.body.len()));
        Ok(())
    }

    /// Removes all but `count` keys from a `BatchGetItem` of one table and returns them as `UnprocessedKeys`.
    fn leave_out(&mut self, count: usize) -> Result<Value> {
        let mut unprocessed = Value::Null;
        self.change(|body| {
            let tables = body["RequestItems"].as_object_mut().expect("tables");
            let (name, table) = tables.iter_mut().next().expect("a table");
            let keys = table["Keys"].as_array_mut().expect("keys");
            let rest = keys.split_off(count.min(keys.len()));
            if !rest.is_empty() {
                let mut left = table.clone();
                left["Keys"] = rest.into();
                unprocessed = json!({name: left});
            }
        })?;
        Ok(if unprocessed.is_null() { json!({}) } else { unprocessed })
    }
}

async fn respond(client: &mut BufReader<TcpStream>, response: &Response) -> Result<()> {
    let Response { status, body } = response;
    let head = [format!("HTTP/1.1 {status} -"), "content-type: application/x-amz-json-1.0".to_owned()];
    let length = format!("content-length: {}", body.len());
    let message = Message { head: [head.as_slice(), &[length]].concat(), body: body.clone().into_bytes() };
    message.write(client).await
}
