//! What a runtime's metadata says of one pallet: storage, constants and errors.

use scale_info::{PortableRegistry, TypeDef};

use super::Runtime;
use crate::decode::decoded::Decoded;
use crate::decode::error::DecodeError;
use crate::decode::hash::{Hasher, storage_prefix};
use crate::decode::metadata::view;
use crate::decode::plan::{Op, PlanId};
use crate::decode::value::Value;

/// One pallet of a runtime.
#[derive(Debug)]
pub struct Pallet {
    name: String,
    index: u8,
    storage: Vec<StorageItem>,
    constants: Vec<Constant>,
    errors: Vec<ErrorInfo>,
}

/// One error of a pallet.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ErrorInfo {
    /// The number that a dispatch error carries.
    pub index: u8,
    /// Name.
    pub name: String,
    /// First line of its documentation; empty where there is none.
    pub description: String,
}

/// A constant of a pallet.
#[derive(Debug)]
pub struct Constant {
    name: String,
    plan: PlanId,
    bytes: Box<[u8]>,
}

/// A storage item: one value, or a map of them.
#[derive(Debug)]
pub struct StorageItem {
    name: String,
    prefix: [u8; 32],
    hashers: Vec<Hasher>,
    key: Option<PlanId>,
    value: PlanId,
    default: Option<Box<[u8]>>,
}

/// A storage key that does not fit its item.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// More parts than the item has hashers.
    #[error("{item} has {expected} key parts, {given} were given")]
    TooManyParts {
        /// The item.
        item: String,
        /// Parts it has.
        expected: usize,
        /// Parts given.
        given: usize,
    },
    /// A key of another item, or one whose parts cannot be read back.
    #[error("the key is not one of {0}, or its hasher does not keep the key in clear")]
    Foreign(String),
    /// The parts in the key do not decode.
    #[error("a part of the key does not decode")]
    Decode(#[from] DecodeError),
}

impl Pallet {
    pub(super) fn new(pallet: &view::Pallet<'_>, types: &PortableRegistry) -> Self {
        let errors = pallet
            .error
            .and_then(|error| types.resolve(error))
            .map(|error| match &error.type_def {
                TypeDef::Variant(errors) => errors
                    .variants
                    .iter()
                    .map(|error| ErrorInfo {
                        index: error.index,
                        name: error.name.clone(),
                        description: error.docs.first().map(|line| line.trim().to_owned()).unwrap_or_default(),
                    })
                    .collect(),
                _ => Vec::new(),
            })
            .unwrap_or_default();
        let storage = pallet
            .storage
            .iter()
            .map(|item| StorageItem {
                name: item.name.to_owned(),
                prefix: storage_prefix(pallet.storage_prefix, item.name),
                hashers: item.hashers.clone(),
                key: item.key.map(PlanId),
                value: PlanId(item.value),
                default: item.has_default.then(|| item.default.into()),
            })
            .collect();
        let constants = pallet
            .constants
            .iter()
            .map(|constant| Constant {
                name: constant.name.to_owned(),
                plan: PlanId(constant.ty),
                bytes: constant.value.into(),
            })
            .collect();
        Self { name: pallet.name.to_owned(), index: pallet.index, storage, constants, errors }
    }

    /// Name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The index that its calls, events and errors carry.
    pub fn index(&self) -> u8 {
        self.index
    }

    /// All errors.
    pub fn errors(&self) -> &[ErrorInfo] {
        &self.errors
    }

    /// An error by its number.
    pub fn error(&self, index: u8) -> Option<&ErrorInfo> {
        self.errors.iter().find(|error| error.index == index)
    }

    /// All storage items.
    pub fn storage(&self) -> &[StorageItem] {
        &self.storage
    }

    /// A storage item by name.
    pub fn storage_item(&self, name: &str) -> Option<&StorageItem> {
        self.storage.iter().find(|item| item.name == name)
    }

    /// A constant by name.
    pub fn constant(&self, name: &str) -> Option<&Constant> {
        self.constants.iter().find(|constant| constant.name == name)
    }
}

impl Constant {
    /// Its SCALE bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its value.
    pub fn value<'r>(&'r self, runtime: &'r Runtime) -> Decoded<'r, 'r> {
        Decoded::new(&runtime.plans, self.plan, &self.bytes)
    }
}

impl StorageItem {
    /// Name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The 32 bytes that each of its keys starts with; the whole key of an item without key parts.
    pub fn prefix(&self) -> [u8; 32] {
        self.prefix
    }

    /// How each part of its key is hashed; empty for a single value.
    pub fn hashers(&self) -> &[Hasher] {
        &self.hashers
    }

    /// The key for these parts, each as SCALE bytes. Fewer parts than there are give a prefix.
    pub fn key(&self, parts: &[&[u8]]) -> Result<Vec<u8>, KeyError> {
        if parts.len() > self.hashers.len() {
            let (expected, given) = (self.hashers.len(), parts.len());
            return Err(KeyError::TooManyParts { item: self.name.clone(), expected, given });
        }
        let mut key = self.prefix.to_vec();
        for (hasher, part) in self.hashers.iter().zip(parts) {
            hasher.hash_to(part, &mut key);
        }
        Ok(key)
    }

    /// The parts of one of this item's keys, for hashers that keep them in clear.
    pub fn key_parts(&self, runtime: &Runtime, key: &[u8]) -> Result<Vec<Value>, KeyError> {
        let foreign = || KeyError::Foreign(self.name.clone());
        let mut rest = key.strip_prefix(&self.prefix).ok_or_else(foreign)?;
        let plans = self.part_plans(runtime);
        let mut parts = Vec::with_capacity(self.hashers.len());
        for (hasher, plan) in self.hashers.iter().zip(plans) {
            let offset = hasher.clear_key_offset().ok_or_else(foreign)?;
            let clear = rest.get(offset..).ok_or_else(foreign)?;
            let mut cursor = crate::decode::cursor::Cursor::new(clear);
            parts.push(crate::decode::walk::walk(&runtime.plans, plan, &mut cursor, crate::decode::value::Build)?);
            rest = &clear[cursor.pos()..];
        }
        if rest.is_empty() { Ok(parts) } else { Err(foreign()) }
    }

    fn part_plans(&self, runtime: &Runtime) -> Vec<PlanId> {
        match (self.hashers.len(), self.key) {
            (_, None) => Vec::new(),
            (1, Some(key)) => vec![key],
            (_, Some(key)) => match runtime.plans.get(key).op {
                Op::Tuple(fields) => runtime.plans.fields(fields).iter().map(|field| field.plan).collect(),
                _ => vec![key],
            },
        }
    }

    /// A raw value of this item.
    pub fn value<'r, 'b>(&self, runtime: &'r Runtime, bytes: &'b [u8]) -> Decoded<'r, 'b> {
        Decoded::new(&runtime.plans, self.value, bytes)
    }

    /// What an absent value means; `None` where absence means absence.
    pub fn default_bytes(&self) -> Option<&[u8]> {
        self.default.as_deref()
    }
}
