//! Python objects straight from bytes: the visitor that makes them.

use std::cell::{Cell, RefCell};
use std::sync::{MutexGuard, OnceLock};

use pyo3::IntoPyObjectExt;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyString, PyTuple};
use sentinel_core::chain::blake2_256;
use sentinel_core::decode::{
    Bits, Decoded, Dispatch, Entries, Items, Layout, NameId, Record, VariantAccess, Visitor, mortal_era,
};

use crate::accounts::{Accounts, address};
use crate::collect::{list, tuple};
use crate::error::Failure;
use crate::input::hex;
use crate::kind::{Kind, dict};
use crate::names::Names;

type Built<'py> = Result<Bound<'py, PyAny>, Failure>;

/// What Python objects weigh, in the units of [`Record::charge`]: an object takes some 50 bytes, a dictionary four times that.
mod weight {
    pub(super) const ITEM: u32 = 4;
    pub(super) const ENTRY: u32 = 12;
    pub(super) const RECORD: u32 = 20;
}

/// A value as the JSON text that `json.dumps` makes of it.
fn json_text<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    let options = PyDict::new(py);
    options.set_item(intern!(py, "separators"), (",", ":"))?;
    options.set_item(intern!(py, "ensure_ascii"), false)?;
    py.import(intern!(py, "json"))?.call_method(intern!(py, "dumps"), (value,), Some(&options))
}

/// Builds Python values of one runtime.
pub(crate) struct Build<'a, 'py> {
    pub(crate) py: Python<'py>,
    names: &'a Names,
    accounts: RefCell<Option<MutexGuard<'static, Accounts>>>,
    /// Without call hashes, type strings and repetitions.
    lean: bool,
    /// The next call or event is built as its fields alone.
    bare: Cell<bool>,
}

impl<'a, 'py> Build<'a, 'py> {
    pub(crate) fn new(py: Python<'py>, names: &'a Names, lean: bool) -> Self {
        Self { py, names, accounts: RefCell::new(Accounts::take()), lean, bare: Cell::new(false) }
    }

    pub(crate) fn is_lean(&self) -> bool {
        self.lean
    }

    pub(crate) fn names(&self) -> &'a Names {
        self.names
    }

    /// A value by itself.
    pub(crate) fn value(&self, value: Decoded<'_, '_>) -> Built<'py> {
        let built = value.visit(self)?;
        Ok(if value.is_unit() { PyTuple::empty(self.py).into_any() } else { built })
    }

    /// The fields of an event: `None` if it has none, the only one itself if that has no name. Of a call, the arguments.
    pub(crate) fn fields_of(&self, item: Decoded<'_, '_>) -> Built<'py> {
        self.bare.set(true);
        let built = item.visit(self);
        self.bare.set(false);
        built
    }

    /// The address of an account.
    pub(crate) fn address_text(&self, account: &[u8; 32]) -> Bound<'py, PyString> {
        match self.accounts.borrow_mut().as_mut() {
            Some(accounts) => accounts.address(self.py, account),
            None => address(self.py, account),
        }
    }

    fn name(&self, id: Option<NameId>) -> &Bound<'py, PyString> {
        self.names.get(self.py, id)
    }

    fn none(&self) -> Bound<'py, PyAny> {
        self.py.None().into_bound(self.py)
    }

    fn field<'b>(&self, fields: &mut Record<'_, '_, 'b>) -> Built<'py> {
        fields.next(self).unwrap_or_else(|| Ok(self.none()))
    }

    /// Named fields; where `shared` has been filled, by a copy of it.
    fn object<'b>(&self, fields: &mut Record<'_, '_, 'b>, shared: Option<&OnceLock<Py<PyDict>>>) -> Built<'py> {
        if let Some(known) = shared.and_then(|shared| shared.get()) {
            let object = known.bind(self.py).copy()?;
            self.fill(fields, &object)?;
            return Ok(object.into_any());
        }
        let object = PyDict::new(self.py);
        self.fill(fields, &object)?;
        if let Some(shared) = shared {
            let waiting = object.copy()?;
            for name in object.keys() {
                waiting.set_item(name, self.none())?;
            }
            let _ = shared.set(waiting.unbind());
        }
        Ok(object.into_any())
    }

    fn fill<'b>(&self, fields: &mut Record<'_, '_, 'b>, object: &Bound<'py, PyDict>) -> Result<(), Failure> {
        for _ in 0..fields.len() {
            let name = self.name(fields.name_id());
            object.set_item(name, self.field(fields)?)?;
        }
        Ok(())
    }

    fn tuple<'b>(&self, fields: &mut Record<'_, '_, 'b>) -> Built<'py> {
        tuple(self.py, fields.len(), || self.field(fields))
    }

    /// The fields of a variant, or of an event or call of some kind.
    fn fields<'b>(&self, layout: Layout, fields: &mut Record<'_, '_, 'b>, kind: Option<&Kind>) -> Built<'py> {
        match layout {
            Layout::Unit => Ok(self.none()),
            Layout::Newtype | Layout::Transparent => self.field(fields),
            Layout::Tuple => self.tuple(fields),
            Layout::Struct => self.object(fields, kind.map(|kind| &kind.fields)),
        }
    }
}

