//! Unix domain sockets and the files they live in.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::{Path, PathBuf};

use mio::event::Source;
use mio::net::{UnixListener, UnixStream};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::platform::BACKLOG;

/// A listener on a Unix domain socket.
#[derive(Debug)]
pub struct UnixAcceptor {
    listener: UnixListener,
    /// Removed with the listener; not there when the socket was made by someone else.
    _file: Option<SocketFile>,
}

/// The socket's own file: not one that has since been put in its place.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl UnixAcceptor {
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        remove_stale(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.bind(&SockAddr::unix(path)?)?;
        let file = SocketFile { path: path.to_owned(), identity: identity(path)? };
        // Nobody can connect before `listen`, so nobody slips in before the mode is set.
        fs::set_permissions(path, Permissions::from_mode(0o600))?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(Self { listener: UnixListener::from_std(socket.into()), _file: Some(file) })
    }

    /// A listener whose file belongs to whoever passed it along.
    pub(super) fn adopt(listener: StdUnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { listener: UnixListener::from_std(listener), _file: None })
    }

    pub(super) fn accept(&self) -> io::Result<UnixStream> {
        self.listener.accept().map(|(stream, _)| stream)
    }

    pub(super) fn local_path(&self) -> io::Result<PathBuf> {
        let addr = self.listener.local_addr()?;
        addr.as_pathname().map(Path::to_owned).ok_or_else(|| ErrorKind::AddrNotAvailable.into())
    }

    pub(super) fn source(&mut self) -> &mut dyn Source {
        &mut self.listener
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|current| current == self.identity) {
            // Gone in the meantime, or not ours to remove any more: both are fine.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

/// Removes a socket file that nobody answers on.
fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(io::Error::new(ErrorKind::AlreadyExists, "the file is not a socket"));
        }
        Ok(_) => {}
    }
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        // It answers, or is too busy to.
        Ok(_) | Err(_) => Err(ErrorKind::AddrInUse.into()),
    }
}
