#!/bin/sh
# What all scripts of the packages share about files and receipts. Needs
# launchd.sh. It only defines functions.

fail() {
	note "error: $*"
	exit 1
}

# Whether Installer works on the running system. $1 is a target volume.
is_this_system() {
	# shellcheck disable=SC3013 # POSIX.1-2024 has it
	if [ "$1" -ef / ]; then
		return 0
	fi
	note "Nothing to do: the target is $1, and launchd here works for / alone."
	return 1
}

# Removes the file $1 in a folder that only root may write.
remove_root_file() {
	if [ ! -e "$1" ] && [ ! -L "$1" ]; then
		return 0
	fi
	if rm -f "$1"; then
		note "Removed $1."
	else
		warn "$1 could not be removed."
		return 1
	fi
}

# Forgets the receipt $1. One that stays does no harm: the next installation
# counts as an update.
forget_receipt() {
	if ! pkgutil --pkg-info "$1" </dev/null >/dev/null 2>&1; then
		return
	fi
	if pkgutil --forget "$1" </dev/null >/dev/null 2>&1; then
		note "Forgot the receipt $1."
	else
		warn "the receipt $1 could not be forgotten; to try again: sudo pkgutil --forget $1"
	fi
}
