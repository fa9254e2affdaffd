//! `decode`: SCALE bytes to JSON with a metadata file.

use std::cell::RefCell;
use std::io::{BufRead, Read, Write};

use sentinel_core::decode::{DecodeError, JsonWriter, Runtime, write_events, write_extrinsic};
use serde::Deserialize;

use crate::args::{Common, Decode, Flag, What};
use crate::exit::{CliError, Exit};
use crate::output::indented;

pub(crate) fn run(
    common: &Common,
    args: &Decode,
    input: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<Exit, CliError> {
    common.refuse(&[Flag::Block, Flag::Netuid, Flag::Mechanism, Flag::Lite], "decode")?;
    if args.item.is_some() && args.what != Some(What::Storage) {
        return Err(CliError::Usage("--item goes with --what storage".to_owned()));
    }
    let runtime = open(args)?;
    // The shape that SDK users know has the hash of every call.
    let decoder = Decoder { runtime: &runtime, args, writer: RefCell::new(JsonWriter::new(common.json(true))) };
    match &args.hex {
        Some(hex) => decoder.one(hex, out),
        None => decoder.lines(input, out),
    }
}

fn open(args: &Decode) -> Result<Runtime, CliError> {
    let file = args.metadata.display().to_string();
    let bytes = std::fs::read(&args.metadata)
        .map_err(|source| CliError::File { what: format!("cannot read the metadata file {file}"), source })?;
    Runtime::from_metadata(&bytes).map_err(|source| CliError::Metadata { file, source })
}

struct Decoder<'a> {
    runtime: &'a Runtime,
    args: &'a Decode,
    /// One for all lines, since it remembers addresses.
    writer: RefCell<JsonWriter>,
}

/// Longest line of input: enough for any block, too little to fill the memory.
const MAX_LINE: u64 = 256 << 20;

/// One line of input.
#[derive(Deserialize)]
struct Line {
    type_id: Option<u32>,
    hex: String,
}

impl Decoder<'_> {
    fn one(&self, hex: &str, out: &mut dyn Write) -> Result<Exit, CliError> {
        let Some(kind) = self.kind(self.args.type_id) else {
            return Err(CliError::Usage(
                "say what the bytes are: --what extrinsic|events|storage|call, or --type-id N".into(),
            ));
        };
        let bytes = bytes(hex).map_err(CliError::Usage)?;
        let mut json = Vec::new();
        self.value(kind, &bytes, &mut json).map_err(CliError::Failed)?;
        out.write_all(&indented(&json))?;
        Ok(Exit::Done)
    }

    /// Answers every line by one line, in order.
    fn lines(&self, input: &mut dyn BufRead, out: &mut dyn Write) -> Result<Exit, CliError> {
        let (mut line, mut answer, mut value) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            line.clear();
            let read = (&mut *input).take(MAX_LINE).read_until(b'\n', &mut line);
            let read = read.map_err(|source| CliError::File { what: "cannot read stdin".to_owned(), source })?;
            if read == 0 {
                return Ok(Exit::Done);
            }
            if read as u64 == MAX_LINE && line.last() != Some(&b'\n') {
                return Err(CliError::Failed(format!("a line on stdin is longer than {MAX_LINE} bytes")));
            }
            answer.clear();
            value.clear();
            answer.push(b'{');
            let result = match serde_json::from_slice::<Line>(&line) {
                Ok(Line { type_id, hex }) => {
                    if let Some(type_id) = type_id {
                        write!(answer, "\"type_id\":{type_id},")?;
                    }
                    self.answer(type_id, &hex, &mut value)
                }
                Err(error) => Err(format!("not a line of the form {{\"type_id\": n, \"hex\": \"0x…\"}}: {error}")),
            };
            match result {
                Ok(()) => {
                    answer.extend_from_slice(b"\"value\":");
                    answer.extend_from_slice(&value);
                }
                Err(error) => {
                    answer.extend_from_slice(b"\"error\":");
                    serde_json::to_writer(&mut answer, &error)?;
                }
            }
            answer.extend_from_slice(b"}\n");
            out.write_all(&answer)?;
            // Whoever asks line by line waits for the answer.
            out.flush()?;
        }
    }

    fn answer(&self, type_id: Option<u32>, hex: &str, json: &mut Vec<u8>) -> Result<(), String> {
        let kind = self.kind(type_id.or(self.args.type_id)).ok_or("the line has no type_id")?;
        let bytes = bytes(hex)?;
        self.value(kind, &bytes, json)
    }

    fn kind(&self, type_id: Option<u32>) -> Option<Kind> {
        type_id.map(Kind::Type).or(self.args.what.map(Kind::What))
    }

    fn value(&self, kind: Kind, bytes: &[u8], json: &mut Vec<u8>) -> Result<(), String> {
        let decode = |error: DecodeError| error.to_string();
        let mut writer = self.writer.borrow_mut();
        writer.clear();
        match kind {
            Kind::Type(id) => {
                self.runtime.decode(id, bytes).and_then(|value| value.write_to(&mut writer)).map_err(decode)?;
            }
            Kind::What(What::Call) => self.runtime.call(bytes).write_to(&mut writer).map_err(decode)?,
            Kind::What(What::Storage) => {
                let path = self.args.item.as_deref().unwrap_or_default();
                let item = path.split_once('.').and_then(|(pallet, item)| self.runtime.storage_item(pallet, item));
                let item =
                    item.ok_or_else(|| format!("the metadata has no storage item `{path}`; write Pallet.Item"))?;
                item.value(self.runtime, bytes).write_to(&mut writer).map_err(decode)?;
            }
            Kind::What(What::Extrinsic) => {
                let extrinsic = self.runtime.extrinsic(bytes).map_err(decode)?;
                write_extrinsic(&extrinsic, &mut writer).map_err(decode)?;
            }
            Kind::What(What::Events) => {
                let events = self.runtime.events(bytes).map_err(decode)?;
                write_events(None, events.iter(), &mut writer).map_err(decode)?;
            }
        }
        json.append(writer.buffer());
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Type(u32),
    What(What),
}

fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    let digits = hex.trim();
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    if !digits.len().is_multiple_of(2) {
        return Err(format!("bad hex: {} digits, an odd number", digits.len()));
    }
    const_hex::decode(digits).map_err(|error| format!("bad hex: {error}"))
}
