//! From accept to end: where a connection goes, who the backend thinks it is, and how the end looks from the other side.

use crate::rig::{Gateway, Notes, backend, believe, config, named_echo, nobody, run};
use gateway::config::{ProxyVersion, Route};
use gateway::relay::{End, Side};
use gateway::routing::Refusal;
use gateway::stream::Outcome;
use gateway::stream::client_hello::HelloError;
use gateway::stream::proxy_protocol::{Addresses, Header, ProxyError, Version, decode, encode};
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn say(stream: &mut TcpStream, words: &[u8]) -> Vec<u8> {
    stream.write_all(words).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();
    heard
}

fn hello(name: &str, alpn: &[&[u8]]) -> Vec<u8> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
    let name = name.to_owned().try_into().unwrap();
    let mut bytes = Vec::new();
    rustls::ClientConnection::new(Arc::new(config), name).unwrap().write_tls(&mut bytes).unwrap();
    bytes
}

#[test]
fn g8_bytes_and_half_closes_pass_and_the_record_counts_them() {
    run(async {
        let mut gateway = Gateway::start(&config([named_echo("a").await])).await;
        let mut client = gateway.connect().await;
        assert_eq!(say(&mut client, b"hello").await, b"ahello");
        let record = gateway.record().await;
        let Outcome::Ended(ended) = record.outcome else { panic!("{record:?}") };
        assert_eq!((ended.end, ended.first), (End::Closed, Some(Side::Client)));
        assert_eq!((ended.to_backend, ended.to_client), (5, 6));
        let facts = record.facts.unwrap();
        assert_eq!((facts.client, facts.tries), (client.local_addr().unwrap(), 1));
        assert_eq!(facts.backend.connections(), 0, "the place is given back");
    });
}

#[test]
fn a_backend_that_cannot_be_reached_is_replaced_before_the_first_byte() {
    run(async {
        let (dead, alive) = (nobody().await, named_echo("b").await);
        let mut gateway = Gateway::start(&config([dead, alive])).await;
        for _ in 0..4 {
            assert_eq!(say(&mut gateway.connect().await, b"x").await, b"bx");
            assert_eq!(gateway.record().await.facts.unwrap().backend.address, alive);
        }
        let refused = (dead.to_string(), Err(ErrorKind::ConnectionRefused));
        assert!(gateway.notes.reached.borrow().contains(&refused), "health hears of it");
    });
}

