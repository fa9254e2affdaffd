//! What the Python module makes of a panic: tested here, since a test of an extension module would need an interpreter.

#[path = "../sentinel-py/src/panic.rs"]
mod panic;

use panic::caught;

#[test]
fn a_panic_is_an_error_with_its_message() {
    assert_eq!(caught(|| 1), Ok(1));
    assert_eq!(caught(|| -> u8 { panic!("no such plan") }), Err("no such plan".to_owned()));
    let index = std::hint::black_box(7);
    let out_of_bounds = caught(|| [0u8; 3][..][index]);
    assert_eq!(out_of_bounds, Err("index out of bounds: the len is 3 but the index is 7".to_owned()));
}
