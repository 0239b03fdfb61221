#!/bin/sh
# Removes what starts the Lima instance Prod.k3s_a-1; the instance itself stays.
# One file made of several, so that it needs none beside it.
# shellcheck disable=SC1003,SC2016,SC2034,SC2154,SC2317 # literal values; a part of what is defined is used

# shellcheck shell=sh
# shellcheck disable=SC1003,SC2016,SC2034 # values, taken literally; the scripts that read this file use them
# What the scripts need to know about this instance. Written by
# lima-autostart; every line is a whole value.

# The instance, and the version of the package that starts it.
INSTANCE=Prod.k3s_a-1
VERSION=1.2
# boot: a LaunchDaemon starts it. login: the user's LaunchAgent does.
CONDITION=boot
# The account it runs as, and the home folder that the settings assume. Empty:
# found when the package is installed, as is all that is empty below.
LIMA_USER=_o.neil-9
LIMA_USER_HOME='/Users/O'\''Neil "x" & <Söhne>/$(touch planted) `id` \'
# The program, LIMA_HOME, and the folder of the instance in it.
LIMACTL='/opt/it'\''s "lima" %n & <co> \d/$HOME; id/limactl'
LIMA_HOME_DIR='/Volumes/My Disk'\''s "x" %h %% $HOME \ '
INSTANCE_DIR='/Volumes/My Disk'\''s "x" %h %% $HOME \ /Prod.k3s_a-1'
# Its PATH; and yes, where the settings give another one, which wins.
SEARCH_PATH='/opt/it'\''s "lima" %n & <co> \d/$HOME; id:/usr/bin:/bin:/usr/sbin:/sbin'
SETS_PATH=yes
# What the instance is created from where there is none (empty: it is not), and
# the environment for that, each word for printf's %b.
TEMPLATE='/Library/Application Support/com.example.R-D/Prod.k3s_a-1/template.yaml'
ENVIRONMENT='EMPTY= LINES=first\0012ExecStartPre=/bin/false\0012\0011last\0134 PATH=/opt/own\0040bin:/usr/bin QUOTES=it\0047s\0040\0042quoted\0042\0040\0140id\0140\0040\0044\0050id\0051\0040\0044\0173HOME\0175\0040%h\0040%%\0040\0134n\0040\0134 UNICODE=Zo\0303\0253\0040\0360\0237\0246\0200\0040\0342\0200\0250\0357\0273\0277 XML=\0074/string\0076\0074true/\0076\0135\0135\0076\0046amp\0073\0074\0041--'
# launchd's names for it, one for each condition.
DAEMON_LABEL=io.lima-vm.daemon.Prod.k3s_a-1
AGENT_LABEL=io.lima-vm.autostart.Prod.k3s_a-1
# The package's own folder, and where the package puts the property list.
SUPPORT_DIR='/Library/Application Support/com.example.R-D/Prod.k3s_a-1'
PACKAGED_PLIST='/Library/Application Support/com.example.R-D/Prod.k3s_a-1/io.lima-vm.daemon.Prod.k3s_a-1.plist'
# Seconds that launchd gives the VM to shut down, and that Installer gives a
# script.
EXIT_TIMEOUT=400
TIME_LIMIT=2500
# yes: an instance that could not be started is a failed installation.
REQUIRE_START=yes
# The receipts of the two packages.
INSTALLER_ID=com.example.R-D.installer.Prod.k3s_a-1
UNINSTALLER_ID=com.example.R-D.uninstaller.Prod.k3s_a-1

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
	if is_gone "$unload_target"; then
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
	while ! is_gone "$unload_target"; do
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
# Where a package leaves the property list for postinstall, one for each
# condition, and the instance's template.
STAGED_AGENT=$SUPPORT_DIR/$AGENT_LABEL.plist
STAGED_DAEMON=$SUPPORT_DIR/$DAEMON_LABEL.plist
TEMPLATE_FILE=$SUPPORT_DIR/template.yaml
# The property list with what was found on this Mac. For login it stays, since
# the one that launchd reads is the user's to change.
FILLED_PLIST=$SUPPORT_DIR/filled.plist
# The name of the user who was found.
USER_FILE=$SUPPORT_DIR/user
# The job as it was before an update.
PREVIOUS_PLIST=$SUPPORT_DIR/previous.plist
# What is left to this Mac to say.
FIND_USER=no
[ -n "$LIMA_USER" ] || FIND_USER=yes
FIND_LIMACTL=no
[ -n "$LIMACTL" ] || FIND_LIMACTL=yes
FIND_FOLDER=no
[ -n "$INSTANCE_DIR" ] || FIND_FOLDER=yes

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

