//! Extrinsics and what became of them: envelopes, errors by name, the events of each, and the calls inside calls.

use parity_scale_codec::{Compact, Encode};
use sentinel_core::chain::AccountId;
use sentinel_core::decode::{DecodeErrorKind, DispatchError, JsonOptions, JsonWriter, Outcome, Phase, Value};
use sentinel_support::blocks::{ALICE, BOB, Block, DISPATCH_INFO, NOT_ENOUGH_STAKE, account, transfer};
use sentinel_support::exact_json::{Json, parse};
use sentinel_support::extrinsics::{
    FINALIZATION, INITIALIZATION, Signed, applying, bare, general, id, signed, sr25519, vector, with_length,
};
use sentinel_support::registry::Registry;
use sentinel_support::runtimes::{
    FINNEY_393_V16, RAONET_218_V14, SUBTENSOR_461_V14, SUBTENSOR_461_V15, load, raonet_218, subtensor_461,
};

const ALL: [&[u8]; 4] = [RAONET_218_V14, FINNEY_393_V16, SUBTENSOR_461_V14, SUBTENSOR_461_V15];

#[test]
fn signed_extrinsics_show_who_and_how() {
    for metadata in ALL {
        let (runtime, registry) = (load(metadata), Registry::of(metadata));
        let call = transfer(&registry, BOB, 5);
        let eras: [(&[u8], &str); 2] = [(&[0], "\"00\""), (&[0xe5, 0x00], "\"e500\"")];
        for (era, era_json) in eras {
            for (nonce, tip) in [(0, 0), (63, 7), (70_000, 1 << 40), (u64::from(u32::MAX), u128::from(u64::MAX))] {
                let by = Signed { era: era.to_vec(), nonce, tip, ..Signed::by(account(ALICE)) };
                let bytes = signed(&registry, &by, &call);
                let extrinsic = runtime.extrinsic(&bytes).expect("a signed extrinsic");
                assert!(extrinsic.is_signed());
                assert_eq!(extrinsic.version(), 4);
                assert_eq!(extrinsic.signer().map(|signer| signer.to_ss58()).as_deref(), Some(ALICE));
                assert_eq!((extrinsic.nonce(), extrinsic.tip(), extrinsic.era()), (Some(nonce), Some(tip), Some(era)));
                assert_eq!((extrinsic.pallet(), extrinsic.name()), ("Balances", "transfer_allow_death"));
                assert_eq!(extrinsic.index(), registry.call_index("Balances", "transfer_allow_death"));
                assert_eq!(extrinsic.bytes(), bytes);
                assert_eq!(extrinsic.call().bytes(), call);
                let Ok(Value::Call(call)) = extrinsic.call().to_value() else { panic!("a call") };
                assert_eq!(call.arg("dest").and_then(Value::as_account), Some(AccountId(account(BOB))));
                assert_eq!(call.arg("value").and_then(Value::as_u64), Some(5));
                let mut out = JsonWriter::new(JsonOptions::default());
                sentinel_core::decode::write_extrinsic(&extrinsic, &mut out).expect("JSON");
                let document = parse(&String::from_utf8(out.into_bytes()).expect("UTF-8")).expect("JSON");
                assert_eq!(document.get("era"), Some(&parse(era_json).expect("JSON")));
                assert_eq!(document.get("nonce"), Some(&Json::Plain(nonce.to_string())));
                assert_eq!(document.get("tip"), Some(&Json::Plain(tip.to_string())));
            }
        }
    }
}

