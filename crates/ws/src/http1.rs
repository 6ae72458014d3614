//! HTTP/1.1: the heads of requests and responses, and the bodies behind them, read strictly (RFC 9112).
//!
//! A WebSocket begins as an HTTP request, so the first bytes of every peer pass through here, and they are the bytes of
//! whoever found the port. The rules:
//!
//! * Bytes are looked at once, as they arrive ([`HeadReader`]). A head that comes one byte per packet costs no more than
//!   one that comes at once, and both the bytes and the reads are counted.
//! * What two parsers could understand differently is refused: bare CR or LF, folded lines, control characters,
//!   doubtful lengths, more than one `Host`. A gateway in front and a server behind must never disagree about where a
//!   request ends.
//! * What is refused early is refused for a stated reason, with an HTTP status ([`HeadError`](crate::head::HeadError)).

mod body;
mod parse;
mod reader;

pub use body::{BodyError, BodyEvent, BodyLimits, BodyReader, Trailers};
pub use reader::HeadReader;
