//! The answers of the simulated runtime are what its metadata describes, and say what its storage says.

use std::error::Error;

use bytes::Bytes;
use futures::TryStreamExt;
use parity_scale_codec::Encode;
use sentinel_core::chain::{AccountId, BlockRef, NetUid};
use sentinel_core::decode::{Value, storage_prefix};
use sentinel_core::source::{BlockSource, SimAction, SimSource, SourceError};
use sentinel_core::subnet::hyperparameters::{self, Api, Raw};
use sentinel_core::subnet::info;

type Checked<T = ()> = Result<T, Box<dyn Error>>;

fn network() -> Result<SimSource, SourceError> {
    SimSource::builder()
        .subnets(5)
        .uids(20)
        .tempo(30)
        .traffic(80)
        .head(300)
        .at(250, SimAction::Dissolve { netuid: 4 })
        .build()
}

async fn pinned(sim: &SimSource, number: u64) -> Checked<BlockRef> {
    Ok(sim.header(number.into()).await?.reference())
}

async fn answer(sim: &SimSource, at: &BlockRef, function: &str, args: &[u8]) -> Checked<Value> {
    let bytes = sim.call(at, function, args).await?;
    let runtime = sim.runtime(at).await?;
    let described = runtime.api_answer(function, &bytes).ok_or_else(|| format!("{function} is not described"))?;
    Ok(described.to_value().map_err(|error| format!("{function}: {error}"))?)
}

async fn stored(sim: &SimSource, at: &BlockRef, item: &str, parts: &[&[u8]]) -> Checked<Value> {
    let runtime = sim.runtime(at).await?;
    let item = runtime.storage_item("SubtensorModule", item).ok_or("an item")?;
    let value = sim.storage(at, &[item.key(parts)?.into()]).await?.remove(0);
    let bytes = value.as_deref().or(item.default_bytes()).ok_or("a value")?.to_vec();
    Ok(item.value(&runtime, &bytes).to_value()?)
}

