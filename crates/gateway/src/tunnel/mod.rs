//! HTTP on both sides: requests and WebSockets of any version of HTTP, brought to backends over HTTP/1.1 or HTTP/2.
//!
//! [`screen`] says what is refused before any backend hears of it, [`headers`] what becomes of headers, [`frames`] what a
//! tunnel sees of a WebSocket and puts in. [`upstream`] has the connections to backends, [`failure`] what can go wrong
//! there, and [`session`] is one request from its head to its end.

pub mod failure;
pub mod frames;
pub mod headers;
pub mod screen;
pub mod session;
pub mod upstream;
