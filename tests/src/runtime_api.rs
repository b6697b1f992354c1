//! Runs a function as a process behind the part of the Lambda runtime API that it needs (Lambda developer guide, "Using
//! the Lambda runtime API for custom runtimes"), and measures it. Linux only: the figures of a process come from
//! proc(5).

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{BufReader, Result};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::http_message::Message;

/// A running function, stopped on drop.
#[derive(Debug)]
pub struct Function {
    process: Child,
    events: mpsc::UnboundedSender<Invocation>,
    /// Time from the start of the process to its first request for an event.
    pub init: Duration,
}

#[derive(Debug)]
struct Invocation {
    event: Vec<u8>,
    answer: oneshot::Sender<Answer>,
}

/// The result of an invocation.
#[derive(Debug)]
pub struct Answer {
    /// Time from sending the event to receiving the answer.
    pub took: Duration,
    pub body: Vec<u8>,
}

impl Function {
    /// Starts a function with exactly this environment and waits until it asks for an event.
    pub async fn start(program: &Path, environment: &[(&str, &str)]) -> Self {
        Self::run(Command::new(program), environment).await
    }

    /// The same as an argument of another command, which observes it.
    pub async fn start_under(observer: &[String], program: &Path, environment: &[(&str, &str)]) -> Self {
        let (name, arguments) = observer.split_first().expect("a command");
        let mut command = Command::new(name);
        command.args(arguments).arg(program);
        Self::run(command, environment).await
    }

    async fn run(mut command: Command, environment: &[(&str, &str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let (events, received) = mpsc::unbounded_channel();
        let api = Arc::new(RuntimeApi {
            events: tokio::sync::Mutex::new(received),
            first_poll: Notify::new(),
            under_way: Mutex::new(None),
        });
        tokio::spawn({
            let api = api.clone();
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let api = api.clone();
                    // Stopping the function closes its connections.
                    tokio::spawn(async move { api.serve(stream).await.ok() });
                }
            }
        });
        command.env_clear().envs(environment.iter().copied()).envs([
            ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "function"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "stream"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "group"),
        ]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let start = now();
        let process = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let polled = tokio::time::timeout(Duration::from_secs(30), api.first_poll.notified()).await;
        let init = start.elapsed();
        let function = Self { process, events, init };
        polled.unwrap_or_else(|_| panic!("{command:?} does not ask for an event"));
        function
    }

    /// Invokes the function with an event.
    pub async fn call(&self, event: &str) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.events.send(Invocation { event: event.into(), answer }).expect("the runtime API runs");
        answered.await.expect("the function answers")
    }

    /// Asks the process to end, and waits until it has.
    pub fn terminate(mut self) {
        let asked = Command::new("kill").arg(self.process.id().to_string()).status().expect("kill(1)");
        assert!(asked.success(), "{asked}");
        self.process.wait().expect("it ends");
    }

    /// CPU time so far, of all threads.
    #[must_use]
    pub fn processor_time(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id())).expect("it runs");
        let time = |task: Result<fs::DirEntry>| {
            let statistics = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            statistics.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
        };
        tasks.filter_map(time).sum()
    }

    /// Peak memory so far, in KiB.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        peak_memory(&self.process.id().to_string())
    }
}

/// Peak memory of a process so far, in KiB, by its id or `self`.
#[must_use]
pub fn peak_memory(process: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line of the name");
    peak.trim().trim_end_matches(" kB").parse().expect("a number")
}

impl Drop for Function {
    fn drop(&mut self) {
        // The process may have ended by itself, which the caller has noticed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

struct RuntimeApi {
    events: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    first_poll: Notify,
    under_way: Mutex<Option<(Instant, oneshot::Sender<Answer>)>>,
}

impl RuntimeApi {
    async fn serve(&self, stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        let mut function = BufReader::new(stream);
        while let Some(request) = Message::read(&mut function).await? {
            let request_line = &request.head[0];
            if request_line.starts_with("GET ") {
                self.first_poll.notify_one();
                let Some(Invocation { event, answer }) = self.events.lock().await.recv().await else { return Ok(()) };
                let head = [
                    "HTTP/1.1 200 OK",
                    "content-type: application/json",
                    "lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd",
                    "lambda-runtime-deadline-ms: 4102444800000",
                    "lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-central-1:123456789012:function:function",
                    "lambda-runtime-trace-id: Root=1-69242f00-8f6d05584ef8aa3892276658",
                    &format!("content-length: {}", event.len()),
                ];
                let message = Message { head: head.map(str::to_owned).into(), body: event };
                *self.under_way.lock().expect("not poisoned") = Some((now(), answer));
                message.write(&mut function).await?;
            } else {
                let (start, answer) = self.under_way.lock().expect("not poisoned").take().expect("an event");
                let took = start.elapsed();
                let body = String::from_utf8_lossy(&request.body);
                assert!(request_line.contains("/response "), "the function failed: {request_line} {body}");
                let accepted = ["HTTP/1.1 202 Accepted", "content-length: 0"].map(str::to_owned).into();
                Message { head: accepted, body: Vec::new() }.write(&mut function).await?;
                // The caller may have given up.
                let _ = answer.send(Answer { took, body: request.body });
            }
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "this measures real time")]
fn now() -> Instant {
    Instant::now()
}
