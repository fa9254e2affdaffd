//! The table of hostile JSON.

use super::relay::Body;

/// Who reads the JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// The answer to this method of a node.
    Node(&'static str),
    /// The manifest of a recording.
    Manifest,
    /// What a detector remembers.
    Snapshot,
}

/// One hostile input.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) reader: Reader,
    pub(crate) body: Body,
}

const DEEP: usize = 100_000;

fn nested(open: &str, close: &str) -> String {
    open.repeat(DEEP) + &close.repeat(DEEP)
}

fn hash() -> String {
    format!("\"0x{}\"", "11".repeat(32))
}

fn header(number: &str, logs: &str) -> String {
    let hash = hash();
    format!(
        r#"{{"parentHash":{hash},"number":{number},"stateRoot":{hash},"extrinsicsRoot":{hash},"digest":{{"logs":{logs}}}}}"#
    )
}

fn block(extrinsics: &str) -> String {
    format!(r#"{{"block":{{"header":{},"extrinsics":{extrinsics}}},"justifications":null}}"#, header("\"0x5\"", "[]"))
}

fn many(items: usize, item: &str) -> String {
    format!("[{}{item}]", format!("{item},").repeat(items - 1))
}

fn million(item: &str) -> String {
    many(1_000_000, item)
}

/// All hostile inputs; none of them is what was asked for.
pub(crate) fn cases() -> Vec<Case> {
    let node = |name, method, text: String| Case { name, reader: Reader::Node(method), body: Body::Result(text) };
    let raw = |name, bytes: Vec<u8>| Case { name, reader: Reader::Node("chain_getHeader"), body: Body::Raw(bytes) };
    let mut cases = vec![
        node("lists 100,000 deep for a hash", "chain_getBlockHash", nested("[", "]")),
        node("objects 100,000 deep for a header", "chain_getHeader", nested("{\"digest\":", "}").replace(":}", ":0}")),
        node("lists 100,000 deep among the logs of a header", "chain_getHeader", header("\"0x5\"", &nested("[", "]"))),
        node(
            "a height of a million digits",
            "chain_getHeader",
            header(&format!("\"0x{}\"", "f".repeat(1_000_000)), "[]"),
        ),
        node("the largest height", "chain_getHeader", header("\"0xffffffffffffffff\"", "[]")),
        node("a height that is a number with an exponent", "chain_getHeader", header("1e400", "[]")),
        node("a million logs", "chain_getHeader", header("\"0x5\"", &million("\"0x\""))),
        node(
            "one key a hundred thousand times",
            "chain_getHeader",
            format!("{{{}\"number\":\"0x5\"}}", "\"number\":\"0x5\",".repeat(DEEP)),
        ),
        node("a hash of four mebibytes", "chain_getBlockHash", format!("\"0x{}\"", "ab".repeat(2 << 20))),
        node(
            "a hash that is spelled with escapes",
            "chain_getBlockHash",
            format!("\"\\u0030x{}\"", "\\u0061a".repeat(32)),
        ),
        node("a million extrinsics of no bytes", "chain_getBlock", block(&million("\"0x\""))),
        node("extrinsics with an odd number of digits", "chain_getBlock", block("[\"0x0\",\"0x\",\"x\"]")),
        node("extrinsics that are not hex", "chain_getBlock", block("[\"0x0g\",\"\\ud83d\\ude00\"]")),
        node("an extrinsic that is half a surrogate pair", "chain_getBlock", block("[\"\\ud800\"]")),
        node("a name that is half a surrogate pair", "system_chain", "\"\\udc00\"".to_owned()),
        node(
            "a spec version of 2^32",
            "state_getRuntimeVersion",
            r#"{"specName":"node-subtensor","specVersion":4294967296}"#.to_owned(),
        ),
        node(
            "a spec version of a million digits",
            "state_getRuntimeVersion",
            format!(r#"{{"specName":"node-subtensor","specVersion":{}}}"#, "9".repeat(1_000_000)),
        ),
        node(
            "a spec version below zero",
            "state_getRuntimeVersion",
            r#"{"specName":"node-subtensor","specVersion":-1}"#.to_owned(),
        ),
        node("metadata of four mebibytes of zeros", "state_getMetadata", format!("\"0x{}\"", "0".repeat(8 << 20))),
        node("metadata that announces 2^30-1 types", "state_getMetadata", "\"0x6d6574610ffeffffff\"".to_owned()),
        node(
            "200,000 values that nobody asked for",
            "state_queryStorageAt",
            format!("[{{\"block\":{},\"changes\":{}}}]", hash(), many(200_000, "[\"0x\",null]")),
        ),
        node(
            "a hundred thousand sets of changes",
            "state_queryStorageAt",
            format!("[{}null]", format!("{{\"block\":{},\"changes\":[]}},", hash()).repeat(DEEP)),
        ),
        node("a million keys of no bytes", "state_getKeysPaged", million("\"0x\"")),
        raw("no answer at all", Vec::new()),
        raw("an answer that is not UTF-8", b"{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":\"\xff\xfe\"}".to_vec()),
        raw("an answer that ends early", b"{\"jsonrpc\":\"2.0\",\"id\":0,\"result\":{\"number\":\"0x".to_vec()),
        raw("a million lists that never close", vec![b'['; 1_000_000]),
        raw("an answer to another question", b"{\"jsonrpc\":\"2.0\",\"id\":123456789,\"result\":null}".to_vec()),
        raw("zeros", vec![0; 1 << 20]),
        Case {
            name: "an error 100,000 deep without a code",
            reader: Reader::Node("chain_getHeader"),
            body: Body::Error(format!("{{\"message\":\"no\",\"data\":{}}}", nested("[", "]"))),
        },
    ];
    let file = |name, reader, text: String| Case { name, reader, body: Body::Raw(text.into_bytes()) };
    cases.extend([
        file("a manifest 100,000 deep", Reader::Manifest, format!("{{\"format\":1,\"first\":{}}}", nested("[", "]"))),
        file("a manifest of a format beyond all numbers", Reader::Manifest, "{\"format\":1e400}".to_owned()),
        file("a manifest that is a million numbers", Reader::Manifest, million("1")),
        file(
            "a snapshot 100,000 deep",
            Reader::Snapshot,
            format!("{{\"block\":{},\"subnets\":{}}}", hash(), nested("[", "]")),
        ),
        file(
            "a snapshot with a number of a million digits",
            Reader::Snapshot,
            format!(
                "{{\"block\":{},\"subnets\":[[1,[[\"tempo\",{{\"unsigned\":{}}}]]]]}}",
                hash(),
                "9".repeat(1_000_000)
            ),
        ),
    ]);
    cases
}
