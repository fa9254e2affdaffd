//! A runtime of types that are rare on real chains or do not occur there, though SCALE has them.

use std::sync::{Arc, LazyLock};

use scale_info::{PortableRegistry, TypeDefPrimitive as P};
use sentinel_core::decode::Runtime;

use crate::extra_types::ExtraTypes;

/// Types that no runtime has, behind those of one that exists.
pub(super) struct MadeUp {
    types: ExtraTypes,
    pub(super) runtime: Arc<Runtime>,
    /// Ids of the types that were made up.
    pub(super) ids: std::ops::Range<u32>,
}

impl MadeUp {
    /// The only one there is.
    pub(super) fn get() -> &'static Self {
        static MADE_UP: LazyLock<MadeUp> = LazyLock::new(MadeUp::new);
        &MADE_UP
    }

    pub(super) fn types(&self) -> &PortableRegistry {
        self.types.registry()
    }

    fn new() -> Self {
        let mut types = ExtraTypes::new();
        let first = types.next();
        let [bool, char, str] = [P::Bool, P::Char, P::Str].map(|kind| types.add("", kind));
        let [u8, u16, u32, u64, u128] = [P::U8, P::U16, P::U32, P::U64, P::U128].map(|kind| types.add("", kind));
        let signed = [P::I8, P::I16, P::I32, P::I64, P::I128].map(|kind| types.add("", kind));
        let u256 = types.add("", P::U256);
        let unit = types.tuple(&[]);
        let empty = types.record("Empty", &[]);
        let newtype = types.record("Newtype", &[("", u64)]);
        let named = types.record("Named", &[("only", u16)]);
        for of in [u8, u16, u32, u64, u128, newtype, unit] {
            types.compact(of);
        }
        for word in [P::U8, P::U16, P::U32, P::U64] {
            types.bits(word.clone(), "Lsb0");
            types.bits(word, "Msb0");
        }
        // Fixed in size, though not every byte of that size is one.
        let strict = types.record("Strict", &[("yes", bool), ("letter", char), ("", u8)]);
        let same = types.choice("Same", &[("A", &[("", u8)]), ("B", &[("yes", bool)])]);
        let mixed =
            types.choice("Mixed", &[("A", &[]), ("B", &[("text", str), ("n", signed[3])]), ("C", &[("", named)])]);
        let fixed = types.tuple(&[strict, same, u256, signed[4]]);
        let maybe = types.option(bool);
        let inner = types.option(fixed);
        let (twice, open) = (types.option(inner), types.option(mixed));
        let items = [bool, char, str, u128, u256, unit, empty, named, strict, same, mixed, fixed, maybe, twice, open];
        let lists = items.map(|item| types.list(item));
        for (item, list) in items.into_iter().zip(lists) {
            types.list(list);
            types.array(item, 3);
            types.array(list, 2);
            types.array(item, 0);
            types.tuple(&[list, item, list]);
        }
        let pair = types.tuple(&[u8, bool]);
        for (key, value) in [(u64, mixed), (str, lists[0]), (pair, open), (unit, empty), (same, str), (u256, twice)] {
            let entry = types.tuple(&[key, value]);
            let entries = types.list(entry);
            let map = types.record("BTreeMap", &[("", entries)]);
            types.tuple(&[map, u8]);
            types.list(map);
        }
        // Types that hold themselves.
        let own = types.next();
        types.choice("Own", &[("End", &[]), ("One", &[("", own)]), ("Two", &[("left", own), ("right", own)])]);
        let own = types.next();
        types.list(own);
        let own = types.next();
        types.option(own);
        Self { runtime: types.runtime(), ids: first..types.next(), types }
    }
}