#[test]
fn signatures_and_addresses_of_every_kind() {
    let (runtime, registry) = (subtensor_461(), Registry::of(SUBTENSOR_461_V15));
    let call = transfer(&registry, BOB, 5);
    let variant = |kind: u8, bytes: &[u8]| [&[kind], bytes].concat();
    let signatures = [
        (variant(0, &[0xed; 64]), format!("{{\"Ed25519\":\"0x{}\"}}", "ed".repeat(64))),
        (sr25519([0x5a; 64]), format!("{{\"Sr25519\":\"0x{}\"}}", "5a".repeat(64))),
        (variant(2, &[0xec; 65]), format!("{{\"Ecdsa\":\"0x{}\"}}", "ec".repeat(65))),
    ];
    // The index of an account is a compact form of nothing here: no bytes.
    let addresses = [
        (id(account(ALICE)), format!("\"{ALICE}\""), Some(ALICE)),
        (vec![1], "[]".to_owned(), None),
        (variant(2, &b"hi".to_vec().encode()), "{\"Raw\":\"hi\"}".to_owned(), None),
        (variant(3, &[7; 32]), format!("{{\"Address32\":\"0x{}\"}}", "07".repeat(32)), None),
        (variant(4, &[7; 20]), format!("{{\"Address20\":\"0x{}\"}}", "07".repeat(20)), None),
    ];
    let json = |decoded: sentinel_core::decode::Decoded<'_, '_>| {
        let mut out = Vec::new();
        decoded.write_json(&mut out, JsonOptions::default()).expect("JSON");
        String::from_utf8(out).expect("UTF-8")
    };
    for (signature, signature_json) in &signatures {
        for (address, address_json, signer) in &addresses {
            let by = Signed { address: address.clone(), signature: signature.clone(), ..Signed::by([0; 32]) };
            let bytes = signed(&registry, &by, &call);
            let extrinsic = runtime.extrinsic(&bytes).expect("a signed extrinsic");
            assert_eq!(extrinsic.signature().map(json).as_ref(), Some(signature_json));
            assert_eq!(extrinsic.address().map(json).as_ref(), Some(address_json));
            assert_eq!(extrinsic.signer().map(|signer| signer.to_ss58()).as_deref(), *signer);
            assert_eq!(extrinsic.call().bytes(), call, "what follows is read from the right place");
        }
    }
}

#[test]
fn extrinsics_without_a_signature() {
    for metadata in ALL {
        let (runtime, registry) = (load(metadata), Registry::of(metadata));
        let call = registry.call("Timestamp", "set", &[&Compact(1_700_000_000_000u64).encode()]);
        for format in [4, 5] {
            let bytes = bare(format, &call);
            let extrinsic = runtime.extrinsic(&bytes).expect("a bare extrinsic");
            assert_eq!((extrinsic.version(), extrinsic.is_signed()), (format, false));
            assert_eq!((extrinsic.pallet(), extrinsic.name()), ("Timestamp", "set"));
            assert_eq!(
                (extrinsic.signer(), extrinsic.nonce(), extrinsic.tip(), extrinsic.era()),
                (None, None, None, None)
            );
            assert!(extrinsic.address().is_none() && extrinsic.signature().is_none());
            assert_eq!(extrinsic.call().bytes(), call);
        }
        let with = Signed { nonce: 9, tip: 11, era: vec![0xe5, 0], ..Signed::by([0; 32]) };
        let bytes = general(&registry, 0, &with, &call);
        let extrinsic = runtime.extrinsic(&bytes).expect("a general extrinsic");
        assert_eq!((extrinsic.version(), extrinsic.is_signed()), (5, false));
        assert_eq!((extrinsic.nonce(), extrinsic.tip(), extrinsic.era()), (Some(9), Some(11), Some(&[0xe5, 0][..])));
        assert_eq!(extrinsic.call().bytes(), call);
        let unknown = runtime.extrinsic(&general(&registry, 9, &with, &call)).expect_err("no such set").to_string();
        assert_eq!(unknown, "an unknown set of extensions at byte 2");
    }
}

