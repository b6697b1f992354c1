//! Signs JWTs, valid and invalid ones. Tokens are assembled here and not by the library that checks them.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use aws_lc_rs::{hmac, rsa};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A signing key.
#[derive(Debug)]
pub enum Signer {
    /// No signature.
    Nobody,
    /// HMAC (HS256, HS384 or HS512) with a secret.
    Secret(hmac::Algorithm, Vec<u8>),
    /// RS256.
    Rsa(Box<rsa::KeyPair>),
    /// ES256.
    P256(Box<EcdsaKeyPair>),
    /// `EdDSA`.
    Ed25519(Box<Ed25519KeyPair>),
}

impl Signer {
    /// HS256 with a secret.
    #[must_use]
    pub fn hs256(secret: impl AsRef<[u8]>) -> Self {
        Self::Secret(hmac::HMAC_SHA256, secret.as_ref().to_owned())
    }

    /// A new RSA key of 2,048 bits.
    #[must_use]
    pub fn rsa() -> Self {
        Self::Rsa(Box::new(rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("a key")))
    }

    /// A new key on the curve P-256.
    #[must_use]
    pub fn p256() -> Self {
        Self::P256(Box::new(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key")))
    }

    /// A new Ed25519 key.
    #[must_use]
    pub fn ed25519() -> Self {
        Self::Ed25519(Box::new(Ed25519KeyPair::generate().expect("a key")))
    }

    /// A token with an arbitrary header and claims.
    #[must_use]
    pub fn token(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = self.sign(message.as_bytes());
        format!("{message}.{}", encode(signature))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Nobody => Vec::new(),
            Self::Secret(algorithm, secret) => {
                hmac::sign(&hmac::Key::new(*algorithm, secret), message).as_ref().to_owned()
            }
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("a signature");
                signature
            }
            Self::P256(key) => key.sign(&random, message).expect("a signature").as_ref().to_owned(),
            Self::Ed25519(key) => key.sign(message).as_ref().to_owned(),
        }
    }

    /// The public key as the issuer of the tokens publishes it (RFC 7517).
    #[must_use]
    pub fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Nobody | Self::Secret(..) => panic!("there is no public key"),
            Self::Rsa(key) => {
                // RFC 8017, appendix A.1.1: a sequence of the modulus, here 256 bytes after a zero, and the exponent.
                let (n, e) = key.public_key().as_ref()[9..].split_at(256);
                let e = &e[2..];
                json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": encode(n), "e": encode(e)})
            }
            Self::P256(key) => {
                let point = key.public_key().as_ref();
                let (x, y) = point[1..].split_at(32);
                json!({"kty": "EC", "use": "sig", "alg": "ES256", "kid": kid, "crv": "P-256", "x": encode(x), "y": encode(y)})
            }
            Self::Ed25519(key) => {
                let x = encode(key.public_key());
                json!({"kty": "OKP", "use": "sig", "alg": "EdDSA", "kid": kid, "crv": "Ed25519", "x": x})
            }
        }
    }

    /// The public key in each form that a careless verifier might use as a secret.
    #[must_use]
    pub fn public_forms(&self, kid: &str) -> Vec<Vec<u8>> {
        let (bare, der): (&[u8], Result<PublicKeyX509Der, _>) = match self {
            Self::Nobody | Self::Secret(..) => panic!("there is no public key"),
            Self::Rsa(key) => (key.public_key().as_ref(), key.public_key().as_der()),
            Self::P256(key) => (key.public_key().as_ref(), key.public_key().as_der()),
            Self::Ed25519(key) => (key.public_key().as_ref(), key.public_key().as_der()),
        };
        let der = der.expect("an X.509 key").as_ref().to_owned();
        let lines: Vec<String> = STANDARD
            .encode(&der)
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
        let jwk = self.jwk(kid);
        let modulus = jwk["n"].as_str().or(jwk["x"].as_str()).expect("a number").to_owned();
        let without_newline = pem.trim_end().as_bytes().to_owned();
        vec![
            bare.to_owned(),
            der,
            pem.into_bytes(),
            without_newline,
            jwk.to_string().into_bytes(),
            modulus.into_bytes(),
        ]
    }
}

/// Base64url without padding, as in tokens.
#[must_use]
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
