//! Seats: never more people than there are, and free again when nobody comes.

use crate::rig::{Rig, comer, ms, user};
use matches::ids::MatchId;
use matches::lobby::{Admission, Arrival, LobbyLimits, Refusal, Terms, TicketStatus};

#[test]
fn a_full_match_says_so_and_its_people_get_in() {
    let mut rig = Rig::usual();
    let id = rig.running_match("ann", 25.0);
    for name in ["bob", "cat", "dan"] {
        rig.lobby.reserve(rig.now, &id, &comer(name, 25.0)).unwrap();
    }
    assert_eq!(rig.lobby.reserve(rig.now, &id, &comer("eve", 25.0)), Err(Refusal::Full));
    assert_eq!(rig.lobby.arrive(rig.now, &id, &comer("eve", 25.0)), Err(Refusal::Full));
    assert_eq!(rig.lobby.arrive(rig.now, &id, &comer("bob", 25.0)), Ok(Arrival::Reserved));
    assert_eq!(rig.lobby.arrive(rig.now, &id, &comer("bob", 25.0)), Ok(Arrival::Returned));
    rig.lobby.leave(rig.now, &id, &user("bob"));
    assert_eq!(rig.lobby.arrive(rig.now, &id, &comer("eve", 25.0)), Ok(Arrival::Free));
    assert_eq!(rig.people(&id), Some(4));
}

#[test]
fn a_thousand_who_come_in_three_seconds_all_get_a_seat_in_four_matches() {
    let terms = Terms { people_min: 16, fill: 24, ..Terms::default() };
    let mut rig = Rig::new(LobbyLimits::default(), terms);
    let mut tickets = Vec::new();
    for i in 0..1000 {
        tickets.push((i, rig.find(&format!("u{i}"), 25.0)));
        rig.wait(ms(3));
    }
    rig.wait(ms(2250));
    for (i, ticket) in tickets {
        let id = rig.placement(ticket).expect("placed");
        let arrival = rig.lobby.arrive(rig.now, &id, &comer(&format!("u{i}"), 25.0));
        assert_eq!(arrival, Ok(Arrival::Reserved), "u{i}");
    }
    let list = rig.lobby.list(rig.now, Some("arena"));
    assert_eq!(list.iter().map(|listed| listed.people).collect::<Vec<_>>(), [256, 256, 256, 232]);
    assert!(list.iter().all(|listed| listed.bots == 0));
}

#[test]
fn a_seat_that_nobody_takes_is_free_again() {
    let mut rig = Rig::usual();
    let id = rig.running_match("ann", 25.0);
    let placement = rig.lobby.reserve(rig.now, &id, &comer("bob", 25.0)).unwrap();
    assert_eq!(placement.until, rig.now + LobbyLimits::default().reservation);
    assert_eq!(rig.lobby.reserve(rig.now, &id, &comer("bob", 25.0)), Ok(placement), "the same again");
    assert_eq!(rig.people(&id), Some(2));
    rig.wait(LobbyLimits::default().reservation - ms(1));
    assert_eq!(rig.people(&id), Some(2));
    rig.wait(ms(1));
    assert_eq!(rig.people(&id), Some(1));
    assert_eq!(
        rig.lobby.arrive(rig.now, &id, &comer("bob", 25.0)),
        Ok(Arrival::Free),
        "if there is room still"
    );
}

#[test]
fn a_ticket_is_known_until_its_seat_is_taken_or_expires() {
    let mut rig = Rig::usual();
    let id = rig.running_match("ann", 25.0);
    let bob = rig.find("bob", 25.0);
    assert!(matches!(rig.lobby.ticket(bob, &user("bob")), Ok(TicketStatus::Placed(at)) if at.id == id));
    assert_eq!(rig.try_find(vec![comer("bob", 25.0)]), Err(Refusal::TooManyTickets));
    rig.lobby.arrive(rig.now, &id, &comer("bob", 25.0)).unwrap();
    assert_eq!(rig.lobby.ticket(bob, &user("bob")), Err(Refusal::UnknownTicket));
    let cat = rig.find("cat", 25.0);
    rig.wait(LobbyLimits::default().reservation);
    assert_eq!(rig.lobby.ticket(cat, &user("cat")), Err(Refusal::UnknownTicket));
    rig.try_find(vec![comer("cat", 25.0)]).unwrap();
}

