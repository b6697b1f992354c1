//! The pages: the console, the API reference, and the contract that the reference is made from, also as tools take it.
//!
//! Anybody may read them; what they show comes from the API, with the token of whoever looks. `web/` holds their sources,
//! `npm run build` makes `web/dist/` of them, and that is a part of this program.

use serde_json::json;
use shared::config::Config;
use shared::edge::publish::{Found, Path};

/// What this function is called.
pub const NAME: &str = "get-page";

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json; charset=utf-8";

/// Every file by its path in `web/dist/`, in their order.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The media types, by the ends of names. API Gateway hands out text alone.
const TYPES: &[(&str, &str)] = &[
    (".css", "text/css; charset=utf-8"),
    (".html", HTML),
    (".js", "text/javascript; charset=utf-8"),
    (".json", JSON),
    (".svg", "image/svg+xml; charset=utf-8"),
    (".txt", "text/plain; charset=utf-8"),
    (".yaml", "application/yaml; charset=utf-8"),
];

/// Finds a page, one of its files, the contract, or the settings of the console.
#[must_use]
pub fn find(config: &Config, path: &Path) -> Found {
    match path.route() {
        "/console" if path.ends_with_slash() => Found::elsewhere("../console"),
        "/docs" if path.ends_with_slash() => Found::elsewhere("../docs"),
        "/console" => serve("console.html", Found::page),
        "/docs" => serve("docs.html", Found::page),
        "/console/settings.json" => Found::page(JSON, json!({"sign_in_url": config.sign_in_url}).to_string()),
        "/assets/{file}" => serve(&format!("assets/{}", path.get("file").unwrap_or_default()), Found::asset),
        "/clients/{file}" => serve(&format!("clients/{}", path.get("file").unwrap_or_default()), Found::document),
        route => serve(route.trim_start_matches('/'), Found::document),
    }
}

fn serve(name: &str, found: fn(&'static str, &'static str) -> Found) -> Found {
    let file = FILES.binary_search_by_key(&name, |(name, _)| name).ok().map(|at| FILES[at].1);
    match (file, media_type(name)) {
        (Some(text), Some(media_type)) => found(media_type, text),
        (None, _) | (_, None) => Found::nothing(JSON, r#"{"error":"Not found"}"#),
    }
}

fn media_type(name: &str) -> Option<&'static str> {
    TYPES.iter().find(|(end, _)| name.ends_with(end)).map(|(_, media_type)| *media_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_can_be_found_and_has_a_media_type() {
        assert!(FILES.is_sorted_by_key(|(name, _)| *name));
        for (name, text) in FILES {
            assert_eq!(serve(name, Found::document), Found::document(media_type(name).expect(name), *text));
        }
        for page in ["clients/openapi.json", "console.html", "docs.html", "openapi.json", "openapi.yaml"] {
            assert!(FILES.iter().any(|(name, _)| *name == page), "{page}");
        }
    }

    /// A file that is kept for ever has a hash of its content in its name, as in `console-BlR4wGwQ.js`.
    #[test]
    fn the_names_of_assets_change_with_their_content() {
        let assets: Vec<_> = FILES.iter().filter_map(|(name, _)| name.strip_prefix("assets/")).collect();
        assert!(assets.len() > 3);
        for asset in assets {
            let (name, _) = asset.rsplit_once('.').expect("an extension");
            assert_eq!(name.bytes().rev().nth(8), Some(b'-'), "{asset}");
        }
    }

    /// Pages are served below a stage's path, under a domain and by other stacks.
    #[test]
    fn no_page_names_a_place_of_its_own() {
        for (name, text) in FILES.iter().filter(|(name, _)| media_type(name) == Some(HTML)) {
            for start in ["src=\"/", "href=\"/", "src=\"http", "href=\"http"] {
                // Links in prose lead elsewhere, nothing that is loaded does.
                let loaded = text.match_indices(start).filter(|(at, _)| !text[..*at].ends_with("<a "));
                assert_eq!(loaded.count(), 0, "{name}: {start}");
            }
        }
    }
}
