#!/bin/sh
# Speaks to launchd. This file is the one description of the order in which a
# job is loaded and unloaded:
#
#   where launchd gives it little time: SIGTERM,
#   and wait for its process                     launchd_ask_to_end
#   bootout, and wait until launchd has let go   launchd_unload
#   enable, bootstrap with retries               launchd_register
#   look for a process, kickstart, look again    launchd_start
#
# It only defines functions. It must not know what a job is for, nor anything
# of packages. Who uses it sets:
#
#   EXIT_TIMEOUT  seconds that launchd gives the job to end
#   TIME_LIMIT    seconds after which this script would be killed
#
# Sources: launchctl(1), launchd.plist(5), and the reports named beside the facts.

# Says a step: to standard error, which Installer keeps in
# /var/log/install.log, and to the system's log.
note() {
	printf 'lima-autostart: %s\n' "$*" >&2
	logger -t lima-autostart "$*" </dev/null >/dev/null 2>&1 || :
}

warn() {
	note "warning: $*"
}

# Starts counting the time that this script has used.
clock_start() {
	CLOCK_LAST=$(date +%s)
	CLOCK_SPENT=0
}

# Waits for a second and counts what really passed, since each launchctl takes
# its time too.
pause() {
	sleep 1
	clock_look
}

# Counts what has passed since it was counted last. A step backwards or a leap
# means that the clock was set, as happens on a new Mac: it counts as a second.
clock_look() {
	clock_now=$(date +%s)
	clock_step=$((clock_now - CLOCK_LAST))
	CLOCK_LAST=$clock_now
	if [ "$clock_step" -lt 1 ] || [ "$clock_step" -gt "$TIME_LIMIT" ]; then
		clock_step=1
	fi
	CLOCK_SPENT=$((CLOCK_SPENT + clock_step))
}

# Whether more than $1 seconds are left of the time limit.
time_left() {
	[ "$((TIME_LIMIT - CLOCK_SPENT))" -gt "$1" ]
}

# launchctl $@, where $2 is a domain or a target in one. root does not touch a
# user's domain with its own rights, because the job's file there is the
# user's to change. `asuser` takes the user's session and no more than that:
# "It does not modify the process' credentials" (launchctl(1)); sudo takes the
# user's rights.
control() {
	case $2 in
	gui/*)
		if [ "$(id -u)" -eq 0 ]; then
			control_uid=${2#gui/}
			control_uid=${control_uid%%/*}
			launchctl asuser "$control_uid" sudo -n -u "#$control_uid" -- launchctl "$@" </dev/null
			return
		fi
		;;
	esac
	launchctl "$@" </dev/null
}

# Whether launchd knows the target $1. It does until the job's last process is
# gone: only when `print` fails has launchd let go (kxn/codex-remote-feishu#916).
is_registered() {
	control print "$1" >/dev/null 2>&1
}

# Whether launchd has let go of the target $1. It is asked twice: were a `print`
# that failed for another reason believed, a job from before would pass for the
# one that is loaded next.
is_gone() {
	! is_registered "$1" && ! is_registered "$1"
}

# The process of the target $1; nothing where there is none. Between `state` and
# `pid`, launchctl prints the job's environment as it is, lines of it that look
# like a `pid` too.
process_of() {
	control print "$1" 2>/dev/null |
		sed -n -e '/^[[:space:]]*state = not running/q' -e '/^[[:space:]]*state = spawn /q' \
			-e 's/^[[:space:]]*pid = \([0-9][0-9]*\).*/\1/p' | sed 1q
}

# Seconds that launchd gives the loaded target $1 to end, up to four digits;
# nothing where `print` does not say.
exit_timeout_of() {
	control print "$1" 2>/dev/null |
		sed -n 's/^[[:space:]]*exit timeout = \([0-9]\{1,4\}\)$/\1/p' | sed 1q
}

