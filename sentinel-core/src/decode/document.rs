//! Extrinsics and events as JSON documents, with the keys that users of Bittensor's SDK have in their scripts.

use std::io::Write as _;

use serde::Serialize;

use super::block::{BlockIndex, Outcome};
use super::error::DecodeError;
use super::event::{EventRecord, Phase};
use super::extrinsic::Extrinsic;
use super::json::{JsonOptions, push_hex, write_text};
use super::nested::{NestedCall, carries, nested_calls};
use super::value::{Call, Event, Value};

/// Everything about one extrinsic that takes its events to know.
#[derive(Debug)]
pub struct ExtrinsicFacts {
    /// Its call.
    pub call: Call,
    /// How it ended; `None` where the events do not say.
    pub outcome: Option<Outcome>,
    /// The subnet it is about: its argument `netuid`, or the one that all its nested calls share.
    pub netuid: Option<u64>,
    /// Decoded for wrappers only.
    events: Vec<Event>,
    signer: Option<crate::chain::AccountId>,
}

impl ExtrinsicFacts {
    /// The calls inside the call.
    pub fn nested(&self) -> Vec<NestedCall<'_>> {
        let succeeded = self.outcome.as_ref().map(|outcome| *outcome == Outcome::Success);
        nested_calls(&self.call, self.signer, succeeded, &self.events)
    }
}

impl<'r, 'b> BlockIndex<'r, 'b> {
    /// Decodes one extrinsic with what its events say of it; `None` if there is no such extrinsic.
    pub fn facts(&self, at: usize) -> Option<Result<ExtrinsicFacts, DecodeError>> {
        Some(match self.extrinsics().get(at)? {
            Ok(extrinsic) => self.facts_of(at, extrinsic),
            Err(error) => Err(error.clone()),
        })
    }

    fn facts_of(&self, at: usize, extrinsic: &Extrinsic<'r, 'b>) -> Result<ExtrinsicFacts, DecodeError> {
        let Value::Call(call) = extrinsic.call().to_value()? else {
            return Err(DecodeError::new(super::DecodeErrorKind::Unsupported("a call type that is no call"), 0));
        };
        // Only wrappers are judged by their events.
        let mut events = Vec::new();
        if carries(&call) {
            for event in self.events_of(at) {
                if let Value::Event(event) = event.event().to_value()? {
                    events.push(*event);
                }
            }
        }
        let mut facts = ExtrinsicFacts {
            call: *call,
            outcome: self.outcome(at)?,
            netuid: None,
            events,
            signer: extrinsic.signer(),
        };
        facts.netuid = netuid_arg(&facts.call).or_else(|| {
            let mut netuids = facts.nested().into_iter().map(|nested| netuid_arg(nested.call));
            let first = netuids.next()??;
            netuids.all(|netuid| netuid == Some(first)).then_some(first)
        });
        Ok(facts)
    }

    /// Appends one extrinsic with status, error, nested calls and events. Without a block number it has no ids.
    ///
    /// # Errors
    /// What does not decode, with `out` as it was; the other extrinsics are not affected.
    pub fn write_extrinsic(
        &self,
        at: usize,
        block: Option<u64>,
        options: JsonOptions,
        out: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        match self.facts(at) {
            Some(facts) => self.write_facts(at, &facts?, block, options, out),
            None => Ok(()),
        }
    }

    /// As [`write_extrinsic`](Self::write_extrinsic), for a caller who has the [`facts`](Self::facts) already.
    pub fn write_facts(
        &self,
        at: usize,
        facts: &ExtrinsicFacts,
        block: Option<u64>,
        options: JsonOptions,
        out: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        let before = out.len();
        self.try_write_extrinsic(at, facts, block, options, out).inspect_err(|_| out.truncate(before))
    }

    fn try_write_extrinsic(
        &self,
        at: usize,
        facts: &ExtrinsicFacts,
        block: Option<u64>,
        options: JsonOptions,
        out: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        let extrinsic = match self.extrinsics().get(at) {
            Some(Ok(extrinsic)) => extrinsic,
            Some(Err(error)) => return Err(error.clone()),
            None => return Ok(()),
        };
        out.push(b'{');
        write_id(block, at, out);
        key(out, "index");
        number(out, at as u64);
        out.push(b',');
        write_envelope(extrinsic, options, out)?;
        key(out, ",status");
        out.extend_from_slice(match &facts.outcome {
            Some(Outcome::Success) => b"\"success\"",
            Some(Outcome::Failed(_)) => b"\"failed\"",
            None => b"null",
        });
        key(out, ",error");
        match &facts.outcome {
            Some(Outcome::Failed(error)) => serialized(out, error),
            _ => out.extend_from_slice(b"null"),
        }
        key(out, ",netuid");
        serialized(out, &facts.netuid);
        key(out, ",nested");
        self.write_nested(extrinsic, &facts.nested(), options, out)?;
        key(out, ",events");
        write_events(block, self.events_of(at), options, out)?;
        out.push(b'}');
        Ok(())
    }

