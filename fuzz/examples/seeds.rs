//! Writes seeds for the fuzz targets: `seeds <directory> [<count for each>]`.

use std::error::Error;
use std::path::PathBuf;

use sentinel_support::fuzz::TARGETS;
use sentinel_support::fuzz::seeds::seeds;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1);
    let corpus: PathBuf = args.next().ok_or("where to? seeds <directory> [<count for each>]")?.into();
    let count = args.next().map_or(Ok(400), |count| count.to_string_lossy().parse())?;
    for (target, _) in TARGETS {
        let folder = corpus.join(target);
        std::fs::create_dir_all(&folder)?;
        for (at, seed) in seeds(target, count, 1).into_iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{at:04}")), seed)?;
        }
    }
    Ok(())
}
