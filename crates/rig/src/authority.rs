//! A certificate authority for one server.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use crate::error::Error;

/// Names a server's certificate is valid for.
const NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// What a server with TLS needs, all as PEM.
#[derive(Debug)]
pub(crate) struct Certified {
    /// The authority's certificate, for clients to trust.
    pub(crate) authority: String,
    /// The server's certificate.
    pub(crate) certificate: String,
    /// Its private key.
    pub(crate) key: String,
}

/// Makes an authority that nobody else has, and lets it sign a certificate for this machine.
pub(crate) fn certify() -> Result<Certified, Error> {
    let mut root = CertificateParams::new(Vec::new())?;
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    root.distinguished_name.push(DnType::CommonName, "test authority");
    root.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let root_key = KeyPair::generate()?;
    let authority = root.self_signed(&root_key)?.pem();
    let issuer = Issuer::new(root, root_key);

    let mut server = CertificateParams::new(NAMES.map(str::to_owned))?;
    server.distinguished_name.push(DnType::CommonName, NAMES[0]);
    server.use_authority_key_identifier_extension = true;
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &issuer)?.pem();
    Ok(Certified { authority, certificate, key: key.serialize_pem() })
}