impl<'r, 'b, 'py> Visitor<'r, 'b> for &Build<'_, 'py> {
    type Out = Bound<'py, PyAny>;
    type Error = Failure;

    fn bool(self, value: bool) -> Built<'py> {
        Ok(PyBool::new(self.py, value).to_owned().into_any())
    }

    fn unsigned(self, value: u64) -> Built<'py> {
        Ok(value.into_bound_py_any(self.py)?)
    }

    fn wide(self, value: u128) -> Built<'py> {
        match u64::try_from(value) {
            Ok(value) => self.unsigned(value),
            Err(_) => Ok(value.into_bound_py_any(self.py)?),
        }
    }

    fn u256(self, value: &'b [u8; 32]) -> Built<'py> {
        let int = self.py.get_type::<PyInt>();
        Ok(int.call_method1(intern!(self.py, "from_bytes"), (value.as_slice(), intern!(self.py, "little")))?)
    }

    fn signed(self, value: i128) -> Built<'py> {
        Ok(match i64::try_from(value) {
            Ok(value) => value.into_bound_py_any(self.py)?,
            Err(_) => value.into_bound_py_any(self.py)?,
        })
    }

    fn char(self, value: char) -> Built<'py> {
        self.text(value.encode_utf8(&mut [0; 4]))
    }

    fn text(self, value: &str) -> Built<'py> {
        Ok(PyString::new(self.py, value).into_any())
    }

    fn bytes(self, value: &'b [u8]) -> Built<'py> {
        match std::str::from_utf8(value) {
            Ok(text) => self.text(text),
            Err(_) => self.byte_array(value),
        }
    }

    fn byte_array(self, value: &'b [u8]) -> Built<'py> {
        Ok(hex(self.py, "0x", value).into_any())
    }

    fn account(self, value: &'b [u8; 32]) -> Built<'py> {
        Ok(self.address_text(value).into_any())
    }

    fn era(self, value: &'b [u8]) -> Built<'py> {
        Ok(match mortal_era(value) {
            Some(era) => era.into_bound_py_any(self.py)?,
            None => hex(self.py, "", value).into_any(),
        })
    }

    fn bits(self, value: Bits<'b>) -> Built<'py> {
        let text: String = "0b".chars().chain(value.iter().map(|bit| if bit { '1' } else { '0' })).collect();
        self.text(&text)
    }

    fn none(self) -> Built<'py> {
        Ok(Build::none(self))
    }

    fn list(self, items: &mut Items<'_, 'r, 'b>) -> Built<'py> {
        items.charge(weight::ITEM)?;
        list(self.py, items.len(), || items.next(self).unwrap_or_else(|| Ok(Build::none(self))))
    }

    fn record(self, fields: &mut Record<'_, 'r, 'b>) -> Built<'py> {
        fields.charge(weight::RECORD)?;
        if fields.is_named() { self.object(fields, None) } else { self.tuple(fields) }
    }

    fn event_record(self, fields: &mut Record<'_, 'r, 'b>) -> Built<'py> {
        let phase = self.field(fields)?;
        let pallet = fields.peek().unwrap_or_default();
        let event = self.field(fields)?;
        let topics = self.field(fields)?;
        // A phase with an extrinsic is `{"ApplyExtrinsic": 1}`, the others are their names.
        let (phase, extrinsic) = match phase.cast::<PyDict>().ok().and_then(|phase| phase.iter().next()) {
            Some(applying) => applying,
            None => (phase, Build::none(self)),
        };
        let record = dict!(self.py, { "phase": phase, "extrinsic_idx": extrinsic, "event": &event });
        if !self.lean {
            record.set_item(intern!(self.py, "event_index"), pallet)?;
        }
        if let Ok(event) = event.cast::<PyDict>() {
            for (key, value) in event.iter().filter(|(key, _)| !record.contains(key).unwrap_or(true)) {
                record.set_item(key, value)?;
            }
        }
        if self.lean {
            record.del_item(intern!(self.py, "event"))?;
        }
        record.set_item(intern!(self.py, "topics"), topics)?;
        Ok(record.into_any())
    }

    fn map(self, entries: &mut Entries<'_, 'r, 'b>) -> Built<'py> {
        entries.charge(weight::ENTRY)?;
        let map = PyDict::new(self.py);
        while let Some(key) = entries.key(self) {
            let mut key = key?;
            if key.hash().is_err() {
                // What Python cannot look up by, it can by its text.
                key = json_text(&key)?;
            }
            if let Some(value) = entries.value(self) {
                map.set_item(key, value?)?;
            }
        }
        Ok(map.into_any())
    }

    fn variant(self, variant: &mut VariantAccess<'_, 'r, 'b>) -> Built<'py> {
        let (layout, name) = (variant.layout(), self.name(Some(variant.name_id())));
        variant.fields().charge(weight::RECORD)?;
        match layout {
            Layout::Unit => Ok(name.clone().into_any()),
            Layout::Transparent => self.field(variant.fields()),
            layout => {
                let value = self.fields(layout, variant.fields(), None)?;
                let outer = PyDict::new(self.py);
                outer.set_item(name, value)?;
                Ok(outer.into_any())
            }
        }
    }

    fn call(self, call: &mut Dispatch<'_, 'r, 'b>) -> Built<'py> {
        let py = self.py;
        let arguments = call.fields().len() as u32;
        call.fields().charge(weight::RECORD * (2 + arguments))?;
        let kind = self.names.calls.get(py, call.index(), || Ok(self.pair(call)))?;
        if self.bare.take() {
            return self.plain_arguments(call, kind);
        }
        let object = if self.lean { &kind.lean } else { &kind.full }.bind(py).copy()?;
        let arguments = match self.lean {
            true => self.plain_arguments(call, kind)?,
            false => self.arguments(call.fields(), kind)?,
        };
        object.set_item(intern!(py, "call_args"), arguments)?;
        if !self.lean {
            object.set_item(intern!(py, "call_hash"), hex(py, "0x", &blake2_256(call.bytes())))?;
        }
        Ok(object.into_any())
    }

    fn event(self, event: &mut Dispatch<'_, 'r, 'b>) -> Built<'py> {
        let py = self.py;
        let bare = self.bare.take();
        event.fields().charge(2 * weight::RECORD)?;
        let kind = self.names.events.get(py, event.index(), || Ok(self.pair(event)))?;
        let layout = event.layout();
        let attributes = self.fields(layout, event.fields(), Some(kind))?;
        if bare {
            return Ok(attributes);
        }
        let object = if self.lean { &kind.lean } else { &kind.full }.bind(py).copy()?;
        object.set_item(intern!(py, "attributes"), attributes)?;
        Ok(object.into_any())
    }
}

impl<'py> Build<'_, 'py> {
    fn pair(&self, access: &Dispatch<'_, '_, '_>) -> (Bound<'py, PyString>, Bound<'py, PyString>) {
        (self.name(Some(access.pallet_id())).clone(), self.name(Some(access.name_id())).clone())
    }

    /// The arguments by name; of those without names, a tuple.
    fn plain_arguments<'b>(&self, call: &mut Dispatch<'_, '_, 'b>, kind: &Kind) -> Built<'py> {
        match call.layout() {
            Layout::Unit | Layout::Struct => self.object(call.fields(), Some(&kind.fields)),
            _ => self.tuple(call.fields()),
        }
    }

    /// `[{name, type, value}]`.
    fn arguments<'b>(&self, fields: &mut Record<'_, '_, 'b>, kind: &Kind) -> Built<'py> {
        let py = self.py;
        if let Some(waiting) = kind.arguments.get() {
            let mut waiting = waiting.iter();
            return list(py, fields.len(), || {
                let argument = waiting.next().map_or_else(|| Ok(PyDict::new(py)), |waiting| waiting.bind(py).copy())?;
                argument.set_item(intern!(py, "value"), self.field(fields)?)?;
                Ok(argument.into_any())
            });
        }
        let mut waiting = Vec::with_capacity(fields.len());
        let made = list(py, fields.len(), || {
            let (name, of) = (self.name(fields.name_id()), self.name(fields.type_name_id()));
            let argument = dict!(py, { "name": name, "type": of, "value": py.None() });
            waiting.push(argument.copy()?.unbind());
            argument.set_item(intern!(py, "value"), self.field(fields)?)?;
            Ok(argument.into_any())
        })?;
        let _ = kind.arguments.set(waiting);
        Ok(made)
    }
}
