//! Reads the first flight of a TLS client, as far as routing needs it: the name it asks for and the protocols it offers.
//!
//! The reader takes bytes in pieces of any size, and handshake messages in records of any size (RFC 8446 section 5.1). It
//! does linear work: each byte is looked at once when it comes, and the message once when it is whole. Nothing is decrypted
//! and no key is needed; a name inside Encrypted Client Hello stays hidden, and routing sees the outer one.

use std::fmt;

/// Bytes of a first flight, record headers included, that are read before it is called too long. Hellos with post-quantum
/// key shares have about 1,800.
pub const HELLO_BYTES_MAX: usize = 16 * 1024;

/// Protocols of ALPN in one hello. Browsers offer two or three.
pub const ALPN_PROTOCOLS_MAX: usize = 64;

const RECORD_HEADER_BYTES: usize = 5;
const RECORD_BYTES_MAX: usize = 16 * 1024;
const MESSAGE_HEADER_BYTES: usize = 4;
const CONTENT_HANDSHAKE: u8 = 22;
const MESSAGE_CLIENT_HELLO: u8 = 1;
const EXTENSION_SERVER_NAME: u16 = 0;
const EXTENSION_ALPN: u16 = 16;
const EXTENSION_ECH: u16 = 0xfe0d;
const NAME_HOST: u8 = 0;
const NAME_BYTES_MAX: usize = 255;

/// What a client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// The name, in lower case and without a dot at its end.
    pub server_name: Option<String>,
    /// Protocols, in the client's order of preference; names that nobody knows (GREASE) among them.
    pub alpn: Vec<Vec<u8>>,
    /// The real hello is encrypted (or pretends to be): `server_name` is the outer one.
    pub is_encrypted: bool,
}

/// Why bytes are no hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloError {
    /// They are not TLS at all.
    NotTls,
    /// TLS, but another message than a hello comes first.
    NotAHello,
    /// More than [`HELLO_BYTES_MAX`].
    TooLong,
    /// A length or a value that cannot be. Says of what.
    Malformed(&'static str),
}

impl fmt::Display for HelloError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTls => write!(f, "not a TLS handshake"),
            Self::NotAHello => write!(f, "TLS, but no ClientHello"),
            Self::TooLong => write!(f, "a ClientHello of more than {HELLO_BYTES_MAX} bytes"),
            Self::Malformed(what) => write!(f, "a ClientHello with a malformed {what}"),
        }
    }
}

impl std::error::Error for HelloError {}

/// Reads one hello. Keeps what it was given, because that is to be sent on.
#[derive(Debug, Default)]
pub struct Reader {
    raw: Vec<u8>,
    /// How much of `raw` was looked at.
    at: usize,
    /// How much of the current record is still to come.
    record_left: usize,
    message: Vec<u8>,
}

impl Reader {
    /// Takes in bytes. `None` if there is more to come.
    ///
    /// # Errors
    ///
    /// As soon as it is clear that no hello will come of it. The reader is of no use then, save for
    /// [`into_bytes`](Self::into_bytes).
    pub fn receive(&mut self, bytes: &[u8]) -> Result<Option<ClientHello>, HelloError> {
        self.raw.extend_from_slice(bytes);
        loop {
            if self.record_left == 0 && !self.begin_record()? {
                return self.no_more_yet();
            }
            let size = self.record_left.min(self.seen().len() - self.at);
            self.message.extend_from_slice(&self.raw[self.at..self.at + size]);
            self.at += size;
            self.record_left -= size;
            if let Some(body) = whole_message(&self.message)? {
                return parse_hello(body).map(Some);
            }
            if size == 0 {
                return self.no_more_yet();
            }
        }
    }

    /// All bytes that were received.
    pub fn bytes(&self) -> &[u8] {
        &self.raw
    }

    /// All bytes that were received.
    pub fn into_bytes(self) -> Vec<u8> {
        self.raw
    }

    /// What counts: a hello that ends behind the limit is too long even if it came all at once.
    fn seen(&self) -> &[u8] {
        &self.raw[..self.raw.len().min(HELLO_BYTES_MAX)]
    }

    fn no_more_yet(&self) -> Result<Option<ClientHello>, HelloError> {
        if self.raw.len() >= HELLO_BYTES_MAX { Err(HelloError::TooLong) } else { Ok(None) }
    }

    /// True if there is a whole record header.
    fn begin_record(&mut self) -> Result<bool, HelloError> {
        let header = &self.seen()[self.at..];
        // What is there of it is judged at once, so that a client of another protocol need not wait for the timeout.
        if header.first().is_some_and(|&content| content != CONTENT_HANDSHAKE)
            || header.get(1).is_some_and(|&major| major != 3)
        {
            return Err(if self.at == 0 { HelloError::NotTls } else { HelloError::Malformed("record") });
        }
        let Some(&[_, _, _, high, low]) = header.first_chunk::<RECORD_HEADER_BYTES>() else {
            return Ok(false);
        };
        let size = usize::from(u16::from_be_bytes([high, low]));
        if size == 0 || size > RECORD_BYTES_MAX {
            return Err(HelloError::Malformed("record length"));
        }
        self.at += RECORD_HEADER_BYTES;
        self.record_left = size;
        Ok(true)
    }
}

