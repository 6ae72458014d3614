//! Brings the players of a thread onto the network, on any version of HTTP.

use super::colyseus::{self, Guest};
use super::member::{Member, Mind};
use super::plan::Peer;
use super::stage::Stage;
use crate::dialing::Dialing;
use crate::play::{AnyPilot, Manners, Plan, Player};
use net::{Carrier, DialError, DialOptions, Dialed, Driver, HttpVersion, Local, dial};
use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;
use tokio::time::sleep;

/// The subprotocol of matches.
const SUBPROTOCOL: &str = "stoa.match.v1";
/// Longest message that a server may send, in bytes. A keyframe of a full arena is far below it.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Opens connections.
#[derive(Clone)]
pub(crate) struct Opener {
    stage: Rc<Stage>,
    local: Rc<Local>,
    options: Rc<DialOptions>,
    /// The first player that nobody dials for yet.
    next: Rc<Cell<u32>>,
    began: Duration,
}

impl Opener {
    pub(crate) fn new(stage: Rc<Stage>, local: Rc<Local>) -> Self {
        let plan = &stage.plan;
        let dialing = Dialing {
            http: plan.http,
            insecure: plan.insecure,
            ca: plan.ca.as_deref(),
            message_bytes_max: MESSAGE_BYTES_MAX,
            compression: ws::Config::default().compression,
            subprotocol: match plan.peer {
                Peer::Stoa => Some(SUBPROTOCOL),
                Peer::Colyseus => None,
            },
        };
        let options = Rc::new(dialing.options());
        let next = Rc::new(Cell::new(stage.players().start));
        Self { stage, local, options, next, began: net::now() }
    }

    /// How many dial at the same time.
    pub(crate) fn dialers(&self) -> u32 {
        let plan = &self.stage.plan;
        plan.connecting_max.clamp(1, (self.stage.players().len() as u32).div_ceil(plan.per_socket()).max(1))
    }

    /// Opens one connection, or all WebSockets of a carrier, after the other, until all players of the thread are there.
    pub(crate) async fn dial_share(self, _dialer: u32) {
        let (end, at_once) = (self.stage.players().end, self.stage.plan.per_socket());
        while self.next.get() < end {
            let first = self.next.get();
            let taken = first..first.saturating_add(at_once).min(end);
            self.next.set(taken.end);
            let plan = &self.stage.plan;
            let at = plan.join_seconds * f64::from(first) / f64::from(plan.players);
            sleep((self.began + Duration::from_secs_f64(at)).saturating_sub(net::now())).await;
            self.open(taken).await;
        }
    }

    async fn open(&self, players: Range<u32>) {
        let plan = &self.stage.plan;
        if plan.peer == Peer::Colyseus {
            for player in players {
                let began = net::now();
                match colyseus::reserve(&plan.url, plan.match_of(player)).await {
                    Ok(path) => {
                        self.take(dial(&format!("{}{path}", plan.url), &self.options).await, player, began)
                    }
                    Err(why) => self.stage.failed(&why, 1),
                }
            }
            return;
        }
        if self.options.http == HttpVersion::Http1 {
            for player in players {
                let began = net::now();
                let url = format!("{}{}", plan.url, plan.target_of(player));
                self.take(dial(&url, &self.options).await, player, began);
            }
            return;
        }
        let carrier = match Carrier::connect(&plan.url, &self.options).await {
            Ok(carrier) => carrier,
            Err(error) => return self.stage.failed(&error.to_string(), players.len() as u64),
        };
        for player in players {
            let began = net::now();
            self.take(carrier.open(&plan.target_of(player), &self.options).await, player, began);
        }
    }

    fn take(&self, dialed: Result<Dialed, DialError>, player: u32, began: Duration) {
        let dialed = match dialed {
            Ok(dialed) => dialed,
            Err(error) => return self.stage.failed(&error.to_string(), 1),
        };
        let Dialed { stream, connection, leftover, .. } = dialed;
        let stage = Rc::clone(&self.stage);
        let mind = self.mind(player);
        let driver = Driver::new(Rc::clone(&self.local), stream, connection, leftover, |wake| {
            stage.enter(player, wake);
            Member::new(stage, player, mind, began)
        });
        drop(tokio::task::spawn_local(driver));
    }

    fn mind(&self, player: u32) -> Mind {
        let plan = &self.stage.plan;
        let seed = u64::from(player) + 1;
        if plan.peer == Peer::Colyseus {
            return Mind::Colyseus(Box::new(Guest::new(seed)));
        }
        let manners = if plan.is_stalled(player) { Manners::Stalled } else { plan.manners };
        let who = Plan {
            name: format!("bot-{player}"),
            token: String::new(),
            spectate: plan.spectate,
            manners,
            seed,
        };
        Mind::Stoa(Box::new(Player::new(who, Box::new(AnyPilot::new(plan.style, plan.skill)))))
    }
}
