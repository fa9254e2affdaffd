//! Extrinsics and events as JSON documents, with the keys that users of Bittensor's SDK have in their scripts.

mod columns;

use std::io::Write as _;

use serde::Serialize;

pub use columns::ExtrinsicColumns;

use super::block::{BlockIndex, Outcome};
use super::error::DecodeError;
use super::event::{EventRecord, Phase};
use super::extrinsic::Extrinsic;
use super::json::{JsonOptions, JsonWriter, write_text};
use super::nested::{NestedCall, carries, nested_calls};
use super::value::{Call, Event, Value};
use crate::chain::blake2_256_all;

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
    /// What does not decode, with the writer's buffer as it was; the other extrinsics are not affected.
    pub fn write_extrinsic(&self, at: usize, block: Option<u64>, writer: &mut JsonWriter) -> Result<(), DecodeError> {
        match self.facts(at) {
            Some(facts) => self.write_facts(at, &facts?, block, writer),
            None => Ok(()),
        }
    }

    /// As [`write_extrinsic`](Self::write_extrinsic), for a caller who has the [`facts`](Self::facts) already.
    pub fn write_facts(
        &self,
        at: usize,
        facts: &ExtrinsicFacts,
        block: Option<u64>,
        writer: &mut JsonWriter,
    ) -> Result<(), DecodeError> {
        let extrinsic = match self.extrinsics().get(at) {
            Some(Ok(extrinsic)) => extrinsic,
            Some(Err(error)) => return Err(error.clone()),
            None => return Ok(()),
        };
        writer.whole(|writer| {
            writer.push(b"{");
            write_id(block, at, writer);
            self.write_outcome(at, extrinsic, facts.outcome.as_ref(), Hashes::default(), writer)?;
            writer.push(b",\"netuid\":");
            serialized(writer, &facts.netuid);
            writer.push(b",\"nested\":");
            write_nested(extrinsic, &facts.nested(), writer)?;
            writer.push(b",\"events\":");
            write_events(block, self.events_of(at), writer)?;
            writer.push(b"}");
            Ok(())
        })
    }

    fn write_outcome(
        &self,
        at: usize,
        extrinsic: &Extrinsic<'r, 'b>,
        outcome: Option<&Outcome>,
        hashes: Hashes,
        writer: &mut JsonWriter,
    ) -> Result<(), DecodeError> {
        writer.push(b"\"index\":");
        number(writer, at as u64);
        writer.push(b",");
        write_envelope(extrinsic, hashes, writer)?;
        writer.push(match outcome {
            Some(Outcome::Success) => b",\"status\":\"success\",\"error\":null",
            Some(Outcome::Failed(_)) => b",\"status\":\"failed\",\"error\":",
            None => b",\"status\":null,\"error\":null",
        });
        if let Some(Outcome::Failed(error)) = outcome {
            serialized(writer, error);
        }
        Ok(())
    }

    /// Appends the whole block: `{"extrinsics":[…],"events":[…]}`, each event once and after the extrinsics.
    ///
    /// This is the fastest way from bytes to text. An extrinsic has its envelope, call, status and error; the nested
    /// calls and the events of each are what [`write_extrinsic`](Self::write_extrinsic) adds. One that does not decode is
    /// `{"index":…,"decode_error":"…"}`, and hides no other.
    ///
    /// # Errors
    /// An event that does not decode, with the writer's buffer as it was.
    pub fn write_json(&self, writer: &mut JsonWriter) -> Result<(), DecodeError> {
        let hashes = self.hashes(writer.options());
        writer.whole(|writer| {
            writer.push(b"{\"extrinsics\":[");
            for (at, extrinsic) in self.extrinsics().iter().enumerate() {
                if at > 0 {
                    writer.push(b",");
                }
                let written = extrinsic.as_ref().map_err(DecodeError::clone).and_then(|extrinsic| {
                    let outcome = self.outcome(at)?;
                    writer.whole(|writer| {
                        writer.push(b"{");
                        let hashes = hashes.get(at).copied().unwrap_or_default();
                        self.write_outcome(at, extrinsic, outcome.as_ref(), hashes, writer)?;
                        writer.push(b"}");
                        Ok(())
                    })
                });
                if let Err(error) = written {
                    writer.push(b"{\"index\":");
                    number(writer, at as u64);
                    writer.push(b",\"decode_error\":");
                    write_text(writer.buffer(), &error.to_string());
                    writer.push(b"}");
                }
            }
            writer.push(b"],\"events\":");
            write_events(None, self.events().iter(), writer)?;
            writer.push(b"}");
            Ok(())
        })
    }
}

/// Hashes known before a document is written; those that are not are made when they are needed.
#[derive(Debug, Clone, Copy, Default)]
struct Hashes {
    extrinsic: Option<[u8; 32]>,
    call: Option<[u8; 32]>,
}

impl BlockIndex<'_, '_> {
    /// The hashes that these options ask for, of all extrinsics: together they take half the time of one by one.
    fn hashes(&self, options: JsonOptions) -> Vec<Hashes> {
        let mut hashes = Vec::new();
        if options.extrinsic_hashes || options.call_hashes {
            hashes.resize(self.extrinsics().len(), Hashes::default());
        }
        let readable = || self.extrinsics().iter().enumerate().filter_map(|(at, one)| Some((at, one.as_ref().ok()?)));
        if options.extrinsic_hashes {
            let all = blake2_256_all(readable().map(|(_, extrinsic)| extrinsic.bytes()));
            readable().zip(all).for_each(|((at, _), hash)| hashes[at].extrinsic = Some(hash));
        }
        if options.call_hashes {
            let all = blake2_256_all(readable().map(|(_, extrinsic)| extrinsic.call().bytes()));
            readable().zip(all).for_each(|((at, _), hash)| hashes[at].call = Some(hash));
        }
        hashes
    }
}

