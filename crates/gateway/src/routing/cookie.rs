//! The sticky cookie: which backend a browser had last time.
//!
//! Its value is a hash of the backend's name, so it tells nobody addresses. It is no secret and not signed: the worst that
//! somebody can do with another value is to choose among the backends of the pool, or to be placed anew.

use super::hash;
use crate::backend::Backend;
use crate::config::{Cookie, SameSite};
use std::fmt::Write as _;
use ws::head::RequestHead;

/// The value that stands for a backend.
pub(super) fn value(backend: &Backend) -> String {
    format!("{:016x}", hash::hash(&[backend.pool.as_bytes(), backend.name.as_bytes()]))
}

/// The values of all cookies with this name.
pub(crate) fn values<'a>(head: &'a RequestHead, name: &'a str) -> impl Iterator<Item = &'a str> {
    let pairs = head.header_all("cookie").flat_map(|cookies| cookies.split(';'));
    pairs.filter_map(move |pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    })
}

/// The value of `Set-Cookie` that leads back to a backend.
pub(super) fn set(config: &Cookie, backend: &Backend, secure: bool) -> String {
    let mut text = format!("{}={}; Path=/; HttpOnly", config.name, value(backend));
    text.push_str(match config.same_site {
        SameSite::Strict => "; SameSite=Strict",
        SameSite::Lax => "; SameSite=Lax",
        SameSite::None => "; SameSite=None",
    });
    // A cookie for TLS alone would never come back over plain HTTP; then it is better to be not sticky for other sites.
    if config.secure || config.same_site == SameSite::None || secure {
        text.push_str("; Secure");
    }
    if let Some(age) = config.max_age {
        // Writing to a String cannot fail.
        let _ = write!(text, "; Max-Age={}", age.as_secs());
    }
    text
}
