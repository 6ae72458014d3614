//! How client and server agree on compression (RFC 7692 sections 5 and 7.1).

use std::fmt;

use super::parameters::{Mode, Parameters, Policy};
use super::{WINDOW_BITS_MAX, WINDOW_BITS_MIN};
use crate::handshake::InvalidOffer;
use crate::handshake::extensions::{Extension, extensions};

const NAME: &str = "permessage-deflate";
const SERVER_NO_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_BITS: &str = "server_max_window_bits";
const CLIENT_BITS: &str = "client_max_window_bits";

/// The answer of a server agrees to something that was not offered, or is malformed. The client must fail the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidAnswer;

impl fmt::Display for InvalidAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer names an extension or a parameter that was not offered")
    }
}

impl std::error::Error for InvalidAnswer {}

/// The parameters of one `permessage-deflate` element, in an offer or in an answer.
#[derive(Clone, Copy, Debug, Default)]
struct Element {
    server_no_takeover: bool,
    client_no_takeover: bool,
    server_bits: Option<u8>,
    /// `Some(None)` is the parameter without a value, which only an offer may have.
    client_bits: Option<Option<u8>>,
}

impl Element {
    /// `None` if a parameter is unknown, there twice, or has a value that it cannot have: "a server MUST decline" such
    /// an offer and a client must fail such an answer (section 7.1).
    fn read(extension: &Extension<'_>) -> Option<Self> {
        let mut element = Self::default();
        for (name, value) in extension.parameters() {
            let is_new = match name {
                SERVER_NO_TAKEOVER if value.is_none() => !replace(&mut element.server_no_takeover),
                CLIENT_NO_TAKEOVER if value.is_none() => !replace(&mut element.client_no_takeover),
                SERVER_BITS => element.server_bits.replace(bits_of(value?)?).is_none(),
                CLIENT_BITS => {
                    let bits = match value {
                        Some(value) => Some(bits_of(value)?),
                        None => None,
                    };
                    element.client_bits.replace(bits).is_none()
                }
                _ => return None,
            };
            if !is_new {
                return None;
            }
        }
        Some(element)
    }

    fn write(&self) -> String {
        let mut text = NAME.to_owned();
        if self.server_no_takeover {
            text += "; server_no_context_takeover";
        }
        if self.client_no_takeover {
            text += "; client_no_context_takeover";
        }
        if let Some(bits) = self.server_bits {
            text += &format!("; {SERVER_BITS}={bits}");
        }
        match self.client_bits {
            Some(Some(bits)) => text += &format!("; {CLIENT_BITS}={bits}"),
            Some(None) => text += "; client_max_window_bits",
            None => {}
        }
        text
    }
}

fn replace(flag: &mut bool) -> bool {
    std::mem::replace(flag, true)
}

/// "a decimal integer value without leading zeroes between 8 to 15, inclusive" (section 7.1.2).
fn bits_of(text: &str) -> Option<u8> {
    (WINDOW_BITS_MIN..=WINDOW_BITS_MAX).find(|bits| match bits {
        0..=9 => text.as_bytes() == [b'0' + bits],
        10.. => text.as_bytes() == [b'1', b'0' + bits - 10],
    })
}

/// The server's side: reads the values of `Sec-WebSocket-Extensions` of a request, and gives what is agreed on and the
/// value of that header field for the answer. `None` if there is no compression.
///
/// The client's offers are alternatives, the first one is what it likes best. The first valid one is accepted; one with
/// an unknown, repeated or invalid parameter is declined, as RFC 7692 section 7.1 demands. What is agreed on keeps to the
/// policy:
///
/// * The answer says `client_max_window_bits` only if the client offered it. If the client cannot shrink its window
///   and the policy allows no window of 15 bits, the answer says `client_no_context_takeover`, which it always may, so
///   that the memory of a connection stays below what the policy says.
/// * The answer says `server_max_window_bits` if it was offered, with that value or less, or if the policy has less
///   than 15 bits: a client may save memory by it. Clients must be able to inflate with any window below what they offered.
///
/// # Errors
///
/// A list that is malformed or too long. The handshake should be refused with 400.
pub fn negotiate<'a>(
    values: impl Iterator<Item = &'a str>,
    policy: &Policy,
) -> Result<Option<(Parameters, String)>, InvalidOffer> {
    let mut agreed = None;
    for extension in extensions(values) {
        let extension = extension?;
        // All of the list is read even if an offer was accepted, so that a malformed list is always an error.
        if agreed.is_none() && extension.name == NAME && policy.mode != Mode::Off {
            agreed = Element::read(&extension).map(|offer| answer(&offer, policy));
        }
    }
    Ok(agreed)
}

