//! `storage` and `config`: what a user sees of stores and of the configuration file.

#[path = "program/program.rs"]
mod program;

use program::{Ran, run, run_with_input};

fn store(folder: &std::path::Path) -> String {
    format!("file://{}", folder.display())
}

fn in_store(store: &str, args: &[&str]) -> Ran {
    run(&[&["storage", "--store", store], args].concat())
}

#[test]
fn objects_are_written_listed_read_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder.path().join("store"));
    let file = folder.path().join("file");
    std::fs::write(&file, [0, 255, 10]).unwrap();
    let file = file.display().to_string();
    assert_eq!(in_store(&store, &["put", "a/b.bin", &file]).code, 0);
    let from_stdin = run_with_input(&["storage", "put", "a/text", "--store", &store], "text\n");
    assert_eq!(from_stdin.code, 0, "{}", from_stdin.stderr);

    let listing = in_store(&store, &["ls", "-f", "json"]);
    let listing: serde_json::Value = serde_json::from_str(&listing.stdout).unwrap();
    let expected = serde_json::json!([{ "key": "a/b.bin", "size": 3 }, { "key": "a/text", "size": 5 }]);
    assert_eq!(listing, expected);
    assert_eq!(in_store(&store, &["ls", "b", "-f", "csv"]).stdout, "key,size\n");

    assert_eq!(in_store(&store, &["get", "a/text"]).stdout, "text\n");
    let copy = folder.path().join("copy").display().to_string();
    assert_eq!(in_store(&store, &["get", "a/b.bin", &copy]).code, 0);
    assert_eq!(std::fs::read(copy).unwrap(), [0, 255, 10]);

    let taken = in_store(&store, &["put", "--create", "a/text", &file]);
    assert_eq!((taken.code, taken.stderr.as_str()), (1, "error: there is already an object `a/text`\n"));
    assert_eq!(in_store(&store, &["rm", "a/text", "a/b.bin", "not/there"]).code, 0);
    assert_eq!(in_store(&store, &["ls", "-f", "jsonl"]).stdout, "");
    let missing = in_store(&store, &["get", "a/text"]);
    assert_eq!((missing.code, missing.stderr.as_str()), (1, "error: there is no object `a/text`\n"));
}

#[test]
fn what_cannot_be_is_one_line_and_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    let inside = store(folder.path());
    for (ran, words) in [
        (in_store(&inside, &["put", "../out"]), "`.` or `..`"),
        (in_store(&inside, &["rm", "/etc/passwd"]), "slash"),
        (in_store("ftp://x", &["ls"]), "s3://bucket/folder"),
        (in_store("s3", &["ls"]), "SENTINEL_STORAGE_S3_BUCKET"),
        (in_store("nowhere", &["ls"]), "no store has this name"),
        (in_store("s3://bucket?aws_secret_access_key=hush", &["ls"]), "does not belong into a URL"),
        (in_store(&inside, &["prune", "--dataset", "events", "--older-than", "soon"]), "days, such as 30d"),
        (in_store(&inside, &["prune", "--dataset", "_state", "--older-than", "1"]), "no dataset"),
        (run(&["storage", "ls", "--netuid", "1"]), "--netuid does not apply"),
    ] {
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
        assert!(ran.stderr.contains(words) && !ran.stderr.contains("hush"), "{}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_may_not_be_written_is_denied() {
    let denied = in_store("file:///sys/kernel/sentinel", &["put", "a"]);
    assert_eq!(denied.code, 1);
    assert!(denied.stderr.starts_with("error: access to `/sys/kernel/sentinel` is denied"), "{}", denied.stderr);
    assert_eq!(denied.stderr.lines().count(), 1);
}

#[test]
fn old_windows_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let events = folder.path().join("finney/events/v1");
    std::fs::create_dir_all(&events).unwrap();
    for first in [0, 1000, 2000, 900_000] {
        std::fs::write(events.join(format!("{first:010}-{:010}.parquet", first + 999)), "rows").unwrap();
    }
    let store = store(folder.path());
    let prune = |more: &[&str]| {
        let args = ["prune", "--dataset", "events", "--older-than", "30d", "-f", "json", "-q"];
        let ran = in_store(&store, &[&args, more].concat());
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        serde_json::from_str::<serde_json::Value>(&ran.stdout).unwrap()
    };
    let dry = prune(&["--dry-run"]);
    assert_eq!((&dry["windows"], &dry["bytes"], &dry["older_than_blocks"]), (&3.into(), &12.into(), &216_000.into()));
    assert_eq!(prune(&[])["objects"], 3);
    assert_eq!(std::fs::read_dir(&events).unwrap().count(), 1);
    assert_eq!(prune(&[])["objects"], 0);
}

