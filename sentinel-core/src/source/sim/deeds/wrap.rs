//! Calls inside other calls: sudo, batches, proxies, multisigs.

use parity_scale_codec::{Compact, Encode};

use super::super::Key;
use super::super::codec::Raw;
use super::super::desk::{Deed, Desk, Failure, Outcome};
use super::super::world::Waiting;
use crate::chain::blake2_256;

/// A weight that is enough for everything here.
const WEIGHT: (Compact<u64>, Compact<u64>) = (Compact(10_000_000_000), Compact(1_000_000));

impl<'p> Desk<'_, 'p> {
    /// What an inner call came to, as events carry it.
    fn result(&self, outcome: Outcome) -> Vec<u8> {
        match outcome {
            Ok(()) => vec![0],
            Err(failure) => [&[1], &self.tape.codec.failure(failure)[..]].concat(),
        }
    }

    /// A call in the name of the root.
    pub(in super::super) fn sudo(&self, inner: Deed<'p>) -> Deed<'p> {
        let call = self.tape.call("Sudo", "sudo", &Raw(&inner.call));
        let run = inner.run;
        Deed::new(call, move |desk| {
            let outcome = run(desk);
            let result = desk.result(outcome);
            desk.event("Sudo", "Sudid", &Raw(&result));
            Ok(())
        })
        .for_free()
    }

    /// Submits a call of the root.
    pub(in super::super) fn submit_sudo(&mut self, inner: Deed<'p>) {
        let deed = self.sudo(inner);
        self.submit(self.world.globals.sudo, deed);
    }

    /// Several calls; the first that fails ends it.
    pub(in super::super) fn batch(&self, inner: Vec<Deed<'p>>) -> Deed<'p> {
        let call = self.tape.call("Utility", "batch", &Raw(&calls(&inner)));
        Deed::new(call, move |desk| {
            for (index, deed) in inner.into_iter().enumerate() {
                if let Err(failure) = (deed.run)(desk) {
                    let error = desk.tape.codec.failure(failure);
                    desk.event("Utility", "BatchInterrupted", &(index as u32, Raw(&error)));
                    return Ok(());
                }
                desk.event("Utility", "ItemCompleted", &());
            }
            desk.event("Utility", "BatchCompleted", &());
            Ok(())
        })
    }

    /// Several calls; those that fail are told of.
    pub(in super::super) fn force_batch(&self, inner: Vec<Deed<'p>>) -> Deed<'p> {
        let call = self.tape.call("Utility", "force_batch", &Raw(&calls(&inner)));
        Deed::new(call, move |desk| {
            let mut failed = false;
            for deed in inner {
                match (deed.run)(desk) {
                    Ok(()) => desk.event("Utility", "ItemCompleted", &()),
                    Err(failure) => {
                        failed = true;
                        let error = desk.tape.codec.failure(failure);
                        desk.event("Utility", "ItemFailed", &Raw(&error));
                    }
                }
            }
            desk.event("Utility", if failed { "BatchCompletedWithErrors" } else { "BatchCompleted" }, &());
            Ok(())
        })
    }

    /// Lets another account act in the name of this one.
    pub(in super::super) fn add_proxy(&self, real: Key, delegate: Key, kind: u8) -> Deed<'p> {
        let call = self.tape.call("Proxy", "add_proxy", &(0u8, delegate, kind, 0u32));
        Deed::new(call, move |desk| {
            let proxies = desk.world.people_mut().proxies.entry(real).or_default();
            if proxies.iter().any(|(known, ..)| *known == delegate) {
                return Err(Failure::Module("Proxy", "Duplicate"));
            }
            proxies.push((delegate, kind, 0));
            proxies.sort_unstable();
            desk.event("Proxy", "ProxyAdded", &(real, delegate, kind, 0u32));
            Ok(())
        })
    }

    /// Ends what [`add_proxy`](Self::add_proxy) began.
    pub(in super::super) fn remove_proxy(&self, real: Key, delegate: Key, kind: u8) -> Deed<'p> {
        let call = self.tape.call("Proxy", "remove_proxy", &(0u8, delegate, kind, 0u32));
        Deed::new(call, move |desk| {
            let proxies = desk.world.people_mut().proxies.entry(real).or_default();
            let before = proxies.len();
            proxies.retain(|(known, known_kind, _)| (*known, *known_kind) != (delegate, kind));
            let (found, none_left) = (proxies.len() < before, proxies.is_empty());
            if none_left {
                desk.world.people_mut().proxies.remove(&real);
            }
            if !found {
                return Err(Failure::Module("Proxy", "NotFound"));
            }
            desk.event("Proxy", "ProxyRemoved", &(real, delegate, kind, 0u32));
            Ok(())
        })
    }

    /// A call in the name of `real`.
    pub(in super::super) fn proxied(&self, delegate: Key, real: Key, inner: Deed<'p>) -> Deed<'p> {
        let call = self.tape.call("Proxy", "proxy", &(0u8, real, None::<u8>, Raw(&inner.call)));
        Deed::new(call, move |desk| {
            let proxies = desk.world.people.proxies.get(&real);
            if !proxies.is_some_and(|proxies| proxies.iter().any(|(known, ..)| *known == delegate)) {
                return Err(Failure::Module("Proxy", "NotProxy"));
            }
            let outcome = (inner.run)(desk);
            let result = desk.result(outcome);
            desk.event("Proxy", "ProxyExecuted", &Raw(&result));
            Ok(())
        })
    }

    /// A call of two accounts together: the first signature makes it wait, the second runs it. `inner` is applied with
    /// the last one only; its bytes must be the same both times.
    pub(in super::super) fn multisig(&self, signer: Key, others: Key, of: Key, inner: Deed<'p>) -> Deed<'p> {
        let hash = blake2_256(&inner.call);
        let waiting = self.world.people.multisigs.get(&(of, hash)).cloned();
        let timepoint = waiting.as_ref().map(|waiting| (waiting.height, waiting.index));
        let args = (2u16, vec![others], timepoint, Raw(&inner.call), WEIGHT);
        let call = self.tape.call("Multisig", "as_multi", &args);
        Deed::new(call, move |desk| match waiting {
            None => {
                let (height, index) = (desk.world.number as u32, desk.extrinsic());
                let waiting = Waiting { height, index, depositor: signer, approvals: vec![signer] };
                desk.world.people_mut().multisigs.insert((of, hash), waiting);
                desk.event("Multisig", "NewMultisig", &(signer, of, hash));
                Ok(())
            }
            Some(waiting) => {
                if waiting.approvals.contains(&signer) {
                    return Err(Failure::Module("Multisig", "AlreadyApproved"));
                }
                desk.world.people_mut().multisigs.remove(&(of, hash));
                let outcome = (inner.run)(desk);
                let result = desk.result(outcome);
                let fields = (signer, (waiting.height, waiting.index), of, hash, Raw(&result));
                desk.event("Multisig", "MultisigExecuted", &fields);
                Ok(())
            }
        })
    }
}

/// The account of two signatories who both have to sign.
pub(in super::super) fn joint_account(one: Key, other: Key) -> Key {
    let signatories = if one < other { vec![one, other] } else { vec![other, one] };
    blake2_256(&(b"modlpy/utilisuba", signatories, 2u16).encode())
}

fn calls(deeds: &[Deed<'_>]) -> Vec<u8> {
    let mut bytes = Compact(deeds.len() as u32).encode();
    deeds.iter().for_each(|deed| bytes.extend_from_slice(&deed.call));
    bytes
}
