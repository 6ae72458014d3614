//! Routes, placements, lines and reloads, on literal requests.

use super::*;
use crate::config::{BackendEntry, Balance, Cookie, Key, OwnerKeys, Queue, Route as RouteConfig};
use proptest::prelude::*;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Wake, Waker};
use ws::http1::HeadReader;

const NOW: Duration = Duration::from_secs(1000);

fn head(target: &str, fields: &str) -> RequestHead {
    let mut reader = HeadReader::for_requests(ws::head::HeadLimits::default());
    let fields =
        if fields.contains("Host:") { fields.to_owned() } else { format!("Host: a.tld\r\n{fields}") };
    reader.push(format!("GET {target} HTTP/1.1\r\n{fields}\r\n").as_bytes()).unwrap();
    reader.take_request().unwrap()
}

fn facts<'a>(head: Option<&'a RequestHead>) -> Facts<'a> {
    let peer = SocketAddr::from(([192, 0, 2, 1], 1234));
    Facts { listener: "public", peer, secure: false, server_name: None, alpn: &[], head }
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// A pool `nodes` of so many backends with ports from 1, and a route to it.
fn config(backends: u16, balance: Balance) -> Config {
    let mut config = Config::default();
    let pool = crate::config::Pool { balance, ..crate::config::Pool::of((1..=backends).map(address)) };
    config.pools.insert("nodes".to_owned(), pool);
    config.routes.push(RouteConfig::to("nodes"));
    config
}

fn pool(config: &mut Config) -> &mut crate::config::Pool {
    config.pools.get_mut("nodes").unwrap()
}

/// A place, and the port of its backend.
fn taken(placement: Placement) -> (Lease, u16) {
    match placement {
        Placement::To { lease, .. } => {
            let port = lease.backend().address.port();
            (lease, port)
        }
        other => panic!("{other:?}"),
    }
}

