//! Answers of the hyperparameter APIs, as the current runtime and the old ones give them.

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use parity_scale_codec::{Compact, Decode, Encode};
use sentinel_core::chain::{BlockHash, BlockRef};
use sentinel_core::decode::Runtime;
use sentinel_core::subnet::hyperparameters::{Api, Hyperparameter, Raw, Unit, decode_answer};
use sentinel_support::runtimes::{self, SUBTENSOR_461_V15};
use sentinel_support::samples::Samples;

const AT: BlockRef = BlockRef { number: 7, hash: BlockHash([7; 32]), parent_hash: BlockHash([6; 32]) };

/// Metadata V14 of the same runtime describes no runtime API: the library's own layouts have to do.
fn undescribed() -> Runtime {
    Runtime::from_metadata(include_bytes!("fixtures/metadata/subtensor-461-v14.scale"))
        .expect("the fixture is metadata")
}

fn decode(runtime: &Runtime, api: Api, answer: &[u8]) -> Vec<Hyperparameter> {
    decode_answer(runtime, api, answer, &AT).expect("the answer decodes").expect("the subnet exists")
}

/// Random answers of the type that metadata 461 gives each function: its description and our layouts agree on them.
#[test]
fn layouts_agree_with_the_metadata_of_461() {
    let Ok(RuntimeMetadataPrefixed(_, RuntimeMetadata::V15(metadata))) =
        RuntimeMetadataPrefixed::decode(&mut &*SUBTENSOR_461_V15)
    else {
        panic!("the fixture is metadata V15");
    };
    let (described, undescribed) = (runtimes::subtensor_461(), undescribed());
    assert!(described.describes_apis() && !undescribed.describes_apis());
    for (api, fields) in [(Api::V1, 27..=27), (Api::V2, 33..=33), (Api::V3, 0..=1000)] {
        let (name, method) = api.function().split_once('_').unwrap();
        let method = metadata
            .apis
            .iter()
            .find(|api| api.name == name)
            .and_then(|api| api.methods.iter().find(|other| other.name == method))
            .expect("461 has the function");
        let mut samples = Samples::new(&metadata.types, 461);
        let mut existing = 0;
        for _ in 0..300 {
            let answer = samples.value(method.output.id).unwrap();
            let ours = decode_answer(&undescribed, api, &answer, &AT).unwrap();
            assert_eq!(decode_answer(&described, api, &answer, &AT).unwrap(), ours, "{api:?}");
            let Some(ours) = ours else { continue };
            assert!(fields.contains(&ours.len()), "{} fields of {api:?}", ours.len());
            existing += 1;
        }
        assert!(existing > 100, "{existing} of {api:?}");
    }
}

/// The third form is a list of names: one that nobody knows yet is kept, with the unit that its type tells.
#[test]
fn unknown_names_are_kept() {
    let mut answer = vec![1];
    Compact(5u32).encode_to(&mut answer);
    let mut entry = |name: &str, value: &[u8]| {
        name.as_bytes().to_vec().encode_to(&mut answer);
        answer.extend_from_slice(value);
    };
    entry("tempo", &[1, 0xa1, 0x05]);
    entry("brand_new_burn", &[&[5], Compact(1_500_000_000u64).encode().as_slice()].concat());
    entry("brand_new_factor", &[&[7], (3u128 << 63).encode().as_slice()].concat());
    entry("brand_new_flag", &[0, 1]);
    entry("alpha_sigmoid_steepness", &[&[6], (1000i64 << 32).encode().as_slice()].concat());
    for runtime in [&*runtimes::subtensor_461(), &undescribed()] {
        let found = decode(runtime, Api::V3, &answer);
        let facts: Vec<(&str, Raw, Unit, String)> = found
            .iter()
            .map(|parameter| (parameter.name.as_str(), parameter.raw, parameter.unit, parameter.value()))
            .collect();
        assert_eq!(
            facts,
            [
                ("tempo", Raw::Unsigned(360), Unit::Blocks, "360".to_owned()),
                ("brand_new_burn", Raw::Unsigned(1_500_000_000), Unit::Rao, "1.5".to_owned()),
                ("brand_new_factor", Raw::Unsigned(3 << 63), Unit::Fixed128, "1.5".to_owned()),
                ("brand_new_flag", Raw::Bool(true), Unit::Bool, "true".to_owned()),
                ("alpha_sigmoid_steepness", Raw::Signed(1000), Unit::Int, "1000".to_owned()),
            ]
        );
    }
}

/// Runtime 218 wraps the fields in a byte vector; shorter answers are those of older runtimes.
#[test]
fn opaque_answers_are_unwrapped() {
    let runtime = runtimes::raonet_218();
    // Subnet 1 at block 54 of a real chain of spec 218.
    let real = const_hex::decode(
        "15013062e40100014004feff030050025a620213ffffffffffffff3f00009101214e00910102093d000700e8764817c26c3c0050000102\
         00025a620204009a990300cecc020000",
    )
    .unwrap();
    let found = decode(&runtime, Api::V1, &real);
    assert_eq!(found.len(), 27);
    let get = |name: &str| found.iter().find(|parameter| parameter.name == name).map(|parameter| parameter.raw);
    assert_eq!(get("rho"), Some(Raw::Unsigned(12)));
    assert_eq!(get("kappa"), Some(Raw::Unsigned(31_000)));
    assert_eq!(get("max_burn"), Some(Raw::Unsigned(100_000_000_000)));
    assert_eq!(get("alpha_low"), Some(Raw::Unsigned(45_875)));
    assert_eq!(get("liquid_alpha_enabled"), Some(Raw::Bool(false)));

    assert_eq!(decode_answer(&runtime, Api::V1, &[0], &AT).unwrap(), None, "no such subnet");
    for cut in 2..real.len() - 1 {
        let mut answer = Compact((cut - 2) as u32).encode();
        answer.extend_from_slice(&real[2..cut]);
        // Between two fields it is an older layout; inside one it is an error, and never a panic.
        if let Ok(Some(fields)) = decode_answer(&runtime, Api::V1, &answer, &AT) {
            assert_eq!(fields, found[..fields.len()]);
        }
    }
    let mut longer = Compact((real.len() - 1) as u32).encode();
    longer.extend_from_slice(&real[2..]);
    longer.push(0);
    let error = decode_answer(&runtime, Api::V1, &longer, &AT).unwrap_err().to_string();
    assert!(error.contains("get_subnet_hyperparams") && error.contains("left over"), "{error}");
}
