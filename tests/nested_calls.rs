//! The calls inside calls: where they are, in whose name they run, and whether they took effect.

use sentinel_core::chain::AccountId;
use sentinel_core::decode::Outcome;
use sentinel_support::blocks::{
    ALICE, BOB, Block, CHARLIE, DISPATCH_INFO, EVE, Inner, NOT_ENOUGH_STAKE, account, transfer,
};
use sentinel_support::extrinsics::{applying, id, vector};
use sentinel_support::registry::Registry;

/// A dispatch that went well, as events carry it.
const OK: &[u8] = &[0];

/// A dispatch that did not.
fn failed(error: &[u8]) -> Vec<u8> {
    [&[1], error].concat()
}

/// What is expected of one nested call.
fn inner(path: &str, name: &str, origin: &str, succeeded: Option<bool>) -> Inner {
    Inner { path: path.to_owned(), name: name.to_owned(), origin: origin.to_owned(), succeeded }
}

fn hex(text: &str) -> [u8; 32] {
    const_hex::decode_to_array(text).expect("32 bytes")
}

#[test]
fn a_batch_in_a_sudo_runs_as_root() {
    let call = |registry: &Registry| {
        let calls = vector(&[transfer(registry, BOB, 1), registry.call("System", "remark", &[&[0]])]);
        registry.call("Sudo", "sudo", &[&registry.call("Utility", "batch", &[&calls])])
    };
    let expected = |succeeded| {
        vec![
            inner("call.calls[0]", "transfer_allow_death", "Root", succeeded),
            inner("call.calls[1]", "remark", "Root", succeeded),
        ]
    };
    assert_eq!(Block::of(call, &[("Sudo", "Sudid", &[OK])]).nested_calls(), expected(Some(true)));
    let refused = failed(&[2]);
    assert_eq!(Block::of(call, &[("Sudo", "Sudid", &[&refused])]).nested_calls(), expected(Some(false)));
    assert_eq!(Block::of(call, &[]).nested_calls(), expected(None), "no event says so");
    let interrupted: (&str, &str, &[&[u8]]) = ("Utility", "BatchInterrupted", &[&[1, 0, 0, 0], NOT_ENOUGH_STAKE]);
    let fates = Block::of(call, &[interrupted, ("Sudo", "Sudid", &[OK])])
        .nested_calls()
        .into_iter()
        .map(|inner| inner.succeeded);
    assert_eq!(fates.collect::<Vec<_>>(), [Some(true), Some(false)], "the sudo was fine, its second call was not");
    let mut block = Block::of(call, &[]);
    block.records.clear();
    block.event(&applying(0), "System", "ExtrinsicFailed", &[&[2], DISPATCH_INFO]);
    assert_eq!(block.nested_calls(), expected(Some(false)), "what fails takes all with it");
}

#[test]
fn a_batch_stops_where_it_was_interrupted() {
    for interrupted in 0..3u32 {
        let block = Block::of(
            |registry| {
                let calls: Vec<_> = [ALICE, BOB, CHARLIE].map(|to| transfer(registry, to, 1)).into();
                registry.call("Utility", "batch", &[&vector(&calls)])
            },
            &[("Utility", "BatchInterrupted", &[&interrupted.to_le_bytes(), NOT_ENOUGH_STAKE])],
        );
        let expected: Vec<_> = (0..3)
            .map(|at| inner(&format!("calls[{at}]"), "transfer_allow_death", ALICE, Some(at < interrupted)))
            .collect();
        assert_eq!(block.nested_calls(), expected);
    }
}

#[test]
fn a_forced_batch_goes_on_after_failures() {
    let block = Block::of(
        |registry| {
            let calls: Vec<_> = [ALICE, BOB, CHARLIE].map(|to| transfer(registry, to, 1)).into();
            registry.call("Utility", "force_batch", &[&vector(&calls)])
        },
        &[
            ("Utility", "ItemCompleted", &[]),
            ("Utility", "ItemFailed", &[NOT_ENOUGH_STAKE]),
            ("Utility", "ItemCompleted", &[]),
            ("Utility", "BatchCompletedWithErrors", &[]),
        ],
    );
    let fates: Vec<_> = block.nested_calls().into_iter().map(|inner| (inner.path, inner.succeeded)).collect();
    let expected = [("calls[0]", true), ("calls[1]", false), ("calls[2]", true)];
    assert_eq!(fates, expected.map(|(path, succeeded)| (path.to_owned(), Some(succeeded))));
}

#[test]
fn of_two_batches_the_events_do_not_say_which() {
    let block = Block::of(
        |registry| {
            let one = registry.call("Utility", "batch", &[&vector(&[transfer(registry, BOB, 1)])]);
            registry.call("Utility", "batch", &[&vector(&[one, transfer(registry, CHARLIE, 1)])])
        },
        &[("Utility", "BatchInterrupted", &[&[0; 4], NOT_ENOUGH_STAKE])],
    );
    let expected = [("calls[0].calls[0]", None), ("calls[1]", None)];
    let fates: Vec<_> = block.nested_calls().into_iter().map(|inner| (inner.path, inner.succeeded)).collect();
    assert_eq!(fates, expected.map(|(path, succeeded)| (path.to_owned(), succeeded)));
}