# The file that the target $1 was loaded from.
path_of() {
	control print "$1" 2>/dev/null | sed -n "s/^[[:space:]]*path = //p" | sed 1q
}

# What `launchctl bootstrap` means by exit status $1, where that is known.
bootstrap_words() {
	case $1 in
	5) printf 'launchd cannot take the job, now or at all (a home folder on another volume)' ;;
	37) printf 'launchd is still busy with the job' ;;
	109) printf 'the property list is not valid' ;;
	119) printf 'the job is disabled' ;;
	122) printf 'the file does not belong to root, or others may write it' ;;
	125) printf 'that user has no such login session' ;;
	*) printf 'launchd refused the job' ;;
	esac
}

# launchd_ask_to_end TARGET: sends SIGTERM to the job's process and waits for its
# end, up to EXIT_TIMEOUT seconds. limactl's own jobs name no time, and launchd
# kills them after 5 seconds (wazuh/wazuh-packages#2206): a power cut for the VM.
# A signal that is sent this way is followed by no SIGKILL.
launchd_ask_to_end() {
	ask_process=$(process_of "$1")
	if [ -z "$ask_process" ] || ! control kill SIGTERM "$1" >/dev/null 2>&1; then
		return
	fi
	note "Asked the process of $1, $ask_process, to end; launchd would kill it too soon."
	ask_until=$((CLOCK_SPENT + EXIT_TIMEOUT))
	while [ "$(process_of "$1")" = "$ask_process" ]; do
		if [ "$CLOCK_SPENT" -ge "$ask_until" ] || ! time_left 150; then
			warn "process $ask_process has not ended."
			return
		fi
		pause
	done
}

# launchd_unload DOMAIN LABEL: stops the job and waits until launchd has let go
# of it. Status 1: it has not, in the time there was.
launchd_unload() {
	unload_target=$1/$2
	if is_gone "$unload_target"; then
		note "$unload_target is not loaded."
		return 0
	fi
	# What is loaded may come from an older package, which promised its VM more.
	unload_timeout=$(exit_timeout_of "$unload_target")
	unload_promised=${unload_timeout:-0}
	if [ "$unload_promised" -lt "$EXIT_TIMEOUT" ]; then
		unload_timeout=$EXIT_TIMEOUT
	fi
	note "Stopping $unload_target; a VM may take $unload_timeout seconds to shut down."
	if [ "$unload_promised" -lt "$EXIT_TIMEOUT" ]; then
		launchd_ask_to_end "$unload_target"
	fi
	# bootout returns before the job is gone, and with 3, 36 or 113 where it is
	# on its way already (headroomlabs-ai/headroom#1289): only looking tells.
	control bootout "$unload_target" >/dev/null 2>&1 || :
	# Half a minute beyond what the job may take, and never so long that no
	# time would be left to load a job and look at it.
	unload_until=$((CLOCK_SPENT + unload_timeout + 30))
	unload_next_note=$((CLOCK_SPENT + 30))
	while ! is_gone "$unload_target"; do
		if [ "$CLOCK_SPENT" -ge "$unload_until" ] || ! time_left 120; then
			warn "launchd has not let go of $unload_target."
			return 1
		fi
		if [ "$CLOCK_SPENT" -ge "$unload_next_note" ]; then
			note "Still waiting for $unload_target to end."
			# One that did nothing is not known by its status.
			control bootout "$unload_target" >/dev/null 2>&1 || :
			unload_next_note=$((CLOCK_SPENT + 30))
		fi
		pause
	done
	note "Stopped $unload_target."
}

