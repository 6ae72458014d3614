//! Files: what is read, what is refused and where, and what a reload of one over another does.

use super::*;
use std::path::Path;

/// Says everything that can be said.
const WHOLE: &str = r#"
workers = 2

[admin]
address = "127.0.0.1:9191"

[log]
access = false
lines_per_second_max = 50

[drain]
window = "5s"
code = 1012
deadline = "1m"
upgrade_deadline = "2h"

[listeners.public]
address = "0.0.0.0:8443"
mode = "tunnel"
http2 = false
http3 = true
forwarded_from = ["10.0.0.0/8"]
proxy_protocol = { from = ["10.0.0.0/8", "fd00::/8"], timeout = "1s" }
tls = { certificates = [{ certificate = "a.pem", key = "a.key" }], refuse_unknown_names = true, client_ca = "ca.pem" }

[listeners.public.limits]
connections_max = 5000
connections_per_address_max = 20
connections_per_address = { per_second = 10, burst = 20 }
head_bytes_max = 8192
body_bytes_max = 0
hello_timeout = "3s"
head_timeout = "4s"

[listeners.raw]
address = "0.0.0.0:9000"
mode = "stream"
udp = true

[[routes]]
name = "match"
listeners = ["public"]
hosts = ["Play.Example.org", "*.example.net"]
path = "/v1/match/{id}"
headers = { "X-Beta" = "1" }
query = { lang = "*" }
subprotocols = ["arena.v1"]
server_names = ["play.example.org"]
alpn = ["h2"]
pool = "nodes"
origins = { these = ["https://example.org"] }
jwt = { algorithm = "EdDSA", key_file = "jwt.pem", issuer = "me", audience = "us", from = ["authorization", { subprotocol = "bearer." }, { query = "token" }, { cookie = "t" }] }
set_headers = { "X-Real" = "yes" }
remove_headers = ["X-Debug"]
http2_websockets = false
per_message = { field = "game", backends_max = 4 }

[routes.limits]
connections_max = 100
connections_per_address_max = 3
handshakes = { per_second = 100, burst = 100 }
handshakes_per_address = { per_second = 1, burst = 5 }
message_bytes_max = 65536
buffer_bytes_max = 4096

[routes.timeouts]
idle = "off"
lifetime = "12h"
ping = "10s"
pong = "5s"
response = "3s"
half_closed = "off"

[[routes]]
listeners = ["raw"]
pool = "raw"

[[routes]]
name = "rest"
listeners = ["public"]
pool = "sticky"

[pools.nodes]
balance = { owner = { path = "id", query = "gameId" } }
http = "h2"
tls = { verify = false, ca = "ca.pem", name = "node", sha256 = ["00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff"] }
proxy_protocol = "v2"
backends = [
    { name = "one", address = "127.0.0.1:9001", weight = 3, connections_max = 100, admin = "127.0.0.1:9101" },
    "127.0.0.1:9002",
]

[pools.nodes.connect]
timeout = "1s"
retries = 1
http2_streams_max = 50
idle_connections_max = 4
idle_timeout = "10s"

[pools.nodes.queue]
length_max = 10
deadline = "2s"
retry_after = "3s"

[pools.nodes.health]
probe = { websocket = { path = "/ws", host = "node", subprotocol = "arena.v1" } }
interval = "1s"
timeout = "500ms"
rise = 1
fall = 2
eject_after = 3
ejection = "1s"
ejection_max = "10s"
ejected_percent_max = 30
slow_start = "20s"

[pools.nodes.drain]
window = "1m"
closes_per_second_max = 10
code = 1001

[pools.raw]
balance = "source"
backends = ["127.0.0.1:9003"]

[pools.sticky]
balance = { cookie = { name = "s", same_site = "strict", secure = true, max_age = "1h" } }
backends = ["127.0.0.1:9003"]
health = { probe = { http = { path = "/up", host = "x", status = 204 } } }
"#;

/// The smallest that can be.
const SMALL: &str = r#"
[listeners.public]
address = "127.0.0.1:8080"
mode = "tunnel"

[[routes]]
pool = "nodes"