#[test]
fn a_proxy_runs_as_the_account_it_stands_for() {
    let call = |registry: &Registry| {
        registry.call("Proxy", "proxy", &[&id(account(BOB)), &[0], &transfer(registry, CHARLIE, 1)])
    };
    let error = failed(NOT_ENOUGH_STAKE);
    for (result, succeeded) in [(OK, true), (error.as_slice(), false)] {
        let block = Block::of(call, &[("Proxy", "ProxyExecuted", &[result])]);
        assert_eq!(block.nested_calls(), [inner("call", "transfer_allow_death", BOB, Some(succeeded))]);
        // The extrinsic itself was applied either way.
        assert_eq!(block.index(|index| index.outcome(0)), Ok(Some(Outcome::Success)));
    }
}

/// The derived accounts in the two tests below are blake2b-256 of `modlpy/utilisuba` and the parts, by Python's hashlib.
#[test]
fn a_derivative_runs_as_the_account_derived() {
    let derived = |registry: &Registry, index: u16, call: &[u8]| {
        registry.call("Utility", "as_derivative", &[&index.to_le_bytes(), call])
    };
    let once = AccountId(hex("63d33ee47719f264c03143b0f4d69ff1751b7e2da5697cbf6906c74d734dcd28")).to_ss58();
    let block = Block::of(|registry| derived(registry, 7, &transfer(registry, BOB, 1)), &[]);
    assert_eq!(block.nested_calls(), [inner("call", "transfer_allow_death", &once, Some(true))]);
    let twice = AccountId(hex("6d71d3f6ce26f5529226fceb8bb1134aa9bb23d6a7497054714ca605de3739a5")).to_ss58();
    let block = Block::of(|registry| derived(registry, 7, &derived(registry, 1, &transfer(registry, BOB, 1))), &[]);
    assert_eq!(block.nested_calls(), [inner("call.call", "transfer_allow_death", &twice, Some(true))]);
}

#[test]
fn a_multisig_runs_as_the_account_of_its_signatories() {
    let others = |accounts: &[&str]| vector(&accounts.iter().map(|one| account(one).to_vec()).collect::<Vec<_>>());
    let of_three = "0c7aa225f8fd5b41b066b950cf12b8a21f4ea5b8a137d83fa547715edb1c5418";
    let (of_three, of_two) =
        (AccountId(hex(of_three)), AccountId(hex("4c5901223c7c52585646634e70dd46ad3faf1270f84a4673b5b4a4e126474073")));
    let two_of_three = |registry: &Registry| {
        let call = transfer(registry, BOB, 1);
        registry.call("Multisig", "as_multi", &[&[2, 0], &others(&[BOB, EVE]), &[0], &call, &[0, 0]])
    };
    let executed = |result: &[u8]| {
        let fields: [&[u8]; 5] = [&account(ALICE), &[0; 8], &of_three.0, &[0; 32], result];
        Block::of(two_of_three, &[("Multisig", "MultisigExecuted", &fields)]).nested_calls()
    };
    let expected = |succeeded| vec![inner("call", "transfer_allow_death", &of_three.to_ss58(), Some(succeeded))];
    assert_eq!(executed(OK), expected(true));
    assert_eq!(executed(&failed(NOT_ENOUGH_STAKE)), expected(false));
    // An approval while others are missing runs nothing.
    let approved = Block::of(two_of_three, &[]);
    assert_eq!(approved.nested_calls(), expected(false));

    let one_of_two = Block::of(
        |registry| registry.call("Multisig", "as_multi_threshold_1", &[&others(&[BOB]), &transfer(registry, BOB, 1)]),
        &[],
    );
    assert_eq!(one_of_two.nested_calls(), [inner("call", "transfer_allow_death", &of_two.to_ss58(), Some(true))]);
}

#[test]
fn a_call_dispatched_as_another_runs_as_that() {
    let as_bob = |registry: &Registry| {
        // The origin: system, signed by Bob.
        let origin = [&[0, 1][..], &account(BOB)].concat();
        registry.call("Utility", "dispatch_as", &[&origin, &transfer(registry, CHARLIE, 1)])
    };
    let error = failed(&[2]);
    for (result, succeeded) in [(OK, true), (error.as_slice(), false)] {
        let block = Block::of(as_bob, &[("Utility", "DispatchedAs", &[result])]);
        assert_eq!(block.nested_calls(), [inner("call", "transfer_allow_death", BOB, Some(succeeded))]);
    }
    let as_root =
        |registry: &Registry| registry.call("Utility", "dispatch_as", &[&[0, 0], &transfer(registry, CHARLIE, 1)]);
    let block = Block::of(as_root, &[("Utility", "DispatchedAs", &[OK])]);
    assert_eq!(block.nested_calls(), [inner("call", "transfer_allow_death", "Root", Some(true))]);
    let as_nobody =
        |registry: &Registry| registry.call("Utility", "dispatch_as", &[&[0, 2], &transfer(registry, CHARLIE, 1)]);
    let block = Block::of(as_nobody, &[("Utility", "DispatchedAs", &[OK])]);
    assert_eq!(block.nested_calls(), [inner("call", "transfer_allow_death", "nobody", Some(true))]);
}

#[test]
fn a_scheduled_call_has_not_run_yet() {
    let block = Block::of(
        |registry| {
            registry.call("Scheduler", "schedule", &[&9u32.to_le_bytes(), &[0], &[0], &transfer(registry, BOB, 1)])
        },
        &[],
    );
    assert_eq!(block.nested_calls(), [inner("call", "transfer_allow_death", "Root", None)]);
}

#[test]
fn a_call_that_carries_none_has_none() {
    assert_eq!(Block::of(|registry| transfer(registry, BOB, 1), &[]).nested_calls(), []);
    let empty = Block::of(|registry| registry.call("Utility", "batch", &[&[0]]), &[]);
    assert_eq!(empty.nested_calls(), []);
}
