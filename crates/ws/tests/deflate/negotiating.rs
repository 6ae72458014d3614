//! How client and server agree: literal header values in, parameters and literal header values out.

use proptest::prelude::*;
use ws::deflate::{InvalidAnswer, Mode, Parameters, Policy, negotiate, offer, verify};
use ws::handshake::InvalidOffer;

const OFF: Policy = policy(Mode::Off);
const ALONE: Policy = policy(Mode::NoTakeover);

const fn policy(mode: Mode) -> Policy {
    let default = ws::deflate::WorkLimits::UNLIMITED;
    Policy { mode, compress_bytes_min: 64, compress: default, inflate: default }
}

const fn takeover(window_bits_max: u8) -> Policy {
    policy(Mode::Takeover { window_bits_max })
}

/// The answer of a server to one header value.
fn answer(value: &str, policy: &Policy) -> Option<String> {
    negotiate([value].into_iter(), policy).unwrap().map(|(_, answer)| answer)
}

fn parameters(server_takeover: bool, client_takeover: bool, server_bits: u8, client_bits: u8) -> Parameters {
    Parameters {
        server_no_context_takeover: !server_takeover,
        client_no_context_takeover: !client_takeover,
        server_max_window_bits: server_bits,
        client_max_window_bits: client_bits,
    }
}

#[test]
fn a_server_answers_what_was_offered_within_its_policy() {
    let alone = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    for (offer, policy, expected) in [
        ("permessage-deflate", OFF, None),
        ("permessage-deflate", ALONE, Some(alone)),
        // What Chromium and Firefox offer.
        ("permessage-deflate; client_max_window_bits", ALONE, Some(alone)),
        ("permessage-deflate; client_max_window_bits", takeover(15), Some("permessage-deflate")),
        (
            "permessage-deflate; client_max_window_bits",
            takeover(12),
            Some("permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"),
        ),
        // What Safari offers.
        ("permessage-deflate", takeover(15), Some("permessage-deflate")),
        (
            "permessage-deflate; server_max_window_bits=9",
            ALONE,
            Some(
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9",
            ),
        ),
        (
            "permessage-deflate; server_max_window_bits=9; client_max_window_bits=10",
            takeover(12),
            Some("permessage-deflate; server_max_window_bits=9; client_max_window_bits=10"),
        ),
        (
            "permessage-deflate; server_max_window_bits=15; client_max_window_bits=15",
            takeover(15),
            Some("permessage-deflate; server_max_window_bits=15"),
        ),
        (
            "permessage-deflate; server_no_context_takeover; client_max_window_bits=8",
            takeover(10),
            Some(
                "permessage-deflate; server_no_context_takeover; server_max_window_bits=10; client_max_window_bits=8",
            ),
        ),
        (
            "permessage-deflate; client_no_context_takeover",
            takeover(15),
            Some("permessage-deflate; client_no_context_takeover"),
        ),
    ] {
        assert_eq!(answer(offer, &policy).as_deref(), expected, "{offer} {policy:?}");
    }
}

#[test]
fn z5_a_client_that_cannot_shrink_its_window_must_forget_it() {
    let values = ["permessage-deflate"];
    let (agreed, answer) = negotiate(values.into_iter(), &takeover(12)).unwrap().unwrap();
    assert_eq!(answer, "permessage-deflate; client_no_context_takeover; server_max_window_bits=12");
    assert_eq!(agreed, parameters(true, false, 12, 15));
}

#[test]
fn z4_an_offer_with_a_bad_parameter_is_declined_and_the_next_one_counts() {
    for bad in [
        "server_max_window_bits",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=08",
        "server_max_window_bits=010",
        "server_max_window_bits=+9",
        "server_max_window_bits=1",
        "server_max_window_bits=9x",
        "server_max_window_bits=99999999999999999999",
        "client_max_window_bits=0",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits=; client_no_context_takeover",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover; client_no_context_takeover",
        "server_max_window_bits=10; server_max_window_bits=10",
        "client_max_window_bits; client_max_window_bits=10",
        "Server_No_Context_Takeover",
        "mem_level=8",
    ] {
        let offer = format!("permessage-deflate; {bad}");
        if bad.contains("=;") {
            // This is not even a list of extensions.
            assert_eq!(negotiate([&*offer].into_iter(), &takeover(15)), Err(InvalidOffer));
            continue;
        }
        assert_eq!(answer(&offer, &takeover(15)), None, "{bad}");
        let alternative = format!("{offer}, permessage-deflate; server_max_window_bits=10");
        let expected = Some("permessage-deflate; server_max_window_bits=10");
        assert_eq!(answer(&alternative, &takeover(15)).as_deref(), expected, "{bad}");
        assert_eq!(verify([&*offer].into_iter(), &takeover(15)), Err(InvalidAnswer), "{bad}");
    }
}

#[test]
fn the_first_good_offer_wins_wherever_it_stands() {
    let values = [
        "x-webkit-deflate-frame, permessage-bzip2; a=b",
        "permessage-deflate; unknown, permessage-deflate; server_max_window_bits=\"10\"",
        "permessage-deflate; client_max_window_bits",
    ];
    let (agreed, answer) = negotiate(values.into_iter(), &takeover(15)).unwrap().unwrap();
    assert_eq!(answer, "permessage-deflate; server_max_window_bits=10");
    assert_eq!(agreed, parameters(true, true, 10, 15));
    assert_eq!(negotiate(["Permessage-Deflate"].into_iter(), &takeover(15)), Ok(None));
}

