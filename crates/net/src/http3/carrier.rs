//! One QUIC connection of a client.

use crate::guests::Visit;
use crate::local::Local;
use crate::site::Site;
use crate::tls::TlsFacts;
use std::net::SocketAddr;
use std::rc::Rc;

pub(crate) async fn serve<S: Site>(
    connection: quinn::Connection,
    peer: SocketAddr,
    facts: TlsFacts,
    site: Rc<S>,
    local: Rc<Local>,
    visit: Visit,
) {
    let _ = (connection, peer, facts, site, local, visit);
}