# The home folder of the account $2 in the directory $1. A value with a space in
# it comes on a line of its own.
home_of() {
	dscl "$1" -read "/Users/$2" NFSHomeDirectory </dev/null 2>/dev/null |
		sed -n -e 's/^NFSHomeDirectory: *//' -e 's/^ //' -e '/^\//{p;q;}'
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

# Finds on this Mac what the settings leave to it (`auto`): the user, limactl.
# Needs config.sh, launchd.sh and common.sh. It only defines functions.
#
# Whether a user has the instance is asked with that user's own rights, and so
# is what limactl is. A link that a user planted leads that user alone, and
# nowhere to what another user owns: `test -O` looks at what it leads to.
# shellcheck disable=SC2034 # the scripts that read this file use what it sets

# Finds who the instance runs as: LIMA_USER, LIMA_UID, HOME_DIR, and the folders
# that follow from it. Status 1: nobody, for the reason in USER_PROBLEM, with
# what to do about it in USER_ADVICE.
find_user() {
	if [ "$FIND_USER" = yes ]; then
		find_owner || return
		note "Found: $LIMA_USER, for the instance in $INSTANCE_DIR."
	else
		find_account
	fi
}

# The people with an account of this Mac's own, as lines "ID NAME". Apple gives
# them ids from 501 on; names of services begin with `_`.
local_users() {
	dscl . -list /Users UniqueID </dev/null 2>/dev/null |
		sed -n 's/^\([^_].*\)[[:space:]]\([0-9]\{3,10\}\)$/\2 \1/p'
}

# Whether the folder $1 is an instance, and the user's own.
owns_instance() {
	as_user test -O "$1" && as_user test -O "$1/lima.yaml"
}

# Where the instance of a user with the home folder $1 is.
instance_dir_of() {
	printf '%s/%s\n' "${LIMA_HOME_DIR:-$1/.lima}" "$INSTANCE"
}

# Takes the user $2 with the id $1 and the home folder $3.
take_user() {
	LIMA_UID=$1
	LIMA_USER=$2
	HOME_DIR=$3
	if [ "$FIND_FOLDER" = yes ]; then
		LIMA_HOME_DIR=$HOME_DIR/.lima
		INSTANCE_DIR=$LIMA_HOME_DIR/$INSTANCE
	fi
}

# Finds the one local user who owns the instance; where the package brings a
# template and nobody has the instance, the one local user there is.
find_owner() {
	people=
	people_count=0
	owners=
	owners_count=0
	# The users are all read before one of them is asked.
	while read -r look_uid look_name <&3; do
		if [ -z "$look_name" ] || [ "$look_uid" -lt 500 ]; then
			continue
		fi
		LIMA_UID=$look_uid
		look_home=$(home_of . "$look_name")
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
		people=${people:+$people, }$look_name
		people_count=$((people_count + 1))
		person_uid=$look_uid
		person_name=$look_name
		person_home=$look_home
		if owns_instance "$(instance_dir_of "$look_home")"; then
			owners=${owners:+$owners, }$look_name
			owners_count=$((owners_count + 1))
			owner_uid=$look_uid
			owner_name=$look_name
			owner_home=$look_home
		fi
	done 3<<END
$(local_users)
END
	USER_ADVICE="Or build the package for one user, with --user NAME."
	if [ "$owners_count" -eq 1 ]; then
		take_user "$owner_uid" "$owner_name" "$owner_home"
		return
	fi
	if [ "$people_count" -eq 0 ]; then
		USER_PROBLEM="this Mac has no local user with a home folder"
	elif [ "$owners_count" -gt 1 ]; then
		USER_PROBLEM="several users of this Mac have a Lima instance $INSTANCE: $owners"
		USER_ADVICE="Build the package for one of them, with --user NAME."
	elif [ -z "$TEMPLATE" ]; then
		USER_PROBLEM="no user of this Mac owns a Lima instance $INSTANCE at \
${LIMA_HOME_DIR:-~/.lima}/$INSTANCE; looked at: $people"
		USER_ADVICE="Create it as its user (\"limactl create --name=$INSTANCE\") and install again. $USER_ADVICE"
	elif [ "$people_count" -gt 1 ]; then
		USER_PROBLEM="no user of this Mac has a Lima instance $INSTANCE, and it could be created for any of: $people"
		USER_ADVICE="Create it as one of them and install again. $USER_ADVICE"
	else
		take_user "$person_uid" "$person_name" "$person_home"
		if ! user_has "$INSTANCE_DIR"; then
			return 0
		fi
		USER_PROBLEM="what is at $INSTANCE_DIR is no Lima instance of $LIMA_USER's own"
		USER_ADVICE="Remove it and install again. $USER_ADVICE"
	fi
	return 1
}

# Finds the first limactl of the usual places that this Mac's processor runs
# itself: LIMACTL, and the SEARCH_PATH with it. One for Intel would run under
# Rosetta on Apple silicon, which Lima refuses (lima-vm/lima#740). Status 1: none,
# for the reason in LIMACTL_PROBLEM.
find_limactl() {
	if [ "$FIND_LIMACTL" = no ]; then
		return 0
	fi
	# `uname -m` says x86_64 on Apple silicon as well, where Rosetta runs it.
	processor=x86_64
	if [ "$(sysctl -n hw.optional.arm64 </dev/null 2>/dev/null)" = 1 ]; then
		processor=arm64
	fi
	limactl_looks=
	for limactl_file in /opt/homebrew/bin/limactl /usr/local/bin/limactl /opt/local/bin/limactl; do
		if ! as_user test -e "$limactl_file"; then
			limactl_look="is not there"
		elif ! as_user test -f "$limactl_file" || ! as_user test -x "$limactl_file"; then
			limactl_look="is nothing that $LIMA_USER may run"
		elif runs_here "$limactl_file"; then
			LIMACTL=$limactl_file
			SEARCH_PATH=${LIMACTL%/*}:/usr/bin:/bin:/usr/sbin:/sbin
			note "Found: $LIMACTL, for $processor."
			return 0
		else
			limactl_look="is not for $processor"
		fi
		limactl_looks=${limactl_looks:+$limactl_looks, }"$limactl_file $limactl_look"
	done
	LIMACTL_PROBLEM="there is no limactl for this Mac ($processor): $limactl_looks"
	return 1
}

# Whether the processor runs the program $1 itself: it has code for it, or is a
# script, as wrappers are. lipo(1) comes with Xcode, file(1) with every Mac.
runs_here() {
	case $(as_user file -bL "$1" </dev/null 2>/dev/null) in
	*Mach-O*"$processor"*) return 0 ;;
	*Mach-O*) return 1 ;;
	*script*) return 0 ;;
	*) return 1 ;;
	esac
}

# Makes FILLED_PLIST: the package's property list with what was found. Values
# reach it as arguments of plutil's. ProgramArguments comes as a whole: by an
# index plutil inserts, and the packaged program would stay as the first
# argument (neomjs/neo#16440). Neither name of its JSON can have a quote in it.
fill_in() {
	cp "$PACKAGED_PLIST" "$FILLED_PLIST" || return
	if [ "$FIND_USER" = yes ] && [ "$CONDITION" = boot ]; then
		fill_in_value UserName -string "$LIMA_USER" || return
	fi
	if [ "$FIND_FOLDER" = yes ]; then
		fill_in_value WorkingDirectory -string "$INSTANCE_DIR" &&
			fill_in_value StandardOutPath -string "$INSTANCE_DIR/launchd.stdout.log" &&
			fill_in_value StandardErrorPath -string "$INSTANCE_DIR/launchd.stderr.log" || return
	fi
	if [ "$FIND_LIMACTL" = yes ]; then
		fill_in_value ProgramArguments -json "[\"$LIMACTL\", \"start\", \"$INSTANCE\", \"--foreground\"]" || return
		if [ "$SETS_PATH" = no ]; then
			fill_in_value EnvironmentVariables.PATH -string "$SEARCH_PATH" || return
		fi
	fi
	plutil -lint "$FILLED_PLIST" </dev/null >&2
}

fill_in_value() {
	/usr/bin/plutil -replace "$1" "$2" "$3" "$FILLED_PLIST" </dev/null >&2
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

# Removes what the package put on this Mac. It is put behind config.sh,
# launchd.sh, common.sh and found.sh, so that it needs no file beside it: people
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
	for uninstall_file in "$STAGED_AGENT" "$STAGED_DAEMON" "$TEMPLATE_FILE" "$FILLED_PLIST" "$PREVIOUS_PLIST"; do
		remove_root_file "$uninstall_file" || uninstall_status=1
	done
	if [ "$uninstall_status" -ne 0 ]; then
		note "error: not everything could be removed; see above. Restart the Mac, then run this again."
		return 1
	fi
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
