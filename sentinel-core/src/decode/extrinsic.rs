//! Extrinsics: envelope first, arguments when asked.

mod extensions;

pub use extensions::Extensions;

use super::cursor::Cursor;
use super::decoded::Decoded;
use super::error::{DecodeError, DecodeErrorKind as Kind};
use super::json::{JsonOptions, JsonWriter};
use super::plan::{Item, NameId, Op, PlanId};
use super::runtime::{AddressForm, Extension, ExtensionRole, Runtime};
use super::value::{Borrow, ValueRef};
use super::visit::{Step, VisitError};
use super::walk::{dispatch, skip, walk};
use crate::chain::{AccountId, blake2_256};

/// One extrinsic, its envelope read and its call untouched.
#[derive(Debug, Clone)]
pub struct Extrinsic<'r, 'b> {
    runtime: &'r Runtime,
    bytes: &'b [u8],
    version: u8,
    signed: Option<Signed<'b>>,
    era: Option<&'b [u8]>,
    nonce: Option<u64>,
    tip: Option<u128>,
    call: usize,
    item: &'r Item,
}

/// Who signed, and how.
#[derive(Debug, Clone, Copy)]
struct Signed<'b> {
    address: &'b [u8],
    signature: &'b [u8],
}

/// Top bits of the format byte: 0 is bare, 1 general, 2 signed.
const BARE: u8 = 0b00;
const GENERAL: u8 = 0b01;
const SIGNED: u8 = 0b10;

impl Runtime {
    /// Reads the envelope of an extrinsic: `bytes` with its length prefix, as blocks hold it.
    ///
    /// The call is not decoded, only named; [`Extrinsic::call`] does that.
    pub fn extrinsic<'b>(&self, bytes: &'b [u8]) -> Result<Extrinsic<'_, 'b>, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        let len = cursor.byte_len()?;
        if len < cursor.left() {
            let left = cursor.left() - len;
            return Err(DecodeError::new(Kind::TrailingBytes(left), cursor.pos() + len));
        }
        let format = cursor.byte()?;
        let (kind, version) = (format >> 6, format & 0b0011_1111);
        let mut signed = None;
        let mut facts = Facts::default();
        match (kind, version) {
            (BARE, 4 | 5) => {}
            (SIGNED, 4) => {
                let address = self.span(self.parts.address, &mut cursor).map_err(|error| error.inside("address"))?;
                let signature =
                    self.span(self.parts.signature, &mut cursor).map_err(|error| error.inside("signature"))?;
                signed = Some(Signed { address, signature });
                self.extensions(0, &mut cursor, &mut facts)?;
            }
            (GENERAL, 5) => {
                let set = cursor.byte()?;
                self.extensions(set, &mut cursor, &mut facts)?;
            }
            _ => return Err(DecodeError::new(Kind::ExtrinsicFormat(format), cursor.pos() - 1)),
        }
        let call = cursor.pos();
        let item = dispatch(&self.plans, self.plans.calls(), &mut cursor)?;
        Ok(Extrinsic {
            runtime: self,
            bytes,
            version,
            signed,
            era: facts.era,
            nonce: facts.nonce,
            tip: facts.tip,
            call,
            item,
        })
    }

    fn span<'b>(&self, plan: PlanId, cursor: &mut Cursor<'b>) -> Result<&'b [u8], DecodeError> {
        let start = cursor.pos();
        skip(&self.plans, plan, cursor)?;
        Ok(cursor.since(start))
    }

    fn extension_set(&self, version: u8) -> Option<&[Extension]> {
        let sets = &self.parts.extensions;
        sets.iter().find(|(set, _)| *set == version).map(|(_, extensions)| extensions.as_slice())
    }

    fn extensions<'b>(&self, set: u8, cursor: &mut Cursor<'b>, facts: &mut Facts<'b>) -> Result<(), DecodeError> {
        let Some(extensions) = self.extension_set(set) else {
            return Err(DecodeError::new(Kind::Unsupported("an unknown set of extensions"), cursor.pos() - 1));
        };
        for extension in extensions {
            let plan = self.plans.get(extension.plan);
            if plan.fixed == 0 {
                continue;
            }
            let read = |cursor: &mut Cursor<'b>, facts: &mut Facts<'b>| {
                let Op::Compact(bits) = plan.op else {
                    let span = self.span(extension.plan, cursor)?;
                    if extension.role == ExtensionRole::Era {
                        facts.era = Some(span);
                    }
                    return Ok(());
                };
                let start = cursor.pos();
                let value = cursor.compact(bits)?;
                match extension.role {
                    ExtensionRole::Nonce => {
                        let wide = |_| DecodeError::new(Kind::CompactOverflow(64), start);
                        facts.nonce = Some(u64::try_from(value).map_err(wide)?);
                    }
                    ExtensionRole::Tip => facts.tip = Some(value),
                    _ => {}
                }
                Ok(())
            };
            read(cursor, facts).map_err(|error: DecodeError| error.inside(extension.name.as_str()))?;
        }
        Ok(())
    }
}

