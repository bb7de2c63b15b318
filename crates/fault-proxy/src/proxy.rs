//! The handle.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::faults::Faults;
use crate::roll::Roll;
use crate::serve::{Settings, serve};

/// Connections that may wait to be accepted; a thousand clients may come at once.
const BACKLOG: i32 = 1024;

/// Between whom a proxy stands, and what decides its random choices.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Where clients connect; port 0 is any free one.
    pub listen: SocketAddr,
    /// Where their connections lead.
    pub upstream: SocketAddr,
    /// Decides all random choices, together with the number of the connection: the first is 0.
    pub seed: u64,
}

impl Options {
    /// From any free port of the loopback interface to this upstream.
    #[must_use]
    pub fn to(upstream: SocketAddr, seed: u64) -> Self {
        Self { listen: ([127, 0, 0, 1], 0).into(), upstream, seed }
    }
}

/// A proxy that runs. Dropping it ends it: the port is closed and every connection reset.
///
/// Its methods return at once and may be called anywhere. A change holds for all bytes that are sent and
/// all connections that are made after the method has returned.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    /// Gone only while the proxy ends.
    settings: Option<watch::Sender<Settings>>,
    roll: Arc<Roll>,
    /// Its own thread, if it has one.
    thread: Option<JoinHandle<()>>,
}

impl FaultProxy {
    /// Starts a proxy as a task of the tokio runtime that this is called in.
    ///
    /// # Errors
    /// The address cannot be listened at.
    ///
    /// # Panics
    /// Outside of a tokio runtime with I/O and time.
    pub fn start(options: Options) -> io::Result<Self> {
        let socket = listen(options.listen)?;
        let (proxy, settings) = Self::new(&socket, options)?;
        let listener = TcpListener::from_std(socket.into())?;
        tokio::spawn(serve(listener, options.seed, settings, Arc::clone(&proxy.roll)));
        Ok(proxy)
    }

    /// Starts a proxy on a thread of its own. Ending it waits until the port is closed.
    ///
    /// # Errors
    /// The address cannot be listened at, or there is no thread to be had.
    pub fn spawn(options: Options) -> io::Result<Self> {
        let socket = listen(options.listen)?;
        let (mut proxy, settings) = Self::new(&socket, options)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _entered = runtime.enter();
            TcpListener::from_std(socket.into())?
        };
        let serving = serve(listener, options.seed, settings, Arc::clone(&proxy.roll));
        let thread = std::thread::Builder::new().name("fault-proxy".into());
        proxy.thread = Some(thread.spawn(move || runtime.block_on(serving))?);
        Ok(proxy)
    }

    fn new(socket: &Socket, options: Options) -> io::Result<(Self, watch::Receiver<Settings>)> {
        let address = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let settings = Settings {
            faults: Faults::NONE,
            only: None,
            upstream: options.upstream,
            refuse: false,
            resets: 0,
        };
        let (sender, receiver) = watch::channel(settings);
        let roll = Arc::default();
        Ok((Self { address, settings: Some(sender), roll, thread: None }, receiver))
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets these faults take the place of those before, on old connections and new ones.
    pub fn set(&self, faults: Faults) {
        self.settings(|settings| {
            settings.faults = faults;
            settings.only = None;
        });
    }

    /// As [`FaultProxy::set`], but on one connection: the one that the upstream sees come from this
    /// address. On all others nothing goes wrong.
    pub fn set_for(&self, from: SocketAddr, faults: Faults) {
        self.settings(|settings| {
            settings.faults = faults;
            settings.only = Some(from);
        });
    }

    /// Changes the faults, on old connections and new ones.
    pub fn change(&self, change: impl FnOnce(&mut Faults)) {
        self.settings(|settings| change(&mut settings.faults));
    }

    /// From now on nothing goes wrong. What was stalled arrives; what was swallowed does not.
    pub fn heal(&self) {
        self.set(Faults::NONE);
    }

    /// Lets new connections lead to another place. Where nobody listens there, clients are reset.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        self.settings(|settings| settings.upstream = upstream);
    }

    /// Whether new connections are reset as soon as they are made. Old ones stay as they are.
    pub fn refuse(&self, refuse: bool) {
        self.settings(|settings| settings.refuse = refuse);
    }

    /// Resets every connection there is, both sides: they see `ECONNRESET`. It has happened, at the
    /// latest, when they see it; connections made afterwards stay.
    pub fn reset_all(&self) {
        self.settings(|settings| settings.resets += 1);
    }

    /// How many connections are carried, those included of which one side has ended and the other does not
    /// know.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.roll.count()
    }

    /// Whether a connection is carried that the upstream sees come from this address.
    #[must_use]
    pub fn carries(&self, from: SocketAddr) -> bool {
        self.roll.carries(from)
    }

    /// Ends the proxy, as dropping it does.
    pub fn stop(self) {}

    fn settings(&self, change: impl FnOnce(&mut Settings)) {
        if let Some(settings) = &self.settings {
            settings.send_modify(change);
        }
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // Without a sender there is nobody to serve for.
        self.settings = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has printed why; its connections are gone all the same.
            let _ = thread.join();
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}
