//! Whether a value of sentinel's says the same as one of scale-value's, under the shape rules.

use scale_info::form::PortableForm;
use scale_info::{Field, PortableRegistry, TypeDef, TypeDefPrimitive};
use scale_value::{Composite, Primitive, ValueDef};
use sentinel_core::decode::Value;
use sentinel_support::registry::Registry;
use sentinel_support::samples::is_era;

type Theirs = scale_value::Value<u32>;

/// Where two values differ, and how.
pub(crate) type Difference = String;

/// Compares by the type: what it means in the registry decides how both sides must look.
pub(crate) struct Agreement<'t> {
    types: &'t PortableRegistry,
    call: u32,
    event: u32,
}

impl<'t> Agreement<'t> {
    pub(crate) fn new(registry: &'t Registry) -> Self {
        Self { types: &registry.types, call: registry.call, event: registry.event }
    }

    /// Compares a whole value: one without any fields, newtypes around it or not, is an empty list, though an empty
    /// object inside others.
    pub(crate) fn of(&self, id: u32, theirs: &Theirs, ours: &Value) -> Result<(), Difference> {
        let mut inner = id;
        while let TypeDef::Composite(composite) = &self.def(inner).type_def {
            match composite.fields.as_slice() {
                [field] if field.name.is_none() => inner = field.ty.id,
                [] => return check(*ours == Value::List(Vec::new()), "an empty list", ours),
                _ => break,
            }
        }
        self.same(id, theirs, ours)
    }

