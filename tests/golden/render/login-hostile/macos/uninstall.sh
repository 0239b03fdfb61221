#!/bin/sh
# Removes what starts the Lima instance Prod.k3s_a-1; the instance itself stays.
# One file made of several, so that it needs none beside it.
# shellcheck disable=SC1003,SC2016,SC2034,SC2089,SC2090,SC2154,SC2317 # literal values; a part of what is defined is used

# shellcheck shell=sh
# shellcheck disable=SC1003,SC2016,SC2034 # values, taken literally; the scripts that read this file use them
# What the scripts need to know about this instance. Written by
# lima-autostart; every line is a whole value.

# The instance, and the version of the package that starts it.
INSTANCE=Prod.k3s_a-1
VERSION=1.2
# boot: a LaunchDaemon starts it. login: the user's LaunchAgent does.
CONDITION=login
# The account it runs as, and the home folder that the settings assume. Empty:
# found when the package is installed.
LIMA_USER=_o.neil-9
LIMA_USER_HOME='/Users/O'\''Neil "x" & <Söhne>/$(touch planted) `id` \'
# The program, or `auto`; LIMA_HOME, where the settings give one.
LIMACTL='/opt/it'\''s "lima" %n & <co> \d/$HOME; id/limactl'
LIMA_HOME_DIR='/Volumes/My Disk'\''s "x" %h %% $HOME \ '
# What the instance is created from where there is none (empty: it is not).
TEMPLATE=
# launchd's names for it, one for each condition.
DAEMON_LABEL=io.lima-vm.daemon.Prod.k3s_a-1
AGENT_LABEL=io.lima-vm.autostart.Prod.k3s_a-1
# The package's own folder, where the package puts the property list, and the
# program that the job runs.
SUPPORT_DIR='/Library/Application Support/com.example.R-D/Prod.k3s_a-1'
PACKAGED_PLIST='/Library/Application Support/com.example.R-D/Prod.k3s_a-1/io.lima-vm.autostart.Prod.k3s_a-1.plist'
LIMA_START='/Library/Application Support/com.example.R-D/Prod.k3s_a-1/lima-start'
# The folders of its logs: for boot, and for login below the home folder.
DAEMON_LOGS=/Library/Logs/com.example.R-D/Prod.k3s_a-1
AGENT_LOGS=Library/Logs/com.example.R-D/Prod.k3s_a-1
# Seconds that launchd gives the VM to shut down, and that Installer gives a
# script.
EXIT_TIMEOUT=400
TIME_LIMIT=700
# yes: an instance that does not run in the end is a failed installation.
REQUIRE_START=yes
# The receipts of the two packages.
INSTALLER_ID=com.example.R-D.installer.Prod.k3s_a-1
UNINSTALLER_ID=com.example.R-D.uninstaller.Prod.k3s_a-1

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

# What the scripts of the packages share: the user, the user's LaunchAgent, the
# files. Needs config.sh and launchd.sh. It only defines functions.
#
# root never reads, writes or tests anything in a folder that belongs to a
# user: a link planted there would lead root elsewhere. What happens there
# happens through as_user, with that user's own rights.
# shellcheck disable=SC2034 # the scripts that read this file use what it sets

DAEMON_PLIST=/Library/LaunchDaemons/$DAEMON_LABEL.plist
# Where a package leaves the property list for postinstall, one for each
# condition, and the instance's template.
STAGED_AGENT=$SUPPORT_DIR/$AGENT_LABEL.plist
STAGED_DAEMON=$SUPPORT_DIR/$DAEMON_LABEL.plist
TEMPLATE_FILE=$SUPPORT_DIR/template.yaml
# The name of the user who was found.
USER_FILE=$SUPPORT_DIR/user
# The job as it was before an update.
PREVIOUS_PLIST=$SUPPORT_DIR/previous.plist
# Name of the log in either folder.
LOG_NAME=lima-start.log
# What is left to this Mac to say.
FIND_USER=no
[ -n "$LIMA_USER" ] || FIND_USER=yes

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