#[tokio::test]
async fn every_answer_is_of_its_described_type() -> Checked {
    let sim = network()?;
    let all: Vec<u16> = (0..77).collect();
    let hotkey = sim.ledger(300)?.remove(0);
    let (hot, cold) = (hotkey.hotkey.0, hotkey.coldkey.0);
    for number in [0, 1, 40, 251, 300] {
        let at = pinned(&sim, number).await?;
        for netuid in [0u16, 1, 3, 4, 999] {
            let one = netuid.encode();
            for function in [
                "SubnetInfoRuntimeApi_get_subnet_hyperparams",
                "SubnetInfoRuntimeApi_get_subnet_hyperparams_v2",
                "SubnetInfoRuntimeApi_get_subnet_hyperparams_v3",
                "SubnetInfoRuntimeApi_get_metagraph",
                "SubnetInfoRuntimeApi_get_dynamic_info",
                "SubnetInfoRuntimeApi_get_subnet_state",
                "SubnetInfoRuntimeApi_get_subnet_info",
                "SubnetInfoRuntimeApi_get_subnet_info_v2",
                "SubnetInfoRuntimeApi_get_next_epoch_start_block",
                "SubnetInfoRuntimeApi_get_subnet_account_id",
                "NeuronInfoRuntimeApi_get_neurons",
                "NeuronInfoRuntimeApi_get_neurons_lite",
                "SwapRuntimeApi_current_alpha_price",
            ] {
                answer(&sim, &at, function, &one).await?;
            }
            answer(&sim, &at, "NeuronInfoRuntimeApi_get_neuron", &(netuid, 2u16).encode()).await?;
            answer(&sim, &at, "NeuronInfoRuntimeApi_get_neuron_lite", &(netuid, 99u16).encode()).await?;
            answer(&sim, &at, "SubnetInfoRuntimeApi_get_mechagraph", &(netuid, 1u8).encode()).await?;
            for wanted in [&all[..], &[], &[52, 73], &[0, 72]] {
                let args = (netuid, wanted).encode();
                answer(&sim, &at, "SubnetInfoRuntimeApi_get_selective_metagraph", &args).await?;
                let args = (netuid, 1u8, wanted).encode();
                answer(&sim, &at, "SubnetInfoRuntimeApi_get_selective_mechagraph", &args).await?;
            }
            let args = (hot, cold, netuid).encode();
            answer(&sim, &at, "StakeInfoRuntimeApi_get_stake_info_for_hotkey_coldkey_netuid", &args).await?;
        }
        for function in [
            "SubnetInfoRuntimeApi_get_subnets_info",
            "SubnetInfoRuntimeApi_get_subnets_info_v2",
            "SubnetInfoRuntimeApi_get_all_dynamic_info",
            "SubnetInfoRuntimeApi_get_all_metagraphs",
            "SubnetInfoRuntimeApi_get_all_mechagraphs",
            "SubnetInfoRuntimeApi_get_subnet_to_prune",
            "SubnetInfoRuntimeApi_get_block_emission",
            "SwapRuntimeApi_current_alpha_price_all",
            "DelegateInfoRuntimeApi_get_delegates",
            "SubnetRegistrationRuntimeApi_get_network_registration_cost",
            "Core_version",
            "Metadata_metadata_versions",
        ] {
            answer(&sim, &at, function, &[]).await?;
        }
        answer(&sim, &at, "StakeInfoRuntimeApi_get_stake_info_for_coldkey", &cold).await?;
        answer(&sim, &at, "StakeInfoRuntimeApi_get_stake_info_for_coldkeys", &vec![cold, hot].encode()).await?;
        answer(&sim, &at, "BetaBasketRuntimeApi_get_beta_pricing", &hot).await?;
        answer(&sim, &at, "DelegateInfoRuntimeApi_get_delegate", &hot).await?;
        answer(&sim, &at, "DelegateInfoRuntimeApi_get_delegated", &cold).await?;
        answer(&sim, &at, "BetaBasketRuntimeApi_get_all_beta_pricing", &(None::<[u8; 32]>, 3u32).encode()).await?;
        for function in ["get_beta_index", "get_root_basket_total_nav", "get_all_validator_baskets"] {
            answer(&sim, &at, &format!("BetaBasketRuntimeApi_{function}"), &[]).await?;
        }
        for function in ["get_validator_basket", "get_validator_basket_summary", "get_basket_trading_status"] {
            answer(&sim, &at, &format!("BetaBasketRuntimeApi_{function}"), &hot).await?;
        }
        for function in ["owed", "positions", "portfolio"] {
            answer(&sim, &at, &format!("BetaBasketRuntimeApi_get_root_basket_{function}"), &cold).await?;
        }
        answer(&sim, &at, "BetaBasketRuntimeApi_get_beta_portfolio", &cold).await?;
        for function in ["get_basket_payout", "get_basket_position", "get_beta_position"] {
            answer(&sim, &at, &format!("BetaBasketRuntimeApi_{function}"), &(hot, cold).encode()).await?;
        }
        for netuids in [None, Some(vec![0u16, 1, 1, 999]), Some(vec![])] {
            let args = (vec![cold, hot], netuids).encode();
            answer(&sim, &at, "StakeInfoRuntimeApi_get_stake_availability_for_coldkeys", &args).await?;
        }
        let fee = (Some((hot, 1u16)), cold, Some((hot, 2u16)), cold, 5_000_000_000u64).encode();
        answer(&sim, &at, "StakeInfoRuntimeApi_get_stake_fee", &fee).await?;
        answer(&sim, &at, "StakeInfoRuntimeApi_get_coldkey_lock", &(cold, 1u16).encode()).await?;
        answer(&sim, &at, "StakeInfoRuntimeApi_get_hotkey_conviction", &(hot, 1u16).encode()).await?;
        answer(&sim, &at, "StakeInfoRuntimeApi_get_most_convicted_hotkey_on_subnet", &1u16.encode()).await?;
        answer(&sim, &at, "SwapRuntimeApi_sim_swap_tao_for_alpha", &(1u16, 5_000_000_000u64).encode()).await?;
        answer(&sim, &at, "SwapRuntimeApi_sim_swap_alpha_for_tao", &(999u16, 5_000_000_000u64).encode()).await?;
        answer(&sim, &at, "AccountNonceApi_account_nonce", &cold).await?;
    }
    Ok(())
}

