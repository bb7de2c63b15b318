//! Who comes and goes: what the roster is told, and when.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trunkline_core::channel::ChannelName;
use trunkline_core::identity::ClientInfo;
use trunkline_core::limits::EXITS_HELD;
use trunkline_core::namespace::ChannelOptions;
use trunkline_core::roster::{Roster, Telling};
use trunkline_core::time::Tick;

use crate::leaving::{Exit, Leaving};

/// The way to the roster.
pub(crate) struct Attendance {
    pub(crate) roster: Arc<dyn Roster>,
    /// Held while the roster is told of those who may be in here, so that it hears of an exit and of
    /// a return in the order in which they are decided.
    leaving: Mutex<Leaving>,
}

/// How comings and goings in a channel are treated.
enum Manner {
    /// The roster hears of each at once.
    Plain(Telling),
    /// Exits wait this many milliseconds, and users count, not connections.
    Debounced(u64),
}

/// `None` if nobody wants to know.
fn manner(options: &ChannelOptions, info: &ClientInfo) -> Option<Manner> {
    match (options.join_leave, options.presence) {
        (true, _) if options.debounce_ms == 0 => Some(Manner::Plain(Telling::Connections)),
        // Nobody could tell that it is an anonymous one who has come back.
        (true, _) if info.user.is_anonymous() => Some(Manner::Plain(Telling::Users)),
        (true, _) => Some(Manner::Debounced(options.debounce_ms)),
        (false, true) => Some(Manner::Plain(Telling::Nothing)),
        (false, false) => None,
    }
}

impl Attendance {
    pub(crate) fn new(roster: Arc<dyn Roster>) -> Self {
        Self { roster, leaving: Mutex::new(Leaving::new(EXITS_HELD)) }
    }

    /// A connection has entered a channel.
    pub(crate) fn enter(
        &self,
        channel: &ChannelName,
        info: &Arc<ClientInfo>,
        options: &ChannelOptions,
    ) {
        match manner(options, info) {
            None => {}
            Some(Manner::Plain(telling)) => self.roster.enter(channel, info, telling),
            Some(Manner::Debounced(_)) => {
                let mut leaving = self.lock();
                let returned = leaving.return_to(channel, &info.user);
                if !returned.iter().any(|exit| exit.info == *info) {
                    self.roster.enter(channel, info, Telling::Users);
                }
                // Nobody is told of these: the user is there.
                for exit in returned.iter().filter(|exit| exit.info.client != info.client) {
                    self.carry_out(exit);
                }
            }
        }
    }

    /// A connection has left a channel.
    pub(crate) fn exit(
        &self,
        channel: &ChannelName,
        info: &Arc<ClientInfo>,
        options: &ChannelOptions,
        now: Tick,
    ) {
        match manner(options, info) {
            None => {}
            Some(Manner::Plain(telling)) => self.roster.exit(channel, info, telling),
            Some(Manner::Debounced(millis)) => {
                let exit = Exit { channel: channel.clone(), info: Arc::clone(info) };
                let mut leaving = self.lock();
                if let Some(early) = leaving.hold(exit, now.after(millis)) {
                    self.carry_out(&early);
                }
            }
        }
    }

    /// Carries out the exits whose time has come.
    pub(crate) fn carry_out_due(&self, now: Tick) {
        self.carry_out_all(|leaving| leaving.due(now));
    }

    /// Carries out all exits.
    pub(crate) fn carry_out_rest(&self) {
        self.carry_out_all(Leaving::first);
    }

    /// One at a time, so that shards get in between.
    fn carry_out_all(&self, mut next: impl FnMut(&mut Leaving) -> Option<Exit>) {
        loop {
            let mut leaving = self.lock();
            let Some(exit) = next(&mut leaving) else { return };
            self.carry_out(&exit);
        }
    }

    fn carry_out(&self, exit: &Exit) {
        self.roster.exit(&exit.channel, &exit.info, Telling::Users);
    }

    /// How many exits are held back.
    pub(crate) fn held(&self) -> usize {
        self.lock().count()
    }

    fn lock(&self) -> MutexGuard<'_, Leaving> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
