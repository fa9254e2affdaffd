//! Views of subnets read from a node: what they say, how few requests they take, and that every one names the block.

#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

use std::error::Error;
use std::sync::Arc;

use sentinel_core::chain::{AccountId, BlockRef, NetUid, Rao};
use sentinel_core::decode::Runtime;
use sentinel_core::source::{BlockSource, MemoryBlock, MemorySource, RpcSource, SourceError};
use sentinel_core::subnet::info::{self, PriceRule};
use sentinel_core::subnet::metagraph::{self, Api, Depth, Metagraph, Origin};
use sentinel_core::subnet::{SubnetError, dividends, weights};
use sentinel_support::metagraphs::{FOUNDED, MadeUp, OWNER};
use sentinel_support::node::Node;
use sentinel_support::rpc::connect;
use sentinel_support::{chains, runtimes};

type Outcome = Result<(), Box<dyn Error>>;

const NETUID: NetUid = NetUid(3);

/// A chain whose block 2 holds a subnet; block 1 is before it, block 3 a later state in which everything differs.
struct World {
    subnet: MadeUp,
    memory: MemorySource,
    node: Node,
    source: RpcSource,
    at: BlockRef,
}

async fn world(runtime: Arc<Runtime>, subnet: MadeUp) -> Result<World, Box<dyn Error>> {
    let memory = MemorySource::new("made up", Arc::clone(&runtime));
    memory.push(chains::block(1));
    let state = subnet.state(&runtime);
    let at = memory.push(MemoryBlock { changes: state, ..chains::block(2) });
    let later = MadeUp::new(NETUID.0, subnet.hotkeys.len(), 2, 999);
    memory.push(MemoryBlock { changes: later.state(&runtime), ..chains::block(3) });
    let node = Node::serve(Arc::new(memory.clone())).await?;
    let source = connect(&node).await?;
    Ok(World { subnet, memory, node, source, at })
}

impl World {
    /// Records the answers of the functions that a runtime of 461 has.
    fn answers(&self, count: usize) {
        let args = |indexes: Vec<u16>| parity_scale_codec::Encode::encode(&(NETUID.0, indexes));
        let full: Vec<u16> = (0..77).collect();
        let lite: Vec<u16> = (0..77).filter(|index| ![54, 73].contains(index)).collect();
        let function = Api::SelectiveMetagraph.function();
        self.memory.record_call(&self.at, function, &args(full), self.subnet.selective(|_| true, true));
        let answer = self.subnet.selective(|index| ![54, 73].contains(&index), true);
        self.memory.record_call(&self.at, function, &args(lite), answer);
        assert_eq!(self.subnet.hotkeys.len(), count);
    }

    /// Learns the runtimes, so that what follows is the reading alone.
    async fn warmed(&self) -> Result<(), SourceError> {
        use sentinel_core::source::BlockSourceExt;
        self.source.writer(&self.at).await?;
        self.source.runtime(&self.at).await?;
        self.node.forget_calls();
        Ok(())
    }

    /// Requests of state since then; every one of them names the block.
    fn requests(&self) -> usize {
        let calls = self.node.calls();
        let hash = self.at.hash.to_string();
        let state: Vec<_> = calls.iter().filter(|call| call.method.starts_with("state_")).collect();
        for call in &state {
            let params = call.params.as_array().unwrap();
            assert_eq!(params.last().unwrap(), &hash, "{} of another block", call.method);
        }
        let other: Vec<_> = calls.iter().filter(|call| !call.method.starts_with("state_")).collect();
        // The parent's header says which runtime wrote the block.
        assert!(other.iter().all(|call| call.method == "chain_getHeader"), "{other:?}");
        state.len()
    }
}