fn refused(placement: Placement) -> Refusal {
    match placement {
        Placement::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

fn ticket(placement: Placement) -> Ticket {
    match placement {
        Placement::Wait(ticket) => ticket,
        other => panic!("{other:?}"),
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn is_called(ticket: &mut Ticket) -> bool {
    let waker = Waker::from(Arc::new(Woken::default()));
    pin!(ticket.turn()).poll(&mut Context::from_waker(&waker)).is_ready()
}

// === Routes ===

/// The name of the route that a request takes, of several that are given as changes of one to `nodes`.
fn route(routes: &[RouteConfig], facts: &Facts<'_>) -> Result<String, u16> {
    let mut config = config(1, Balance::RoundRobin);
    config.routes = routes.to_vec();
    let router = Router::new(&config, None);
    router.route(facts).map(|route| route.name().to_owned()).map_err(|refusal| refusal.status)
}

fn named(name: &str, change: impl FnOnce(&mut RouteConfig)) -> RouteConfig {
    let mut route = RouteConfig { name: name.to_owned(), ..RouteConfig::to("nodes") };
    change(&mut route);
    route
}

#[test]
fn the_first_route_that_fits_decides() {
    let routes = [
        named("match", |route| route.path = "/v1/match/{id}".to_owned()),
        named("host", |route| route.hosts = vec!["b.tld".to_owned(), "*.c.tld".to_owned()]),
        named("header", |route| _ = route.headers.insert("x-beta".to_owned(), "1".to_owned())),
        named("query", |route| _ = route.query.insert("room".to_owned(), "*".to_owned())),
        named("sub", |route| route.subprotocols = vec!["arena.v1".to_owned()]),
        named("chat", |route| route.path = "/chat/*".to_owned()),
    ];
    for (target, fields, expect) in [
        ("/v1/match/7", "", Ok("match")),
        ("/", "Host: b.tld\r\n", Ok("host")),
        ("/", "Host: B.TLD.:8080\r\n", Ok("host")),
        ("/", "Host: x.y.c.tld\r\n", Ok("host")),
        ("/", "Host: c.tld\r\n", Err(404)),
        ("/", "Host: evilb.tld\r\n", Err(404)),
        ("/", "X-Beta: 1\r\n", Ok("header")),
        ("/", "X-Beta: 2\r\n", Err(404)),
        ("/?room", "", Ok("query")),
        ("/", "Sec-WebSocket-Protocol: chat, arena.v1\r\n", Ok("sub")),
        ("/", "Sec-WebSocket-Protocol: arena.v10\r\n", Err(404)),
        ("/chat", "", Ok("chat")),
        ("/chat/../v1", "", Err(400)),
    ] {
        let head = head(target, fields);
        assert_eq!(route(&routes, &facts(Some(&head))), expect.map(str::to_owned), "{target} {fields}");
    }
}

#[test]
fn s4_a_request_on_a_connection_for_another_name_is_misdirected() {
    let routes = [named("b", |route| route.server_names = vec!["b.tld".to_owned()])];
    let head = head("/", "Host: b.tld\r\n");
    let on = |server_name| route(&routes, &Facts { server_name, ..facts(Some(&head)) });
    assert_eq!(on(Some("B.tld")), Ok("b".to_owned()));
    assert_eq!((on(Some("a.tld")), on(None)), (Err(421), Err(421)));
}

#[test]
fn stream_mode_goes_by_names_and_protocols_of_tls() {
    let routes = [
        named("games", |route| route.server_names = vec!["*.games.tld".to_owned()]),
        named("h3", |route| route.alpn = vec!["h3".to_owned()]),
        named("web", |route| route.hosts = vec!["a.tld".to_owned()]),
        named("rest", |route| route.listeners = vec!["public".to_owned()]),
    ];
    let on = |server_name, alpn: &[&[u8]]| route(&routes, &Facts { server_name, alpn, ..facts(None) });
    assert_eq!(on(Some("one.games.tld"), &[]), Ok("games".to_owned()));
    assert_eq!(on(Some("a.tld"), &[b"h2", b"h3"]), Ok("h3".to_owned()));
    assert_eq!(on(None, &[]), Ok("rest".to_owned()));
    assert_eq!(route(&routes, &Facts { listener: "other", ..facts(None) }), Err(421));
}

#[test]
fn websockets_over_http2_are_offered_if_all_routes_of_a_listener_can_serve_them() {
    let mut config = config(1, Balance::RoundRobin);
    config.routes = vec![
        named("a", |route| route.listeners = vec!["one".to_owned()]),
        named("b", |route| (route.listeners, route.http2_websockets) = (vec!["two".to_owned()], false)),
    ];
    let router = Router::new(&config, None);
    assert!(router.offers_http2_websockets("one") && !router.offers_http2_websockets("two"));
}

// === Choices ===

#[test]
fn round_robin_gives_each_its_weight() {
    let mut config = config(3, Balance::RoundRobin);
    pool(&mut config).backends[0].weight = 4;
    let router = Router::new(&config, None);
    let ports: Vec<u16> = (0..12).map(|_| taken(router.place(&facts(None), NOW, 0)).1).collect();
    assert_eq!(ports, [1, 1, 2, 1, 3, 1, 1, 1, 2, 1, 3, 1]);
}

#[test]
fn least_connections_looks_at_what_is_open_for_the_weight() {
    let mut config = config(2, Balance::LeastConnections);
    pool(&mut config).backends[0].weight = 2;
    let router = Router::new(&config, None);
    let mut leases: Vec<(Lease, u16)> =
        (0..30).map(|turn| taken(router.place(&facts(None), NOW, turn))).collect();
    let count = |leases: &[(Lease, u16)]| leases.iter().filter(|(_, port)| *port == 1).count();
    assert_eq!(count(&leases), 20);
    leases.retain(|(_, port)| *port == 1);
    assert_eq!(taken(router.place(&facts(None), NOW, 0)).1, 2);
}

#[test]
fn the_same_source_comes_to_the_same_backend_and_ipv6_goes_by_its_64() {
    let router = Router::new(&config(5, Balance::Source), None);
    let place =
        |peer: &str| taken(router.place(&Facts { peer: peer.parse().unwrap(), ..facts(None) }, NOW, 0)).1;
    assert_eq!(place("192.0.2.9:1"), place("192.0.2.9:2"));
    assert_eq!(place("192.0.2.9:1"), place("[::ffff:192.0.2.9]:1"));
    assert_eq!(place("[2001:db8::1]:1"), place("[2001:db8::ffff:1]:9"));
}

#[test]
fn a_source_with_too_many_connections_for_one_backend_overflows_to_others() {
    let router = Router::new(&config(4, Balance::Source), None);
    let leases: Vec<(Lease, u16)> =
        (0..100).map(|turn| taken(router.place(&facts(None), NOW, turn))).collect();
    let most = (1..=4).map(|port| leases.iter().filter(|(_, at)| *at == port).count()).max().unwrap();
    // No more than the bound, 125 percent of 25, rounded up.
    assert!(most <= 32, "{most}");
}

#[test]
fn a_room_goes_to_one_backend_and_moves_only_if_that_goes() {
    let balance = Balance::Hash(Key::Query("room".to_owned()));
    let router = Router::new(&config(4, balance), None);
    let place = |room: u32| {
        let head = head(&format!("/?room={room}"), "");
        taken(router.place(&facts(Some(&head)), NOW, u64::from(room))).1
    };
    let before: Vec<u16> = (0..400).map(place).collect();
    router.pool("nodes").unwrap().backends()[0].set_share(0);
    for (room, before) in before.iter().enumerate() {
        let after = place(room as u32);
        assert!(if *before == 1 { after != 1 } else { after == *before });
    }
    router.pool("nodes").unwrap().backends()[0].set_share(1000);
    assert_eq!((0..400).map(place).collect::<Vec<_>>(), before);
}

#[test]
fn a_request_without_the_key_is_placed_in_turn() {
    let router = Router::new(&config(2, Balance::Hash(Key::Header("x-room".to_owned()))), None);
    let head = head("/", "");
    let ports: Vec<u16> = (0..4).map(|_| taken(router.place(&facts(Some(&head)), NOW, 0)).1).collect();
    assert_eq!(ports, [1, 2, 1, 2]);
}

// === Cookies ===

#[test]
fn a_cookie_brings_a_client_back_and_is_set_only_when_it_changes() {
    let router = Router::new(&config(3, Balance::Cookie(Cookie::default())), None);
    let first = head("/", "");
    let Placement::To { lease, set_cookie: Some(cookie), .. } = router.place(&facts(Some(&first)), NOW, 0)
    else {
        panic!()
    };
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax") && cookie.starts_with("stoa_backend="),
        "{cookie}"
    );
    assert!(
        !cookie.contains("127") && !cookie.contains(&lease.backend().address.port().to_string().repeat(2))
    );
    let pair = cookie.split(';').next().unwrap();
    let again = head("/", &format!("Cookie: other=1; {pair}\r\n"));
    for _ in 0..5 {
        let Placement::To { lease: next, set_cookie, .. } = router.place(&facts(Some(&again)), NOW, 0) else {
            panic!()
        };
        assert!(Arc::ptr_eq(next.backend(), lease.backend()) && set_cookie.is_none());
    }
    // Its backend is gone: another one, and another cookie.
    lease.backend().set_share(0);
    let Placement::To { lease: next, set_cookie, .. } = router.place(&facts(Some(&again)), NOW, 0) else {
        panic!()
    };
    assert!(!Arc::ptr_eq(next.backend(), lease.backend()) && set_cookie.is_some());
}

#[test]
fn forged_cookies_are_ignored() {
    let router = Router::new(&config(2, Balance::Cookie(Cookie::default())), None);
    for value in ["127.0.0.1:1", "1", "", "\"x\"", "ffffffffffffffff", "../../etc"] {
        let head = head("/", &format!("Cookie: stoa_backend={value}\r\n"));
        let Placement::To { set_cookie, .. } = router.place(&facts(Some(&head)), NOW, 0) else { panic!() };
        assert!(set_cookie.is_some(), "{value}");
    }
}

// === Retries ===

#[test]
fn retries_go_to_others_until_they_are_used_up() {
    let router = Router::new(&config(5, Balance::RoundRobin), None);
    let route = router.route(&facts(None)).unwrap();
    let (mut tried, mut ports) = (Vec::new(), Vec::new());
    let mut placement = router.place_on(&route, &facts(None), NOW, 0);
    while let Placement::To { lease, .. } = placement {
        ports.push(lease.backend().address.port());
        tried.push(Arc::clone(lease.backend()));
        drop(lease);
        placement = router.again(&route, &facts(None), &tried, NOW, 0);
    }
    assert_eq!((ports, refused(placement)), (vec![1, 2, 3], Refusal::UNREACHABLE));
    let router = Router::new(&config(1, Balance::RoundRobin), None);
    let (lease, _) = taken(router.place(&facts(None), NOW, 0));
    let again = router.again(&router.routes()[0], &facts(None), &[Arc::clone(lease.backend())], NOW, 0);
    assert_eq!(refused(again), Refusal::UNREACHABLE);
}

#[test]
fn without_any_backend_the_answer_is_503_at_once() {
    let router = Router::new(&config(2, Balance::RoundRobin), None);
    router.backends().for_each(|backend| backend.set_share(0));
    let refusal = refused(router.place(&facts(None), NOW, 0));
    assert_eq!((refusal.status, refusal.retry_after), (503, Some(5)));
}

// === Lines ===

/// A pool of backends with one place each.
fn narrow(backends: u16, balance: Balance) -> Config {
    let mut config = config(backends, balance);
    let pool = pool(&mut config);
    pool.queue =
        Queue { length_max: 2, deadline: Duration::from_secs(5), retry_after: Duration::from_secs(7) };
    pool.backends.iter_mut().for_each(|backend| backend.connections_max = 1);
    config
}

#[test]
fn o4_past_capacity_some_wait_with_a_deadline_and_all_others_get_503() {
    let router = Router::new(&narrow(2, Balance::RoundRobin), None);
    let place = || router.place(&facts(None), NOW, 0);
    let ((one, _), (_two, _)) = (taken(place()), taken(place()));
    let (mut first, mut second) = (ticket(place()), ticket(place()));
    assert_eq!(first.until(), NOW + Duration::from_secs(5));
    let refusal = refused(place());
    assert_eq!(
        (refusal.status, refusal.retry_after, router.pool("nodes").unwrap().queued()),
        (503, Some(7), 2)
    );
    assert!(!is_called(&mut first));
    drop(one);
    assert!(is_called(&mut first) && !is_called(&mut second));
    let _lease = taken(router.resume(first, &facts(None), NOW, 0));
    // Who left the line called the next, who finds nothing and goes on waiting until the deadline.
    assert!(is_called(&mut second));
    let second = ticket(router.resume(second, &facts(None), NOW + Duration::from_secs(4), 0));
    assert_eq!(second.until(), NOW + Duration::from_secs(5));
    assert_eq!(refused(router.resume(second, &facts(None), NOW + Duration::from_secs(5), 0)).status, 503);
    assert_eq!(router.pool("nodes").unwrap().queued(), 0);
}

#[test]
fn nobody_overtakes_the_line() {
    let router = Router::new(&narrow(1, Balance::LeastConnections), None);
    let place = || router.place(&facts(None), NOW, 0);
    let (lease, _) = taken(place());
    let mut first = ticket(place());
    drop(lease);
    let second = ticket(place());
    assert!(is_called(&mut first));
    let (lease, _) = taken(router.resume(first, &facts(None), NOW, 0));
    drop((lease, second));
    assert_eq!(router.pool("nodes").unwrap().queued(), 0);
    drop(taken(place()));
}

#[test]
fn who_gives_up_waiting_lets_the_next_one_through() {
    let router = Router::new(&narrow(1, Balance::RoundRobin), None);
    let place = || router.place(&facts(None), NOW, 0);
    let (lease, _) = taken(place());
    let (mut first, mut second) = (ticket(place()), ticket(place()));
    drop(lease);
    assert!(is_called(&mut first));
    drop(first);
    assert!(is_called(&mut second));
    taken(router.resume(second, &facts(None), NOW, 0));
}

#[test]
fn a_backend_that_comes_back_calls_those_who_wait() {
    let router = Router::new(&narrow(2, Balance::RoundRobin), None);
    let backends: Vec<Arc<Backend>> = router.backends().cloned().collect();
    backends[1].set_share(0);
    let (_lease, _) = taken(router.place(&facts(None), NOW, 0));
    let mut waiting = ticket(router.place(&facts(None), NOW, 0));
    backends[1].set_share(1000);
    assert!(is_called(&mut waiting));
    assert_eq!(taken(router.resume(waiting, &facts(None), NOW, 0)).1, 2);
}

#[test]
fn who_waits_for_one_room_does_not_hold_up_others() {
    let router = Router::new(&narrow(2, Balance::Hash(Key::Query("room".to_owned()))), None);
    let heads: Vec<RequestHead> = (0..20).map(|room| head(&format!("/?room={room}"), "")).collect();
    let (mut leases, mut waiting) = (Vec::new(), Vec::new());
    for head in &heads {
        match router.place(&facts(Some(head)), NOW, 0) {
            Placement::To { lease, .. } => leases.push(lease),
            Placement::Wait(ticket) => waiting.push((ticket, head)),
            Placement::Refused(_) => {}
        }
    }
    assert_eq!((leases.len(), waiting.len()), (2, 2));
    // The place of each backend is given to those who wait for it, never to the other room's.
    let lease = leases.remove(0);
    let freed = Arc::clone(lease.backend());
    drop(lease);
    for (mut ticket, head) in waiting {
        if is_called(&mut ticket) {
            let (lease, _) = taken(router.resume(ticket, &facts(Some(head)), NOW, 0));
            assert!(Arc::ptr_eq(lease.backend(), &freed));
        }
    }
}

/// A thread that waits.
struct Parked(std::thread::Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Takes a place as a session does, and waits on this thread if it must.
fn take_on_this_thread(router: &Router, head: &RequestHead) -> Lease {
    let waker = Waker::from(Arc::new(Parked(std::thread::current())));
    let mut placement = router.place(&facts(Some(head)), NOW, 0);
    loop {
        let mut ticket = match placement {
            Placement::To { lease, .. } => return lease,
            Placement::Wait(ticket) => ticket,
            Placement::Refused(refusal) => panic!("{refusal:?}"),
        };
        let begun = std::time::Instant::now();
        while pin!(ticket.turn()).poll(&mut Context::from_waker(&waker)).is_pending() {
            assert!(begun.elapsed() < Duration::from_secs(30), "nobody called");
            std::thread::park_timeout(Duration::from_secs(30));
        }
        placement = router.resume(ticket, &facts(Some(head)), NOW, 0);
    }
}

#[test]
fn a_place_that_becomes_free_while_somebody_joins_the_line_is_not_lost() {
    let head = head("/?room=1", "");
    // The line of the pool, then that of the backend.
    for balance in [Balance::RoundRobin, Balance::Hash(Key::Query("room".to_owned()))] {
        let mut config = config(1, balance);
        pool(&mut config).backends[0].connections_max = 1;
        let router = Router::new(&config, None);
        // Two are enough: the one who leaves sees nobody, the one who comes sees no place.
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..20_000).for_each(|_| drop(take_on_this_thread(&router, &head))));
            }
        });
    }
}

