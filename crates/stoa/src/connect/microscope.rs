//! The microscope: every frame as it passes, in a line for people or as JSON.

use crate::terminal::{self, escape};
use net::{Dialed, Direction};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use ws::Role;
use ws::inspect::{Inspector, LengthForm, SeenFrame};

/// Payload bytes that are shown in a line.
const SHOWN_IN_LINE_BYTES: usize = 60;

/// Watches the frames of one connection.
pub(super) struct Microscope {
    json: bool,
    since: Instant,
    sent: Inspector,
    received: Inspector,
}

impl Microscope {
    /// Puts the connection under the microscope.
    pub(super) fn over(dialed: Dialed, json: bool) -> Dialed {
        let inspector = |sender| match dialed.facts.compression {
            Some(parameters) => Inspector::with_compression(parameters, sender),
            None => Inspector::new(),
        };
        let (sent, received) = (inspector(Role::Client), inspector(Role::Server));
        let mut microscope = Self { json, since: Instant::now(), sent, received };
        if !json {
            terminal::print(&legend());
        }
        dialed.tapped(move |direction, bytes| microscope.look(direction, bytes))
    }

    fn look(&mut self, direction: Direction, bytes: &[u8]) {
        let at = self.since.elapsed();
        let inspector = match direction {
            Direction::Sent => &mut self.sent,
            Direction::Received => &mut self.received,
        };
        let json = self.json;
        inspector.inspect(bytes, |frame| {
            terminal::print(&if json {
                to_json(direction, at, &frame).to_string()
            } else {
                to_line(direction, at, &frame)
            });
        });
    }
}

fn legend() -> String {
    format!(
        "{:>10}    {:<12} {:<4} {:<5} {:<13} {:>8} bytes  payload",
        "ms", "opcode", "FIN", "RSV", "mask", "length"
    )
}

fn to_line(direction: Direction, at: Duration, frame: &SeenFrame) -> String {
    let arrow = match direction {
        Direction::Sent => '→',
        Direction::Received => '←',
    };
    let mask = frame.mask.map_or_else(|| "-".to_owned(), |key| hex(&key));
    let form = match frame.length_form {
        LengthForm::Bits7 => "7 bit",
        LengthForm::Bits16 => "16 bit",
        LengthForm::Bits64 => "64 bit",
    };
    let (size, shown) = match &frame.inflated {
        Some(inflated) => (
            frame.payload_bytes.to_string(),
            format!(
                "{} bytes inflated: {}",
                inflated.plain_bytes,
                payload(frame, &inflated.shown, inflated.plain_bytes as u64)
            ),
        ),
        None => (frame.payload_bytes.to_string(), payload(frame, &frame.shown, frame.payload_bytes)),
    };
    format!(
        "{:>10.3} {arrow}  {:<12} {:<4} {:<5} {mask:<13} {form:>8} {size:>5}  {shown}",
        at.as_secs_f64() * 1000.0,
        frame.opcode_name(),
        if frame.fin { "FIN" } else { "-" },
        bits(frame.rsv),
    )
}

/// What a frame carries, on one line: the code and reason of a Close, text as text, everything else as hexadecimal digits.
fn payload(frame: &SeenFrame, shown: &[u8], whole_bytes: u64) -> String {
    let compressed = frame.rsv[0] && frame.inflated.is_none();
    let start = &shown[..shown.len().min(SHOWN_IN_LINE_BYTES)];
    let more = if whole_bytes > start.len() as u64 { "…" } else { "" };
    match (frame.opcode, shown) {
        (_, []) => String::new(),
        (8, [a, b, reason @ ..]) => {
            let code = u16::from_be_bytes([*a, *b]);
            format!("{code} {}", escape(&String::from_utf8_lossy(reason))).trim_end().to_owned()
        }
        (1, _) if !compressed => format!("\"{}{more}\"", escape(&String::from_utf8_lossy(start))),
        _ => format!("{}{more}", hex(start)),
    }
}

fn to_json(direction: Direction, at: Duration, frame: &SeenFrame) -> Value {
    let inflated = frame.inflated.as_ref();
    json!({
        "type": "frame",
        "direction": match direction { Direction::Sent => "sent", Direction::Received => "received" },
        "at_us": at.as_micros() as u64,
        "fin": frame.fin,
        "rsv": frame.rsv,
        "opcode": frame.opcode,
        "opcode_name": frame.opcode_name(),
        "mask": frame.mask.map(|key| hex(&key)),
        "length_bits": match frame.length_form { LengthForm::Bits7 => 7, LengthForm::Bits16 => 16, LengthForm::Bits64 => 64 },
        "header_bytes": frame.header_bytes,
        "payload_bytes": frame.payload_bytes,
        "payload_start_hex": hex(&frame.shown),
        "message_compressed_bytes": inflated.map(|it| it.compressed_bytes),
        "message_plain_bytes": inflated.map(|it| it.plain_bytes),
        "message_start_hex": inflated.map(|it| hex(&it.shown)),
    })
}

fn bits(rsv: [bool; 3]) -> String {
    rsv.iter().map(|&bit| if bit { '1' } else { '0' }).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(wire: &[u8]) -> SeenFrame {
        let mut seen = None;
        Inspector::new().inspect(wire, |frame| seen = Some(frame));
        seen.unwrap()
    }

    #[test]
    fn a_line_shows_every_field_of_a_frame() {
        let hello = frame(&[0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
        let line = to_line(Direction::Sent, Duration::from_micros(1500), &hello);
        let columns: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(columns, ["1.500", "→", "text", "FIN", "000", "37fa213d", "7", "bit", "5", "\"Hello\""]);
        let close = frame(&[0x88, 5, 3, 0xe9, b'b', b'y', b'e']);
        assert!(to_line(Direction::Received, Duration::ZERO, &close).ends_with("1001 bye"));
    }

    #[test]
    fn a_payload_cannot_write_to_the_terminal() {
        let frame = frame(&[0x81, 3, 0x1b, b'[', 7]);
        assert!(to_line(Direction::Received, Duration::ZERO, &frame).ends_with("\"\\u{1b}[\\u{7}\""));
    }

    #[test]
    fn json_has_the_payload_as_digits() {
        let json = to_json(Direction::Received, Duration::ZERO, &frame(&[0x82, 2, 0, 255]));
        assert_eq!((&json["payload_start_hex"], &json["mask"]), (&json!("00ff"), &Value::Null));
        assert_eq!((&json["length_bits"], &json["opcode_name"]), (&json!(7), &json!("binary")));
    }
}
