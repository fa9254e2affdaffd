//! Text from the chain is hostile: escapers for the places it is shown.

use std::borrow::Cow;
use std::error::Error;

/// Text that is safe on a terminal: control characters, escape sequences and characters that reorder a line are
/// written as `\u{…}`, and so are characters that do not show.
///
/// ```
/// # use sentinel_core::text::terminal_safe;
/// assert_eq!(terminal_safe("plain"), "plain");
/// assert_eq!(terminal_safe("red\u{1b}[31m"), "red\\u{1b}[31m");
/// ```
pub fn terminal_safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        if is_unsafe(char) {
            safe.extend(char.escape_unicode());
        } else {
            safe.push(char);
        }
    }
    Cow::Owned(safe)
}

/// An error and its causes on one line; not yet safe on a terminal.
///
/// ```
/// # use sentinel_core::text::with_causes;
/// let cause = std::io::Error::other("the disk is full");
/// # #[derive(Debug, thiserror::Error)]
/// # #[error("nothing was written")]
/// # struct Failed(#[from] std::io::Error);
/// assert_eq!(with_causes(&Failed::from(cause)), "nothing was written: the disk is full");
/// ```
pub fn with_causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some messages hold their cause already.
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        cause = error.source();
    }
    line
}

fn is_unsafe(char: char) -> bool {
    char.is_control()
        || matches!(
            char,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}'
                | '\u{feff}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Text that a spreadsheet does not take for a formula: a leading `'` before `=`, `+`, `-`, `@`, tab, carriage
/// return or NUL.
pub fn csv_safe(text: &str) -> Cow<'_, str> {
    match text.as_bytes().first() {
        // A number is no formula.
        Some(b'-' | b'+') if text.parse::<f64>().is_ok() => Cow::Borrowed(text),
        Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | 0) => Cow::Owned(format!("'{text}")),
        _ => Cow::Borrowed(text),
    }
}
