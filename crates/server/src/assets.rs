//! The web pages, compiled into the binary, and the headers that keep them safe.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use net::Answer;
use std::borrow::Cow;

/// What is served. Tests, tooling and notes for developers stay out of the binary.
#[derive(rust_embed::RustEmbed)]
#[folder = "../../web"]
#[include = "index.html"]
#[include = "*.css"]
#[include = "*.svg"]
#[include = "*.webmanifest"]
#[include = "chat/*.js"]
#[include = "classic/*.html"]
#[include = "classic/*.js"]
#[include = "play/*.html"]
#[include = "play/*.js"]
#[include = "play/*.wasm"]
#[include = "sdk/*.js"]
// A star crosses folders, so the tests of the SDK would come along.
#[exclude = "sdk/test/*"]
#[exclude = "play/test/*"]
struct Assets;

/// Scripts, styles and sockets from this origin and nothing else from anywhere.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self' ws: wss:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The same for the game, which may also compile the WebAssembly that it fetches from here.
const GAME_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self' ws: wss:; manifest-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'";

/// Answers a request for a page or a part of one. `None`: there is no such thing.
pub(crate) fn answer<E>(path: &str, if_none_match: Option<&str>) -> Option<Answer<E>> {
    let name = match path {
        "/" => "index.html",
        "/play" | "/play/" => "play/index.html",
        // A page is at one place.
        "/play/index.html" => return None,
        path => path.strip_prefix('/')?,
    };
    let file = Assets::get(name)?;
    let hash = file.metadata.sha256_hash();
    let tag = format!("\"{}\"", hash[..12].iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let mut response = Response::new(Bytes::new());
    if if_none_match == Some(&*tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        *response.body_mut() = match file.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    let is_game = name.starts_with("play/");
    let policy = if is_game { GAME_SECURITY_POLICY } else { CONTENT_SECURITY_POLICY };
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    Some(Answer::Response(response))
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use net::NoEndpoint;

    fn get(path: &str, tag: Option<&str>) -> Option<Response<Bytes>> {
        match answer::<NoEndpoint>(path, tag)? {
            Answer::Response(response) => Some(response),
            _ => None,
        }
    }

    #[test]
    fn the_page_comes_with_a_strict_policy_and_is_not_sent_twice() {
        let page = get("/", None).unwrap();
        assert_eq!(page.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert!(
            page.headers()[header::CONTENT_SECURITY_POLICY]
                .to_str()
                .unwrap()
                .starts_with("default-src 'none'")
        );
        let tag = page.headers()[header::ETAG].to_str().unwrap().to_owned();
        let again = get("/", Some(&tag)).unwrap();
        assert_eq!((again.status(), again.body().len()), (StatusCode::NOT_MODIFIED, 0));
    }

    #[test]
    fn only_what_is_part_of_the_page_is_served() {
        assert!(get("/sdk/index.js", None).is_some());
        for path in [
            "",
            "index.html",
            "//index.html",
            "/../Cargo.toml",
            "/package.json",
            "/test/browser.mjs",
            "/sdk/test/rig.js",
            "/sdk/..;/index.html",
        ] {
            assert!(get(path, None).is_none(), "{path}");
        }
    }

    #[test]
    fn the_game_may_compile_its_simulation_and_nothing_else_may() {
        let wasm = get("/play/arena.wasm", None).unwrap();
        assert_eq!(wasm.headers()[header::CONTENT_TYPE], "application/wasm");
        for (path, may) in [("/play/wire.js", true), ("/", false), ("/sdk/index.js", false)] {
            let policy = get(path, None).unwrap().headers()[header::CONTENT_SECURITY_POLICY].clone();
            assert_eq!(policy.to_str().unwrap().contains("wasm"), may, "{path}");
            assert!(!policy.to_str().unwrap().contains("'unsafe-"), "{path}");
        }
    }
}
