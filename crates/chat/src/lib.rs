//! Group chat without I/O: messages in, effects out.
//!
//! Nothing here opens a socket, reads a clock or draws a random number. Time and entropy are arguments, effects are
//! values, iteration order is fixed. So the same code runs behind real sockets and in a simulated world that tries
//! thousands of schedules a minute.
//!
//! Two state machines share the work:
//!
//! * The [`ledger`] decides what is appended to which room. One per store, on the store's writer. It sees every append,
//!   one after the other, so order, membership and idempotency are plain sequential code.
//! * The [`hub`] knows the connections of one worker. It speaks the protocol with them, asks the ledger, and gives
//!   committed events to whoever receives the room.
//!
//! Start reading at [`event`], then [`ledger`], then [`hub`].

pub mod event;
pub mod hub;
pub mod ids;
pub mod ledger;
pub mod presence;
pub mod protocol;
pub mod rate;
pub mod reading;
pub mod table;
