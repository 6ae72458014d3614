//! What a client sends.

use super::put_short;
use super::{
    BadMessage, COMMANDS_MAX, Cursor, NAME_BYTES_MAX, SECRET_BYTES, TOKEN_BYTES_MAX, VERSION, WISH_BYTES_MAX,
};

const HELLO: u8 = 0x01;
const INPUT: u8 = 0x02;
const PING: u8 = 0x03;
const PACE: u8 = 0x04;
const WATCH: u8 = 0x05;
const LEAVE: u8 = 0x06;

/// A message of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// Who comes. The first message, and never again.
    Hello(Hello<'a>),
    /// What the player does, and what it has seen.
    Input(Input<'a>),
    /// Asks for a `pong`.
    Ping {
        /// Any number; comes back.
        time: u32,
    },
    /// How often snapshots are wanted.
    Pace {
        /// About once a second, for a page that nobody sees.
        is_hidden: bool,
    },
    /// What a spectator wants to see, in the game's own form.
    Watch(&'a [u8]),
    /// Gives the place up.
    Leave,
}

/// Who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Hello<'a> {
    /// Only to watch.
    pub spectates: bool,
    /// 0 to 32 bytes.
    pub name: &'a str,
    /// A token as for the chat; empty for a guest.
    pub token: &'a str,
    /// The secret from `welcome`, to return into the same place.
    pub resume: Option<&'a [u8; SECRET_BYTES]>,
    /// What the game lets a player wish for, 0 to 32 bytes.
    pub wish: &'a [u8],
}

/// What a player does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input<'a> {
    /// Tick of the latest snapshot that was applied; 0 for none.
    pub acknowledged: u32,
    /// What the player saw of others while doing the last command, in eighths of a tick since tick 0.
    pub view: u32,
    /// The tick that the first command is for.
    pub first: u32,
    /// How many commands, 0 to 8.
    pub count: u8,
    /// The commands, each as long as the game has it.
    pub commands: &'a [u8],
}

impl<'a> ClientMessage<'a> {
    /// Reads a message. Commands of an input are not looked into: their size is the game's.
    ///
    /// # Errors
    ///
    /// The protocol does not allow it: close 4400.
    pub fn read(message: &'a [u8]) -> Result<Self, BadMessage> {
        let mut cursor = Cursor::new(message);
        let read = match cursor.u8()? {
            HELLO => Self::Hello(Hello::read(&mut cursor)?),
            INPUT => Self::Input(Input::read(&mut cursor)?),
            PING => Self::Ping { time: cursor.u32()? },
            PACE => match cursor.u8()? {
                0 => Self::Pace { is_hidden: false },
                1 => Self::Pace { is_hidden: true },
                _ => return Err(BadMessage("the rate is neither 0 nor 1")),
            },
            WATCH => Self::Watch(cursor.rest()),
            LEAVE => Self::Leave,
            _ => return Err(BadMessage("no message of that type")),
        };
        cursor.end()?;
        Ok(read)
    }

    /// Appends the message.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Hello(hello) => hello.write(out),
            Self::Input(input) => input.write(out),
            Self::Ping { time } => {
                out.push(PING);
                out.extend_from_slice(&time.to_le_bytes());
            }
            Self::Pace { is_hidden } => out.extend_from_slice(&[PACE, u8::from(*is_hidden)]),
            Self::Watch(what) => {
                out.push(WATCH);
                out.extend_from_slice(what);
            }
            Self::Leave => out.push(LEAVE),
        }
    }

    /// The message as bytes of its own.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }
}

impl<'a> Hello<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, BadMessage> {
        if cursor.u8()? != VERSION {
            return Err(BadMessage("the server speaks version 1"));
        }
        let flags = cursor.u8()?;
        if flags > 1 {
            return Err(BadMessage("hello has a flag that this version does not define"));
        }
        let name = cursor.text()?;
        if name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(BadMessage("the name is longer than 32 bytes, or has control characters"));
        }
        let length = cursor.u16()?;
        if usize::from(length) > TOKEN_BYTES_MAX {
            return Err(BadMessage("the token is longer than 3,072 bytes"));
        }
        let token = cursor.bytes(length.into())?;
        let token = std::str::from_utf8(token).map_err(|_| BadMessage("a text is not UTF-8"))?;
        let resume = match cursor.short()? {
            [] => None,
            secret => {
                Some(secret.try_into().map_err(|_| BadMessage("resume is neither empty nor 16 bytes"))?)
            }
        };
        let wish = cursor.short()?;
        if wish.len() > WISH_BYTES_MAX {
            return Err(BadMessage("the wish is longer than 32 bytes"));
        }
        Ok(Self { spectates: flags & 1 != 0, name, token, resume, wish })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[HELLO, VERSION, u8::from(self.spectates)]);
        put_short(out, self.name.as_bytes());
        let token = &self.token.as_bytes()[..self.token.len().min(TOKEN_BYTES_MAX)];
        out.extend_from_slice(&(token.len() as u16).to_le_bytes());
        out.extend_from_slice(token);
        put_short(out, self.resume.map_or(&[], |secret| &secret[..]));
        put_short(out, self.wish);
    }
}

impl<'a> Input<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, BadMessage> {
        let (acknowledged, view, first, count) = (cursor.u32()?, cursor.u32()?, cursor.u32()?, cursor.u8()?);
        if usize::from(count) > COMMANDS_MAX {
            return Err(BadMessage("an input has more than 8 commands"));
        }
        let commands = cursor.rest();
        if count == 0 && !commands.is_empty() {
            return Err(BadMessage("bytes follow what the message defines"));
        }
        Ok(Self { acknowledged, view, first, count, commands })
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(INPUT);
        out.extend_from_slice(&self.acknowledged.to_le_bytes());
        out.extend_from_slice(&self.view.to_le_bytes());
        out.extend_from_slice(&self.first.to_le_bytes());
        out.push(self.count);
        out.extend_from_slice(self.commands);
    }

    /// The commands one by one, each with its tick.
    ///
    /// # Errors
    ///
    /// There are not `count` commands of this size, or their ticks do not fit 32 bits.
    pub fn split(
        &self,
        command_bytes: usize,
    ) -> Result<impl Iterator<Item = (u32, &'a [u8])> + use<'a>, BadMessage> {
        if self.commands.len() != usize::from(self.count) * command_bytes {
            return Err(BadMessage("an input does not have as many commands as it says"));
        }
        if self.first.checked_add(u32::from(self.count)).is_none() {
            return Err(BadMessage("an input is for ticks beyond 32 bits"));
        }
        Ok((self.first..).zip(self.commands.chunks_exact(command_bytes.max(1))))
    }
}

/// A name cut to what the protocol allows, never inside a character.
pub(crate) fn cut_name(name: &str) -> &str {
    let mut end = name.len().min(NAME_BYTES_MAX);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

const _: () = assert!(TOKEN_BYTES_MAX <= u16::MAX as usize);
