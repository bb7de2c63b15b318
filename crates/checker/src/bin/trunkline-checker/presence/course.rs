//! The course of the run: everybody comes, comes and goes, and loses a node; and between these it is
//! asked whether all nodes say who is where.

use std::fmt;
use std::time::{Duration, Instant};

use super::crowd::{Crowd, Node};
use super::rates::{self, Row};
use super::site::{NODES, Site};
use super::tally::Tally;
use super::truth::{self, Members};
use super::{Plan, answers};
use crate::api::Api;
use crate::chance::Chance;
use crate::failure::Failure;
use crate::output::say;

/// Within this time after a node died, or went on, all answers are true: two leases.
const PROMISE: Duration = Duration::from_secs(40);
/// Within this time they are where nothing has happened to nodes: much more than one write takes,
/// on a machine that does something else too.
const CALM: Duration = Duration::from_secs(10);
/// How long until it is asked again.
const PAUSE: Duration = Duration::from_millis(200);
/// How long they come and go before a node is harmed, in milliseconds.
const BEFORE: (u64, u64) = (500, 2000);
/// How long they come and go while a node is dead, and after it is back.
const AFTERWARDS: Duration = Duration::from_secs(2);

/// A run.
pub(super) struct Course<'c> {
    pub(super) plan: Plan,
    pub(super) site: &'c mut Site,
    crowd: Crowd,
    apis: Vec<Api>,
    chance: Chance,
    rows: Vec<Row>,
}

impl<'c> Course<'c> {
    /// A run that has not begun.
    ///
    /// # Errors
    /// The system has no room.
    pub(super) fn new(plan: Plan, site: &'c mut Site, chance: &Chance) -> Result<Self, Failure> {
        let Plan { users, channels, .. } = plan;
        let crowd = Crowd::new(&site.addresses(), users, channels, chance.fork(1))?;
        let apis = site.apis();
        Ok(Self { plan, site, crowd, apis, chance: chance.fork(2), rows: Vec::new() })
    }

    /// Runs it; says whether everything was right.
    ///
    /// # Errors
    /// Something ended or did not answer, so that nothing can be said.
    pub(super) fn run(&mut self) -> Result<bool, Failure> {
        (0..NODES).try_for_each(|node| self.listen_at(node))?;
        let clean = self.come()? && self.churn()? && self.kill()?;
        let clean = clean && (!self.plan.long || self.stop()?);
        // What was right once must stay so.
        Ok(clean && self.check("at the end", Instant::now(), CALM)? && self.judge_rates())
    }

    fn listen_at(&mut self, node: usize) -> Result<(), Failure> {
        self.crowd.listen_at(node)?;
        let members = answers::members(&self.apis[node], self.plan.channels)?;
        if let Some(listener) = self.crowd.listener(node) {
            listener.learn(members);
        }
        Ok(())
    }

    fn come(&mut self) -> Result<bool, Failure> {
        let Plan { users, .. } = self.plan;
        let some = users / 4;
        self.crowd.connect(0..some)?;
        if !self.check("a quarter is there", Instant::now(), CALM)? {
            return Ok(false);
        }
        self.measure("idle, a quarter", |_| Ok(()))?;
        self.crowd.connect(some..users)?;
        if !self.check("all are there", Instant::now(), CALM)? {
            return Ok(false);
        }
        self.measure("idle, all", |_| Ok(()))?;
        Ok(true)
    }

