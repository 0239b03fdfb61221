//! The `xtask` program; see the library.

fn main() -> std::process::ExitCode {
    xtask::cli::main()
}
