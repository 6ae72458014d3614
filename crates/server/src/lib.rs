//! A node: chat over WebSockets, who may come, the web page, metrics.
//!
//! The rules of chat are in the pure crate `chat`; sockets, TLS and HTTP are in `net`; what is durable is in `state`. This
//! crate joins them. Start reading at [`node`], then `worker` (how the effects of a hub are carried out) and `endpoint`
//! (one connection).

mod admin;
mod any;
mod assets;
pub mod auth;
pub mod classic;
mod endpoint;
mod inbox;
pub mod keys;
mod metrics;
pub mod node;
pub mod owners;
pub mod play;
mod site;
mod worker;

pub use any::NodeEndpoint;
pub use endpoint::ChatEndpoint;
pub use node::{Addresses, Config, Node, StartError};
