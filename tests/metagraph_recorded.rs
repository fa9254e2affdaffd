//! Metagraphs, weights, epochs and dividends of real runtimes, from the state that the built-in recording holds.

#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

use std::collections::BTreeMap;
use std::sync::Arc;

use sentinel_core::chain::{BlockId, NetUid};
use sentinel_core::source::{ArchiveSource, BlockSource, BlockSourceExt};
use sentinel_core::storage::ObjectStorage;
use sentinel_core::subnet::metagraph::{self, Depth, Origin};
use sentinel_core::subnet::{dividends, info, netuids, weights};

async fn sample() -> ArchiveSource {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sentinel-cli/assets/sample");
    ArchiveSource::open(Arc::new(ObjectStorage::local(folder).unwrap()), None).await.unwrap()
}

/// Every subnet of every tenth block of three real runtimes can be read, and agrees with itself.
#[tokio::test]
async fn three_real_runtimes_have_metagraphs() {
    let source = sample().await;
    let mut neurons = BTreeMap::<u32, usize>::new();
    for number in (2..=303).step_by(10) {
        let at = source.header(BlockId::Number(number)).await.unwrap().reference();
        let spec = source.writer(&at).await.unwrap().version().spec_version;
        for netuid in netuids(&source, &at).await.unwrap() {
            let found = metagraph::read(&source, &at, netuid, Depth::Full).await.unwrap();
            let place = format!("subnet {netuid} at block {number} of spec {spec}");
            assert_eq!(found.origin, Origin::Storage, "{place}");
            assert_eq!(Some(found.len()), found.info.num_uids.map(usize::from), "{place}");
            let rows = weights::read(&source, &at, netuid).await.unwrap();
            assert_eq!(found.mechanism(0).unwrap().weights.as_ref(), Some(&rows.mechanisms[0].weights), "{place}");
            for neuron in found.iter() {
                assert!(neuron.hotkey.is_some() && neuron.coldkey.is_some(), "{place}");
                assert!(neuron.registered_at.unwrap() <= number, "{place}");
                assert!(neuron.last_update.unwrap() <= number && neuron.own_stake.is_some(), "{place}");
                assert!(neuron.rank.is_some() && neuron.trust.is_some() && neuron.pruning_score.is_some(), "{place}");
                // Before children and alpha, what lies on a hotkey is its stake.
                assert_eq!(neuron.total_stake.is_some(), spec < 218, "{place}");
                assert_eq!(neuron.evm, None, "{place}");
            }
            assert_eq!(found.neurons.identities.is_some(), spec == 218, "{place}");
            assert_eq!(found.info.registered_at.is_some(), spec > 103, "{place}");
            assert_eq!(found.info.price, None, "{place}: no dynamic TAO yet");
            *neurons.entry(spec).or_default() += found.len();
        }
    }
    println!("neurons by spec: {neurons:?}");
    assert_eq!(neurons.keys().copied().collect::<Vec<_>>(), [103, 143, 218]);
    assert!(neurons.values().all(|count| *count > 30), "{neurons:?}");
}

/// In the very block of an epoch, what is recomputed from bonds and incentives is what the chain paid.
#[tokio::test]
async fn dividends_of_real_epochs_are_found_again() {
    let source = sample().await;
    let mut worst = BTreeMap::<(u32, NetUid), f64>::new();
    let mut epochs = 0;
    for number in 1..=303 {
        let at = source.header(BlockId::Number(number)).await.unwrap().reference();
        let spec = source.writer(&at).await.unwrap().version().spec_version;
        for subnet in info::read(&source, &at, None).await.unwrap() {
            if subnet.last_step != Some(number) || subnet.netuid == NetUid(0) {
                continue;
            }
            let found = dividends::read(&source, &at, subnet.netuid).await.unwrap();
            let Some(distance) = found.distance else { continue };
            epochs += 1;
            let worst = worst.entry((spec, subnet.netuid)).or_default();
            *worst = worst.max(distance.moved);
        }
    }
    println!("{epochs} epochs with dividends; farthest apart: {worst:?}");
    assert!(epochs > 5, "{epochs}");
    assert!(worst.values().all(|moved| *moved < 1e-4), "{worst:?}");
}

/// A subnet that was dissolved is in the list of a block before that, and not later.
#[tokio::test]
async fn a_removed_subnet_is_still_there_before() {
    let source = sample().await;
    let mut lists = Vec::new();
    for number in 1..=303 {
        let at = source.header(BlockId::Number(number)).await.unwrap().reference();
        lists.push(netuids(&source, &at).await.unwrap());
    }
    let gone = lists.iter().flatten().find(|netuid| !lists.last().unwrap().contains(netuid));
    assert!(gone.is_some(), "the recording dissolves a subnet");
}
