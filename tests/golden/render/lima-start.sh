#!/bin/sh
# Prepares the start of a Lima instance, runs it, and starts it again.
# One file made of several, so that it needs none beside it.
# shellcheck disable=SC1003,SC2016,SC2034,SC2089,SC2090,SC2154,SC2317 # literal values; a part of what is defined is used

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
		# A full disk is no reason to end.
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

# The processes of the instance: which there are, and how one is ended that was
# left behind. It only defines functions.
#
# Only the user's own processes are looked at: Lima runs everything of an
# instance as its user, and a process of another user can never be part of it.
#
# | process | its command line (Lima's sources, v2.2) |
# |---|---|
# | host agent | `limactl [--debug] hostagent --pidfile DIR/ha.pid ... NAME` (pkg/instance/start.go) |
# | a VM of vz | part of the host agent |
# | QEMU | `qemu-system-... -pidfile DIR/qemu.pid ...`, in a process group of its own |
# | krunkit | names DIR/diffdisk |
# | another driver | `lima-driver-NAME`, without the folder: its pid file alone tells whose it is |
# | being started | `limactl start NAME`, which becomes or starts the host agent |
# | being created | `limactl create ... NAME`, which has written lima.yaml long before it is done |
# shellcheck disable=SC2034,SC2154 # one program with the other files of lima-start

# Prints "PID PARENT COMMAND" for each process of the user. Status 1: they cannot
# be listed.
vm_processes() {
	if [ -r /proc/self/cmdline ]; then
		vm_processes_of_linux
	else
		ps -ww -x -U "$vm_uid" -o pid= -o ppid= -o command=
	fi 2>/dev/null | grep . || return 1
}

# Where there is no ps(1), as in a minimal Debian.
vm_processes_of_linux() {
	for vm_process in /proc/[0-9]*; do
		[ -O "$vm_process" ] || continue
		vm_parent=$(sed -n 's/^PPid:[[:space:]]*//p' "$vm_process/status")
		printf '%s %s %s\n' "${vm_process#/proc/}" "$vm_parent" "$(tr '\000\n' '  ' <"$vm_process/cmdline")"
	done
}

# Looks at all processes of the user. Of those of the instance, vm_agents has the
# host agents, vm_drivers the drivers, vm_starters each `limactl start` or `create` of it,
# vm_others each lima-start but this one that goes before it: ids, a space before
# each. Of two that are started at once the one with the lower number goes first.
# Status 1: they could not be listed.
vm_look_around() {
	vm_agents=
	vm_drivers=
	vm_starters=
	vm_others=
	vm_shells=" $$ "
	vm_parents=
	vm_listed=no
	vm_list=$(vm_processes)
	while read -r vm_pid vm_parent vm_command; do
		if [ "$vm_pid" = "$$" ]; then
			vm_listed=yes
		else
			vm_sort_process
		fi
	done <<END
$vm_list
END
	# A shell's subshells have its command line, those of this one as well.
	for vm_pid in $vm_parents; do
		case $vm_shells in
		*" ${vm_pid#*:} "*) ;;
		*) [ "${vm_pid%:*}" -gt "$$" ] || vm_others="$vm_others ${vm_pid%:*}" ;;
		esac
	done
	for vm_file in "$vm_dir"/*.pid; do
		vm_pid=$(vm_number_in "$vm_file")
		if [ -n "$vm_pid" ] && vm_is_left_driver "$vm_pid"; then
			vm_drivers="$vm_drivers $vm_pid"
		fi
	done
	[ "$vm_listed" = yes ]
}

# Sorts the process vm_pid with the command line vm_command into the lists.
vm_sort_process() {
	case $vm_command in
	*/lima-start\ "--instance=$vm_name "*)
		case $vm_command in
		*" --lima-home=$vm_home "*) ;;
		*" --lima-home="*) return ;;
		*) [ -z "$vm_home_option" ] || [ "$vm_home" = "$HOME/.lima" ] || return ;;
		esac
		vm_shells="$vm_shells$vm_pid "
		vm_parents="$vm_parents $vm_pid:$vm_parent"
		;;
	*/lima-start\ --*) ;;
	*limactl\ *) vm_sort_limactl "${vm_command#*limactl } " ;;
	# As Nix wraps it.
	*limactl-wrapped\ *) vm_sort_limactl "${vm_command#*limactl-wrapped } " ;;
	*\ hostagent\ *"$vm_dir/ha.pid "* | *\ hostagent\ *"$vm_real_dir/ha.pid "*) vm_agents="$vm_agents $vm_pid" ;;
	*"$vm_dir/"* | *"$vm_real_dir/"*)
		if vm_is_driver "$vm_command"; then
			vm_drivers="$vm_drivers $vm_pid"
		fi
		;;
	esac
}

