//! The JSON that each kind of type has: bytes, and the text they become.

use scale_info::TypeDefPrimitive as P;
use sentinel_core::decode::JsonOptions;
use sentinel_support::exact_json::parse;
use sentinel_support::extra_types::ExtraTypes;
use sentinel_support::registry::Registry;
use sentinel_support::runtimes::{SUBTENSOR_461_V15, subtensor_461};

/// Decodes each of the cases: a type, bytes in hex, their JSON.
fn all(types: &ExtraTypes, options: JsonOptions, cases: &[(u32, &str, &str)]) {
    let runtime = types.runtime();
    for (id, hex, json) in cases {
        let bytes = const_hex::decode(hex).expect("hex");
        let mut out = b"before ".to_vec();
        let decoded = runtime.decode(*id, &bytes).expect("the type exists");
        decoded.write_json(&mut out, options).unwrap_or_else(|error| panic!("{hex} for {json}: {error}"));
        assert_eq!(String::from_utf8(out).expect("UTF-8"), format!("before {json}"), "of {hex}");
    }
}

#[test]
fn integers_are_exact_whatever_their_width() {
    let mut types = ExtraTypes::new();
    let [u8, u64, u128, u256] = [P::U8, P::U64, P::U128, P::U256].map(|kind| types.add("", kind));
    let [i8, i64, i128] = [P::I8, P::I64, P::I128].map(|kind| types.add("", kind));
    let (compact_byte, compact_wide) = (types.compact(u8), types.compact(u128));
    let cases = [
        (u64, "ffffffffffffffff", "18446744073709551615"),
        (u64, "0000000000002000", "9007199254740992"),
        (u128, "ffffffffffffffffffffffffffffffff", "340282366920938463463374607431768211455"),
        (
            u256,
            "0000000000000000000000000000000001000000000000000000000000000000",
            "340282366920938463463374607431768211456",
        ),
        (i8, "80", "-128"),
        (i64, "0000000000000080", "-9223372036854775808"),
        (i128, "00000000000000000000000000000080", "-170141183460469231731687303715884105728"),
        (compact_byte, "fd03", "255"),
        (compact_wide, "33ffffffffffffffffffffffffffffffff", "340282366920938463463374607431768211455"),
    ];
    all(&types, JsonOptions::default(), &cases);
}

#[test]
fn integers_that_a_double_cannot_hold_are_text_when_asked() {
    let mut types = ExtraTypes::new();
    let [u64, u128, i64, u256] = [P::U64, P::U128, P::I64, P::U256].map(|kind| types.add("", kind));
    let safe = JsonOptions { safe_integers: true, ..JsonOptions::default() };
    let cases = [
        (u64, "0000000000002000", "9007199254740992"),
        (u64, "0100000000002000", "\"9007199254740993\""),
        (u128, "01000000000020000000000000000000", "\"9007199254740993\""),
        (u128, "05000000000000000000000000000000", "5"),
        (i64, "ffffffffffffdfff", "\"-9007199254740993\""),
        (i64, "ffffffffffffffff", "-1"),
        (u256, "0500000000000000000000000000000000000000000000000000000000000000", "5"),
        (u256, "0000000000000001000000000000000000000000000000000000000000000000", "\"72057594037927936\""),
        (u256, "0000000000002000000000000000000000000000000000000000000000000000", "9007199254740992"),
        (u256, "0100000000002000000000000000000000000000000000000000000000000000", "\"9007199254740993\""),
    ];
    all(&types, safe, &cases);
}

