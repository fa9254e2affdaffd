//! The spelling of argument types that Bittensor's SDK shows beside call arguments.
//!
//! The metadata has a type's name as the chain's source spells it (`Box<<T as Config>::RuntimeCall>`); users know the
//! form without the generics of the pallet (`RuntimeCall`). The rules are those of the SDK, so that scripts written
//! for it keep working.

const PALLET_TRAITS: [&str; 4] = ["<T as Trait>::", "<T as Trait<I>>::", "<T as Config>::", "<T as Config<I>>::"];
const LEADING_MODULES: [&str; 6] =
    ["grandpa::", "session::", "slashing::", "limits::", "beefy_primitives::", "xcm::opaque::"];
const WHOLE: [(&str, &str); 7] = [
    ("vec<u8>", "Bytes"),
    ("&[u8]", "Bytes"),
    ("& 'static[u8]", "Bytes"),
    ("<lookup as staticlookup>::source", "LookupSource"),
    ("<balance as hascompact>::type", "Compact<Balance>"),
    ("<blocknumber as hascompact>::type", "Compact<BlockNumber>"),
    ("<moment as hascompact>::type", "Compact<Moment>"),
];

/// The SDK's spelling of a type name.
pub(super) fn label(type_name: &str) -> String {
    // Most are one plain word.
    if !type_name.is_empty() && type_name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return type_name.to_owned();
    }
    let mut text = if type_name.contains("T::") { type_name.replace("T::", "") } else { type_name.to_owned() };
    if text.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("t::")) {
        text.drain(..3);
    }
    let generic = text.contains('<');
    if generic {
        text = replace(text, "<T>", "");
    }
    if generic && text.contains(' ') {
        for pattern in PALLET_TRAITS {
            text = replace(text, pattern, "");
        }
    }
    if text.contains('\n') {
        text = text.replace('\n', "");
    }
    if let Some(rest) = LEADING_MODULES.iter().find_map(|module| text.strip_prefix(module)) {
        text = rest.to_owned();
    }
    if generic {
        text = replace(text, "VecDeque<", "Vec<");
    }
    let boxed =
        text.len() > 5 && text.is_char_boundary(4) && text[..4].eq_ignore_ascii_case("box<") && text.ends_with('>');
    if boxed {
        text = text[4..text.len() - 1].to_owned();
    }
    if text == "()" {
        return "Null".to_owned();
    }
    match WHOLE.iter().find(|(whole, _)| text.eq_ignore_ascii_case(whole)) {
        Some((_, short)) => (*short).to_owned(),
        None => text,
    }
}

/// Replaces a pattern whatever its case.
fn replace(text: String, pattern: &str, by: &str) -> String {
    let first = pattern.as_bytes()[0];
    let begins = |bytes: &[u8]| bytes[0].eq_ignore_ascii_case(&first) && bytes.eq_ignore_ascii_case(pattern.as_bytes());
    if !text.as_bytes().windows(pattern.len()).any(begins) {
        return text;
    }
    let lower = text.to_ascii_lowercase();
    let pattern = pattern.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(at) = lower[from..].find(&pattern) {
        out.push_str(&text[from..from + at]);
        out.push_str(by);
        from += at + pattern.len();
    }
    out.push_str(&text[from..]);
    out
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn pallet_generics_disappear() {
        for (source, short) in [
            ("AccountIdLookupOf<T>", "AccountIdLookupOf"),
            ("T::AccountId", "AccountId"),
            ("Box<<T as Config>::RuntimeCall>", "RuntimeCall"),
            ("Vec<<T as Config>::RuntimeCall>", "Vec<RuntimeCall>"),
            ("Option<Box<<T as Config>::RuntimeCall>>", "Option<Box<RuntimeCall>>"),
            ("BoundedVec<T::AuthorityId, T::MaxAuthorities>", "BoundedVec<AuthorityId, MaxAuthorities>"),
            ("<T as frame_system::Config>::AccountId", "<T as frame_system::Config>::AccountId"),
            ("Vec<u8>", "Bytes"),
            ("Vec<Vec<u8>>", "Vec<Vec<u8>>"),
            ("()", "Null"),
            ("", ""),
        ] {
            assert_eq!(label(source), short);
        }
    }
}