# The same for a limactl with the arguments $1, a space behind each.
vm_sort_limactl() {
	vm_words=$1
	while :; do
		case $vm_words in
		--log-level\ * | --log-format\ *)
			vm_words=${vm_words#* }
			vm_words=${vm_words#* }
			;;
		-*) vm_words=${vm_words#* } ;;
		*) break ;;
		esac
	done
	case $vm_words in
	hostagent\ *" $vm_dir/ha.pid "* | hostagent\ *" $vm_real_dir/ha.pid "*) vm_agents="$vm_agents $vm_pid" ;;
	# The name may be that of a template, too: template:NAME, DIR/NAME.yaml.
	create\ *[\ =/:]"$vm_name "* | create\ *[\ =/:]"$vm_name.yaml "*) vm_starters="$vm_starters $vm_pid" ;;
	start\ *[\ =/:]"$vm_name "* | start\ *[\ =/:]"$vm_name.yaml "*) vm_starters="$vm_starters $vm_pid" ;;
	start\ "$vm_name "* | restart\ "$vm_name "* | restart\ *" $vm_name "*) vm_starters="$vm_starters $vm_pid" ;;
	esac
}

# The id of the process in the pid file $1.
vm_number_in() {
	vm_first_line "$1" | sed -n 's/^[[:space:]]*\([1-9][0-9]\{0,9\}\)[[:space:]]*$/\1/p'
}

# The parent of the process $1, and its command line, behind one space.
vm_line_of() {
	printf '%s\n' "$vm_list" | sed -n "s/^ *$1  *\([0-9][0-9]*\) */\1 /p"
}

# Whether the process $1, which a pid file of the instance's names, is a driver
# without a host agent. Those of other instances have theirs.
vm_is_left_driver() {
	vm_line=$(vm_line_of "$1")
	case $vm_line in
	*/lima-driver-*)
		case $(vm_line_of "${vm_line%% *}") in
		*\ hostagent\ *) return 1 ;;
		*) return 0 ;;
		esac
		;;
	*) return 1 ;;
	esac
}

# Whether the command line $1 is one of a program that runs VMs.
vm_is_driver() {
	case ${1%% *} in
	*qemu-system-* | *krunkit | *vfkit | *lima-driver-*) return 0 ;;
	esac
	# Its path may have spaces.
	case $1 in
	*/qemu-system-* | */krunkit\ * | */vfkit\ * | */lima-driver-*) return 0 ;;
	esac
	return 1
}

# Whether the process $1, which a pid file of the instance's names, is shown to be
# none of this instance's, where nothing of the instance was found: it is gone, is
# another user's, or is listed and neither a host agent nor a driver of an
# instance of this name, whatever the way to its folder was called.
vm_is_foreign() {
	if ! kill -0 "$1" 2>/dev/null; then
		return 0
	fi
	vm_line=$(vm_line_of "$1")
	case "$vm_line " in
	' ') return 1 ;;
	*\ hostagent\ *" $vm_name "*) return 1 ;;
	*"/$vm_name/"*) ! vm_is_driver "${vm_line#* }" ;;
	*) return 0 ;;
	esac
}

# Whether any of the processes $@ is there.
vm_any_lives() {
	for vm_pid in "$@"; do
		if kill -0 "$vm_pid" 2>/dev/null; then
			return 0
		fi
	done
	return 1
}

# Waits up to $1 seconds for the processes in vm_drivers to end.
vm_wait_for_drivers() {
	vm_left=$1
	# shellcheck disable=SC2086 # numbers, each a word
	while vm_any_lives $vm_drivers; do
		if [ "$vm_left" -le 0 ]; then
			return 1
		fi
		sleep 1
		vm_left=$((vm_left - 1))
	done
}

