//! The commands.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;

use reqwest::Method;
use serde_json::{Value, json};

use crate::arguments::{Arguments, Audit, Command, Create, Default, Delete, List, OneKey, Rotate};
use crate::client::{Call, Service};
use crate::failure::Failure;
use crate::output::Output;
use crate::settings::{Settings, variable};
use crate::usage_chart;

/// The exit status of a check that found a key not to work.
const KEY_DOES_NOT_WORK: u8 = 8;

/// Does what the arguments say.
pub async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let output = Output::new(&arguments);
    let service = Service::new(Settings::from_env()?, arguments.retry_for)?;
    match arguments.command {
        Command::Create(new) => create(&service, &output, new).await?,
        Command::List(list) => output.keys(pages(&service, list_path(&list), list.limit).await?)?,
        Command::Show(OneKey { id }) => change(&service, &output, Method::GET, &format!("/{id}"), None).await?,
        Command::Pause(OneKey { id }) => {
            change(&service, &output, Method::PATCH, &format!("/{id}/pause"), None).await?;
        }
        Command::Resume(OneKey { id }) => {
            change(&service, &output, Method::PATCH, &format!("/{id}/resume"), None).await?;
        }
        Command::Rotate(rotation) => rotate(&service, &output, rotation).await?,
        Command::Default(Default::Set(OneKey { id })) => {
            change(&service, &output, Method::PATCH, "/setDefault", Some(json!({"id": id}))).await?;
        }
        Command::Default(Default::Remove(OneKey { id })) => {
            change(&service, &output, Method::PATCH, "/removeDefault", Some(json!({"id": id}))).await?;
        }
        Command::Delete(deletion) => delete(&service, &output, &deletion).await?,
        Command::Usage(OneKey { id }) => {
            let usage = service.send(Call::new(Method::GET, format!("/api/apiKeys/{id}/usage"))).await?.body;
            output.either(&usage, usage_chart::draw)?;
        }
        Command::Audit(Audit { id, limit }) => {
            output.trail(pages(&service, format!("/api/apiKeys/{id}/audit?limit=1000"), limit).await?)?;
        }
        Command::Verify => return verify(&service, &output).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn create(service: &Service, output: &Output, new: Create) -> Result<(), Failure> {
    output.ensure_whole_keys()?;
    let mut body = json!({"name": new.name, "type": new.kind, "status": new.status});
    match new.expires.as_deref() {
        None => {}
        Some("never") => body["expiry_at"] = Value::Null,
        Some(time) => body["expiry_at"] = time.into(),
    }
    let call = Call::new(Method::POST, "/api/apiKeys").with_body(body).once(new.idempotency_key)?;
    output.key(service.send(call).await?.body)
}

async fn rotate(service: &Service, output: &Output, rotation: Rotate) -> Result<(), Failure> {
    output.ensure_whole_keys()?;
    let call = Call::new(Method::POST, format!("/api/apiKeys/{}/rotate", rotation.id));
    let call = call.with_body(json!({"grace_period_seconds": rotation.grace})).once(rotation.idempotency_key)?;
    output.key(service.send(call).await?.body)
}

/// A call that answers with a key.
async fn change(
    service: &Service,
    output: &Output,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Result<(), Failure> {
    let call = Call::new(method, format!("/api/apiKeys{path}"));
    let call = body.into_iter().fold(call, Call::with_body);
    output.key(service.send(call).await?.body)
}

async fn delete(service: &Service, output: &Output, Delete { id, yes }: &Delete) -> Result<(), Failure> {
    if !yes {
        let key = service.send(Call::new(Method::GET, format!("/api/apiKeys/{id}"))).await?.body;
        if !std::io::stdin().is_terminal() {
            return Err(Failure::Usage("nobody is there to confirm the deletion: add --yes".to_owned()));
        }
        eprint!("Delete key {id}, {}, for good? [y/N] ", crate::table::printable(&key["name"].to_string()));
        std::io::stderr().flush()?;
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        if !matches!(answer.trim(), "y" | "Y" | "yes") {
            return Err(Failure::Usage("not confirmed: nothing was deleted".to_owned()));
        }
    }
    service.send(Call::new(Method::DELETE, format!("/api/apiKeys/{id}"))).await?;
    output.either(&json!({"message": "API Key deleted successfully"}), |_| format!("Key {id} is deleted\n"))
}

fn list_path(list: &List) -> String {
    let filters =
        list.status.iter().map(|status| ("status", status)).chain(list.kind.iter().map(|kind| ("type", kind)));
    let mut query = reqwest::Url::parse("http://localhost").expect("a URL");
    query.query_pairs_mut().append_pair("limit", &list.page_size.to_string()).extend_pairs(filters);
    format!("/api/apiKeys?{}", query.query().unwrap_or_default())
}

/// The elements of all pages, or so many of them.
async fn pages(service: &Service, first: String, limit: Option<usize>) -> Result<Vec<Value>, Failure> {
    let mut elements = Vec::new();
    let mut path = Some(first);
    while let Some(next) = path.filter(|_| limit.is_none_or(|limit| elements.len() < limit)) {
        let answer = service.send(Call::new(Method::GET, next)).await?;
        elements.extend(answer.body.as_array().into_iter().flatten().cloned());
        path = answer.next;
    }
    elements.truncate(limit.unwrap_or(usize::MAX));
    Ok(elements)
}

async fn verify(service: &Service, output: &Output) -> Result<ExitCode, Failure> {
    let key = presented_key()?;
    let call = Call::new(Method::POST, "/api/apiKeys/verify").with_body(json!({"key": key})).risky();
    let found = service.send(call).await?.body;
    let is_valid = found["valid"] == true;
    output.either(&found, |found| {
        let field = |name: &str| found[name].as_str().unwrap_or("unknown").to_owned();
        if is_valid {
            format!("The key works: key {} of user {}, type {}\n", found["id"], found["user_id"], field("type"))
        } else {
            format!("The key does not work: {}\n", field("reason"))
        }
    })?;
    Ok(if is_valid { ExitCode::SUCCESS } else { ExitCode::from(KEY_DOES_NOT_WORK) })
}

/// The key to check, from the environment, a person, or standard input.
fn presented_key() -> Result<String, Failure> {
    if let Some(key) = variable("NUXERA_KEYS_KEY") {
        return Ok(key);
    }
    let key = if std::io::stdin().is_terminal() {
        rpassword::prompt_password("Key: ")?
    } else {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        line
    };
    match key.trim() {
        "" => Err(Failure::Usage("there is no key on standard input".to_owned())),
        key => Ok(key.to_owned()),
    }
}