// === Owners ===

fn owner() -> Balance {
    Balance::Owner(OwnerKeys { path: Some("id".to_owned()), query: Some("gameId".to_owned()) })
}

fn matches(backends: u16) -> Config {
    let mut config = config(backends, owner());
    let mut routes = vec![RouteConfig {
        name: "match".to_owned(),
        path: "/v1/match/{id}".to_owned(),
        ..RouteConfig::to("nodes")
    }];
    routes.append(&mut config.routes);
    config.routes = routes;
    config
}

fn place_match(router: &Router, target: &str, now: Duration) -> Placement {
    let head = head(target, "");
    router.place(&facts(Some(&head)), now, 0)
}

#[test]
fn a_match_is_found_at_its_owner_by_path_and_by_query() {
    let router = Router::new(&matches(3), None);
    let pool = Arc::clone(router.pool("nodes").unwrap());
    for (id, at) in [("a", 0), ("b", 1), ("c d", 2)] {
        pool.owners().report(&pool.backends()[at], id, 1);
        let id = id.replace(' ', "%20");
        let port = pool.backends()[at].address.port();
        assert_eq!(taken(place_match(&router, &format!("/v1/match/{id}"), NOW)).1, port);
        assert_eq!(taken(place_match(&router, &format!("/game?gameId={id}"), NOW)).1, port);
    }
}

