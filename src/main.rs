//! The `nunatak` binary.

fn main() -> std::process::ExitCode {
    nunatak::cli::main()
}