#[test]
fn bytes_are_text_where_they_are_utf8() {
    let mut types = ExtraTypes::new();
    let [u8, i8, str, char] = [P::U8, P::I8, P::Str, P::Char].map(|kind| types.add("", kind));
    let byte = types.record("Byte", &[("", u8)]);
    let (bytes, pair, none) = (types.list(u8), types.array(u8, 2), types.array(u8, 0));
    let (compact, signed) = (types.compact(u8), types.array(i8, 3));
    let (newtypes, compacts) = (types.list(byte), types.list(compact));
    let nested = types.record("foo::AccountId32", &[("", pair)]);
    let cases = [
        (bytes, "00", "\"\""),
        (bytes, "1468656c6c6f", "\"hello\""),
        (bytes, "0cff0001", "\"0xff0001\""),
        (bytes, "0ceda080", "\"0xeda080\""),
        (bytes, "0c000a1b", r#""\u0000\n\u001b""#),
        (bytes, "1030786162", "\"0xab\""),
        (pair, "6162", "\"0x6162\""),
        (none, "", "[]"),
        // Only the byte itself makes bytes; what is made of one, or signed, is numbers.
        (newtypes, "0801ff", "[1,255]"),
        (compacts, "080501fd03", "[65,255]"),
        (signed, "01ff80", "[1,-1,-128]"),
        (nested, "0102", "\"0x0102\""),
        (str, "1c22005c0a7f1b61", r#""\"\u0000\\\n\u007f\u001ba""#),
        (char, "4df30100", "\"🍍\""),
    ];
    all(&types, JsonOptions::default(), &cases);
    let strict = JsonOptions { strict_bytes: true, ..JsonOptions::default() };
    all(&types, strict, &[(bytes, "1468656c6c6f", "\"0x68656c6c6f\""), (bytes, "00", "\"0x\"")]);
}

#[test]
fn structs_and_tuples_by_how_their_fields_are_named() {
    let mut types = ExtraTypes::new();
    let [u8, u16, u64] = [P::U8, P::U16, P::U64].map(|kind| types.add("", kind));
    let unit = types.tuple(&[]);
    let empty = types.record("Empty", &[]);
    let around = types.record("Around", &[("", empty)]);
    let newtype = types.record("Newtype", &[("", u16)]);
    let bits = types.record("Bits", &[("bits", u64)]);
    let (of_newtype, of_bits, of_unit) = (types.compact(newtype), types.compact(bits), types.compact(unit));
    let cases = [
        (types.record("Two", &[("a", u8), ("b", u16)]), "010200", "{\"a\":1,\"b\":2}"),
        (types.record("Mixed", &[("a", u8), ("", u8)]), "0102", "[1,2]"),
        (newtype, "0100", "1"),
        (bits, "0100000000000000", "{\"bits\":1}"),
        (types.tuple(&[u16]), "0100", "[1]"),
        (of_newtype, "feff0300", "65535"),
        (of_bits, "13ffffffffffffffff", "18446744073709551615"),
        // Nothing takes no bytes, in its compact form too.
        (of_unit, "", "[]"),
        (unit, "", "[]"),
        // A struct without fields is a list by itself, an object inside others.
        (empty, "", "[]"),
        (around, "", "[]"),
        (types.list(empty), "08", "[{},{}]"),
        (types.record("Outer", &[("inner", empty), ("unit", unit)]), "", "{\"inner\":{},\"unit\":[]}"),
        (types.list(around), "04", "[{}]"),
    ];
    all(&types, JsonOptions::default(), &cases);
}

#[test]
fn enums_by_their_variants() {
    let mut types = ExtraTypes::new();
    let [u8, u16] = [P::U8, P::U16].map(|kind| types.add("", kind));
    let unit = types.tuple(&[]);
    let empty = types.record("Empty", &[]);
    let choice = types.choice(
        "Choice",
        &[
            ("Unit", &[]),
            ("One", &[("", u8)]),
            ("Two", &[("", u8), ("", u8)]),
            ("Named", &[("a", u8)]),
            ("Mixed", &[("a", u8), ("", u8)]),
            ("OfUnit", &[("", unit)]),
            ("OfEmpty", &[("", empty)]),
        ],
    );
    let option = types.option(u16);
    let foreign = types.choice("foo::Option", &[("None", &[]), ("Some", &[("", u16)])]);
    let address =
        types.choice("foo::MultiAddress", &[("Id", &[("", u16)]), ("Index", &[("", u8)]), ("Raw", &[("", u8)])]);
    let cases = [
        (choice, "00", "\"Unit\""),
        (choice, "0107", "{\"One\":7}"),
        (choice, "020708", "{\"Two\":[7,8]}"),
        (choice, "0307", "{\"Named\":{\"a\":7}}"),
        (choice, "040708", "{\"Mixed\":[7,8]}"),
        (choice, "05", "{\"OfUnit\":[]}"),
        (choice, "06", "{\"OfEmpty\":{}}"),
        (option, "00", "null"),
        (option, "010700", "7"),
        (types.option(option), "0100", "null"),
        (types.option(unit), "01", "[]"),
        (foreign, "00", "\"None\""),
        (foreign, "010700", "{\"Some\":7}"),
        (address, "000700", "7"),
        (address, "0107", "7"),
        (address, "0207", "{\"Raw\":7}"),
    ];
    all(&types, JsonOptions::default(), &cases);
}

#[test]
fn maps_keep_the_order_of_the_bytes() {
    let mut types = ExtraTypes::new();
    let [u8, u16, bool] = [P::U8, P::U16, P::Bool].map(|kind| types.add("", kind));
    let pair = types.tuple(&[u16, bool]);
    let entries = types.list(pair);
    let tuple = types.tuple(&[u8, u8]);
    let by_tuple = types.tuple(&[tuple, u8]);
    let by_tuple = types.list(by_tuple);
    let cases = [
        (types.record("foo::BTreeMap", &[("", entries)]), "08090001020000", "{\"9\":true,\"2\":false}"),
        (types.record("BTreeMap", &[("", by_tuple)]), "0401020b", "{\"[1,2]\":11}"),
        (types.record("foo::HashMap", &[("", entries)]), "04090001", "[[9,true]]"),
    ];
    all(&types, JsonOptions::default(), &cases);
}

#[test]
fn bits_are_read_in_the_order_of_their_words() {
    let mut types = ExtraTypes::new();
    let cases = [
        (types.bits(P::U8, "Lsb0"), "2cb502", "\"0b10101101010\""),
        (types.bits(P::U8, "Msb0"), "2cb540", "\"0b10110101010\""),
        (types.bits(P::U16, "Msb0"), "1000b5", "\"0b1011\""),
        (types.bits(P::U64, "Lsb0"), "080200000000000000", "\"0b01\""),
        (types.bits(P::U32, "Lsb0"), "00", "\"0b\""),
    ];
    all(&types, JsonOptions::default(), &cases);
}

#[test]
fn calls_and_events_as_sdk_users_know_them() {
    let (runtime, registry) = (subtensor_461(), Registry::of(SUBTENSOR_461_V15));
    let json = |id: u32, hex: &str| {
        let bytes = const_hex::decode(hex).expect("hex");
        let options = JsonOptions { call_hashes: true, ..JsonOptions::default() };
        let mut out = Vec::new();
        runtime.decode(id, &bytes).and_then(|decoded| decoded.write_json(&mut out, options)).expect("a value");
        parse(&String::from_utf8(out).expect("UTF-8")).expect("JSON")
    };
    // All of these were read by `bittensor_core` 0.1.5.
    let remark = r#"{"call_index": "0x0000", "call_function": "remark", "call_module": "System",
        "call_args": [{"name": "remark", "type": "Bytes", "value": "hi"}],
        "call_hash": "0x89efc84be36b223a83707f2e577f86a99a79cac6b6d5c4c09b231384605ef27b"}"#;
    assert_eq!(json(registry.call, "0000086869"), parse(remark).expect("JSON"));
    let batch = json(registry.call, "0b00040000086869");
    let calls = batch.get("call_args").and_then(|args| args.at(0)?.get("value"));
    assert_eq!(calls.and_then(|calls| calls.at(0)), Some(&parse(remark).expect("JSON")), "inner calls have hashes too");

    let alice = "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d";
    let address = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";
    let transfer = format!(
        r#"{{"event_index": "0502", "module_id": "Balances", "event_id": "Transfer",
            "attributes": {{"from": "{address}", "to": "{address}", "amount": 1}}}}"#
    );
    let bytes = format!("0502{alice}{alice}0100000000000000");
    assert_eq!(json(registry.event, &bytes), parse(&transfer).expect("JSON"));
    let attributes = |hex: &str| json(registry.event, hex).get("attributes").cloned();
    assert_eq!(attributes("0002"), parse("null").ok(), "no fields");
    assert_eq!(attributes("07010500"), parse("5").ok(), "one without a name");
    assert_eq!(attributes("070001000200"), parse("[1,2]").ok(), "several without names");

    // A record of `System.Events` has the event's own entries beside it, and there its index is its pallet's.
    let record = registry.named("frame_system::EventRecord");
    let found = json(record, &format!("0001000000{bytes}00"));
    let expected = transfer.replacen('{', "", 1).replace("\"event_index\": \"0502\"", "\"event_index\": 5");
    let expected =
        format!(r#"{{"phase": "ApplyExtrinsic", "extrinsic_idx": 1, "event": {transfer}, "topics": [], {expected}"#);
    assert_eq!(found, parse(&expected).expect("JSON"));
    assert_eq!(json(record, &format!("01{bytes}00")).get("extrinsic_idx"), parse("null").ok().as_ref());
}