fn same_neurons(found: &Metagraph, subnet: &MadeUp, full: bool) {
    assert_eq!(found.len(), subnet.hotkeys.len());
    for neuron in found.iter() {
        let uid = usize::from(neuron.uid);
        assert_eq!(neuron.hotkey, Some(AccountId(subnet.hotkeys[uid])));
        assert_eq!(neuron.coldkey, Some(AccountId(subnet.coldkeys[uid])));
        assert_eq!(neuron.axon.map_or(0, |axon| axon.ip_bits), subnet.axons[uid].2);
        assert_eq!(neuron.active, Some(subnet.active[uid]));
        assert_eq!(neuron.validator_permit, Some(subnet.permits[uid]));
        assert_eq!(neuron.validator_trust, Some(subnet.validator_trust[uid]));
        assert_eq!(neuron.emission, Some(subnet.emission[uid]));
        assert_eq!(neuron.dividends, Some(subnet.dividends[uid]));
        assert_eq!(neuron.consensus, Some(subnet.consensus[uid]));
        assert_eq!(neuron.incentive, Some(subnet.mechanisms[0].incentive[uid]));
        assert_eq!(neuron.last_update, Some(subnet.mechanisms[0].last_update[uid]));
        assert_eq!(neuron.registered_at, Some(subnet.registered_at[uid]));
        let name = neuron.identity.and_then(|identity| identity.name.clone());
        assert_eq!(name, if full { subnet.names[uid].clone() } else { None });
    }
}

fn same_mechanisms(found: &Metagraph, subnet: &MadeUp, consensus: bool) {
    assert_eq!(found.mechanisms.len(), subnet.mechanisms.len());
    for (number, own) in subnet.mechanisms.iter().enumerate() {
        let found = found.mechanism(number as u8).unwrap();
        assert_eq!(found.incentive.as_ref(), Some(&own.incentive), "mechanism {number}");
        assert_eq!(found.last_update.as_ref(), Some(&own.last_update));
        assert_eq!(found.consensus, consensus.then(|| own.consensus.clone()));
        for (rows, truth) in [(&found.weights, &own.weights), (&found.bonds, &own.bonds)] {
            let rows = rows.as_ref().unwrap();
            let rows: Vec<Vec<_>> = (0..rows.len() as u16).map(|uid| rows.row(uid).collect()).collect();
            assert_eq!(rows, *truth, "mechanism {number}");
        }
    }
}

/// 256 neurons, two mechanisms, each tagged with its own number: three requests.
#[tokio::test]
async fn a_full_metagraph_takes_three_requests() -> Outcome {
    let world = world(runtimes::subtensor_461(), MadeUp::new(NETUID.0, 256, 2, 1)).await?;
    world.answers(256);
    world.warmed().await?;
    let found = metagraph::read(&world.source, &world.at, NETUID, Depth::Full).await?;
    assert_eq!(world.requests(), 3, "{:?}", world.node.counts());
    assert_eq!(found.origin, Origin::Api(Api::SelectiveMetagraph));
    same_neurons(&found, &world.subnet, true);
    same_mechanisms(&found, &world.subnet, true);
    for neuron in found.iter() {
        let uid = usize::from(neuron.uid);
        assert_eq!(neuron.evm.map(|evm| (evm.address, evm.block)), world.subnet.evm[uid]);
        assert_eq!(neuron.alpha_stake, Some(world.subnet.alpha_stake[uid]));
        assert_eq!(neuron.total_stake, Some(world.subnet.total_stake[uid]));
        // The pinned block is 2: nobody was registered long before that.
        assert_eq!(neuron.is_immune, Some(true));
    }
    assert_eq!(found.info.mechanism_count, Some(2));
    assert_eq!(found.info.price, Some(0.75));
    Ok(())
}

#[tokio::test]
async fn a_lite_metagraph_takes_two_requests() -> Outcome {
    let world = world(runtimes::subtensor_461(), MadeUp::new(NETUID.0, 256, 2, 2)).await?;
    world.answers(256);
    world.warmed().await?;
    let found = metagraph::read(&world.source, &world.at, NETUID, Depth::Lite).await?;
    assert_eq!(world.requests(), 2, "{:?}", world.node.counts());
    same_neurons(&found, &world.subnet, false);
    assert_eq!(found.mechanism(1).unwrap().incentive.as_ref(), Some(&world.subnet.mechanisms[1].incentive));
    assert!(found.mechanisms.iter().all(|mechanism| mechanism.weights.is_none() && mechanism.bonds.is_none()));
    assert_eq!((found.commitments, found.neurons.evm), (None, None));
    Ok(())
}

