//! Row S6: new certificates while running, good ones and bad ones.

use crate::place::{Directory, Pem, client, request, self_signed, server};
use crate::rig::{self, PATIENCE, connect, small_limits, status};
use net::{Limits, PemPair, Reloads, Tls, TlsError, TlsOptions};
use rustls::StreamOwned;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

/// A server's pair in files, and the same in other files that a client may trust when the first are no more.
fn place(name: &str) -> (Directory, Pem, Tls, Tls) {
    let directory = Directory::new(name);
    let pem = self_signed(2000, 4000);
    let (certificate, key) = directory.pair("server", &pem);
    let (trusted, trusted_key) = directory.pair("trusted", &pem);
    let tls = Tls::from_pem_files(&certificate, &key).unwrap();
    (directory, pem, tls, Tls::from_pem_files(&trusted, &trusted_key).unwrap())
}

#[test]
fn s6_a_reload_with_bad_files_keeps_the_old_certificate() {
    let (directory, good, tls, trusted) = place("s6");
    let (_workers, address) = server(&tls, small_limits());
    let (expired, future) = (self_signed(2000, 2001), self_signed(3000, 3001));
    let other = self_signed(2000, 4000);
    let half = &good.certificate[..good.certificate.len() / 2];
    let half_key = &good.key[..good.key.len() / 2];
    type Expected = fn(&TlsError) -> bool;
    let bad: [(&str, &str, Expected); 8] = [
        (&expired.certificate, &expired.key, |e| matches!(e, TlsError::Expired(_))),
        (&future.certificate, &future.key, |e| matches!(e, TlsError::NotYetValid(_))),
        (&other.certificate, &good.key, |e| matches!(e, TlsError::KeyMismatch { .. })),
        ("", &good.key, |e| matches!(e, TlsError::NoCertificate(_))),
        (&good.certificate, "", |e| matches!(e, TlsError::NoKey(_))),
        (half, &good.key, |e| matches!(e, TlsError::Malformed { .. } | TlsError::NoCertificate(_))),
        (&good.certificate, half_key, |e| matches!(e, TlsError::Malformed { .. } | TlsError::NoKey(_))),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &good.key, |e| {
            matches!(e, TlsError::Malformed { .. })
        }),
    ];
    for (count, (bad_certificate, bad_key, expected)) in (1..).zip(bad) {
        directory.file("server.pem", bad_certificate);
        directory.file("server.key", bad_key);
        let error = tls.reload().unwrap_err();
        assert!(expected(&error), "{error:?}");
        assert_eq!(tls.reloads(), Reloads { done: 0, refused: count });
        assert_eq!(status(&request(address, &trusted, "localhost", "localhost")), 200, "after: {error}");
    }
    fs::remove_file(tls.certificate_path()).unwrap();
    assert!(matches!(tls.reload(), Err(TlsError::File { .. })));
    assert_eq!(status(&request(address, &trusted, "localhost", "localhost")), 200);
}

#[test]
fn s6_one_bad_pair_of_several_keeps_all_as_they_were() {
    let directory = Directory::new("s6-several");
    let pairs = ["one", "two"].map(|name| directory.pair(name, &self_signed(2000, 4000)));
    let [one, two] = pairs.map(|(certificate, key)| PemPair { certificate, key });
    let tls = Tls::new(TlsOptions::new(vec![one, two])).unwrap();
    let (_workers, address) = server(&tls, small_limits());
    let (trusted, key) = (directory.0.join("trusted.pem"), directory.0.join("one.key"));
    fs::copy(directory.0.join("one.pem"), &trusted).unwrap();
    let trusted = Tls::from_pem_files(&trusted, &key).unwrap();
    directory.pair("one", &self_signed(2001, 4000));
    directory.file("two.pem", "");
    assert!(matches!(tls.reload(), Err(TlsError::NoCertificate(path)) if path.ends_with("two.pem")));
    assert_eq!(status(&request(address, &trusted, "localhost", "localhost")), 200);
}

#[test]
fn s6_a_reload_with_good_files_serves_the_new_certificate_to_new_connections() {
    let (directory, _, tls, _) = place("s6-good");
    let (_workers, address) = server(&tls, Limits { keep_alive_timeout: PATIENCE, ..small_limits() });
    let mut before = StreamOwned::new(client(&tls, "localhost"), connect(address));
    before.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    before.read_exact(&mut [0; 15]).unwrap();

    directory.pair("server", &self_signed(2001, 4000));
    tls.reload().unwrap();
    let answer = request(address, &tls, "localhost", "localhost");
    assert_eq!(status(&answer), 200, "the client trusts only the new one");
    assert!(answer.contains("strict-transport-security: max-age=63072000\r\n"), "{answer}");
    before.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut rest = String::new();
    before.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("HTTP/1.1 200 OK"), "the open connection goes on: {rest}");
}

/// Writes a file beside the other and renames it over, as certbot and Kubernetes do.
fn replace(directory: &Directory, name: &str, content: &str) {
    let new = directory.file("new", content);
    fs::rename(new, directory.0.join(name)).unwrap();
}

async fn until(tls: &Tls, reloads: Reloads) {
    let all = async {
        while tls.reloads() != reloads {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all)
        .await
        .unwrap_or_else(|_| panic!("{:?}, not {reloads:?}", tls.reloads()));
}

#[tokio::test]
async fn s6_files_that_change_are_read_again_by_themselves() {
    let (directory, good, tls, trusted) = place("s6-watch");
    let (_workers, address) = server(&tls, small_limits());
    let watched = tls.clone();
    let watch = tokio::spawn(async move { watched.watch(Duration::from_millis(5)).await });

    let asked = |trusted: &Tls| status(&request(address, trusted, "localhost", "localhost"));
    replace(&directory, "server.pem", &good.certificate[..100]);
    until(&tls, Reloads { done: 0, refused: 1 }).await;
    assert_eq!(asked(&trusted), 200, "half a file changes nothing");

    let new = self_signed(2001, 4000);
    replace(&directory, "server.key", &new.key);
    replace(&directory, "server.pem", &new.certificate);
    // If the test was stopped between the two files for longer than two looks, there is one refusal more.
    let looks = async {
        while tls.reloads().done == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looks).await.unwrap();
    assert_eq!(asked(&tls), 200, "the client trusts only the new one");
    let settled = tls.reloads();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(tls.reloads(), settled, "nothing changes, so nothing is read");
    watch.abort();
}

#[tokio::test]
async fn s6_a_link_that_points_elsewhere_is_a_change() {
    let directory = Directory::new("s6-link");
    for (name, from) in [("old", 2000), ("new", 2001)] {
        fs::create_dir(directory.0.join(name)).unwrap();
        let pem = self_signed(from, 4000);
        directory.file(&format!("{name}/tls.crt"), &pem.certificate);
        directory.file(&format!("{name}/tls.key"), &pem.key);
    }
    let link = directory.0.join("now");
    let point = |to: &str| {
        let new = directory.0.join("link");
        std::os::unix::fs::symlink(Path::new(to), &new).unwrap();
        fs::rename(new, &link).unwrap();
    };
    point("old");
    let tls = Tls::from_pem_files(&link.join("tls.crt"), &link.join("tls.key")).unwrap();
    let (_workers, address) = server(&tls, small_limits());
    let watched = tls.clone();
    let watch = tokio::spawn(async move { watched.watch(Duration::from_millis(5)).await });
    point("new");
    until(&tls, Reloads { done: 1, refused: 0 }).await;
    assert_eq!(rig::status(&request(address, &tls, "localhost", "localhost")), 200);
    watch.abort();
}
