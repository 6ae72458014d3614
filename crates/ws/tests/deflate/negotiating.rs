//! How client and server agree.
