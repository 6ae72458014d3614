//! What an arena consists of, as far as others may look at it.

/// A length in 1/256 of a unit. The arena is 4,096 units wide, so a coordinate has 20 bits.
pub type Length = i32;

/// One unit.
pub const UNIT: Length = 256;

/// Ticks in a second. One tick is one fixed step of the simulation.
pub const TICKS_PER_SECOND: u32 = 30;

/// The arena is a square of this many cells on each side.
pub const CELLS: usize = 16;
/// The side of a cell. Walls stand only on the borders of cells.
pub const CELL: Length = 256 * UNIT;
/// The side of the arena.
pub const SIDE: Length = CELL * CELLS as Length;

/// Drones in an arena at most; a slot is a number below this.
pub const DRONES_MAX: usize = 256;
/// Pieces of furniture at most.
pub const BODIES_MAX: usize = 600;
/// Pellets in flight at most. A shot beyond it replaces the oldest pellet.
pub const PELLETS_MAX: usize = 3000;
/// Grenades in flight at most.
pub const GRENADES_MAX: usize = 256;

/// Health of a new drone or piece of furniture.
pub const HP_MAX: u8 = 100;
/// What any hit takes from a piece of furniture.
pub const ITEM_HIT: u8 = 10;
/// How far lag compensation looks back at most: 200 ms.
pub const REWIND_TICKS_MAX: u32 = 6;

/// How far a player sees, from the middle of the screen to the sides. In a dark room it is half of it.
pub const VIEW_RADIUS: Length = 640 * UNIT;
/// The radius of a drone.
pub const DRONE_RADIUS: Length = 16 * UNIT;
/// The mass of a drone, in the unit of [`Kind::mass`].
pub const DRONE_MASS: i32 = 4;
/// Nothing is faster than this, in lengths per tick: 1,500 units in a second.
pub const SPEED_MAX: Length = 50 * UNIT;
/// How fast a pellet flies, in lengths per tick: 900 units in a second.
pub const PELLET_SPEED: Length = 30 * UNIT;
/// How far a rail reaches.
pub const RAIL_REACH: Length = 1_200 * UNIT;
/// How far a grenade pushes and hurts.
pub const BLAST_RADIUS: Length = 200 * UNIT;

/// The number of a cell: row × [`CELLS`] + column.
pub type Cell = u8;

/// A side of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "sides name themselves")]
pub enum Side {
    Right = 0,
    Below = 1,
    Left = 2,
    Above = 3,
}

/// A place or a displacement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vector {
    /// To the right.
    pub x: Length,
    /// Down, as on a screen.
    pub y: Length,
}

/// A direction: 1,024 make a full turn, 0 points to the right, and it grows clockwise on the screen.
pub type Angle = u16;
/// A full turn.
pub const TURN: u32 = 1024;

/// The number of a player's place in a match, from 0.
pub type Slot = u8;

/// One of the course's five colours. In a free-for-all it is decoration; in teams it is the team.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "colours name themselves")]
pub enum Colour {
    Red = 0,
    Green = 1,
    Purple = 2,
    Blue = 3,
    Yellow = 4,
}

impl Colour {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Red, Self::Green, Self::Purple, Self::Blue, Self::Yellow];

    /// The colour with a number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

/// What a player does in one tick. Four bytes on the wire and in the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// Bits of [`buttons`].
    pub buttons: u8,
    /// Where the drone aims.
    pub aim: Angle,
    /// How many eighths of a tick before this tick the player saw the others: what lag compensation goes back. The server
    /// has checked and clamped it; at most `REWIND_TICKS_MAX * 8`.
    pub rewind: u8,
}

/// The bits of [`Command::buttons`].
#[allow(missing_docs, reason = "each says what it is")]
pub mod buttons {
    pub const UP: u8 = 1;
    pub const DOWN: u8 = 2;
    pub const LEFT: u8 = 4;
    pub const RIGHT: u8 = 8;
    pub const PELLET: u8 = 16;
    pub const RAIL: u8 = 32;
    pub const DASH: u8 = 64;
    pub const GRENADE: u8 = 128;
}

/// A player's drone: a disc that thrusts, aims, rams, dashes and shoots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drone {
    /// Its centre.
    pub at: Vector,
    /// Its velocity, in lengths per tick.
    pub velocity: Vector,
    /// Where it aims.
    pub aim: Angle,
    /// 0 while it waits to come back.
    pub hp: u8,
    /// Its colour.
    pub colour: Colour,
    /// Ticks until it comes back; 0 if it is there.
    pub respawn: u16,
    /// Ticks for which nothing hurts it, after it came back.
    pub shield: u16,
    /// Ticks for which the dash still lasts, in which a rail does not hit it.
    pub dash: u8,
    /// Ticks until each weapon is ready again.
    pub pellet_wait: u8,
    /// The same.
    pub rail_wait: u8,
    /// The same.
    pub dash_wait: u8,
    /// The same.
    pub grenade_wait: u16,
    /// The points of its player.
    pub score: u32,
    /// How many drones its player has wrecked, and how often it was wrecked.
    pub kills: u16,
    /// The same.
    pub deaths: u16,
    /// Items captured.
    pub captures: u16,
    /// What its wrecker gets on top: grows with each kill, gone with death.
    pub bounty: u16,
    /// The tick of the latest capture or kill, for ties.
    pub scored_at: u32,
}

/// A kind of furniture. The first three are the course's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "furniture names itself")]
pub enum Kind {
    Tv = 0,
    Table = 1,
    Chair = 2,
    Sofa = 3,
    Lamp = 4,
    Shelf = 5,
    Plant = 6,
    Piano = 7,
}

