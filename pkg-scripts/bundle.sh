#!/bin/sh
# What packages bring beside the instances: Lima, and files that guests are made
# of. All packages of one prefix share it. It only defines functions.
#
#   LIMA_ROOT/VERSION/PROCESSOR/      Lima, as its release archive has it
#   LIMA_ROOT/current                 a link to the newest that was installed
#   LIMA_ROOT/images/SHA256/          a disk image, or nerdctl's archive
#   SUPPORT_ROOT/INSTANCE/bundled     what the instance uses, a line each: `lima`,
#                                     or `images/SHA256`
#
# A package lays down what is its own, and only scripts set the link and remove
# what no instance uses any more. So an older package cannot take back a newer
# Lima, and one instance not what another one needs. Each version and each file
# has a receipt of its own: Installer removes what an earlier version of the
# same receipt had (Installomator/Installomator#2048).
#
# lima-start has limactl run from its VERSION folder, never by the link. So the
# processes tell which versions are in use. Of one that a person started by the
# link (limactl starts itself again by the path that it was started by, Go's
# os.Executable), it cannot be told: every version stays for that one.
#
# Needs launchd.sh and basics.sh. Who uses it sets LIMA_ROOT, SUPPORT_ROOT, LIMA_ID,
# with which the receipts begin, PATHS_D, and SCRIPTS_DIR, empty where Installer
# does not run it.
# shellcheck disable=SC2154 # the scripts that read this file set them

BUNDLE_NEWLINE='
'

# The version that `current` leads to; nothing where it leads to no Lima.
bundle_current() {
	if [ -L "$LIMA_ROOT/current" ] && [ -x "$LIMA_ROOT/current/bin/limactl" ]; then
		current_folder=$(cd "$LIMA_ROOT/current" && pwd -P) || return
		current_folder=${current_folder%/*}
		printf '%s\n' "${current_folder##*/}"
	fi
}

# Prints what the instances use, those too that this package is about to set up.
bundle_uses() {
	for uses_list in "$SUPPORT_ROOT"/*/bundled; do
		[ ! -f "$uses_list" ] || cat "$uses_list"
	done
	[ -n "$SCRIPTS_DIR" ] || return 0
	for uses_list in "${SCRIPTS_DIR%/*}"/*/bundled; do
		[ ! -f "$uses_list" ] || cat "$uses_list"
	done
}

# Whether an instance uses $1.
bundle_is_used() {
	case $BUNDLE_NEWLINE$tidy_uses$BUNDLE_NEWLINE in
	*"$BUNDLE_NEWLINE$1$BUNDLE_NEWLINE"*) return 0 ;;
	*) return 1 ;;
	esac
}

# Removes the folder $1 with all that is in it.
bundle_remove() {
	if rm -rf "$1"; then
		note "Removed $1, which nothing uses."
	else
		warn "$1 could not be removed."
	fi
}

# Removes what no instance uses any more. A version of Lima stays while a process
# runs from it, and the next installation or removal looks again.
bundle_tidy() {
	if [ ! -d "$LIMA_ROOT" ] || [ -L "$LIMA_ROOT" ]; then
		return 0
	fi
	tidy_uses=$(bundle_uses)
	tidy_current=$(bundle_current)
	tidy_processes=$(ps -axww -o command=) || {
		warn "the processes could not be listed, so every Lima in $LIMA_ROOT stays."
		return 0
	}
	# It has the link among its arguments, and runs nothing by it.
	tidy_processes=$(printf '%s\n' "$tidy_processes" | sed '/\/lima-start --/d')
	for tidy_folder in "$LIMA_ROOT"/[0-9]*; do
		if [ ! -d "$tidy_folder" ] || [ -L "$tidy_folder" ]; then
			continue
		fi
		if bundle_is_used lima && [ "${tidy_folder##*/}" = "$tidy_current" ]; then
			continue
		fi
		case $tidy_processes in
		*"$tidy_folder/"* | *"$LIMA_ROOT/current/"*)
			note "Left $tidy_folder: a VM may run from it."
			continue
			;;
		esac
		bundle_remove "$tidy_folder"
	done
	for tidy_folder in "$LIMA_ROOT"/images/*; do
		if [ -d "$tidy_folder" ] && ! bundle_is_used "images/${tidy_folder##*/}"; then
			bundle_remove "$tidy_folder"
		fi
	done
	if [ -L "$LIMA_ROOT/current" ] && [ ! -e "$LIMA_ROOT/current" ]; then
		remove_root_file "$LIMA_ROOT/current" || :
	fi
	if [ ! -L "$LIMA_ROOT/current" ]; then
		remove_root_file "$PATHS_D" || :
	fi
	rmdir "$LIMA_ROOT/images" 2>/dev/null || :
	if rmdir "$LIMA_ROOT" 2>/dev/null; then
		note "Removed $LIMA_ROOT."
		rmdir "${LIMA_ROOT%/*}" 2>/dev/null || :
	fi
	bundle_forget
}

# Forgets the receipts of what is gone.
bundle_forget() {
	forget_list=$(pkgutil --pkgs </dev/null 2>/dev/null)
	while read -r forget_id; do
		case $forget_id in
		"$LIMA_ID".image.*)
			set -- "$LIMA_ROOT/images/${forget_id##*.}"*
			[ -d "$1" ] || forget_receipt "$forget_id"
			;;
		"$LIMA_ID".[0-9]*)
			[ -d "$LIMA_ROOT/${forget_id#"$LIMA_ID."}" ] || forget_receipt "$forget_id"
			;;
		esac
	done <<END
$forget_list
END
}