#[test]
fn two_who_ask_for_a_new_match_meet_even_if_a_node_came_between_them() {
    let mut config = matches(2);
    let router = Router::new(&config, None);
    let targets: Vec<String> = (0..200).map(|id| format!("/v1/match/m{id}")).collect();
    let first: Vec<u16> = targets.iter().map(|target| taken(place_match(&router, target, NOW)).1).collect();
    pool(&mut config).backends.push(BackendEntry::new(address(3)));
    let router = Router::new(&config, Some(&router));
    let soon = NOW + owners::PLACED_DEADLINE / 2;
    let second: Vec<u16> = targets.iter().map(|target| taken(place_match(&router, target, soon)).1).collect();
    assert_eq!(first, second);
    // Nobody has told of them until the deadline: they are placed anew, and some at the new node.
    let late = NOW + owners::PLACED_DEADLINE;
    let third: Vec<u16> = targets.iter().map(|target| taken(place_match(&router, target, late)).1).collect();
    assert!(third.contains(&3));
}

#[test]
fn an_owner_that_cannot_be_reached_is_not_replaced_until_it_is_gone() {
    let router = Router::new(&matches(2), None);
    let pool = Arc::clone(router.pool("nodes").unwrap());
    let owner = &pool.backends()[0];
    pool.owners().report(owner, "a", 1);
    let target = head("/v1/match/a", "");
    let route = router.route(&facts(Some(&target))).unwrap();
    let again = router.again(&route, &facts(Some(&target)), &[Arc::clone(owner)], NOW, 0);
    assert_eq!(refused(again), Refusal::OWNER_UNREACHABLE);
    // Drained, ejected or thought to be down: nobody else has the match, so it is still looked for there, and nothing new is.
    owner.set_share(0);
    assert_eq!(taken(place_match(&router, "/v1/match/a", NOW)).1, 1);
    for new in ["/v1/match/b", "/v1/match/c", "/v1/match/d", "/v1/match/e"] {
        assert_eq!(taken(place_match(&router, new, NOW)).1, 2, "{new}");
    }
    pool.owners().gone(owner);
    assert_eq!(taken(place_match(&router, "/v1/match/a", NOW)).1, 2);
}

