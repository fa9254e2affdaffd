//! `runtime`: name and versions, errors, and the metadata itself.

use std::io::Write;
use std::path::Path;

use sentinel_core::chain::{AccountId, BlockRef};
use sentinel_core::decode::{Runtime as Decoder, storage_prefix, strip_docs};
use sentinel_core::source::{BlockSource, BlockSourceExt, SourceError};
use serde::Serialize;

use crate::args::{Common, Flag, Runtime};
use crate::connect;
use crate::exit::{CliError, Exit};
use crate::output::{self, Format};

pub(crate) async fn run(common: &Common, command: &Runtime, out: &mut dyn Write) -> Result<Exit, CliError> {
    common.refuse(&[Flag::Netuid, Flag::Mechanism, Flag::Lite], "runtime")?;
    let source = connect::open(common).await?;
    let at = source.pin(common.block).await?;
    let runtime = source.runtime(&at).await?;
    match command {
        Runtime::Info => {
            let sudo_key = sudo_key(&*source, &at).await?;
            info(&at, &runtime, sudo_key, common.format, out)?;
        }
        Runtime::Errors => errors(&runtime, common.format, out)?,
        Runtime::Metadata { out: file, no_docs } => {
            let stripped = no_docs.then(|| strip_docs(runtime.metadata())).transpose();
            let blob = stripped.map_err(|source| CliError::Metadata { file: "metadata of the node".into(), source })?;
            metadata(
                &at,
                &runtime,
                blob.as_deref().unwrap_or(runtime.metadata()),
                file.as_deref(),
                common.format,
                out,
            )?;
        }
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Info<'a> {
    block_number: u64,
    block_hash: String,
    spec_name: &'a str,
    spec_version: u32,
    impl_name: &'a str,
    impl_version: u32,
    authoring_version: u32,
    transaction_version: u32,
    state_version: u8,
    metadata_version: u32,
    sudo_key: Option<AccountId>,
}

/// The account that may use sudo; none where nobody may, or where a recording does not say.
async fn sudo_key(source: &dyn BlockSource, at: &BlockRef) -> Result<Option<AccountId>, CliError> {
    let key = storage_prefix("Sudo", "Key");
    match source.value(at, key.to_vec().into()).await {
        Ok(value) => Ok(value.and_then(|bytes| Some(AccountId(bytes.as_ref().try_into().ok()?)))),
        Err(SourceError::NotRecorded { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn info(
    at: &BlockRef,
    runtime: &Decoder,
    sudo_key: Option<AccountId>,
    format: Format,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let version = runtime.version();
    let info = Info {
        block_number: at.number,
        block_hash: at.hash.to_string(),
        spec_name: &version.spec_name,
        spec_version: version.spec_version,
        impl_name: &version.impl_name,
        impl_version: version.impl_version,
        authoring_version: version.authoring_version,
        transaction_version: version.transaction_version,
        state_version: version.state_version,
        metadata_version: runtime.metadata_version(),
        sudo_key,
    };
    let row = || {
        [
            ("block_number", info.block_number.to_string()),
            ("block_hash", info.block_hash.clone()),
            ("spec_name", info.spec_name.to_owned()),
            ("spec_version", info.spec_version.to_string()),
            ("impl_name", info.impl_name.to_owned()),
            ("impl_version", info.impl_version.to_string()),
            ("authoring_version", info.authoring_version.to_string()),
            ("transaction_version", info.transaction_version.to_string()),
            ("state_version", info.state_version.to_string()),
            ("metadata_version", info.metadata_version.to_string()),
            ("sudo_key", info.sudo_key.map(|account| account.to_ss58()).unwrap_or_default()),
        ]
    };
    match format {
        Format::Json => output::json(out, &info),
        Format::Jsonl => output::json_line(out, &info),
        Format::Table => {
            output::table(out, &["Field", "Value"], row().map(|(name, value)| vec![name.to_owned(), value]))
        }
        Format::Csv => {
            let (header, values): (Vec<&str>, Vec<String>) = row().into_iter().unzip();
            output::csv(out, &header, [values])
        }
    }
}

#[derive(Serialize)]
struct ErrorRow<'a> {
    pallet: &'a str,
    pallet_index: u8,
    index: u8,
    name: &'a str,
    description: Option<&'a str>,
}

fn errors(runtime: &Decoder, format: Format, out: &mut dyn Write) -> Result<(), CliError> {
    let rows: Vec<ErrorRow<'_>> = runtime
        .pallets()
        .iter()
        .flat_map(|pallet| pallet.errors().iter().map(move |error| (pallet, error)))
        .map(|(pallet, error)| ErrorRow {
            pallet: pallet.name(),
            pallet_index: pallet.index(),
            index: error.index,
            name: &error.name,
            description: (!error.description.is_empty()).then_some(error.description.as_str()),
        })
        .collect();
    let cells = |row: &ErrorRow<'_>| {
        vec![
            row.pallet.to_owned(),
            row.pallet_index.to_string(),
            row.index.to_string(),
            row.name.to_owned(),
            row.description.unwrap_or_default().to_owned(),
        ]
    };
    match format {
        Format::Json => {
            output::json(out, &serde_json::json!({ "spec_version": runtime.version().spec_version, "errors": rows }))
        }
        Format::Jsonl => rows.iter().try_for_each(|row| output::json_line(out, row)),
        Format::Table => output::table(out, &["Pallet", "#", "Error #", "Name", "Description"], rows.iter().map(cells)),
        Format::Csv => {
            let header = ["pallet", "pallet_index", "index", "name", "description"];
            output::csv(out, &header, rows.iter().map(cells))
        }
    }
}

fn metadata(
    at: &BlockRef,
    runtime: &Decoder,
    blob: &[u8],
    file: Option<&Path>,
    format: Format,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    if let Some(file) = file {
        let what = || format!("cannot write {}", file.display());
        std::fs::write(file, blob).map_err(|source| CliError::File { what: what(), source })?;
    }
    let summary = serde_json::json!({
        "block_number": at.number,
        "block_hash": at.hash,
        "spec_version": runtime.version().spec_version,
        "metadata_version": runtime.metadata_version(),
        "bytes": blob.len(),
        "file": file.map(|file| file.display().to_string()),
        "metadata": file.is_none().then(|| const_hex::encode_prefixed(blob)),
    });
    match (format, file) {
        (Format::Json, _) => output::json(out, &summary),
        (Format::Jsonl, _) => output::json_line(out, &summary),
        (Format::Table | Format::Csv, None) => Ok(writeln!(out, "{}", const_hex::encode_prefixed(blob))?),
        (Format::Table | Format::Csv, Some(file)) => {
            let (spec, version) = (runtime.version().spec_version, runtime.metadata_version());
            Ok(writeln!(out, "{} bytes of metadata {version}, spec {spec}, in {}", blob.len(), file.display())?)
        }
    }
}
