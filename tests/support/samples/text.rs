//! Text and bytes that are hard on whoever shows them.

use crate::rng::Rng;

const TEXTS: [&str; 24] = [
    "",
    "a",
    "hello",
    "0x",
    "0xff00",
    "0xAB",
    "é",
    "日本語",
    "😀👩‍👩‍👧",
    "\u{feff}bom",
    "\0",
    "a\0b\n\t\u{1b}[31m\u{7f}",
    "\"quoted\" \\ back/slash",
    "<script>&amp;</script>",
    "\u{2028}\u{2029}\u{85}",
    "\u{202e}ltr",
    "\u{d7ff}\u{e000}\u{ffff}",
    "\u{10ffff}",
    "null",
    "12345678901234567890",
    "{\"a\": [1]}",
    "${HOME} `id` %s",
    "combining e\u{301}",
    " ",
];
const NOT_TEXT: [&[u8]; 10] = [
    b"\xff",
    b"\x80",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xe2\x82",
    b"ok\xf0\x9f\x98",
    b"\xf8\x88\x80\x80\x80",
    b"valid until \xfe here",
    b"\xe0\x80\xaf",
];

pub(super) fn text(rng: &mut Rng) -> String {
    let mut text = (*rng.pick::<&str>(&TEXTS)).to_owned();
    if rng.percent(20) {
        text.push_str(rng.pick::<&str>(&TEXTS));
    }
    if rng.percent(10) {
        // Long enough for a length prefix of two bytes.
        text.push_str(&"long ".repeat(13 + rng.below(3)));
    }
    text
}

pub(super) fn bytes(rng: &mut Rng) -> Vec<u8> {
    match rng.below(10) {
        0..5 => text(rng).into_bytes(),
        5..7 => rng.pick(&NOT_TEXT).to_vec(),
        _ => {
            let len = *rng.pick(&[1, 4, 20, 32, 33, 64, 100]);
            rng.bytes(len)
        }
    }
}

/// Sometimes letters or zeros: an array of bytes must not become text for that.
pub(super) fn array(rng: &mut Rng, len: usize) -> Vec<u8> {
    match rng.below(10) {
        0..7 => rng.bytes(len),
        7..9 => rng.bytes(len).into_iter().map(|byte| b'a' + byte % 26).collect(),
        _ => vec![0; len],
    }
}

pub(super) fn char(rng: &mut Rng) -> char {
    *rng.pick(&['\0', '\t', '"', 'A', '\\', '\u{7f}', 'é', '\u{d7ff}', '\u{e000}', '\u{ffff}', '😀', '\u{10ffff}'])
}
