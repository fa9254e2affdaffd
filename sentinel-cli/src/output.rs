//! The forms of output: tables for people, JSON, JSON lines and CSV for programs.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::presets::{NOTHING, UTF8_HORIZONTAL_ONLY};
use comfy_table::{ContentArrangement, Table};
use sentinel_core::text::{csv_safe, terminal_safe};
use serde::Serialize;

use crate::args::Common;
use crate::exit::CliError;

/// Form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One indented JSON document.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header.
    Csv,
}

/// Writes one indented JSON document.
pub(crate) fn json(out: &mut dyn Write, document: &impl Serialize) -> Result<(), CliError> {
    let compact = serde_json::to_vec(document)?;
    out.write_all(&indented(&compact))?;
    Ok(())
}

/// Writes one JSON line.
pub(crate) fn json_line(out: &mut dyn Write, document: &impl Serialize) -> Result<(), CliError> {
    serde_json::to_writer(&mut *out, document)?;
    out.write_all(b"\n")?;
    Ok(())
}

/// Writes one indented JSON document, its integers as the flags want them.
pub(crate) fn document(out: &mut dyn Write, common: &Common, document: &impl Serialize) -> Result<(), CliError> {
    out.write_all(&indented(&compact(common, document)?))?;
    Ok(())
}

/// Writes one JSON line, its integers as the flags want them.
pub(crate) fn document_line(out: &mut dyn Write, common: &Common, document: &impl Serialize) -> Result<(), CliError> {
    out.write_all(&compact(common, document)?)?;
    out.write_all(b"\n")?;
    Ok(())
}

fn compact(common: &Common, document: &impl Serialize) -> Result<Vec<u8>, CliError> {
    let json = serde_json::to_vec(document)?;
    Ok(if common.safe_integers { with_safe_integers(&json) } else { json })
}

/// JSON text with every integer beyond 2^53 as text. A tree of values would not hold the widest.
fn with_safe_integers(json: &[u8]) -> Vec<u8> {
    let is_number = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
    let mut out = Vec::with_capacity(json.len() + 64);
    let mut rest = json;
    while let Some(&byte) = rest.first() {
        let length = match byte {
            b'"' => text_length(rest),
            b'-' | b'0'..=b'9' => rest.iter().take_while(|byte| is_number(byte)).count(),
            _ => 1,
        };
        let (token, later) = rest.split_at(length.min(rest.len()));
        if byte != b'"' && is_beyond_2_53(token) {
            out.push(b'"');
            out.extend_from_slice(token);
            out.push(b'"');
        } else {
            out.extend_from_slice(token);
        }
        rest = later;
    }
    out
}

/// Length of the JSON text that starts here, with both of its marks.
fn text_length(json: &[u8]) -> usize {
    let mut escaped = false;
    let end = json.iter().skip(1).position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    end.map_or(json.len(), |end| end + 2)
}

fn is_beyond_2_53(token: &[u8]) -> bool {
    let digits = token.strip_prefix(b"-").unwrap_or(token);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let value = str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u64>().ok());
    value.is_none_or(|value| value > 1 << 53)
}

/// Indents JSON text without reading its numbers, which may be wider than any number type.
pub(crate) fn indented(compact: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(compact.len() * 2);
    let (mut depth, mut in_text, mut escaped) = (0usize, false, false);
    let new_line = |out: &mut Vec<u8>, depth: usize| {
        out.push(b'\n');
        out.resize(out.len() + depth * 2, b' ');
    };
    for (at, &byte) in compact.iter().enumerate() {
        if in_text {
            out.push(byte);
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => {
                in_text = true;
                out.push(byte);
            }
            b'{' | b'[' => {
                out.push(byte);
                depth += 1;
                if !matches!(compact.get(at + 1), Some(b'}' | b']')) {
                    new_line(&mut out, depth);
                }
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if !matches!(compact.get(at.wrapping_sub(1)), Some(b'{' | b'[')) {
                    new_line(&mut out, depth);
                }
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                new_line(&mut out, depth);
            }
            b':' => out.extend_from_slice(b": "),
            _ => out.push(byte),
        }
    }
    out.push(b'\n');
    out
}

/// Writes a table with a header, as wide as the terminal, or as needed where there is none.
pub(crate) fn table(
    out: &mut dyn Write,
    header: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Result<(), CliError> {
    let mut table = Table::new();
    table.load_style(if io::stdout().is_terminal() { UTF8_HORIZONTAL_ONLY } else { NOTHING });
    table.set_header(header.iter().copied());
    if io::stdout().is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    for row in rows {
        table.add_row(row.iter().map(|cell| terminal_safe(cell).into_owned()));
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Writes CSV with a header; no cell can be taken for a formula.
pub(crate) fn csv(
    out: &mut dyn Write,
    header: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Result<(), CliError> {
    let mut writer = csv::Writer::from_writer(&mut *out);
    writer.write_record(header)?;
    writer.flush()?;
    drop(writer);
    csv_rows(out, rows)
}

/// Writes more rows of CSV; no cell can be taken for a formula.
pub(crate) fn csv_rows(out: &mut dyn Write, rows: impl IntoIterator<Item = Vec<String>>) -> Result<(), CliError> {
    let mut writer = csv::Writer::from_writer(out);
    for row in rows {
        writer.write_record(row.iter().map(|cell| csv_safe(cell).into_owned()))?;
    }
    writer.flush()?;
    Ok(())
}

/// At most this many characters, with an ellipsis where some are missing.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// A moment in UTC, from milliseconds since 1970.
pub(crate) fn utc(timestamp_ms: u64) -> String {
    let (days, ms) = (timestamp_ms / 86_400_000, timestamp_ms % 86_400_000);
    // Civil date from days, counting years from March so that leap days come last.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (seconds, ms) = (ms / 1000, ms % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{ms:03} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_in_utc() {
        assert_eq!(utc(0), "1970-01-01 00:00:00.000 UTC");
        assert_eq!(utc(1_738_368_000_000), "2025-02-01 00:00:00.000 UTC");
        assert_eq!(utc(1_709_210_096_789), "2024-02-29 12:34:56.789 UTC");
    }

    #[test]
    fn integers_beyond_2_53_become_text() {
        let json = br#"{"a":9007199254740992,"b":[9007199254740993,-9007199254740993,1e300,0.25],"c":"1\\\"99999999999999999999","d":340282366920938463463374607431768211455}"#;
        let safe = br#"{"a":9007199254740992,"b":["9007199254740993","-9007199254740993",1e300,0.25],"c":"1\\\"99999999999999999999","d":"340282366920938463463374607431768211455"}"#;
        assert_eq!(String::from_utf8(with_safe_integers(json)), String::from_utf8(safe.to_vec()));
    }

    #[test]
    fn indenting_keeps_every_digit() {
        let text = br#"{"a":[1,{"b":115792089237316195423570985008687907853269984665640564039457584007913129639935}],"c":[],"d":"x,{\"y\":[]}"}"#;
        let wide = String::from_utf8(indented(text)).unwrap();
        assert!(wide.contains("115792089237316195423570985008687907853269984665640564039457584007913129639935"));
        assert!(wide.contains(r#""d": "x,{\"y\":[]}""#));
        assert!(wide.contains("\"c\": []"));
    }
}
