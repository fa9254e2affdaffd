//! Asking for one hostile input by every way out, without keeping more than one answer at a time.

use sentinel_core::decode::{
    DecodeError, Decoded, JsonOptions, JsonWriter, Runtime, strip_docs, write_event, write_events, write_extrinsic,
};

/// What the bytes pretend to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// A value of this type.
    Type(u32),
    Call,
    Extrinsic,
    Events,
    /// A key of `SubtensorModule.Tempo`.
    Key,
    Metadata,
}

const OPTIONS: JsonOptions =
    JsonOptions { strict_bytes: false, safe_integers: true, extrinsic_hashes: true, call_hashes: true };

impl What {
    /// Whether the bytes are read; every way out agrees on that.
    pub(crate) fn is_read(self, runtime: &Runtime, bytes: &[u8]) -> bool {
        match self {
            Self::Type(id) => value(&runtime.decode(id, bytes).expect("the type exists")).is_ok(),
            Self::Call => value(&runtime.call(bytes)).is_ok(),
            Self::Extrinsic => extrinsic(runtime, bytes).is_ok(),
            Self::Events => events(runtime, bytes).is_ok(),
            Self::Key => {
                let item = runtime.storage_item("SubtensorModule", "Tempo").expect("every subtensor has it");
                item.key_parts(runtime, &[&item.prefix()[..], bytes].concat()).is_ok()
            }
            Self::Metadata => {
                let stripped = strip_docs(bytes).is_ok();
                let compiled = Runtime::from_metadata(bytes).is_ok();
                assert!(stripped || !compiled);
                compiled
            }
        }
    }
}

fn value(decoded: &Decoded<'_, '_>) -> Result<(), DecodeError> {
    let result = decoded.to_value().map(drop);
    assert_eq!(decoded.write_json(&mut Vec::new(), OPTIONS), result);
    assert_eq!(serde_json::to_writer(std::io::sink(), decoded).is_ok(), result.is_ok());
    result
}

fn extrinsic(runtime: &Runtime, bytes: &[u8]) -> Result<(), DecodeError> {
    let block = [bytes];
    let index = runtime.index(&block, &[0])?;
    let in_block = index.write_extrinsic(0, Some(1), &mut JsonWriter::new(OPTIONS));
    let alone = runtime.extrinsic(bytes).and_then(|extrinsic| {
        value(&extrinsic.call())?;
        write_extrinsic(&extrinsic, &mut JsonWriter::new(OPTIONS))
    });
    assert_eq!(in_block.is_ok(), alone.is_ok());
    alone
}

fn events(runtime: &Runtime, bytes: &[u8]) -> Result<(), DecodeError> {
    let item = runtime.storage_item("System", "Events").expect("every runtime has events");
    let as_value = value(&item.value(runtime, bytes));
    let written = runtime.events(bytes).and_then(|events| {
        let mut writer = JsonWriter::new(OPTIONS);
        events.iter().try_for_each(|event| {
            writer.clear();
            write_event(None, event, &mut writer)
        })?;
        writer.clear();
        write_events(Some(1), events.iter(), &mut writer)
    });
    assert_eq!(as_value.is_ok(), written.is_ok());
    written
}
