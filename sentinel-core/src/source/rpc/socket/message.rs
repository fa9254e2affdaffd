//! JSON-RPC 2.0 as text.

use std::borrow::Cow;
use std::ops::Range;

use jsonrpsee::types::{ErrorObject, ErrorObjectOwned};
use memchr::memchr2;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// What a node sent.
#[derive(Debug)]
pub(super) enum Message<'a> {
    Answer {
        id: u64,
        /// Where in the text the result is.
        answer: Result<Range<usize>, ErrorObjectOwned>,
    },
    Notification {
        subscription: &'a str,
        item: Box<RawValue>,
    },
    /// An answer to an id that we give to no request.
    Stranger(String),
    /// Something that is not for us.
    Other,
}

#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<ErrorObject<'a>>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Params<'a> {
    #[serde(borrow)]
    subscription: &'a RawValue,
    #[serde(borrow)]
    result: &'a RawValue,
}

/// A key that is there, be it `null`.
fn present<'de: 'a, 'a, D: Deserializer<'de>>(input: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(input).map(Some)
}

/// A request, with the JSON of its parameters.
pub(super) fn write(id: u64, method: &str, params: Option<&str>) -> String {
    let params = params.unwrap_or("[]");
    let mut text = String::with_capacity(params.len() + method.len() + 64);
    text.push_str(r#"{"jsonrpc":"2.0","id":"#);
    text.push_str(itoa::Buffer::new().format(id));
    text.push_str(r#","method":"#);
    push_json(&mut text, method);
    text.push_str(r#","params":"#);
    text.push_str(params);
    text.push('}');
    text
}

/// Appends a text as JSON has it.
fn push_json(json: &mut String, text: &str) {
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        json.push_str(&serde_json::Value::from(text).to_string());
    }
}

/// What the text says. Of an answer it is known where its result ends, and no more: whoever asked reads it.
pub(super) fn read(text: &str) -> Result<Message<'_>, serde_json::Error> {
    if let Some((id, result)) = plain_answer(text) {
        return Ok(Message::Answer { id, answer: Ok(result) });
    }
    // A list would be taken for the fields of an object in their order.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(serde_json::Error::custom("not a JSON-RPC message"));
    }
    let wire: Wire<'_> = serde_json::from_str(text)?;
    if wire.method.is_some() {
        let params = wire.params.map(|params| serde_json::from_str::<Params<'_>>(params.get()));
        return Ok(match params {
            Some(Ok(params)) => {
                Message::Notification { subscription: params.subscription.get(), item: params.result.to_owned() }
            }
            _ => Message::Other,
        });
    }
    let Some(id) = wire.id else { return Err(serde_json::Error::custom("neither an answer nor a notification")) };
    let Ok(id) = id.get().parse() else { return Ok(Message::Stranger(id.get().to_owned())) };
    let answer = match (wire.error, wire.result) {
        (Some(error), None) => Err(error.into_owned()),
        (None, Some(result)) => {
            // It is borrowed from the text.
            let start = result.get().as_ptr() as usize - text.as_ptr() as usize;
            Ok(start..start + result.get().len())
        }
        _ => return Err(serde_json::Error::custom("an answer needs a result or an error")),
    };
    Ok(Message::Answer { id, answer })
}

/// The id and the place of the result, where the text is an answer with nothing else in it. Results are large, and most of
/// one is a few long strings: their ends are all that is looked for.
fn plain_answer(text: &str) -> Option<(u64, Range<usize>)> {
    let bytes = text.as_bytes();
    let (mut id, mut result) = (None, None);
    let mut at = after(bytes, 0, b'{')?;
    loop {
        let key = value(bytes, at)?;
        let of = value(bytes, after(bytes, key.end, b':')?)?;
        let (end, is_new) = (
            of.end,
            match text.get(key)? {
                "\"jsonrpc\"" => true,
                "\"id\"" => id.replace(text.get(of)?.parse().ok()?).is_none(),
                "\"result\"" => result.replace(of).is_none(),
                _ => false,
            },
        );
        if !is_new {
            return None;
        }
        match after(bytes, end, b',') {
            Some(next) => at = next,
            None => {
                let end = after(bytes, end, b'}')?;
                return (space(bytes, end) == bytes.len()).then_some((id?, result?));
            }
        }
    }
}

/// Where white space ends.
fn space(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// What follows a mark, where that is what comes next.
fn after(bytes: &[u8], at: usize, mark: u8) -> Option<usize> {
    let at = space(bytes, at);
    (bytes.get(at) == Some(&mark)).then_some(at + 1)
}

/// The value that comes next, if it is one.
fn value(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let start = space(bytes, at);
    let (mut at, mut depth) = (start, 0_usize);
    loop {
        match bytes.get(at)? {
            b'"' => at = string_end(bytes, at + 1)?,
            b'{' | b'[' => (at, depth) = (at + 1, depth + 1),
            // The end of what it is in.
            b'}' | b']' | b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => {
                return (at > start).then_some(start..at);
            }
            b'}' | b']' => (at, depth) = (at + 1, depth - 1),
            _ => at += 1,
        }
    }
}

/// The place after a string in which the text is.
fn string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes[at] {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_json() {
        assert_eq!(write(7, "a\"b", Some("[1]")), r#"{"jsonrpc":"2.0","id":7,"method":"a\"b","params":[1]}"#);
        assert_eq!(write(0, "m", None), r#"{"jsonrpc":"2.0","id":0,"method":"m","params":[]}"#);
    }

    fn answer(text: &str) -> Result<String, i32> {
        match read(text).unwrap() {
            Message::Answer { id: 7, answer } => answer.map(|own| text[own].to_owned()).map_err(|error| error.code()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn answers_are_results_or_errors() {
        assert_eq!(answer(r#"{"jsonrpc":"2.0","id":7,"result":{"a":[1]}}"#), Ok(r#"{"a":[1]}"#.to_owned()));
        assert_eq!(answer(r#" {"result":null,"id":7}"#), Ok("null".to_owned()));
        assert_eq!(answer(r#"{"id":7,"result":"x","error":null}"#), Ok("\"x\"".to_owned()));
        assert_eq!(answer(r#"{"id":7,"error":{"code":-32000,"message":"no"}}"#), Err(-32000));
    }

    /// Read fast, or as any JSON is: the same comes of it.
    #[test]
    fn results_end_where_they_do() {
        let results = [
            "1",
            "null",
            "-1.5e3",
            r#""""#,
            r#""a\"}\\""#,
            r#"["a,]",{"b":[1,"\\"]}]"#,
            "{}",
            "[]",
            r#"{"ü":"ä\u00e4"}"#,
        ];
        for result in results {
            for (text, is_plain) in [
                (format!(r#"{{"jsonrpc":"2.0","id":7,"result":{result}}}"#), true),
                (format!(" {{ \"result\" : {result}\n, \"id\":\t7 , \"jsonrpc\":\"2.0\" }}\r\n"), true),
                (format!(r#"{{"id":7,"result":{result},"more":1}}"#), false),
                (format!(r#"{{"\u0069d":7,"result":{result}}}"#), false),
            ] {
                assert_eq!(plain_answer(&text).is_some(), is_plain, "{text}");
                assert_eq!(answer(&text).as_deref(), Ok(result), "{text}");
            }
        }
    }

    #[test]
    fn notifications_name_their_subscription() {
        let text = r#"{"jsonrpc":"2.0","method":"m","params":{"subscription":"abc","result":{"number":"0x1"}}}"#;
        let Message::Notification { subscription, item } = read(text).unwrap() else { panic!("a notification") };
        assert_eq!((subscription, item.get()), (r#""abc""#, r#"{"number":"0x1"}"#));
        assert!(matches!(read(r#"{"method":"m","params":[1]}"#), Ok(Message::Other)));
        assert!(matches!(read(r#"{"method":"m"}"#), Ok(Message::Other)));
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in [
            "",
            "7",
            "[7,1]",
            "{",
            r#"{"id":7}"#,
            r#"{"id":7,"result":1,"error":{"code":1,"message":""}}"#,
            r#"{"id":7,"id":8,"result":1}"#,
            r#"{"result":1}"#,
            r#"{"id":7,"result":1}x"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        for text in [r#"{"id":null,"result":1}"#, r#"{"id":"7","result":1}"#, r#"{"id":-7,"result":1}"#] {
            assert!(matches!(read(text), Ok(Message::Stranger(_))), "{text}");
        }
    }
}