/// Accepts a valid offer.
fn answer(offer: &Element, policy: &Policy) -> (Parameters, String) {
    let answer = match policy.takeover_bits() {
        // Without contexts a window costs nobody memory, so there is no reason to shrink it.
        None => Element {
            server_no_takeover: true,
            client_no_takeover: true,
            server_bits: offer.server_bits,
            client_bits: None,
        },
        Some(bits) => {
            let server_bits = bits.min(offer.server_bits.unwrap_or(WINDOW_BITS_MAX));
            let client_bits = offer.client_bits.map(|offered| bits.min(offered.unwrap_or(WINDOW_BITS_MAX)));
            let client_is_too_big = client_bits.unwrap_or(WINDOW_BITS_MAX) > bits;
            Element {
                server_no_takeover: offer.server_no_takeover,
                client_no_takeover: offer.client_no_takeover || client_is_too_big,
                server_bits: (offer.server_bits.is_some() || server_bits < WINDOW_BITS_MAX)
                    .then_some(server_bits),
                client_bits: client_bits.filter(|&bits| bits < WINDOW_BITS_MAX).map(Some),
            }
        }
    };
    let parameters = Parameters {
        server_no_context_takeover: answer.server_no_takeover,
        client_no_context_takeover: answer.client_no_takeover,
        server_max_window_bits: answer.server_bits.unwrap_or(WINDOW_BITS_MAX),
        client_max_window_bits: answer.client_bits.flatten().unwrap_or(WINDOW_BITS_MAX),
    };
    (parameters, answer.write())
}

/// What a client with this policy offers: the alternatives, the best one first.
fn alternatives(policy: &Policy) -> impl Iterator<Item = Element> {
    let any_window = Element { client_bits: Some(None), ..Element::default() };
    let no_takeover = Element { server_no_takeover: true, ..any_window };
    let (first, second) = match (policy.mode, policy.takeover_bits()) {
        (Mode::Off, _) => (None, None),
        (_, None) => (Some(Element { client_no_takeover: true, ..no_takeover }), None),
        (_, Some(WINDOW_BITS_MAX)) => (Some(any_window), None),
        // A server that cannot shrink its window can at least forget it.
        (_, Some(bits)) => (Some(Element { server_bits: Some(bits), ..any_window }), Some(no_takeover)),
    };
    first.into_iter().chain(second)
}

/// The client's side: the value of `Sec-WebSocket-Extensions` for the request. `None` if it offers no compression.
pub fn offer(policy: &Policy) -> Option<String> {
    let alternatives: Vec<String> = alternatives(policy).map(|element| element.write()).collect();
    (!alternatives.is_empty()).then(|| alternatives.join(", "))
}

/// The client's side: judges the answer to [`offer`] with the same policy. `None` if the server wants no compression.
///
/// # Errors
///
/// The answer is malformed, names another extension or several, or agrees to what was not offered.
pub fn verify<'a>(
    values: impl Iterator<Item = &'a str>,
    policy: &Policy,
) -> Result<Option<Parameters>, InvalidAnswer> {
    let mut extensions = extensions(values);
    let Some(extension) = extensions.next() else { return Ok(None) };
    let extension = extension.map_err(|_| InvalidAnswer)?;
    if extension.name != NAME || extensions.next().is_some() {
        return Err(InvalidAnswer);
    }
    let answer = Element::read(&extension).ok_or(InvalidAnswer)?;
    // In an answer the parameter must have a value (section 7.1.2.2).
    if answer.client_bits == Some(None) || !alternatives(policy).any(|offer| is_answer_to(&answer, &offer)) {
        return Err(InvalidAnswer);
    }
    let server_bits = answer.server_bits.unwrap_or(WINDOW_BITS_MAX);
    let client_bits = answer.client_bits.flatten().unwrap_or(WINDOW_BITS_MAX);
    let own_bits = policy.takeover_bits();
    Ok(Some(Parameters {
        server_no_context_takeover: answer.server_no_takeover,
        // We said that we would not, or the server asks us not to.
        client_no_context_takeover: answer.client_no_takeover || own_bits.is_none(),
        server_max_window_bits: server_bits,
        client_max_window_bits: client_bits.min(own_bits.unwrap_or(WINDOW_BITS_MAX)),
    }))
}

/// Whether a server may answer this offer of ours like that. We always offer `client_max_window_bits`, and
/// `client_no_context_takeover` needs no offer.
fn is_answer_to(answer: &Element, offer: &Element) -> bool {
    let forgets = answer.server_no_takeover || !offer.server_no_takeover;
    let fits = match (offer.server_bits, answer.server_bits) {
        (None, _) => true,
        (Some(offered), Some(answered)) => answered <= offered,
        (Some(_), None) => false,
    };
    forgets && fits
}