    fn churn(&mut self) -> Result<bool, Failure> {
        let Plan { rate, .. } = self.plan;
        for (name, rate) in [("churn", rate), ("four times as much", 4 * rate)] {
            self.measure(name, |course| course.crowd.churn(course.plan.span, rate).map(drop))?;
            if !self.check(name, Instant::now(), CALM)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Counts what is written while something goes on for one span, or nothing does.
    fn measure(
        &mut self,
        name: &'static str,
        go: impl FnOnce(&mut Self) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        // Of everything there was before Redis knows, as has been checked.
        let (before, tally) = (self.changes(), Tally::read(&self.site.redis)?);
        let until = Instant::now() + self.plan.span;
        go(self)?;
        self.crowd.attend(until.saturating_duration_since(Instant::now()))?;
        self.crowd.settle()?;
        let rates = tally.since(&self.site.redis)?;
        let changes = self.changes() - before;
        let connections = self.crowd.connections(|_| true);
        self.rows.push(Row { name, connections, changes, rates });
        Ok(())
    }

    fn changes(&self) -> u64 {
        self.crowd.changes.entered + self.crowd.changes.left
    }

    /// A node is killed while they come and go, and started again while others still believe in it.
    fn kill(&mut self) -> Result<bool, Failure> {
        let rate = self.plan.rate;
        self.crowd.churn(self.chance.millis(BEFORE.0, BEFORE.1), rate)?;
        let node = self.chance.below(NODES as u64) as usize;
        let had = self.crowd.connections(|at| at == node);
        self.site.nodes[node].kill()?;
        let killed = Instant::now();
        self.crowd.set_node(node, Node::Dead);
        self.crowd.churn(AFTERWARDS, rate)?;
        self.site.nodes[node].start()?;
        self.crowd.set_node(node, Node::Well);
        let back = killed.elapsed();
        self.listen_at(node)?;
        self.crowd.churn(AFTERWARDS, rate)?;
        let what = format!("node {node} killed with {had} connections, back {}", After(back));
        Ok(self.check(&what, killed, PROMISE)? && had > 0)
    }

    /// A node is stopped for so long that others take it for dead, and goes on.
    fn stop(&mut self) -> Result<bool, Failure> {
        let (rate, lasts) = (self.plan.rate, self.plan.stopped);
        let node = self.chance.below(NODES as u64) as usize;
        self.crowd.settle()?;
        self.site.nodes[node].stop()?;
        self.crowd.set_node(node, Node::Stopped);
        self.crowd.churn(lasts, rate)?;
        self.crowd.settle()?;
        let other = &self.apis[(node + 1) % NODES];
        let seen = answers::members(other, self.plan.channels)?.total();
        let total = self.crowd.truth().total();
        let left = self.crowd.connections(|at| at == node);
        let lost = self.crowd.lost;
        self.site.nodes[node].go_on()?;
        let woken = Instant::now();
        self.crowd.set_node(node, Node::Well);
        self.crowd.churn(AFTERWARDS, rate)?;
        let seconds = lasts.as_secs();
        let what = format!(
            "node {node} stopped for {seconds} s with {left} connections, others saw {seen} of {total} memberships meanwhile",
        );
        let clean = self.check(&what, woken, PROMISE)?;
        let lost = self.crowd.lost - lost;
        say(format_args!("it closed {lost} connections when it went on"));
        if seen >= total {
            say("NO HARM DONE: nobody took it for dead");
        }
        Ok(clean && seen < total)
    }

    /// Asks until all nodes and listeners say the truth; says how long that was from `since`, or what
    /// is wrong when it was too long.
    fn check(&mut self, what: &str, since: Instant, bound: Duration) -> Result<bool, Failure> {
        let mut answered = None;
        loop {
            self.crowd.settle()?;
            let truth = self.crowd.truth();
            let asked = since.elapsed();
            let wrong = self.wrong_answer(&truth);
            answered = if wrong.is_none() { answered.or(Some(since.elapsed())) } else { None };
            let misheard = self.misheard(&truth);
            let figures = {
                let (users, connections) = (self.crowd.users(), self.crowd.connections(|_| true));
                format!("{users} users, {connections} connections, {} memberships", truth.total())
            };
            if let (None, None, Some(answered)) = (&wrong, &misheard, answered) {
                let heard = After(since.elapsed());
                let answered = After(answered);
                say(format_args!(
                    "{what}: {figures}; {NODES} nodes answer the truth {answered}, and {NODES} listeners have heard it {heard}"
                ));
                return Ok(true);
            }
            if asked > bound {
                let seconds = bound.as_secs();
                let wrong: Vec<String> = wrong.into_iter().chain(misheard).collect();
                let wrong = wrong.join("\n  ");
                say(format_args!("{what}: {figures}; NOT CLEAN after {seconds} s\n  {wrong}"));
                return Ok(false);
            }
            self.crowd.attend(PAUSE)?;
        }
    }

    /// What a node answers that is not so. Counts first: they are cheap.
    fn wrong_answer(&self, truth: &Members) -> Option<String> {
        let (counts, channels) = (truth.counts(), self.plan.channels);
        self.apis.iter().enumerate().find_map(|(node, api)| {
            let counted = answers::counts(api, channels);
            let wrong = counted.map(|counted| truth::against(&counts, &counted));
            let wrong = match wrong {
                Ok(None) => answers::members(api, channels).map(|said| truth.against(&said)),
                wrong => wrong,
            };
            // One that does not answer may still be on its way back.
            let wrong = wrong.unwrap_or_else(|failure| Some(failure.to_string()));
            wrong.map(|wrong| format!("node {node} answers: {wrong}"))
        })
    }

    fn misheard(&mut self, truth: &Members) -> Option<String> {
        (0..NODES).find_map(|node| {
            let Some(listener) = self.crowd.listener(node) else {
                return Some(format!("nobody listens at node {node}"));
            };
            let wrong = truth.against(&listener.conclusion())?;
            Some(format!("a listener at node {node} concludes: {wrong}"))
        })
    }

    fn judge_rates(&self) -> bool {
        if !self.plan.long {
            return true;
        }
        let faults = rates::judge(&self.rows);
        faults.iter().for_each(|fault| say(format_args!("NOT CLEAN: {fault}")));
        faults.is_empty()
    }
}

/// A time after something.
struct After(Duration);

impl fmt::Display for After {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "after {:.1} s", self.0.as_secs_f64())
    }
}
