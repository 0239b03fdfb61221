#!/bin/bash
# What the action runs: `build.sh key` gives the folder to cache and what its
# content depends on, `build.sh build` builds the program and gives its path.
# macOS runs it with bash 3.2.
set -euo pipefail

root=$(cd "$GITHUB_ACTION_PATH/../../.." && pwd)
target=$root/target/action
case "${1:-}" in
key)
	# cksum is on Linux and macOS alike; a collision costs a slower build.
	key=$({ cat "$root/Cargo.lock" "$root/Cargo.toml" && rustc --version --verbose; } | cksum | tr -s ' ' -)
	echo "key=$key" >>"$GITHUB_OUTPUT"
	echo "target=$target" >>"$GITHUB_OUTPUT"
	;;
build)
	program=$(cargo build --quiet --locked --package xtask --manifest-path "$root/Cargo.toml" \
		--target-dir "$target" --message-format json-render-diagnostics |
		jq -r 'select(.reason == "compiler-artifact" and .target.name == "xtask") | .executable // empty')
	echo "program=$program" >>"$GITHUB_OUTPUT"
	;;
*)
	echo 'usage: build.sh key|build' >&2
	exit 2
	;;
esac
