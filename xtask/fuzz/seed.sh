#!/bin/sh
# Makes the inputs that the fuzz targets start from, in corpus/. Packages named as
# arguments are taken apart as well: a few bytes of an Apple package know more
# than a night of guessing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
host=$(rustc -vV | sed -n 's/^host: //p')
cargo +nightly fuzz build --fuzz-dir "$here" seed
cargo +nightly fuzz build --fuzz-dir "$here" seed-linux
# Paths in the arguments count from where this was called.
first=yes
for package; do
	[ -z "$first" ] || set --
	first=
	set -- "$@" "$(realpath "$package")"
done
cd "$here"
"${CARGO_TARGET_DIR:-target}/$host/release/seed" "$@"
"${CARGO_TARGET_DIR:-target}/$host/release/seed-linux"
