//! Where pallets, calls, events and errors of the simulated runtime have their numbers: in its metadata.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use parity_scale_codec::{Decode, Encode, Output};
use scale_info::{PortableRegistry, TypeDef};

use super::Failure;
use crate::decode::Runtime;
use crate::source::SourceError;

/// Metadata V15 of spec 461 without documentation texts.
const METADATA: &[u8] = include_bytes!("../../../assets/subtensor-461-v15.scale");

type Numbers = HashMap<(String, String), [u8; 2]>;

/// The runtime and the numbers of what it names.
#[derive(Debug)]
pub(super) struct Codec {
    pub(super) runtime: Arc<Runtime>,
    calls: Numbers,
    events: Numbers,
    errors: Numbers,
}

/// Bytes that are already encoded.
pub(super) struct Raw<'b>(pub(super) &'b [u8]);

impl Encode for Raw<'_> {
    fn encode_to<T: Output + ?Sized>(&self, out: &mut T) {
        out.write(self.0);
    }
}

impl Codec {
    /// The codec of all simulated networks; made once in a process.
    pub(super) fn shared() -> Result<Arc<Self>, SourceError> {
        static CODEC: LazyLock<Result<Arc<Codec>, String>> = LazyLock::new(|| Codec::new().map(Arc::new));
        CODEC.clone().map_err(|message| SourceError::fatal(format!("the built-in metadata is unusable: {message}")))
    }

    fn new() -> Result<Self, String> {
        let runtime = Runtime::from_metadata(METADATA).map_err(|error| error.to_string())?;
        let metadata = RuntimeMetadataPrefixed::decode(&mut &*METADATA).map_err(|error| error.to_string())?;
        let RuntimeMetadata::V15(metadata) = metadata.1 else { return Err("it is not of version 15".to_owned()) };
        let (mut calls, mut events, mut errors) = (Numbers::new(), Numbers::new(), Numbers::new());
        for pallet in &metadata.pallets {
            let outer = (pallet.name.as_str(), pallet.index);
            let types = &metadata.types;
            number(types, outer, pallet.calls.as_ref().map(|calls| calls.ty.id), &mut calls);
            number(types, outer, pallet.event.as_ref().map(|event| event.ty.id), &mut events);
            number(types, outer, pallet.error.as_ref().map(|error| error.ty.id), &mut errors);
        }
        Ok(Self { runtime: Arc::new(runtime), calls, events, errors })
    }

    /// A call with its arguments.
    pub(super) fn call(&self, pallet: &str, name: &str, args: &impl Encode) -> Vec<u8> {
        named(&self.calls, pallet, name, args)
    }

    /// An event with its fields.
    pub(super) fn event(&self, pallet: &str, name: &str, fields: &impl Encode) -> Vec<u8> {
        named(&self.events, pallet, name, fields)
    }

    /// A dispatch error.
    pub(super) fn failure(&self, failure: Failure) -> Vec<u8> {
        match failure {
            Failure::Token(kind) => vec![7, kind],
            Failure::Module(pallet, name) => {
                let [pallet, error] = find(&self.errors, pallet, name);
                vec![3, pallet, error, 0, 0, 0]
            }
        }
    }
}

fn number(types: &PortableRegistry, outer: (&str, u8), ty: Option<u32>, into: &mut Numbers) {
    let Some(ty) = ty.and_then(|ty| types.resolve(ty)) else { return };
    if let TypeDef::Variant(variants) = &ty.type_def {
        for variant in &variants.variants {
            into.insert((outer.0.to_owned(), variant.name.clone()), [outer.1, variant.index]);
        }
    }
}

fn find(numbers: &Numbers, pallet: &str, name: &str) -> [u8; 2] {
    let found = numbers.get(&(pallet.to_owned(), name.to_owned()));
    debug_assert!(found.is_some(), "{pallet}.{name} is not in the metadata");
    // No call, event or error has these numbers: a slip shows as an undecodable block, which the tests look for.
    found.copied().unwrap_or([u8::MAX; 2])
}

fn named(numbers: &Numbers, pallet: &str, name: &str, fields: &impl Encode) -> Vec<u8> {
    let mut bytes = find(numbers, pallet, name).to_vec();
    fields.encode_to(&mut bytes);
    bytes
}
