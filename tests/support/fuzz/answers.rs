//! Answers of the runtime APIs of subnets, described by the metadata or not.

use sentinel_core::chain::{BlockHash, BlockRef, NetUid};
use sentinel_core::subnet::metagraph::Metagraph;
use sentinel_core::subnet::{hyperparameters, metagraph};

use super::choose;

const AT: BlockRef = BlockRef { number: 7, hash: BlockHash([7; 32]), parent_hash: BlockHash([6; 32]) };

/// Any bytes as the answer of a function that the second byte chooses.
pub fn subnet_answer(input: &[u8]) {
    let Some((runtime, _, rest)) = choose(input) else { return };
    let Some((which, answer)) = rest.split_first() else { return };
    let longer = [answer, &[0]].concat();
    let which = usize::from(*which) % (metagraph::Api::ALL.len() + hyperparameters::Api::ALL.len());
    match metagraph::Api::ALL.get(which) {
        Some(api) => {
            let decode = |answer: &[u8]| metagraph::decode_answer(runtime, *api, answer, (NetUid(3), 0), &AT);
            if let Ok(Some(found)) = decode(answer) {
                look_around(&found);
                // Where the metadata describes the answer, it fills its bytes.
                assert!(decode(&longer).is_err() || !runtime.has_api(api.function()), "a byte more of {api:?}");
            }
        }
        None => {
            let api = hyperparameters::Api::ALL[which - metagraph::Api::ALL.len()];
            let decode = |answer: &[u8]| hyperparameters::decode_answer(runtime, api, answer, &AT);
            if let Ok(Some(found)) = decode(answer) {
                assert!(found.iter().all(|parameter| !parameter.display().is_empty()));
                assert!(decode(&longer).is_err() || !runtime.has_api(api.function()), "a byte more of {api:?}");
            }
        }
    }
}

/// Columns may be of any length: what is missing is absent, and nothing panics.
fn look_around(found: &Metagraph) {
    assert_eq!(found.iter().len(), found.len().min(usize::from(u16::MAX)));
    for neuron in found.iter().take(100) {
        assert_eq!(found.neuron(neuron.uid).as_ref(), Some(&neuron));
        let column =
            |column: &Option<Vec<u16>>| column.as_ref().and_then(|column| column.get(usize::from(neuron.uid)).copied());
        assert_eq!(neuron.incentive, column(&found.neurons.incentive));
        let _ = neuron.axon.map(|axon| axon.to_string());
    }
    for own in &found.mechanisms {
        for rows in [&own.weights, &own.bonds].into_iter().flatten() {
            let each: usize = (0..rows.len()).map(|uid| rows.row(uid as u16).len()).sum();
            assert_eq!((each, rows.iter().count()), (rows.entries(), rows.entries()));
        }
    }
}