    fn def(&self, id: u32) -> &'t scale_info::Type<PortableForm> {
        self.types.resolve(id).expect("the registry is closed")
    }

    fn same(&self, id: u32, theirs: &Theirs, ours: &Value) -> Result<(), Difference> {
        let ty = self.def(id);
        let path: Vec<&str> = ty.path.segments.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["sp_core", "crypto", "AccountId32"] => {
                let Value::Account(account) = ours else { return wrong("an account", ours) };
                return check(flat_bytes(theirs).as_deref() == Some(&account.0[..]), "that account", ours);
            }
            ["primitive_types", "U256"] => {
                let Value::U256(ours) = ours else { return wrong("a wide integer", ours) };
                let words = integers(theirs).ok_or("words are integers")?;
                let bytes: Vec<u8> = words.iter().flat_map(|word| (*word as u64).to_le_bytes()).collect();
                return check(bytes == ours, "that wide integer", ours);
            }
            ["Option"] => {
                let (name, fields) = variant(theirs)?;
                let TypeDef::Variant(table) = &ty.type_def else { return Err("an option is an enum".to_owned()) };
                return match (name, fields.first()) {
                    ("None", None) => check(*ours == Value::Null, "null", ours),
                    ("Some", Some(some)) => self.same(table.variants[1].fields[0].ty.id, some, ours),
                    _ => Err(format!("an option {name}")),
                };
            }
            [.., "BTreeMap"] => return self.map(ty, theirs, ours),
            ["frame_system", "EventRecord"] => return self.event_record(ty, theirs, ours),
            [.., "MultiAddress"] => {
                let (name, fields) = variant(theirs)?;
                if let ("Id" | "Index", [inner]) = (name, fields.as_slice()) {
                    return self.same(self.fields_of(id, name)?[0].ty.id, inner, ours);
                }
            }
            _ if is_era(ty) => {
                let Value::Era(era) = ours else { return wrong("an era", ours) };
                let (name, fields) = variant(theirs)?;
                let phase = fields.first().and_then(|phase| phase.as_u128()).map(|phase| phase as u8);
                let index = name.strip_prefix("Mortal").map_or(Ok(0), str::parse::<u8>).map_err(|_| name.to_owned())?;
                let bytes: Vec<u8> = std::iter::once(index).chain(phase).collect();
                return check(bytes == *era, "that era", ours);
            }
            _ => {}
        }
        if id == self.call || id == self.event {
            return self.dispatch(id, theirs, ours);
        }
        match &ty.type_def {
            TypeDef::Primitive(_) => primitive(theirs, ours),
            TypeDef::Compact(_) => {
                // Theirs shows the newtypes around the integer.
                let mut inner = theirs;
                while let ValueDef::Composite(_) = &inner.value {
                    match values(inner)?.as_slice() {
                        [only] => inner = only,
                        _ => return wrong("one integer", ours),
                    }
                }
                primitive(inner, ours)
            }
            TypeDef::Sequence(sequence) => self.items(sequence.type_param.id, None, theirs, ours),
            TypeDef::Array(array) => self.items(array.type_param.id, Some(array.len), theirs, ours),
            TypeDef::Tuple(tuple) => {
                let ids: Vec<u32> = tuple.fields.iter().map(|field| field.id).collect();
                self.list(&ids, &values(theirs)?, ours)
            }
            TypeDef::Composite(composite) => match composite.fields.as_slice() {
                [field] if field.name.is_none() => match values(theirs)?.as_slice() {
                    [inner] => self.same(field.ty.id, inner, ours),
                    _ => wrong("one field", ours),
                },
                fields => self.fields(fields, theirs, ours),
            },
            TypeDef::Variant(_) => {
                let (name, inner) = variant(theirs)?;
                let Value::Variant { name: ours_name, fields } = ours else { return wrong("an enum value", ours) };
                check(name == ours_name, "that variant", ours)?;
                self.variant_fields(self.fields_of(id, name)?, &inner, fields.as_deref())
                    .map_err(|error| format!("{name}: {error}"))
            }
            TypeDef::BitSequence(_) => match (&theirs.value, ours) {
                (ValueDef::BitSequence(theirs), Value::Bits(ours)) => {
                    check(theirs.iter().eq(ours.iter().copied()), "those bits", ours)
                }
                _ => wrong("bits", ours),
            },
        }
    }

    fn fields_of(&self, id: u32, name: &str) -> Result<&'t [Field<PortableForm>], Difference> {
        let TypeDef::Variant(table) = &self.def(id).type_def else { return Err(format!("type {id} is no enum")) };
        let found = table.variants.iter().find(|variant| variant.name == name);
        Ok(&found.ok_or_else(|| format!("no variant {name}"))?.fields)
    }

    /// The fields of a struct: by name where all have one.
    fn fields(&self, fields: &[Field<PortableForm>], theirs: &Theirs, ours: &Value) -> Result<(), Difference> {
        self.field_values(fields, &values(theirs)?, ours)
    }

    fn field_values(&self, fields: &[Field<PortableForm>], theirs: &[&Theirs], ours: &Value) -> Result<(), Difference> {
        if !fields.iter().all(|field| field.name.is_some()) {
            let ids: Vec<u32> = fields.iter().map(|field| field.ty.id).collect();
            return self.list(&ids, theirs, ours);
        }
        let Value::Record(record) = ours else { return wrong("named fields", ours) };
        check(record.len() == fields.len() && theirs.len() == fields.len(), "as many fields", ours)?;
        for ((field, theirs), (name, value)) in fields.iter().zip(theirs).zip(record) {
            check(field.name.as_ref() == Some(name), "that field", name)?;
            self.same(field.ty.id, theirs, value).map_err(|error| format!("{name}: {error}"))?;
        }
        Ok(())
    }

    /// The fields of a variant or an event: nothing, the only one itself where it has no name, or all.
    fn variant_fields(
        &self,
        fields: &[Field<PortableForm>],
        theirs: &[&Theirs],
        ours: Option<&Value>,
    ) -> Result<(), Difference> {
        match (fields, ours) {
            ([], ours) => check(ours.is_none(), "no fields", &ours),
            ([field], Some(ours)) if field.name.is_none() => match theirs {
                [inner] => self.same(field.ty.id, inner, ours),
                _ => wrong("one field", ours),
            },
            (fields, Some(ours)) => self.field_values(fields, theirs, ours),
            (_, None) => Err("fields expected".to_owned()),
        }
    }

    fn list(&self, ids: &[u32], theirs: &[&Theirs], ours: &Value) -> Result<(), Difference> {
        let Value::List(items) = ours else { return wrong("a list", ours) };
        check(items.len() == ids.len() && theirs.len() == ids.len(), "as many items", ours)?;
        for (at, ((id, theirs), ours)) in ids.iter().zip(theirs).zip(items).enumerate() {
            self.same(*id, theirs, ours).map_err(|error| format!("[{at}]: {error}"))?;
        }
        Ok(())
    }

    /// The items of a vector or, with a length, of an array.
    fn items(&self, item: u32, array: Option<u32>, theirs: &Theirs, ours: &Value) -> Result<(), Difference> {
        let is_byte = matches!(self.def(item).type_def, TypeDef::Primitive(TypeDefPrimitive::U8));
        if !is_byte || array == Some(0) {
            let theirs = values(theirs)?;
            return self.list(&vec![item; theirs.len()], &theirs, ours);
        }
        let bytes = match (array, ours) {
            (None, Value::Bytes(bytes)) | (Some(_), Value::ByteArray(bytes)) => bytes,
            _ => return wrong("bytes", ours),
        };
        check(flat_bytes(theirs).as_ref() == Some(bytes), "those bytes", ours)
    }

    fn map(&self, ty: &scale_info::Type<PortableForm>, theirs: &Theirs, ours: &Value) -> Result<(), Difference> {
        let Value::Map(entries) = ours else { return wrong("a map", ours) };
        let entry = match &ty.type_def {
            TypeDef::Composite(map) => match &self.def(map.fields[0].ty.id).type_def {
                TypeDef::Sequence(sequence) => &self.def(sequence.type_param.id).type_def,
                _ => return Err("a map holds a vector".to_owned()),
            },
            _ => return Err("a map is a struct".to_owned()),
        };
        let TypeDef::Tuple(entry) = entry else { return Err("a map holds pairs".to_owned()) };
        let [vector] = values(theirs)?.as_slice().try_into().map_err(|_| "a map holds one vector")?;
        let theirs = values(vector)?;
        check(theirs.len() == entries.len(), "as many entries", ours)?;
        for (theirs, (key, value)) in theirs.iter().zip(entries) {
            let pair = values(theirs)?;
            self.same(entry.fields[0].id, pair[0], key)?;
            self.same(entry.fields[1].id, pair[1], value)?;
        }
        Ok(())
    }

    /// A call or an event: pallet and item instead of an enum in an enum.
    fn dispatch(&self, id: u32, theirs: &Theirs, ours: &Value) -> Result<(), Difference> {
        let (pallet, inner) = variant(theirs)?;
        let [inner] = inner.as_slice() else { return Err("a pallet holds one item".to_owned()) };
        let (name, inner) = variant(inner)?;
        let items = self.fields_of(id, pallet)?[0].ty.id;
        let fields = self.fields_of(items, name)?;
        match ours {
            Value::Call(call) if id == self.call => {
                check(call.pallet == pallet && call.name == name, "that call", ours)?;
                check(call.args.len() == fields.len() && inner.len() == fields.len(), "as many arguments", ours)?;
                for ((field, theirs), arg) in fields.iter().zip(&inner).zip(&call.args) {
                    check(field.name.as_deref().unwrap_or_default() == arg.name, "that argument", &arg.name)?;
                    self.same(field.ty.id, theirs, &arg.value)
                        .map_err(|error| format!("{pallet}.{name}({}): {error}", arg.name))?;
                }
                Ok(())
            }
            Value::Event(event) if id == self.event => {
                check(event.pallet == pallet && event.name == name, "that event", ours)?;
                let ours = (event.fields != Value::Null || !fields.is_empty()).then_some(&event.fields);
                self.variant_fields(fields, &inner, ours).map_err(|error| format!("{pallet}.{name}: {error}"))
            }
            _ => wrong("a call or an event", ours),
        }
    }

    fn event_record(
        &self,
        ty: &scale_info::Type<PortableForm>,
        theirs: &Theirs,
        ours: &Value,
    ) -> Result<(), Difference> {
        let TypeDef::Composite(record) = &ty.type_def else { return Err("a record is a struct".to_owned()) };
        let parts = values(theirs)?;
        let [phase, event, topics] = parts.as_slice() else { return Err("a record has three parts".to_owned()) };
        let get = |name: &str| ours.get(name).ok_or_else(|| format!("no {name} in {ours:?}"));
        let (phase, extrinsic) = variant(phase)?;
        check(*get("phase")? == Value::Text(phase.to_owned()), "that phase", ours)?;
        let extrinsic = extrinsic.first().and_then(|at| at.as_u128()).map_or(Value::Null, Value::Unsigned);
        check(*get("extrinsic_idx")? == extrinsic, "that extrinsic", ours)?;
        self.same(record.fields[1].ty.id, event, get("event")?)?;
        self.same(record.fields[2].ty.id, topics, get("topics")?)?;
        let Value::Event(event) = get("event")? else { return wrong("an event", ours) };
        let beside = Value::Record(vec![
            ("event_index".to_owned(), Value::Unsigned(u128::from(event.index[0]))),
            ("module_id".to_owned(), Value::Text(event.pallet.clone())),
            ("event_id".to_owned(), Value::Text(event.name.clone())),
            ("attributes".to_owned(), event.fields.clone()),
        ]);
        ["event_index", "module_id", "event_id", "attributes"]
            .iter()
            .try_for_each(|name| check(beside.get(name) == ours.get(name), "the event's own", &ours.get(name)))
    }
}