/// The metagraph, its selective form, the neurons and storage are four ways to the same facts.
#[tokio::test]
async fn answers_agree_with_storage_and_with_each_other() -> Checked {
    let sim = network()?;
    let at = pinned(&sim, 300).await?;
    for netuid in [1u16, 2, 3, 5] {
        let key = netuid.to_le_bytes();
        let whole = answer(&sim, &at, "SubnetInfoRuntimeApi_get_metagraph", &netuid.encode()).await?;
        let all: Vec<u16> = (0..77).collect();
        let chosen = answer(&sim, &at, "SubnetInfoRuntimeApi_get_selective_metagraph", &(netuid, all).encode()).await?;
        let Value::Record(fields) = &whole else { return Err("a metagraph is a record".into()) };
        assert_eq!(fields.len(), 75);
        for (name, value) in fields {
            assert_eq!(chosen.get(name), Some(value), "{name} of subnet {netuid}");
        }
        for (field, item) in [
            ("tempo", "Tempo"),
            ("kappa", "Kappa"),
            ("last_step", "LastMechansimStepBlock"),
            ("alpha_in", "SubnetAlphaIn"),
            ("tao_in", "SubnetTAO"),
            ("owner_coldkey", "SubnetOwner"),
            ("burn", "Burn"),
            ("network_registered_at", "NetworkRegisteredAt"),
            ("validator_permit", "ValidatorPermit"),
            ("emission", "Emission"),
            ("dividends", "Dividends"),
            ("consensus", "Consensus"),
            ("incentives", "Incentive"),
            ("last_update", "LastUpdate"),
            ("active", "Active"),
            ("num_uids", "SubnetworkN"),
        ] {
            let stored = stored(&sim, &at, item, &[&key]).await?;
            assert_eq!(whole.get(field), Some(&stored), "{field} of subnet {netuid}");
        }
        let neurons = answer(&sim, &at, "NeuronInfoRuntimeApi_get_neurons", &netuid.encode()).await?;
        for uid in [0usize, 3, 19] {
            let neuron = neurons.at(uid).ok_or("a neuron")?;
            for (field, of) in [("hotkey", "hotkeys"), ("emission", "emission"), ("dividends", "dividends")] {
                assert_eq!(neuron.get(field), whole.get(of).and_then(|all| all.at(uid)), "{field} of uid {uid}");
            }
            let weights = stored(&sim, &at, "Weights", &[&key, &(uid as u16).to_le_bytes()]).await?;
            assert_eq!(neuron.get("weights"), Some(&weights));
        }
    }
    Ok(())
}

#[tokio::test]
async fn hyperparameters_are_read_in_every_form() -> Checked {
    let change = SimAction::SetHyperparameter { netuid: 2, name: "kappa", raw: 12_345 };
    let sim = SimSource::builder().traffic(0).head(200).at(150, change).build()?;
    for (number, kappa) in [(149, 32_789), (150, 12_345)] {
        let at = pinned(&sim, number).await?;
        let read = hyperparameters::read(&sim, &at, Some(NetUid(2))).await?.remove(0);
        assert_eq!(read.get("kappa").map(|found| found.raw), Some(Raw::Unsigned(kappa)), "block {number}");
        assert_eq!(read.get("simulated_dream_factor").map(|found| found.raw), Some(Raw::Unsigned(1_002)));
        let stored = hyperparameters::stored(&sim, &at).await?.remove(2);
        for parameter in &stored.hyperparameters {
            let same = read.get(&parameter.name).ok_or_else(|| parameter.name.clone())?;
            assert_eq!(same.raw, parameter.raw, "{}", parameter.name);
        }
        let runtime = sim.runtime(&at).await?;
        for api in Api::ALL {
            let bytes = sim.call(&at, api.function(), &2u16.encode()).await?;
            let fields = hyperparameters::decode_answer(&runtime, api, &bytes, &at)?.ok_or("a subnet")?;
            for field in fields.iter().filter(|field| field.name != "simulated_dream_factor") {
                let expected = read.get(&field.name).map(|found| found.raw);
                if expected.is_some() {
                    assert_eq!(Some(field.raw), expected, "{} by {api:?}", field.name);
                }
            }
        }
    }
    Ok(())
}

/// Shares, totals and what the runtime says of a stake are all the same stake.
#[tokio::test]
async fn the_state_tells_what_the_ledger_knows() -> Checked {
    let sim = network()?;
    let mut pools = 0;
    for number in [0, 29, 150, 300] {
        let at = pinned(&sim, number).await?;
        let prefix = Bytes::copy_from_slice(&storage_prefix("SubtensorModule", "TotalHotkeyAlpha"));
        let totals: Vec<(Bytes, Bytes)> = sim.storage_prefix(at, prefix).try_collect().await?;
        let ledger = sim.ledger(number)?;
        for (key, value) in totals {
            let hotkey = AccountId(key[48..80].try_into()?);
            let netuid = NetUid(u16::from_le_bytes(key[80..82].try_into()?));
            let total = u64::from_le_bytes(value[..].try_into()?);
            let members: Vec<_> =
                ledger.iter().filter(|entry| (entry.netuid, entry.hotkey) == (netuid, hotkey)).collect();
            // Not a part of a rao is lost or made.
            assert_eq!(members.iter().map(|entry| entry.stake).sum::<u128>(), u128::from(total) << 32);
            pools += 1;
            for entry in members {
                let args = (hotkey.0, entry.coldkey.0, netuid.0).encode();
                let function = "StakeInfoRuntimeApi_get_stake_info_for_hotkey_coldkey_netuid";
                let info = answer(&sim, &at, function, &args).await?;
                let Some(Value::Unsigned(stake)) = info.get("stake") else { return Err("a stake".into()) };
                assert!(stake.abs_diff(u128::from(entry.rao())) <= 2, "{stake} and {entry:?}");
            }
        }
    }
    assert!(pools > 100, "{pools}");
    Ok(())
}

