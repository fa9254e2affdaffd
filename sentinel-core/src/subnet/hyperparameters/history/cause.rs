//! What in a block changed a hyperparameter: a call, an event, another runtime.

use serde::Serialize;

use crate::chain::NetUid;
use crate::decode::{BlockIndex, Call, EventRecord, Outcome, Phase, Value};
use crate::subnet::hyperparameters::Changes;

/// What changed a hyperparameter. All of it is empty where the block does not say: a call that was scheduled earlier and
/// emits nothing, for one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// Position in its block of the extrinsic with the call, or of the one whose event tells of the change.
    pub extrinsic: Option<u32>,
    /// The last call of the block that set it and was not rolled back, also from inside other calls:
    /// `AdminUtils.sudo_set_tempo`.
    pub call: Option<String>,
    /// Events that tell of it: `SubtensorModule.TempoSet`.
    pub events: Vec<String>,
    /// The spec versions before and after, where the state was written by another runtime than the one before: what lies in
    /// its code as a default, or was migrated, changes with it.
    pub runtimes: Option<[u32; 2]>,
}

impl Cause {
    /// Whether nothing is known of it.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// The calls of a block that set something of a subnet and succeeded, and the events that name one.
#[derive(Debug)]
pub struct Setters<'i, 'r, 'b> {
    index: &'i BlockIndex<'r, 'b>,
    calls: Vec<(u16, String, u32)>,
    events: Vec<(u16, String, Option<u32>)>,
}

impl<'i, 'r, 'b> Setters<'i, 'r, 'b> {
    /// Those of a block. What does not decode cannot be told to have set anything.
    pub fn of(index: &'i BlockIndex<'r, 'b>) -> Self {
        let mut calls = Vec::new();
        for (at, extrinsic) in (0_u32..).zip(0..index.extrinsics().len()) {
            let Some(Ok(facts)) = index.facts(extrinsic) else { continue };
            let succeeded = matches!(facts.outcome, Some(Outcome::Success));
            let nested = facts.nested();
            let own = (nested.is_empty() && succeeded).then_some(&facts.call);
            let inner = nested.iter().filter(|nested| nested.succeeded == Some(true)).map(|nested| nested.call);
            calls.extend(own.into_iter().chain(inner).filter_map(|call| of_subnet(call, at)));
        }
        let events = index.events().iter().filter_map(event_of_subnet).collect();
        Self { index, calls, events }
    }

    /// What changed this hyperparameter of this subnet.
    pub fn cause(&self, netuid: NetUid, name: &str) -> Cause {
        let changes = Changes::of(name, self.index.runtime());
        let call = self.calls.iter().rev().find(|(of, call, _)| *of == netuid.0 && changes.calls.contains(call));
        let told = self.events.iter().filter(|(of, event, _)| *of == netuid.0 && changes.events.contains(event));
        let mut events: Vec<String> = told.clone().map(|(_, event, _)| event.clone()).collect();
        events.dedup();
        Cause {
            extrinsic: call.map(|(_, _, at)| *at).or_else(|| told.rev().find_map(|(_, _, at)| *at)),
            call: call.map(|(_, call, _)| call.clone()),
            events,
            runtimes: None,
        }
    }
}

fn of_subnet(call: &Call, extrinsic: u32) -> Option<(u16, String, u32)> {
    let netuid = u16::try_from(call.arg("netuid")?.as_u64()?).ok()?;
    Some((netuid, format!("{}.{}", call.pallet, call.name), extrinsic))
}

/// An event whose first field is a number: in all that tell of hyperparameters, that is the subnet.
fn event_of_subnet(event: &EventRecord<'_, '_>) -> Option<(u16, String, Option<u32>)> {
    if !matches!(event.pallet(), "SubtensorModule" | "AdminUtils") {
        return None;
    }
    let Value::Event(fields) = event.event().to_value().ok()? else { return None };
    let netuid = fields.fields.get("netuid").or_else(|| fields.fields.at(0))?;
    let extrinsic = match event.phase() {
        Phase::ApplyExtrinsic(at) => Some(at),
        Phase::Finalization | Phase::Initialization => None,
    };
    Some((u16::try_from(netuid.as_u64()?).ok()?, format!("{}.{}", event.pallet(), event.name()), extrinsic))
}