# Finds the account LIMA_USER: its id (LIMA_UID), and its home folder (HOME_DIR;
# empty where the directory service does not say). Status 1, the reason in
# USER_PROBLEM, and what to do about it in USER_ADVICE: no account that an
# instance could run as.
find_account() {
	USER_ADVICE="Lima instance $INSTANCE is set up to run as that user. Make the account and install again,\
 or build the package with another \"user\"."
	HOME_DIR=
	if ! LIMA_UID=$(id -u "$LIMA_USER" 2>/dev/null); then
		USER_PROBLEM="there is no user \"$LIMA_USER\" on this Mac"
		return 1
	fi
	if [ "$LIMA_UID" -eq 0 ]; then
		USER_PROBLEM="\"$LIMA_USER\" is root, and limactl refuses to run as root"
		return 1
	fi
	if ! may_act_as_user; then
		return 1
	fi
	# /Search has the network's accounts too.
	HOME_DIR=$(home_of /Search "$LIMA_USER")
	USER_PROBLEM=
}

# The home folder of the account $2 in the directory $1; nothing where it has
# none. A value with a space in it comes on a line of its own. Status 1: the
# directory does not say.
home_of() {
	if home_said=$(dscl "$1" -read "/Users/$2" NFSHomeDirectory </dev/null 2>&1); then
		printf '%s\n' "$home_said" | sed -n -e 's/^NFSHomeDirectory: *//' -e 's/^ //' -e '/^\//{p;q;}'
		return
	fi
	case $home_said in
	*"No such key"*) return 0 ;;
	*) return 1 ;;
	esac
}

as_user() {
	sudo -n -u "#$LIMA_UID" -- "$@"
}

# Whether sudo lets root act as the user. Where sudoers(5) was changed it may
# not, and whatever is asked as_user would seem to be missing.
may_act_as_user() {
	if as_user true; then
		return 0
	fi
	USER_PROBLEM="sudo does not let root act as \"$LIMA_USER\""
	USER_ADVICE="What sudo says is above; see to it that /etc/sudoers has \"root ALL = (ALL) ALL\"."
	return 1
}

# Whether the user is logged in at the screen.
is_logged_in() {
	launchctl print "gui/$LIMA_UID" </dev/null >/dev/null 2>&1
}

# Whether there is something, be it a link to nothing, at the user's path $1.
user_has() {
	as_user test -e "$1" || as_user test -L "$1"
}

# Where the instance of a user with the home folder $1 is.
instance_dir_of() {
	printf '%s/%s\n' "${LIMA_HOME_DIR:-$1/.lima}" "$INSTANCE"
}

# The log of the job.
log_file() {
	case $CONDITION in
	boot) printf '%s/%s\n' "$DAEMON_LOGS" "$LOG_NAME" ;;
	*) printf '%s/%s/%s\n' "${HOME_DIR:-$LIMA_USER_HOME}" "$AGENT_LOGS" "$LOG_NAME" ;;
	esac
}

# Asks lima-start, as the user: `check` what is missing, `status` what limactl
# says. HOME is the user's, where sudo keeps root's own.
ask_lima_start() {
	ask_home=${HOME_DIR:-$LIMA_USER_HOME}
	as_user /usr/bin/env -i "HOME=$ask_home" "USER=$LIMA_USER" "LOGNAME=$LIMA_USER" SHELL=/bin/sh \
		PATH=/usr/bin:/bin:/usr/sbin:/sbin "$LIMA_START" "$1" "--instance=$INSTANCE" "--log=$(log_file)" \
		${LIMA_HOME_DIR:+"--lima-home=$LIMA_HOME_DIR"} ${TEMPLATE:+"--template=$TEMPLATE"} "$LIMACTL" </dev/null
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

# Finds on this Mac whom the instance belongs to, where the settings leave that to
# it (`auto`). Needs config.sh, launchd.sh and common.sh. It only defines
# functions.
#
# Whether a user has the instance is asked with that user's own rights. A link
# that a user planted leads that user alone, and nowhere to what another user
# owns: `test -O` looks at what it leads to.
# shellcheck disable=SC2034 # the scripts that read this file use what it sets

# Finds who the instance runs as: LIMA_USER, LIMA_UID, HOME_DIR, and INSTANCE_DIR,
# which follows from it. Status 1: nobody, for the reason in USER_PROBLEM, with
# what to do about it in USER_ADVICE.
find_user() {
	if [ "$FIND_USER" = yes ]; then
		if [ -f "${SCRIPTS_DIR:-/dev/null}/found" ]; then
			read -r LIMA_UID LIMA_USER <"$SCRIPTS_DIR/found"
			find_account || return
			take_user "$LIMA_UID" "$LIMA_USER" "$HOME_DIR"
		else
			find_owner || return
		fi
		note "Found: $LIMA_USER, for the instance in $INSTANCE_DIR."
	else
		find_account || return
		take_user "$LIMA_UID" "$LIMA_USER" "$HOME_DIR"
	fi
}

# The people with an account of this Mac's own, as lines "ID NAME". Apple gives
# them ids from 501 on; names of services begin with `_`.
local_users() {
	dscl . -list /Users UniqueID </dev/null 2>/dev/null |
		sed -n 's/^\([^_].*\)[[:space:]]\([0-9]\{3,10\}\)$/\2 \1/p'
}

# Whether the account $1 is hidden, as those are that a device management makes
# for itself.
is_hidden() {
	case $(dscl . -read "/Users/$1" IsHidden </dev/null 2>/dev/null) in
	*"IsHidden: 1" | *"IsHidden: YES" | *"IsHidden: yes" | *"IsHidden: true") return 0 ;;
	*) return 1 ;;
	esac
}

