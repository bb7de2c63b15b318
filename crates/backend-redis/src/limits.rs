//! Every bound of this backend, with its unit and its reason.

use std::time::Duration;

/// Commands that may wait for one server to be sent. At 300 bytes each these are 20 MB; beyond it
/// whoever asks is told that it is too much.
pub(crate) const QUEUE_CALLS: usize = 65_536;

/// Bytes of commands that may wait for one server.
pub(crate) const QUEUE_BYTES: usize = 64 << 20;

/// Commands on their way to one server and back. More than a server executes in the time a packet
/// takes, and few enough that a slow one is noticed in the queue.
pub(crate) const IN_FLIGHT: usize = 8_192;

/// Bytes written at once: enough to fill a pipe, and little enough that answers are read meanwhile.
pub(crate) const WRITE_BYTES: usize = 256 << 10;

/// Bytes a connection's buffer keeps when it is empty.
pub(crate) const BUFFER_KEPT: usize = 64 << 10;

/// How long a command may wait for a server that does not answer, from being asked for to its
/// answer. Shorter than what callers of the server API wait.
pub(crate) const CALL_DEADLINE: Duration = Duration::from_secs(5);

/// How long a server may take for one answer before its connection is given up: longer than any
/// script of ours, and than the pauses of a server that forks to save.
pub(crate) const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// How long a connection may take until it can be used: name, TCP, TLS, and who we are.
pub(crate) const DIAL_DEADLINE: Duration = Duration::from_secs(5);

/// How long TLS may take of this: less, so that it is known what has not been answered.
pub(crate) const TLS_DEADLINE: Duration = Duration::from_secs(3);

/// The first pause before a connection is made again; it doubles up to [`LONGEST_PAUSE`]. There is no
/// last try.
pub(crate) const SHORTEST_PAUSE: Duration = Duration::from_millis(50);

/// The longest such pause: a server that is back is found within it.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Lines that one command subscribes to. 512 take about as long per line as more would (measured:
/// 1 line a command 7,700 lines/s, 64: 139,000, 512: 337,000).
pub(crate) const SUBSCRIBE_LINES: usize = 512;

/// Lines whose subscription is not confirmed yet, at most.
pub(crate) const SUBSCRIBING: usize = 8_192;

/// How long the confirmation of a subscription may take.
pub(crate) const SUBSCRIBE_DEADLINE: Duration = Duration::from_secs(5);

/// Those who wait for one line to be heard. A crowd that joins at once waits for the same answer.
pub(crate) const WAITING_FOR_A_LINE: usize = 100_000;

/// How long a line may be silent before it is tried whether anything comes through.
pub(crate) const PROBE_AFTER: Duration = Duration::from_secs(4);

/// How long the probe may take to come back.
pub(crate) const PROBE_DEADLINE: Duration = Duration::from_secs(4);

/// How often it is looked, while a server may throw streams away, whether it still may. Whoever has
/// mended it waits for `/ready`.
pub(crate) const MEMORY_EVERY: Duration = Duration::from_secs(2);

/// How often connections look after deadlines.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How often a reader looks whether the shards have caught up, when they had not.
pub(crate) const FULL_LOOK_EVERY: Duration = Duration::from_millis(20);

/// How often it is looked who the masters are, when nothing hints at a change.
pub(crate) const TOPOLOGY_EVERY: Duration = Duration::from_secs(5);

/// The shortest time between two such looks, however many hints there are.
pub(crate) const TOPOLOGY_PAUSE: Duration = Duration::from_millis(200);

/// How long a command that a server cannot take just now waits before it is tried again.
pub(crate) const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// How long a publication waits for its copies.
pub(crate) const COPIES_DEADLINE: Duration = Duration::from_millis(2_000);

/// Notes beside the channels of one partition: four times an even share of all there may be
/// ([`NOTES`](trunkline_core::limits::NOTES)). Those beside internal channels do not count: all of
/// one are in one partition, and they may be as many as all together.
pub(crate) const NOTES_OF_A_PARTITION: u64 = 15_625;

/// Masters of one cluster, at most: as many as there are partitions.
pub(crate) const MASTERS: usize = 256;

/// Entries of a roster on their way to Redis and back. More than a server executes in the time a
/// packet takes, and few beside the commands of publishers.
pub(crate) const ROSTER_WRITES: usize = 1_024;

/// Members of a dead node that one script takes back: about a millisecond in which the server does
/// nothing else.
pub(crate) const SWEEP_MEMBERS: u64 = 100;

/// Partitions that are swept at the same time.
pub(crate) const SWEEP_PARTITIONS: usize = 16;

/// Dead nodes that one janitor takes on at a time, so that others share the work.
pub(crate) const CLAIMS: u64 = 4;

/// How long it is remembered which nodes have died, in milliseconds (1 day): one that was stopped for
/// longer and goes on takes its members for lost by Redis, and enters them without telling.
pub(crate) const DEAD_REMEMBERED_MS: u64 = 86_400_000;

/// Entries of a node that are read at once, to compare them with what it knows.
pub(crate) const SCAN_MEMBERS: u64 = 1_000;

/// How long a node that leaves waits until its exits are written.
pub(crate) const CLOSE_DEADLINE: Duration = Duration::from_secs(5);
