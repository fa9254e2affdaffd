//! One runtime: its metadata compiled for decoding.

mod pallet;

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;

use parity_scale_codec::Decode;

use super::decoded::Decoded;
use super::error::{DecodeError, DecodeErrorKind};
use super::metadata::{self, MetadataError, View};
use super::plan::{self, Item, Layout, Op, PlanId, Plans, Variant};
use crate::chain::blake2_256;

pub use pallet::{Constant, ErrorInfo, KeyError, Pallet, StorageItem};

/// Name and versions of a runtime.
#[derive(Debug, Clone, PartialEq, Eq, Decode, serde::Serialize, serde::Deserialize)]
pub struct RuntimeVersion {
    /// Name of the runtime: `node-subtensor`.
    pub spec_name: String,
    /// Name of the implementation.
    pub impl_name: String,
    /// Version of the block authoring interface.
    pub authoring_version: u32,
    /// Grows with every change of behaviour.
    pub spec_version: u32,
    /// Grows with changes that keep the behaviour.
    pub impl_version: u32,
    /// Runtime APIs by the hash of their name, with their versions.
    #[serde(skip)]
    apis: Vec<([u8; 8], u32)>,
    /// Grows when the format of extrinsics changes.
    pub transaction_version: u32,
    /// Version of the state trie.
    pub state_version: u8,
}

/// One runtime: its metadata compiled for decoding.
///
/// Compiled once, immutable, shared between threads. Everything is found by name; indexes shift between runtimes.
///
/// ```no_run
/// use sentinel_core::decode::{JsonOptions, Runtime};
///
/// let runtime = Runtime::from_metadata(&std::fs::read("metadata.scale")?)?;
/// let tempo = runtime.storage_item("SubtensorModule", "Tempo").expect("every subtensor has it");
/// let mut json = Vec::new();
/// tempo.value(&runtime, &[0x68, 0x01]).write_json(&mut json, JsonOptions::default())?;
/// assert_eq!(json, b"360");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Runtime {
    metadata: Box<[u8]>,
    metadata_version: u32,
    digest: OnceLock<[u8; 32]>,
    version: RuntimeVersion,
    pub(crate) plans: Plans,
    pub(crate) parts: Parts,
    pallets: Vec<Pallet>,
    apis: HashMap<String, Api>,
}

/// Plans of the parts of a block.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) call: PlanId,
    pub(crate) event: PlanId,
    pub(crate) address: PlanId,
    pub(crate) signature: PlanId,
    pub(crate) address_form: AddressForm,
    /// Transaction extensions by the version of their set.
    pub(crate) extensions: Vec<(u8, Vec<Extension>)>,
    /// Pallet and event index of `System.ExtrinsicSuccess` and `System.ExtrinsicFailed`.
    pub(crate) success: Option<[u8; 2]>,
    pub(crate) failed: Option<[u8; 2]>,
    /// Discriminant of the dispatch error of a pallet: its index and its code follow.
    pub(crate) module_error: Option<u8>,
}

/// How an address says that it is an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddressForm {
    /// It is nothing else.
    Account,
    /// By this discriminant.
    Variant(u8),
    /// Not at all.
    Other,
}

#[derive(Debug)]
pub(crate) struct Extension {
    pub(crate) name: String,
    pub(crate) plan: PlanId,
    pub(crate) role: ExtensionRole,
}

/// What an extension tells about an extrinsic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExtensionRole {
    Era,
    Nonce,
    Tip,
    Other,
}

/// A runtime API function.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    inputs: Vec<(String, PlanId)>,
    output: PlanId,
}

impl Runtime {
    /// Compiles metadata of version 14, 15 or 16.
    pub fn from_metadata(bytes: &[u8]) -> Result<Self, MetadataError> {
        let metadata = metadata::parse(bytes)?;
        let view = View::new(&metadata)?;
        let plans = plan::compile(view.types, view.call, view.event)?;
        let pallets: Vec<Pallet> = view.pallets.iter().map(|pallet| Pallet::new(pallet, view.types)).collect();
        let version = pallets
            .iter()
            .find(|pallet| pallet.name() == "System")
            .and_then(|system| system.constant("Version"))
            .ok_or_else(|| MetadataError::Inconsistent("no constant System.Version".to_owned()))?;
        let version = RuntimeVersion::decode(&mut version.bytes())
            .map_err(|error| MetadataError::Inconsistent(format!("System.Version: {error}")))?;
        let apis = view
            .apis
            .iter()
            .flat_map(|api| api.methods.iter().map(move |method| (api, method)))
            .map(|(api, method)| {
                let inputs = method.inputs.iter().map(|(name, ty)| ((*name).to_owned(), PlanId(*ty))).collect();
                (format!("{}_{}", api.name, method.name), Api { inputs, output: PlanId(method.output) })
            })
            .collect();
        let parts = Parts::new(&view, &plans);
        Ok(Self {
            metadata: bytes.into(),
            metadata_version: view.version,
            digest: OnceLock::new(),
            version,
            plans,
            parts,
            pallets,
            apis,
        })
    }

    /// The metadata blob that this runtime was compiled from.
    pub fn metadata(&self) -> &[u8] {
        &self.metadata
    }

    /// The version of the metadata format: 14, 15 or 16.
    pub fn metadata_version(&self) -> u32 {
        self.metadata_version
    }

    /// blake2b-256 of the metadata blob.
    pub fn digest(&self) -> [u8; 32] {
        *self.digest.get_or_init(|| blake2_256(&self.metadata))
    }

