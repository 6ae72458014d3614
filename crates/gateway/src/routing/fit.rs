//! Routes, and whether a connection fits one.

use super::path::{Pattern, Target};
use super::{Facts, Pool, Refusal};
use crate::config;
use crate::config::{Key, Origins, OwnerKeys};
use net::origin::Allowed;
use std::borrow::Cow;
use std::sync::Arc;
use ws::head::RequestHead;

/// A route, compiled. Connections hold it; it lives as long as they do.
#[derive(Debug)]
pub struct Route {
    /// What was configured.
    pub config: config::Route,
    /// Where it goes.
    pub pool: Arc<Pool>,
    path: Pattern,
    /// Which pages may open WebSockets, as `net` checks it.
    pub(crate) origins: Allowed,
}

/// Whether something fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Yes,
    No,
    /// Only the TLS handshake was for something else.
    OnAnotherConnection,
}

/// A request, read once for all routes.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    target: Target<'a>,
    /// Host in small letters, without port and without a dot at the end.
    host: Option<String>,
}

impl<'a> Seen<'a> {
    pub(super) fn of(facts: &Facts<'a>) -> Result<Self, Refusal> {
        let Some(head) = facts.head else {
            return Ok(Self { target: Target::default(), host: None });
        };
        Ok(Self { target: Target::read(head.target())?, host: head.authority().map(host_of) })
    }
}

fn host_of(authority: &str) -> String {
    let host = match authority.rsplit_once(':') {
        // The colons inside of `[::1]` are not in front of a port.
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

fn is_named(patterns: &[String], name: Option<&str>) -> bool {
    let Some(name) = name else { return patterns.is_empty() };
    let fits = |pattern: &String| match pattern.strip_prefix('*') {
        Some(suffix) => name.len() > suffix.len() && name.ends_with(suffix),
        None => pattern == name,
    };
    patterns.is_empty() || patterns.iter().any(fits)
}

impl Route {
    /// Compiles. A path that cannot be read, which the check of the configuration tells, becomes one that nothing fits.
    pub(super) fn new(config: &config::Route, pool: Arc<Pool>) -> Self {
        let path = Pattern::read(&config.path).unwrap_or_else(|_| Pattern::nothing());
        let origins = match &config.origins {
            Origins::Any => Allowed::Any,
            Origins::Same => Allowed::SameOrigin,
            Origins::These(list) => Allowed::AlsoFrom(list.clone()),
        };
        Self { config: config.clone(), pool, path, origins }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Whether connections of a listener can come here.
    pub fn has_listener(&self, listener: &str) -> bool {
        let listeners = &self.config.listeners;
        listeners.is_empty() || listeners.iter().any(|name| name == listener)
    }

    pub(super) fn fits(&self, facts: &Facts<'_>, seen: &Seen<'_>) -> Fit {
        let config = &self.config;
        if !self.has_listener(facts.listener) || !is_named(&config.hosts, seen.host.as_deref()) {
            return Fit::No;
        }
        match facts.head {
            Some(head) if !(self.path.fits(&seen.target) && self.fits_request(head, &seen.target)) => {
                return Fit::No;
            }
            None if config.path != "/*" || !config.subprotocols.is_empty() => return Fit::No,
            None if !config.headers.is_empty() || !config.query.is_empty() => return Fit::No,
            _ => {}
        }
        let server_name =
            facts.server_name.map(|name| name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase());
        let alpn = |wanted: &String| facts.alpn.contains(&wanted.as_bytes());
        if is_named(&config.server_names, server_name.as_deref())
            && (config.alpn.is_empty() || config.alpn.iter().any(alpn))
        {
            Fit::Yes
        } else {
            Fit::OnAnotherConnection
        }
    }

    fn fits_request(&self, head: &RequestHead, target: &Target<'_>) -> bool {
        let config = &self.config;
        let header = |(name, wanted): (&String, &String)| {
            head.header_all(name).any(|value| wanted == "*" || wanted == value)
        };
        let parameter = |(name, wanted): (&String, &String)| {
            target.parameter(name).is_some_and(|value| wanted == "*" || *wanted == value)
        };
        let offered =
            || head.header_all("sec-websocket-protocol").flat_map(|list| list.split(',')).map(str::trim);
        let subprotocols = &config.subprotocols;
        config.headers.iter().all(header)
            && config.query.iter().all(parameter)
            && (subprotocols.is_empty()
                || offered().any(|offer| subprotocols.iter().any(|mine| mine == offer)))
    }

    /// The key that a request has for its pool's balance.
    pub(super) fn key(&self, facts: &Facts<'_>, key: &Key) -> Option<String> {
        let head = facts.head?;
        let target = Target::read(head.target()).ok()?;
        let value = match key {
            Key::Path(name) => self.path.value(&target, name).map(Cow::Borrowed),
            Key::Query(name) => target.parameter(name),
            Key::Header(name) => head.header(name).map(Cow::Borrowed),
        };
        value.filter(|value| !value.is_empty()).map(Cow::into_owned)
    }

    /// The match that a request is for.
    pub(super) fn owner_key(&self, facts: &Facts<'_>, keys: &OwnerKeys) -> Option<String> {
        let path = keys.path.as_ref().and_then(|name| self.key(facts, &Key::Path(name.clone())));
        path.or_else(|| keys.query.as_ref().and_then(|name| self.key(facts, &Key::Query(name.clone()))))
    }
}
