//! Who may open a WebSocket from a web page (RFC 6455 section 10.2).
//!
//! A browser lets any page open a WebSocket to any server and sends the server's cookies along. The one thing that tells
//! the server which page it is, is the `Origin` header. Programs that are not browsers send none.

use ws::head::RequestHead;

/// Which origins may connect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Allowed {
    /// Pages from the same host and port as the request itself.
    #[default]
    SameOrigin,
    /// Those, and pages from these origins, each in the form `https://example.org` or `https://example.org:8443`.
    /// Compared as a whole: no wildcard, no prefix.
    AlsoFrom(Vec<String>),
    /// Every page. For servers that keep no cookies and trust no network.
    Any,
}

/// A page from another origin, or a request with cookies that does not say where it comes from. Answer 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignOrigin;

/// Decides whether a request may become a WebSocket. `secure` tells whether it came over TLS.
///
/// # Errors
///
/// [`ForeignOrigin`] for an origin that is not allowed, `null`, more than one origin, or cookies without an origin.
pub fn check(head: &RequestHead, secure: bool, allowed: &Allowed) -> Result<(), ForeignOrigin> {
    let origins: Vec<&str> = head.header_all("origin").collect();
    decide(&origins, head.header("cookie").is_some(), head.header("host"), secure, allowed)
}

fn decide(
    origins: &[&str],
    has_cookies: bool,
    host: Option<&str>,
    secure: bool,
    allowed: &Allowed,
) -> Result<(), ForeignOrigin> {
    if *allowed == Allowed::Any {
        return Ok(());
    }
    let origin = match origins {
        [] if has_cookies => return Err(ForeignOrigin),
        [] => return Ok(()),
        [origin] => origin,
        _ => return Err(ForeignOrigin),
    };
    if let Allowed::AlsoFrom(list) = allowed
        && list.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin))
    {
        return Ok(());
    }
    let scheme = if secure { "https" } else { "http" };
    let host = host.ok_or(ForeignOrigin)?;
    // Behind a proxy that ends TLS the page is https while the request is not. The host is what tells pages apart.
    let (origin_scheme, origin_host) = origin.split_once("://").ok_or(ForeignOrigin)?;
    let same_scheme = origin_scheme == scheme || (!secure && origin_scheme == "https");
    let same_host = without_default_port(origin_scheme, origin_host)
        .eq_ignore_ascii_case(without_default_port(origin_scheme, host));
    if same_scheme && same_host { Ok(()) } else { Err(ForeignOrigin) }
}

fn without_default_port<'a>(scheme: &str, host: &'a str) -> &'a str {
    let suffix = if scheme == "https" { ":443" } else { ":80" };
    host.strip_suffix(suffix).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(origin: Option<&str>, cookies: bool, secure: bool, allowed: &Allowed) -> bool {
        let origins: Vec<&str> = origin.into_iter().collect();
        decide(&origins, cookies, Some("good.tld:8080"), secure, allowed).is_ok()
    }

    #[test]
    fn a16_pages_of_the_same_host_and_programs_may_connect_and_nobody_else() {
        let same = Allowed::SameOrigin;
        assert!(decision(Some("http://good.tld:8080"), true, false, &same));
        assert!(decision(Some("https://GOOD.tld:8080"), true, true, &same));
        assert!(decision(Some("https://good.tld:8080"), true, false, &same), "TLS ended before us");
        assert!(decision(None, false, false, &same));
        assert!(!decision(None, true, false, &same), "cookies without an origin");
        for evil in [
            "null",
            "",
            "http://evil.tld:8080",
            "http://good.tld",
            "http://good.tld:80800",
            "http://good.tld:8080.evil.tld",
            "http://good.tld.evil.tld:8080",
            "http://xgood.tld:8080",
            "http://good.tld:8080/",
            "good.tld:8080",
            "ftp://good.tld:8080",
        ] {
            assert!(!decision(Some(evil), false, false, &same), "{evil}");
        }
        assert!(!decision(Some("http://good.tld:8080"), false, true, &same), "a plain page and a TLS socket");
    }

    #[test]
    fn a16_a_list_is_compared_as_a_whole() {
        let allowed = Allowed::AlsoFrom(vec!["https://app.good.tld".to_owned()]);
        assert!(decision(Some("https://app.good.tld"), true, true, &allowed));
        for evil in
            ["https://app.good.tld.evil.tld", "https://evil.app.good.tld", "http://app.good.tld", "null"]
        {
            assert!(!decision(Some(evil), false, true, &allowed), "{evil}");
        }
        assert!(decision(Some("null"), true, true, &Allowed::Any));
    }

    #[test]
    fn a16_two_origins_are_refused_and_default_ports_are_the_same_as_none() {
        let two = ["http://good.tld", "http://good.tld"];
        assert_eq!(decide(&two, false, Some("good.tld"), false, &Allowed::SameOrigin), Err(ForeignOrigin));
        assert!(
            decide(&["https://good.tld"], true, Some("good.tld:443"), true, &Allowed::SameOrigin).is_ok()
        );
    }
}