#[test]
fn a_new_match_whose_node_cannot_be_reached_is_placed_at_another() {
    let router = Router::new(&matches(2), None);
    let target = head("/v1/match/new", "");
    let (lease, port) = taken(router.place(&facts(Some(&target)), NOW, 0));
    let route = router.route(&facts(Some(&target))).unwrap();
    let tried = [Arc::clone(lease.backend())];
    let (_, other) = taken(router.again(&route, &facts(Some(&target)), &tried, NOW, 0));
    assert_ne!(port, other);
    // And those who come after are sent there too.
    assert_eq!(taken(place_match(&router, "/v1/match/new", NOW)).1, other);
}

#[test]
fn a_message_is_placed_by_its_own_key() {
    let router = Router::new(&matches(3), None);
    let pool = Arc::clone(router.pool("nodes").unwrap());
    pool.owners().report(&pool.backends()[2], "g", 1);
    let head = head("/classic", "");
    let route = router.route(&facts(Some(&head))).unwrap();
    assert_eq!(taken(router.place_key(&route, "g", &facts(Some(&head)), NOW, 0)).1, 3);
}

// === Reload ===

#[test]
fn a_reload_keeps_backends_with_their_connections_and_the_owner_table() {
    let mut config = matches(3);
    let old = Router::new(&config, None);
    let backends: Vec<Arc<Backend>> = old.backends().cloned().collect();
    let owners = Arc::clone(old.pool("nodes").unwrap().owners());
    owners.report(&backends[0], "a", 1);
    owners.report(&backends[2], "c", 1);
    backends[0].set_share(500);
    let lease = backends[0].lease().unwrap();
    pool(&mut config).backends.remove(2);
    pool(&mut config).backends[0].weight = 7;
    let new = Router::new(&config, Some(&old));
    let kept: Vec<&Arc<Backend>> = new.backends().collect();
    assert!(Arc::ptr_eq(kept[0], &backends[0]) && Arc::ptr_eq(kept[1], &backends[1]) && kept.len() == 2);
    assert_eq!((kept[0].connections(), kept[0].weight(), kept[0].share()), (1, 7, 500));
    let owners = new.pool("nodes").unwrap().owners();
    assert!(owners.find("a", NOW).is_some() && owners.find("c", NOW).is_none());
    drop(lease);
    assert_eq!(kept[0].connections(), 0);
}