[pools.nodes]
backends = ["127.0.0.1:9001"]
"#;

/// All problems of a text, as they are shown.
fn problems(text: &str) -> Vec<String> {
    Config::from_toml(text).unwrap_err().problems.iter().map(ToString::to_string).collect()
}

/// One problem, in this line, that says this.
fn check(text: &str, line: usize, says: &str) {
    let problems = problems(text);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(
        problems[0].starts_with(&format!("line {line}: ")) && problems[0].contains(says),
        "{problems:#?}"
    );
}

#[test]
fn what_is_printed_reads_back_as_the_same() {
    for text in [WHOLE, SMALL] {
        let config = Config::from_toml(text).unwrap();
        let printed = config.to_toml();
        assert_eq!(Config::from_toml(&printed), Ok(config), "{printed}");
    }
}

#[test]
fn names_have_one_form_and_defaults_are_filled_in() {
    let config = Config::from_toml(WHOLE).unwrap();
    let route = &config.routes[0];
    assert_eq!(route.hosts, ["play.example.org", "*.example.net"]);
    assert!(route.headers.contains_key("x-beta") && route.set_headers.contains_key("x-real"));
    assert_eq!(config.routes[1].name, "raw");
    assert_eq!(config.pools["nodes"].backends[1].name, "127.0.0.1:9002");
    assert!(config.pools["nodes"].tls.as_ref().unwrap().sha256[0].starts_with("00112233445566778899aabb"));
    let small = Config::from_toml(SMALL).unwrap();
    assert_eq!(small.pools["nodes"].connect, pool::Connect::default());
    assert_eq!(small.listeners["public"].limits.head_bytes_max, 16 * 1024);
}

#[test]
fn what_is_not_known_is_told_with_its_line() {
    check(&format!("{SMALL}\nbalanse = \"source\""), 12, "unknown field `balanse`");
    check(&SMALL.replace("\"tunnel\"", "\"tunel\""), 4, "unknown variant `tunel`");
    check(&SMALL.replace("\"127.0.0.1:9001\"", "\"localhost:9001\""), 10, "write an IP address and a port");
    check(
        &SMALL.replace("\"127.0.0.1:9001\"", "{ adress = \"127.0.0.1:9001\" }"),
        10,
        "unknown field `adress`",
    );
    check(&format!("{SMALL}connect = {{ timeout = 3 }}"), 11, "with its unit");
    check(&format!("{SMALL}connect = {{ timeout = \"3 s\" }}"), 11, "such as \"30s\"");
    check(&format!("{SMALL}drain = {{ code = 1000 }}"), 11, "1012 (service restart)");
    check("[listeners", 1, "");
    assert!(problems(&" ".repeat(CONFIG_BYTES_MAX + 1))[0].contains("4 MiB"));
}

#[test]
fn what_cannot_work_is_told_with_its_line_and_what_to_write() {
    check(
        &SMALL.replace("pool = \"nodes\"", "pool = \"nods\""),
        7,
        "there is no pool `nods`; there is nodes",
    );
    check(&SMALL.replace("pool = \"nodes\"", "pool = \"nodes\"\nlisteners = [\"x\"]"), 8, "there is public");
    check(&SMALL.replace("pool = \"nodes\"", "pool = \"nodes\"\nhosts = [\"a:80\"]"), 8, "without port");
    check(&SMALL.replace("pool = \"nodes\"", "pool = \"nodes\"\npath = \"chat\""), 8, "begins with /");
    check(
        &SMALL.replace("pool = \"nodes\"", "pool = \"nodes\"\norigins = { these = [\"*.a\"] }"),
        8,
        "no wildcard",
    );
    check(&SMALL.replace("\"tunnel\"", "\"tunnel\"\nhttp3 = true"), 5, "HTTP/3 needs TLS");
    check(&SMALL.replace("\"tunnel\"", "\"tunnel\"\ntls = {}"), 5, "self_signed = true");
    check(&SMALL.replace("[\"127.0.0.1:9001\"]", "[]"), 10, "no backends");
    check(
        &SMALL.replace("[\"127.0.0.1:9001\"]", "[{ address = \"127.0.0.1:9001\", weight = 257 }]"),
        10,
        "at most 256",
    );
    check(&SMALL.replace("[\"127.0.0.1:9001\"]", "[\"127.0.0.1:1\", \"127.0.0.1:0\"]"), 10, "must not be 0");
    check(&format!("{SMALL}balance = {{ owner = {{}} }}"), 11, "say where the id is");
    check(&format!("{SMALL}balance = {{ hash = {{ path = \"room\" }} }}"), 6, "write {room} for the segment");
    check(&format!("{SMALL}health = {{ interval = \"1s\" }}"), 11, "at most the interval");
    check(&format!("{SMALL}[pools.\"a b\"]\nbackends = [\"127.0.0.1:1\"]"), 11, "a name has 1 to 64");
    check(&format!("{SMALL}[[routes]]\npool = \"nodes\""), 11, "another route is called `nodes`");
    check(
        &format!("{SMALL}[routes.limits]\nhandshakes = {{ per_second = 0, burst = 1 }}"),
        12,
        "between 1 and",
    );
}