impl Kind {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 8] =
        [Self::Tv, Self::Table, Self::Chair, Self::Sofa, Self::Lamp, Self::Shelf, Self::Plant, Self::Piano];

    /// The kind with a number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The radius of its disc: 18, 26 or 36 units for the three sizes.
    #[must_use]
    pub const fn radius(self) -> Length {
        match self {
            Self::Chair | Self::Lamp | Self::Plant => 18 * UNIT,
            Self::Tv | Self::Table | Self::Shelf => 26 * UNIT,
            Self::Sofa | Self::Piano => 36 * UNIT,
        }
    }

    /// How heavy it is, from 1 to 20. A drone has [`DRONE_MASS`].
    #[must_use]
    pub const fn mass(self) -> i32 {
        match self {
            Self::Lamp => 1,
            Self::Chair | Self::Plant => 2,
            Self::Tv => 4,
            Self::Table => 8,
            Self::Shelf => 12,
            Self::Sofa => 14,
            Self::Piano => 20,
        }
    }

    /// Points for who captures it: 10, 20 or 40 by size.
    #[must_use]
    pub const fn worth(self) -> u32 {
        match self {
            Self::Chair | Self::Lamp | Self::Plant => 10,
            Self::Tv | Self::Table | Self::Shelf => 20,
            Self::Sofa | Self::Piano => 40,
        }
    }
}

/// A piece of furniture: a disc that blocks, slides, collides, and can be rammed and captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Body {
    /// What it is; gives radius, mass and worth.
    pub kind: Kind,
    /// Its centre.
    pub at: Vector,
    /// Its velocity, in lengths per tick.
    pub velocity: Vector,
    /// At 0 it is captured, and no hit counts until it is neutral again.
    pub hp: u8,
    /// Who captured it, once and for all until it is neutral again.
    pub captor: Option<(Slot, Colour)>,
    /// Ticks until a captured item is neutral again, with full health.
    pub neutral_in: u16,
}

/// A shot that flies straight and bounces off walls twice. Between its beginning and its end nothing about it needs to be
/// sent: a client moves it by the same rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pellet {
    /// Counts up through the match and wraps.
    pub id: u16,
    /// Who fired it.
    pub owner: Slot,
    /// Its place.
    pub at: Vector,
    /// Its velocity, in lengths per tick.
    pub velocity: Vector,
    /// Ticks that it has left.
    pub life: u8,
    /// Bounces that it has left.
    pub bounces: u8,
}

/// A thrown grenade: slides to a halt, then pushes everything away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grenade {
    /// Counts up through the match and wraps.
    pub id: u16,
    /// Who threw it.
    pub owner: Slot,
    /// Its place.
    pub at: Vector,
    /// Its velocity, in lengths per tick.
    pub velocity: Vector,
    /// Ticks until it goes off.
    pub fuse: u8,
}

/// What stands on the border between two cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Border {
    /// Nothing.
    #[default]
    Open = 0,
    /// A wall, along the whole border.
    Wall = 1,
    /// A wall with a gap of [`DOORWAY`] in its middle.
    Doorway = 2,
    /// A doorway with a door that swings open and shut on a schedule from the seed. Shut, it is a wall for everything,
    /// also for eyes.
    Door = 3,
}

/// The width of the gap of a doorway.
pub const DOORWAY: Length = 96 * UNIT;

/// Something that happened in a tick, for those who can see it: what a client draws, plays as sound, or lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A rail was fired.
    Rail {
        /// By whom.
        by: Slot,
        /// From where.
        from: Vector,
        /// To where it ended.
        to: Vector,
    },
    /// A pellet ended before its time, on something.
    PelletEnd {
        /// Which.
        id: u16,
        /// Where.
        at: Vector,
    },
    /// A grenade went off.
    Blast {
        /// Whose.
        by: Slot,
        /// Where.
        at: Vector,
    },
    /// A drone was hurt.
    Hurt {
        /// Which.
        slot: Slot,
        /// By whom.
        by: Slot,
        /// How much.
        hp: u8,
        /// Where it is.
        at: Vector,
        /// What a rail was judged by; `None` for all other weapons, which hit the present.
        seen: Option<Seen>,
    },
    /// A drone was wrecked. Everybody learns of it, without the place.
    Wrecked {
        /// Which.
        slot: Slot,
        /// By whom; the drone itself, if nobody else did it.
        by: Slot,
        /// With what.
        weapon: Weapon,
        /// Where it was.
        at: Vector,
    },
    /// An item was captured. Everybody learns of it, without the place.
    Captured {
        /// Which body.
        body: u16,
        /// By whom.
        by: Slot,
        /// Where it is.
        at: Vector,
    },
    /// Somebody has three, six, … captured items in one room, and gets points for the set. Everybody learns of it.
    Set {
        /// Who.
        by: Slot,
        /// In which room.
        room: u8,
    },
    /// A drone came back.
    Returned {
        /// Which.
        slot: Slot,
        /// Where.
        at: Vector,
    },
}

/// Where a rail found a drone: in the past, as its shooter saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Where the drone was then.
    pub at: Vector,
    /// How long ago that was, in eighths of a tick.
    pub eighths: u8,
}

/// A place in the ranking of a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whose.
    pub slot: Slot,
    /// 1 is the best. In a team match all of a team have the rank of their team.
    pub rank: u16,
    /// Its own points.
    pub points: u32,
    /// Its own captures.
    pub captures: u16,
}

/// With what somebody was wrecked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "weapons name themselves")]
pub enum Weapon {
    Pellet = 0,
    Rail = 1,
    Ram = 2,
    Grenade = 3,
}
