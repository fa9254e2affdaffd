//! A record of `System.Events` by itself: it has a shape of its own around an event, and only there.

use sentinel_core::decode::{DecodeErrorKind, JsonOptions};
use sentinel_support::exact_json::parse;
use sentinel_support::extra_types::ExtraTypes;
use sentinel_support::extrinsics::FINALIZATION;
use sentinel_support::registry::Registry;
use sentinel_support::runtimes::RAONET_218_V14;

/// `System.CodeUpdated`, an event without fields.
const CODE_UPDATED: [u8; 2] = [0, 2];

#[test]
fn a_record_around_something_else_is_an_ordinary_struct() {
    let registry = Registry::of(RAONET_218_V14);
    let mut extra = ExtraTypes::new();
    let (phase, text) = (registry.named("frame_system::Phase"), extra.add("", scale_info::TypeDefPrimitive::Str));
    let fields = [("phase", phase), ("event", text), ("topics", text)];
    let record = extra.record("frame_system::EventRecord", &fields);
    let runtime = extra.runtime();
    let bytes = [FINALIZATION, b"\x14hello\x00"].concat();
    let decoded = runtime.decode(record, &bytes).expect("the type exists");
    let mut out = Vec::new();
    decoded.write_json(&mut out, JsonOptions::default()).expect("it decodes");
    let text = String::from_utf8(out).expect("UTF-8");
    assert_eq!(text, r#"{"phase":"Finalization","event":"hello","topics":""}"#);
    assert_eq!(serde_json::to_string(&decoded).expect("it decodes"), text);
}

/// Its event stands in a record twice: inside each other, a hundred bytes would become gigabytes.
#[test]
fn a_record_inside_another_is_refused() {
    let registry = Registry::of(RAONET_218_V14);
    let mut extra = ExtraTypes::new();
    let phase = registry.named("frame_system::Phase");
    let record = extra.next() + 1;
    let inner = extra.list(record);
    let fields = [("phase", phase), ("event", registry.event), ("topics", inner)];
    assert_eq!(extra.record("frame_system::EventRecord", &fields), record);
    let runtime = extra.runtime();
    let alone = [FINALIZATION, &CODE_UPDATED, &[0]].concat();
    let mut out = Vec::new();
    let decoded = runtime.decode(record, &alone).expect("the type exists");
    decoded.write_json(&mut out, JsonOptions::default()).expect("it decodes");
    parse(std::str::from_utf8(&out).expect("UTF-8")).expect("JSON");

    // Beside each other they may stand.
    let two = [&[8][..], &alone, &alone].concat();
    assert!(runtime.decode(inner, &two).and_then(|list| list.to_value()).is_ok());

    let nested = [FINALIZATION, &CODE_UPDATED, &[4], &alone].concat();
    let decoded = runtime.decode(record, &nested).expect("the type exists");
    let errors = [
        decoded.to_value().expect_err("one in another"),
        decoded.to_value_ref().expect_err("one in another"),
        decoded.write_json(&mut Vec::new(), JsonOptions::default()).expect_err("one in another"),
    ];
    for error in errors {
        assert!(matches!(error.kind(), DecodeErrorKind::Unsupported(why) if why.contains("inside another")), "{error}");
    }
}
