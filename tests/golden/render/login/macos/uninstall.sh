#!/bin/sh
# Removes what starts the Lima instance k3s; the instance itself stays.
# One file made of several, so that it needs none beside it.
# shellcheck disable=SC1003,SC2016,SC2034,SC2317 # literal values; a part of what is defined is used

# shellcheck shell=sh
# shellcheck disable=SC1003,SC2016,SC2034 # values, taken literally; the scripts that read this file use them
# What the scripts need to know about this instance. Written by
# lima-autostart; every line is a whole value.

# The instance, and the version of the package that starts it.
INSTANCE=k3s
VERSION=1.2
# boot: a LaunchDaemon starts it. login: the user's LaunchAgent does.
CONDITION=login
# The account it runs as, and the home folder that the settings assume.
LIMA_USER=alice
LIMA_USER_HOME=/Users/alice
# The program, and the folder of the instance.
LIMACTL=/opt/homebrew/bin/limactl
INSTANCE_DIR=/Users/alice/.lima/k3s
# launchd's names for it, one for each condition.
DAEMON_LABEL=io.lima-vm.daemon.k3s
AGENT_LABEL=io.lima-vm.autostart.k3s
# The package's own folder.
SUPPORT_DIR='/Library/Application Support/io.lima-vm/k3s'
# Seconds that launchd gives the VM to shut down, and that Installer gives a
# script.
EXIT_TIMEOUT=180
TIME_LIMIT=600
# yes: an instance that could not be started is a failed installation.
REQUIRE_START=no
# The receipts of the two packages.
INSTALLER_ID=io.lima-vm.installer.k3s
UNINSTALLER_ID=io.lima-vm.uninstaller.k3s

# Speaks to launchd. This file is the one description of the order in which a
# job is loaded and unloaded:
#
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
# Where the numbers and codes come from: launchctl(1), launchd.plist(5), and
# the reports that are named beside them.

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
# its time too. A step backwards or a leap means that the clock was set, as
# happens on a new Mac: it counts as the one second it was meant to be.
pause() {
	sleep 1
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
	5) printf 'launchd cannot take the job now' ;;
	37) printf 'launchd is still busy with the job' ;;
	109) printf 'the property list is not valid' ;;
	119) printf 'the job is disabled' ;;
	122) printf 'the file does not belong to root, or others may write it' ;;
	125) printf 'that user has no such login session' ;;
	*) printf 'launchd refused the job' ;;
	esac
}

# launchd_unload DOMAIN LABEL: stops the job and waits until launchd has let go
# of it. Status 1: it has not, in the time there was.
launchd_unload() {
	unload_target=$1/$2
	if ! is_registered "$unload_target"; then
		note "$unload_target is not loaded."
		return 0
	fi
	# What is loaded may come from an older package, which promised its VM more.
	unload_timeout=$(exit_timeout_of "$unload_target")
	if [ "${unload_timeout:-0}" -lt "$EXIT_TIMEOUT" ]; then
		unload_timeout=$EXIT_TIMEOUT
	fi
	note "Stopping $unload_target; a VM may take $unload_timeout seconds to shut down."
	# bootout returns before the job is gone, and with 3, 36 or 113 where it is
	# on its way already (headroomlabs-ai/headroom#1289): only looking tells.
	control bootout "$unload_target" >/dev/null 2>&1 || :
	# Half a minute beyond what the job may take, and never so long that no
	# time would be left to load a job and look at it.
	unload_until=$((CLOCK_SPENT + unload_timeout + 30))
	unload_next_note=$((CLOCK_SPENT + 30))
	while is_registered "$unload_target"; do
		if [ "$CLOCK_SPENT" -ge "$unload_until" ] || ! time_left 120; then
			warn "launchd has not let go of $unload_target."
			return 1
		fi
		if [ "$CLOCK_SPENT" -ge "$unload_next_note" ]; then
			note "Still waiting for $unload_target to end."
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
			note "launchctl bootstrap ended with $register_code:" \
				"$(bootstrap_words "$register_code"). It said:" \
				"$(printf '%s\n' "$register_output" | sed 1q). Trying again."
			register_said=$register_code
		fi
		if [ "$register_tries" -ge 30 ] || ! time_left 60; then
			warn "launchd did not load $3 in $register_tries tries; the last ended with $register_code:" \
				"$(bootstrap_words "$register_code")."
			return 2
		fi
		if [ "$register_code" -eq 119 ]; then
			control enable "$register_target" >/dev/null 2>&1 || :
		fi
		pause
	done
}

# Whether the target $1 has a process that is there for more than a moment.
has_process() {
	process_before=
	process_looks=0
	while [ "$process_looks" -lt 6 ]; do
		process_id=$(process_of "$1")
		if [ -n "$process_id" ] && [ "$process_id" = "$process_before" ]; then
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
	warn "$start_target is loaded and does not run." \
		"${start_exit:+Its last exit code is $start_exit.}"
	return 1
}

# launchd_reload DOMAIN LABEL PLIST: all of it. Status 1: loaded, and does not
# run. Status 2: not loaded.
launchd_reload() {
	launchd_register "$1" "$2" "$3" || return
	launchd_start "$1" "$2"
}

# What the scripts of the packages share: the user, the user's LaunchAgent, the
# files. Needs config.sh and launchd.sh. It only defines functions.
#
# root never reads, writes or tests anything in a folder that belongs to a
# user: a link planted there would lead root elsewhere. What happens there
# happens through as_user, with that user's own rights.
# shellcheck disable=SC2034 # the scripts that read this file use what it sets