#[test]
fn stream_mode_refuses_what_it_could_not_protect() {
    let stream = SMALL.replace("\"tunnel\"", "\"stream\"");
    let route = |line: &str| stream.replace("pool = \"nodes\"", &format!("pool = \"nodes\"\n{line}"));
    check(&route("origins = \"same\""), 8, "cannot be checked there");
    check(&route("jwt = { algorithm = \"HS256\", key_file = \"k\" }"), 8, "cannot be checked there");
    check(&route("path = \"/admin/*\""), 8, "where requests cannot be seen");
    check(&format!("{stream}balance = {{ cookie = {{}} }}"), 7, "chooses by the request");
    check(
        &stream.replace("\"stream\"", "\"stream\"\ntls = { self_signed = true }"),
        5,
        "leaves TLS to backends",
    );
}

#[test]
fn all_problems_are_told_at_once_in_the_order_of_lines() {
    let text =
        SMALL.replace("\"tunnel\"", "\"tunnel\"\nhttp3 = true").replace("pool = \"nodes\"", "pool = \"x\"");
    let problems = problems(&text);
    assert!(problems[0].starts_with("line 5: listeners.public.http3: "), "{problems:?}");
    assert!(problems[1].starts_with("line 8: routes.0.pool: "), "{problems:?}");
}

#[test]
fn an_equal_configuration_is_no_change_however_it_is_written() {
    let old = Config::from_toml(SMALL).unwrap();
    let new = SMALL
        .replace("mode = \"tunnel\"", "mode = \"tunnel\" # the web\nhttp2 = true")
        .replace("pool = \"nodes\"", "pool = \"nodes\"\nname = \"nodes\"\ntimeouts = { idle = \"300s\" }");
    let new = Config::from_toml(&format!("{new}connect = {{ timeout = \"3000ms\" }}")).unwrap();
    assert_eq!(old, new);
    assert!(Change::between(&old, &new).is_empty());
    let whole = Config::from_toml(WHOLE).unwrap();
    assert!(Change::between(&whole, &whole.clone()).is_empty());
}

#[test]
fn backends_in_another_order_are_no_change_of_backends() {
    let mut old = Config::from_toml(SMALL).unwrap();
    let pool = old.pools.get_mut("nodes").unwrap();
    pool.backends.push(BackendEntry::new("127.0.0.1:9002".parse().unwrap()));
    let mut new = old.clone();
    new.pools.get_mut("nodes").unwrap().backends.reverse();
    assert!(Change::between(&old, &new).is_empty());
}