#[test]
fn who_goes_nowhere_is_reset_and_not_left_to_take_an_end_for_an_answer() {
    run(async {
        let mut gateway = Gateway::start(&config([nobody().await])).await;
        let mut client = gateway.connect().await;
        assert_eq!(client.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(gateway.record().await.outcome, Outcome::Refused(Refusal::UNREACHABLE));

        let notes = Notes { closed_door: true, ..Notes::default() };
        let mut gateway = Gateway::start_with(&config([named_echo("a").await]), notes).await;
        let mut client = gateway.connect().await;
        assert_eq!(client.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(gateway.record().await.outcome, Outcome::Refused(Refusal::new(429, "closed")));
    });
}

#[test]
fn resets_are_passed_on_as_resets_in_both_directions() {
    run(async {
        let resets = backend(|mut stream| async move {
            let _ = stream.read(&mut [0; 1]).await;
            stream.set_zero_linger().unwrap();
        });
        let mut gateway = Gateway::start(&config([resets.await])).await;
        let mut client = gateway.connect().await;
        client.write_all(b"x").await.unwrap();
        assert_eq!(client.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        let Outcome::Ended(ended) = gateway.record().await.outcome else { panic!() };
        assert_eq!(ended.end, End::Failed(Side::Backend, ErrorKind::ConnectionReset));

        let (sender, mut errors) = tokio::sync::mpsc::unbounded_channel();
        let watches = backend(move |mut stream| {
            let sender = sender.clone();
            async move {
                stream.read_exact(&mut [0; 1]).await.unwrap();
                stream.write_all(b"y").await.unwrap();
                sender.send(stream.read(&mut [0; 8]).await.map_err(|error| error.kind())).unwrap();
            }
        });
        let gateway = Gateway::start(&config([watches.await])).await;
        let mut client = gateway.connect().await;
        client.write_all(b"x").await.unwrap();
        client.read_exact(&mut [0; 1]).await.unwrap();
        client.set_zero_linger().unwrap();
        drop(client);
        assert_eq!(errors.recv().await.unwrap(), Err(ErrorKind::ConnectionReset));
    });
}

#[test]
fn names_and_protocols_of_tls_choose_the_backend_and_other_bytes_the_rest() {
    run(async {
        let mut config = config([named_echo("-").await]);
        for (pool, name, alpn) in [("named", "chat.example.org", ""), ("h2", "", "h2")] {
            config.pools.insert(pool.into(), gateway::config::Pool::of([named_echo(pool).await]));
            let (server_names, alpn) = ([name], [alpn]);
            let given = |list: &[&str]| -> Vec<String> {
                list.iter().filter(|word| !word.is_empty()).map(|word| (*word).to_owned()).collect()
            };
            let route = Route { server_names: given(&server_names), alpn: given(&alpn), ..Route::to(pool) };
            config.routes.insert(config.routes.len() - 1, route);
        }
        let mut gateway = Gateway::start(&config).await;
        for (bytes, expect) in [
            (hello("chat.example.org", &[]), "named"),
            (hello("other.example.org", &[b"h2", b"http/1.1"]), "h2"),
            (hello("other.example.org", &[b"http/1.1"]), "-"),
            (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "-"),
        ] {
            let mut client = gateway.connect().await;
            // In two pieces, and a piece at a time.
            client.write_all(&bytes[..3]).await.unwrap();
            tokio::task::yield_now().await;
            let heard = say(&mut client, &bytes[3..]).await;
            assert_eq!(heard, [expect.as_bytes(), &bytes].concat(), "all of the first flight arrives");
            gateway.record().await;
        }
        let mut broken = gateway.connect().await;
        broken.write_all(&[22, 3, 1, 0, 4, 2, 0, 0, 0]).await.unwrap();
        assert_eq!(gateway.record().await.outcome, Outcome::Hello(HelloError::NotAHello));
        let _silent = gateway.connect().await;
        assert_eq!(gateway.record().await.outcome, Outcome::HelloTimeout);
        drop(gateway.connect().await);
        assert_eq!(gateway.record().await.outcome, Outcome::ClientLeft);
    });
}

#[test]
fn g13_a_trusted_header_says_who_the_client_is_to_limits_and_to_the_backend() {
    run(async {
        for out in [ProxyVersion::V1, ProxyVersion::V2] {
            let mut config = config([named_echo("").await]);
            believe(&mut config);
            config.pools.get_mut("pool").unwrap().proxy_protocol = Some(out);
            let mut gateway = Gateway::start(&config).await;
            let source = "203.0.113.9:4711".parse().unwrap();
            let destination = "198.51.100.7:443".parse().unwrap();
            let header = Header {
                addresses: Some(Addresses { source, destination }),
                unique_id: Some(b"42".to_vec()),
                ..Header::default()
            };
            let mut bytes = Vec::new();
            encode(Version::V2, &header, &mut bytes);
            bytes.extend(b"data");
            let heard = say(&mut gateway.connect().await, &bytes).await;
            let (seen, size) = decode(&heard).unwrap().unwrap();
            assert_eq!((seen.addresses, &heard[size..]), (header.addresses, &b"data"[..]));
            assert_eq!(seen.unique_id.is_some(), out == ProxyVersion::V2);
            assert_eq!(gateway.record().await.client, source);
        }
    });
}

#[test]
fn a_client_without_a_balancer_before_us_is_told_to_the_backend_as_we_see_it() {
    run(async {
        let mut config = config([named_echo("").await]);
        config.pools.get_mut("pool").unwrap().proxy_protocol = Some(ProxyVersion::V1);
        let gateway = Gateway::start(&config).await;
        let mut client = gateway.connect().await;
        let (source, destination) = (client.local_addr().unwrap(), gateway.address);
        let heard = say(&mut client, b"data").await;
        let (header, size) = decode(&heard).unwrap().unwrap();
        assert_eq!(header.addresses, Some(Addresses { source, destination }));
        assert_eq!(&heard[size..], b"data");
    });
}

#[test]
fn a20_a_spoofed_header_never_reaches_a_backend() {
    run(async {
        let mut gateway = Gateway::start(&config([named_echo("").await])).await;
        for spoof in [&b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"] {
            let mut client = gateway.connect().await;
            client.write_all(spoof).await.unwrap();
            let mut heard = Vec::new();
            let _ = client.read_to_end(&mut heard).await;
            assert!(heard.len() < 12, "the backend got {heard:?}");
            assert_eq!(gateway.record().await.outcome, Outcome::Spoofed);
        }
        // Nor does one behind a header that is believed.
        let mut config = config([named_echo("").await]);
        believe(&mut config);
        let mut gateway = Gateway::start(&config).await;
        let mut client = gateway.connect().await;
        client.write_all(b"PROXY UNKNOWN\r\nPROXY UNKNOWN\r\n").await.unwrap();
        assert_eq!(gateway.record().await.outcome, Outcome::Spoofed);
    });
}

#[test]
fn a20_a_trusted_peer_must_send_a_right_header_in_time() {
    run(async {
        let mut config = config([named_echo("").await]);
        believe(&mut config);
        let mut gateway = Gateway::start(&config).await;
        for (bytes, outcome) in [
            (&b"GET / HTTP/1.1\r\n"[..], Outcome::Proxy(ProxyError::Missing)),
            (b"PROXY TCP4 1 2\r\n", Outcome::Proxy(ProxyError::Malformed("address"))),
            (b"PROXY TCP4 ", Outcome::ProxyTimeout),
        ] {
            let mut client = gateway.connect().await;
            client.write_all(bytes).await.unwrap();
            assert_eq!(gateway.record().await.outcome, outcome);
            let _ = client.read(&mut [0; 8]).await;
        }
        assert!(gateway.notes.opened.borrow().is_empty(), "no backend heard of them");
    });
}

#[test]
fn when_all_are_full_a_client_waits_for_a_place_or_is_refused_when_its_time_is_up() {
    run(async {
        let mut config = config([named_echo("a").await]);
        config.pools.get_mut("pool").unwrap().backends[0].connections_max = 1;
        config.pools.get_mut("pool").unwrap().queue.deadline = Duration::from_millis(50);
        let mut hasty = Gateway::start(&config).await;
        let mut first = hasty.connect().await;
        first.read_exact(&mut [0; 1]).await.unwrap();
        let mut late = hasty.connect().await;
        let Outcome::Refused(refusal) = hasty.record().await.outcome else { panic!() };
        assert_eq!(refusal.status, 503);
        assert!(late.read(&mut [0; 1]).await.is_err());

        config.pools.get_mut("pool").unwrap().queue.deadline = Duration::from_secs(60);
        let patient = Gateway::start(&config).await;
        let mut first = patient.connect().await;
        first.read_exact(&mut [0; 1]).await.unwrap();
        let mut second = patient.connect().await;
        assert_eq!(say(&mut first, b"x").await, b"x");
        assert_eq!(say(&mut second, b"y").await, b"ay", "it gets the place that the first one leaves");
    });
}

#[test]
fn large_flows_pass_unchanged_both_ways_and_end_as_they_should() {
    run(async {
        let mut gateway = Gateway::start(&config([named_echo("").await])).await;
        let mut client = gateway.connect().await;
        let (mut reading, mut writing) = client.split();
        // Not a multiple of anything, and different at each place.
        let data: Vec<u8> =
            (0..20_000_003_u64).map(|at| (at.wrapping_mul(0x9e37_79b9) >> 13) as u8).collect();
        let mut back = Vec::with_capacity(data.len());
        let send = async {
            writing.write_all(&data).await.unwrap();
            // Messages again, one at a time.
            for _ in 0..50 {
                tokio::time::sleep(Duration::from_millis(1)).await;
                writing.write_all(b"m").await.unwrap();
            }
            writing.shutdown().await.unwrap();
        };
        let (_, read) = tokio::join!(send, reading.read_to_end(&mut back));
        assert_eq!(read.unwrap(), data.len() + 50);
        assert!(back[..data.len()] == data[..] && back[data.len()..] == [b'm'; 50]);
        let Outcome::Ended(ended) = gateway.record().await.outcome else { panic!() };
        let all = data.len() as u64 + 50;
        assert_eq!((ended.end, ended.to_backend, ended.to_client), (End::Closed, all, all));
    });
}
