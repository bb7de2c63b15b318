//! The keys of those who sign with a secret of their own: RSA, curves, Edwards curves.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{RsaPublicKeyComponents, UnparsedPublicKey};

use crate::algorithm::Algorithm;
use crate::der::{BIT_STRING, Der, OBJECT, SEQUENCE};

/// Longest PEM that is looked at, in bytes: an RSA key of 8192 bits has 1.5 KiB.
const PEM_BYTES: usize = 16 * 1024;

/// Bits of an RSA key, from and to: those that ring verifies with.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const CURVE: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// A public key, and the only algorithm it is used with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    algorithm: Algorithm,
    material: Material,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// A point, or the whole of an Edwards key.
    Point(Vec<u8>),
}

/// Why something is no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicKeyError {
    /// It is no PEM with a public key in it.
    #[error("there is no `-----BEGIN PUBLIC KEY-----` with a key in it")]
    NoKey,
    /// It is the half that signs.
    #[error(
        "this is a private key; give the node the public one, and keep this where tokens are signed"
    )]
    Private,
    /// It is of another kind than its algorithm wants.
    #[error("the key is of another kind than its algorithm wants")]
    Kind,
    /// It is an RSA key that is too short to be safe, or too long to be used.
    #[error("an RSA key must have 2048 to 8192 bits")]
    Size,
}

impl PublicKey {
    /// Reads a key in PEM, as OpenSSL writes it: `PUBLIC KEY`, or `RSA PUBLIC KEY`.
    ///
    /// # Errors
    /// Says why it is none for this algorithm.
    pub fn from_pem(algorithm: Algorithm, pem: &str) -> Result<Self, PublicKeyError> {
        if pem.len() > PEM_BYTES {
            return Err(PublicKeyError::NoKey);
        }
        if pem.contains("PRIVATE KEY-----") {
            return Err(PublicKeyError::Private);
        }
        if let Some(der) = section(pem, "PUBLIC KEY") {
            return Self::from_info(algorithm, &der);
        }
        let der = section(pem, "RSA PUBLIC KEY").ok_or(PublicKeyError::NoKey)?;
        algorithm.rsa().ok_or(PublicKeyError::Kind)?;
        Self::from_rsa_der(algorithm, &der)
    }

    /// `SubjectPublicKeyInfo`: RFC 5280, section 4.1.
    fn from_info(algorithm: Algorithm, der: &[u8]) -> Result<Self, PublicKeyError> {
        let Info { kind, curve, key } = info(der).ok_or(PublicKeyError::NoKey)?;
        let fits = match algorithm {
            Algorithm::Es256 => kind == CURVE && curve == Some(P256),
            Algorithm::Es384 => kind == CURVE && curve == Some(P384),
            Algorithm::EdDsa => kind == ED25519,
            _ => kind == RSA,
        };
        match fits {
            false => Err(PublicKeyError::Kind),
            true if kind == RSA => Self::from_rsa_der(algorithm, key),
            true => Self::from_point(algorithm, key.to_vec()),
        }
    }

    /// `RSAPublicKey`: RFC 8017, appendix A.1.1.
    fn from_rsa_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, PublicKeyError> {
        let numbers = Der(der).take(SEQUENCE).and_then(|inside| {
            let mut inside = Der(inside);
            Some((inside.number()?.to_vec(), inside.number()?.to_vec()))
        });
        let (modulus, exponent) = numbers.ok_or(PublicKeyError::NoKey)?;
        Self::from_rsa(algorithm, modulus, exponent)
    }

    /// A key of these numbers, the highest byte first.
    pub(crate) fn from_rsa(
        algorithm: Algorithm,
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    ) -> Result<Self, PublicKeyError> {
        algorithm.rsa().ok_or(PublicKeyError::Kind)?;
        let first = modulus.first().ok_or(PublicKeyError::NoKey)?;
        let bits = modulus.len() * 8 - first.leading_zeros() as usize;
        if !RSA_BITS.contains(&bits) {
            return Err(PublicKeyError::Size);
        }
        Ok(Self { algorithm, material: Material::Rsa { modulus, exponent } })
    }

    /// A key that is this point, uncompressed, or an Edwards key of these bytes.
    pub(crate) fn from_point(algorithm: Algorithm, point: Vec<u8>) -> Result<Self, PublicKeyError> {
        algorithm.curve().ok_or(PublicKeyError::Kind)?;
        let bytes = algorithm.curve_bytes();
        let fits = match algorithm {
            Algorithm::EdDsa => point.len() == bytes,
            _ => point.len() == 1 + 2 * bytes && point[0] == 4,
        };
        match fits {
            true => Ok(Self { algorithm, material: Material::Point(point) }),
            false => Err(PublicKeyError::NoKey),
        }
    }

    /// Whether the key's owner has signed the message in the way the header says, which has to be
    /// the key's own. Nothing here is secret, so that nothing is given away by how long it takes.
    pub(crate) fn has_signed(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        if algorithm != self.algorithm.name() {
            return false;
        }
        match &self.material {
            Material::Rsa { modulus, exponent } => self.algorithm.rsa().is_some_and(|parameters| {
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(parameters, message, signature).is_ok()
            }),
            Material::Point(point) => self.algorithm.curve().is_some_and(|curve| {
                UnparsedPublicKey::new(curve, point).verify(message, signature).is_ok()
            }),
        }
    }
}

/// What stands between the lines that say so.
fn section(pem: &str, label: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
    let (inside, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let text: String = inside.split_ascii_whitespace().collect();
    STANDARD.decode(text).ok()
}

/// What a key says of itself, and the key.
struct Info<'a> {
    kind: &'a [u8],
    curve: Option<&'a [u8]>,
    key: &'a [u8],
}

fn info(der: &[u8]) -> Option<Info<'_>> {
    let mut whole = Der(Der(der).take(SEQUENCE)?);
    let mut kind = Der(whole.take(SEQUENCE)?);
    let [0, key @ ..] = whole.take(BIT_STRING)? else { return None };
    Some(Info { kind: kind.take(OBJECT)?, curve: kind.take(OBJECT), key })
}
