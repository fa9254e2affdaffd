//! What the proxy does to replies and notifications.

use sentinel_core::source::BlockSource;
use sentinel_support::chains;
use sentinel_support::proxy::{Action, Script, Trigger};
use serde_json::json;
use std::time::{Duration, Instant};

use crate::client::{Client, Outcome, Seen, proxied};

/// Asks twice; the first reply is what the action made of it. Gives both, and how often each thing was done.
async fn first_and_second(action: Action) -> Outcome<(Seen, Seen)> {
    let name = action.name();
    let (_chain, node, proxy) = proxied(3, Script::new().on(Trigger::Request(1), action)).await?;
    let mut client = Client::connect(&proxy).await?;
    client.send("chain_getBlockHash", json!([1])).await?;
    let first = if name == "drop_reply" { client.now().await } else { client.next().await? };
    client.send("chain_getBlockHash", json!([2])).await?;
    let second = client.next().await?;
    assert_eq!((proxy.stats().done(name), proxy.stats().total()), (1, 1), "{name}");
    assert_eq!(proxy.pending(), 0);
    assert!(node.count("chain_getBlockHash") <= 2);
    Ok((first, second))
}

fn is_reply(seen: &Seen, id: u64) -> bool {
    matches!(seen, Seen::Json(reply) if reply["id"] == id && reply["result"].is_string())
}

#[tokio::test]
async fn a_reply_is_dropped_or_comes_twice() -> Outcome {
    let (first, second) = first_and_second(Action::DropReply).await?;
    assert!(matches!(first, Seen::Nothing), "{first:?}");
    assert!(is_reply(&second, 2), "{second:?}");

    let (first, second) = first_and_second(Action::DupReply).await?;
    assert!(is_reply(&first, 1) && is_reply(&second, 1), "{first:?}, {second:?}");
    Ok(())
}

#[tokio::test]
async fn a_reply_is_replaced() -> Outcome {
    let (first, _) = first_and_second(Action::NullResult).await?;
    assert!(matches!(&first, Seen::Json(reply) if reply["id"] == 1 && reply.get("result") == Some(&json!(null))));

    let error = Action::RpcError { code: -32004, message: "limit".to_owned(), data: Some(json!({"wait": 3})) };
    let (first, second) = first_and_second(error).await?;
    let expected = json!({"code": -32004, "message": "limit", "data": {"wait": 3}});
    assert!(matches!(&first, Seen::Json(reply) if reply["error"] == expected), "{first:?}");
    assert!(is_reply(&second, 2));

    let (first, _) = first_and_second(Action::Oversize { mib: 2 }).await?;
    assert!(matches!(&first, Seen::Json(reply) if reply["result"].as_str().map(str::len) == Some(2 + (2 << 20))));

    // Deeper than a careful reader goes.
    let (first, second) = first_and_second(Action::DeepJson(1_000)).await?;
    assert!(matches!(first, Seen::Broken), "{first:?}");
    assert!(is_reply(&second, 2));

    let (first, _) = first_and_second(Action::WrongId).await?;
    assert!(matches!(&first, Seen::Json(reply) if reply["id"] != 1 && reply["result"].is_string()), "{first:?}");
    Ok(())
}

#[tokio::test]
async fn a_reply_is_broken() -> Outcome {
    let (first, second) = first_and_second(Action::Truncate).await?;
    assert!(matches!(first, Seen::Broken), "{first:?}");
    assert!(is_reply(&second, 2));

    let (_chain, _node, clean) = proxied(3, Script::new()).await?;
    let truth = Client::connect(&clean).await?.ask("chain_getBlockHash", json!([1])).await?;
    let (first, _) = first_and_second(Action::FlipBits(8)).await?;
    assert!(!matches!(&first, Seen::Json(reply) if *reply == truth), "{first:?}");
    Ok(())
}

#[tokio::test]
async fn a_reply_is_late_and_others_are_not() -> Outcome {
    let delay = Duration::from_secs(1);
    let (_chain, _node, proxy) = proxied(3, Script::new().on(Trigger::Request(1), Action::Delay(delay))).await?;
    let mut client = Client::connect(&proxy).await?;
    let start = Instant::now();
    client.send("chain_getBlockHash", json!([1])).await?;
    client.send("chain_getBlockHash", json!([2])).await?;
    assert_eq!([client.json().await?["id"].clone(), client.json().await?["id"].clone()], [2, 1]);
    assert!(start.elapsed() >= delay);
    Ok(())
}

