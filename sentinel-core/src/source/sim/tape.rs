//! What a block writes down while it runs: extrinsics, events, and the history that tests compare with.

use bytes::Bytes;
use parity_scale_codec::{Compact, Encode};

use super::Key;
use super::codec::{Codec, Raw};
use super::history::Happened;
use super::rng::Rng;

/// Where in a block something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Initialization,
    Extrinsic(u32),
}

/// A block in the making. Where only its effects matter, nothing is encoded.
#[derive(Debug)]
pub(super) struct Tape<'c> {
    pub(super) codec: &'c Codec,
    recording: bool,
    pub(super) phase: Phase,
    pub(super) extrinsics: Vec<Bytes>,
    events: Vec<u8>,
    event_count: u32,
    /// What happened, in order.
    pub(super) history: Vec<Happened>,
}

impl<'c> Tape<'c> {
    pub(super) fn new(codec: &'c Codec, recording: bool) -> Self {
        Self {
            codec,
            recording,
            phase: Phase::Initialization,
            extrinsics: Vec::new(),
            events: Vec::new(),
            event_count: 0,
            history: Vec::new(),
        }
    }

    /// An event of a pallet with its fields, in the present phase.
    pub(super) fn event(&mut self, pallet: &str, name: &str, fields: &impl Encode) {
        if !self.recording {
            return;
        }
        match self.phase {
            Phase::Initialization => self.events.push(2),
            Phase::Extrinsic(index) => (0u8, index).encode_to(&mut self.events),
        }
        self.events.extend(self.codec.event(pallet, name, fields));
        self.events.push(0);
        self.event_count += 1;
    }

    /// A call with its arguments; nothing where nobody will read it.
    pub(super) fn call(&self, pallet: &str, name: &str, args: &impl Encode) -> Vec<u8> {
        if self.recording { self.codec.call(pallet, name, args) } else { Vec::new() }
    }

    /// The value of `System.Events`.
    pub(super) fn events(&self) -> Bytes {
        let mut bytes = Compact(self.event_count).encode();
        bytes.extend_from_slice(&self.events);
        bytes.into()
    }

    /// Adds an extrinsic that nobody signed.
    pub(super) fn bare(&mut self, call: &[u8]) {
        if self.recording {
            self.push(&[&[5], call].concat());
        }
    }

    /// Adds an extrinsic that an account signed; nobody ever checks the signature.
    pub(super) fn signed(&mut self, block: u64, signer: &Key, nonce: u32, tip: u64, call: &[u8]) {
        if !self.recording {
            return;
        }
        let mut rng = Rng::of(u64::from(nonce), block, u64::from_le_bytes(first(signer)));
        let mut body = vec![0x84, 0];
        body.extend_from_slice(signer);
        body.push(1);
        body.extend_from_slice(&rng.bytes::<64>());
        // Valid for 64 blocks from this one on, or for ever.
        let era: &[u8] = if nonce % 8 == 7 { &[0] } else { &((block % 64) as u16 * 16 + 5).to_le_bytes() };
        (Raw(era), Compact(nonce), Compact(tip), 0u8, Raw(call)).encode_to(&mut body);
        self.push(&body);
    }

    fn push(&mut self, body: &[u8]) {
        self.extrinsics.push(body.encode().into());
    }
}

fn first(key: &Key) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&key[..8]);
    bytes
}