/// Runtime 218 has neurons only, inside byte vectors; identities come from storage.
#[tokio::test]
async fn a_metagraph_of_218_takes_as_many() -> Outcome {
    let world = world(runtimes::raonet_218(), MadeUp::new(NETUID.0, 256, 1, 3)).await?;
    let key = NETUID.0.to_le_bytes();
    for (api, lite) in [(Api::Neurons, false), (Api::NeuronsLite, true)] {
        let answer = parity_scale_codec::Encode::encode(&world.subnet.neurons(lite));
        world.memory.record_call(&world.at, api.function(), &key, answer);
    }
    for (depth, most) in [(Depth::Full, 3), (Depth::Lite, 2)] {
        world.warmed().await?;
        let found = metagraph::read(&world.source, &world.at, NETUID, depth).await?;
        assert!(world.requests() <= most, "{:?}", world.node.counts());
        same_neurons(&found, &world.subnet, depth == Depth::Full);
        if depth == Depth::Full {
            same_mechanisms(&found, &world.subnet, false);
            assert_eq!(found.neurons.own_stake.as_ref(), Some(&world.subnet.alpha_stake), "from storage");
        }
        assert_eq!(found.neurons.alpha_stake, None, "there is none before dynamic TAO");
        assert_eq!((found.info.price, found.info.price_inputs, found.info.mechanism_count), (None, None, Some(1)));
        assert_eq!(found.info.moving_price(), None);
    }
    Ok(())
}

/// Without any function to ask, storage says the same: in the block of an upgrade, for one.
#[tokio::test]
async fn storage_alone_says_the_same() -> Outcome {
    for (runtime, neurons) in [(runtimes::subtensor_461(), 256), (runtimes::raonet_218(), 300)] {
        let is_new = runtime.version().spec_version == 461;
        let mechanisms = if is_new { 2 } else { 1 };
        let subnet = MadeUp::new(NETUID.0, neurons, mechanisms, 4);
        let memory = MemorySource::new("made up", Arc::clone(&runtime));
        let at = memory.push(MemoryBlock {
            changes: subnet.state(&runtime),
            upgrade: Some(runtimes::finney_393()),
            ..chains::block(1)
        });
        let node = Node::serve(Arc::new(memory.clone())).await?;
        let source = connect(&node).await?;
        let world = World { subnet, memory, node, source, at };
        world.warmed().await?;
        let found = metagraph::read(&world.source, &world.at, NETUID, Depth::Full).await?;
        assert_eq!(found.origin, Origin::Storage);
        assert_eq!(world.node.count("state_call"), 0, "the new code would run over state that is not migrated yet");
        assert!(world.requests() <= if neurons > 256 { 4 } else { 3 }, "{:?}", world.node.counts());
        same_neurons(&found, &world.subnet, true);
        same_mechanisms(&found, &world.subnet, is_new);
        assert_eq!(found.neurons.own_stake.as_ref(), Some(&world.subnet.alpha_stake));
        assert_eq!(found.neurons.total_stake, None, "that of parents and children is not known");
        assert_eq!(found.neurons.evm.is_some(), is_new);
    }
    Ok(())
}

/// A runtime without the function that its metadata cannot rule out: found out by the one request that asks for it.
#[tokio::test]
async fn a_missing_function_costs_one_request() -> Outcome {
    let world = world(runtimes::raonet_218(), MadeUp::new(NETUID.0, 256, 1, 10)).await?;
    world.memory.record_missing_call(&world.at, Api::Neurons.function());
    world.warmed().await?;
    let found = metagraph::read(&world.source, &world.at, NETUID, Depth::Full).await?;
    assert_eq!(found.origin, Origin::Storage);
    // Of the subnet, of each neuron, the identities of the owners.
    assert_eq!((world.requests(), world.node.count("state_call")), (1 + 3, 1), "{:?}", world.node.counts());
    same_neurons(&found, &world.subnet, true);
    Ok(())
}