# Ends drivers that run on without their host agent: with one of them alive,
# limactl refuses to start the instance, and a second one on the same disk would
# destroy it. QEMU writes what it has to its disk image when it gets SIGTERM.
# Status 1: one is still there.
vm_end_drivers() {
	vm_say "The VM's driver runs without its host agent (process$vm_drivers), and is asked to end."
	# lima-start, told to end, has little time left when limactl was killed.
	vm_grace=30
	[ "$vm_ending" = no ] || vm_grace=8
	# shellcheck disable=SC2086 # numbers, each a word
	kill -TERM $vm_drivers 2>/dev/null
	if vm_wait_for_drivers "$vm_grace"; then
		vm_say "The driver has ended."
		return 0
	fi
	vm_say "The driver did not end in $vm_grace seconds, and is killed."
	# shellcheck disable=SC2086
	kill -KILL $vm_drivers 2>/dev/null
	vm_wait_for_drivers 4
}

# What an earlier run left in the instance's folder. It only defines functions.
#
# Lima takes a pid file for a living process when signal 0 reaches the process of
# that number, or is not permitted (pkg/store/instance.go, ReadPIDFile). After a
# restart the number is often another program's: "vz driver is running but host
# agent is not", for good (lima-vm/lima#5087). The vz driver never removes its
# file, and a power cut leaves all of them, some of them empty.
#
# A file is removed only when nothing of the instance lives: a second VM on the
# same disk would destroy it (the review of lima-vm/lima#5088).
# shellcheck disable=SC2034,SC2154 # one program with the other files of lima-start

# The file that tells in which boot lima-start last started the instance. It has
# none of the suffixes that Lima removes.
VM_BOOT_FILE=lima-start.boot

# What is another at each boot, whatever the clock says.
vm_find_boot() {
	vm_boot=$(sysctl -n kern.bootsessionuuid 2>/dev/null) && [ -n "$vm_boot" ] ||
		vm_boot=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null) || vm_boot=
}

# Prints the first line of the file $1, if it is one: not a folder, not a fifo,
# and no more than 80 bytes of it.
vm_first_line() {
	if [ -f "$1" ]; then
		head -c 80 "$1" 2>/dev/null | tr -d '\000' | sed 1q
	fi
}

# Writes down that what is in the folder from now on is of this boot.
vm_note_boot() {
	vm_new=$vm_dir/$VM_BOOT_FILE.$$
	rm -f "$vm_new"
	if { printf '%s\n' "$vm_boot" >"$vm_new" && vm_put_in_place "$vm_new" "$vm_dir/$VM_BOOT_FILE"; } 2>/dev/null; then
		return
	fi
	rm -f "$vm_new" 2>/dev/null
	vm_say "$vm_dir cannot be written: is the disk full? The VM is started all the same."
}

# Removes what earlier runs left. Nothing of the instance may live. Status 1: a
# pid file names a process that may be the instance's.
vm_remove_stale() {
	vm_find_boot
	vm_other_boot=no
	vm_before=$(vm_first_line "$vm_dir/$VM_BOOT_FILE")
	if [ -n "$vm_boot" ] && [ -n "$vm_before" ] && [ "$vm_boot" != "$vm_before" ]; then
		vm_other_boot=yes
	fi
	for vm_file in "$vm_dir"/*.pid; do
		vm_pid=$(vm_number_in "$vm_file")
		# A process of the last boot is gone, whatever cannot be seen of those there are.
		if [ -z "$vm_pid" ] || vm_is_foreign "$vm_pid" || [ "$vm_other_boot$vm_listed" = yesyes ]; then
			continue
		fi
		vm_problem="$vm_file names process $vm_pid, which may be the VM's driver"
		return 1
	done
	vm_removed=
	for vm_file in "$vm_dir"/*.pid "$vm_dir"/*.sock "$vm_dir"/*.tmp; do
		if { [ -e "$vm_file" ] || [ -L "$vm_file" ]; } && { [ -L "$vm_file" ] || [ ! -d "$vm_file" ]; }; then
			rm -f "$vm_file" && vm_removed="$vm_removed ${vm_file##*/}"
		fi
	done
	if [ -z "$vm_removed" ]; then
		return 0
	fi
	if [ "$vm_other_boot" = yes ]; then
		vm_say "Removed what the last boot left in $vm_dir:$vm_removed."
	else
		vm_say "Removed what belongs to no process any more in $vm_dir:$vm_removed."
	fi
}

