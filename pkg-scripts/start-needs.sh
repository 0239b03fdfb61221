#!/bin/sh
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
	vm_problem="$vm_home is missing"
	# limactl makes it for its first instance, but not in place of a volume.
	[ -n "$vm_template" ] && [ -d "${vm_home%/*}/" ] && [ -w "${vm_home%/*}/" ]
}

# Finds limactl: what the settings name, or with `auto` the first of the usual
# places that the processor runs itself. One for Intel would run under Rosetta on
# Apple silicon, which Lima refuses (lima-vm/lima#740).
vm_has_limactl() {
	vm_advice="Waiting until Lima is installed."
	vm_version=
	if [ "$vm_bundled" = yes ]; then
		vm_has_bundled_limactl
		return
	fi
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

# Finds limactl where a package put it: in VERSION/PROCESSOR/bin, to which the folder
# that it was given is a link. By that path its processes tell which version they
# are of, so that a package does not remove it under them.
vm_has_bundled_limactl() {
	vm_advice="Waiting until it is there. Install the package again."
	vm_problem="there is no program $vm_limactl_option, which the package brings"
	vm_limactl=$(cd "${vm_limactl_option%/*}" 2>/dev/null && pwd -P)/limactl
	[ -f "$vm_limactl" ] && [ -x "$vm_limactl" ] || return 1
	vm_version=${vm_limactl%/*/bin/limactl}
	vm_version=${vm_version##*/}
}

# Whether the package's Lima may run the instance. What a newer Lima made need not
# work with an older one. `lima-version` is Lima's own file (pkg/limatype/filenames).
vm_is_old_enough() {
	vm_made_by=$(vm_first_line "$vm_dir/lima-version")
	if [ -z "$vm_version" ] || [ -z "$vm_made_by" ] || ! is_newer "$vm_made_by" "$vm_version"; then
		return 0
	fi
	vm_problem="the instance was made by Lima $vm_made_by, which is newer than the package's, $vm_version"
	vm_advice="Install a package with Lima $vm_made_by or newer, or make the instance anew."
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
			vm_look="is missing"
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
	if [ "$vm_limactl_option" = auto ] || [ "$vm_bundled" = yes ] && [ "$vm_sets_path" = no ]; then
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
		vm_problem="what is at $vm_dir is not a Lima instance"
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
