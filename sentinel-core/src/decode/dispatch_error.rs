//! Names of dispatch errors, from the metadata of the runtime that raised them.

use serde::Serialize;

use super::runtime::Runtime;
use super::value::Value;

/// Why a call failed, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DispatchError {
    /// The pallet whose error it is; `None` for errors that belong to none, such as `BadOrigin`.
    pub pallet: Option<String>,
    /// `SubnetNotExists`, `BadOrigin`, `Arithmetic.Underflow`.
    pub name: String,
    /// The first line of its documentation; `None` where the metadata has none.
    pub description: Option<String>,
}

impl DispatchError {
    /// Names a decoded `DispatchError`.
    pub fn from_value(runtime: &Runtime, error: &Value) -> Self {
        let Value::Variant { name, fields } = error else {
            return Self { pallet: None, name: "Unknown".to_owned(), description: None };
        };
        match (name.as_str(), fields.as_deref()) {
            ("Module", Some(module)) => Self::module(runtime, module),
            (name, Some(Value::Variant { name: detail, .. })) => {
                Self { pallet: None, name: format!("{name}.{detail}"), description: None }
            }
            (name, _) => Self { pallet: None, name: name.to_owned(), description: None },
        }
    }

    fn module(runtime: &Runtime, module: &Value) -> Self {
        let index = module.get("index").and_then(Value::as_u64).and_then(|index| u8::try_from(index).ok());
        // One byte in the oldest runtimes, four since: the first one tells.
        let code = match module.get("error") {
            Some(Value::ByteArray(bytes)) => bytes.first().copied(),
            Some(value) => value.as_u64().and_then(|code| u8::try_from(code).ok()),
            None => None,
        };
        Self::of_module(runtime, index, code)
    }

    /// Names the error of a pallet by the numbers that the chain has for both.
    pub(crate) fn of_module(runtime: &Runtime, index: Option<u8>, code: Option<u8>) -> Self {
        let pallet = index.and_then(|index| runtime.pallet_by_index(index));
        let known = pallet.zip(code).and_then(|(pallet, code)| pallet.error(code));
        match known {
            Some(error) => Self {
                pallet: pallet.map(|pallet| pallet.name().to_owned()),
                name: error.name.clone(),
                description: (!error.description.is_empty()).then(|| error.description.clone()),
            },
            // The runtime has no such error: say the numbers rather than nothing.
            None => Self {
                pallet: pallet.map(|pallet| pallet.name().to_owned()),
                name: format!("Module({}, {})", index.unwrap_or(u8::MAX), code.unwrap_or(u8::MAX)),
                description: None,
            },
        }
    }

    /// `SubtensorModule.SubnetNotExists`, or the bare name.
    pub fn full_name(&self) -> String {
        match &self.pallet {
            Some(pallet) => format!("{pallet}.{}", self.name),
            None => self.name.clone(),
        }
    }
}
