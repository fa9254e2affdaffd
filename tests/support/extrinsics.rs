//! Extrinsics and event records put together byte by byte, as a wallet and a node do.

use parity_scale_codec::{Compact, Encode};

use crate::registry::Registry;
use crate::samples::Samples;

/// What a signed extrinsic carries beside its call.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The signer's address, encoded: usually [`id`] of an account.
    pub address: Vec<u8>,
    /// The signature, encoded: its kind, then its bytes.
    pub signature: Vec<u8>,
    /// One byte for ever, or the two of an era.
    pub era: Vec<u8>,
    /// How many extrinsics the signer sent before.
    pub nonce: u64,
    /// What is paid on top of the fee, in rao.
    pub tip: u128,
}

impl Signed {
    /// Signed by an account, with an sr25519 signature that nobody verifies, for ever, as its first, without a tip.
    pub fn by(account: [u8; 32]) -> Self {
        Self { address: id(account), signature: sr25519([0x55; 64]), era: vec![0], nonce: 0, tip: 0 }
    }

    fn extensions(&self, registry: &Registry, out: &mut Vec<u8>) {
        let mut samples = Samples::new(&registry.types, 0);
        for (name, ty) in &registry.extensions {
            match name.as_str() {
                "CheckMortality" | "CheckEra" => out.extend_from_slice(&self.era),
                "CheckNonce" => Compact(self.nonce).encode_to(out),
                name if name.starts_with("ChargeTransactionPayment") => Compact(self.tip).encode_to(out),
                _ => out.extend(samples.flattest(*ty).unwrap_or_default()),
            }
        }
    }
}

/// An address that is an account.
pub fn id(account: [u8; 32]) -> Vec<u8> {
    (0u8, account).encode()
}

/// An sr25519 signature.
pub fn sr25519(signature: [u8; 64]) -> Vec<u8> {
    (1u8, signature).encode()
}

/// A signed extrinsic of format 4.
pub fn signed(registry: &Registry, by: &Signed, call: &[u8]) -> Vec<u8> {
    let mut body = vec![0x84];
    body.extend_from_slice(&by.address);
    body.extend_from_slice(&by.signature);
    by.extensions(registry, &mut body);
    body.extend_from_slice(call);
    with_length(&body)
}

/// An extrinsic of format 5 with extensions but no signature of its own.
pub fn general(registry: &Registry, extension_set: u8, with: &Signed, call: &[u8]) -> Vec<u8> {
    let mut body = vec![0x45, extension_set];
    with.extensions(registry, &mut body);
    body.extend_from_slice(call);
    with_length(&body)
}

/// An extrinsic of format 4 or 5 without anything but its call, such as an inherent.
pub fn bare(format: u8, call: &[u8]) -> Vec<u8> {
    with_length(&[&[format], call].concat())
}

/// Bytes with their length before them.
pub fn with_length(bytes: &[u8]) -> Vec<u8> {
    bytes.encode()
}

/// Items as a vector: their number, then each.
pub fn vector(items: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Compact(items.len() as u32).encode();
    items.iter().for_each(|item| bytes.extend_from_slice(item));
    bytes
}

/// The phase of events while this extrinsic ran.
pub fn applying(extrinsic: u32) -> Vec<u8> {
    (0u8, extrinsic).encode()
}

/// The phase of events after all extrinsics.
pub const FINALIZATION: &[u8] = &[1];
/// The phase of events before all extrinsics.
pub const INITIALIZATION: &[u8] = &[2];

/// A record of `System.Events` without topics.
pub fn record(phase: &[u8], event: &[u8]) -> Vec<u8> {
    [phase, event, &[0]].concat()
}