/// What baskets hold is the escrow's stake in the ledger, and their stakers' parts are all of it.
#[tokio::test]
async fn baskets_hold_what_root_stakers_own() -> Checked {
    let sim = network()?;
    let at = pinned(&sim, 300).await?;
    let call = |name: &'static str, args: Vec<u8>| {
        let (sim, at) = (&sim, &at);
        async move { answer(sim, at, &format!("BetaBasketRuntimeApi_{name}"), &args).await }
    };
    let number = |value: &Value, name: &str| value.get(name).and_then(Value::as_u64).ok_or(format!("no {name}"));
    let ledger = sim.ledger(300)?;
    let baskets = call("get_all_validator_baskets", Vec::new()).await?;
    let baskets = baskets.as_list().ok_or("a list")?;
    let (mut all, mut filled) = (0, 0);
    for basket in baskets {
        let hotkey = basket.get("hotkey").and_then(Value::as_account).ok_or("a hotkey")?;
        let holdings = basket.get("holdings").and_then(Value::as_list).ok_or("holdings")?;
        for holding in holdings {
            let (netuid, alpha) = (number(holding, "netuid")? as u16, number(holding, "alpha")?);
            let held = ledger.iter().filter(|entry| entry.hotkey == hotkey && entry.netuid == NetUid(netuid));
            // The escrow is nobody whose key could be known: its name stands in its bytes.
            let held: Vec<u64> =
                held.filter(|entry| entry.coldkey.0.starts_with(b"modlsubtensr")).map(|entry| entry.rao()).collect();
            assert!(held.len() == 1 && held[0].abs_diff(alpha) <= 1, "{held:?} {alpha}");
            let (spot, realizable) = (number(holding, "spot_tao")?, number(holding, "realizable_tao")?);
            assert!(spot > 0 && realizable <= spot && realizable > spot / 10 * 9, "{holding:?}");
        }
        let (nav, shares) = (number(basket, "nav_tao")?, number(basket, "shares")?);
        all += nav;
        let mut parts = 0;
        for entry in ledger.iter().filter(|entry| entry.hotkey == hotkey && entry.netuid == NetUid(0)) {
            let args = (hotkey.0, entry.coldkey.0).encode();
            parts += call("get_basket_position", args.clone()).await?.get("beta").and_then(Value::as_u64).unwrap_or(0);
            let payout = call("get_basket_payout", args).await?.as_u64().ok_or("an amount")?;
            assert!(payout <= nav);
        }
        assert!(shares - parts < 10, "{parts} of {shares}");
        filled += usize::from(nav > 0);
    }
    assert!(filled > 3, "{filled}");
    assert_eq!(call("get_root_basket_total_nav", Vec::new()).await?.as_u64(), Some(all));
    // In pages, and the whole page that 0 asks for.
    let page = |after: Option<[u8; 32]>, limit: u32| call("get_all_beta_pricing", (after, limit).encode());
    let whole = page(None, 0).await?;
    let (mut after, mut found) = (None, Vec::new());
    loop {
        let some = page(after, 2).await?;
        found.extend(some.get("pricing").and_then(Value::as_list).ok_or("a list")?.to_vec());
        match some.get("next").and_then(Value::as_account) {
            Some(next) => after = Some(next.0),
            None => break,
        }
    }
    assert_eq!(Some(&found[..]), whole.get("pricing").and_then(Value::as_list));
    assert_eq!(found.len(), baskets.len());
    Ok(())
}

/// Whether a subnet is given emission: a row that is missing means yes, and only the one that was switched off is off.
#[tokio::test]
async fn emission_is_on_until_it_is_switched_off() -> Checked {
    let off = SimAction::SetHyperparameter { netuid: 2, name: "SubnetEmissionEnabled", raw: 0 };
    let sim = SimSource::builder().subnets(3).uids(8).traffic(0).head(20).at(10, off).build()?;
    for (block, second) in [(9, true), (10, false), (20, false)] {
        let map = info::emission_enabled(&sim, &pinned(&sim, block).await?).await?.ok_or("461 has the switch")?;
        let expected = [(NetUid(0), true), (NetUid(1), true), (NetUid(2), second), (NetUid(3), true)];
        assert_eq!(map.into_iter().collect::<Vec<_>>(), expected, "block {block}");
    }
    Ok(())
}
