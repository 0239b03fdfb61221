#!/bin/bash
# What a restart of the Mac is to show. It only defines functions; they use those
# of steps.sh, and of on-a-mac.sh the names of its instance.
#
# before_reboot installs the stand-in's instance, and a real one where it is told
# a name, plants in each what a restart leaves behind at its worst, and ends.
# after_reboot, in another boot, looks whether both run, kills the real one's host
# agent, stops it as a person does, and removes everything but the instance.

# Outlives the restart: the packages, the stand-in, what before_reboot knew.
kept=$HOME/.lima-autostart-restart

# has_priority PROCESS: it is not throttled as a background process is.
has_priority() {
	priority=$(ps -o pri= -p "${1:-0}" | tr -d ' ')
	[ "${priority:-0}" -ge 30 ]
	report $? "process $1 has the priority of what a person works with" 'about 31' "$priority"
}

# set_up NAME LIMACTL LIMA_HOME: installs a package for the instance.
set_up() {
	for kind in daemon autostart; do
		case $kind in
		daemon) file=/Library/LaunchDaemons/io.lima-vm.$kind.$1.plist ;;
		*) file=$HOME/Library/LaunchAgents/io.lima-vm.$kind.$1.plist ;;
		esac
		[ ! -e "$file" ] || die "$1 starts by itself already: $file"
	done
	cargo xtask dist "$1" --user "$user" --limactl "$2" --lima-home "$3" --unsigned --out "$kept/$1" ||
		die "the package for $1 was not built"
	sudo installer -pkg "$kept/$1/$1/macos/lima-$1-1.0.0.pkg" -target / || die "$1 was not installed"
	printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$kept/instances"
}

# before_reboot [INSTANCE]
before_reboot() {
	[ ! -e "$kept" ] || die "there is $kept already: tests/on-a-mac.sh --after-reboot removes it"
	sudo -v || die "it installs packages, which needs sudo"
	mkdir -p "$kept/lima home/$name" || die "no folder for the test"
	: >"$kept/lima home/$name/lima.yaml"
	write_stand_in "$kept/bin of lima/limactl"
	set_up "$name" "$kept/bin of lima/limactl" "$kept/lima home"
	# As after a power cut, and as Lima takes for a VM that runs: process 1 is there
	# in every boot.
	for file in ha.pid vz.pid ha.sock; do
		echo 1 >"$kept/lima home/$name/$file"
	done
	if [ -n "$1" ]; then
		real=$(command -v limactl) || die "there is no limactl, which $1 needs"
		"$real" list --quiet | grep -Fxq -e "$1" || die "limactl has no instance $1"
		"$real" stop "$1"
		set_up "$1" "$real" "${LIMA_HOME:-$HOME/.lima}"
	fi
	sysctl -n kern.bootsessionuuid >"$kept/boot"
	printf '\nNow restart this Mac, wait three minutes, and run as %s, logged in or by ssh:\n\n' "$user"
	printf '    %s/tests/on-a-mac.sh --after-reboot\n\n' "$PWD"
	printf 'Where FileVault is on, nothing starts before somebody has unlocked the disk.\n'
}

after_reboot() {
	[ -e "$kept/boot" ] || die "first: tests/on-a-mac.sh --before-reboot"
	[ "$(cat "$kept/boot")" != "$(sysctl -n kern.bootsessionuuid)" ] || die "this Mac was not restarted since"
	sudo -v || die "it removes packages, which needs sudo"
	while IFS=$(printf '\t') read -r one limactl lima_home; do
		looks_well "$one" "$limactl" "$lima_home"
		if [ "$one" != "$name" ]; then
			comes_and_stays "$one" "$limactl" "$lima_home"
		fi
	done <"$kept/instances"
	section 'Uninstalling'
	while IFS=$(printf '\t') read -r one limactl lima_home; do
		ends "the script uninstalls $one" 0 sudo "/Library/Application Support/io.lima-vm/$one/uninstall.sh"
		is "no file of $one is left" '' "$(ls -d "/Library/LaunchDaemons/io.lima-vm.daemon.$one.plist" \
			"/Library/Application Support/io.lima-vm/$one" "/Library/Logs/io.lima-vm/$one" 2>/dev/null)"
		[ -e "$lima_home/$one/lima.yaml" ]
		report $? "the instance $one is as it was" "$lima_home/$one/lima.yaml" "$(ls -d "$lima_home/$one" 2>&1)"
	done <"$kept/instances"
	sum_up
	summed=$?
	rm -rf "$kept"
	return "$summed"
}

# limactl_says LIMACTL LIMA_HOME NAME: the word of `limactl list`.
limactl_says() {
	LIMA_HOME=$2 "$1" list --format '{{.Status}}' "$3" 2>/dev/null </dev/null
}

is_running() {
	[ "$(limactl_says "$@")" = Running ]
}

# looks_well NAME LIMACTL LIMA_HOME: the job runs the VM, in this boot.
looks_well() {
	section "After the restart: $1"
	job=system/io.lima-vm.daemon.$1
	log=/Library/Logs/io.lima-vm/$1/lima-start.log
	is 'the job runs' running "$(field "$job" state)"
	is 'it was started once' 1 "$(field "$job" runs)"
	within 180 is_running "$2" "$3" "$1"
	is 'limactl says that the VM runs' Running "$(limactl_says "$2" "$3" "$1")"
	is 'lima-start knows which boot it is' "$(sysctl -n kern.bootsessionuuid)" "$(cat "$3/$1/lima-start.boot")"
	is 'the log belongs to the user' "$user 755 $user 644" \
		"$(stat -f '%Su %Lp' "${log%/*}") $(stat -f '%Su %Lp' "$log")"
	said=$(tail -n 40 "$log")
	if [ "$1" = "$name" ]; then
		matches 'what the last boot left was removed' 'Removed what the last boot left in .*vz\.pid' "$said"
	fi
	matches 'the VM was started' "Starting the instance: .* start $1 --foreground" "$said"
	pid=$(field "$job" pid)
	has_priority "$pid"
	has_priority "$(pgrep -P "${pid:-0}" | sed 1q)"
}

# comes_and_stays NAME LIMACTL LIMA_HOME: a real VM comes back after a crash, and
# stays stopped when a person stops it.
comes_and_stays() {
	section "A crash, and a stop: $1"
	agent=$(cat "$3/$1/ha.pid")
	kill -9 "$agent"
	is_another_agent() {
		[ "$(cat "$3/$1/ha.pid" 2>/dev/null)" != "$agent" ] && is_running "$2" "$3" "$1"
	}
	within 300 is_another_agent "$@"
	report $? 'the VM runs again after its host agent was killed' 'Running, another process' \
		"$(limactl_says "$2" "$3" "$1"), $(cat "$3/$1/ha.pid" 2>&1)"
	LIMA_HOME=$3 "$2" stop "$1" </dev/null
	sleep 90
	is 'stopped by a person, it stays stopped' Stopped "$(limactl_says "$2" "$3" "$1")"
	matches 'the log says so' 'The VM was stopped by a person' "$(tail -n 5 "$log")"
}
