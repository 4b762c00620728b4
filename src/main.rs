//! The `nunatak` binary.

fn main() {}
