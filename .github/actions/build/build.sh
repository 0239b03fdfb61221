#!/bin/bash
# What the action runs: the built program's `dist` with the inputs as arguments,
# its events as annotations, its results as outputs, and a line on what was built
# in the step's summary. Secrets are in its environment: it runs the program, and
# never cargo, which would run other people's build scripts.
# macOS runs it with bash 3.2.
set -euo pipefail

fail() {
	echo "::error::$1"
	exit 1
}

is_true() {
	case "$2" in
	true) return 0 ;;
	false) return 1 ;;
	esac
	fail "$1 is to be true or false"
}

# Outputs are lines, and this is in two of them.
case $INPUT_OUT in
*[[:cntrl:]]*) fail 'out has a control character in it; give a folder without' ;;
esac

arguments=(--message-format json --spec "$INPUT_SPEC" --out "$INPUT_OUT")
if [ -n "$INPUT_PARTITION" ]; then arguments+=(--partition "$INPUT_PARTITION"); fi
if [ -n "$INPUT_VERSION" ]; then arguments+=(--pkg-version "$INPUT_VERSION"); fi
if [ -n "$INPUT_BASE_URL" ]; then arguments+=(--base-url "$INPUT_BASE_URL"); fi
if [ -n "${GITHUB_SHA:-}" ]; then arguments+=(--commit "$GITHUB_SHA"); fi
if is_true combined "$INPUT_COMBINED"; then arguments+=(--combined); fi

# A secret that is missing is an empty text here. The program would make an
# identity of its own then, another one on each machine and trusted by no Mac.
unset LIMA_AUTOSTART_P12 LIMA_AUTOSTART_P12_PASSWORD LIMA_AUTOSTART_PEM
unset LIMA_AUTOSTART_APP_P12 LIMA_AUTOSTART_APP_P12_PASSWORD LIMA_AUTOSTART_APP_PEM
if is_true unsigned "$INPUT_UNSIGNED"; then
	[ -z "$INPUT_P12" ] || fail 'give either p12 or unsigned: true, and not both'
	[ -z "$INPUT_TIMESTAMP_URL" ] || fail 'timestamp-url needs p12: what nobody signs has no timestamp'
	arguments+=(--unsigned)
else
	[ -n "$INPUT_P12" ] || fail 'p12 is empty: is the secret missing? For packages that nobody signed, give unsigned: true'
	export LIMA_AUTOSTART_P12="$INPUT_P12"
	if [ -n "$INPUT_P12_PASSWORD" ]; then export LIMA_AUTOSTART_P12_PASSWORD="$INPUT_P12_PASSWORD"; fi
	if [ -n "$INPUT_TIMESTAMP_URL" ]; then arguments+=(--timestamp-url "$INPUT_TIMESTAMP_URL"); fi
fi
if [ -n "$INPUT_APP_P12" ]; then
	export LIMA_AUTOSTART_APP_P12="$INPUT_APP_P12"
	if [ -n "$INPUT_APP_P12_PASSWORD" ]; then export LIMA_AUTOSTART_APP_P12_PASSWORD="$INPUT_APP_P12_PASSWORD"; fi
fi
unset INPUT_P12 INPUT_P12_PASSWORD INPUT_APP_P12 INPUT_APP_P12_PASSWORD

# What stands behind `::error::` is the rest of a line, with % as escape.
# shellcheck disable=SC2016 # jq's own variables
readable='
def line: gsub("%"; "%25") | gsub("\r"; "%0D") | gsub("\n"; "%0A");
if .event == "error" or .event == "failed" then "::error::" + (.message | line)
elif .event == "warning" then "::warning::" + (.message | line)
elif .event == "built" then "built " + (.path | line)
else empty end'
# For the summary, which may be shorter than a run: numbers, and who signed.
# shellcheck disable=SC2016
summary='
reduce inputs as $event ({files: null, packages: 0, signers: []};
	if $event.event == "finished" then .files = $event.files
	elif $event.event == "built" and $event.package then
		.packages += 1 | .signers = (.signers + [$event.signed_by.subject // "nobody"] | unique)
	else . end)'

events=$(mktemp "${RUNNER_TEMP:-/tmp}/lima-autostart.XXXXXX")
trap 'rm -f "$events"' EXIT
"$PROGRAM" dist "${arguments[@]}" | tee "$events" | jq -r --unbuffered "$readable"

told=$(jq -n -c "$summary" "$events")
files=$(jq -r .files <<<"$told")
# shellcheck disable=SC2016
results='"version=\(.version)", "zip=\([.artifacts[] | select(.kind == "zip") | $out + "/" + .path] | first // "")"'
if [ -n "${GITHUB_OUTPUT:-}" ]; then
	{
		echo "files=$files"
		jq -r --arg out "$INPUT_OUT" "$results" "$INPUT_OUT/artifacts.json"
		echo "sums=$INPUT_OUT/SHA256SUMS"
	} >>"$GITHUB_OUTPUT"
fi
if [ -n "${GITHUB_STEP_SUMMARY:-}" ]; then
	jq -r '"\(.files) files, \(.packages) packages, signed by:\n\n" + ([.signers[] | "    " + .] | join("\n")) + "\n"' \
		<<<"$told" >>"$GITHUB_STEP_SUMMARY"
fi