    fn write_nested(
        &self,
        extrinsic: &Extrinsic<'r, 'b>,
        nested: &[NestedCall<'_>],
        options: JsonOptions,
        out: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        out.push(b'[');
        for (at, nested) in nested.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            key(out, "{path");
            write_text(out, &nested.path);
            key(out, ",call");
            extrinsic.inner_call(nested.call.span.clone()).write_json(out, options)?;
            key(out, ",effective_origin");
            serialized(out, &nested.effective_origin);
            key(out, ",succeeded");
            serialized(out, &nested.succeeded);
            out.push(b'}');
        }
        out.push(b']');
        Ok(())
    }
}

fn netuid_arg(call: &Call) -> Option<u64> {
    call.arg("netuid").and_then(Value::as_u64)
}

/// Appends one extrinsic by itself, without what only its events tell.
pub fn write_extrinsic(
    extrinsic: &Extrinsic<'_, '_>,
    options: JsonOptions,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let before = out.len();
    out.push(b'{');
    write_envelope(extrinsic, options, out).inspect_err(|_| out.truncate(before))?;
    out.push(b'}');
    Ok(())
}

fn write_envelope(extrinsic: &Extrinsic<'_, '_>, options: JsonOptions, out: &mut Vec<u8>) -> Result<(), DecodeError> {
    key(out, "extrinsic_hash");
    hex(out, "0x", &extrinsic.hash());
    key(out, ",call");
    extrinsic.call().write_json(out, options)?;
    key(out, ",address");
    match extrinsic.address() {
        Some(address) => address.write_json(out, options)?,
        None => out.extend_from_slice(b"null"),
    }
    key(out, ",signature");
    match extrinsic.signature() {
        Some(signature) => signature.write_json(out, options)?,
        None => out.extend_from_slice(b"null"),
    }
    key(out, ",nonce");
    serialized(out, &extrinsic.nonce());
    key(out, ",tip");
    match extrinsic.tip() {
        Some(tip) if options.safe_integers && tip > 1 << 53 => serialized(out, &tip.to_string()),
        tip => serialized(out, &tip),
    }
    key(out, ",era");
    match extrinsic.era() {
        Some(era) => hex(out, "", era),
        None => out.extend_from_slice(b"null"),
    }
    Ok(())
}

/// Appends events as a JSON list. Without a block number they have no ids.
pub fn write_events<'e, 'r: 'e, 'b: 'e>(
    block: Option<u64>,
    events: impl Iterator<Item = &'e EventRecord<'r, 'b>>,
    options: JsonOptions,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let before = out.len();
    out.push(b'[');
    for (at, event) in events.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_event(block, event, options, out).inspect_err(|_| out.truncate(before))?;
    }
    out.push(b']');
    Ok(())
}

/// Appends one event: `{id, event_index, phase, extrinsic_idx, module_id, event_id, attributes, topics}`.
pub fn write_event(
    block: Option<u64>,
    event: &EventRecord<'_, '_>,
    options: JsonOptions,
    out: &mut Vec<u8>,
) -> Result<(), DecodeError> {
    let before = out.len();
    out.push(b'{');
    write_id(block, event.position() as usize, out);
    key(out, "phase");
    let (phase, extrinsic) = match event.phase() {
        Phase::ApplyExtrinsic(at) => ("ApplyExtrinsic", Some(at)),
        Phase::Finalization => ("Finalization", None),
        Phase::Initialization => ("Initialization", None),
    };
    write_text(out, phase);
    key(out, ",extrinsic_idx");
    serialized(out, &extrinsic);
    out.push(b',');
    // The event as a value is an object itself; its entries become ours.
    let start = out.len();
    event.event().write_json(out, options).inspect_err(|_| out.truncate(before))?;
    out.pop();
    out.remove(start);
    key(out, ",topics");
    out.push(b'[');
    for (at, topic) in event.topics().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        hex(out, "0x", topic);
    }
    out.extend_from_slice(b"]}");
    Ok(())
}

/// `"id":"<block>-<index, 4 digits>",`
fn write_id(block: Option<u64>, index: usize, out: &mut Vec<u8>) {
    if let Some(block) = block {
        // Writing to a vector cannot fail.
        let _ = write!(out, "\"id\":\"{block}-{index:04}\",");
    }
}

/// Appends `"name":`; a leading `,` or `{` stays in front.
fn key(out: &mut Vec<u8>, name: &str) {
    let name = match name.strip_prefix([',', '{']) {
        Some(rest) => {
            out.push(name.as_bytes()[0]);
            rest
        }
        None => name,
    };
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn hex(out: &mut Vec<u8>, prefix: &str, bytes: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(prefix.as_bytes());
    push_hex(out, bytes);
    out.push(b'"');
}

fn serialized(out: &mut Vec<u8>, value: &impl Serialize) {
    // Writing plain data to a vector cannot fail.
    let _ = serde_json::to_writer(out, value);
}