DAEMON_PLIST=/Library/LaunchDaemons/$DAEMON_LABEL.plist
# Where a package leaves the LaunchAgent for postinstall.
STAGED_PLIST=$SUPPORT_DIR/$AGENT_LABEL.plist
# The job as it was before an update.
PREVIOUS_PLIST=$SUPPORT_DIR/previous.plist

fail() {
	note "error: $*"
	exit 1
}

# Whether Installer works on the running system. $1 is a target volume.
is_this_system() {
	if [ "$1" = / ]; then
		return 0
	fi
	note "Nothing to do: the target is $1, and launchd here works for / alone."
	return 1
}

# Finds the configured account: its id (LIMA_UID), and its home folder
# (HOME_DIR; empty where the directory service does not say). Status 1, and the
# reason in USER_PROBLEM: no account that an instance could run as.
find_user() {
	HOME_DIR=
	if ! LIMA_UID=$(id -u "$LIMA_USER" 2>/dev/null); then
		USER_PROBLEM="there is no user \"$LIMA_USER\" on this Mac"
		return 1
	fi
	if [ "$LIMA_UID" -eq 0 ]; then
		USER_PROBLEM="\"$LIMA_USER\" is root, and limactl refuses to run as root"
		return 1
	fi
	# /Search has the network's accounts too. A value with a space in it comes
	# on a line of its own.
	HOME_DIR=$(dscl /Search -read "/Users/$LIMA_USER" NFSHomeDirectory 2>/dev/null |
		sed -n -e 's/^NFSHomeDirectory: *//' -e 's/^ //' -e '/^\//{p;q;}')
	USER_PROBLEM=
}

as_user() {
	sudo -n -u "#$LIMA_UID" -- "$@"
}

# Whether the user is logged in at the screen.
is_logged_in() {
	launchctl print "gui/$LIMA_UID" </dev/null >/dev/null 2>&1
}

# Whether there is something, be it a link to nothing, at the user's path $1.
user_has() {
	as_user test -e "$1" || as_user test -L "$1"
}

# The user's LaunchAgent.
agent_plist() {
	printf '%s/Library/LaunchAgents/%s.plist\n' "$HOME_DIR" "$AGENT_LABEL"
}

# Stops the user's LaunchAgent for the instance and removes it. Status 1: some
# of it is still there.
remove_agent() {
	remove_status=0
	if is_logged_in; then
		launchd_unload "gui/$LIMA_UID" "$AGENT_LABEL" || remove_status=1
	fi
	if [ -n "$HOME_DIR" ]; then
		remove_file=$(agent_plist)
		if user_has "$remove_file"; then
			if as_user rm -f "$remove_file"; then
				note "Removed $remove_file."
			else
				warn "$remove_file could not be removed."
				remove_status=1
			fi
		fi
	fi
	return "$remove_status"
}

# Stops the LaunchDaemon of the instance and removes it. Status 1: some of it
# is still there.
remove_daemon() {
	remove_status=0
	launchd_unload system "$DAEMON_LABEL" || remove_status=1
	remove_root_file "$DAEMON_PLIST" || remove_status=1
	return "$remove_status"
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

# Removes what the package put on this Mac. It is put behind config.sh,
# launchd.sh and common.sh, so that it needs no file beside it: people run it,
# and it is the uninstall package's postinstall.
#
# Whatever condition the package had, both kinds of jobs go: afterwards nothing
# starts the instance by itself. Nothing is left disabled in launchd, since
# nothing here ever disables a job. The instance and its disk are not touched.

set -u
PATH=/usr/bin:/bin:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
umask 022

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

# Removes the folder $1 if it is empty.
remove_empty_dir() {
	if [ ! -d "$1" ]; then
		return 0
	fi
	if rmdir "$1" 2>/dev/null; then
		note "Removed $1."
	else
		note "Left $1: it is not empty."
	fi
}

uninstall_main() {
	# Installer gives the target volume as $3; people give nothing.
	if [ "$#" -ge 3 ]; then
		is_this_system "$3" || return 0
	fi
	if [ "$(id -u)" -ne 0 ]; then
		printf 'lima-autostart: error: only root can remove this. Run: sudo "%s"\n' "$0" >&2
		return 1
	fi
	if ! command -v launchctl >/dev/null; then
		printf 'lima-autostart: error: there is no launchctl here. This script is for a Mac.\n' >&2
		return 1
	fi
	cd / || return
	clock_start
	note "Removing what starts Lima instance $INSTANCE."
	uninstall_status=0

	remove_daemon || uninstall_status=1
	if find_user; then
		remove_agent || uninstall_status=1
	else
		note "$USER_PROBLEM; no LaunchAgent of that user is looked for."
	fi

	# Only what the package put there.
	remove_root_file "$STAGED_PLIST" || uninstall_status=1
	remove_root_file "$PREVIOUS_PLIST" || uninstall_status=1
	if [ "$uninstall_status" -ne 0 ]; then
		note "error: not everything could be removed; see above. Restart the Mac, then run this again."
		return 1
	fi
	# Last, so that there was something to run again.
	remove_root_file "$SUPPORT_DIR/uninstall.sh" || uninstall_status=1
	remove_empty_dir "$SUPPORT_DIR"
	remove_empty_dir "${SUPPORT_DIR%/*}"
	forget_receipt "$INSTALLER_ID"
	forget_receipt "$UNINSTALLER_ID"

	note "Nothing starts Lima instance $INSTANCE by itself any more."
	note "The instance and its disk, in $INSTANCE_DIR, are as they were."
	return "$uninstall_status"
}

# One line, read at once: the file may be gone when uninstall_main comes back.
uninstall_main "$@"; exit