#[test]
fn a_hash_is_over_all_bytes() {
    // blake2b-256, by Python's hashlib.
    let (runtime, registry) = (subtensor_461(), Registry::of(SUBTENSOR_461_V15));
    let bytes = bare(4, &registry.call("System", "remark", &[&b"hi".to_vec().encode()]));
    assert_eq!(const_hex::encode(&bytes), "18040000086869");
    let extrinsic = runtime.extrinsic(&bytes).expect("an extrinsic");
    assert_eq!(const_hex::encode(extrinsic.hash()), "32b3367533e8c455b1d6be8038df1b36bd9dc581548740af65709a920e181e64");
}

#[test]
fn formats_and_lengths_that_are_not_known() {
    let (runtime, registry) = (subtensor_461(), Registry::of(SUBTENSOR_461_V15));
    let call = registry.call("System", "remark", &[&[0]]);
    for format in [0, 3, 6, 0x44, 0x46, 0x83, 0x85, 0xc4, 0xc5, 0xff] {
        let error = runtime.extrinsic(&bare(format, &call)).expect_err("an unknown format");
        assert_eq!((error.kind(), error.offset()), (&DecodeErrorKind::ExtrinsicFormat(format), 1));
    }
    let bytes = bare(4, &call);
    let refused = |bytes: &[u8]| runtime.extrinsic(bytes).expect_err("a wrong length").to_string();
    assert_eq!(refused(&bytes[1..]), "2 bytes left over at byte 2");
    assert_eq!(refused(&bytes[..3]), "2 more bytes expected, 2 left at byte 1");
    assert_eq!(refused(&[&bytes[..], &[0, 0]].concat()), "2 bytes left over at byte 5");
    assert_eq!(refused(&[]), "1 more bytes expected, 0 left at byte 0");
    assert_eq!(refused(&with_length(&[])), "1 more bytes expected, 0 left at byte 1");
    assert_eq!(refused(&[0xfe, 0xff, 0xff, 0xff, 4]), "1073741822 more bytes expected, 1 left at byte 4");
}

#[test]
fn events_belong_to_their_extrinsics() {
    let mut block = Block::new();
    let call = block.registry.call("System", "remark", &[&[0]]);
    block.extrinsics = vec![bare(4, &call), signed(&block.registry, &Signed::by(account(BOB)), &call), bare(5, &call)];
    let deposit: &[&[u8]] = &[&account(BOB), &5u64.to_le_bytes()];
    block.event(INITIALIZATION, "Balances", "Deposit", deposit);
    block.event(&applying(1), "Balances", "Deposit", deposit);
    block.event(&applying(0), "System", "ExtrinsicSuccess", &[DISPATCH_INFO]);
    block.event(&applying(7), "System", "ExtrinsicSuccess", &[DISPATCH_INFO]);
    block.event(&applying(u32::MAX), "Balances", "Deposit", deposit);
    block.event(&applying(1), "System", "ExtrinsicFailed", &[NOT_ENOUGH_STAKE, DISPATCH_INFO]);
    block.event(FINALIZATION, "Balances", "Deposit", deposit);
    block.index(|index| {
        assert_eq!(index.events().len(), 7);
        let of = |extrinsic| index.events_of(extrinsic).map(|event| event.position()).collect::<Vec<_>>();
        assert_eq!((of(0), of(1), of(2), of(3), of(7)), (vec![2], vec![1, 5], vec![], vec![], vec![]));
        let phases: Vec<Phase> = index.events().iter().map(|event| event.phase()).collect();
        let applied = |at| Phase::ApplyExtrinsic(at);
        assert_eq!(
            phases,
            [
                Phase::Initialization,
                applied(1),
                applied(0),
                applied(7),
                applied(u32::MAX),
                applied(1),
                Phase::Finalization
            ]
        );
        assert_eq!(index.outcome(0), Ok(Some(Outcome::Success)));
        let Ok(Some(Outcome::Failed(error))) = index.outcome(1) else { panic!("a failure") };
        assert_eq!(error.full_name(), "SubtensorModule.NotEnoughStake");
        assert_eq!(index.outcome(2), Ok(None), "its events do not say");
        assert_eq!(index.outcome(99), Ok(None));
        assert!(index.facts(3).is_none());
    });
}

