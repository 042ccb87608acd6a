//! What a fuzzer has found worth keeping goes through the same entry points again.

use std::{fs, path::Path};

use madang_server::fuzzing;

/// Every kept input; there have to be some.
fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let inputs = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut count = 0;
    for input in inputs {
        let path = input.expect("a file").path();
        // A panic is to say by which input.
        eprintln!("{}", path.display());
        run(&fs::read(&path).expect("readable"));
        count += 1;
    }
    assert!(count > 20, "{count} inputs");
}

#[test]
fn datagrams() {
    replay("datagrams", fuzzing::datagrams);
}

#[test]
fn streams() {
    replay("stream", fuzzing::stream);
}
