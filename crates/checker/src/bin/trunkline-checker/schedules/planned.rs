//! What is scheduled: so many publications in some channels, due at random moments of a while that
//! begins when all of them are scheduled. Some are cancelled again, and must not come.

use std::collections::HashMap;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Api;
use crate::chance::Chance;
use crate::failure::{Doing, Failure};
use crate::server::PREFIX;

/// Channels they are spread over.
const CHANNELS: u64 = 100;
/// Commands of one request.
const BATCH: usize = 200;
/// Requests on their way to each node.
const CALLERS: usize = 2;
/// One of so many is cancelled.
const CANCELLED: u32 = 50;
/// Publications asked for in one page of history.
const PAGE: u64 = 5_000;

/// How much of everything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) count: u32,
    /// How long it takes until the first is due, in milliseconds: all are scheduled by then.
    lead: u64,
    /// Within how many milliseconds they are due.
    span: u64,
    /// So many of a hundred are judged by how late they are in calm.
    judged: usize,
}

impl Plan {
    pub(super) fn new(count: u32, short: bool) -> Self {
        // A thousand a second is slow for any backend; what it takes to begin depends on the machine.
        let lead = 20_000 + u64::from(count);
        // A short one runs among other tests, which may keep a few waiting.
        let (span, judged) = if short { (20_000, 50) } else { (60_000, 99) };
        Self { count, lead, span, judged }
    }
}

/// Milliseconds since 1970. All that run here have the same clock.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// What was scheduled.
pub(super) struct Planned {
    plan: Plan,
    begin: u64,
    /// When each is due, by its number.
    due: Vec<u64>,
}

/// A publication as history tells it.
#[derive(Deserialize)]
pub(super) struct Seen {
    /// The number of the schedule.
    pub(super) data: u32,
    pub(super) offset: u64,
    /// When it was placed, by the clock of the backend.
    pub(super) time: u64,
}

#[derive(Deserialize)]
struct Answer<T> {
    result: Option<T>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Page {
    publications: Vec<Seen>,
    offset: u64,
    epoch: String,
}

#[derive(Deserialize)]
struct Replies {
    replies: Vec<HashMap<String, Value>>,
}

/// Asks for something that must succeed.
fn ask<T: for<'a> Deserialize<'a>>(api: &Api, method: &str, body: &Value) -> Result<T, Failure> {
    let answer: Answer<T> = api.ask(method, &body.to_string())?;
    let told = answer.error.map_or_else(|| "no result".to_owned(), |error| error.to_string());
    answer.result.ok_or_else(|| Failure::new(format_args!("{method}: {told}")))
}

fn channel(number: u64) -> String {
    format!("{PREFIX}{number}")
}

fn of(number: u32) -> (String, String) {
    (channel(u64::from(number) % CHANNELS), number.to_string())
}

impl Planned {
    /// Schedules everything, at all nodes at once.
    ///
    /// # Errors
    /// One was refused, or it took too long.
    pub(super) fn schedule(plan: Plan, apis: &[Api], chance: &Chance) -> Result<Self, Failure> {
        let begin = now() + plan.lead;
        let mut chance = chance.fork(1);
        let due = (0..plan.count).map(|_| begin + chance.below(plan.span)).collect();
        let planned = Self { plan, begin, due };
        let scheduled = |number: u32| {
            let ((channel, id), due) = (of(number), planned.due[number as usize]);
            json!({"schedule": {"channel": channel, "id": id, "data": number, "deliver_at": due}})
        };
        let all: Vec<u32> = (0..plan.count).collect();
        planned.at_all(apis, &all, scheduled, |reply| reply["schedule"]["due"].is_u64())?;
        let cancelled = |number: u32| {
            let (channel, id) = of(number);
            json!({"schedule_cancel": {"channel": channel, "id": id}})
        };
        let some: Vec<u32> = all.into_iter().filter(|&n| planned.is_cancelled(n)).collect();
        let confirmed = |reply: &Value| reply["schedule_cancel"]["outcome"] == "cancelled";
        planned.at_all(apis, &some, cancelled, confirmed)?;
        if now() > planned.begin {
            return Err(Failure::new("scheduling took longer than it may: nothing can be said"));
        }
        Ok(planned)
    }

    /// Sends a command for each number, spread over the nodes.
    fn at_all(
        &self,
        apis: &[Api],
        numbers: &[u32],
        command: impl Fn(u32) -> Value + Sync,
        is_right: impl Fn(&Value) -> bool + Sync,
    ) -> Result<(), Failure> {
        let callers = apis.len() * CALLERS;
        let (command, is_right) = (&command, &is_right);
        let call = |caller: usize| {
            for batch in numbers.chunks(BATCH).skip(caller).step_by(callers) {
                let commands: Vec<Value> = batch.iter().map(|&number| command(number)).collect();
                let body = json!({"commands": commands, "parallel": true});
                let api = &apis[caller % apis.len()];
                let answer: Replies = api.ask("batch", &body.to_string())?;
                for reply in answer.replies {
                    let reply = json!(reply);
                    if !is_right(&reply) {
                        return Err(Failure::new(format_args!("unexpected: {reply}")));
                    }
                }
            }
            Ok(())
        };
        thread::scope(|scope| {
            let callers: Vec<_> =
                (0..callers).map(|caller| scope.spawn(move || call(caller))).collect();
            callers.into_iter().try_for_each(|caller| {
                caller.join().map_err(|_| "a caller panicked").doing("scheduling")?
            })
        })
    }

    /// What is due then, for tests of who judges it.
    #[cfg(test)]
    pub(super) fn of(plan: Plan, due: Vec<u64>) -> Self {
        Self { plan, begin: 0, due }
    }

    /// So many of a hundred are judged by how late they are in calm.
    pub(super) fn judged(&self) -> usize {
        self.plan.judged
    }

    pub(super) fn is_cancelled(&self, number: u32) -> bool {
        number.is_multiple_of(CANCELLED)
    }

    /// How many were cancelled.
    pub(super) fn cancelled(&self) -> usize {
        (0..self.plan.count).filter(|&number| self.is_cancelled(number)).count()
    }

    /// How many publications there should be in the end.
    pub(super) fn expected(&self) -> u64 {
        u64::from(self.plan.count) - self.cancelled() as u64
    }

    /// When the first may be due.
    pub(super) fn begin(&self) -> u64 {
        self.begin
    }

    /// Within how many milliseconds all of them are due.
    pub(super) fn span(&self) -> u64 {
        self.plan.span
    }

    /// When each is due, by its number.
    pub(super) fn due(&self) -> &[u64] {
        &self.due
    }

    /// How many publications there are by now.
    pub(super) fn published(&self, api: &Api) -> Result<u64, Failure> {
        let top = |number| {
            ask::<Page>(api, "history", &json!({"channel": channel(number)}))
                .map(|page| page.offset)
        };
        (0..CHANNELS).map(top).sum()
    }

    /// All publications there are.
    pub(super) fn seen(&self, api: &Api) -> Result<Vec<Seen>, Failure> {
        let mut seen = Vec::new();
        for number in 0..CHANNELS {
            let mut query = json!({"channel": channel(number), "limit": PAGE, "time": true});
            loop {
                let page: Page = ask(api, "history", &query)?;
                let Some(last) = page.publications.last().map(|last| last.offset) else { break };
                seen.extend(page.publications);
                query["since"] = json!({"epoch": page.epoch, "offset": last});
                if last >= page.offset {
                    break;
                }
            }
        }
        Ok(seen)
    }
}
