//! Lines on stdin that are made to confuse or exhaust `decode`: each has one line of answer, and the next is read.

#[path = "program/program.rs"]
mod program;

use program::{Ran, fixture, run_with_input};
use serde_json::Value;

fn decode(lines: &str) -> Ran {
    let metadata = fixture("../../sentinel-core/assets/subtensor-461-v15.scale");
    run_with_input(&["decode", "--metadata", &metadata], lines)
}

#[test]
fn every_hostile_line_has_one_line_of_answer() {
    let deep = 100_000;
    let hostile = [
        "[".repeat(deep),
        format!("{}{}", "[".repeat(deep), "]".repeat(deep)),
        format!("{}1{}", "{\"a\":".repeat(deep), "}".repeat(deep)),
        r#"{"type_id":2,"hex":"0x"#.to_owned(),
        r#"{"type_id":-1,"hex":"0x00"}"#.to_owned(),
        r#"{"type_id":4294967296,"hex":"0x00"}"#.to_owned(),
        r#"{"type_id":4294967295,"hex":"0x00"}"#.to_owned(),
        format!("{{\"type_id\":{},\"hex\":\"0x00\"}}", "9".repeat(1_000_000)),
        r#"{"type_id":1e400,"hex":"0x00"}"#.to_owned(),
        r#"{"type_id":2,"type_id":2,"hex":"0x00"}"#.to_owned(),
        r#"{"type_id":2,"hex":"\ud800"}"#.to_owned(),
        r#"{"type_id":2,"hex":"0x0\u0000"}"#.to_owned(),
        r#"{"type_id":2,"hex":"0x００"}"#.to_owned(),
        format!("{{\"type_id\":2,\"hex\":\"0x{}\"}}", "0".repeat(4 << 20)),
        format!("{{\"type_id\":2,\"hex\":\"{}\"}}", "\\u0030".repeat(1 << 20)),
        "\u{feff}{\"type_id\":2,\"hex\":\"0x00\"}".to_owned(),
        "\0".repeat(1000),
        "null".to_owned(),
        "{}".to_owned(),
        String::new(),
        "\u{1b}[31m\u{202e}".to_owned(),
    ];
    assert!(hostile.len() >= 20);
    let good = r#"{"type_id":2,"hex":"0x05"}"#;
    let lines: String = hostile.iter().map(|line| format!("{line}\n{good}\n")).collect();
    let ran = decode(&lines);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let answers: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(answers.len(), hostile.len() * 2);
    for (pair, line) in answers.chunks(2).zip(&hostile) {
        let shown: String = line.chars().take(60).collect();
        let answer: Value = serde_json::from_str(pair[0]).unwrap_or_else(|error| panic!("{error}, to {shown}"));
        assert!(answer["error"].is_string(), "{shown}: {answer}");
        assert!(pair[0].len() < 1000, "an answer of {} bytes to {shown}", pair[0].len());
        assert!(!pair[0].contains(|c: char| c.is_control() || c == '\u{202e}'), "{shown}: {}", pair[0]);
        assert_eq!(pair[1], r#"{"type_id":2,"value":5}"#, "after {shown}");
    }
}

#[test]
fn what_nobody_asks_for_is_passed_over_however_deep() {
    let deep = 100_000;
    let line = format!("{{\"more\":{}{},\"type_id\":2,\"hex\":\"0x05\"}}\n", "[".repeat(deep), "]".repeat(deep));
    assert_eq!(decode(&line).stdout, "{\"type_id\":2,\"value\":5}\n");
}
