//! Header fields in memory, and the checks that every version of HTTP shares.

use super::grammar::is_host;
use super::{HeadError, Version};

/// Where a part lies in the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// Header fields as places in one piece of text.
#[derive(Clone, Debug)]
pub(crate) struct Fields {
    pub(crate) text: Box<str>,
    pub(crate) spans: Box<[(Span, Span)]>,
}

impl Fields {
    pub(crate) fn part(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.spans.iter().map(|&(name, value)| (self.part(name), self.part(value)))
    }

    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Whether the value stands in its line as `Name: value` or `Name:value`, with nothing odd around it.
    pub(crate) fn is_plain(&self, name: &str) -> bool {
        self.spans.iter().filter(|(other, _)| self.part(*other).eq_ignore_ascii_case(name)).all(
            |(name, value)| {
                let before = self.text.get(name.end as usize..value.start as usize);
                let after = self.text.get(value.end as usize..);
                matches!(before, Some(":" | ": ")) && after.is_some_and(|after| after.starts_with('\r'))
            },
        )
    }
}

/// RFC 9112 section 3.2 knows four forms of a target. A server of WebSockets needs one, and `*` for OPTIONS. The
/// absolute form, which a server "MUST accept", is refused all the same: it exists for proxies, and a backend that takes
/// a URL from a stranger is how requests are sent to places that nobody meant.
pub(crate) fn check_target(method: &str, target: &str) -> Result<(), HeadError> {
    let is_path = target.starts_with('/') || (target == "*" && method == "OPTIONS");
    if !is_path || !target.is_ascii() || target.contains('#') {
        return Err(HeadError::TargetInvalid);
    }
    let escapes_control = target
        .as_bytes()
        .windows(3)
        .any(|escape| matches!(escape, [b'%', b'0', b'0' | b'a' | b'A' | b'd' | b'D']));
    if escapes_control { Err(HeadError::TargetEscapesControl) } else { Ok(()) }
}

pub(crate) fn check_host(fields: &Fields, version: Version) -> Result<(), HeadError> {
    let mut hosts = fields.all("host");
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => Err(HeadError::HostRepeated),
        (Some(host), None) => {
            if is_host(host) {
                Ok(())
            } else {
                Err(HeadError::HostInvalid)
            }
        }
        (None, None) if version != Version::Http10 => Err(HeadError::HostMissing),
        (None, None) => Ok(()),
    }
}

/// The one `Content-Length`, if any: a plain decimal number (RFC 9110 section 8.6).
pub(crate) fn length_of(fields: &Fields) -> Result<Option<u64>, HeadError> {
    let mut lengths = fields.all("content-length");
    let Some(length) = lengths.next() else { return Ok(None) };
    if lengths.next().is_some() {
        return Err(HeadError::LengthRepeated);
    }
    let is_decimal = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    if !is_decimal {
        return Err(HeadError::LengthInvalid);
    }
    length.parse().map(Some).map_err(|_| HeadError::LengthInvalid)
}