    /// Name and versions, from the constant `System.Version`.
    pub fn version(&self) -> &RuntimeVersion {
        &self.version
    }

    /// All pallets, in the order of the metadata.
    pub fn pallets(&self) -> &[Pallet] {
        &self.pallets
    }

    /// A pallet by name.
    pub fn pallet(&self, name: &str) -> Option<&Pallet> {
        self.pallets.iter().find(|pallet| pallet.name() == name)
    }

    /// A pallet by the index that calls, events and errors carry.
    pub fn pallet_by_index(&self, index: u8) -> Option<&Pallet> {
        self.pallets.iter().find(|pallet| pallet.index() == index)
    }

    /// A storage item by pallet and name.
    pub fn storage_item(&self, pallet: &str, item: &str) -> Option<&StorageItem> {
        self.pallet(pallet)?.storage_item(item)
    }

    /// Number of types; ids run from 0.
    pub fn type_count(&self) -> u32 {
        self.plans.len() as u32
    }

    /// Every name that this runtime's types have, each once, by its [`NameId`](super::NameId).
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.plans.names()
    }

    /// Bytes as a value of the type with this id in the metadata.
    pub fn decode<'b>(&self, type_id: u32, bytes: &'b [u8]) -> Result<Decoded<'_, 'b>, DecodeError> {
        if !self.plans.contains(PlanId(type_id)) {
            return Err(DecodeError::new(DecodeErrorKind::UnknownType(type_id), 0));
        }
        Ok(Decoded::new(&self.plans, PlanId(type_id), bytes))
    }

    /// Bytes as a call (without the envelope of an extrinsic).
    pub fn call<'b>(&self, bytes: &'b [u8]) -> Decoded<'_, 'b> {
        Decoded::new(&self.plans, self.parts.call, bytes)
    }

    /// Whether the metadata describes this runtime API function (`Trait_method`); version 14 describes none.
    pub fn has_api(&self, function: &str) -> bool {
        self.apis.contains_key(function)
    }

    /// Whether the metadata describes runtime APIs at all, so that a missing function is really missing.
    pub fn describes_apis(&self) -> bool {
        !self.apis.is_empty()
    }

    /// The answer of a runtime API function; `None` where the metadata does not describe the function.
    pub fn api_answer<'b>(&self, function: &str, answer: &'b [u8]) -> Option<Decoded<'_, 'b>> {
        Some(Decoded::new(&self.plans, self.apis.get(function)?.output, answer))
    }

    /// Names and number of arguments of a runtime API function.
    pub fn api_inputs(&self, function: &str) -> Option<impl Iterator<Item = &str>> {
        Some(self.apis.get(function)?.inputs.iter().map(|(name, _)| name.as_str()))
    }
}

impl Parts {
    fn new(view: &View<'_>, plans: &Plans) -> Self {
        let role = |name: &str, plan: PlanId| match (name, plans.get(plan).op) {
            ("CheckMortality" | "CheckEra", Op::Era) => ExtensionRole::Era,
            ("CheckNonce", Op::Compact(_)) => ExtensionRole::Nonce,
            ("ChargeTransactionPayment", Op::Compact(_)) => ExtensionRole::Tip,
            _ => ExtensionRole::Other,
        };
        let extensions = view
            .extrinsic
            .extensions
            .iter()
            .map(|(version, extensions)| {
                let extensions = extensions
                    .iter()
                    .map(|extension| {
                        let plan = PlanId(extension.ty);
                        Extension { name: extension.name.to_owned(), plan, role: role(extension.name, plan) }
                    })
                    .collect();
                (*version, extensions)
            })
            .collect();
        let system_event = |name: &str| {
            let text = |id| plans.name(id).text();
            let found = |item: &&Item| text(item.pallet) == "System" && text(item.name) == name;
            plans.events().items().iter().find(found).map(|item| item.index)
        };
        let address_form = match plans.get(PlanId(view.extrinsic.address)).op {
            Op::Account => AddressForm::Account,
            Op::Enum(address) => {
                let is_account = |variant: &&Variant| {
                    let [field] = plans.fields(variant.fields) else { return false };
                    variant.layout == Layout::Transparent && plans.get(field.plan).op == Op::Account
                };
                let account = plans.enumeration(address).variants().iter().find(is_account);
                account.map_or(AddressForm::Other, |variant| AddressForm::Variant(variant.index))
            }
            _ => AddressForm::Other,
        };
        Self {
            call: PlanId(view.call),
            event: PlanId(view.event),
            address: PlanId(view.extrinsic.address),
            signature: PlanId(view.extrinsic.signature),
            address_form,
            extensions,
            success: system_event("ExtrinsicSuccess"),
            failed: system_event("ExtrinsicFailed"),
            module_error: module_error(plans),
        }
    }
}

fn module_error(plans: &Plans) -> Option<u8> {
    let text = |id| plans.name(id).text();
    let failed = plans.events().items().iter();
    let mut failed = failed.filter(|item| text(item.pallet) == "System" && text(item.name) == "ExtrinsicFailed");
    let error = plans.fields(failed.next()?.fields).first()?;
    let Op::Enum(errors) = plans.get(error.plan).op else { return None };
    let module = plans.enumeration(errors).variants().iter().find(|variant| text(variant.name) == "Module")?;
    // Index and code, side by side or in a struct of their own.
    matches!(module.fixed, 2 | 5).then_some(module.index)
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("version", &self.version)
            .field("metadata_version", &self.metadata_version)
            .finish_non_exhaustive()
    }
}