#[test]
fn a_configuration_names_stores_and_mistakes_have_lines() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| {
        let file = folder.path().join("sentinel.toml");
        std::fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let base = folder.path().join("mine");
    let file = write(&format!("[storage.mine]\nbackend = \"fsspec-local\"\nbase_path = {base:?}\n"));
    let checked = run(&["config", "check", &file]);
    assert_eq!((checked.code, checked.stdout), (0, format!("{file}: no mistakes\n")));
    assert!(!base.exists(), "checking opens nothing");
    let put = run_with_input(&["-c", &file, "storage", "--store", "mine", "put", "a"], "x");
    assert_eq!(put.code, 0, "{}", put.stderr);
    assert_eq!(std::fs::read(base.join("a")).unwrap(), b"x");

    for (text, words) in [
        ("[run]\nmode = \"fast\"\n", "sentinel.toml, line 2: `run.mode` is none of live, backfill"),
        ("[run]\nblock_start = 5\nblock_end = 4\n", "sentinel.toml, line 3: `run.block_end` (4) is before"),
        ("[run]\n\nmodes = 1\n", "sentinel.toml, line 3: unknown field `modes`"),
        ("[run\n", "sentinel.toml, line 1: "),
    ] {
        let file = write(text);
        for ran in [run(&["config", "check", &file]), run(&["storage", "ls", "--config", &file])] {
            assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
            assert!(ran.stderr.contains(words), "{}", ran.stderr);
            assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
        }
    }
    let missing = run(&["config", "check", "/no/such/file.toml"]);
    assert_eq!(missing.code, 2);
    assert!(missing.stderr.contains("/no/such/file.toml: cannot be read"), "{}", missing.stderr);
    assert_eq!(run(&["config", "check"]).code, 2);
}

#[test]
fn the_schema_is_one_json_document() {
    let ran = run(&["config", "schema"]);
    assert_eq!(ran.code, 0);
    let schema: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    for table in ["run", "rpc", "storage", "metrics"] {
        assert!(schema["properties"][table].is_object(), "{table}");
    }
}

#[test]
fn the_bucket_of_the_environment_is_the_store_s3() {
    let Ok(endpoint) = std::env::var("SENTINEL_TEST_S3") else {
        eprintln!("skipped: SENTINEL_TEST_S3 names no S3 server; run tests/at_storage/with-moto cargo test …");
        return;
    };
    let storage = |args: &[&str]| {
        std::process::Command::new(env!("CARGO_BIN_EXE_sentinel-cli"))
            .args([&["storage"], args].concat())
            .env("SENTINEL_STORE", "s3")
            .env("SENTINEL_STORAGE_S3_BUCKET", "bucket")
            .env("SENTINEL_STORAGE_S3_BASE_PATH", "cli/storage")
            .env("SENTINEL_STORAGE_S3_AWS_REGION", "us-east-1")
            .env("SENTINEL_STORAGE_S3_AWS_ACCESS_KEY_ID", "id")
            .env("SENTINEL_STORAGE_S3_AWS_SECRET_ACCESS_KEY", "hush-hush")
            .env("SENTINEL_STORAGE_S3_ENDPOINT_URL", &endpoint)
            .env("SENTINEL_LOG", "trace")
            .output()
            .expect("the program starts")
    };
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    for (args, code, out) in [
        (&["put", "a/b", manifest][..], 0, None),
        (&["put", "--create", "a/b", manifest], 1, None),
        (&["get", "a/b"], 0, Some(std::fs::read_to_string(manifest).expect("our own manifest"))),
        (&["rm", "a/b"], 0, None),
        (&["ls", "-f", "csv"], 0, Some("key,size\n".to_owned())),
        (&["get", "a/b", "--store", "s3://no-such-bucket"], 2, None),
    ] {
        let ran = storage(args);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(code), "{args:?}: {said}");
        assert!(out.is_none_or(|out| out.as_bytes() == ran.stdout), "{args:?}");
        // Not even where everything is told.
        assert!(!said.contains("hush"), "{said}");
    }
}

/// A store that knows nobody's key.
fn refusing_store() -> String {
    use std::io::{BufRead, BufReader, Read, Write};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = BufReader::new(stream);
            let mut length = 0;
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).is_err() || line.trim().is_empty() {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap_or(0);
                }
            }
            let _ = stream.read_exact(&mut vec![0; length]);
            let body = "<Error><Code>SignatureDoesNotMatch</Code><Message>Check your key.\n</Message></Error>";
            let head = format!("HTTP/1.1 403 Forbidden\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.get_mut().write_all([head.as_bytes(), body.as_bytes()].concat().as_slice());
        }
    });
    format!("http://{address}")
}

#[test]
fn a_wrong_key_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "hush-hush\n").unwrap();
    let file = folder.path().join("sentinel.toml");
    let endpoint = refusing_store();
    std::fs::write(
        &file,
        format!(
            "[storage.mine]\nbackend = \"fsspec-s3\"\nbucket = \"bucket\"\nendpoint_url = \"{endpoint}\"\n\
             aws_access_key_id = \"id\"\naws_secret_access_key = {{ file = {secret:?} }}\n"
        ),
    )
    .unwrap();
    let file = file.display().to_string();
    for args in [&["put", "a/b", &file][..], &["get", "a/b"], &["rm", "a/b"], &["ls"]] {
        let ran = run(&[&["-c", &file, "storage", "--store", "mine"], args].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{args:?}: {}", ran.stderr);
        let expected = "is denied: HTTP status 403, SignatureDoesNotMatch: Check your key.";
        assert!(ran.stderr.contains(expected) && !ran.stderr.contains("hush"), "{args:?}: {}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    }
    std::fs::remove_file(&secret).unwrap();
    let ran = run(&["-c", &file, "storage", "--store", "mine", "ls"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(ran.stderr.contains("`mine`") && ran.stderr.contains("cannot read the secret in"), "{}", ran.stderr);
}
