//! `GET /console`, `GET /docs`, their files, and `GET /openapi.yaml`

use lambda_http::Response;
use serde_json::{Value, json};
use tests::{documents, repository};

/// Serves the event for a route, its path as the client wrote it, and its parameter.
fn get(route: &str, path: &str, file: Option<&str>) -> Response<String> {
    get_with(&[], route, path, file)
}

/// The same with settings of the deployment.
fn get_with(settings: &[(&str, &str)], route: &str, path: &str, file: Option<&str>) -> Response<String> {
    let mut event = repository::event("get-page");
    event["resource"] = route.into();
    event["path"] = path.into();
    event["requestContext"]["resourcePath"] = route.into();
    event["pathParameters"] = file.map_or(Value::Null, |file| json!({"file": file}));
    let (response, line) = documents::serve(get_page::NAME, get_page::find, &event, settings);
    assert_eq!((&line["operation"], &line["route"]), (&"get-page".into(), &format!("GET {route}").into()));
    response
}

fn header<'a>(response: &'a Response<String>, name: &str) -> &'a str {
    response.headers()[name].to_str().expect("ASCII")
}

/// The files in `assets/` that a page names.
fn assets(page: &str) -> Vec<&str> {
    page.split("\"./assets/").skip(1).map(|rest| rest.split('"').next().expect("a name")).collect()
}

#[test]
fn a_page_is_asked_for_each_time_and_its_files_once() {
    for route in ["/console", "/docs"] {
        let page = get(route, route, None);
        let content_type = header(&page, "content-type");
        assert_eq!((page.status().as_u16(), content_type), (200, "text/html; charset=utf-8"), "{route}");
        assert_eq!(header(&page, "cache-control"), "no-cache");
        let files = assets(page.body());
        assert!(files.len() > 1, "{route}: {files:?}");
        for file in files {
            let asset = get("/assets/{file}", &format!("/assets/{file}"), Some(file));
            assert_eq!(asset.status(), 200, "{file}");
            assert_eq!(header(&asset, "cache-control"), "public, max-age=31536000, immutable");
            assert_eq!(header(&asset, "content-security-policy"), header(&page, "content-security-policy"));
        }
    }
}

#[test]
fn a_slash_at_the_end_of_a_page_leads_to_the_page() {
    for (route, location) in [("/console", "../console"), ("/docs", "../docs")] {
        let response = get(route, &format!("{route}/"), None);
        assert_eq!((response.status().as_u16(), header(&response, "location")), (308, location));
    }
}

#[test]
fn the_console_is_told_where_people_sign_in() {
    let route = "/console/settings.json";
    let url = "https://portal.example/sign-in";
    for (settings, expected) in [(&[][..], Value::Null), (&[("SIGN_IN_URL", url)], url.into())] {
        let response = get_with(settings, route, route, None);
        assert_eq!(header(&response, "cache-control"), "no-cache");
        let body: Value = serde_json::from_str(response.body()).expect("JSON");
        assert_eq!(body, json!({"sign_in_url": expected}));
    }
}

#[test]
fn the_contract_is_published_with_the_server_that_it_comes_from() {
    let yaml = get("/openapi.yaml", "/openapi.yaml", None);
    assert_eq!(header(&yaml, "content-type"), "application/yaml; charset=utf-8");
    let source = repository::read("openapi.yaml");
    let end = source.split("\nsecurity:\n").nth(1).expect("the rest");
    assert!(yaml.body().ends_with(end) && yaml.body().starts_with("openapi: 3.1.1\n"), "all else is as it was written");
    let json = get("/openapi.json", "/openapi.json", None);
    assert_eq!(header(&json, "content-type"), "application/json; charset=utf-8");
    let json: Value = serde_json::from_str(json.body()).expect("JSON");
    let mut expected: Value = serde_yaml_ng::from_str(yaml.body()).expect("YAML");
    assert_eq!(json, expected);
    assert_eq!(expected["servers"][0]["url"].take(), ".");
}

#[test]
fn the_files_for_tools_are_published_with_their_server() {
    for (file, server) in
        [("openapi.json", Some("..")), ("openapi-3.0.json", Some("..")), ("postman_collection.json", None)]
    {
        let response = get("/clients/{file}", &format!("/clients/{file}"), Some(file));
        assert_eq!(header(&response, "content-type"), "application/json; charset=utf-8", "{file}");
        assert_eq!(header(&response, "cache-control"), "public, max-age=3600", "{file}");
        let mut published: Value = serde_json::from_str(response.body()).expect("JSON");
        let mut source: Value = serde_json::from_str(&repository::read(&format!("clients/{file}"))).expect("JSON");
        let servers = [&mut published, &mut source].map(|document| document["servers"].take());
        assert_eq!(servers[0][0]["url"].as_str(), server, "{file}");
        assert_eq!(published, source, "{file}");
    }
}

#[test]
fn nothing_else_is_served() {
    for file in ["", "docs.html", "../docs.html", "..%2fopenapi.yaml", "docs-00000000.js"] {
        for folder in ["assets", "clients"] {
            let response = get(&format!("/{folder}/{{file}}"), &format!("/{folder}/{file}"), Some(file));
            assert_eq!(
                (response.status().as_u16(), response.body().as_str()),
                (404, r#"{"error":"Not found"}"#),
                "{file}"
            );
            assert_eq!(header(&response, "cache-control"), "no-store");
        }
    }
}
