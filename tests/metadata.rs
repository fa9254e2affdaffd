//! What a runtime's metadata gives: versions, storage keys, errors, constants; and what is said of blobs that are none.

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use parity_scale_codec::{Decode, Encode};
use scale_info::{PortableRegistry, TypeDef};
use sentinel_core::chain::AccountId;
use sentinel_core::decode::{Hasher, KeyError, MetadataError, Runtime, Value, strip_docs};
use sentinel_support::registry::Registry;
use sentinel_support::runtimes::{
    FINNEY_393_V16, RAONET_218_V14, SUBTENSOR_461_V14, SUBTENSOR_461_V15, load, raonet_218, subtensor_461,
};
use sentinel_support::samples::Samples;

const ALL: [(&[u8], u32, u32); 4] =
    [(RAONET_218_V14, 14, 218), (FINNEY_393_V16, 16, 393), (SUBTENSOR_461_V14, 14, 461), (SUBTENSOR_461_V15, 15, 461)];

#[test]
fn each_runtime_says_what_it_is() {
    for (metadata, format, spec_version) in ALL {
        let runtime = load(metadata);
        assert_eq!(runtime.metadata_version(), format);
        let version = runtime.version();
        assert_eq!((version.spec_name.as_str(), version.impl_name.as_str()), ("node-subtensor", "node-subtensor"));
        assert_eq!((version.spec_version, version.transaction_version), (spec_version, 1));
        assert_eq!((version.authoring_version, version.impl_version, version.state_version), (1, 1, 1));
        assert_eq!(runtime.metadata(), metadata);
        // Only versions 15 and 16 describe runtime APIs.
        assert_eq!(runtime.describes_apis(), format > 14);
        assert_eq!(runtime.has_api("SubnetInfoRuntimeApi_get_subnets_info"), format > 14);
    }
}

#[test]
fn every_constant_and_default_is_a_value_of_its_type() {
    for (metadata, _, spec_version) in ALL {
        let runtime = load(metadata);
        let (mut constants, mut defaults) = (0, 0);
        for (name, bytes, id) in constants_of(metadata) {
            let (pallet, constant) = name.split_once('.').expect("a full name");
            let constant = runtime.pallet(pallet).and_then(|pallet| pallet.constant(constant)).expect("the constant");
            assert_eq!(constant.bytes(), bytes);
            let value = constant.value(&runtime).to_value();
            assert!(value.is_ok(), "{name} of {spec_version}: {value:?}");
            assert_eq!(value, runtime.decode(id, &bytes).and_then(|decoded| decoded.to_value()));
            constants += 1;
        }
        for item in runtime.pallets().iter().flat_map(|pallet| pallet.storage()) {
            if let Some(default) = item.default_bytes() {
                let value = item.value(&runtime, default).to_value();
                assert!(value.is_ok(), "{} of {spec_version}: {value:?}", item.name());
                defaults += 1;
            }
        }
        println!("{spec_version}: {constants} constants, {defaults} defaults");
        assert!(constants > 80 && defaults > 80);
    }
    let runtime = subtensor_461();
    let prefix = runtime.pallet("System").and_then(|system| system.constant("SS58Prefix")).expect("the constant");
    assert_eq!(prefix.value(&runtime).to_value(), Ok(Value::Unsigned(42)));
}

fn constants_of(metadata: &[u8]) -> Vec<(String, Vec<u8>, u32)> {
    macro_rules! constants {
        ($metadata:expr) => {
            $metadata
                .pallets
                .iter()
                .flat_map(|pallet| pallet.constants.iter().map(move |constant| (&pallet.name, constant)))
                .map(|(pallet, constant)| {
                    (format!("{pallet}.{}", constant.name), constant.value.clone(), constant.ty.id)
                })
                .collect()
        };
    }
    match RuntimeMetadataPrefixed::decode(&mut &*metadata).expect("metadata").1 {
        RuntimeMetadata::V14(metadata) => constants!(metadata),
        RuntimeMetadata::V15(metadata) => constants!(metadata),
        RuntimeMetadata::V16(metadata) => constants!(metadata),
        other => panic!("metadata version {}", other.version()),
    }
}

