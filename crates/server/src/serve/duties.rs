//! What a node does beside its shards: tasks of the control thread, which go on for as long as it does.

use std::collections::HashMap;
use std::future::{Future, pending};

use tokio::task::{AbortHandle, Id, JoinSet};

/// Tasks that are watched.
#[derive(Default)]
pub(super) struct Duties {
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Duties {
    /// Begins one; its name is for whoever reads that it has broken.
    pub(super) fn begin(
        &mut self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> AbortHandle {
        let task = self.tasks.spawn(task);
        self.names.insert(task.id(), name);
        task
    }

    /// Waits until one has panicked, and names it. One that is done is no trouble.
    pub(super) async fn broken(&mut self) -> &'static str {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                return self.names.get(&error.id()).copied().unwrap_or_default();
            }
        }
        pending().await
    }

    /// Waits until these are done, one way or another.
    pub(super) async fn done(&mut self, these: &[AbortHandle]) {
        while these.iter().any(|task| !task.is_finished()) {
            if self.tasks.join_next().await.is_none() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_that_breaks_is_named_and_one_that_is_done_is_not() {
        let mut duties = Duties::default();
        duties.begin("short", async {});
        duties.begin("long", pending());
        assert!(timeout(Duration::from_secs(60), duties.broken()).await.is_err());
        duties.begin("bad", async { panic!("as a test wants") });
        assert_eq!(duties.broken().await, "bad");
    }

    #[tokio::test(start_paused = true)]
    async fn some_are_waited_for_and_others_not() {
        let mut duties = Duties::default();
        duties.begin("long", pending());
        let late = duties.begin("late", tokio::time::sleep(Duration::from_secs(60)));
        let bad = duties.begin("bad", async { panic!("as a test wants") });
        let these = [late, bad];
        let waits = timeout(Duration::from_secs(59), duties.done(&these)).await;
        assert!(waits.is_err(), "before they are done");
        timeout(Duration::from_secs(2), duties.done(&these)).await.unwrap();
    }
}
