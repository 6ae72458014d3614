//! A node: sessions, authentication, chat over connections, metrics, web assets.