fn write_nested(
    extrinsic: &Extrinsic<'_, '_>,
    nested: &[NestedCall<'_>],
    writer: &mut JsonWriter,
) -> Result<(), DecodeError> {
    writer.push(b"[");
    for (at, nested) in nested.iter().enumerate() {
        writer.push(if at > 0 { b",{\"path\":" } else { b"{\"path\":" });
        write_text(writer.buffer(), &nested.path);
        writer.push(b",\"call\":");
        extrinsic.inner_call(nested.call.span.clone()).write_to(writer)?;
        writer.push(b",\"effective_origin\":");
        serialized(writer, &nested.effective_origin);
        writer.push(b",\"succeeded\":");
        serialized(writer, &nested.succeeded);
        writer.push(b"}");
    }
    writer.push(b"]");
    Ok(())
}

fn netuid_arg(call: &Call) -> Option<u64> {
    call.arg("netuid").and_then(Value::as_u64)
}

/// Appends one extrinsic by itself, without what only its events tell.
pub fn write_extrinsic(extrinsic: &Extrinsic<'_, '_>, writer: &mut JsonWriter) -> Result<(), DecodeError> {
    writer.whole(|writer| {
        writer.push(b"{");
        write_envelope(extrinsic, Hashes::default(), writer)?;
        writer.push(b"}");
        Ok(())
    })
}

fn write_envelope(extrinsic: &Extrinsic<'_, '_>, hashes: Hashes, writer: &mut JsonWriter) -> Result<(), DecodeError> {
    if writer.options().extrinsic_hashes {
        writer.push(b"\"extrinsic_hash\":");
        let hash = hashes.extrinsic.unwrap_or_else(|| extrinsic.hash());
        writer.quoted_hex(b"0x", &hash);
        writer.push(b",");
    }
    writer.push(b"\"call\":");
    writer.set_call_hash(hashes.call);
    extrinsic.call().write_to(writer)?;
    match (extrinsic.address(), extrinsic.signature()) {
        (Some(address), Some(signature)) => {
            writer.push(b",\"address\":");
            address.write_to(writer)?;
            writer.push(b",\"signature\":");
            signature.write_to(writer)?;
        }
        _ => writer.push(b",\"address\":null,\"signature\":null"),
    }
    writer.push(b",\"nonce\":");
    match extrinsic.nonce() {
        Some(nonce) => number(writer, nonce),
        None => writer.push(b"null"),
    }
    writer.push(b",\"tip\":");
    match extrinsic.tip() {
        Some(tip) if writer.options().safe_integers && tip > 1 << 53 => serialized(writer, &tip.to_string()),
        Some(tip) => writer.push(itoa::Buffer::new().format(tip).as_bytes()),
        None => writer.push(b"null"),
    }
    writer.push(b",\"era\":");
    match extrinsic.era() {
        Some(era) => writer.quoted_hex(b"", era),
        None => writer.push(b"null"),
    }
    Ok(())
}

/// Appends events as a JSON list. Without a block number they have no ids.
pub fn write_events<'e, 'r: 'e, 'b: 'e>(
    block: Option<u64>,
    events: impl Iterator<Item = &'e EventRecord<'r, 'b>>,
    writer: &mut JsonWriter,
) -> Result<(), DecodeError> {
    writer.whole(|writer| {
        writer.push(b"[");
        for (at, event) in events.enumerate() {
            if at > 0 {
                writer.push(b",");
            }
            write_event(block, event, writer)?;
        }
        writer.push(b"]");
        Ok(())
    })
}

/// Appends one event: `{id, phase, extrinsic_idx, event_index, module_id, event_id, attributes, topics}`.
pub fn write_event(
    block: Option<u64>,
    event: &EventRecord<'_, '_>,
    writer: &mut JsonWriter,
) -> Result<(), DecodeError> {
    writer.whole(|writer| {
        writer.push(b"{");
        write_id(block, event.position() as usize, writer);
        match event.phase() {
            Phase::ApplyExtrinsic(at) => {
                writer.push(b"\"phase\":\"ApplyExtrinsic\",\"extrinsic_idx\":");
                number(writer, u64::from(at));
                writer.push(b",");
            }
            Phase::Finalization => writer.push(b"\"phase\":\"Finalization\",\"extrinsic_idx\":null,"),
            Phase::Initialization => writer.push(b"\"phase\":\"Initialization\",\"extrinsic_idx\":null,"),
        }
        // The event as a value is an object itself; its entries become ours.
        writer.push(event.head());
        writer.attributes_only(|writer| event.event().visit(writer))?;
        let topics = event.topics();
        if topics.len() == 0 {
            // Almost every event.
            writer.push(b",\"topics\":[]}");
            return Ok(());
        }
        for (at, topic) in topics.enumerate() {
            writer.push(if at == 0 { b",\"topics\":[" } else { b"," });
            writer.quoted_hex(b"0x", topic);
        }
        writer.push(b"]}");
        Ok(())
    })
}

/// `"id":"<block>-<index, 4 digits>",`
fn write_id(block: Option<u64>, index: usize, writer: &mut JsonWriter) {
    if let Some(block) = block {
        // Writing to a vector cannot fail.
        let _ = write!(writer.buffer(), "\"id\":\"{block}-{index:04}\",");
    }
}

fn number(writer: &mut JsonWriter, number: u64) {
    writer.push(itoa::Buffer::new().format(number).as_bytes());
}

fn serialized(writer: &mut JsonWriter, value: &impl Serialize) {
    // Writing plain data to a vector cannot fail.
    let _ = serde_json::to_writer(writer.buffer(), value);
}