#[tokio::test]
async fn weights_of_every_mechanism_take_two_requests() -> Outcome {
    let world = world(runtimes::subtensor_461(), MadeUp::new(NETUID.0, 256, 2, 5)).await?;
    world.warmed().await?;
    let found = weights::read(&world.source, &world.at, NETUID).await?;
    assert_eq!(world.requests(), 2);
    assert_eq!(found.mechanisms.iter().map(|own| own.mechanism).collect::<Vec<_>>(), [0, 1]);
    for (found, own) in found.mechanisms.iter().zip(&world.subnet.mechanisms) {
        for (rows, truth) in [(&found.weights, &own.weights), (&found.bonds, &own.bonds)] {
            assert_eq!(rows.entries(), truth.iter().map(Vec::len).sum::<usize>());
            for (uid, truth) in truth.iter().enumerate() {
                assert_eq!(rows.row(uid as u16).collect::<Vec<_>>(), *truth);
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_subnet_is_told_in_one_request() -> Outcome {
    let world = world(runtimes::subtensor_461(), MadeUp::new(NETUID.0, 4, 2, 6)).await?;
    world.warmed().await?;
    let found = info::read(&world.source, &world.at, Some(NETUID)).await?.remove(0);
    assert_eq!(world.requests(), 1);
    assert_eq!((found.registered_at, found.owner_coldkey), (Some(FOUNDED), Some(AccountId(OWNER))));
    assert_eq!((found.tao_in, found.alpha_in), (Some(Rao(3_000_000_000_000)), Some(4_000_000_000_000)));
    assert_eq!((found.price, found.price_inputs.unwrap().rule), (Some(0.75), PriceRule::Balancer));
    assert_eq!((found.mechanism_count, found.emission_enabled), (Some(2), Some(true)));
    assert_eq!((found.tempo, found.num_uids, found.symbol.as_deref()), (Some(360), Some(4), Some("τ")));

    world.warmed().await?;
    let all = info::read(&world.source, &world.at, None).await?;
    // Keys, their values, whether there are more, and one read of everything.
    assert!(world.requests() <= 4, "{:?}", world.node.counts());
    assert_eq!(all, [found]);
    assert_eq!(info::mechanism_count(&world.source, &world.at, NETUID).await?, 2);
    let enabled = info::emission_enabled(&world.source, &world.at).await?.unwrap();
    assert_eq!(enabled.into_iter().collect::<Vec<_>>(), [(NETUID, true)], "nobody switched it off");
    Ok(())
}

/// Before a storage existed, a subnet has one mechanism, and no switch.
#[tokio::test]
async fn what_a_runtime_does_not_have_is_absent() -> Outcome {
    let world = world(runtimes::raonet_218(), MadeUp::new(NETUID.0, 4, 1, 7)).await?;
    assert_eq!(info::mechanism_count(&world.source, &world.at, NETUID).await?, 1);
    assert_eq!(info::emission_enabled(&world.source, &world.at).await?, None);
    let found = info::read(&world.source, &world.at, Some(NETUID)).await?.remove(0);
    assert_eq!((found.emission_enabled, found.registration_counter, found.subnet_volume), (None, None, None));
    Ok(())
}

/// The dividends of a subnet with known bonds, as both rules have them.
#[tokio::test]
async fn dividends_are_recomputed_beside_those_of_the_chain() -> Outcome {
    let runtime = runtimes::subtensor_461();
    let mut subnet = MadeUp::new(NETUID.0, 4, 2, 8);
    subnet.active = vec![true; 4];
    subnet.permits = vec![true, true, false, false];
    subnet.dividends = vec![24_576, 40_959, 0, 0];
    for own in &mut subnet.mechanisms {
        own.incentive = vec![0, 0, 32_768, 32_767];
        own.bonds = vec![vec![(2, 65_535), (3, 20_000)], vec![(2, 65_535), (3, 60_000)], vec![], vec![]];
    }
    let mut changes = subnet.state(&runtime);
    let key = NETUID.0.to_le_bytes();
    let mut set = |item: &str, value: Vec<u8>| {
        let key = runtime.storage_item("SubtensorModule", item).unwrap().key(&[&key]).unwrap();
        changes.push((key.into(), Some(value.into())));
    };
    set("StakeWeight", parity_scale_codec::Encode::encode(&vec![49_151u16, 16_384, 60_000, 0]));
    set("MechanismEmissionSplit", parity_scale_codec::Encode::encode(&vec![49_151u16, 16_384]));
    let memory = MemorySource::new("made up", Arc::clone(&runtime));
    let two = memory.push(MemoryBlock { changes, ..chains::block(1) });
    let yuma3 = runtime.storage_item("SubtensorModule", "Yuma3On").unwrap().key(&[&key])?;
    let three =
        memory.push(MemoryBlock { changes: vec![(yuma3.into(), Some(vec![1].into()))], ..MemoryBlock::default() });

    let found = dividends::read(&memory, &two, NETUID).await?;
    assert_eq!(found.rule, dividends::YumaRule::Yuma2);
    let near = |found: &[f64], expected: [f64; 4]| {
        found.iter().zip(expected).for_each(|(found, expected)| assert!((found - expected).abs() < 1e-4, "{found}"));
    };
    near(&found.recomputed, [0.375, 0.625, 0.0, 0.0]);
    assert!(found.distance.unwrap().moved < 1e-4, "{:?}", found.distance);
    assert!((found.mechanisms[0].emission_share - 0.75).abs() < 1e-4 && found.mechanisms[1].mechanism == 1);
    assert_eq!(found.hotkeys[1], AccountId(subnet.hotkeys[1]));

    let found = dividends::read(&memory, &three, NETUID).await?;
    assert_eq!(found.rule, dividends::YumaRule::Yuma3);
    // Three quarters of the stake that counts: that of the third has no permit.
    near(&found.recomputed, [0.642_857, 0.357_143, 0.0, 0.0]);
    assert!((found.distance.unwrap().moved - 0.267_857).abs() < 1e-4, "{:?}", found.distance);
    Ok(())
}

/// One clear error each, with what to do.
#[tokio::test]
async fn what_cannot_be_read_says_why() -> Outcome {
    let world = world(runtimes::subtensor_461(), MadeUp::new(NETUID.0, 4, 1, 9)).await?;
    let absent = NetUid(77);
    let before = world.memory.header(1.into()).await?.reference();
    // What a runtime answers of a subnet that it does not have.
    for (at, netuid, left_out) in [(&world.at, 77u16, [54, 73]), (&before, NETUID.0, [99, 99])] {
        let indexes: Vec<u16> = (0..77).filter(|index| !left_out.contains(index)).collect();
        let args = parity_scale_codec::Encode::encode(&(netuid, indexes));
        world.memory.record_call(at, Api::SelectiveMetagraph.function(), &args, vec![0]);
    }
    let errors = [
        metagraph::read(&world.source, &world.at, absent, Depth::Lite).await.map(drop),
        weights::read(&world.source, &world.at, absent).await.map(drop),
        dividends::read(&world.source, &world.at, absent).await.map(drop),
        info::read(&world.source, &world.at, Some(absent)).await.map(drop),
        info::mechanism_count(&world.source, &world.at, absent).await.map(drop),
    ];
    for error in errors {
        let error = error.unwrap_err();
        assert!(matches!(&error, SubnetError::NoSuchSubnet { existing, .. } if *existing == [NETUID]), "{error}");
        assert_eq!(error.to_string(), "no subnet 77 at block 2; there are 3");
    }
    // Block 1 is before the subnet, which by its own account was registered in block 17.
    let error = metagraph::read(&world.source, &before, NETUID, Depth::Full).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "no subnet 3 at block 1 yet: it was registered in block 17, read that or a later one"
    );
    world.memory.prune(3);
    let error = metagraph::read(&world.source, &world.at, NETUID, Depth::Full).await.unwrap_err();
    assert!(matches!(error, SubnetError::Source(SourceError::StatePruned { .. })), "{error}");
    assert!(error.to_string().contains("archive"), "{error}");
    Ok(())
}