#[tokio::test]
async fn replies_change_places_or_ids() -> Outcome {
    for (action, ids, crossed) in [(Action::SwapReplies, [2, 1], false), (Action::CrossReplies, [1, 2], true)] {
        let (chain, _node, proxy) = proxied(3, Script::new().on(Trigger::Request(1), action)).await?;
        let mut client = Client::connect(&proxy).await?;
        client.send("chain_getBlockHash", json!([1])).await?;
        // Asked while the first is held.
        tokio::time::sleep(Duration::from_millis(20)).await;
        client.send("chain_getBlockHash", json!([2])).await?;
        for id in ids {
            let reply = client.json().await?;
            assert_eq!(reply["id"], id);
            let height = if crossed { 3 - id } else { id };
            assert_eq!(reply["result"], json!(chain.header(height.into()).await?.hash), "reply {id}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_held_reply_comes_all_the_same_where_no_other_does() -> Outcome {
    let (_chain, _node, proxy) = proxied(3, Script::new().on(Trigger::Request(1), Action::SwapReplies)).await?;
    let mut client = Client::connect(&proxy).await?;
    assert_eq!(client.ask("chain_getBlockHash", json!([1])).await?["id"], 1);
    assert_eq!(proxy.stats().done("swap_replies"), 0);
    Ok(())
}

#[tokio::test]
async fn the_head_goes_back_and_methods_are_made_up() -> Outcome {
    let script = Script::new().on(Trigger::method("chain_getFinalizedHead", 2), Action::HeadRegress(4));
    let (chain, _node, proxy) = proxied(9, script).await?;
    let mut client = Client::connect(&proxy).await?;
    for height in [9, 5, 9] {
        let head = client.result("chain_getFinalizedHead", json!([])).await?;
        assert_eq!(head, json!(chain.header(height.into()).await?.hash), "{height}");
    }
    let honest = client.result("rpc_methods", json!([])).await?;
    assert!(!honest["methods"].to_string().contains("archive_v1"));
    proxy.strike(Action::LieRpcMethods);
    let lie = client.result("rpc_methods", json!([])).await?;
    assert!(lie["methods"].to_string().contains("\"archive_v1_body\""), "{lie}");
    Ok(())
}

#[tokio::test]
async fn a_height_is_met_by_number_and_by_hash() -> Outcome {
    for (first, second) in [(Some(7), None), (None, Some(7))] {
        let script = Script::new().on(Trigger::Height(7), Action::NullResult);
        let (chain, _node, proxy) = proxied(9, script).await?;
        let mut client = Client::connect(&proxy).await?;
        if let Some(number) = first {
            assert!(!client.result("chain_getBlockHash", json!([6])).await?.is_null());
            assert!(client.result("chain_getBlockHash", json!([number])).await?.is_null());
        }
        if let Some(number) = second {
            // The proxy learns which hash it is from the header.
            let hash = chain.header(number.into()).await?.hash;
            assert!(client.result("chain_getHeader", json!([hash])).await?.is_object());
            assert!(client.result("chain_getBlock", json!([hash])).await?.is_null());
            assert!(client.result("chain_getBlock", json!([hash])).await?.is_object());
        }
    }
    Ok(())
}

/// The heights that are announced to a subscriber of blocks 1 to 8, of which the first is there at the start.
async fn announced(script: Script, count: usize) -> Outcome<Vec<u64>> {
    let (chain, _node, proxy) = proxied(1, script).await?;
    let mut client = Client::connect(&proxy).await?;
    client.ask("chain_subscribeFinalizedHeads", json!([])).await?;
    let mut heights = Vec::new();
    for number in 2..=8 {
        chain.push(chains::block(number));
    }
    while heights.len() < count {
        heights.push(height(&client.json().await?)?);
    }
    assert!(matches!(client.now().await, Seen::Nothing), "more than {heights:?}");
    Ok(heights)
}

fn height(notification: &serde_json::Value) -> Outcome<u64> {
    let number = notification["params"]["result"]["number"].as_str().ok_or("a number")?;
    Ok(u64::from_str_radix(number.trim_start_matches("0x"), 16)?)
}

#[tokio::test]
async fn notifications_are_skipped_doubled_and_swapped() -> Outcome {
    let script = Script::new()
        .on(Trigger::Notification(2), Action::SkipNotification)
        .on(Trigger::Notification(4), Action::DupNotification)
        .on(Trigger::Notification(6), Action::SwapNotifications);
    assert_eq!(announced(script, 8).await?, [1, 3, 4, 4, 5, 7, 6, 8]);
    assert_eq!(announced(Script::new(), 8).await?, [1, 2, 3, 4, 5, 6, 7, 8]);
    let back = Script::new().on(Trigger::Notification(5), Action::HeadRegress(3));
    assert_eq!(announced(back, 8).await?, [1, 2, 3, 4, 2, 6, 7, 8]);
    let none = Script::new().on(Trigger::EveryNotification, Action::SkipNotification);
    assert!(announced(none, 0).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_muted_subscription_is_silent_and_the_rest_works() -> Outcome {
    let (chain, _node, proxy) = proxied(1, Script::new()).await?;
    let mut client = Client::connect(&proxy).await?;
    client.ask("chain_subscribeFinalizedHeads", json!([])).await?;
    assert_eq!(height(&client.json().await?)?, 1);
    proxy.strike(Action::MuteSubscriptions);
    chain.push(chains::block(2));
    assert!(matches!(client.now().await, Seen::Nothing));
    assert!(client.result("chain_getBlockHash", json!([2])).await?.is_string());
    // One that is opened now is not muted.
    client.ask("chain_subscribeFinalizedHeads", json!([])).await?;
    assert_eq!(height(&client.json().await?)?, 2);
    chain.push(chains::block(3));
    assert_eq!(height(&client.json().await?)?, 3);
    assert!(matches!(client.now().await, Seen::Nothing), "the old one still says nothing");
    Ok(())
}