# launchd_register DOMAIN LABEL PLIST: loads the job in place of an older one
# with its label. Status 2: launchd did not take it.
launchd_register() {
	register_target=$1/$2
	register_gone=no
	# Where launchd has not let go, it may while bootstrap is tried.
	if launchd_unload "$1" "$2"; then
		register_gone=yes
	fi
	# `launchctl disable` outlives an uninstallation, and bootstrap would end
	# with 119 (DeterminateSystems/nix-installer#530).
	control enable "$register_target" >/dev/null 2>&1 ||
		warn "launchctl enable $register_target did not work."
	# bootstrap fails with 5 while an older job is on its way out, and sometimes
	# once for no reason at all (tomcounsell/ai#2104). Fleet's installer tries
	# thirty times as well (fleetdm/fleet, orbit/pkg/packaging).
	register_tries=0
	register_said=
	while :; do
		register_tries=$((register_tries + 1))
		if register_output=$(control bootstrap "$1" "$3" 2>&1); then
			note "Loaded $register_target."
			return 0
		else
			register_code=$?
		fi
		# It was gone: what is there now came from this file.
		if [ "$register_gone" = yes ] && is_registered "$register_target"; then
			note "Loaded $register_target, although bootstrap ended with $register_code."
			return 0
		fi
		if [ "$register_code" != "$register_said" ]; then
			# Its first line: the second advises to be root.
			note "launchctl bootstrap ended with $register_code: $(bootstrap_words "$register_code"). It said:" \
				"$(printf '%s\n' "$register_output" | sed 1q). Trying again."
			register_said=$register_code
		fi
		if [ "$register_tries" -ge 30 ] || ! time_left 60; then
			warn "launchd did not load $3 in $register_tries tries; the last ended with $register_code:" \
				"$(bootstrap_words "$register_code")."
			# An older job that would not go is better than none.
			if is_registered "$register_target" && [ -z "$(process_of "$register_target")" ]; then
				control kickstart "$register_target" >/dev/null 2>&1 &&
					note "Started $register_target as it is loaded."
			fi
			return 2
		fi
		if [ "$register_code" -eq 119 ]; then
			control enable "$register_target" >/dev/null 2>&1 || :
		fi
		pause
	done
}

# Whether the target $1 has a process that stays the same for fifteen seconds.
has_process() {
	process_before=
	process_since=$CLOCK_SPENT
	process_looks=0
	while [ "$process_looks" -lt 40 ]; do
		process_id=$(process_of "$1")
		if [ -z "$process_id" ] || [ "$process_id" != "$process_before" ]; then
			process_since=$CLOCK_SPENT
			# launchd starts none by itself for so long.
			if [ -z "$process_id" ] && [ "$process_looks" -ge 5 ]; then
				return 1
			fi
		elif [ "$((CLOCK_SPENT - process_since))" -ge 15 ]; then
			note "$1 runs as process $process_id."
			return 0
		fi
		process_before=$process_id
		process_looks=$((process_looks + 1))
		pause
	done
	return 1
}

# launchd_start DOMAIN LABEL: sees to it that the loaded job runs. Status 1: it
# does not.
launchd_start() {
	start_target=$1/$2
	if has_process "$start_target"; then
		return 0
	fi
	# A job with RunAtLoad was seen loaded and never spawned
	# (openbase-community/openbase#15).
	note "$start_target is loaded and has no process: starting it."
	control kickstart "$start_target" >/dev/null 2>&1 ||
		note "launchctl kickstart $start_target did not work."
	if has_process "$start_target"; then
		return 0
	fi
	start_exit=$(control print "$start_target" 2>/dev/null |
		sed -n 's/^[[:space:]]*last exit code = //p' | sed 1q)
	case $start_exit in
	78*)
		warn "$start_target is loaded, and launchd could not start it (78, EX_CONFIG): its program, or a folder or" \
			"log that it names, cannot be opened; or it is switched off under System Settings, General, Login" \
			"Items & Extensions."
		;;
	*)
		warn "$start_target is loaded and does not run. ${start_exit:+Its last exit code is $start_exit.}"
		;;
	esac
	return 1
}

# launchd_reload DOMAIN LABEL PLIST: all of it. Status 1: loaded, and does not
# run. Status 2: not loaded.
launchd_reload() {
	launchd_register "$1" "$2" "$3" || return
	launchd_start "$1" "$2"
}
