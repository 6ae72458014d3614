//! Who is here, by address: how many sockets wait at the door, and how many WebSockets have a seat.
//!
//! Both are guards that give their place back when they are dropped. Each is one pointer, because there is one per
//! WebSocket.

use crate::local::Local;
use std::future::Future;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll};

/// One subscriber of a network who has something here: see [`subscriber`].
pub(crate) struct Guest {
    address: IpAddr,
    local: Rc<Local>,
    at_door: std::cell::Cell<u32>,
    seated: std::cell::Cell<u32>,
}

/// What [`Local`] keeps: all guests, by address.
pub(crate) type Guests = std::collections::BTreeMap<IpAddr, Weak<Guest>>;

/// The place at the door of a socket that is not yet a WebSocket.
pub(crate) struct Visit(Rc<Guest>);

/// The place of one WebSocket.
pub(crate) struct Seat(Rc<Guest>);

impl Guest {
    fn find(local: &Rc<Local>, address: IpAddr) -> Rc<Self> {
        let address = subscriber(address);
        let mut guests = local.guests.borrow_mut();
        if let Some(guest) = guests.get(&address).and_then(Weak::upgrade) {
            return guest;
        }
        let (at_door, seated) = Default::default();
        let guest = Rc::new(Self { address, local: Rc::clone(local), at_door, seated });
        guests.insert(address, Rc::downgrade(&guest));
        guest
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.local.guests.borrow_mut().remove(&self.address);
    }
}

impl Visit {
    /// Whether this address has as many places at the door as it may have.
    pub(crate) fn is_denied(local: &Local, address: IpAddr) -> bool {
        let guests = local.guests.borrow();
        let guest = guests.get(&subscriber(address)).and_then(Weak::upgrade);
        let max = local.limits.pre_auth_connections_per_ip_max;
        // The borrow ends before the guest does, who may be the last and strike himself from the list.
        drop(guests);
        guest.is_some_and(|guest| guest.at_door.get() >= max)
    }

    /// A place at the door, unless this address has `pre_auth_connections_per_ip_max` already.
    pub(crate) fn enter(local: &Rc<Local>, address: IpAddr) -> Option<Self> {
        let guest = Guest::find(local, address);
        if guest.at_door.get() >= local.limits.pre_auth_connections_per_ip_max {
            return None;
        }
        guest.at_door.set(guest.at_door.get() + 1);
        local.counters.requesting.add(1);
        Some(Self(guest))
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.at_door.set(self.0.at_door.get() - 1);
        self.0.local.counters.requesting.subtract_one();
    }
}

impl Seat {
    /// A seat, unless this address has `websockets_per_ip_max` already.
    pub(crate) fn take(local: &Rc<Local>, address: IpAddr) -> Option<Self> {
        let guest = Guest::find(local, address);
        if guest.seated.get() >= local.limits.websockets_per_ip_max {
            return None;
        }
        guest.seated.set(guest.seated.get() + 1);
        Some(Self(guest))
    }

    /// Runs a WebSocket, and gives the seat back after it.
    pub(crate) fn occupy<F: Future<Output = ()> + Unpin>(self, websocket: F) -> Seated<F> {
        Seated { websocket, _seat: self }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.seated.set(self.0.seated.get() - 1);
    }
}

/// A WebSocket and its seat. A type of its own, because an `async` block would keep the WebSocket twice.
pub(crate) struct Seated<F> {
    websocket: F,
    _seat: Seat,
}

impl<F: Future<Output = ()> + Unpin> Future for Seated<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.websocket).poll(cx)
    }
}

/// What one subscriber of a network has: an IPv4 address, or 2^64 IPv6 addresses that count as one.
fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    #[test]
    fn a_subscriber_is_an_ipv4_address_or_an_ipv6_prefix_of_64_bits() {
        for (one, other, same) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
        ] {
            let [one, other] = [one, other].map(|text| subscriber(text.parse().unwrap()));
            assert_eq!(one == other, same, "{one} {other}");
        }
    }

    #[test]
    fn places_are_limited_by_address_and_given_back() {
        let limits =
            Limits { pre_auth_connections_per_ip_max: 1, websockets_per_ip_max: 2, ..Limits::default() };
        let local = Local::new(limits);
        let [one, other] = ["2001:db8::1", "2001:db8:0:1::1"].map(|text| text.parse::<IpAddr>().unwrap());
        let visit = Visit::enter(&local, one).unwrap();
        assert!(Visit::enter(&local, one).is_none(), "the door is full for one");
        let seats = [Seat::take(&local, one).unwrap(), Seat::take(&local, one).unwrap()];
        assert!(Seat::take(&local, one).is_none(), "all seats of one are taken");
        assert!(Visit::enter(&local, other).is_some() && Seat::take(&local, other).is_some());
        drop(visit);
        assert!(Visit::enter(&local, one).is_some());
        drop(seats);
        assert!(local.guests.borrow().is_empty(), "nobody is remembered who is gone");
        assert_eq!(local.counters.requesting.get(), 0);
    }
}