/// The same metadata with documentation at every place that has room for it.
fn documented(metadata: &[u8]) -> Vec<u8> {
    let docs = || vec![" A first line.".to_owned(), " A second one.".to_owned()];
    fn types(types: &mut PortableRegistry, docs: &impl Fn() -> Vec<String>) {
        for entry in &mut types.types {
            entry.ty.docs = docs();
            match &mut entry.ty.type_def {
                TypeDef::Composite(composite) => composite.fields.iter_mut().for_each(|field| field.docs = docs()),
                TypeDef::Variant(table) => {
                    for variant in &mut table.variants {
                        variant.docs = docs();
                        variant.fields.iter_mut().for_each(|field| field.docs = docs());
                    }
                }
                _ => {}
            }
        }
    }
    macro_rules! pallets {
        ($metadata:expr) => {
            types(&mut $metadata.types, &docs);
            for pallet in &mut $metadata.pallets {
                pallet.constants.iter_mut().for_each(|constant| constant.docs = docs());
                pallet
                    .storage
                    .iter_mut()
                    .flat_map(|storage| &mut storage.entries)
                    .for_each(|entry| entry.docs = docs());
            }
        };
    }
    macro_rules! apis {
        ($metadata:expr) => {
            $metadata.pallets.iter_mut().for_each(|pallet| pallet.docs = docs());
            for api in &mut $metadata.apis {
                api.docs = docs();
                api.methods.iter_mut().for_each(|method| method.docs = docs());
            }
        };
    }
    let mut all = RuntimeMetadataPrefixed::decode(&mut &*metadata).expect("metadata");
    match &mut all.1 {
        RuntimeMetadata::V14(metadata) => {
            pallets!(metadata);
        }
        RuntimeMetadata::V15(metadata) => {
            pallets!(metadata);
            apis!(metadata);
        }
        RuntimeMetadata::V16(metadata) => {
            pallets!(metadata);
            apis!(metadata);
            for pallet in &mut metadata.pallets {
                pallet.associated_types.iter_mut().for_each(|associated| associated.docs = docs());
                pallet.view_functions.iter_mut().for_each(|view| view.docs = docs());
            }
        }
        other => panic!("metadata version {}", other.version()),
    }
    all.encode()
}

#[test]
fn stripping_removes_the_documentation_and_nothing_else() {
    for (metadata, format, _) in ALL {
        let documented = documented(metadata);
        assert!(documented.len() > metadata.len() * 5 / 4);
        let stripped = strip_docs(&documented).expect("metadata");
        assert!(stripped == metadata, "the fixture of version {format} again, byte by byte");
        assert!(strip_docs(&stripped).expect("metadata") == stripped, "a second time there is nothing left to strip");

        let (with, without) = (load(&documented), load(&stripped));
        assert_eq!(without.metadata_version(), format);
        assert_eq!(with.version(), without.version());
        assert_ne!(with.digest(), without.digest());
        let described = |runtime: &Runtime| {
            runtime.pallet("SubtensorModule").and_then(|pallet| pallet.error(1)).map(|error| error.description.clone())
        };
        assert_eq!(described(&with).as_deref(), Some("A first line."));
        assert_eq!(described(&without).as_deref(), Some(""));
        let registry = Registry::of(metadata);
        let mut samples = Samples::new(&registry.types, 7);
        for id in (0..with.type_count()).filter(|id| Samples::has_values(&samples.clone(), *id)).collect::<Vec<_>>() {
            let bytes = samples.value(id).expect("the type has values");
            let value = |runtime: &Runtime| runtime.decode(id, &bytes).and_then(|decoded| decoded.to_value());
            assert_eq!(value(&with), value(&without));
        }
    }
}

#[test]
fn storage_keys_are_those_of_the_chain() {
    for (metadata, _, spec_version) in ALL {
        let runtime = load(metadata);
        let subtensor = "658faa385070e074c85bf6b568cf0555";
        let vectors: [(&str, &str, &[&[u8]], String); 6] = [
            ("SubtensorModule", "Tempo", &[&[1, 0]], format!("{subtensor}7641384bb339f3758acddfd7053d33170100")),
            (
                "SubtensorModule",
                "NetworksAdded",
                &[&[3, 0]],
                format!("{subtensor}0e30450fc4d507a846032a7fa65d9a430300"),
            ),
            (
                "SubtensorModule",
                "BlocksSinceLastStep",
                &[&[7, 0]],
                format!("{subtensor}63f934e48e59bf9413de427605faa0240700"),
            ),
            (
                "SubtensorModule",
                "Keys",
                &[&[1, 0], &[0, 0]],
                format!("{subtensor}9f99a2ce711f3a31b2fc05604c93f17901000000"),
            ),
            ("System", "Events", &[], "26aa394eea5630e07c48ae0c9558cef780d41e5e16056765bc8461851072c9d7".to_owned()),
            ("Timestamp", "Now", &[], "f0c365c3cf59d671eb72da0e7a4113c49f1f0515f462cdcf84e0f1d6045dfcbb".to_owned()),
        ];
        for (pallet, name, parts, key) in vectors {
            let item = runtime.storage_item(pallet, name).expect("every runtime has it");
            assert_eq!(item.key(parts).map(const_hex::encode), Ok(key), "{pallet}.{name} of {spec_version}");
        }
    }
}