# The name of the user at the screen; at the login window that is no person's.
user_at_screen() {
	stat -f %Su /dev/console 2>/dev/null
}

# Whether the folder $1 is an instance, and the user's own.
owns_instance() {
	as_user test -O "$1" && as_user test -O "$1/lima.yaml"
}

# Takes the user $2 with the id $1 and the home folder $3.
take_user() {
	LIMA_UID=$1
	LIMA_USER=$2
	HOME_DIR=$3
	INSTANCE_DIR=$(instance_dir_of "${HOME_DIR:-$LIMA_USER_HOME}")
}

# Looks at all local users: people who are not hidden, and who of all owns the
# instance. Lines "ID NAME" behind each other, with their names in words.
look_for_people() {
	listed=
	looked_at=
	people=
	people_words=
	owners=
	owners_words=
	hidden_owners=
	# The users are all read before one of them is asked.
	while read -r look_uid look_name <&3; do
		if [ -z "$look_name" ] || [ "$look_uid" -lt 500 ]; then
			continue
		fi
		LIMA_UID=$look_uid
		if ! look_home=$(home_of . "$look_name"); then
			USER_PROBLEM="the account \"$look_name\" of this Mac cannot be read"
			USER_ADVICE="Install again."
			return 1
		fi
		listed="$listed$look_uid $look_name$NEWLINE"
		# Without a home folder it is no person's account; with an id that the
		# system does not have for it, nobody could act for it.
		if [ -z "$look_home" ] || [ "$(id -u "$look_name" 2>/dev/null)" != "$look_uid" ]; then
			continue
		fi
		# The instance of somebody who cannot be asked might be taken for another's.
		LIMA_USER=$look_name
		may_act_as_user || return
		if ! as_user test -O "$look_home"; then
			continue
		fi
		look_line="$look_uid $look_name$NEWLINE"
		looked_at=$looked_at$look_line
		look_owns=no
		if owns_instance "$(instance_dir_of "$look_home")"; then
			look_owns=yes
		fi
		if is_hidden "$look_name"; then
			[ "$look_owns" = no ] || hidden_owners=$hidden_owners$look_line
			continue
		fi
		people=$people$look_line
		people_words=${people_words:+$people_words, }$look_name
		if [ "$look_owns" = yes ]; then
			owners=$owners$look_line
			owners_words=${owners_words:+$owners_words, }$look_name
		fi
	done 3<<END
$(local_users)
END
}

NEWLINE='
'

# Whether there is exactly one line in $1.
is_one() {
	[ -n "$1" ] && [ "${1%"$NEWLINE"*"$NEWLINE"}" = "$1" ]
}

# The line of $1 for the user named $2.
line_of() {
	printf '%s' "$1" | while read -r line_uid line_name; do
		if [ "$line_name" = "$2" ]; then
			printf '%s %s\n' "$line_uid" "$line_name"
		fi
	done
}

