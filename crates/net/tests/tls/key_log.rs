//! The key log: only when asked for, readable by its owner only, and good for what it is for.

use crate::place::{Client, Directory, ask, self_signed, server, session};
use crate::rig::{connect, small_limits, status};
use net::{KeyLog, PemPair, Tls, TlsOptions};
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_key_log_has_the_secrets_that_the_client_has_too() {
    let directory = Directory::new("key-log");
    let (certificate, key) = directory.pair("server", &self_signed(2000, 4000));
    let trusted = certificate.clone();
    let mut options = TlsOptions::new(vec![PemPair { certificate, key }]);
    let path = directory.0.join("keys.log");
    options.key_log = Some(KeyLog::append_to(&path).unwrap());
    let (_workers, address) = server(&Tls::new(options).unwrap(), small_limits());

    let clients = directory.0.join("clients.log");
    let mut config = Client::default().config(&trusted);
    let log = KeyLog::append_to(&clients).unwrap();
    std::sync::Arc::get_mut(&mut config).unwrap().key_log = std::sync::Arc::new(log);
    let answer = ask(session(&config, "localhost"), connect(address), "localhost", "").unwrap().1;
    assert_eq!(status(&answer), 200);

    let read = |path| {
        let mut lines: Vec<String> =
            std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let (server_has, client_has) = (read(&path), read(&clients));
    assert_eq!(server_has, client_has);
    for label in ["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_TRAFFIC_SECRET_0"] {
        let line = server_has.iter().find(|line| line.starts_with(label)).unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!((words.len(), words[1].len()), (3, 64), "{line}");
        assert!(words[1..].iter().all(|word| word.bytes().all(|byte| byte.is_ascii_hexdigit())), "{line}");
    }
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}
