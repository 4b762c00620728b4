//! The `nunatak` binary.

/// A third of the committer's time went into the system's allocator: nodes are many, small, and freed by
/// other threads than those that made them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    nunatak::cli::main()
}
