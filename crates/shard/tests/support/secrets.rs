//! A certificate for `localhost`, made on the spot, and a client that trusts it.

use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;

use trunkline_transport::TlsAcceptor;

/// A certificate and its key.
pub(crate) struct Secrets {
    certificate: CertificateDer<'static>,
    directory: TempDir,
}

impl Secrets {
    pub(crate) fn new() -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let secrets =
            Self { certificate: cert.der().clone(), directory: tempfile::tempdir().expect("room") };
        let (certificate, key) = secrets.files();
        std::fs::write(certificate, cert.pem()).expect("written");
        std::fs::write(key, signing_key.serialize_pem()).expect("written");
        secrets
    }

    fn files(&self) -> (PathBuf, PathBuf) {
        (self.directory.path().join("certificate.pem"), self.directory.path().join("key.pem"))
    }

    /// The server's side.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let (certificate, key) = self.files();
        TlsAcceptor::load(&certificate, &key).expect("a good pair")
    }

    /// A client's side.
    pub(crate) fn client(&self) -> ClientConnection {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).expect("a root");
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        ClientConnection::new(Arc::new(config), name).expect("a client")
    }
}
