#!/bin/sh
# What lima-start says, and how it waits. It only defines functions.
#
# Everything here runs as the user who owns the instance. Variables begin with
# `vm_`, which no variable of the settings does: limactl gets those as they are.
# shellcheck disable=SC2034,SC2154 # one program with the other files of lima-start

# Largest log, in bytes. A log that is larger is renamed when limactl is started
# next, and the one that was renamed before is removed.
VM_LOG_MAX=1048576

# Finds the log of the option --log: a path that is not absolute is below the
# home folder. Without the option, lima-start speaks to standard error.
vm_find_log() {
	case $vm_log in
	'' | /*) ;;
	*) vm_log=$HOME/$vm_log ;;
	esac
}

# Whether the log can be written. A fifo that somebody put there would keep
# lima-start waiting for a reader.
vm_can_log() {
	[ -n "$vm_log" ] || return 1
	if [ ! -e "$vm_log" ] && [ ! -L "$vm_log" ]; then
		mkdir -p "${vm_log%/*}" 2>/dev/null || return 1
	elif [ ! -f "$vm_log" ]; then
		return 1
	fi
	# Not `:`, a special built-in: with a redirection that fails, dash would end.
	{ true >>"$vm_log"; } 2>/dev/null
}

# Says a line.
vm_say() {
	vm_said=$*
	if [ -z "$vm_log" ]; then
		printf 'lima-start: %s\n' "$*" >&2
	elif vm_can_log; then
		# A full disk is not a reason to end.
		printf '%s lima-start: %s\n' "$(date '+%Y-%m-%dT%H:%M:%S%z')" "$*" 2>/dev/null >>"$vm_log" || :
	else
		logger -t lima-start "$vm_name: $*" </dev/null >/dev/null 2>&1 || :
	fi
}

# Says a line unless it is the one that was said last: what is looked at again
# and again is said once.
vm_say_once() {
	[ "$*" = "${vm_said:-}" ] || vm_say "$@"
}

# Puts the file $1 in the place of $2. mv(1) would put it into a folder of that
# name, or into one that a link of that name leads to. Status 1: it could not.
vm_put_in_place() {
	if [ -L "$2" ]; then
		rm -f "$2"
	fi
	[ ! -d "$2" ] && mv -f "$1" "$2"
}

# Opens the log as file 3, for what limactl prints. One that has grown too large
# is put aside first.
vm_open_log() {
	if [ -z "$vm_log" ]; then
		exec 3>&2
	elif vm_can_log; then
		if [ "$(wc -c <"$vm_log")" -gt "$VM_LOG_MAX" ]; then
			vm_put_in_place "$vm_log" "$vm_log.0" 2>/dev/null || :
		fi
		exec 3>>"$vm_log"
	else
		exec 3>/dev/null
	fi
}

# Waits for $1 seconds. Status 1: lima-start is told to end.
vm_rest() {
	[ "$vm_ending" = no ] || return 1
	sleep "$1" &
	vm_sleep=$!
	{
		# A signal may have come just before there was something to wake.
		[ "$vm_ending" = no ] || kill -KILL "$vm_sleep"
		wait "$vm_sleep"
		# A trap ends the wait, but not what is waited for.
		[ "$vm_ending" = no ] || wait "$vm_sleep"
	} 2>/dev/null
	vm_sleep=
	[ "$vm_ending" = no ]
}

# Whoever ends the job sends SIGTERM to this process alone. It goes on to
# limactl, which shuts the VM down.
vm_on_signal() {
	vm_ending=yes
	vm_woken=yes
	vm_pass_on
	if [ -n "$vm_sleep" ]; then
		# What was only just forked may forget SIGTERM; see vm_watch.
		kill -KILL "$vm_sleep" 2>/dev/null
	fi
}

# Has the process vm_child end, if there is one; once.
vm_pass_on() {
	if [ -n "$vm_child" ] && [ "$vm_passed_on" = no ]; then
		vm_passed_on=yes
		vm_watch &
		vm_watcher=$!
	fi
}

# Waits until the process vm_child, forked at vm_started, has ended. Its status is
# in vm_status. Told to end, it gets vm_patience seconds, and is killed then.
vm_wait_for_child() {
	while :; do
		vm_woken=no
		# The signal may have come before there was a child.
		[ "$vm_ending" = no ] || vm_pass_on
		# Shells say which of their children a signal ended.
		{ wait "$vm_child"; } 2>/dev/null
		vm_status=$?
		[ "$vm_woken" = yes ] || break
	done
	vm_child=
	vm_passed_on=no
	if [ -n "$vm_watcher" ]; then
		{
			kill "$vm_watcher"
			wait "$vm_watcher"
		} 2>/dev/null
		vm_watcher=
	fi
}

# Sends SIGTERM to vm_child, and kills it when its time is up. It sleeps for a
# second at a time, so that nothing of it is left for longer once it is killed
# itself.
vm_watch() {
	trap - HUP INT TERM
	# A shell that was only just forked still has the traps of its parent, and
	# forgets a signal that comes before it has put them away.
	[ "$(($(date +%s) - vm_started))" -gt 1 ] || sleep 1
	kill -TERM "$vm_child" 2>/dev/null
	while [ "$vm_patience" -gt 0 ]; do
		sleep 1
		# So may this one forget that it is no longer needed.
		kill -0 "$vm_child" 2>/dev/null || return
		vm_patience=$((vm_patience - 1))
	done
	vm_say "limactl did not end in time, and is killed."
	kill -KILL "$vm_child" 2>/dev/null
}
