//! One server: the way of commands to it, and what is heard from it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::caller::{Call, Caller, TakeBack};
use crate::ear::{Ear, Surroundings};
use crate::health::Health;
use crate::keys::Partition;
use crate::seat::{Finding, Seat};

/// A server, or what acts as one.
pub(crate) struct Server {
    pub(crate) name: String,
    /// Commands.
    pub(crate) caller: Caller,
    /// What is published.
    pub(crate) ear: Ear,
    pub(crate) health: Arc<Health>,
    seat: Option<Arc<Seat>>,
    take_back: TakeBack,
    /// Commands whose answers wait for copies, which would hold up all others.
    copying: OnceLock<Caller>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Server {
    /// A server that is found in this way, and whose connections are kept from now on. `probe` gives
    /// a line that it keeps.
    pub(crate) fn start(
        runtime: &Handle,
        name: String,
        seat: Seat,
        around: &Arc<Surroundings>,
        take_back: TakeBack,
        probe: impl Fn() -> (Partition, String) + Send + Sync + 'static,
    ) -> Arc<Self> {
        let seat = Arc::new(seat);
        let health = Arc::new(Health::new(name.clone()));
        let caller = Caller::new(false, Arc::clone(&take_back));
        let ear = Ear::new(Arc::clone(around));
        let watching = Arc::clone(&seat);
        let tasks = vec![
            runtime.spawn(caller.clone().run(Arc::clone(&seat), Arc::clone(&health))),
            runtime.spawn({
                let (ear, seat, health) = (ear.clone(), Arc::clone(&seat), Arc::clone(&health));
                let caller = caller.clone();
                async move { ear.run(seat, health, caller, probe).await }
            }),
            runtime.spawn(async move { watching.watch().await }),
        ];
        Arc::new(Self {
            name,
            caller,
            ear,
            health,
            seat: Some(seat),
            take_back,
            copying: OnceLock::new(),
            tasks: Mutex::new(tasks),
        })
    }

    /// The place of partitions whose server is not known yet: what is asked of it waits.
    pub(crate) fn nowhere(
        runtime: &Handle,
        around: &Arc<Surroundings>,
        take_back: TakeBack,
    ) -> Arc<Self> {
        let caller = Caller::new(false, Arc::clone(&take_back));
        let ear = Ear::new(Arc::clone(around));
        let (waiting, listening) = (caller.clone(), ear.clone());
        let task = runtime.spawn(async move {
            let mut look = tokio::time::interval(crate::limits::LOOK_EVERY);
            loop {
                look.tick().await;
                waiting.expire();
                listening.expire();
            }
        });
        Arc::new(Self {
            name: "cluster".to_owned(),
            caller,
            ear,
            health: Arc::new(Health::new("cluster".to_owned())),
            seat: None,
            take_back,
            copying: OnceLock::new(),
            tasks: Mutex::new(vec![task]),
        })
    }

    /// Where it is found, if it is known.
    pub(crate) fn seat(&self) -> Option<&Arc<Seat>> {
        self.seat.as_ref()
    }

    /// Whether it stands for a server that is not known yet.
    pub(crate) fn is_nowhere(&self) -> bool {
        self.seat.is_none()
    }

    /// The way of commands that wait for copies. Its connection is made when it is first wanted.
    fn copying(&self, runtime: &Handle) -> &Caller {
        let Some(seat) = &self.seat else { return &self.caller };
        self.copying.get_or_init(|| {
            let caller = Caller::new(true, Arc::clone(&self.take_back));
            let name = format!("{} (copies)", self.name);
            // Its troubles are those of the server, and known from there.
            let health = Arc::new(Health::new(name));
            let task = runtime.spawn(caller.clone().run(Arc::clone(seat), health));
            self.tasks.lock().unwrap_or_else(PoisonError::into_inner).push(task);
            caller
        })
    }

    /// Makes a call, on the way it wants.
    pub(crate) fn call(&self, runtime: &Handle, call: Call) {
        if call.copies > 0 { self.copying(runtime) } else { &self.caller }.call(call);
    }

    /// Takes out what was not sent, on every way.
    pub(crate) fn take_calls(&self) -> Vec<Call> {
        let mut calls = self.caller.take_all();
        if let Some(copying) = self.copying.get() {
            calls.append(&mut copying.take_all());
        }
        calls
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.drain(..).for_each(|task| task.abort());
    }
}

impl Finding {
    /// What an operator knows the server by.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Fixed(address) => address.to_string(),
            Self::Sentinels { master, .. } => format!("master {master}"),
        }
    }
}
