//! Whether an inner call took effect, read from the events of its extrinsic.

use super::is_ok;
use crate::decode::value::{Call, Event, Value};

/// What the events say of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Applied,
    NotApplied,
    Unknown,
}

/// The events of an extrinsic, asked about its wrappers.
///
/// Events carry no path, so they tell about a wrapper only while it is the only one of its kind; of several, nothing is
/// said rather than guessed. Events are gone through once, however many wrappers ask.
#[derive(Default)]
pub(super) struct Verdicts<'e> {
    batches: usize,
    sudos: usize,
    proxies: usize,
    multisigs: usize,
    origins: usize,
    choices: usize,
    interrupted: Only<'e>,
    sudid: Only<'e>,
    sudo_as: Only<'e>,
    proxied: Only<'e>,
    multisigned: Only<'e>,
    dispatched_as: Only<'e>,
    /// Of each item of the forced batches, in order, whether it was completed.
    items: Vec<bool>,
    main_taken: usize,
    fallback_taken: usize,
}

/// The events of one kind, as far as they can be told apart.
#[derive(Default, Clone, Copy)]
enum Only<'e> {
    #[default]
    None,
    One(&'e Event),
    Several,
}

impl<'e> Only<'e> {
    fn add(&mut self, event: &'e Event) {
        *self = match self {
            Self::None => Self::One(event),
            _ => Self::Several,
        };
    }
}

impl<'e> Verdicts<'e> {
    pub(super) fn new(wrappers: &[&Call], events: &'e [Event]) -> Self {
        let mut verdicts = Self::default();
        for call in wrappers {
            match (call.pallet.as_str(), call.name.as_str()) {
                ("Utility", "batch" | "batch_all" | "force_batch") => verdicts.batches += 1,
                ("Utility", "dispatch_as" | "dispatch_as_fallible") => verdicts.origins += 1,
                ("Utility", "if_else") => verdicts.choices += 1,
                ("Sudo", _) => verdicts.sudos += 1,
                ("Proxy", _) => verdicts.proxies += 1,
                ("Multisig", name) if name.starts_with("as_multi") => verdicts.multisigs += 1,
                _ => {}
            }
        }
        for event in events {
            match (event.pallet.as_str(), event.name.as_str()) {
                ("Utility", "BatchInterrupted") => verdicts.interrupted.add(event),
                ("Utility", "ItemCompleted") => verdicts.items.push(true),
                ("Utility", "ItemFailed") => verdicts.items.push(false),
                ("Utility", "DispatchedAs") => verdicts.dispatched_as.add(event),
                ("Utility", "IfElseMainSuccess") => verdicts.main_taken += 1,
                ("Utility", "IfElseFallbackCalled") => verdicts.fallback_taken += 1,
                ("Sudo", "Sudid") => verdicts.sudid.add(event),
                ("Sudo", "SudoAsDone") => verdicts.sudo_as.add(event),
                ("Proxy", "ProxyExecuted") => verdicts.proxied.add(event),
                ("Multisig", "MultisigExecuted") => verdicts.multisigned.add(event),
                _ => {}
            }
        }
        verdicts
    }

    /// Verdicts on the `len` calls directly inside `wrapper`, which itself has this one.
    pub(super) fn of_inner(&self, wrapper: &Call, len: usize, outer: Verdict) -> Vec<Verdict> {
        match outer {
            // What fails is rolled back, with everything inside.
            Verdict::NotApplied => return vec![Verdict::NotApplied; len],
            Verdict::Unknown => return vec![Verdict::Unknown; len],
            Verdict::Applied => {}
        }
        let all = |verdict| vec![verdict; len];
        match (wrapper.pallet.as_str(), wrapper.name.as_str()) {
            ("Utility", "batch_all" | "with_weight" | "as_derivative" | "dispatch_as_fallible") => {
                all(Verdict::Applied)
            }
            ("Utility", "batch") => self.batch(len),
            ("Utility", "force_batch") => self.force_batch(len),
            ("Utility", "dispatch_as") => all(result(self.dispatched_as, "result", self.origins)),
            ("Utility", "if_else") => self.if_else(len),
            ("Sudo", "sudo_as") => all(result(self.sudo_as, "sudo_result", self.sudos)),
            ("Sudo", _) => all(result(self.sudid, "sudo_result", self.sudos)),
            ("Proxy", _) => all(result(self.proxied, "result", self.proxies)),
            ("Multisig", "as_multi_threshold_1") => all(Verdict::Applied),
            // Without an execution this was one approval among several still missing.
            ("Multisig", _) if self.multisigs == 1 && matches!(self.multisigned, Only::None) => {
                all(Verdict::NotApplied)
            }
            ("Multisig", _) => all(result(self.multisigned, "result", self.multisigs)),
            // Scheduled, or kept for later.
            _ => all(Verdict::Unknown),
        }
    }

    fn batch(&self, len: usize) -> Vec<Verdict> {
        match (self.interrupted, self.batches) {
            (Only::None, _) => vec![Verdict::Applied; len],
            (Only::One(event), 1) => {
                let index = event.fields.get("index").or_else(|| event.fields.at(0)).and_then(Value::as_u64);
                match index {
                    Some(index) => (0..len as u64).map(|at| applied(at < index)).collect(),
                    None => vec![Verdict::Unknown; len],
                }
            }
            _ => vec![Verdict::Unknown; len],
        }
    }

    fn force_batch(&self, len: usize) -> Vec<Verdict> {
        if self.items.iter().all(|completed| *completed) {
            return vec![Verdict::Applied; len];
        }
        if self.batches == 1 && self.items.len() == len {
            return self.items.iter().map(|completed| applied(*completed)).collect();
        }
        vec![Verdict::Unknown; len]
    }

    fn if_else(&self, len: usize) -> Vec<Verdict> {
        match (self.main_taken, self.fallback_taken, self.choices, len) {
            (1, 0, 1, 2) => vec![Verdict::Applied, Verdict::NotApplied],
            (0, 1, 1, 2) => vec![Verdict::NotApplied, Verdict::Applied],
            _ => vec![Verdict::Unknown; len],
        }
    }
}

/// The result in the only event of its kind, about the only wrapper of its kind.
fn result(event: Only<'_>, field: &str, wrappers: usize) -> Verdict {
    match (event, wrappers) {
        (Only::One(event), 1) => {
            // The oldest runtimes do not name the only field.
            let result = event.fields.get(field).or(Some(&event.fields));
            is_ok(result).map_or(Verdict::Unknown, applied)
        }
        _ => Verdict::Unknown,
    }
}

fn applied(yes: bool) -> Verdict {
    if yes { Verdict::Applied } else { Verdict::NotApplied }
}
