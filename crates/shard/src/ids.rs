//! Connection ids.

use trunkline_core::identity::ClientId;

/// Random bytes fetched at a time: 256 ids for one call into the operating system.
const BATCH_BYTES: usize = 4096;

/// Makes ids that nobody can guess and that are never the same.
#[derive(Default)]
pub(crate) struct Ids {
    random: Vec<u8>,
}

impl Ids {
    /// A new id; `None` when the operating system has no randomness to give.
    pub(crate) fn next(&mut self) -> Option<ClientId> {
        if self.random.is_empty() {
            self.random.resize(BATCH_BYTES, 0);
            if getrandom::fill(&mut self.random).is_err() {
                self.random.clear();
                return None;
            }
        }
        let bytes = *self.random.last_chunk::<16>()?;
        self.random.truncate(self.random.len() - 16);
        Some(ClientId::from_random(bytes))
    }
}
