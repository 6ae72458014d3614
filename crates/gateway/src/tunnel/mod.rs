//! HTTP on both sides: requests and WebSockets of any version of HTTP, brought to backends over HTTP/1.1 or HTTP/2.

pub mod frames;
pub mod headers;
pub mod screen;
