//! QUIC through flows of datagrams: two real servers behind them, and clients that move.

use crate::rig::{Notes, config, run};
use gateway::relay::{End, Side};
use gateway::routing::Router;
use gateway::stream::datagrams::{self, ConnectionIds, DatagramOptions};
use gateway::stream::{Outcome, Record};
use quinn::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use quinn::{ClientConfig, Connection, Endpoint, EndpointConfig, ServerConfig};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Ids that begin with a byte of the server's own.
struct Beginning(u8, u64);

impl quinn::ConnectionIdGenerator for Beginning {
    fn generate_cid(&mut self) -> quinn::ConnectionId {
        self.1 += 1;
        let mut id = [self.0; 9];
        id[1..].copy_from_slice(&self.1.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        quinn::ConnectionId::new(&id)
    }

    fn cid_len(&self) -> usize {
        9
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

struct Servers {
    addresses: Vec<SocketAddr>,
    certificates: Vec<CertificateDer<'static>>,
}

/// Servers that answer each stream with their number.
fn servers(numbers: &[u8]) -> Servers {
    let (mut addresses, mut certificates) = (Vec::new(), Vec::new());
    for &number in numbers {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        certificates.push(made.cert.der().clone());
        let server = ServerConfig::with_single_cert(vec![made.cert.der().clone()], key.into()).unwrap();
        let mut settings = EndpointConfig::default();
        settings.cid_generator(move || Box::new(Beginning(number, 0)));
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        addresses.push(socket.local_addr().unwrap());
        let endpoint = Endpoint::new(settings, Some(server), socket, Arc::new(quinn::TokioRuntime)).unwrap();
        tokio::task::spawn_local(async move {
            while let Some(incoming) = endpoint.accept().await {
                tokio::task::spawn_local(async move {
                    let Ok(connection) = incoming.await else { return };
                    while let Ok((mut send, mut receive)) = connection.accept_bi().await {
                        let Ok(_) = receive.read_to_end(64).await else { return };
                        let _ = send.write_all(&[number]).await;
                        let _ = send.finish();
                    }
                });
            }
        });
    }
    Servers { addresses, certificates }
}

fn client(servers: &Servers) -> Endpoint {
    let mut roots = quinn::rustls::RootCertStore::empty();
    for certificate in &servers.certificates {
        roots.add(certificate.clone()).unwrap();
    }
    let mut endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    endpoint.set_default_client_config(ClientConfig::with_root_certificates(Arc::new(roots)).unwrap());
    endpoint
}

async fn ask(connection: &Connection) -> u8 {
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(b"who are you?").await.unwrap();
    send.finish().unwrap();
    receive.read_to_end(8).await.unwrap()[0]
}

struct Front {
    address: SocketAddr,
    router: Arc<Router>,
    ids: Arc<ConnectionIds>,
    notes: Notes,
    records: mpsc::UnboundedReceiver<Record>,
}

async fn front(backends: &[SocketAddr], tune: impl FnOnce(&mut DatagramOptions)) -> Front {
    let router = Arc::new(Router::new(&config(backends.iter().copied()), None));
    let ids: Arc<ConnectionIds> = Arc::default();
    let mut options = DatagramOptions::new("front", Arc::clone(&ids));
    tune(&mut options);
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (sender, records) = mpsc::unbounded_channel();
    let notes = Notes::default();
    let (desk, its_router) = (notes.clone(), Arc::clone(&router));
    let running = datagrams::run(
        socket,
        options,
        move || Arc::clone(&its_router),
        desk,
        move |record| {
            let _ = sender.send(record);
        },
    );
    tokio::task::spawn_local(running);
    Front { address, router, ids, notes, records }
}

#[test]
fn connections_are_spread_and_each_stays_where_it_began() {
    run(async {
        let servers = servers(&[1, 2]);
        let front = front(&servers.addresses, |_| {}).await;
        let mut who = Vec::new();
        for _ in 0..4 {
            let client = client(&servers);
            let connection = client.connect(front.address, "localhost").unwrap().await.unwrap();
            let first = ask(&connection).await;
            for _ in 0..5 {
                assert_eq!(ask(&connection).await, first);
            }
            who.push(first);
            drop((client, connection));
        }
        assert!(who.contains(&1) && who.contains(&2), "{who:?}");
    });
}

#[test]
fn a_connection_survives_its_clients_move_to_another_address_if_ids_say_whose_it_is() {
    run(async {
        let servers = servers(&[1, 2]);
        let front = front(&servers.addresses, |_| {}).await;
        for (number, backend) in front.router.backends().enumerate() {
            front.ids.begin_with(&[number as u8 + 1], backend);
        }
        // As many as needed that a move to any backend would be noticed.
        for _ in 0..4 {
            let client = client(&servers);
            let connection = client.connect(front.address, "localhost").unwrap().await.unwrap();
            let first = ask(&connection).await;
            for _ in 0..3 {
                client.rebind(UdpSocket::bind("127.0.0.1:0").unwrap()).unwrap();
                assert_eq!(ask(&connection).await, first);
            }
        }
        // Each move is a flow of its own.
        assert_eq!(front.notes.opened.borrow().len(), 16);
    });
}

#[test]
fn a_client_whose_nat_forgot_it_finds_its_backend_by_the_id_that_the_handshake_showed() {
    run(async {
        // Datagrams by hand, so that the id stays the same: what a NAT does to a client that notices nothing.
        let servers = [udp_server(b"one"), udp_server(b"two")];
        let front = front(&servers, |_| {}).await;
        let initial =
            |number: u8| [&[0xc0, 0, 0, 0, 1, 8][..], &[number; 8], &[2, b'c', number], &[0; 40]].concat();
        for number in 0..6 {
            let from = || tokio::net::UdpSocket::bind("127.0.0.1:0");
            let (before, after) = (from().await.unwrap(), from().await.unwrap());
            let mut answer = [0; 100];
            before.send_to(&initial(number), front.address).await.unwrap();
            let size = before.recv(&mut answer).await.unwrap();
            // A long header, whose source id is the server's, and its name.
            let (id, name) = (answer[7..15].to_vec(), answer[15..size].to_vec());
            let short = [&[0x40][..], &id, b"data"].concat();
            after.send_to(&short, front.address).await.unwrap();
            let size = after.recv(&mut answer).await.unwrap();
            assert_eq!(answer[15..size], name);
            // And a second first datagram of the same connection, too.
            let again = from().await.unwrap();
            again.send_to(&initial(number), front.address).await.unwrap();
            let size = again.recv(&mut answer).await.unwrap();
            assert_eq!(answer[15..size], name);
        }
    });
}

/// Answers each datagram with a long header from an id of its own, and its name.
fn udp_server(name: &'static [u8; 3]) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 2000];
        while let Ok((_, from)) = socket.recv_from(&mut buffer) {
            let id = [&name[..], b"-idid"].concat();
            let answer = [&[0xc0, 0, 0, 0, 1, 0, 8][..], &id, name].concat();
            let _ = socket.send_to(&answer, from);
        }
    });
    address
}

#[test]
fn idle_flows_end_and_flows_past_the_limit_do_not_begin() {
    run(async {
        let server = udp_server(b"one");
        let mut front = front(&[server], |options| {
            options.flows_max = 2;
            options.idle_timeout = Duration::from_millis(200);
        })
        .await;
        let mut sockets = Vec::new();
        for _ in 0..5 {
            let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
            socket.send_to(b"hello", front.address).await.unwrap();
            sockets.push(socket);
        }
        for _ in 0..2 {
            let Outcome::Ended(ended) = front.records.recv().await.unwrap().outcome else { panic!() };
            assert_eq!((ended.end, ended.to_backend), (End::Idle, 5));
            assert!(ended.to_client > 0);
        }
        assert_eq!(front.notes.opened.borrow().len(), 2);
        // Now there is room.
        sockets[4].send_to(b"again", front.address).await.unwrap();
        sockets[4].recv(&mut [0; 100]).await.unwrap();
        assert_eq!(front.router.backends().next().unwrap().connections(), 1);
    });
}

#[test]
fn a_backend_where_nobody_listens_ends_the_flow_and_health_hears_of_it() {
    run(async {
        let dead = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut front = front(&[dead], |_| {}).await;
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.send_to(b"hello", front.address).await.unwrap();
        let Outcome::Ended(ended) = front.records.recv().await.unwrap().outcome else { panic!() };
        let refused = std::io::ErrorKind::ConnectionRefused;
        assert_eq!(ended.end, End::Failed(Side::Backend, refused));
        assert_eq!(*front.notes.reached.borrow(), [(dead.to_string(), Err(refused))]);
    });
}

#[test]
fn a_flow_is_aborted_from_outside() {
    run(async {
        let mut front = front(&[udp_server(b"one")], |_| {}).await;
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.send_to(b"hello", front.address).await.unwrap();
        socket.recv(&mut [0; 100]).await.unwrap();
        front.notes.opened.borrow()[0].control.abort();
        let Outcome::Ended(ended) = front.records.recv().await.unwrap().outcome else { panic!() };
        assert_eq!(ended.end, End::Aborted);
    });
}
