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
/// said rather than guessed.
pub(super) struct Verdicts<'e> {
    events: &'e [Event],
    batches: usize,
    sudos: usize,
    proxies: usize,
    multisigs: usize,
    origins: usize,
    choices: usize,
}

impl<'e> Verdicts<'e> {
    pub(super) fn new(wrappers: &[&Call], events: &'e [Event]) -> Self {
        let count = |pallet: &str, name: &str| {
            wrappers.iter().filter(|call| call.pallet == pallet && call.name.starts_with(name)).count()
        };
        Self {
            events,
            batches: count("Utility", "batch") + count("Utility", "force_batch"),
            sudos: count("Sudo", ""),
            proxies: count("Proxy", ""),
            multisigs: count("Multisig", "as_multi"),
            origins: count("Utility", "dispatch_as"),
            choices: count("Utility", "if_else"),
        }
    }

    /// Verdicts on the `len` calls directly inside `wrapper`, which itself has this one.
    pub(super) fn of_inner(&self, wrapper: &Call, len: usize, outer: Verdict) -> Vec<Verdict> {
        match outer {
            // What fails is rolled back, with everything inside.
            Verdict::NotApplied => return vec![Verdict::NotApplied; len],
            Verdict::Unknown => return vec![Verdict::Unknown; len],
            Verdict::Applied => {}
        }
        match (wrapper.pallet.as_str(), wrapper.name.as_str()) {
            ("Utility", "batch_all" | "with_weight" | "as_derivative") => vec![Verdict::Applied; len],
            ("Utility", "batch") => self.batch(len),
            ("Utility", "force_batch") => self.force_batch(len),
            ("Utility", "dispatch_as_fallible") => vec![Verdict::Applied; len],
            ("Utility", "dispatch_as") => self.result("Utility", "DispatchedAs", "result", self.origins, len),
            ("Utility", "if_else") => self.if_else(len),
            ("Sudo", "sudo_as") => self.result("Sudo", "SudoAsDone", "sudo_result", self.sudos, len),
            ("Sudo", _) => self.result("Sudo", "Sudid", "sudo_result", self.sudos, len),
            ("Proxy", _) => self.result("Proxy", "ProxyExecuted", "result", self.proxies, len),
            ("Multisig", "as_multi_threshold_1") => vec![Verdict::Applied; len],
            ("Multisig", _) => {
                // Without an execution this was one approval among several still missing.
                let executed = self.named("Multisig", "MultisigExecuted").next().is_some();
                match executed || self.multisigs != 1 {
                    true => self.result("Multisig", "MultisigExecuted", "result", self.multisigs, len),
                    false => vec![Verdict::NotApplied; len],
                }
            }
            // Scheduled, or kept for later.
            _ => vec![Verdict::Unknown; len],
        }
    }

    fn named(&self, pallet: &str, name: &str) -> impl Iterator<Item = &'e Event> {
        self.events.iter().filter(move |event| event.pallet == pallet && event.name == name)
    }

    /// The result in the only event of its kind, about the only wrapper of its kind.
    fn result(&self, pallet: &str, name: &str, field: &str, wrappers: usize, len: usize) -> Vec<Verdict> {
        let mut events = self.named(pallet, name);
        let verdict = match (events.next(), events.next(), wrappers) {
            (Some(event), None, 1) => {
                // The oldest runtimes do not name the only field.
                let result = event.fields.get(field).or(Some(&event.fields));
                is_ok(result).map_or(Verdict::Unknown, applied)
            }
            _ => Verdict::Unknown,
        };
        vec![verdict; len]
    }

    fn batch(&self, len: usize) -> Vec<Verdict> {
        let mut interrupted = self.named("Utility", "BatchInterrupted");
        match (interrupted.next(), self.batches) {
            (None, _) => vec![Verdict::Applied; len],
            (Some(event), 1) => {
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
        if self.named("Utility", "ItemFailed").next().is_none() {
            return vec![Verdict::Applied; len];
        }
        let items: Vec<Verdict> = self
            .events
            .iter()
            .filter(|event| event.pallet == "Utility")
            .filter_map(|event| match event.name.as_str() {
                "ItemCompleted" => Some(Verdict::Applied),
                "ItemFailed" => Some(Verdict::NotApplied),
                _ => None,
            })
            .collect();
        if self.batches == 1 && items.len() == len { items } else { vec![Verdict::Unknown; len] }
    }

    fn if_else(&self, len: usize) -> Vec<Verdict> {
        let main = self.named("Utility", "IfElseMainSuccess").count();
        let fallback = self.named("Utility", "IfElseFallbackCalled").count();
        match (main, fallback, self.choices, len) {
            (1, 0, 1, 2) => vec![Verdict::Applied, Verdict::NotApplied],
            (0, 1, 1, 2) => vec![Verdict::NotApplied, Verdict::Applied],
            _ => vec![Verdict::Unknown; len],
        }
    }
}

fn applied(yes: bool) -> Verdict {
    if yes { Verdict::Applied } else { Verdict::NotApplied }
}
