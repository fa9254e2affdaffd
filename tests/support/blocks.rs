//! One block put together: extrinsics, and the events that they left.

use std::sync::Arc;

use parity_scale_codec::{Compact, Encode};
use sentinel_core::chain::AccountId;
use sentinel_core::decode::{BlockIndex, Runtime};

use crate::extrinsics::{Signed, applying, id, record, signed, vector};
use crate::registry::Registry;
use crate::runtimes::{SUBTENSOR_461_V15, subtensor_461};

/// An account of every development chain.
pub const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
/// Sorts before Alice.
pub const BOB: &str = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty";
/// Sorts between Bob and Alice.
pub const CHARLIE: &str = "5FLSigC9HGRKVhB9FiEo4Y3koPsNmBmLJbpXg2mp1hXcS59Y";
/// Sorts after Alice.
pub const EVE: &str = "5HGjWAeFDfFCWPsjFQdVV2Msvz2XtMktvgocEZcCj68kUMaw";

/// Weight, class and fee of a dispatch: nothing, normal, paid.
pub const DISPATCH_INFO: &[u8] = &[0, 0, 0, 0];
/// The dispatch error `SubtensorModule.NotEnoughStake` of 461: number 8 of the pallet with index 7.
pub const NOT_ENOUGH_STAKE: &[u8] = &[3, 7, 8, 0, 0, 0];

/// The account with this address.
///
/// # Panics
/// Where it is none.
pub fn account(address: &str) -> [u8; 32] {
    match address.parse::<AccountId>() {
        Ok(account) => account.0,
        Err(error) => panic!("{error}"),
    }
}

/// A call that sends so many rao to this address.
pub fn transfer(registry: &Registry, to: &str, rao: u64) -> Vec<u8> {
    registry.call("Balances", "transfer_allow_death", &[&id(account(to)), &Compact(rao).encode()])
}

/// A block of spec 461.
#[derive(Debug)]
pub struct Block {
    /// What it runs on.
    pub runtime: Arc<Runtime>,
    /// What it is encoded by.
    pub registry: Registry,
    /// Its extrinsics.
    pub extrinsics: Vec<Vec<u8>>,
    /// Its event records.
    pub records: Vec<Vec<u8>>,
}

/// A call inside another, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inner {
    /// The way to it.
    pub path: String,
    /// Its function.
    pub name: String,
    /// `Root`, an address or `nobody`.
    pub origin: String,
    /// Whether it took effect.
    pub succeeded: Option<bool>,
}

impl Default for Block {
    fn default() -> Self {
        Self::new()
    }
}

impl Block {
    /// An empty block.
    pub fn new() -> Self {
        let registry = Registry::of(SUBTENSOR_461_V15);
        Self { runtime: subtensor_461(), registry, extrinsics: Vec::new(), records: Vec::new() }
    }

    /// A block with one extrinsic of Alice's, applied with these events: pallet, name and encoded fields.
    pub fn of(call: impl Fn(&Registry) -> Vec<u8>, events: &[(&str, &str, &[&[u8]])]) -> Self {
        let mut block = Self::new();
        block.extrinsics.push(signed(&block.registry, &Signed::by(account(ALICE)), &call(&block.registry)));
        for (pallet, name, fields) in events {
            block.event(&applying(0), pallet, name, fields);
        }
        block.event(&applying(0), "System", "ExtrinsicSuccess", &[DISPATCH_INFO]);
        block
    }

    /// Adds an event.
    pub fn event(&mut self, phase: &[u8], pallet: &str, name: &str, fields: &[&[u8]]) {
        self.records.push(record(phase, &self.registry.event(pallet, name, fields)));
    }

    /// Reads the index of the block.
    ///
    /// # Panics
    /// Where its events do not decode.
    pub fn index<T>(&self, read: impl FnOnce(&BlockIndex<'_, '_>) -> T) -> T {
        let events = vector(&self.records);
        match self.runtime.index(&self.extrinsics, &events) {
            Ok(index) => read(&index),
            Err(error) => panic!("{error}"),
        }
    }

    /// The calls inside the call of the first extrinsic.
    ///
    /// # Panics
    /// Where it does not decode.
    pub fn nested_calls(&self) -> Vec<Inner> {
        self.index(|index| {
            let Some(Ok(facts)) = index.facts(0) else { panic!("the first extrinsic decodes") };
            let nested = facts.nested();
            let shown = nested.iter().map(|nested| Inner {
                path: nested.path.clone(),
                name: nested.call.name.clone(),
                origin: match serde_json::to_value(nested.effective_origin) {
                    Ok(serde_json::Value::String(origin)) => origin,
                    _ => "nobody".to_owned(),
                },
                succeeded: nested.succeeded,
            });
            shown.collect()
        })
    }
}
