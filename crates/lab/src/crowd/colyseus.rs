//! A lean client of Colyseus 0.17 and 0.18: reserves a seat, joins, sends what a bot sends, and counts and times patches.
//!
//! It does not decode them: that would measure the decoder of the generator. `bench/peers/colyseus/witness.mjs` does, with
//! Colyseus' own SDK, for a few clients of the same run.

use super::http::{ask, host_of};
use crate::play::{Applied, News, Seen, Wrong};
use crate::random::Random;
use serde::Deserialize;
use std::collections::VecDeque;
use std::time::Duration;

/// The first bytes of messages.
const JOIN_ROOM: u8 = 10;
const ERROR: u8 = 11;
const ROOM_DATA: u8 = 13;
const ROOM_STATE: u8 = 14;
const ROOM_STATE_PATCH: u8 = 15;
/// What says which message it is; the rest are modifiers.
const CODE_MASK: u8 = 31;

/// The seat that matchmaking gives.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Seat {
    session_id: String,
    process_id: String,
    room_id: String,
}

/// Asks for a seat in a room of this kind. Gives path and query of the WebSocket.
pub(crate) async fn reserve(url: &str, room: &str) -> Result<String, String> {
    let host = host_of(url).ok_or("Colyseus is measured over ws://")?;
    let answer = ask(host, &format!("/matchmake/joinOrCreate/{room}"), Some("{}")).await?;
    let seat: Seat = serde_json::from_str(&answer.body)
        .map_err(|_| format!("a reservation was refused: {} {}", answer.status, answer.body.trim()))?;
    let Seat { session_id, process_id, room_id } = seat;
    Ok(format!("/{process_id}/{room_id}?sessionId={session_id}"))
}

/// A client in a room.
pub(crate) struct Guest {
    random: Random,
    direction: u8,
    angle: u16,
    patch_at: Option<Duration>,
    patches: u32,
    outputs: VecDeque<Vec<u8>>,
}

impl Guest {
    pub(crate) fn new(seed: u64) -> Self {
        let random = Random::new(seed);
        Self { random, direction: 8, angle: 0, patch_at: None, patches: 0, outputs: VecDeque::new() }
    }

    /// A message came.
    pub(crate) fn receive(&mut self, now: Duration, message: &[u8]) -> Result<News, Wrong> {
        match message.first().map(|code| code & CODE_MASK) {
            Some(JOIN_ROOM) => {
                self.outputs.push_back(vec![JOIN_ROOM]);
                Ok(News::Welcome { slot: 0, is_back: false })
            }
            Some(ROOM_STATE_PATCH) => {
                let gap = self.patch_at.map(|before| now.saturating_sub(before));
                self.patch_at = Some(now);
                self.patches += 1;
                Ok(News::Snapshot(Applied {
                    tick: self.patches,
                    gap,
                    effect: None,
                    effect_ticks: None,
                    bytes: message.len(),
                    body_bytes: message.len(),
                    seen: Seen::default(),
                    speed: 100,
                    cost: 0,
                }))
            }
            Some(ERROR) => Err(Wrong(format!("an error: {}", String::from_utf8_lossy(message)))),
            Some(ROOM_STATE | ROOM_DATA) => Ok(News::Nothing),
            _ => Err(Wrong("a message that is none of Colyseus".to_owned())),
        }
    }

    /// Sends a direction and an angle, as bots of Drift do: message 0, an array of two numbers in MessagePack.
    pub(crate) fn act(&mut self) {
        if self.random.below(30) == 0 {
            self.direction = self.random.below(9) as u8;
        }
        self.angle = (self.angle + 1008 + self.random.below(33) as u16) % 1024;
        let [high, low] = self.angle.to_be_bytes();
        self.outputs.push_back(vec![ROOM_DATA, 0, 0x92, self.direction, 0xcd, high, low]);
    }

    pub(crate) fn poll_output(&mut self) -> Option<Vec<u8>> {
        self.outputs.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_joins_and_times_its_patches() {
        let mut guest = Guest::new(1);
        assert!(matches!(guest.receive(Duration::ZERO, &[JOIN_ROOM, 1, 2]), Ok(News::Welcome { .. })));
        assert_eq!(guest.poll_output(), Some(vec![JOIN_ROOM]));
        assert_eq!(guest.receive(Duration::ZERO, &[ROOM_STATE]), Ok(News::Nothing));
        assert!(matches!(guest.receive(Duration::ZERO, &[ROOM_STATE_PATCH]), Ok(News::Snapshot(_))));
        let Ok(News::Snapshot(second)) =
            guest.receive(Duration::from_millis(33), &[ROOM_STATE_PATCH | 128, 0])
        else {
            panic!("no patch")
        };
        assert_eq!((second.gap, second.bytes), (Some(Duration::from_millis(33)), 2));
        guest.act();
        assert_eq!(guest.poll_output().map(|message| (message.len(), message[0])), Some((7, ROOM_DATA)));
    }

    #[test]
    fn a_seat_is_read_from_the_answer() {
        let seat: Seat =
            serde_json::from_str(r#"{"name":"near","sessionId":"s","roomId":"r","processId":"p","other":1}"#)
                .unwrap();
        assert_eq!(
            (seat.session_id.as_str(), seat.process_id.as_str(), seat.room_id.as_str()),
            ("s", "p", "r")
        );
    }
}