#[test]
fn a_connection_that_waits_through_a_reload_gets_the_place_that_becomes_free() {
    let config = narrow(1, Balance::RoundRobin);
    let old = Router::new(&config, None);
    let (lease, _) = taken(old.place(&facts(None), NOW, 0));
    let mut waiting = ticket(old.place(&facts(None), NOW, 0));
    let new = Router::new(&config, Some(&old));
    ticket(new.place(&facts(None), NOW, 0));
    drop(lease);
    assert!(is_called(&mut waiting));
    taken(new.resume(waiting, &facts(None), NOW, 0));
}

proptest! {
    /// Whatever comes and goes, every place is given back, and no backend is ever over its limit.
    #[test]
    fn no_place_is_lost_and_no_limit_is_passed(steps in proptest::collection::vec((0_u8..5, any::<u64>()), 1..200)) {
        let mut config = narrow(3, Balance::LeastConnections);
        pool(&mut config).backends.iter_mut().for_each(|backend| backend.connections_max = 2);
        let mut router = Router::new(&config, None);
        let (mut leases, mut waiting) = (Vec::new(), Vec::new());
        for (step, number) in steps {
            let placement = match step {
                0 | 1 => Some(router.place(&facts(None), NOW, number)),
                2 if !leases.is_empty() => { leases.swap_remove(number as usize % leases.len()); None }
                3 if !waiting.is_empty() => {
                    let ticket = waiting.swap_remove(number as usize % waiting.len());
                    Some(router.resume(ticket, &facts(None), NOW, number))
                }
                _ => { router = Router::new(&config, Some(&router)); None }
            };
            match placement {
                Some(Placement::To { lease, .. }) => leases.push(lease),
                Some(Placement::Wait(ticket)) => waiting.push(ticket),
                _ => {}
            }
            for backend in router.backends() {
                let mine = leases.iter().filter(|lease| Arc::ptr_eq(lease.backend(), backend)).count();
                prop_assert!(backend.connections() as usize == mine && mine <= 2);
            }
            prop_assert_eq!(router.pool("nodes").unwrap().queued() as usize, waiting.len());
        }
        drop((leases, waiting));
        prop_assert!(router.backends().all(|backend| backend.connections() == 0));
        prop_assert_eq!(router.pool("nodes").unwrap().queued(), 0);
    }
}
