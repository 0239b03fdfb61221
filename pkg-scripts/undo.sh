#!/bin/sh
# Keeps the package's files as they are before an installation, and puts them
# back where it fails. Needs config.sh, launchd.sh and common.sh. It only defines
# functions.
#
# They are kept beside the scripts, in the folder that only root may enter and
# that Installer removes in the end: whatever happens, no copy is left lying
# about. Who uses it sets SCRIPTS_DIR to that folder.

# Whether this package puts them back: one that looks for something on the Mac
# first, or creates the instance.
is_undone() {
	[ "$FIND_USER" = yes ] || [ "$FIND_LIMACTL" = yes ] || [ -n "$TEMPLATE" ]
}

# for_each_file FUNCTION: calls it with each file of the package's, and the place
# of its copy.
for_each_file() {
	"$1" "$DAEMON_PLIST" "$SCRIPTS_DIR/kept/daemon.plist" || return
	for each_file in "$SUPPORT_DIR/uninstall.sh" "$STAGED_AGENT" "$STAGED_DAEMON" "$TEMPLATE_FILE" \
		"$FILLED_PLIST" "$USER_FILE" "$PREVIOUS_PLIST"; do
		"$1" "$each_file" "$SCRIPTS_DIR/kept/support/${each_file##*/}" || return
	done
}

# Keeps all that there is.
keep_files() {
	mkdir -p "$SCRIPTS_DIR/kept/support" && for_each_file keep_file || return
	if [ -d "$SUPPORT_DIR" ]; then
		: >"$SCRIPTS_DIR/kept/had-folder" || return
	fi
	if [ -d "${SUPPORT_DIR%/*}" ]; then
		: >"$SCRIPTS_DIR/kept/had-folder-above" || return
	fi
	: >"$SCRIPTS_DIR/kept/complete"
}

# A file or a link, as it is: nobody put a folder there for the package.
keep_file() {
	if [ -f "$1" ] || [ -L "$1" ]; then
		cp -RPp "$1" "$2"
	fi
}

# Puts all of it back. Status 1: not all.
put_files_back() {
	if [ ! -f "$SCRIPTS_DIR/kept/complete" ]; then
		warn "it is not known which files were there before; those of the package stay."
		return 1
	fi
	back_status=0
	for_each_file put_file_back
	if [ ! -f "$SCRIPTS_DIR/kept/had-folder" ] && [ -d "$SUPPORT_DIR" ]; then
		rmdir "$SUPPORT_DIR" || back_status=1
	fi
	# Unless there is something of another package's in it meanwhile.
	if [ ! -f "$SCRIPTS_DIR/kept/had-folder-above" ] && [ -d "${SUPPORT_DIR%/*}" ]; then
		rmdir "${SUPPORT_DIR%/*}" 2>/dev/null || :
	fi
	return "$back_status"
}

# Installer removes files of the older version that the new one does not have
# (its log: "receipt-based obsoleting"), so a file may have to be made anew; it
# appears as a whole.
put_file_back() {
	if [ -f "$2" ] || [ -L "$2" ]; then
		cp -RPp "$2" "${1%/*}/.${1##*/}" && mv -f "${1%/*}/.${1##*/}" "$1" || back_status=1
	elif [ -f "$1" ] || [ -L "$1" ]; then
		rm -f "$1" || back_status=1
	fi
	return 0
}