/// What the extensions of one extrinsic say.
#[derive(Default)]
struct Facts<'b> {
    era: Option<&'b [u8]>,
    nonce: Option<u64>,
    tip: Option<u128>,
}

impl<'r, 'b> Extrinsic<'r, 'b> {
    /// The whole extrinsic with its length prefix.
    pub fn bytes(&self) -> &'b [u8] {
        self.bytes
    }

    /// blake2b-256 of the bytes: what explorers call the extrinsic's hash.
    pub fn hash(&self) -> [u8; 32] {
        blake2_256(self.bytes)
    }

    /// Version of the envelope: 4 or 5.
    pub fn version(&self) -> u8 {
        self.version
    }

    /// Name of the pallet called.
    pub fn pallet(&self) -> &'r str {
        self.runtime.plans.name(self.item.pallet).text()
    }

    /// Name of the function called.
    pub fn name(&self) -> &'r str {
        self.runtime.plans.name(self.item.name).text()
    }

    /// Index of the pallet, then of the function in it.
    pub fn index(&self) -> [u8; 2] {
        self.item.index
    }

    /// Name of the pallet, as a number.
    pub fn pallet_id(&self) -> NameId {
        self.item.pallet
    }

    /// Name of the function, as a number.
    pub fn name_id(&self) -> NameId {
        self.item.name
    }

    /// Whether it carries a signature.
    pub fn is_signed(&self) -> bool {
        self.signed.is_some()
    }

    /// The signer, where the address is an account (and not, say, an index).
    pub fn signer(&self) -> Option<AccountId> {
        let address = self.signed?.address;
        let account = match self.runtime.parts.address_form {
            AddressForm::Account => address,
            AddressForm::Variant(variant) => address.strip_prefix(&[variant])?,
            AddressForm::Other => return None,
        };
        Some(AccountId(*<&[u8; 32]>::try_from(account).ok()?))
    }

    /// The address of the signer.
    pub fn address(&self) -> Option<Decoded<'r, 'b>> {
        Some(Decoded::new(&self.runtime.plans, self.runtime.parts.address, self.signed?.address))
    }

    /// The signature.
    pub fn signature(&self) -> Option<Decoded<'r, 'b>> {
        Some(Decoded::new(&self.runtime.plans, self.runtime.parts.signature, self.signed?.signature))
    }

    /// How long it was valid, as encoded: one byte for ever, two for an era.
    pub fn era(&self) -> Option<&'b [u8]> {
        self.era
    }

    /// The signer's count of extrinsics before this one.
    pub fn nonce(&self) -> Option<u64> {
        self.nonce
    }

    /// What was paid on top of the fee, in rao.
    pub fn tip(&self) -> Option<u128> {
        self.tip
    }

    /// The call.
    pub fn call(&self) -> Decoded<'r, 'b> {
        Decoded { plans: &self.runtime.plans, plan: self.runtime.parts.call, data: self.bytes, start: self.call }
    }

    /// One argument of the call, by its name; the others are passed over. `None` if the call has no such argument.
    pub fn argument(&self, name: &str) -> Result<Option<ValueRef<'r, 'b>>, DecodeError> {
        let plans = &self.runtime.plans;
        let fields = plans.fields(self.item.fields);
        let Some(at) = fields.iter().position(|field| plans.name(field.name).text() == name) else { return Ok(None) };
        // Two bytes say which call it is.
        let mut cursor = Cursor::at(self.bytes, self.call + 2);
        let value = fields[..at]
            .iter()
            .try_for_each(|field| skip(plans, field.plan, &mut cursor))
            .and_then(|()| walk(plans, fields[at].plan, &mut cursor, Borrow));
        value.map(Some).map_err(|error| {
            let error = VisitError::inside(error, Step::Name(name));
            VisitError::inside(error, Step::Dispatch(self.pallet(), self.name()))
        })
    }

    /// Appends the arguments of the call as a JSON list of `{name, type, value}`.
    pub fn write_arguments(&self, out: &mut Vec<u8>, options: JsonOptions) -> Result<(), DecodeError> {
        let mut writer = JsonWriter::once(std::mem::take(out), options);
        let result = self.call().write_to(writer.arguments_only());
        *out = writer.into_bytes();
        result
    }

    /// A call inside the call, by where its bytes lie in those of the extrinsic.
    pub(crate) fn inner_call(&self, span: std::ops::Range<usize>) -> Decoded<'r, 'b> {
        let end = span.end.min(self.bytes.len());
        Decoded {
            plans: &self.runtime.plans,
            plan: self.runtime.parts.call,
            data: &self.bytes[..end],
            start: span.start.min(end),
        }
    }
}