# What an instance needs to be started: the volume it is on, limactl, the
# instance itself. It only defines functions.
# shellcheck disable=SC2034,SC2154 # one program with the other files of lima-start

# Whether LIMA_HOME, or where it can be made, is there. A volume may be mounted
# later than this is started.
vm_has_home() {
	vm_advice="Waiting until its volume is mounted, or it is made."
	if [ -d "$vm_home" ]; then
		if vm_real_dir=$(cd "$vm_home" 2>/dev/null && pwd -P); then
			vm_real_dir=$vm_real_dir/$vm_name
			return 0
		fi
		vm_real_dir=$vm_dir
		vm_problem="$(id -un) cannot enter $vm_home"
		vm_advice="Waiting until that is allowed."
		return 1
	fi
	vm_problem="$vm_home is not there"
	# limactl makes it for its first instance, but not in place of a volume.
	[ -n "$vm_template" ] && [ -d "${vm_home%/*}/" ] && [ -w "${vm_home%/*}/" ]
}

# Finds limactl: what the settings name, or with `auto` the first of the usual
# places that the processor runs itself. One for Intel would run under Rosetta on
# Apple silicon, which Lima refuses (lima-vm/lima#740).
vm_has_limactl() {
	vm_advice="Waiting until Lima is installed."
	if [ "$vm_limactl_option" != auto ]; then
		vm_limactl=$vm_limactl_option
		if [ -f "$vm_limactl" ] && [ -x "$vm_limactl" ]; then
			return 0
		fi
		vm_problem="there is no program $vm_limactl"
		return 1
	fi
	if [ "$(uname -s)" = Darwin ]; then
		vm_has_limactl_of_mac
		return
	fi
	for vm_limactl in /usr/local/bin/limactl /usr/bin/limactl /home/linuxbrew/.linuxbrew/bin/limactl; do
		if [ -f "$vm_limactl" ] && [ -x "$vm_limactl" ]; then
			return 0
		fi
	done
	vm_problem="there is no limactl in /usr/local/bin, /usr/bin and /home/linuxbrew/.linuxbrew/bin"
	return 1
}

vm_has_limactl_of_mac() {
	# `uname -m` says x86_64 on Apple silicon as well, where Rosetta runs it.
	vm_processor=x86_64
	if [ "$(sysctl -n hw.optional.arm64 2>/dev/null)" = 1 ]; then
		vm_processor=arm64
	fi
	vm_looks=
	for vm_limactl in /opt/homebrew/bin/limactl /usr/local/bin/limactl /opt/local/bin/limactl; do
		if [ ! -e "$vm_limactl" ]; then
			vm_look="is not there"
		elif [ ! -f "$vm_limactl" ] || [ ! -x "$vm_limactl" ]; then
			vm_look="is nothing that $(id -un) may run"
		elif vm_runs_here "$vm_limactl"; then
			return 0
		else
			vm_look="is not for $vm_processor"
		fi
		vm_looks=${vm_looks:+$vm_looks, }"$vm_limactl $vm_look"
	done
	vm_problem="there is no limactl for this Mac ($vm_processor): $vm_looks"
	return 1
}

# Whether the processor runs the program $1 itself: it has code for it, or is a
# script, as wrappers are. lipo(1) comes with Xcode, file(1) with every Mac.
vm_runs_here() {
	case $(file -bL "$1" 2>/dev/null) in
	*Mach-O*"$vm_processor"*) return 0 ;;
	*Mach-O*) return 1 ;;
	*script*) return 0 ;;
	*) return 1 ;;
	esac
}

