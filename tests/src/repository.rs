//! Reads files of this repository.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The root of the repository, or of the copy that `tests/guides.py` names.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "tests learn from the environment which copy they are to read")]
pub fn root() -> PathBuf {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the repository").to_owned();
    std::env::var_os("REPOSITORY_ROOT").map_or_else(own, PathBuf::from)
}

/// A file as text.
#[must_use]
pub fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// An event of `events/`.
#[must_use]
pub fn event(name: &str) -> Value {
    serde_json::from_str(&read(&format!("events/{name}.json"))).expect("events are JSON")
}

/// A YAML file. Tags such as `!Ref` are kept; aliases and merges (`<<`) are resolved.
#[must_use]
pub fn yaml(path: &str) -> serde_yaml_ng::Value {
    let mut value: serde_yaml_ng::Value =
        serde_yaml_ng::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    value.apply_merge().unwrap_or_else(|error| panic!("{path}: {error}"));
    value
}

/// The names of the folders under `functions/`, sorted.
#[must_use]
pub fn functions() -> Vec<String> {
    let folders = std::fs::read_dir(root().join("functions")).expect("functions/ is there");
    let mut names: Vec<String> =
        folders.map(|entry| entry.expect("a folder").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

/// The routes of each function, such as `GET /api/apiKeys`.
pub type Routes = BTreeMap<String, BTreeSet<String>>;

/// A route by its name. API Gateway treats a trailing slash as none.
#[must_use]
pub fn route(method: &str, path: &str) -> String {
    format!("{} {}", method.to_uppercase(), path.trim_end_matches('/'))
}

/// The function that serves its paths by every method but OPTIONS, like whatever a proxy guards; proxies with a method of
/// their own use GET.
pub const OF_ANY_METHOD: &str = "authorize-request";

/// [`template_routes`], with GET alone for [`OF_ANY_METHOD`].
///
/// # Panics
///
/// If a method is missing there.
#[must_use]
pub fn typical_routes() -> Routes {
    const METHODS: [&str; 6] = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"];
    let mut routes = template_routes();
    let of_any = routes.get_mut(OF_ANY_METHOD).expect("it is in template.yaml");
    let all = of_any.len();
    of_any.retain(|route| route.starts_with("GET "));
    assert_eq!(all, of_any.len() * METHODS.len(), "{OF_ANY_METHOD} by each method");
    routes
}

/// The functions of `template.yaml` by folder, with their routes, if any.
#[must_use]
pub fn template_routes() -> Routes {
    let template = yaml("template.yaml");
    let text = |value: &serde_yaml_ng::Value| value.as_str().expect("a string in template.yaml").to_owned();
    let resources = template["Resources"].as_mapping().expect("resources");
    let functions = resources.values().filter(|resource| resource["Type"] == "AWS::Serverless::Function");
    let routes = functions.map(|function| {
        let properties = &function["Properties"];
        let folder = text(&properties["CodeUri"]);
        let folder = folder.strip_prefix("functions/").expect("a folder of functions/");
        let events = properties["Events"].as_mapping().into_iter().flat_map(|events| events.values());
        let of_api = events.filter(|event| event["Type"] == "Api").map(|event| &event["Properties"]);
        (folder.to_owned(), of_api.map(|at| route(&text(&at["Method"]), &text(&at["Path"]))).collect())
    });
    routes.collect()
}
