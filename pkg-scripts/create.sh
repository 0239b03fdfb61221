#!/bin/sh
# Creates the instance from the package's template, where its user has none.
# Needs config.sh, launchd.sh, common.sh, and SCRIPTS_DIR as undo.sh does. It only
# defines functions.
#
# All of it runs with the user's rights: limactl, what it writes, and what is
# removed again where it fails.

# Whether the instance has to be created. Whatever lies in its place, be it a
# link to nothing, is the user's and is not touched.
needs_creation() {
	[ -n "$TEMPLATE" ] && ! user_has "$INSTANCE_DIR"
}

# Becomes the user's `limactl $@`, in the environment that the job has, and
# prints the id of its process; for a subshell. LIMA_HOME is said in any case: so
# limactl cannot mean another instance of that name than the one that was looked
# for.
become_limactl() {
	# env(1) would take a path with `=` in it for a variable; nice(1) does not.
	set -- /usr/bin/nice -n 0 "$LIMACTL" "$@"
	for become_word in $ENVIRONMENT; do
		# The dot keeps newlines at a value's end.
		become_value=$(printf '%b.' "$become_word")
		set -- "${become_value%.}" "$@"
	done
	# Before those of the settings, which win.
	set -- "HOME=${HOME_DIR:-$LIMA_USER_HOME}" "USER=$LIMA_USER" "LOGNAME=$LIMA_USER" SHELL=/bin/sh \
		"PATH=$SEARCH_PATH" "$@"
	# shellcheck disable=SC2016 # it is for that shell
	exec sudo -n -u "#$LIMA_UID" -- /bin/sh -c 'echo "$$" && exec "$@" >&2' sh \
		/usr/bin/env -i "LIMA_HOME=$LIMA_HOME_DIR" "$@"
}

# Creates it. Status 1: it could not be, and what was half made is gone.
create_instance() {
	note "Creating Lima instance $INSTANCE as $LIMA_USER. Its image may have to be downloaded, which takes a while."
	had_lima_home=no
	if user_has "$LIMA_HOME_DIR"; then
		had_lima_home=yes
	fi
	creating=yes
	# Beside this script and not in front of it: a signal is heeded at once.
	become_limactl create --tty=false "--name=$INSTANCE" "$TEMPLATE" </dev/null >"$SCRIPTS_DIR/creation" &
	create_pid=$!
	end_creation_in_time &
	watch_pid=$!
	wait "$create_pid"
	create_status=$?
	create_pid=
	end_quietly "$watch_pid"
	# What the clock did meanwhile is no wait for launchd.
	clock_look
	if [ "$create_status" -eq 0 ] && as_user test -e "$INSTANCE_DIR/lima.yaml"; then
		creating=no
		note "Created Lima instance $INSTANCE in $INSTANCE_DIR."
		return 0
	fi
	note "limactl create ended with $create_status."
	remove_half_made
	return 1
}

# Ends a creation that takes too long, unless it is ended itself before; what
# launchd may need afterwards is left over. What Installer does with a script
# that is late is not known, and if it ends it without a word, nothing is put
# back.
end_creation_in_time() {
	trap 'kill "$watch_sleep" 2>/dev/null; exit' TERM
	watch_seconds=$((TIME_LIMIT - EXIT_TIMEOUT - 300))
	sleep "$watch_seconds" >/dev/null 2>&1 &
	watch_sleep=$!
	wait "$watch_sleep"
	note "limactl create has taken $watch_seconds seconds, and is ended."
	end_limactl
}

# Ends the limactl that creates. sudo passes on no signal that comes from its own
# process group, and the script is in that: the signal goes to limactl itself,
# with its user's rights.
end_limactl() {
	for end_signal in TERM TERM TERM TERM TERM TERM TERM TERM TERM KILL; do
		end_pid=$(sed -n '1s/^\([0-9]\{1,10\}\)$/\1/p' "$SCRIPTS_DIR/creation")
		if [ -n "$end_pid" ] && ! as_user kill "-$end_signal" "$end_pid" 2>/dev/null; then
			return
		fi
		sleep 1
	done
}

# Ends this script's own process $1. Shells say which of them a signal ended.
end_quietly() {
	{
		kill -TERM "$1"
		wait "$1"
	} 2>/dev/null
}

# Ends a creation that a signal came into.
stop_creation() {
	if [ -n "${create_pid:-}" ]; then
		end_quietly "${watch_pid:-}"
		end_limactl
		# Where there is no limactl yet, sudo heeds it.
		end_quietly "$create_pid"
		create_pid=
	fi
	if [ "${creating:-no}" = yes ]; then
		remove_half_made
	fi
}

# Removes what a failed creation left. An instance that is older than this
# installation is none of that, however it was overlooked: with it would go its
# disk.
remove_half_made() {
	creating=no
	if as_user test -e "$INSTANCE_DIR/lima.yaml" &&
		as_user test "$INSTANCE_DIR/lima.yaml" -ot "$FILLED_PLIST"; then
		warn "$INSTANCE_DIR was there already, and stays."
		return
	fi
	if user_has "$INSTANCE_DIR"; then
		(become_limactl delete --force "$INSTANCE") </dev/null >/dev/null || :
		if user_has "$INSTANCE_DIR" && ! as_user rm -rf "$INSTANCE_DIR"; then
			warn "$INSTANCE_DIR, half made, could not be removed."
		fi
	fi
	# limactl's own folder, with the keys that it makes for itself, unless it has
	# got another use meanwhile.
	if [ "$had_lima_home" = no ] && [ "$(as_user ls -A "$LIMA_HOME_DIR" 2>/dev/null)" = _config ]; then
		as_user rm -rf "$LIMA_HOME_DIR/_config"
	fi
	if [ "$had_lima_home" = no ] && as_user test -d "$LIMA_HOME_DIR"; then
		as_user rmdir "$LIMA_HOME_DIR" || :
	fi
}
