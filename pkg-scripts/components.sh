#!/bin/sh
# The other instances that are installed together with this one, by a package
# of several. Needs config.sh and launchd.sh. It only defines functions.
#
# Installer runs the preinstalls of all that were chosen, lays all files down,
# then runs one postinstall after the other, and stops at the first that fails
# (its log: macfuse/macfuse#337, Installomator/Installomator#2758). Whatever came
# behind that one would have its new files and nothing that was done with them:
# a job that starts at the next boot beside an older one, or none any more. So a
# postinstall that fails lets the others do their work, and the last of them ends
# with the failure.
#
# Their scripts lie in folders side by side, which only root may enter. Who uses
# it sets SCRIPTS_DIR to its own. Where they should lie otherwise, each knows of
# itself alone, and fails at once.

# In preinstall: postinstall is to come.
begin_together() {
	printf '%s\n' "$INSTANCE" >"$SCRIPTS_DIR/begun"
}

# Ends postinstall with a failure; $* says why.
fail_together() {
	note "error: $*"
	end_together 1
}

# Ends postinstall with status $1, or leaves a failure to the last one.
end_together() {
	# Whoever sends a signal wants all of it to end.
	if [ "${ended_by_signal:-no}" = yes ]; then
		exit 1
	fi
	# Should the others not learn of it, this is the time to fail.
	printf '%s\n' "$1" >"$SCRIPTS_DIR/ended" || exit 1
	together=0
	not_set_up=
	for other in "${SCRIPTS_DIR%/*}"/*/begun; do
		if [ ! -f "$other" ]; then
			continue
		fi
		together=$((together + 1))
		if [ ! -f "${other%/*}/ended" ]; then
			exit 0
		fi
		if [ "$(cat "${other%/*}/ended")" != 0 ]; then
			not_set_up=${not_set_up:+$not_set_up, }$(cat "$other")
		fi
	done
	if [ -n "$not_set_up" ] && [ "$together" -gt 1 ]; then
		note "error: the installation fails, because these were not set up: $not_set_up."
		exit 1
	fi
	exit "$1"
}
