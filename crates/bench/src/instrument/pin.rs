//! Which core does what: the measured process on one, the generator on another.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::error::{BenchError, Doing};

/// The two cores of a bench; both `None` on a machine that has only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cores {
    /// For the server and the floor, which run in turn.
    pub(crate) server: Option<usize>,
    /// For the generator.
    pub(crate) generator: Option<usize>,
    /// All that this process was allowed at its start.
    pub(crate) allowed: CpuSet,
}

/// Picks the first two cores this process may use.
///
/// # Errors
/// The affinity cannot be read.
pub(crate) fn cores() -> Result<Cores, BenchError> {
    let allowed = sched_getaffinity(None).doing("reading the CPU affinity")?;
    let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
    Ok(match (cores.next(), cores.next()) {
        (Some(server), Some(generator)) => {
            Cores { server: Some(server), generator: Some(generator), allowed }
        }
        _ => Cores { server: None, generator: None, allowed },
    })
}

/// Keeps this thread, and threads and processes it will start, on one core.
///
/// # Errors
/// The core does not exist or is not allowed.
pub(crate) fn to(core: usize) -> Result<(), BenchError> {
    if core >= CpuSet::MAX_CPU {
        return Err(BenchError::Usage(format!("there is no core {core}")));
    }
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(None, &only).doing(&format!("pinning to core {core}"))
}

/// While it lives, this thread runs wherever the process was allowed to, and so do threads it
/// starts; then it is the generator again and goes back to its core.
#[derive(Debug)]
pub(crate) struct Unpinned {
    back: Option<usize>,
}

impl Unpinned {
    /// From now on.
    ///
    /// # Errors
    /// The system does not allow it any more.
    pub(crate) fn from_now(cores: &Cores) -> Result<Self, BenchError> {
        sched_setaffinity(None, &cores.allowed).doing("using all cores")?;
        Ok(Self { back: cores.generator })
    }
}

impl Drop for Unpinned {
    fn drop(&mut self) {
        if let Some(core) = self.back {
            // It was pinned there before, so it may be again; if not, the figures tell.
            let _ = to(core);
        }
    }
}

/// Raises the limit of open files to what the system allows; child processes inherit it.
///
/// # Errors
/// The limit cannot be set.
pub(crate) fn raise_open_files() -> Result<(), BenchError> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).doing("raising the limit of open files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_goes_back_to_its_core() {
        // In a thread of its own: others that run tests keep theirs.
        std::thread::spawn(|| {
            let cores = cores().unwrap();
            let Some(core) = cores.generator else { return };
            to(core).unwrap();
            let unpinned = Unpinned::from_now(&cores).unwrap();
            assert_eq!(sched_getaffinity(None).unwrap(), cores.allowed);
            drop(unpinned);
            assert_eq!(sched_getaffinity(None).unwrap().count(), 1);
        })
        .join()
        .unwrap();
    }
}
