//! HTTP/3 without I/O (RFC 9114), as far as WebSockets (RFC 9220) and plain requests need it.