#[test]
fn one_bad_extrinsic_does_not_hide_the_others() {
    let mut block = Block::new();
    let call = block.registry.call("System", "remark", &[&[0]]);
    block.extrinsics = vec![bare(4, &call), vec![8, 4, 250], bare(4, &call)];
    block.index(|index| {
        assert_eq!(index.extrinsics().iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
        let mut out = JsonWriter::new(JsonOptions::default());
        out.buffer().extend_from_slice(b"kept");
        let error = index.write_extrinsic(1, Some(1), &mut out).expect_err("a bad extrinsic");
        assert_eq!(error.to_string(), "no variant with index 250 at byte 2, in pallet index");
        assert_eq!(out.as_bytes(), b"kept");
        assert!(index.write_extrinsic(2, Some(1), &mut out).is_ok());
    });
}

#[test]
fn errors_have_names() {
    let cases: [(&[u8], Option<&str>, &str); 12] = [
        (NOT_ENOUGH_STAKE, Some("SubtensorModule"), "NotEnoughStake"),
        (&[3, 0, 0, 0, 0, 0], Some("System"), "InvalidSpecName"),
        // Numbers that the runtime does not know stay numbers.
        (&[3, 7, 255, 0, 0, 0], Some("SubtensorModule"), "Module(7, 255)"),
        (&[3, 200, 4, 0, 0, 0], None, "Module(200, 4)"),
        (&[0], None, "Other"),
        (&[2], None, "BadOrigin"),
        (&[7, 0], None, "Token.FundsUnavailable"),
        (&[8, 1], None, "Arithmetic.Overflow"),
        (&[8, 0], None, "Arithmetic.Underflow"),
        (&[9, 0], None, "Transactional.LimitReached"),
        (&[10], None, "Exhausted"),
        (&[13], None, "RootNotAllowed"),
    ];
    for (error, pallet, name) in cases {
        let mut block = Block::new();
        block.extrinsics.push(bare(4, &block.registry.call("System", "remark", &[&[0]])));
        block.event(&applying(0), "System", "ExtrinsicFailed", &[error, DISPATCH_INFO]);
        block.index(|index| {
            let Ok(Some(Outcome::Failed(error))) = index.outcome(0) else { panic!("a failure") };
            assert_eq!((error.pallet.as_deref(), error.name.as_str()), (pallet, name));
            assert_eq!(error.description, None, "the fixture has no documentation");
        });
    }
    // The oldest runtimes number a pallet's errors with one byte instead of four.
    let old = |code: Value| {
        let module = vec![("index".to_owned(), Value::Unsigned(7)), ("error".to_owned(), code)];
        let error = Value::Variant { name: "Module".to_owned(), fields: Some(Box::new(Value::Record(module))) };
        DispatchError::from_value(&raonet_218(), &error).full_name()
    };
    assert_eq!(old(Value::Unsigned(11)), "SubtensorModule.NotEnoughStake");
    assert_eq!(old(Value::ByteArray(vec![11, 0, 0, 0])), "SubtensorModule.NotEnoughStake");
}

const DOCUMENT_KEYS: [&str; 14] = [
    "address",
    "call",
    "error",
    "era",
    "events",
    "extrinsic_hash",
    "id",
    "index",
    "nested",
    "netuid",
    "nonce",
    "signature",
    "status",
    "tip",
];

#[test]
fn a_document_has_the_keys_that_users_know() {
    let tempo = |registry: &Registry, netuid: u16| {
        registry.call("AdminUtils", "sudo_set_tempo", &[&netuid.to_le_bytes(), &[100, 0]])
    };
    let document = |block: &Block, number: Option<u64>| {
        block.index(|index| {
            let options = JsonOptions { extrinsic_hashes: true, ..JsonOptions::default() };
            let mut out = JsonWriter::new(options);
            index.write_extrinsic(0, number, &mut out).expect("JSON");
            let text = String::from_utf8(out.into_bytes()).expect("UTF-8");
            (parse(&text).expect("JSON"), text)
        })
    };
    let keys = |document: &Json| match document {
        Json::Object(fields) => fields.keys().cloned().collect::<Vec<_>>(),
        other => panic!("an object, not {other:?}"),
    };
    let sudo =
        Block::of(|registry| registry.call("Sudo", "sudo", &[&tempo(registry, 3)]), &[("Sudo", "Sudid", &[&[0]])]);
    let (found, text) = document(&sudo, Some(77));
    let mut expected = DOCUMENT_KEYS.map(str::to_owned);
    expected.sort();
    assert_eq!(keys(&found), expected);
    assert!(text.starts_with("{\"id\":\"77-0000\",\"index\":0,\"extrinsic_hash\":\"0x"), "{text}");
    let plain = |text: &str| Some(Json::Plain(text.to_owned()));
    assert_eq!(found.get("status").and_then(Json::text), Some("success"));
    assert_eq!(found.get("error").cloned(), plain("null"));
    assert_eq!(found.get("netuid").cloned(), plain("3"), "of the call inside");
    assert_eq!(found.get("address").and_then(Json::text), Some(ALICE));
    let nested = found.get("nested").and_then(|nested| nested.at(0)).expect("a nested call");
    assert_eq!(keys(nested), ["call", "effective_origin", "path", "succeeded"]);
    assert_eq!(nested.get("path").and_then(Json::text), Some("call"));
    assert_eq!(nested.get("effective_origin").and_then(Json::text), Some("Root"));
    assert_eq!(nested.get("succeeded").cloned(), plain("true"));
    let function = nested.get("call").and_then(|call| call.get("call_function")).and_then(Json::text);
    assert_eq!(function, Some("sudo_set_tempo"));
    let event = found.get("events").and_then(|events| events.at(0)).expect("an event");
    assert_eq!(
        keys(event),
        ["attributes", "event_id", "event_index", "extrinsic_idx", "id", "module_id", "phase", "topics"]
    );
    assert_eq!(event.get("id").and_then(Json::text), Some("77-0000"));
    assert_eq!(event.get("event_id").and_then(Json::text), Some("Sudid"));

    // Without a block number nothing has an id.
    let (found, _) = document(&sudo, None);
    assert_eq!(keys(&found).len(), DOCUMENT_KEYS.len() - 1);
    assert_eq!(found.get("id"), None);

    // A failure has its error; a batch over several subnets no netuid.
    let mut failed = Block::of(
        |registry| registry.call("Utility", "batch", &[&vector(&[tempo(registry, 3), tempo(registry, 4)])]),
        &[],
    );
    failed.records.clear();
    failed.event(&applying(0), "System", "ExtrinsicFailed", &[NOT_ENOUGH_STAKE, DISPATCH_INFO]);
    let (found, _) = document(&failed, Some(77));
    assert_eq!(found.get("status").and_then(Json::text), Some("failed"));
    let error = found.get("error").expect("an error");
    assert_eq!(keys(error), ["description", "name", "pallet"]);
    assert_eq!(error.get("name").and_then(Json::text), Some("NotEnoughStake"));
    assert_eq!(found.get("netuid").cloned(), plain("null"));
    assert_eq!(found.get("nested").and_then(|nested| nested.at(1)?.get("succeeded")).cloned(), plain("false"));

    // Unsigned, and without events: what is not known is null.
    let mut bare_block = Block::new();
    bare_block.extrinsics.push(bare(4, &tempo(&bare_block.registry, 3)));
    let (found, _) = document(&bare_block, Some(77));
    assert_eq!(keys(&found), expected);
    for key in ["address", "signature", "nonce", "tip", "era", "status", "error"] {
        assert_eq!(found.get(key).cloned(), plain("null"), "{key}");
    }
    assert_eq!(found.get("netuid").cloned(), plain("3"));
}
