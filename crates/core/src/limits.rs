//! Every bound of the product in one place, with its unit and its reason.
//!
//! Those an operator may want to move are fields of [`Limits`]; the rest are constants.

/// Longest channel name in bytes. The figure the Centrifuge SDKs and servers use; long enough for
/// a namespace and two UUIDs.
pub const CHANNEL_NAME_BYTES: usize = 255;

/// Longest `name` a client may give of itself, in bytes (Centrifuge protocol: 16).
pub const CLIENT_NAME_BYTES: usize = 16;

/// Longest `version` a client may give of itself, in bytes (Centrifuge protocol: 64).
pub const CLIENT_VERSION_BYTES: usize = 64;

/// Longest user id in bytes. Users become map keys and metric-free log fields.
pub const USER_ID_BYTES: usize = 255;

/// Longest idempotency key in bytes: room for two UUIDs and a prefix.
pub const IDEMPOTENCY_KEY_BYTES: usize = 128;

/// How long the result of an idempotent publish is kept, in milliseconds (5 minutes): longer than
/// any sane retry loop of a publisher.
pub const IDEMPOTENCY_TTL_MS: u64 = 300_000;

/// Idempotent results kept at most per node. At about 200 bytes each this is 20 MB.
pub const IDEMPOTENCY_ENTRIES: usize = 100_000;

/// Bytes of what a client asks for before it is let in, or before it is known who it is (256 KiB):
/// room for 128 channels with tokens of 2 KiB. One message as long as it may be fits in any case.
pub const WAITING_BYTES: usize = 256 * 1024;

/// Questions to the application that may be outstanding of one connection, besides those whether it
/// may subscribe: no handful of clients is to take all the time that the application has.
pub const CALLS_IN_FLIGHT: u16 = 32;

/// How long a connection goes on when the application cannot say whether it may, until it is asked
/// again, in milliseconds.
pub const RENEWAL_RETRY_MS: u64 = 10_000;

/// Messages of one inbox that may be acknowledged while older ones are not. They are remembered one by
/// one, at up to 20 bytes each.
pub const INBOX_SCATTERED: usize = 1_000;

/// Unread messages of one inbox that come again at one time, the oldest of them: as many as one
/// answer to `inbox.state` holds.
pub const INBOX_AGAIN: usize = 100;

/// After how many milliseconds an unread message comes again at the latest (an hour), unless it is to
/// be left alone for longer than that: who has been away comes back within one.
pub const INBOX_AGAIN_MS: u64 = 3_600_000;

/// Bytes of the id of a token that can be taken back.
pub const TOKEN_ID_BYTES: usize = 255;

/// Groups by which revocations are kept, a note each: what is read and written at a time stays small.
pub const REVOCATION_GROUPS: u32 = 16;

/// Revocations that are remembered at a time: as many as all groups hold when they are full, at up to
/// 350 bytes each in memory.
pub const REVOCATIONS: usize = REVOCATIONS_PER_GROUP * REVOCATION_GROUPS as usize;

/// Revocations of one group: at their longest they fill half of a note.
pub const REVOCATIONS_PER_GROUP: usize = 1_000;

/// How often a node reads all revocations again, in milliseconds, in case it has missed that one was
/// made (5 s).
pub const REVOCATIONS_READ_EVERY_MS: u64 = 5_000;

/// How often a change of a note is tried when others change it at the same time. Each attempt that
/// fails means that another one did not.
pub const NOTE_ATTEMPTS: u32 = 20;

/// How long it is remembered that a schedule was published, in milliseconds (10 minutes): so long
/// whoever cancels it learns that it is too late.
pub const SCHEDULE_REMEMBERED_MS: u64 = 600_000;

/// How far ahead something may be scheduled, in milliseconds (a year and a day).
pub const SCHEDULE_AHEAD_MS: u64 = 366 * 86_400_000;

/// Bytes of the id of a schedule: as of an idempotency key.
pub const SCHEDULE_ID_BYTES: usize = 128;

/// Schedules of one share that are looked at at once, and are on their way at once.
pub const SCHEDULES_AT_ONCE: usize = 100;

/// How long it takes at most until a node looks at the schedules of a share again, in milliseconds:
/// others may have added some that are due before those it knows of.
pub const SCHEDULE_LOOK_MS: u64 = 500;

/// After how many milliseconds a schedule that nobody has published is everybody's, whoever it falls
/// to: a node that has died is taken for living for some seconds more.
pub const SCHEDULE_OVERDUE_MS: u64 = 1_500;

/// How far the clock of a node may be from the backend's, in milliseconds, before it says so.
pub const CLOCK_OFF_MS: u64 = 500;

