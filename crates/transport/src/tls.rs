//! TLS 1.2 and 1.3 with rustls: certificates that can be replaced while running, and the stream.

mod stream;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use mio::net::TcpStream;
use rustls::crypto::ring;
use rustls::{ServerConfig, ServerConnection};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;

use crate::socket::Socket;

pub use stream::TlsStream;

/// Why a certificate cannot be used. Every message names the file.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The file is not PEM.
    #[error("{} is not a PEM file: {reason}", path.display())]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is PEM and holds no certificate.
    #[error("{} holds no certificate", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The file is PEM and holds no private key.
    #[error("{} holds no private key", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// Each file is fine alone; together they are not.
    #[error("{} does not go with {}: {source}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate chain's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What rustls says.
        source: rustls::Error,
    },
}

/// Makes TLS connections of TCP connections. Clones share the certificate.
#[derive(Clone)]
pub struct TlsAcceptor {
    shared: Arc<Shared>,
}

struct Shared {
    certificate: PathBuf,
    key: PathBuf,
    /// Read once for each new connection, replaced by [`TlsAcceptor::reload`].
    config: RwLock<Arc<ServerConfig>>,
}

impl TlsAcceptor {
    /// Reads a certificate chain, the server's own certificate first, and its private key.
    ///
    /// # Errors
    /// A file that cannot be read or used, by name.
    pub fn load(cert_chain_pem: &Path, key_pem: &Path) -> Result<Self, TlsError> {
        let config = RwLock::new(server_config(cert_chain_pem, key_pem)?);
        let (certificate, key) = (cert_chain_pem.to_owned(), key_pem.to_owned());
        Ok(Self { shared: Arc::new(Shared { certificate, key, config }) })
    }

    /// Reads the same files again. Handshakes that begin after this use what they hold now;
    /// connections that exist are not touched.
    ///
    /// # Errors
    /// As [`load`](Self::load); the previous certificate then stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = server_config(&self.shared.certificate, &self.shared.key)?;
        *self.shared.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// Wraps a fresh connection. The handshake happens in the socket's reads.
    ///
    /// # Errors
    /// The connection could not be set up.
    pub fn accept(&self, stream: TcpStream) -> io::Result<Socket> {
        let config = Arc::clone(&self.shared.config.read().unwrap_or_else(PoisonError::into_inner));
        let tls = ServerConnection::new(config).map_err(io::Error::other)?;
        stream.set_nodelay(true)?;
        Ok(Socket::TlsTcp(Box::new(TlsStream::new(stream, tls))))
    }
}

impl fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAcceptor")
            .field("certificate", &self.shared.certificate)
            .field("key", &self.shared.key)
            .finish_non_exhaustive()
    }
}

fn server_config(cert_chain_pem: &Path, key_pem: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let mismatch = |source| TlsError::Mismatch {
        certificate: cert_chain_pem.to_owned(),
        key: key_pem.to_owned(),
        source,
    };
    let chain = read_chain(cert_chain_pem)?;
    let key = read_key(key_pem)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(mismatch)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(mismatch)?;
    // HTTP/2 has no upgrade; saying so keeps clients from choosing it.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Tickets are kept by the clients, so that a crowd that reconnects resumes without a
    // signature each and without anything kept in here.
    config.ticketer = ring::Ticketer::new().map_err(mismatch)?;
    Ok(Arc::new(config))
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<_, _>>()
        .map_err(|error| not_pem(path, &error))?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate { path: path.to_owned() });
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::NoKey { path: path.to_owned() },
        error => not_pem(path, &error),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

fn not_pem(path: &Path, error: &pem::Error) -> TlsError {
    TlsError::NotPem { path: path.to_owned(), reason: error.to_string() }
}