#[test]
fn types_with_a_meaning_of_their_own() {
    let (runtime, registry) = (subtensor_461(), Registry::of(SUBTENSOR_461_V15));
    let alice = "d43593c715fdd31c61141abd04a99fd6822c8558854ccde39a5684e7a56da27d";
    let address = "\"5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY\"";
    let cases = [
        ("sp_core::crypto::AccountId32", alice.to_owned(), address.to_owned()),
        ("sp_runtime::multiaddress::MultiAddress", format!("00{alice}"), address.to_owned()),
        ("sp_runtime::multiaddress::MultiAddress", "02086869".to_owned(), "{\"Raw\":\"hi\"}".to_owned()),
        ("primitive_types::H256", "ab".repeat(32), format!("\"0x{}\"", "ab".repeat(32))),
        ("primitive_types::U256", format!("05{}", "00".repeat(31)), "5".to_owned()),
        ("sp_runtime::generic::era::Era", "00".to_owned(), "\"00\"".to_owned()),
        ("sp_runtime::generic::era::Era", "e500".to_owned(), "[64,14]".to_owned()),
        ("sp_runtime::generic::era::Era", "ff01".to_owned(), "[65536,496]".to_owned()),
        ("sp_runtime::generic::era::Era", "1000".to_owned(), "[2,1]".to_owned()),
        (
            "sp_runtime::DispatchError",
            "030701000000".to_owned(),
            r#"{"Module":{"index":7,"error":"0x01000000"}}"#.to_owned(),
        ),
        ("sp_runtime::DispatchError", "0700".to_owned(), "{\"Token\":\"FundsUnavailable\"}".to_owned()),
        ("sp_weights::weight_v2::Weight", "0408".to_owned(), "{\"ref_time\":1,\"proof_size\":2}".to_owned()),
        (
            "node_subtensor_runtime::OriginCaller",
            format!("0001{alice}"),
            format!("{{\"system\":{{\"Signed\":{address}}}}}"),
        ),
        ("frame_system::Phase", "0001000000".to_owned(), "{\"ApplyExtrinsic\":1}".to_owned()),
    ];
    for (path, hex, json) in cases {
        let bytes = const_hex::decode(&hex).expect("hex");
        let mut out = Vec::new();
        let decoded = runtime.decode(registry.named(path), &bytes);
        decoded.and_then(|decoded| decoded.write_json(&mut out, JsonOptions::default())).expect("a value");
        assert_eq!(String::from_utf8(out).expect("UTF-8"), json, "{path} of {hex}");
    }
}
