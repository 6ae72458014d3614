//! Where a URL points.

use super::DialError;
use http::Uri;

/// Where a URL points.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) secure: bool,
    /// Without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// As it goes into the `Host` header: no default port.
    pub(crate) authority: String,
    /// Path and query.
    pub(crate) target: String,
}

impl Place {
    pub(crate) fn parse(url: &str) -> Result<Self, DialError> {
        let wrong = || DialError::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let secure = match uri.scheme_str() {
            Some("ws" | "http") => false,
            Some("wss" | "https") => true,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().ok_or_else(wrong)?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            return Err(wrong());
        }
        let default = if secure { 443 } else { 80 };
        let port = authority.port_u16().unwrap_or(default);
        let host = authority.host();
        let shown = if port == default { host.to_owned() } else { format!("{host}:{port}") };
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { secure, host: bare, port, authority: shown, target: target.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_to_connect_and_what_to_ask_for() {
        let place = Place::parse("wss://[::1]:8443/v1/chat?x=1").unwrap();
        assert_eq!((place.secure, place.host.as_str(), place.port), (true, "::1", 8443));
        assert_eq!((place.authority.as_str(), place.target.as_str()), ("[::1]:8443", "/v1/chat?x=1"));
        let place = Place::parse("ws://example.org").unwrap();
        assert_eq!((place.port, place.authority.as_str(), place.target.as_str()), (80, "example.org", "/"));
        let place = Place::parse("wss://example.org:443/").unwrap();
        assert_eq!(place.authority, "example.org");
        for wrong in ["", "example.org", "ftp://a/", "ws://", "ws://user@host/", "ws:///path", "ws://a b/"] {
            assert!(matches!(Place::parse(wrong), Err(DialError::Url(_))), "{wrong}");
        }
    }
}
