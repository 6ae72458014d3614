//! Layer 4: bytes from one socket to another, without a look at what they mean.
//!
//! [`client_hello`] and [`proxy_protocol`] are pure: bytes in, facts out. [`session`] is one TCP connection from accept to
//! end: who is it (PROXY header), what does it want (ClientHello), where does it go ([`Desk`]), connect, and then the
//! [relay](crate::relay). [`datagrams`] pins flows of UDP to backends, those of QUIC by their connection ids.

pub mod client_hello;
mod connect;
pub mod datagrams;
mod guard;
pub mod proxy_protocol;
pub mod session;

pub(crate) use connect::is_ours;
pub use session::{Desk, Outcome, Record, StreamFacts, StreamOptions};