#[test]
fn a_malformed_list_is_an_error_even_behind_a_good_offer_or_if_nothing_is_compressed() {
    for policy in [OFF, ALONE] {
        assert_eq!(negotiate(["permessage-deflate, ;"].into_iter(), &policy), Err(InvalidOffer));
        assert_eq!(negotiate(["permessage-deflate", "a b"].into_iter(), &policy), Err(InvalidOffer));
        let many = ["permessage-deflate; x"; 33].join(",");
        assert_eq!(negotiate([&*many].into_iter(), &policy), Err(InvalidOffer));
    }
}

#[test]
fn a_client_offers_what_its_policy_says() {
    assert_eq!(offer(&OFF), None);
    assert_eq!(
        offer(&ALONE).as_deref(),
        Some(
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits"
        )
    );
    assert_eq!(offer(&takeover(15)).as_deref(), Some("permessage-deflate; client_max_window_bits"));
    assert_eq!(
        offer(&takeover(10)).as_deref(),
        Some(
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits, \
             permessage-deflate; server_no_context_takeover; client_max_window_bits"
        )
    );
}

#[test]
fn a_client_takes_only_what_it_offered() {
    let good = |value: &str, policy: &Policy| verify([value].into_iter(), policy).unwrap().unwrap();
    assert_eq!(verify([""].into_iter(), &takeover(15)), Ok(None));
    assert_eq!(verify([].into_iter(), &OFF), Ok(None));
    assert_eq!(good("permessage-deflate", &takeover(15)), parameters(true, true, 15, 15));
    let all = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
               server_max_window_bits=8; client_max_window_bits=9";
    assert_eq!(good(all, &takeover(15)), parameters(false, false, 8, 9));
    // A client with a small window uses no more of it, whatever the server allows.
    let small = good("permessage-deflate; server_max_window_bits=10", &takeover(10));
    assert_eq!(small, parameters(true, true, 10, 10));
    let forgets = good("permessage-deflate; server_no_context_takeover", &takeover(10));
    assert_eq!(forgets, parameters(false, true, 15, 10));
    // A client that wanted no takeover does without, even if the server does not ask for it.
    let alone = good("permessage-deflate; server_no_context_takeover", &ALONE);
    assert_eq!(alone, parameters(false, false, 15, 15));

    for (value, policy) in [
        ("permessage-deflate", OFF),
        ("permessage-deflate", ALONE),
        ("permessage-deflate", takeover(10)),
        ("permessage-deflate; server_max_window_bits=11", takeover(10)),
        ("permessage-deflate; client_max_window_bits", takeover(15)),
        ("permessage-deflate, permessage-deflate", takeover(15)),
        ("permessage-deflate, other", takeover(15)),
        ("other", takeover(15)),
        (";", takeover(15)),
    ] {
        assert_eq!(verify([value].into_iter(), &policy), Err(InvalidAnswer), "{value} {policy:?}");
    }
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let mode = prop_oneof![
        Just(Mode::Off),
        Just(Mode::NoTakeover),
        (0..20_u8).prop_map(|window_bits_max| Mode::Takeover { window_bits_max }),
    ];
    mode.prop_map(policy)
}

/// How much a connection remembers in the direction that one side sends.
fn window_bytes(takeover: bool, bits: u8) -> usize {
    if takeover { 1 << bits } else { 0 }
}

proptest! {
    #[test]
    fn our_client_and_our_server_always_agree_on_the_same(client in any_policy(), server in any_policy()) {
        let Some(offer) = offer(&client) else { return Ok(()) };
        let Some((at_server, answer)) = negotiate([&*offer].into_iter(), &server).unwrap() else {
            prop_assert_eq!(server.mode, Mode::Off);
            return Ok(());
        };
        let at_client = verify([&*answer].into_iter(), &client).unwrap().unwrap();
        // The client may do with less than it was allowed in its own direction, and in nothing else.
        prop_assert_eq!(at_client.server_no_context_takeover, at_server.server_no_context_takeover);
        prop_assert_eq!(at_client.server_max_window_bits, at_server.server_max_window_bits);
        prop_assert!(at_client.client_max_window_bits <= at_server.client_max_window_bits);
        prop_assert!(at_client.client_no_context_takeover || !at_server.client_no_context_takeover);
        for (policy, agreed) in [(client, at_client), (server, at_server)] {
            let max = match policy.mode {
                Mode::Takeover { window_bits_max } => 1 << window_bits_max.clamp(8, 15),
                _ => 0,
            };
            prop_assert!(window_bytes(!agreed.server_no_context_takeover, agreed.server_max_window_bits) <= max);
            prop_assert!(window_bytes(!agreed.client_no_context_takeover, agreed.client_max_window_bits) <= max);
        }
    }

    #[test]
    fn no_text_makes_a_server_or_a_client_panic_or_answer_out_of_bounds(
        value in "[ -~]{0,80}|(permessage-deflate|server_max_window_bits|client_max_window_bits|[;,= \"]|1[0-5]|[0-9]|server_no_context_takeover){0,12}",
        policy in any_policy(),
    ) {
        for agreed in [
            negotiate([&*value].into_iter(), &policy).ok().flatten().map(|(agreed, _)| agreed),
            verify([&*value].into_iter(), &policy).ok().flatten(),
        ].into_iter().flatten() {
            prop_assert!((8..=15).contains(&agreed.server_max_window_bits));
            prop_assert!((8..=15).contains(&agreed.client_max_window_bits));
            prop_assert!(value.contains("permessage-deflate"));
        }
    }
}