/// Notes one backend keeps at most. Redis keeps them at about 400 bytes each, the others in memory at
/// about the same.
pub const NOTES: usize = 1_000_000;

/// Bytes of one note: a publication that waits, with room for what is said about it.
pub const NOTE_BYTES: usize = 512 * 1024;

/// Bytes of the name of a note: room for a channel's name behind a word.
pub const NOTE_NAME_BYTES: usize = 288;

/// Accounts, times what is counted of each, that one node has meters for: at about 100 bytes each
/// this is 20 MB.
pub const METERS: usize = 200_000;

/// Accounts that one signal tells of at most, so that it is not larger than the broker likes (300 KB
/// at worst).
pub const SPENT_AT_ONCE: usize = 1_000;

/// Streams one process keeps at most. An empty one costs about 300 bytes.
pub const STREAMS: usize = 1_000_000;

/// How long the numbers of an empty stream are remembered after its last use, in milliseconds
/// (1 day): who comes back later is told that the stream is another.
pub const STREAM_IDLE_MS: u64 = 86_400_000;

/// Publications one recovery hands over unless a namespace says otherwise (Centrifuge protocol:
/// 300). Who missed more pages through history.
pub const RECOVERY_LIMIT: usize = 300;

/// Names of earlier histories a stream remembers. Who comes back from before them all is told that
/// the stream is another one, which is safe.
pub const LINEAGES: usize = 16;

/// Bytes one page of history weighs at most, unless a single publication is heavier: half of what
/// may wait for a connection by default, so that a page can always be sent.
pub const HISTORY_PAGE_BYTES: usize = 512 * 1024;

/// Tags one publication may carry, and the bytes of one key or value. Tags travel with every copy.
pub const TAGS: usize = 32;
/// Bytes of one tag key or value.
pub const TAG_BYTES: usize = 255;

/// Commands a connection may have waiting for an answer from the node. A client that pipelines
/// more than this gets `too many requests`.
pub const ASKS_IN_FLIGHT: usize = 256;

/// Messages held back for one subscription while its history is read. Of a channel that is faster
/// than that nothing more is held back: what follows is read from history as well.
pub const JOINING_BUFFER: usize = 4096;

/// Publications a node remembers of a stream that is kept elsewhere, so that those who come back at
/// once, as when another node has died, are served without asking the broker for each.
pub const LINE_PUBLICATIONS: usize = 64;

/// Bytes of them ([`Publication::weight`](crate::publication::Publication::weight)).
pub const LINE_BYTES: usize = 32 * 1024;

/// Streams a node reads at a time to find out what it has missed. Enough to keep a broker busy, and
/// few enough that publishers and clients are served meanwhile.
pub const LINES_READ_AT_ONCE: usize = 256;

/// How long a node waits before it tries to read a stream again that could not be read, in
/// milliseconds.
pub const LINE_RETRY_MS: u64 = 250;

/// How long a node goes on hearing a channel after its last listener has left, in milliseconds: who
/// comes back within that time causes no traffic.
pub const LINGER_MS: u64 = 5_000;

/// How often a node looks whether it has missed something of streams of which something has come
/// since the last look, though nothing hints at it, in milliseconds.
pub const LINE_CHECK_MS: u64 = 60_000;

/// How often it does so with all others, in milliseconds (1 hour): brokers forget streams that nobody
/// has used for [`STREAM_IDLE_MS`].
pub const LINE_TOUCH_MS: u64 = 3_600_000;

/// How long a subscription that lags waits before its stream is read again when that has failed or
/// has brought nothing, in milliseconds: several tries within any sane [`Limits::lag_ms`].
pub const CATCH_UP_RETRY_MS: u64 = 500;

/// How long a node that has died is taken for living, at most, in milliseconds: its connections are
/// gone from all channels by then, and everybody who wants to hear it has.
pub const DEAD_NODE_MS: u64 = 40_000;

/// How often a node says that it is there, in milliseconds. With as many nodes as may be, each of
/// them hears 200 of these a second.
pub const HERE_EVERY_MS: u64 = 2_500;

/// How long another node may be silent before it is taken for gone, in milliseconds: three times it
/// may go unheard, as when the broker fails over.
pub const PEER_SILENT_MS: u64 = 10_000;

/// Other nodes one node knows at most. Who says more often than that that it is there says it to
/// the square of their number: beyond this a cluster would spend its time on greetings.
pub const PEERS: usize = 500;

/// How long a question to all nodes waits for those that do not answer, in milliseconds: far more
/// than a loaded node takes, and less than whoever asked has patience for.
pub const SURVEY_DEADLINE_MS: u64 = 2_000;

