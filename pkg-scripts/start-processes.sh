#!/bin/sh
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