# Finds the one local user who owns the instance. Hidden accounts count only where
# nobody else has it. Where the package brings a template and nobody has the
# instance, it is for whom an earlier installation found, or for the one local
# user there is, or for who sits at the screen.
find_owner() {
	look_for_people || return
	USER_ADVICE="Or build the package for one user, with --user NAME."
	found_line=
	registered=
	if [ -f "$USER_FILE" ]; then
		registered=$(cat "$USER_FILE")
	fi
	# Somebody else may own an instance of this name. The one who is set up must not
	# be left for that.
	if [ -z "$(line_of "$looked_at" "$registered")" ] && [ -n "$(line_of "$listed" "$registered")" ]; then
		USER_PROBLEM="this is set up for $registered, whose home folder cannot be looked at"
		USER_ADVICE="Install again once it can. $USER_ADVICE"
		return 1
	fi
	if [ -n "$owners" ]; then
		if is_one "$owners"; then
			found_line=$owners
		else
			USER_PROBLEM="several users of this Mac have a Lima instance $INSTANCE: $owners_words"
			USER_ADVICE="Build the package for one of them, with --user NAME."
			return 1
		fi
	elif is_one "$hidden_owners"; then
		found_line=$hidden_owners
	elif [ -z "$people" ]; then
		USER_PROBLEM="this Mac has no local user with a home folder"
		return 1
	elif [ -z "$TEMPLATE" ]; then
		USER_PROBLEM="no user of this Mac owns a Lima instance $INSTANCE at \
${LIMA_HOME_DIR:-~/.lima}/$INSTANCE; looked at: $people_words"
		USER_ADVICE="Create it as its user (\"limactl create --name=$INSTANCE\") and install again. $USER_ADVICE"
		return 1
	else
		found_line=$(line_of "$people" "$registered")
		if [ -z "$found_line" ] && is_one "$people"; then
			found_line=$people
		fi
		if [ -z "$found_line" ]; then
			found_line=$(line_of "$people" "$(user_at_screen)")
		fi
		if [ -z "$found_line" ]; then
			USER_PROBLEM="no user of this Mac has a Lima instance $INSTANCE, and it could be created for any of: \
$people_words"
			USER_ADVICE="Install again while one of them is logged in at the screen. $USER_ADVICE"
			return 1
		fi
	fi
	found_name=${found_line#* }
	found_name=${found_name%"$NEWLINE"}
	take_user "${found_line%% *}" "$found_name" "$(home_of . "$found_name")"
	if [ -z "$owners$hidden_owners" ] && user_has "$INSTANCE_DIR"; then
		USER_PROBLEM="what is at $INSTANCE_DIR is no Lima instance of $LIMA_USER's own"
		USER_ADVICE="Remove it and install again. $USER_ADVICE"
		return 1
	fi
}

# Finds whom an earlier installation set the instance up for, to remove what it
# did. Status as find_user's.
find_registered_user() {
	if [ "$FIND_USER" = yes ] && [ -f "$USER_FILE" ]; then
		LIMA_USER=$(cat "$USER_FILE")
		find_account || return
		take_user "$LIMA_UID" "$LIMA_USER" "$HOME_DIR"
	else
		find_user
	fi
}

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

# Removes what the package put on this Mac. It is put behind config.sh,
# launchd.sh, common.sh, found.sh and logs.sh, so that it needs no file beside it: people
# run it, and it is the uninstall package's postinstall.
#
# Whatever condition the package had, both kinds of jobs go: afterwards nothing
# starts the instance by itself. Nothing is left disabled in launchd, since
# nothing here ever disables a job. The instance and its disk are not touched.

set -u
PATH=/usr/bin:/bin:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
umask 022
# shellcheck disable=SC2034 # found.sh: nothing was found beforehand
SCRIPTS_DIR=

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
	if find_registered_user; then
		remove_agent || uninstall_status=1
	else
		note "$USER_PROBLEM; no LaunchAgent of that user is looked for."
	fi

	# Only what the package put there.
	for uninstall_file in "$STAGED_AGENT" "$STAGED_DAEMON" "$TEMPLATE_FILE" "$PREVIOUS_PLIST"; do
		remove_root_file "$uninstall_file" || uninstall_status=1
	done
	if [ "$uninstall_status" -ne 0 ]; then
		note "error: not everything could be removed; see above. Restart the Mac, then run this again."
		return 1
	fi
	# A job that is still there would run it.
	remove_root_file "$LIMA_START" || uninstall_status=1
	remove_daemon_logs || uninstall_status=1
	remove_agent_logs || uninstall_status=1
	# Last, so that there was something to run again, and whom for.
	remove_root_file "$USER_FILE" || uninstall_status=1
	remove_root_file "$SUPPORT_DIR/uninstall.sh" || uninstall_status=1
	remove_empty_dir "$SUPPORT_DIR"
	remove_empty_dir "${SUPPORT_DIR%/*}"
	forget_receipt "$INSTALLER_ID"
	forget_receipt "$UNINSTALLER_ID"

	note "Nothing starts Lima instance $INSTANCE by itself any more."
	note "The instance and its disk${INSTANCE_DIR:+, in $INSTANCE_DIR,} are as they were."
	return "$uninstall_status"
}

# One line, read at once: the file may be gone when uninstall_main comes back.
uninstall_main "$@"; exit
