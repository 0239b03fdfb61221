#!/bin/sh
# The folder of the job's log. Needs config.sh, launchd.sh and common.sh. It only
# defines functions.
#
# For boot it is below /Library/Logs: a home folder may be on a volume that is not
# there yet. It belongs to the user, so that lima-start can put a log that has
# grown too large aside; what is above it belongs to root. No rule of
# newsyslog(8) names it: as root, in a folder that is the user's, that would
# change the owner of whatever a planted link leads to.

# Enters the folder $1 of the present one, which must be root's own and no link.
enter_root_folder() {
	mkdir "$1" 2>/dev/null
	# shellcheck disable=SC3067 # every sh of a Mac has it
	[ ! -L "$1" ] && cd "$1" && [ -O . ] && chmod 755 .
}

# Makes the folder of the boot job's log, and gives it to the user. From the folder
# above on, which nobody but root may write, no name can lead elsewhere.
make_daemon_logs() (
	logs_prefix=${DAEMON_LOGS%/*}
	cd "${logs_prefix%/*}" && enter_root_folder "${logs_prefix##*/}" || exit
	if [ -L "$INSTANCE" ]; then
		exit 1
	fi
	mkdir "$INSTANCE" 2>/dev/null
	[ -d "$INSTANCE" ] || exit
	# shellcheck disable=SC2012,SC2046 # mode, links, owner: the name comes last
	set -- $(ls -ldn "$INSTANCE")
	if [ "$3" = "$LIMA_UID" ]; then
		exit 0
	fi
	# What another user wrote there, the new one could not write. It is removed and
	# not given away: it may be a second name of a file elsewhere.
	chown 0 "$INSTANCE" && chmod 755 "$INSTANCE" && rm -f "$INSTANCE/$LOG_NAME" "$INSTANCE/$LOG_NAME.0" &&
		chown "$LIMA_UID" "$INSTANCE"
)

# Removes the logs of the boot job. Status 1: some are left.
remove_daemon_logs() {
	if [ ! -d "$DAEMON_LOGS" ] || [ -L "$DAEMON_LOGS" ]; then
		return 0
	fi
	# From then on, nobody but root adds anything to it.
	chown 0 "$DAEMON_LOGS" && chmod 755 "$DAEMON_LOGS" &&
		rm -f "$DAEMON_LOGS/$LOG_NAME" "$DAEMON_LOGS/$LOG_NAME.0"
	if rmdir "$DAEMON_LOGS"; then
		note "Removed $DAEMON_LOGS."
		rmdir "${DAEMON_LOGS%/*}" 2>/dev/null || :
	else
		warn "$DAEMON_LOGS could not be removed."
		return 1
	fi
}

# Removes the logs of the user's login job. Status 1: some are left.
remove_agent_logs() {
	if [ -z "${HOME_DIR:-}" ] || ! user_has "$HOME_DIR/$AGENT_LOGS"; then
		return 0
	fi
	if as_user rm -rf "$HOME_DIR/$AGENT_LOGS"; then
		note "Removed $HOME_DIR/$AGENT_LOGS."
		as_user rmdir "$HOME_DIR/${AGENT_LOGS%/*}" 2>/dev/null || :
	else
		warn "$HOME_DIR/$AGENT_LOGS could not be removed."
		return 1
	fi
}