#[test]
fn a_change_names_what_it_is_about_and_nothing_else() {
    let old = Config::from_toml(SMALL).unwrap();
    let mut new = old.clone();
    let pool = new.pools.get_mut("nodes").unwrap();
    pool.backends.push(BackendEntry::new("127.0.0.1:9002".parse().unwrap()));
    pool.backends[0].weight = 2;
    let backend = |name: &str| ("nodes".to_owned(), name.to_owned());
    let expect = Change {
        backends: Difference {
            added: vec![backend("127.0.0.1:9002")],
            changed: vec![backend("127.0.0.1:9001")],
            removed: Vec::new(),
        },
        ..Change::default()
    };
    assert_eq!(Change::between(&old, &new), expect);

    let mut new = old.clone();
    new.listeners.get_mut("public").unwrap().limits.connections_max = 1;
    let change = Change::between(&old, &new);
    assert_eq!(
        (change.listeners.changed.as_slice(), change.sockets.is_empty()),
        (&["public".to_owned()][..], true)
    );
    new.listeners.get_mut("public").unwrap().address = "127.0.0.1:1".parse().unwrap();
    assert_eq!(Change::between(&old, &new).sockets, ["public"]);

    let whole = Config::from_toml(WHOLE).unwrap();
    let mut moved = whole.clone();
    moved.routes.reverse();
    assert_eq!(Change::between(&whole, &moved), Change { routes_moved: true, ..Change::default() });
    let other = Change::between(&whole, &old);
    assert_eq!(
        (other.listeners.removed.as_slice(), other.workers, other.admin),
        (&["raw".to_owned()][..], true, true)
    );
}

#[test]
fn flags_say_the_same_as_a_file() {
    let flags = Flags {
        listen: vec!["127.0.0.1:8000".parse().unwrap()],
        tls_listen: vec!["127.0.0.1:8443".parse().unwrap()],
        tls_self_signed: true,
        backends: vec!["127.0.0.1:9001".parse().unwrap(), "127.0.0.1:9002".parse().unwrap()],
        workers: 2,
        ..Flags::default()
    };
    let config = Config::from_flags(&flags).unwrap();
    let file = r#"
        workers = 2
        listeners.plain = { address = "127.0.0.1:8000", mode = "tunnel" }
        listeners.tls = { address = "127.0.0.1:8443", mode = "tunnel", http3 = true, tls = { self_signed = true } }
        pools.backends.backends = ["127.0.0.1:9001", "127.0.0.1:9002"]
        [[routes]]
        pool = "backends"
    "#;
    assert_eq!(Config::from_toml(file), Ok(config.clone()));
    assert_eq!(Config::from_toml(&config.to_toml()), Ok(config));
}

#[test]
fn flags_that_cannot_work_are_refused() {
    let said = |flags: &Flags| Config::from_flags(flags).unwrap_err().to_string();
    assert!(said(&Flags::default()).contains("nothing listens"));
    let address: std::net::SocketAddr = "127.0.0.1:8443".parse().unwrap();
    let tls = Flags { tls_listen: vec![address], backends: vec![address], ..Flags::default() };
    assert!(said(&tls).contains("self_signed"));
    let stream = Flags { mode: Mode::Stream, tls_self_signed: true, ..tls };
    assert!(said(&stream).contains("leaves TLS to backends"));
}

#[test]
fn the_examples_and_the_documents_have_configurations_that_are_right() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut seen = 0;
    for entry in std::fs::read_dir(root.join("examples/gateway")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let text = std::fs::read_to_string(&path).unwrap();
            Config::from_toml(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            seen += 1;
        }
    }
    assert!(seen >= 3, "{seen} examples");
    let document = std::fs::read_to_string(root.join("docs/gateway.md")).unwrap();
    for block in document.split("```toml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        Config::from_toml(text).unwrap_or_else(|error| panic!("{error} in\n{text}"));
    }
}

#[test]
fn no_text_makes_reading_panic() {
    use proptest::prelude::*;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    // Whole files with a piece cut out or written twice: they come far, and fail in many places.
    let strategy = (0..WHOLE.len(), 0..60_usize, any::<bool>());
    let result = runner.run(&strategy, |(at, length, twice)| {
        let (from, to) =
            (WHOLE.floor_char_boundary(at), WHOLE.floor_char_boundary((at + length).min(WHOLE.len())));
        let middle = if twice { WHOLE[from..to].repeat(2) } else { String::new() };
        let text = format!("{}{middle}{}", &WHOLE[..from], &WHOLE[to..]);
        if let Err(error) = Config::from_toml(&text) {
            prop_assert!(!error.problems.is_empty() && !error.to_string().is_empty());
        }
        Ok(())
    });
    result.unwrap();
}