/// The body of the first handshake message, if it is all there.
fn whole_message(message: &[u8]) -> Result<Option<&[u8]>, HelloError> {
    if message.first().is_some_and(|&kind| kind != MESSAGE_CLIENT_HELLO) {
        return Err(HelloError::NotAHello);
    }
    let Some((&[_, high, middle, low], rest)) = message.split_first_chunk::<MESSAGE_HEADER_BYTES>() else {
        return Ok(None);
    };
    let size = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
    if size > HELLO_BYTES_MAX {
        return Err(HelloError::TooLong);
    }
    Ok(rest.get(..size))
}

fn parse_hello(body: &[u8]) -> Result<ClientHello, HelloError> {
    let mut input = Input { rest: body, what: "head" };
    input.take(2 + 32)?;
    input.what = "session id";
    if input.vector8()?.len() > 32 {
        return Err(HelloError::Malformed("session id"));
    }
    input.what = "list of cipher suites";
    let suites = input.vector16()?;
    if suites.is_empty() || suites.len() % 2 != 0 {
        return Err(HelloError::Malformed("list of cipher suites"));
    }
    input.what = "list of compression methods";
    if input.vector8()?.is_empty() {
        return Err(HelloError::Malformed("list of compression methods"));
    }
    if input.rest.is_empty() {
        // A hello without extensions is valid in TLS 1.2.
        return Ok(ClientHello::default());
    }
    input.what = "list of extensions";
    let extensions = input.vector16()?;
    if !input.rest.is_empty() {
        return Err(HelloError::Malformed("end"));
    }
    parse_extensions(extensions)
}

fn parse_extensions(extensions: &[u8]) -> Result<ClientHello, HelloError> {
    let mut hello = ClientHello::default();
    let (mut has_name, mut has_alpn) = (false, false);
    let mut input = Input { rest: extensions, what: "extension" };
    while !input.rest.is_empty() {
        let kind = input.number16()?;
        let body = input.vector16()?;
        match kind {
            // A second one could say to the backend what the first one hid from us.
            EXTENSION_SERVER_NAME if std::mem::replace(&mut has_name, true) => {
                return Err(HelloError::Malformed("second server name"));
            }
            EXTENSION_ALPN if std::mem::replace(&mut has_alpn, true) => {
                return Err(HelloError::Malformed("second list of protocols"));
            }
            EXTENSION_SERVER_NAME => hello.server_name = Some(parse_name(body)?),
            EXTENSION_ALPN => hello.alpn = parse_alpn(body)?,
            EXTENSION_ECH => hello.is_encrypted = true,
            _ => {}
        }
    }
    Ok(hello)
}

/// RFC 6066 section 3. Only names of hosts exist, and there may be one of each kind.
fn parse_name(body: &[u8]) -> Result<String, HelloError> {
    let wrong = HelloError::Malformed("server name");
    let mut input = Input { rest: body, what: "server name" };
    let mut list = Input { rest: input.vector16()?, what: "server name" };
    let kind = list.take(1)?[0];
    let name = list.vector16()?;
    if !input.rest.is_empty() || !list.rest.is_empty() || kind != NAME_HOST {
        return Err(wrong);
    }
    let name = name.strip_suffix(b".").unwrap_or(name);
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.iter().all(is_plain) {
        return Err(wrong);
    }
    Ok(name.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect())
}

/// RFC 7301 section 3.1.
fn parse_alpn(body: &[u8]) -> Result<Vec<Vec<u8>>, HelloError> {
    let wrong = HelloError::Malformed("list of protocols");
    let mut input = Input { rest: body, what: "list of protocols" };
    let mut list = Input { rest: input.vector16()?, what: "list of protocols" };
    if !input.rest.is_empty() || list.rest.is_empty() {
        return Err(wrong);
    }
    let mut protocols = Vec::new();
    while !list.rest.is_empty() {
        let protocol = list.vector8()?;
        if protocol.is_empty() || protocols.len() == ALPN_PROTOCOLS_MAX {
            return Err(wrong);
        }
        protocols.push(protocol.to_vec());
    }
    Ok(protocols)
}

/// A piece of a message, and how to call it if it is cut off.
struct Input<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Input<'a> {
    fn take(&mut self, size: usize) -> Result<&'a [u8], HelloError> {
        let (taken, rest) = self.rest.split_at_checked(size).ok_or(HelloError::Malformed(self.what))?;
        self.rest = rest;
        Ok(taken)
    }

    fn number16(&mut self) -> Result<u16, HelloError> {
        self.take(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn vector8(&mut self) -> Result<&'a [u8], HelloError> {
        let size = self.take(1)?[0];
        self.take(usize::from(size))
    }

    fn vector16(&mut self) -> Result<&'a [u8], HelloError> {
        let size = self.number16()?;
        self.take(usize::from(size))
    }
}

#[cfg(test)]
mod tests;