#[test]
fn cancelling_frees_the_seats_that_are_not_taken() {
    let mut rig = Rig::usual();
    let ticket = rig.try_find(["ann", "bob"].map(|id| comer(id, 25.0)).to_vec()).unwrap();
    rig.wait(ms(250));
    let id = rig.placement(ticket).unwrap();
    rig.lobby.arrive(rig.now, &id, &comer("ann", 25.0)).unwrap();
    assert_eq!(rig.people(&id), Some(2));
    rig.lobby.cancel(rig.now, ticket, &user("bob")).unwrap();
    assert_eq!(rig.people(&id), Some(1), "who plays, plays on");
}

#[test]
fn nobody_reserves_more_seats_than_allowed() {
    let mut rig = Rig::usual();
    let first = rig.running_match("ann", 25.0);
    rig.wait(ms(60_000));
    let ids = [first, rig.running_match("bob", 25.0)];
    rig.wait(ms(60_000));
    let third = rig.running_match("cat", 25.0);
    for id in &ids {
        rig.lobby.reserve(rig.now, id, &comer("eve", 25.0)).unwrap();
    }
    assert_eq!(rig.lobby.reserve(rig.now, &third, &comer("eve", 25.0)), Err(Refusal::TooManySeats));
    assert_eq!(rig.try_find(vec![comer("eve", 25.0)]), Err(Refusal::TooManySeats));
    rig.lobby.arrive(rig.now, &ids[0], &comer("eve", 25.0)).unwrap();
    rig.lobby.reserve(rig.now, &third, &comer("eve", 25.0)).unwrap();
}

#[test]
fn a_worker_that_takes_no_players_lets_those_in_who_have_a_seat() {
    let mut rig = Rig::usual();
    let id = rig.running_match("ann", 25.0);
    rig.lobby.reserve(rig.now, &id, &comer("bob", 25.0)).unwrap();
    rig.lobby.admit(0, Admission::NoPlayers);
    assert!(matches!(rig.lobby.reserve(rig.now, &id, &comer("cat", 25.0)), Err(Refusal::Busy { .. })));
    assert!(matches!(rig.lobby.arrive(rig.now, &id, &comer("cat", 25.0)), Err(Refusal::Busy { .. })));
    let dan = rig.find("dan", 25.0);
    assert!(rig.is_waiting(dan, "dan"));
    assert_eq!(rig.lobby.arrive(rig.now, &id, &comer("bob", 25.0)), Ok(Arrival::Reserved));
    assert_eq!(rig.lobby.arrive(rig.now, &id, &comer("ann", 25.0)), Ok(Arrival::Returned));
}

#[test]
fn bots_give_way_to_people_in_the_list() {
    let mut rig = Rig::usual();
    let id = rig.running_match("ann", 25.0);
    let bots = |rig: &Rig| rig.lobby.list(rig.now, None)[0].bots;
    assert_eq!(bots(&rig), 2);
    rig.lobby.reserve(rig.now, &id, &comer("bob", 25.0)).unwrap();
    assert_eq!(bots(&rig), 1);
    rig.wait(LobbyLimits::default().reservation);
    assert_eq!(bots(&rig), 2);
}

#[test]
fn an_unknown_match_is_answered_as_unknown() {
    let mut rig = Rig::usual();
    let id = MatchId::new("nothing-here").unwrap();
    assert_eq!(rig.lobby.reserve(rig.now, &id, &comer("ann", 25.0)), Err(Refusal::UnknownMatch));
    assert_eq!(rig.lobby.arrive(rig.now, &id, &comer("ann", 25.0)), Err(Refusal::UnknownMatch));
    assert_eq!(rig.lobby.look(&id), Err(Refusal::UnknownMatch));
    rig.lobby.leave(rig.now, &id, &user("ann"));
}
