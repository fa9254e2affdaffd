//! Sizes of types: how many bytes a value always takes, and how few it can take.

use super::compile::{Compiler, MAX_TYPE_DEPTH, inconsistent};
use super::{Fields, Op, PlanId, VARIABLE};
use crate::decode::cursor::MAX_EMPTY_ITEMS;
use crate::decode::metadata::MetadataError;

/// What is known of the size of a type.
#[derive(Clone, Copy)]
pub(super) enum Size {
    Unknown,
    Measuring,
    Known { fixed: u32, min: u32 },
}

impl Compiler<'_> {
    pub(super) fn measure(
        &mut self,
        id: PlanId,
        sizes: &mut [Size],
        depth: usize,
    ) -> Result<(u32, u32), MetadataError> {
        match sizes[id.0 as usize] {
            Size::Known { fixed, min } => return Ok((fixed, min)),
            // A type inside itself is reached through something of variable size only.
            Size::Measuring => return Ok((VARIABLE, 0)),
            Size::Unknown => {}
        }
        if depth > MAX_TYPE_DEPTH {
            return Err(inconsistent(format!("type {} is nested deeper than {MAX_TYPE_DEPTH} types", id.0)));
        }
        sizes[id.0 as usize] = Size::Measuring;
        let depth = depth + 1;
        let (fixed, min) = match self.plans[id.0 as usize].op {
            Op::Bool => (1, 1),
            Op::Char => (4, 4),
            Op::Unsigned(bytes) | Op::Signed(bytes) => (u32::from(bytes), u32::from(bytes)),
            Op::U256 | Op::Account => (32, 32),
            Op::ByteArray(len) => (len, len),
            Op::Str | Op::Compact(_) | Op::Bytes | Op::Era | Op::Map(_) | Op::Bits(..) => (VARIABLE, 1),
            Op::Seq(item) => {
                self.measure(item, sizes, depth)?;
                (VARIABLE, 1)
            }
            Op::Option(some) => {
                self.measure(some, sizes, depth)?;
                (VARIABLE, 1)
            }
            Op::Array(item, len) => {
                let (fixed, min) = self.measure(item, sizes, depth)?;
                // Items without any bytes are counted, not passed over.
                let countless = fixed == 0 && u64::from(len) > MAX_EMPTY_ITEMS;
                let fixed = if fixed == VARIABLE || countless { VARIABLE } else { fixed.saturating_mul(len) };
                (fixed, min.saturating_mul(len))
            }
            Op::Tuple(fields) | Op::Struct(fields) | Op::EventRecord(fields) => {
                self.measure_fields(fields, sizes, depth)?
            }
            Op::Enum(table) => {
                let mut enum_fixed = None;
                let mut enum_min = u32::MAX;
                for at in 0..self.enums[table.0 as usize].variants.len() {
                    let fields = self.enums[table.0 as usize].variants[at].fields;
                    let (fixed, min) = self.measure_fields(fields, sizes, depth)?;
                    self.enums[table.0 as usize].variants[at].fixed = fixed;
                    enum_fixed = Some(if enum_fixed.is_none_or(|other| other == fixed) { fixed } else { VARIABLE });
                    enum_min = enum_min.min(min);
                }
                let fixed = enum_fixed.unwrap_or(VARIABLE).checked_add(1).unwrap_or(VARIABLE);
                (fixed, if enum_min == u32::MAX { 1 } else { enum_min.saturating_add(1) })
            }
            Op::Alias(_) | Op::Never(_) | Op::Call | Op::Event => (VARIABLE, 1),
        };
        sizes[id.0 as usize] = Size::Known { fixed, min };
        Ok((fixed, min))
    }

    fn measure_fields(
        &mut self,
        fields: Fields,
        sizes: &mut [Size],
        depth: usize,
    ) -> Result<(u32, u32), MetadataError> {
        let (mut all_fixed, mut all_min) = (0u32, 0u32);
        for at in fields.start..fields.start + fields.len {
            let (fixed, min) = self.measure(self.fields[at as usize].plan, sizes, depth)?;
            all_fixed = if all_fixed == VARIABLE || fixed == VARIABLE {
                VARIABLE
            } else {
                all_fixed.checked_add(fixed).unwrap_or(VARIABLE)
            };
            all_min = all_min.saturating_add(min);
        }
        Ok((all_fixed, all_min))
    }
}