# Becomes limactl with the arguments $@, in the environment of the job; for a
# subshell. With `auto`, its folder goes before those of PATH unless the settings
# give a PATH: limactl starts QEMU and its helpers by name.
vm_become_limactl() {
	PATH=$vm_path
	if [ "$vm_limactl_option" = auto ] && [ "$vm_sets_path" = no ]; then
		PATH=${vm_limactl%/*}:$vm_path
	fi
	export PATH
	# Also where it is Lima's own: limactl must mean the folder that was looked at.
	if [ -n "$vm_home_option" ]; then
		LIMA_HOME=$vm_home
		export LIMA_HOME
	fi
	cd "$vm_dir" 2>/dev/null || cd "$vm_home" 2>/dev/null || cd "$HOME" || exit
	exec "$vm_limactl" "$@"
}

# Whether the instance is there; where the package has a template, it is made.
# Whatever lies in its place, be it a link to nothing, is the user's and is not
# touched. `limactl start NAME` would make one from Lima's own template.
vm_has_instance() {
	vm_created=no
	vm_cut_short=no
	if [ -f "$vm_making" ] && [ ! -L "$vm_making" ]; then
		vm_cut_short=yes
	elif [ -f "$vm_dir/lima.yaml" ]; then
		return 0
	fi
	vm_problem="there is no Lima instance in $vm_dir"
	vm_advice="Waiting until somebody makes it: limactl create --name=$vm_name"
	if [ -z "$vm_template" ]; then
		return 1
	fi
	if [ "$vm_cut_short" = yes ]; then
		vm_problem="what a try to create the instance left in $vm_dir cannot be removed"
		vm_advice="Waiting until it can."
		vm_remove_half_made || return 1
		vm_say "The last try to create the instance was cut short."
	fi
	if [ -f "$vm_dir/lima.yaml" ]; then
		return 0
	fi
	if [ -e "$vm_dir" ] || [ -L "$vm_dir" ]; then
		vm_problem="what is at $vm_dir is no Lima instance"
		vm_advice="Waiting until somebody removes it; it is made anew then."
		return 1
	fi
	vm_create
}

# Creates the instance. There is no time limit: its image is downloaded. Status
# 1: it could not be, and what was half made is gone.
vm_create() {
	[ "$vm_ending" = no ] || return 1
	[ -d "$vm_home" ] || mkdir -m 700 "$vm_home" 2>/dev/null
	# A fifo in its place would keep the shell waiting.
	rm -f "$vm_making" 2>/dev/null
	if ! { true >"$vm_making"; } 2>/dev/null; then
		vm_problem="the instance cannot be created, because $vm_making cannot be written"
		vm_advice="Waiting until it can."
		return 1
	fi
	vm_say "Creating the instance from $vm_template. Its image may have to be downloaded, which takes a while."
	vm_open_log
	vm_started=$(date +%s)
	(vm_become_limactl create --tty=false "--name=$vm_name" "$vm_template") </dev/null >&3 2>&3 3>&- &
	vm_child=$!
	vm_wait_for_child
	if [ "$vm_status" -eq 0 ] && [ -f "$vm_dir/lima.yaml" ] && rm -f "$vm_making"; then
		vm_failures=0
		vm_created=yes
		vm_say "Created the instance in $vm_dir."
		return 0
	fi
	vm_remove_half_made
	vm_lengthen_pause
	vm_wait=$vm_pause
	vm_problem="limactl create ended with status $vm_status"
	vm_advice="What it said is above. The next try is in $vm_pause seconds."
	return 1
}

# Whether there is something at $1 that is older than the try to create.
vm_is_older() {
	# shellcheck disable=SC3013 # POSIX.1-2024 has it
	[ -e "$1" ] && [ "$1" -ot "$vm_making" ]
}

# Removes what a try to create the instance left, unless it is a person's,
# however that was overlooked: with it would go its disk. A person's is older than
# the try, or was started since (pkg/hostagent makes cidata.iso at each start).
# Status 1: something of it is left.
vm_remove_half_made() {
	if [ -e "$vm_dir" ] || [ -L "$vm_dir" ]; then
		if vm_is_older "$vm_dir" || vm_is_older "$vm_dir/lima.yaml" ||
			[ -e "$vm_dir/cidata.iso" ] || [ -e "$vm_dir/ha.stderr.log" ]; then
			vm_say "$vm_dir was not made by the try to create it, and stays."
		else
			(vm_become_limactl delete --force "$vm_name") </dev/null >&3 2>&3 3>&-
			if { [ -e "$vm_dir" ] || [ -L "$vm_dir" ]; } && ! rm -rf "$vm_dir" 2>&3; then
				return 1
			fi
			vm_say "Removed $vm_dir, which was half made."
		fi
	fi
	rm -f "$vm_making"
}

# Runs the instance, says why it ended, and how long is waited before the next
# try. It only defines functions.
# shellcheck disable=SC2034,SC2154 # one program with the other files of lima-start

# How long is waited before the next try: 30 seconds, then twice as long each
# time, up to ten minutes.
vm_lengthen_pause() {
	vm_failures=$((vm_failures + 1))
	vm_pause=30
	vm_doubled=1
	while [ "$vm_doubled" -lt "$vm_failures" ] && [ "$vm_pause" -lt 600 ]; do
		vm_pause=$((vm_pause * 2))
		vm_doubled=$((vm_doubled + 1))
	done
	if [ "$vm_pause" -gt 600 ]; then
		vm_pause=600
	fi
}

# Why the host agent ended, as its log has it (pkg/hostagent/hostagent.go): person
# (`limactl stop` sends SIGINT), guest (it was switched off from inside), or
# nothing.
vm_reason() {
	if [ ! -f "$vm_dir/ha.stderr.log" ]; then
		return
	fi
	sed -n -e '/Received SIGINT, shutting down/s/.*/person/p' \
		-e '/Driver stopped due to error: .*vz driver state stopped/s/.*/guest/p' \
		-e '/Driver stopped due to error: .*%!q(/s/.*/guest/p' \
		-e '/Driver stopped due to error: /s/.*/crash/p' "$vm_dir/ha.stderr.log" | sed 1q
}

# Has limactl run the instance until it ends. vm_why says why it ended.
vm_run() {
	# limactl makes a new one; of the last run nothing must be taken for this one's.
	if [ -e "$vm_dir/ha.stderr.log" ] || [ -L "$vm_dir/ha.stderr.log" ]; then
		vm_put_in_place "$vm_dir/ha.stderr.log" "$vm_dir/ha.stderr.previous.log" 2>/dev/null ||
			rm -f "$vm_dir/ha.stderr.log" 2>/dev/null
	fi
	vm_note_boot
	vm_say "Starting the instance: $vm_limactl $*"
	vm_open_log
	vm_started=$(date +%s)
	[ "$vm_ending" = no ] || return
	(vm_become_limactl "$@") </dev/null >&3 2>&3 3>&- &
	vm_child=$!
	vm_wait_for_child
	vm_ran=$(($(date +%s) - vm_started))
	vm_why=$(vm_reason)
	vm_clean_up
}

# Nothing of the instance is left when limactl has ended.
vm_clean_up() {
	vm_look_around
	if [ -n "$vm_drivers" ] && [ -z "$vm_agents$vm_starters$vm_others" ]; then
		vm_end_drivers
	fi
}

# Says what became of the VM. Status 0: it is to stay stopped.
vm_judge() {
	vm_until="It stays stopped until the next boot or login."
	case $vm_keep_alive/$vm_why in
	always/person | always/guest)
		vm_pause=30
		vm_failures=0
		vm_say "The VM was stopped. It is kept alive, and started again in $vm_pause seconds."
		return 1
		;;
	*/person)
		vm_say "The VM was stopped by a person (limactl stop). $vm_until"
		return 0
		;;
	*/guest)
		vm_say "The VM was switched off from inside. $vm_until"
		return 0
		;;
	never/*)
		vm_say "limactl ended with status $vm_status. $vm_until"
		return 0
		;;
	on-failure/)
		if [ "$vm_status" -eq 0 ]; then
			vm_say "limactl ended, and nothing says that the VM crashed. $vm_until"
			return 0
		fi
		;;
	esac
	if [ "$vm_ran" -ge 600 ]; then
		vm_failures=0
	fi
	vm_lengthen_pause
	vm_say_once "limactl ended with status $vm_status; $vm_dir/ha.stderr.log and serial*.log may say why." \
		"The next try is in $vm_pause seconds."
	return 1
}

# What launchd and systemd run for an instance: it prepares the start, has
# limactl run the instance, and starts it again where that is wanted.
#
#   lima-start [OPTION...] LIMACTL start NAME --foreground
#   lima-start check|status [OPTION...] LIMACTL
#
#   --instance=NAME      the instance
#   --keep-alive=RULE    on-failure, always or never
#   --exit-timeout=SEC   seconds between SIGTERM and SIGKILL for this program
#   --lima-home=PATH     LIMA_HOME, where the settings give one
#   --template=FILE      what the instance is created from where there is none
#   --log=FILE           its log; where the path is not absolute, below $HOME
#   --sets-path          PATH is the settings' own
#
# LIMACTL is a path, or `auto`. It ends with 0 when the instance is to stay
# stopped until the next boot or login, or was told to end; otherwise with
# limactl's status. 64: wrong arguments. 77: it runs as root. `check` says what
# is missing, `status` what `limactl list` says; both end with 1 where the
# instance cannot run, or does not.
#
# The files that define its functions are put before this one, so that it needs
# none beside it: start-log.sh, start-processes.sh, start-stale.sh,
# start-needs.sh, start-run.sh.
# shellcheck disable=SC2034,SC2154 # those files use what it sets

set -u

# 64 and its reason, on standard error.
vm_refuse() {
	printf 'lima-start: %s\n' "$*" >&2
	return 64
}

vm_read_options() {
	vm_problem=
	vm_advice=
	vm_name=
	vm_keep_alive=on-failure
	vm_patience=225
	vm_home_option=
	vm_template=
	vm_log=
	vm_sets_path=no
	while [ "$#" -gt 0 ]; do
		case $1 in
		--instance=*) vm_name=${1#*=} ;;
		--keep-alive=*) vm_keep_alive=${1#*=} ;;
		--exit-timeout=*)
			vm_patience=${1#*=}
			# Some of it for what has to be done when limactl had to be killed.
			vm_patience=$((vm_patience > 30 ? vm_patience - 15 : vm_patience / 2))
			;;
		--lima-home=*) vm_home_option=${1#*=} ;;
		--template=*) vm_template=${1#*=} ;;
		--log=*) vm_log=${1#*=} ;;
		--sets-path) vm_sets_path=yes ;;
		-*) vm_refuse "$1 is no option." || return ;;
		*) break ;;
		esac
		shift
	done
	if [ "$#" -eq 0 ] || [ -z "$vm_name" ]; then
		vm_refuse "the instance (--instance=NAME) or limactl is missing." || return
	fi
	if [ -z "${HOME:-}" ]; then
		vm_refuse "HOME is not set." || return
	fi
	vm_limactl_option=$1
	vm_home=${vm_home_option:-${LIMA_HOME:-$HOME/.lima}}
	vm_dir=$vm_home/$vm_name
	vm_real_dir=$vm_dir
	# limactl takes no folder whose name begins with a dot for an instance.
	vm_making=$vm_home/.$vm_name.lima-start
	vm_find_log
}

# limactl's start may be refused while something of the instance lives. Status 1:
# it does. A VM that a person started is left alone.
vm_is_free() {
	vm_advice="Waiting until that has ended."
	vm_look_around
	if [ -n "$vm_others" ]; then
		vm_problem="another lima-start is there for this instance (process$vm_others)"
	elif [ -n "$vm_agents" ]; then
		vm_problem="the VM runs already; somebody else started it (process$vm_agents)"
		vm_by_hand=yes
	elif [ -n "$vm_starters" ]; then
		vm_problem="somebody is creating or starting the instance (process$vm_starters)"
	elif [ -n "$vm_drivers" ]; then
		vm_problem="the VM's driver runs without its host agent (process$vm_drivers)"
		# It may be about to end, as its host agent was.
		vm_rest 2 || return 1
		vm_look_around
		if [ -z "$vm_agents$vm_starters" ] && [ -n "$vm_drivers" ]; then
			vm_end_drivers || return 1
		fi
	fi
	[ -z "$vm_others$vm_agents$vm_starters" ] || return 1
	vm_remove_stale || return
	[ "$vm_listed" = yes ] || vm_say "The processes of $(id -un) cannot be listed."
}

vm_is_ready() {
	# Nothing is made, or removed, where another process may be at it; making it
	# may have taken an hour.
	vm_has_home && vm_has_limactl && vm_is_free && vm_has_instance &&
		{ [ "$vm_created" = no ] || vm_is_free; }
}

# Waits until limactl can start the instance. Status 1: lima-start is told to end,
# or the VM is to stay stopped.
vm_prepare() {
	vm_looked=0
	vm_by_hand=no
	while [ "$vm_ending" = no ]; do
		vm_wait=
		if vm_is_ready && [ "$vm_ending" = no ]; then
			return 0
		fi
		[ "$vm_ending" = no ] || return 1
		vm_say_once "Not started: $vm_problem. $vm_advice"
		# Often at first, then once a minute.
		vm_looked=$((vm_looked + 1))
		if [ -z "$vm_wait" ]; then
			vm_wait=$((vm_looked < 12 ? 5 : 60))
		fi
		vm_rest "$vm_wait" || return 1
	done
	return 1
}

vm_main() {
	vm_failures=0
	vm_open_log
	while vm_prepare; do
		# What a person started, a person may have stopped since.
		if [ "$vm_by_hand" = yes ] && [ "$vm_keep_alive" != always ]; then
			vm_why=$(vm_reason)
			case $vm_why in
			person | guest) vm_judge && return 0 ;;
			esac
		fi
		vm_run "$@"
		[ "$vm_ending" = no ] || break
		if vm_judge; then
			case $vm_why in
			person | guest) return 0 ;;
			*) return "$vm_status" ;;
			esac
		fi
		vm_rest "$vm_pause" || break
	done
	# An earlier run may have left something.
	vm_clean_up
	vm_say "Ended, as asked."
}

# What keeps the instance from starting, a line each. Status 1: something does.
vm_check() {
	vm_checked=0
	if ! vm_has_home; then
		printf '%s. %s\n' "$vm_problem" "$vm_advice"
		vm_checked=1
	elif [ ! -w "$vm_home" ] && [ -d "$vm_home" ]; then
		printf '%s cannot write %s\n' "$(id -un)" "$vm_home"
		vm_checked=1
	fi
	if ! vm_has_limactl; then
		printf '%s. %s\n' "$vm_problem" "$vm_advice"
		vm_checked=1
	fi
	if [ "$vm_checked" -eq 0 ] && [ ! -f "$vm_dir/lima.yaml" ] && [ -z "$vm_template" ]; then
		printf 'there is no Lima instance in %s. Make it: limactl create --name=%s\n' "$vm_dir" "$vm_name"
		vm_checked=1
	fi
	if [ -d "$vm_dir" ] && [ ! -w "$vm_dir" ]; then
		printf '%s cannot write %s\n' "$(id -un)" "$vm_dir"
		vm_checked=1
	fi
	if [ -n "$vm_log" ] && ! vm_can_log; then
		printf '%s cannot write the log %s\n' "$(id -un)" "$vm_log"
	fi
	return "$vm_checked"
}

vm_print_status() {
	if ! vm_has_home || ! vm_has_limactl; then
		printf '%s\n' "$vm_problem"
		return 1
	fi
	vm_word=$( (vm_become_limactl list --format '{{.Status}}' "$vm_name") </dev/null 2>/dev/null)
	printf '%s\n' "${vm_word:-unknown}"
	[ "$vm_word" = Running ]
}

vm_ending=no
vm_child=
vm_watcher=
vm_sleep=
vm_passed_on=no
case ${1-} in
check | status) ;;
# What an earlier run left is put away, whenever this is told to end.
*) trap vm_on_signal HUP INT TERM ;;
esac
vm_uid=$(id -u)
vm_path=$PATH
PATH=/usr/bin:/bin:/usr/sbin:/sbin:$PATH
if [ "$vm_uid" -eq 0 ]; then
	printf 'lima-start: this does not run as root, which limactl refuses as well.\n' >&2
	logger -t lima-start "This does not run as root, which limactl refuses as well." </dev/null >/dev/null 2>&1
	# launchd would start it again and again.
	[ "$PPID" -ne 1 ] || exit 0
	exit 77
fi
case ${1-} in
check | status)
	vm_verb=$1
	shift
	;;
*) vm_verb=run ;;
esac
vm_read_options "$@" || exit
while [ "$1" != "$vm_limactl_option" ]; do
	shift
done
shift
case $vm_verb in
check) vm_check ;;
status) vm_print_status ;;
run) vm_main "$@" ;;
esac
exit
