//! The checks that CI is made of, one file per subject.

pub(crate) mod autobahn;
pub(crate) mod dependencies;
pub(crate) mod fuzz;
pub(crate) mod gateway;
pub(crate) mod interop;
pub(crate) mod links;
pub(crate) mod load;
pub(crate) mod node;
pub(crate) mod rust;
pub(crate) mod tidy;
pub(crate) mod wasm;
pub(crate) mod web;
