//! The fields behind a chunked body (RFC 9112 section 7.1.2).

use super::limits::{BodyError, BodyLimits};
use crate::head::{is_field_value, is_token, trim};

/// Names that a trailer may not have, in lower case: those that frame a message or route it, that change who the sender is
/// or what the body means, and those of one connection (RFC 9110 section 6.5.1). Whoever adds trailers to the header would
/// let a client say there what it could not say in the head.
const FORBIDDEN: [&str; 33] = [
    "age",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "location",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "retry-after",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "warning",
    "www-authenticate",
];

/// Prefixes of such names: what proxies say about the client, and handshakes of WebSockets.
const FORBIDDEN_PREFIXES: [&str; 3] = ["x-forwarded-", "sec-", "x-real-"];

/// Fields that came behind a body, checked like those of a head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trailers(Vec<(Box<str>, Box<str>)>);

impl Trailers {
    /// Names and values, in order, as sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether a field with this name, in any case of letters, may stand behind a body.
    pub fn may_have(name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        !FORBIDDEN.contains(&name.as_str())
            && !FORBIDDEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
    }
}

/// Collects the trailer section, whose bytes are looked at once.
#[derive(Debug)]
pub(super) struct TrailerSection {
    fields: Trailers,
    /// The line so far, with its CR.
    line: Vec<u8>,
    bytes_left: u32,
    fields_left: u32,
}

impl TrailerSection {
    pub(super) fn new(limits: BodyLimits) -> Self {
        let (bytes_left, fields_left) = (limits.trailer_bytes_max, limits.trailers_max);
        Self { fields: Trailers::default(), line: Vec::new(), bytes_left, fields_left }
    }

    /// Takes bytes up to the empty line that ends the section. Gives the fields then, if there are any.
    #[expect(
        clippy::option_option,
        reason = "whether it ends, and whether there are fields, are two questions"
    )]
    pub(super) fn receive(&mut self, input: &mut &[u8]) -> Result<Option<Option<Trailers>>, BodyError> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            if byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                let line = line.strip_suffix(b"\r").ok_or(BodyError::ControlCharacter)?;
                if line.is_empty() {
                    let fields = std::mem::take(&mut self.fields);
                    return Ok(Some((!fields.0.is_empty()).then_some(fields)));
                }
                self.take_line(line)?;
                continue;
            }
            if self.line.last() == Some(&b'\r') {
                return Err(BodyError::ControlCharacter);
            }
            // The line ends of an empty section are no part of a trailer.
            if byte != b'\r' {
                self.bytes_left = self.bytes_left.checked_sub(1).ok_or(BodyError::TrailersTooLong)?;
            }
            self.line.push(byte);
        }
        Ok(None)
    }

    fn take_line(&mut self, line: &[u8]) -> Result<(), BodyError> {
        self.fields_left = self.fields_left.checked_sub(1).ok_or(BodyError::TrailersTooLong)?;
        let line = std::str::from_utf8(line).map_err(|_| BodyError::TrailerInvalid)?;
        let (name, value) = line.split_once(':').ok_or(BodyError::TrailerInvalid)?;
        // A line that begins with white space would be a folded one (obs-fold): its name is no token.
        if !is_token(name) {
            return Err(BodyError::TrailerInvalid);
        }
        if !is_field_value(value) {
            return Err(BodyError::ControlCharacter);
        }
        if !Trailers::may_have(name) {
            return Err(BodyError::TrailerForbidden);
        }
        self.fields.0.push((name.into(), trim(value).into()));
        Ok(())
    }
}
