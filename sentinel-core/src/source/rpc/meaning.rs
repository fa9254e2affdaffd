//! What nodes and gateways mean by their error objects.

/// What an error object of a node means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Pruned,
    UnknownBlock,
    RateLimited,
    TooLarge,
    NoMethod,
    NoFunction,
    Passing,
    Final,
}

/// Reads an error object. The text decides before the code: nodes and gateways give the same failure many codes (a
/// pruned state came as 4003, -32603, -32000 and 1002) and one code many failures (4003 is any error of the state API).
pub(super) fn meaning(code: i32, text: &str) -> Meaning {
    let text = text.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&[
        "state already discarded",
        "state has been discarded",
        "state discarded",
        "state has been pruned",
        "state is pruned",
        "state was pruned",
        "state pruned",
        "pruned state",
        "block is pruned",
        "block has been pruned",
        "historical state",
        "state is not available",
        "state not available",
        "missing trie",
        "missing expected key",
        "archive node is required",
    ]) {
        return Meaning::Pruned;
    }
    if text.contains("exported method") && text.contains("not found") || says(&["function to start was not found"]) {
        return Meaning::NoFunction;
    }
    if says(&["unknownblock", "unknown block", "header was not found", "block not found", "header not found"]) {
        return Meaning::UnknownBlock;
    }
    if says(&[
        "too many requests",
        "rate limit",
        "rate-limit",
        "ratelimit",
        "limit exceeded",
        "limit reached",
        "quota",
        "throttl",
        "slow down",
        "compute units",
    ]) {
        return Meaning::RateLimited;
    }
    if says(&[
        "too large",
        "too big",
        "exceeds maximum",
        "exceeds the maximum",
        "oversized",
        "exceeded max limit",
        "exceeds the limit of",
    ]) {
        return Meaning::TooLarge;
    }
    if says(&[
        "method not found",
        "method is not available",
        "method not available",
        "method not supported",
        "method not allowed",
        "not whitelisted",
        "unsafe to be called",
    ]) {
        return Meaning::NoMethod;
    }
    if says(&["timeout", "timed out", "overloaded", "unavailable", "bad gateway", "upstream", "connection", "busy"]) {
        return Meaning::Passing;
    }
    if says(&["execution failed", "invalid params", "invalid argument", "wasm trap"]) {
        return Meaning::Final;
    }
    match code {
        429 | -32004 | -32005 | -32029 => Meaning::RateLimited,
        // Request, response or batch above the node's limit, in the numbering of today and before; page size.
        -32007 | -32008 | -32010 | -32701 | -32702 | 4002 => Meaning::TooLarge,
        -32601 => Meaning::NoMethod,
        -32603 | -32009 | 502..=504 => Meaning::Passing,
        _ => Meaning::Final,
    }
}

#[cfg(test)]
mod tests {
    use super::Meaning::*;
    use super::*;

    /// What nodes, gateways and their versions were seen to say.
    const SEEN: &[(i32, &str, Meaning)] = &[
        (4003, "Client error: UnknownBlock: State already discarded for 0x12", Pruned),
        (4003, "Client error: Api called for an unknown Block: State already discarded for 0x12", Pruned),
        (-32603, "Client error: UnknownBlock: State already discarded for 0x12", Pruned),
        (-32603, "Internal error: state already discarded for BlockId::Hash(0x12)", Pruned),
        (-32000, "Client error: State already discarded for 0x12", Pruned),
        (1002, "Verification Error: Runtime error: Api called for an unknown Block: State already discarded", Pruned),
        (-32603, "Unknown block: State already discarded for 0x12", Pruned),
        (4003, "STATE ALREADY DISCARDED", Pruned),
        (-32000, "state has been pruned", Pruned),
        (-32000, "historical state 0x12 is not available", Pruned),
        (0, "State already discarded for 0x12", Pruned),
        (-32000, "State has been discarded for 0x12", Pruned),
        (-32603, "Requested block is pruned", Pruned),
        (-32801, "The state is not available at block 12", Pruned),
        (4003, "Client error: Trie lookup error: Database missing expected key: 0x12", Pruned),
        (-32000, "missing trie node 0x12", Pruned),
        (-32602, "an archive node is required for this block", Pruned),
        (4003, "Client error: UnknownBlock: Header was not found in the database: 0x12", UnknownBlock),
        (-32603, "Client error: Header was not found in the database: 0x12", UnknownBlock),
        (-32603, "UnknownBlock: Unknown block 0x12", UnknownBlock),
        (-32000, "Block not found", UnknownBlock),
        (4003, "Client error: Execution failed: Other: Exported method Api_f is not found", NoFunction),
        (-32603, "Client error: Execution failed: Other: Exported method Api_f is not found", NoFunction),
        (-32603, "Internal Error: Function to start was not found.", NoFunction),
        (-32601, "Method not found", NoMethod),
        (-32601, "RPC call is unsafe to be called externally", NoMethod),
        (0, "Method not found: state_nothing", NoMethod),
        (-32000, "the method is not available", NoMethod),
        (-32600, "method not allowed", NoMethod),
        (-32000, "state_queryStorageAt is not whitelisted", NoMethod),
        (429, "", RateLimited),
        (-32000, "Too Many Requests", RateLimited),
        (-32004, "", RateLimited),
        (-32004, "Historical work rate limit exceeded", RateLimited),
        (-32603, "request was throttled", RateLimited),
        (-32000, "your app has exceeded its compute units per second capacity", RateLimited),
        (-32005, "daily request count exceeded", RateLimited),
        (-32029, "", RateLimited),
        (-32603, "Rate limit reached, retry later", RateLimited),
        (-32000, "You exceeded your monthly quota", RateLimited),
        (-32008, "Response is too big", TooLarge),
        (-32702, "Response is too big", TooLarge),
        (-32007, "Request is too big", TooLarge),
        (-32701, "", TooLarge),
        (-32010, "The batch request was too large", TooLarge),
        (-32603, "Exceeded max limit of 1048576", TooLarge),
        (4002, "count exceeds maximum value. value: 2000, max: 1000", TooLarge),
        (-32009, "Server is busy, try again later", Passing),
        (-32603, "Internal error", Passing),
        (-32000, "upstream connect error or disconnect/reset before headers", Passing),
        (-32603, "request timed out", Passing),
        (502, "", Passing),
        (503, "Service Unavailable", Passing),
        (-32006, "Too many subscriptions on the connection", Passing),
        (-32602, "Invalid params", Final),
        (4003, "Client error: Execution failed: Execution aborted due to trap: wasm trap: unreachable", Final),
        (-32603, "Execution failed: Runtime panicked: decode", Final),
        (-32000, "not allowed", Final),
    ];

    #[test]
    fn every_message_seen_has_its_meaning() {
        for (code, text, expected) in SEEN {
            assert_eq!(meaning(*code, text), *expected, "{code} {text}");
        }
    }
}
