//! `docs/classic-room.md` is true: its conversation happens word for word, and its numbers are the limits.

use crate::rig::Rig;
use matches::classic::limits::*;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

const PAGE: &str = include_str!("../../../../docs/classic-room.md");

#[test]
fn the_conversation_of_the_page_happens_word_for_word() {
    let (_, rest) = PAGE.split_once("```classic\n").unwrap();
    let (conversation, _) = rest.split_once("```").unwrap();
    let mut rig = Rig::default();
    let mut people = BTreeMap::new();
    let mut heard: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for line in conversation.lines() {
        rig.now += Duration::from_millis(100);
        let (who, rest) = line.split_once(' ').unwrap();
        match rest.trim_start().split_once(' ') {
            Some((">", text)) => {
                let id = *people.entry(who).or_insert_with(|| rig.connect());
                assert!(rig.say(id, text));
            }
            Some(("<", text)) => {
                let waiting = heard.entry(who).or_default();
                waiting.extend(rig.hear(people[who]));
                assert!(!waiting.is_empty(), "nothing comes instead of {line}");
                assert_eq!(waiting.remove(0), serde_json::from_str::<Value>(text).unwrap(), "{line}");
            }
            Some(("is", "reset")) => assert!(rig.reset(who)),
            _ => {
                assert_eq!(rest.trim(), "leaves");
                rig.cut(people.remove(who).unwrap());
            }
        }
    }
    for (who, id) in people {
        let left: Vec<Value> =
            heard.remove(who).unwrap_or_default().into_iter().chain(rig.hear(id)).collect();
        assert!(left.is_empty(), "{who} hears more than the page says: {left:?}");
    }
}

#[test]
fn the_limits_of_the_page_are_those_of_the_code() {
    let number = |number: u64| {
        let digits = number.to_string();
        if digits.len() < 4 {
            digits
        } else {
            format!("{},{}", &digits[..digits.len() - 3], &digits[digits.len() - 3..])
        }
    };
    for wanted in [
        format!("| a message | {} bytes |", number(MESSAGE_BYTES_MAX as u64)),
        format!("above {} bytes close code 1009", number(FRAME_BYTES_MAX as u64)),
        format!("longer than {NAME_BYTES_MAX} bytes"),
        format!("| {} in a second, {} at once |", MESSAGES.per_second, MESSAGES.burst),
        format!("{} in a row", number(REFUSALS_IN_A_ROW_MAX.into())),
        format!("does not read | {OUTBOX_MESSAGES_MAX} |"),
        format!("joined a game | {} s |", JOIN_TIMEOUT.as_secs()),
        format!("sends nothing | {} s |", IDLE_TIMEOUT.as_secs()),
        format!(
            "| connections | {}, of which {} from one address",
            number(CONNECTIONS_MAX as u64),
            CONNECTIONS_PER_ADDRESS_MAX
        ),
        format!("| resets of a game | {} in a second, {} at once |", RESETS.per_second, RESETS.burst),
    ] {
        assert!(PAGE.contains(&wanted), "the page does not say: {wanted}");
    }
}