fn primitive(theirs: &Theirs, ours: &Value) -> Result<(), Difference> {
    let ValueDef::Primitive(theirs) = &theirs.value else { return wrong("a primitive", ours) };
    let same = match (theirs, ours) {
        (Primitive::Bool(theirs), Value::Bool(ours)) => theirs == ours,
        (Primitive::Char(theirs), Value::Text(ours)) => theirs.to_string() == *ours,
        (Primitive::String(theirs), Value::Text(ours)) => theirs == ours,
        (Primitive::U128(theirs), Value::Unsigned(ours)) => theirs == ours,
        (Primitive::I128(theirs), Value::Signed(ours)) => theirs == ours,
        (Primitive::U256(theirs), Value::U256(ours)) => theirs == ours,
        _ => false,
    };
    check(same, &format!("{theirs:?}"), ours)
}

fn variant(theirs: &Theirs) -> Result<(&str, Vec<&Theirs>), Difference> {
    match &theirs.value {
        ValueDef::Variant(variant) => Ok((&variant.name, composite(&variant.values))),
        other => Err(format!("an enum value expected, theirs is {other:?}")),
    }
}

fn values(theirs: &Theirs) -> Result<Vec<&Theirs>, Difference> {
    match &theirs.value {
        ValueDef::Composite(values) => Ok(composite(values)),
        other => Err(format!("fields or items expected, theirs is {other:?}")),
    }
}

fn composite(values: &Composite<u32>) -> Vec<&Theirs> {
    values.values().collect()
}

fn integers(theirs: &Theirs) -> Option<Vec<u128>> {
    let mut values = values(theirs).ok()?;
    // A newtype around the list.
    if let [only] = values.as_slice()
        && let Ok(inner) = self::values(only)
    {
        values = inner;
    }
    values.into_iter().map(|value| value.as_u128()).collect()
}

fn flat_bytes(theirs: &Theirs) -> Option<Vec<u8>> {
    integers(theirs)?.into_iter().map(|byte| u8::try_from(byte).ok()).collect()
}

fn check(same: bool, what: &str, ours: &impl std::fmt::Debug) -> Result<(), Difference> {
    if same { Ok(()) } else { wrong(what, ours) }
}

fn wrong<T>(what: &str, ours: &(impl std::fmt::Debug + ?Sized)) -> Result<T, Difference> {
    Err(format!("{what} expected, ours is {ours:?}"))
}
