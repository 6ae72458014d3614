//! Requests and responses: field sections that have been judged, and the pseudo-header fields of those to be sent.

use crate::rules;
use crate::section::FieldSection;

/// The pseudo-header fields of a request (RFC 9114 section 4.3.1, RFC 9220 section 3). Text is as sent, escapes and
/// all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// `:method`. Methods are case-sensitive.
    pub method: &'a str,
    /// `:scheme`. Only a CONNECT without `:protocol` has none.
    pub scheme: Option<&'a str>,
    /// `:authority`, the host and port that are asked. May be missing if there is a `host` field.
    pub authority: Option<&'a str>,
    /// `:path`, with the query. Only a CONNECT without `:protocol` has none.
    pub path: Option<&'a str>,
    /// `:protocol`, which makes a CONNECT an extended one.
    pub protocol: Option<&'a str>,
}

impl<'a> Request<'a> {
    /// A request over TLS, which HTTP/3 always has.
    pub const fn https(method: &'a str, authority: &'a str, path: &'a str) -> Self {
        Self { method, scheme: Some("https"), authority: Some(authority), path: Some(path), protocol: None }
    }

    /// The extended CONNECT that opens a WebSocket (RFC 9220 section 3).
    pub const fn websocket(authority: &'a str, path: &'a str) -> Self {
        Self { protocol: Some("websocket"), ..Self::https("CONNECT", authority, path) }
    }

    /// The pseudo-header fields in the order in which they are sent.
    pub(crate) fn pseudo_fields(&self) -> impl Iterator<Item = (&'static str, &'a str)> {
        let fields = [
            (":method", Some(self.method)),
            (":scheme", self.scheme),
            (":authority", self.authority),
            (":path", self.path),
            (":protocol", self.protocol),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name, value?)))
    }
}

/// A request as received: well formed by the rules of RFC 9114 sections 4.2 to 4.4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFields {
    section: FieldSection,
    /// Where in the section each pseudo-header field stands, in the order of `PSEUDO_NAMES`.
    places: [u8; PSEUDO_NAMES.len()],
}

const PSEUDO_NAMES: [&[u8]; 5] = [b":method", b":scheme", b":authority", b":path", b":protocol"];
const ABSENT: u8 = u8::MAX;

impl RequestFields {
    /// Judges a section. The error says why the request is malformed.
    pub(crate) fn new(section: FieldSection, enable_connect_protocol: bool) -> Result<Self, &'static str> {
        let mut request = Self { section, places: [ABSENT; PSEUDO_NAMES.len()] };
        let mut host = None;
        let mut place = 0_u8;
        for (name, value) in request.section.iter() {
            if !name.starts_with(b":") {
                rules::check_request_field(name, value)?;
                if name == b"host" && host.replace(value).is_some() {
                    return Err("host occurs twice");
                }
                // Pseudo-header fields that come after this are out of place.
                place = ABSENT;
                continue;
            }
            let known = PSEUDO_NAMES.iter().position(|&known| known == name);
            let Some(which) = known else { return Err("a pseudo-header field is unknown") };
            if place == ABSENT {
                return Err("a pseudo-header field comes after other fields");
            }
            if request.places[which] != ABSENT {
                return Err("a pseudo-header field occurs twice");
            }
            if !value.is_ascii() {
                return Err("a pseudo-header field is not ASCII");
            }
            request.places[which] = place;
            // There are five names and none occurs twice, so this stays far from `ABSENT`.
            place += 1;
        }
        if request.places[0] == ABSENT {
            return Err(":method is missing");
        }
        if request.protocol().is_some() && !enable_connect_protocol {
            return Err(":protocol was not offered");
        }
        rules::check_request(&request.request(), host)?;
        Ok(request)
    }

    /// All pseudo-header fields.
    pub fn request(&self) -> Request<'_> {
        Request {
            method: self.method(),
            scheme: self.scheme(),
            authority: self.authority(),
            path: self.path(),
            protocol: self.protocol(),
        }
    }

    /// `:method`
    pub fn method(&self) -> &str {
        self.pseudo(0).unwrap_or_default()
    }

    /// `:scheme`
    pub fn scheme(&self) -> Option<&str> {
        self.pseudo(1)
    }

    /// `:authority`
    pub fn authority(&self) -> Option<&str> {
        self.pseudo(2)
    }

    /// `:path`, with the query.
    pub fn path(&self) -> Option<&str> {
        self.pseudo(3)
    }

    /// `:protocol`
    pub fn protocol(&self) -> Option<&str> {
        self.pseudo(4)
    }

    /// The value of the first field with this name, which has to be in lower case.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        first_value(self.fields(), name)
    }

    /// The fields that are no pseudo-header fields, in order.
    ///
    /// Several `cookie` fields are one that was cut so that it compresses better. Join them with `"; "` before anything
    /// else sees them (RFC 9114 section 4.2.1). That `content-length` fits what comes as data is for the caller to see.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.section.iter().filter(|(name, _)| !name.starts_with(b":"))
    }

    /// Everything, pseudo-header fields included.
    pub fn section(&self) -> &FieldSection {
        &self.section
    }

    fn pseudo(&self, which: usize) -> Option<&str> {
        let place = self.places[which];
        let (_, value) = (place != ABSENT).then(|| self.section.get(usize::from(place)))??;
        // `new` let only ASCII pass.
        std::str::from_utf8(value).ok()
    }
}

/// A response as received: well formed by the rules of RFC 9114 sections 4.2 and 4.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseFields {
    section: FieldSection,
    status: u16,
}

impl ResponseFields {
    /// Judges a section. The error says why the response is malformed.
    pub(crate) fn new(section: FieldSection) -> Result<Self, &'static str> {
        let mut fields = section.iter();
        let status = match fields.next() {
            Some((b":status", value)) => rules::parse_status(value)?,
            _ => return Err(":status does not come first"),
        };
        for (name, value) in fields {
            if name.starts_with(b":") {
                return Err("a response has another pseudo-header field than one :status");
            }
            rules::check_field(name, value)?;
        }
        Ok(Self { section, status })
    }

    /// `:status`, from 100 to 999 and never 101.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether a final response will follow this one (1xx).
    pub fn is_interim(&self) -> bool {
        self.status < 200
    }

    /// Whether the request succeeded (2xx). For a CONNECT: whether the tunnel is open.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The value of the first field with this name, which has to be in lower case.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        first_value(self.fields(), name)
    }

    /// The fields without `:status`, in order.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.section.iter().skip(1)
    }

    /// Everything, `:status` included.
    pub fn section(&self) -> &FieldSection {
        &self.section
    }
}

/// Judges trailers: fields without any pseudo-header field (RFC 9114 section 4.3).
pub(crate) fn check_trailers(section: &FieldSection) -> Result<(), &'static str> {
    section.iter().try_for_each(|(name, value)| match name.first() {
        Some(b':') => Err("trailers have a pseudo-header field"),
        _ => rules::check_field(name, value),
    })
}

fn first_value<'a>(mut fields: impl Iterator<Item = (&'a [u8], &'a [u8])>, name: &str) -> Option<&'a [u8]> {
    fields.find(|(candidate, _)| *candidate == name.as_bytes()).map(|(_, value)| value)
}
