//! What is recorded besides the blocks.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::RecordError;
use crate::artifact::raw::{HexBytes, Plan, StateScan, covers_forbidden};
use crate::decode::storage_prefix;
use crate::subnet::hyperparameters;

/// What is recorded besides headers, extrinsics, events, timestamps and runtimes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordOptions {
    /// At which blocks the prefixes are read in full.
    pub scan: StateScan,
    /// Starts of storage keys that are read in full.
    pub prefixes: Vec<Bytes>,
    /// Storage keys that are read at every block.
    pub keys: Vec<Bytes>,
    /// Storage items of `SubtensorModule` with one key, the netuid, that are read at every block for each subnet that
    /// `SubtensorModule.NetworksAdded` holds there. Those that a runtime does not have are passed over.
    pub subnet_items: Vec<String>,
    /// Runtime functions that are called at every block with each netuid (`u16`, little endian) that
    /// `SubtensorModule.NetworksAdded` holds there.
    pub subnet_calls: Vec<String>,
    /// Whether documentation texts are removed from the metadata: a third smaller, and as decodable.
    pub strip_docs: bool,
}

impl Default for RecordOptions {
    /// All of `SubtensorModule` at the first block of each window; at every block `System.LastRuntimeUpgrade`,
    /// `Balances.TotalIssuance`, `Sudo.Key`, the list of subnets, and the hyperparameters of each subnet, from storage and
    /// in every version that the runtime offers. (`System.Number`, `System.Events` and `Timestamp.Now` come with the block.)
    fn default() -> Self {
        let key = |pallet, item| Bytes::copy_from_slice(&storage_prefix(pallet, item));
        Self {
            scan: StateScan::FirstBlock,
            prefixes: vec![Bytes::copy_from_slice(&storage_prefix("SubtensorModule", "")[..16])],
            keys: vec![key("System", "LastRuntimeUpgrade"), key("Balances", "TotalIssuance"), key("Sudo", "Key")],
            subnet_items: hyperparameters::storage_items().map(str::to_owned).collect(),
            subnet_calls: ["", "_v2", "_v3"]
                .map(|version| format!("SubnetInfoRuntimeApi_get_subnet_hyperparams{version}"))
                .to_vec(),
            strip_docs: false,
        }
    }
}

impl RecordOptions {
    /// The plan in the form in which manifests keep it.
    pub(super) fn plan(&self) -> Result<Plan, RecordError> {
        let sorted = |keys: &[Bytes]| -> Vec<HexBytes> {
            keys.iter().cloned().map(HexBytes).collect::<BTreeSet<_>>().into_iter().collect()
        };
        let plan = Plan {
            scan: self.scan,
            prefixes: sorted(&self.prefixes),
            keys: sorted(&self.keys),
            subnet_items: self.subnet_items.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect(),
            subnet_calls: self.subnet_calls.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect(),
            strip_docs: self.strip_docs,
        };
        match plan.prefixes.iter().chain(&plan.keys).find(|prefix| covers_forbidden(&prefix.0)) {
            Some(prefix) => Err(RecordError::ForbiddenPrefix { prefix: format!("{prefix:?}") }),
            None => Ok(plan),
        }
    }
}
