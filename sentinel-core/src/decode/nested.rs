//! The calls inside a call: sudo, batches, proxies, multisigs and the like, unwrapped to what really runs.

mod carrier;
mod verdict;

use serde::{Serialize, Serializer};

use super::value::{Call, Value};
use crate::chain::AccountId;
use carrier::{Carried, carried};
use verdict::{Verdict, Verdicts};

/// Calls nested deeper than this stay wrapped; the chain's own filters allow far less.
const MAX_NESTING: usize = 16;

/// A call found inside another, unwrapped as far as it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NestedCall<'c> {
    /// The way to it through the arguments of the outer calls: `call.calls[2]`.
    pub path: String,
    /// The call.
    pub call: &'c Call,
    /// In whose name it runs.
    pub effective_origin: Origin,
    /// Whether it took effect. The success of the outer extrinsic says nothing about that; this is read from the
    /// events. `None` where they do not say (several wrappers of one kind) or where it runs later.
    pub succeeded: Option<bool>,
}

/// In whose name a call runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The chain itself, through sudo or governance.
    Root,
    /// An account, which need not be the signer.
    Account(AccountId),
    /// Nobody signed, or the origin is of a kind that has no account.
    Unknown,
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Root => serializer.serialize_str("Root"),
            Self::Account(account) => account.serialize(serializer),
            Self::Unknown => serializer.serialize_none(),
        }
    }
}

/// The innermost calls inside `call`, in order; empty if it carries none.
///
/// `signer` and `succeeded` are those of the extrinsic, `events` its events with their fields.
pub fn nested_calls<'c>(
    call: &'c Call,
    signer: Option<AccountId>,
    succeeded: Option<bool>,
    events: &[super::value::Event],
) -> Vec<NestedCall<'c>> {
    let origin = signer.map_or(Origin::Unknown, Origin::Account);
    let mut wrappers = Vec::new();
    collect_wrappers(call, 0, &mut wrappers);
    let verdicts = Verdicts::new(&wrappers, events);
    let mut found = Vec::new();
    let outer = match succeeded {
        Some(true) => Verdict::Applied,
        Some(false) => Verdict::NotApplied,
        None => Verdict::Unknown,
    };
    unwrap(call, "", origin, outer, &verdicts, 0, &mut found);
    // A call that carries nothing is its own leaf; the caller has it already.
    if found.first().is_some_and(|leaf| leaf.path.is_empty()) { Vec::new() } else { found }
}

/// Whether calls of this pallet may carry others; quick, and yes for some that do not.
pub(super) fn may_carry(pallet: &str) -> bool {
    carrier::may_carry(pallet)
}

/// Whether a call carries others, so that its events are worth decoding.
pub(super) fn carries(call: &Call) -> bool {
    !carried(call, Origin::Unknown).is_empty()
}

fn collect_wrappers<'c>(call: &'c Call, depth: usize, wrappers: &mut Vec<&'c Call>) {
    let inner = carried(call, Origin::Unknown);
    if inner.is_empty() || depth == MAX_NESTING {
        return;
    }
    wrappers.push(call);
    for inner in inner {
        collect_wrappers(inner.call, depth + 1, wrappers);
    }
}

fn unwrap<'c>(
    call: &'c Call,
    path: &str,
    origin: Origin,
    verdict: Verdict,
    verdicts: &Verdicts<'_>,
    depth: usize,
    found: &mut Vec<NestedCall<'c>>,
) {
    let inner = carried(call, origin);
    if inner.is_empty() || depth == MAX_NESTING {
        let succeeded = match verdict {
            Verdict::Applied => Some(true),
            Verdict::NotApplied => Some(false),
            Verdict::Unknown => None,
        };
        found.push(NestedCall { path: path.to_owned(), call, effective_origin: origin, succeeded });
        return;
    }
    let inner_verdicts = verdicts.of_inner(call, inner.len(), verdict);
    for (Carried { step, call, origin }, verdict) in inner.into_iter().zip(inner_verdicts) {
        let path = if path.is_empty() { step } else { format!("{path}.{step}") };
        unwrap(call, &path, origin, verdict, verdicts, depth + 1, found);
    }
}

/// Whether a decoded `Result` is `Ok`.
fn is_ok(result: Option<&Value>) -> Option<bool> {
    match result?.variant()? {
        "Ok" => Some(true),
        "Err" => Some(false),
        _ => None,
    }
}
