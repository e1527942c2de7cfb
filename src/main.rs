//! The `hookyard` binary: arguments in, exit code out.

use std::process::ExitCode;

/// Faster than the system's under many small allocations from several threads; SQLite's C code takes its memory here too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    hookyard::cli::run()
}