/// Questions to all nodes that one node may have open. They are an operator's, and each may gather
/// megabytes.
pub const SURVEYS: usize = 64;

/// Channels that one answer over all nodes lists at most: some 10 MB of names.
pub const SURVEY_CHANNELS: usize = 100_000;

/// Connections that one answer over all nodes lists at most: of one user, who has a handful.
pub const SURVEY_CONNECTIONS: usize = 10_000;

/// Channels one signal carries at most, as listeners of channels or as channels of connections, so
/// that none is larger than the broker likes (256 KB at worst).
pub const SIGNAL_CHANNELS: usize = 1_000;

/// Longest time an exit is held back in case the user comes back, in milliseconds.
pub const DEBOUNCE_MS: u64 = 60_000;

/// Exits one node holds back at most: one for each connection it accepts by default. Beyond it the
/// one that is due first is carried out early.
pub const EXITS_HELD: usize = 100_000;

/// How many clients one presence answer may list. Larger channels want `presence_stats`.
pub const PRESENCE_CLIENTS: usize = 100_000;

/// How long a connection may outlive its token while the client fetches a new one, in
/// milliseconds (Centrifuge protocol: 25 s).
pub const EXPIRY_GRACE_MS: u64 = 25_000;

/// Largest number of shards (threads) of one node: interest is kept as a 64-bit mask.
pub const SHARDS: usize = 64;

/// Events waiting in the mailbox of one shard before new publications are refused as overload,
/// counted in events. At 1 KiB of payload each this is 256 MiB.
pub const MAILBOX_EVENTS: usize = 262_144;

/// Channels of one broadcast request, and commands of one batch request.
pub const BATCH_ITEMS: usize = 1_000;

/// Bounds an operator may move. The defaults are safe for a public node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one incoming WebSocket frame (default 64 KiB): what SDKs send is far smaller.
    pub frame_bytes: usize,
    /// Bytes of one incoming message, after inflating (default 64 KiB).
    pub message_bytes: usize,
    /// Bytes of an HTTP request head (default 8 KiB), as common proxies allow.
    pub head_bytes: usize,
    /// Header fields of an HTTP request (default 64).
    pub head_fields: usize,
    /// Bytes of a server API request body (default 4 MiB): a full batch of ordinary messages.
    pub api_body_bytes: usize,
    /// Bytes that may wait for one connection (default 1 MiB). Beyond it its streams are parked, and
    /// it is closed as slow when that is not enough.
    pub outbound_bytes: usize,
    /// Channels one connection may be subscribed to (default 128).
    pub channels_per_connection: usize,
    /// Publications one history answer or recovery may hold (default 300).
    pub history_page: usize,
    /// Connections one node accepts (default 100,000). Beyond it new ones are refused at once.
    pub connections: usize,
    /// Connections one node holds from one address (default 0: no bound), as many people may share
    /// one.
    pub connections_per_address: usize,
    /// Connections one user may have to one node (default 0: no bound).
    pub connections_per_user: usize,
    /// A new connection of a user closes the others, on all nodes.
    pub single_connection: bool,
    /// Milliseconds a subscriber of a stream may lag behind before its connection is closed as slow
    /// (default 30 s): a train in a tunnel.
    pub lag_ms: u64,
    /// Milliseconds a peer has to finish TLS and its request head (default 5 s), against peers
    /// that open connections and trickle bytes.
    pub handshake_ms: u64,
    /// Milliseconds an upgraded client has to send `connect` (default 10 s).
    pub connect_ms: u64,
    /// Milliseconds between server pings (default 25 s): below the idle timeout of every common
    /// load balancer.
    pub ping_ms: u64,
    /// Milliseconds a client has to answer a ping (default 8 s).
    pub pong_ms: u64,
}

impl Limits {
    /// Bytes of a payload that an application publishes, at most. A longer one would close everybody
    /// who hears it as slow: half of what may wait leaves room for the rest of the message.
    #[must_use]
    pub const fn payload_bytes(&self) -> usize {
        self.outbound_bytes / 2
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: 64 * 1024,
            message_bytes: 64 * 1024,
            head_bytes: 8 * 1024,
            head_fields: 64,
            api_body_bytes: 4 * 1024 * 1024,
            outbound_bytes: 1024 * 1024,
            channels_per_connection: 128,
            history_page: 300,
            connections: 100_000,
            connections_per_address: 0,
            connections_per_user: 0,
            single_connection: false,
            lag_ms: 30_000,
            handshake_ms: 5_000,
            connect_ms: 10_000,
            ping_ms: 25_000,
            pong_ms: 8_000,
        }
    }
}