#[test]
fn key_parts_come_back_out_of_keys() {
    let mut round_trips = 0;
    for (metadata, _, spec_version) in ALL {
        let (runtime, registry) = (load(metadata), Registry::of(metadata));
        let mut samples = Samples::new(&registry.types, 8);
        for (name, part_types) in map_keys_of(metadata, &registry.types) {
            let (pallet, item) = name.split_once('.').expect("a full name");
            let item = runtime.storage_item(pallet, item).expect("the item");
            assert_eq!(item.hashers().len(), part_types.len(), "{name} of {spec_version}");
            let parts: Vec<Vec<u8>> =
                part_types.iter().map(|id| samples.value(*id).expect("keys have values")).collect();
            let borrowed: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
            let key = item.key(&borrowed).expect("as many parts as hashers");
            let back = item.key_parts(&runtime, &key);
            if item.hashers().iter().any(|hasher| hasher.clear_key_offset().is_none()) {
                assert!(matches!(back, Err(KeyError::Foreign(_))), "{name}: the key is lost in its hash");
                continue;
            }
            let values: Vec<Value> = part_types
                .iter()
                .zip(&parts)
                .map(|(id, part)| runtime.decode(*id, part).and_then(|part| part.to_value()).expect("a valid part"))
                .collect();
            assert_eq!(back, Ok(values), "{name} of {spec_version}");
            // A longer key is another item's, a shorter one is cut.
            assert!(item.key_parts(&runtime, &[&key[..], &[0]].concat()).is_err());
            assert!(item.key_parts(&runtime, &key[..key.len() - 1]).is_err());
            round_trips += 1;
        }
    }
    println!("{round_trips} keys taken apart");
    assert!(round_trips > 800);
}

/// Each map by name, with the types of its key's parts.
fn map_keys_of(metadata: &[u8], types: &PortableRegistry) -> Vec<(String, Vec<u32>)> {
    macro_rules! keys {
        ($metadata:expr, $frame:ident) => {{
            let mut keys = Vec::new();
            for pallet in &$metadata.pallets {
                for entry in pallet.storage.iter().flat_map(|storage| &storage.entries) {
                    if let frame_metadata::$frame::StorageEntryType::Map { hashers, key, .. } = &entry.ty {
                        let parts = match &types.resolve(key.id).expect("a type").type_def {
                            TypeDef::Tuple(parts) if hashers.len() > 1 => {
                                parts.fields.iter().map(|part| part.id).collect()
                            }
                            _ => vec![key.id],
                        };
                        keys.push((format!("{}.{}", pallet.name, entry.name), parts));
                    }
                }
            }
            keys
        }};
    }
    match RuntimeMetadataPrefixed::decode(&mut &*metadata).expect("metadata").1 {
        RuntimeMetadata::V14(metadata) => keys!(metadata, v14),
        RuntimeMetadata::V15(metadata) => keys!(metadata, v15),
        RuntimeMetadata::V16(metadata) => keys!(metadata, v16),
        other => panic!("metadata version {}", other.version()),
    }
}

#[test]
fn keys_of_one_and_two_parts() {
    let runtime = subtensor_461();
    let item = |name: &str| runtime.storage_item("SubtensorModule", name).expect("the item");
    let alice: AccountId = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY".parse().expect("an address");
    let owner = item("Owner");
    assert_eq!(owner.hashers(), [Hasher::Blake2_128Concat]);
    let key = owner.key(&[&alice.0]).expect("one part");
    assert_eq!(key.len(), 32 + 16 + 32);
    assert_eq!(owner.key_parts(&runtime, &key), Ok(vec![Value::Account(alice)]));

    let keys = item("Keys");
    let key = keys.key(&[&[1, 0], &[44, 1]]).expect("two parts");
    assert_eq!(keys.key_parts(&runtime, &key), Ok(vec![Value::Unsigned(1), Value::Unsigned(300)]));
    assert_eq!(keys.key(&[&[1, 0]]).expect("a prefix"), key[..34]);
    let too_many = keys.key(&[&[1, 0], &[0, 0], &[0, 0]]).expect_err("two hashers");
    assert_eq!(too_many.to_string(), "Keys has 2 key parts, 3 were given");
    assert_eq!(owner.key_parts(&runtime, &key), Err(KeyError::Foreign("Owner".to_owned())));

    let now = runtime.storage_item("Timestamp", "Now").expect("the item");
    assert_eq!(now.key(&[]).expect("no parts"), now.prefix());
    assert_eq!(now.key_parts(&runtime, &now.prefix()), Ok(Vec::new()));
}

