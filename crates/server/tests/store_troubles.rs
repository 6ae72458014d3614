//! A disk that is full and a database that is locked, seen through a whole node (O11).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod support;

use server::Node;
use std::process::Command;
use std::time::Duration;
use support::{Client, Directory, config, get, run};

/// A small file system of its own, or `None` where mounting is not permitted.
struct SmallDisk(Directory);

impl SmallDisk {
    fn new() -> Option<Self> {
        let directory = Directory::new();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(&directory.0).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(directory))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0.0).status();
    }
}

#[test]
fn a_full_disk_refuses_sends_keeps_reading_and_recovers_by_itself() {
    let Some(disk) = SmallDisk::new() else {
        println!("not checked: mounting a small file system is not permitted here");
        return;
    };
    run(async {
        let node = Node::start(config(&disk.0.0)).unwrap();
        let plain = node.addresses().plain[0];
        let mut ann = Client::guest(&node, "Ann", "lobby").await;
        ann.send("lobby", "before", "hello").await;
        ann.until("ack").await;
        let filler = disk.0.0.join("filler");
        let _ = std::fs::write(&filler, vec![1; 8 << 20]);
        let body = "x".repeat(8000);
        let mut stored = 0;
        let refused = loop {
            ann.send("lobby", &format!("big{stored}"), &body).await;
            let answer = loop {
                let answer = support::hear(&mut ann.socket).await.unwrap();
                if answer["t"] == "ack" || answer["t"] == "error" {
                    break answer;
                }
            };
            if answer["t"] == "error" {
                break answer;
            }
            stored += 1;
            assert!(stored < 90, "the disk is not full");
        };
        assert_eq!(refused["code"], "unavailable");
        assert!(refused["retry_ms"].as_u64().is_some());
        ann.say(r#"{"t":"history","id":"h","room":"lobby","before":4}"#).await;
        assert_eq!(ann.until("page").await["events"].as_array().unwrap().len(), 2, "reading goes on");
        // A newcomer may still come in: that only reads.
        let token = ann.welcome["token"].as_str().unwrap();
        Client::hello(&node, &format!(r#"{{"t":"hello","token":"{token}"}}"#)).await;
        assert!(get(plain, "/readyz").await.starts_with("HTTP/1.1 503"));
        std::fs::remove_file(&filler).unwrap();
        let id = refused["id"].as_str().unwrap().to_owned();
        let ack = resend_until_acked(&mut ann, &id, &body).await;
        assert_eq!(ack["seq"].as_u64(), Some(3 + stored), "nothing of the refused sends was stored");
        assert!(get(plain, "/readyz").await.starts_with("HTTP/1.1 200"));
    });
}

#[test]
fn a_database_that_somebody_locks_refuses_sends_and_recovers_by_itself() {
    let directory = Directory::new();
    run(async {
        let mut config = config(&directory.0);
        config.store.busy_wait_max = Duration::from_millis(50);
        let node = Node::start(config).unwrap();
        let mut ann = Client::guest(&node, "Ann", "lobby").await;
        let other = rusqlite::Connection::open(directory.0.join("stoa.db")).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        ann.send("lobby", "1", "hello").await;
        let refused = ann.until("error").await;
        assert_eq!(refused["code"], "unavailable");
        ann.say(r#"{"t":"history","id":"h","room":"lobby"}"#).await;
        assert_eq!(ann.until("page").await["head"], 1);
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(resend_until_acked(&mut ann, "1", "hello").await["seq"], 2);
    });
}

/// Does what the protocol page says to do with `retry_ms`.
async fn resend_until_acked(client: &mut Client, id: &str, body: &str) -> serde_json::Value {
    for _ in 0..100 {
        client.send("lobby", id, body).await;
        loop {
            let answer = support::hear(&mut client.socket).await.unwrap();
            if answer["t"] == "ack" {
                return answer;
            }
            if answer["t"] == "error" {
                tokio::time::sleep(Duration::from_millis(answer["retry_ms"].as_u64().unwrap())).await;
                break;
            }
        }
    }
    panic!("not acked after 100 tries");
}
