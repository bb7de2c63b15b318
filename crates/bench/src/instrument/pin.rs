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
            Cores { server: Some(server), generator: Some(generator) }
        }
        _ => Cores { server: None, generator: None },
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

/// Raises the limit of open files to what the system allows; child processes inherit it.
///
/// # Errors
/// The limit cannot be set.
pub(crate) fn raise_open_files() -> Result<(), BenchError> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).doing("raising the limit of open files")
}