#[test]
fn values_that_are_absent_have_their_default() {
    let runtime = subtensor_461();
    let item = |name: &str| runtime.storage_item("SubtensorModule", name).expect("the item");
    let tempo = item("Tempo");
    let default = tempo.default_bytes().expect("Tempo has a default");
    assert_eq!(tempo.value(&runtime, default).to_value(), Ok(Value::Unsigned(10)));
    assert!(item("SubnetIdentitiesV3").default_bytes().is_none(), "absent is absent");
}

#[test]
fn errors_by_their_numbers() {
    // The same number is another error in another runtime.
    let name = |runtime: &Runtime, pallet: u8, error: u8| {
        let pallet = runtime.pallet_by_index(pallet)?;
        Some(format!("{}.{}", pallet.name(), pallet.error(error)?.name))
    };
    let (old, new) = (raonet_218(), subtensor_461());
    assert_eq!(name(&old, 7, 0).as_deref(), Some("SubtensorModule.SubNetworkDoesNotExist"));
    assert_eq!(name(&new, 7, 0).as_deref(), Some("SubtensorModule.RootNetworkDoesNotExist"));
    assert_eq!(name(&old, 7, 11).as_deref(), Some("SubtensorModule.NotEnoughStake"));
    assert_eq!(name(&new, 7, 8).as_deref(), Some("SubtensorModule.NotEnoughStake"));
    assert_eq!(name(&new, 7, 255), None);
    assert_eq!(name(&new, 255, 0), None);
    for runtime in [old, new] {
        for pallet in runtime.pallets() {
            let by_index = runtime.pallet_by_index(pallet.index()).map(|found| found.name());
            assert_eq!(by_index, Some(pallet.name()));
            assert!(pallet.errors().iter().all(|error| pallet.error(error.index) == Some(error)));
        }
    }
}

#[test]
fn blobs_that_are_no_metadata() {
    let refused = |bytes: &[u8]| {
        let error = Runtime::from_metadata(bytes).expect_err("no metadata");
        assert_eq!(strip_docs(bytes).expect_err("no metadata"), error);
        error
    };
    let good = SUBTENSOR_461_V15;
    assert_eq!(refused(&[]), MetadataError::NotMetadata);
    assert_eq!(refused(b"met"), MetadataError::NotMetadata);
    assert_eq!(refused(b"\x7fELF"), MetadataError::NotMetadata);
    // As `state_call` answers: wrapped in a length, or in an option too.
    assert_eq!(refused(&good.to_vec().encode()), MetadataError::NotMetadata);
    assert_eq!(refused(&Some(good.to_vec()).encode()), MetadataError::NotMetadata);
    for version in [0, 12, 13, 17, 255] {
        let other = [b"meta", &[version][..], &good[5..]].concat();
        assert_eq!(refused(&other), MetadataError::Version(u32::from(version)));
    }
    assert_eq!(refused(b"meta\x0d").to_string(), "metadata version 13 is not supported: 14, 15 and 16 are");
    for end in [4, 5, 100, good.len() / 2, good.len() - 1] {
        assert!(matches!(refused(&good[..end]), MetadataError::Damaged(_)), "cut at {end}");
    }
    assert_eq!(refused(&[good, &[0, 1, 2]].concat()), MetadataError::TrailingBytes(3));
    // Another version's body is not this one's.
    let relabelled = [b"meta\x0e", &good[5..]].concat();
    assert!(matches!(refused(&relabelled), MetadataError::Damaged(_) | MetadataError::TrailingBytes(_)));
}

#[test]
fn metadata_that_contradicts_itself() {
    let refused = |change: &dyn Fn(&mut frame_metadata::v15::RuntimeMetadataV15)| {
        let mut metadata = RuntimeMetadataPrefixed::decode(&mut &*SUBTENSOR_461_V15).expect("metadata");
        let RuntimeMetadata::V15(inner) = &mut metadata.1 else { panic!("version 15") };
        change(inner);
        match Runtime::from_metadata(&metadata.encode()) {
            Err(MetadataError::Inconsistent(what)) => what,
            other => panic!("not noticed: {other:?}"),
        }
    };
    assert_eq!(refused(&|metadata| metadata.outer_enums.call_enum_ty = 0.into()), "the outer call type is not an enum");
    assert_eq!(
        refused(&|metadata| metadata.outer_enums.event_enum_ty = 100_000.into()),
        "the outer event type is not an enum"
    );
    let undefined = refused(&|metadata| metadata.types.types.truncate(700));
    assert!(undefined.starts_with("type 7") && undefined.ends_with("is used but not defined"), "{undefined}");
    let moved = refused(&|metadata| metadata.types.types.swap(3, 4));
    assert_eq!(moved, "type 4 stands at position 3");
    assert_eq!(
        refused(&|metadata| metadata.pallets.retain(|pallet| pallet.name != "System")),
        "no constant System.Version"
    );
}
