#!/bin/bash
# What only a Mac can show: that Apple's own tools, Installer and launchd take
# what this project builds, and that the VM is there after a restart. Run it on a
# Mac with Rust and sudo:
#
#   tests/on-a-mac.sh                             what shows without a restart
#   tests/on-a-mac.sh --before-reboot [INSTANCE]  sets up what a restart is to show
#   tests/on-a-mac.sh --after-reboot              looks, and removes it again
#
# It was written where no Mac is at hand, and has not been run on one by its
# authors. It says for each step what was expected and what came, and ends with
# the number of steps that came out differently. Where the tests on other
# machines rest on a fact that was only reported, a step here looks at the fact.
#
# It installs a LaunchDaemon and a LaunchAgent of its own for the user who runs
# it, with a stand-in for limactl; no VM is made, no Lima is needed, and all of
# it is removed again. macOS may show a notice about a new background item. With
# INSTANCE, which limactl has and nobody registered, the restart is played with a
# real VM too; on-a-mac/restart.sh says how.
set -u
export LC_ALL=C
cd "$(dirname "$0")/.." || exit 2
# shellcheck source=tests/on-a-mac/steps.sh
. tests/on-a-mac/steps.sh
# shellcheck source=tests/on-a-mac/restart.sh
. tests/on-a-mac/restart.sh
# shellcheck source=tests/on-a-mac/status.sh
. tests/on-a-mac/status.sh

name=on-a-mac-test
user=$(id -un)
uid=$(id -u)
daemon=io.lima-vm.daemon.$name
agent=io.lima-vm.autostart.$name
daemon_plist=/Library/LaunchDaemons/$daemon.plist
agent_plist=$HOME/Library/LaunchAgents/$agent.plist
support="/Library/Application Support/io.lima-vm/$name"
logs=/Library/Logs/io.lima-vm/$name
receipt=io.lima-vm.installer.$name
[ "$(uname)" = Darwin ] || die "this is $(uname); the script is for macOS"
[ "$uid" -ne 0 ] || die "run it as the user that the job is to run as, not as root"
case ${1-} in
'') ;;
--before-reboot)
	before_reboot "${2-}"
	exit
	;;
--after-reboot)
	after_reboot
	exit
	;;
*) die "usage: tests/on-a-mac.sh [--before-reboot [INSTANCE] | --after-reboot]" ;;
esac
if [ -e "$daemon_plist" ] || [ -e "$agent_plist" ] || [ -e "$support" ]; then
	die "an earlier run left something: see $support/uninstall.sh"
fi
sudo -v || die "it installs packages, which needs sudo"
# Not in /tmp: launchd's job runs as another session's process.
work=$(mktemp -d "$HOME/.lima-autostart-test.XXXXXX") || die "no folder for the test"
lima_home="$work/lima home"
instance="$lima_home/$name"
limactl="$work/bin of lima/limactl"
mkdir -p "$instance"
touch "$instance/lima.yaml"
write_stand_in "$limactl"

clean_up() {
	for job in "system/$daemon" "gui/$uid/$agent"; do
		sudo launchctl bootout "$job" >/dev/null 2>&1
		sudo launchctl enable "$job" >/dev/null 2>&1
	done
	sudo rm -rf "$daemon_plist" "$support" "$logs" "$work"
	sudo rmdir "${support%/*}" "${logs%/*}" 2>/dev/null
	rm -f "$agent_plist"
	sudo pkgutil --forget "$receipt" >/dev/null 2>&1
}
trap clean_up EXIT

build() {
	cargo xtask dist "$name" --user "$user" --limactl "$limactl" --lima-home "$lima_home" "$@" ||
		die "the packages were not built"
}

section 'The packages, as Apple reads them'
build --out "$work/signed"
build --out "$work/1.0" --unsigned
build --out "$work/1.1" --unsigned --pkg-version 1.1
build --out "$work/login" --unsigned --condition login
signed=$work/signed/$name/macos/lima-$name-1.0.0.pkg
first=$work/1.0/$name/macos/lima-$name-1.0.0.pkg
second=$work/1.1/$name/macos/lima-$name-1.1.pkg
for_login=$work/login/$name/macos/lima-$name-1.0.0.pkg
uninstaller=$work/1.1/$name/macos/lima-$name-1.1-uninstall.pkg

matches 'Apple finds the development signature, and that nobody vouches for it' \
	'Status: signed by untrusted certificate' "$(pkgutil --check-signature "$signed" 2>&1)"
matches 'Apple finds no signature where there is none' \
	'Status: no signature' "$(pkgutil --check-signature "$first" 2>&1)"
ends 'pkgutil expands the package, with its payload' 0 pkgutil --expand-full "$first" "$work/expanded"
ends 'pkgutil expands the package that uninstalls' 0 pkgutil --expand-full "$uninstaller" "$work/expanded-uninstaller"
component=$work/expanded/lima-$name.pkg
is 'lsbom lists what the package lays down: mode, owner' "$(
	printf '%s\t%s\t%s\n' . 40755 0/0 ./Library 40755 0/0 \
		'./Library/Application Support' 40755 0/80 \
		'./Library/Application Support/io.lima-vm' 40755 0/0 \
		"./Library/Application Support/io.lima-vm/$name" 40755 0/0 \
		"./Library/Application Support/io.lima-vm/$name/lima-start" 100755 0/0 \
		"./Library/Application Support/io.lima-vm/$name/status.sh" 100755 0/0 \
		"./Library/Application Support/io.lima-vm/$name/uninstall.sh" 100755 0/0 \
		./Library/LaunchDaemons 40755 0/0 "./Library/LaunchDaemons/$daemon.plist" 100644 0/0 | sort
)" "$(lsbom -p fmug "$component/Bom" | awk -F '\t' '{ print $1 "\t" $2 "\t" $3 "/" $4 }' | sort)"
is 'lsbom and the payload agree on sizes and checksums' "$(
	cd "$component/Payload" && find . -type f | sort | while read -r file; do
		cksum <"$file" | awk -v file="$file" '{ print file "\t" $2 "\t" $1 }'
	done
)" "$(lsbom -f -p fsc "$component/Bom" | sort)"
ends 'plutil takes the property list beside the package' 0 plutil -lint "$work/1.0/$name/macos/$daemon.plist"
ends 'plutil takes the property list in the package' 0 plutil -lint "$component/Payload$daemon_plist"
# What the package with limactl = "auto" does; by an index plutil would insert.
cp "$work/1.0/$name/macos/$daemon.plist" "$work/list.plist"
ends 'plutil replaces an array' 0 plutil -replace ProgramArguments -json '["/a", "start"]' "$work/list.plist"
is 'nothing of the old array is left' '2 /a start' "$(for key in '' .0 .1; do
	plutil -extract "ProgramArguments$key" raw -o - "$work/list.plist"
done | tr '\n' ' ' | sed 's/ $//')"
ends 'xmllint takes Distribution' 0 xmllint --noout "$work/expanded/Distribution"
for shell in '/bin/sh -n' '/bin/dash -n' '/bin/bash --posix -n' '/bin/zsh --emulate sh -n'; do
	for script in "$component"/Scripts/* "$work/expanded-uninstaller"/*.pkg/Scripts/postinstall \
		"$component/Payload$support/lima-start"; do
		# shellcheck disable=SC2086 # a command and its flags
		ends "$shell understands ${script##*/}" 0 $shell "$script"
	done
done

section 'What launchctl says of a job that is not there'
ends 'print of an unknown job' 113 launchctl print "system/$daemon"
ends 'bootout of an unknown job' 3 sudo launchctl bootout "system/$daemon"
ends 'kickstart of an unknown job' 113 sudo launchctl kickstart "system/$daemon"
while read -r code words; do
	matches "launchctl's words for $code" "$words" "$(launchctl error "$code")"
done <<'END'
3 No such process
5 Input/output error
36 Operation now in progress
37 Operation already in progress
109 Invalid property list
113 Could not find specified service
119 Service is disabled
122 Path had bad ownership/permissions
125 Domain does not support specified action
END
matches 'dscl finds the home folder' "^NFSHomeDirectory: $HOME\$" "$(dscl /Search -read "/Users/$user" NFSHomeDirectory)"

section 'A first installation'
ends 'Installer refuses a signature that nobody vouches for' 1 sudo installer -pkg "$signed" -target /
ends 'Installer installs it where that is allowed' 0 sudo installer -allowUntrusted -pkg "$signed" -target /
is 'the job runs' running "$(field "system/$daemon" state)"
is 'launchd has it from its place' "$daemon_plist" "$(field "system/$daemon" path)"
is 'launchd gives the VM its time' 240 "$(field "system/$daemon" 'exit timeout')"
is 'in what launchctl prints, state stands before the environment and pid behind' 'state environment pid' "$(
	launchctl print "system/$daemon" |
		sed -n -e 's/^[[:space:]]\(state\) = .*/\1/p' -e 's/^[[:space:]]\(environment\) = .*/\1/p' \
			-e 's/^[[:space:]]\(pid\) = .*/\1/p' | awk '!seen[$0]++' | paste -s -d ' ' -
)"
is 'limactl got what the settings say' "user $user
arguments start $name --foreground
home $HOME
lima-home $lima_home
path ${limactl%/*}:/usr/bin:/bin:/usr/sbin:/sbin
folder $instance" "$(cat "$instance/started")"
is 'the property list belongs to root' 'root:wheel 644' "$(stat -f '%Su:%Sg %Lp' "$daemon_plist")"
is 'the uninstaller belongs to root' 'root:wheel 755' "$(stat -f '%Su:%Sg %Lp' "$support/uninstall.sh")"
look_at_status
is 'Application Support is as it was' 'root:admin 755' "$(stat -f '%Su:%Sg %Lp' '/Library/Application Support')"
matches 'there is a receipt' '^version: 1\.0\.0$' "$(pkgutil --pkg-info "$receipt" 2>&1)"
matches 'the log says what was done' "Lima instance $name is set up and runs\\." "$(tail -n 200 /var/log/install.log)"
is 'the log is in a folder of the user'\''s' "$user 755 $user 644" \
	"$(stat -f '%Su %Lp' "$logs") $(stat -f '%Su %Lp' "$logs/lima-start.log")"
matches 'the log says what lima-start runs' "Starting the instance: $limactl start $name --foreground" \
	"$(cat "$logs/lima-start.log")"
is 'lima-start keeps which boot it is' "$(sysctl -n kern.bootsessionuuid)" "$(cat "$instance/lima-start.boot")"
has_priority "$(field "system/$daemon" pid)"

section 'An upgrade while the VM runs'
before=$(field "system/$daemon" pid)
ends 'Installer installs version 1.1' 0 sudo installer -pkg "$second" -target /
after=$(field "system/$daemon" pid)
[ -n "$after" ] && [ "$after" != "$before" ]
report $? 'another process runs' "one, and not $before" "$after"
[ -e "$instance/ended" ] && [ ! "$instance/started" -ot "$instance/ended" ]
report $? 'the old VM had ended before the new one started' "$instance/ended, and started not older" \
	"$(ls -lT "$instance" 2>&1)"
matches 'the receipt is of version 1.1' '^version: 1\.1$' "$(pkgutil --pkg-info "$receipt" 2>&1)"
is 'no way back is left lying about' "lima-start
status.sh
uninstall.sh" "$(ls "$support")"

section 'A crash'
before=$after
[ -z "$before" ] || kill -9 "$before"
is_another() {
	after=$(field "system/$daemon" pid)
	[ -n "$after" ] && [ "$after" != "$before" ]
}
within 60 is_another
report $? 'launchd starts the VM again within a minute' "a process, not $before" "$after"

section 'A disabled job'
sudo launchctl bootout "system/$daemon" 2>/dev/null
draining=$(field "system/$daemon" state)
is 'while it ends, launchd still shows the job' SIGTERMed "$draining"
within 60 eval '! launchctl print system/'"$daemon"
report $? 'and lets go of it at the end' 'print fails' "$(launchctl print "system/$daemon" 2>&1 | sed 1q)"
sudo launchctl disable "system/$daemon"
ends 'bootstrap refuses a disabled job' 119 sudo launchctl bootstrap system "$daemon_plist"
ends 'Installer installs over it' 0 sudo installer -pkg "$second" -target /
is 'the job runs' running "$(field "system/$daemon" state)"

section 'A missing instance'
mv "$instance" "$work/aside"
ends 'Installer installs, and ends well' 0 sudo installer -pkg "$second" -target /
matches 'the log says what is missing' "there is no Lima instance in $instance" "$(tail -n 200 /var/log/install.log)"
sleep 5
is 'limactl is not started' '' "$(pgrep -f "^.*$limactl start $name" 2>/dev/null)"
is 'lima-start waits for it' running "$(field "system/$daemon" state)"
[ ! -e "$instance" ]
report $? 'nothing makes the folder' 'none' "$(ls -d "$instance" 2>&1)"
mv "$work/aside" "$instance"

section 'Uninstalling'
ends 'Installer runs the package that uninstalls' 0 sudo installer -pkg "$uninstaller" -target /
ends 'launchd has let go' 113 launchctl print "system/$daemon"
is 'no file is left' '' "$(ls -d "$daemon_plist" "$support" "$logs" 2>/dev/null)"
ends 'there is no receipt' 1 pkgutil --pkg-info "$receipt"
is 'the instance is as it was' "$instance/lima.yaml" "$(ls "$instance/lima.yaml")"
ends 'a second time does no harm' 0 sudo installer -pkg "$uninstaller" -target /

section 'At login'
ends 'Installer installs the package for login' 0 sudo installer -pkg "$for_login" -target /
is 'the agent is the user'\''s own file' "$user 644" "$(stat -f '%Su %Lp' "$agent_plist")"
if launchctl print "gui/$uid" >/dev/null 2>&1; then
	is 'the job runs in the session' running "$(field "gui/$uid/$agent" state)"
	is 'launchd has it from the home folder' "$agent_plist" "$(field "gui/$uid/$agent" path)"
else
	printf 'skipped: %s is not logged in at the screen, so nothing is loaded\n' "$user"
fi
ends 'the script uninstalls it' 0 sudo "$support/uninstall.sh"
is 'no file is left' '' "$(ls -d "$agent_plist" "$support" 2>/dev/null)"
ends 'launchd has let go' 113 launchctl print "gui/$uid/$agent"

section 'What is found on this Mac, and what is created'
matches 'dscl lists this user' "^$user  *$uid\$" "$(dscl . -list /Users UniqueID)"
matches 'file tells what a program is for' "$(uname -m)" "$(file -bL /bin/ls)"
matches 'file tells a script' script "$(file -bL "$limactl")"
is 'sysctl tells the processor' "$([ "$(uname -m)" = arm64 ] && echo 1)" "$(sysctl -n hw.optional.arm64 2>/dev/null)"
ends 'env and nice start a program in an environment of its own' 0 /usr/bin/env -i A=B /usr/bin/nice -n 0 /usr/bin/true
build_auto() {
	cat >"$work/installers.toml" <<-END
		[[instance]]
		name = "$name"
		user = "$1"
		limactl = "$limactl"
		lima-home = "$lima_home"
		template = "template.yaml"
	END
	printf '# on-a-mac\n' >"$work/template.yaml"
	cargo xtask dist --spec "$work/installers.toml" --out "$work/$1" --unsigned || die "the packages were not built"
}
build_auto auto
build_auto "$user"
found=$work/auto/$name/macos/lima-$name-1.0.0.pkg
created=$work/$user/$name/macos/lima-$name-1.0.0.pkg
ends 'Installer installs the package without a user' 0 sudo installer -allowUntrusted -pkg "$found" -target /
is 'the user was found' "$user" "$(field "system/$daemon" username)"
is 'the job runs' running "$(field "system/$daemon" state)"
is 'plutil wrote the user into the list' "$user" "$(plutil -extract UserName raw -o - "$daemon_plist")"
is 'the property list belongs to root' 'root:wheel 644' "$(stat -f '%Su:%Sg %Lp' "$daemon_plist")"
is 'nothing was created' '' "$(ls "$lima_home/created" 2>/dev/null)"
mv "$instance" "$work/aside"
mv "$limactl" "$limactl.aside"
printf '#!/bin/sh\nexit 1\n' >"$limactl"
chmod 755 "$limactl"
ends 'Installer installs although the instance cannot be created' 0 sudo installer -pkg "$created" -target /
matches 'the log says so' 'limactl create ended with status 1' "$(cat "$logs/lima-start.log")"
[ ! -e "$instance" ]
report $? 'nothing half made is left' 'none' "$(ls -d "$instance" 2>&1)"
mv "$limactl.aside" "$limactl"
# The pauses between two tries have grown.
within 600 test -e "$instance/started"
report $? 'it is created and started as soon as that works' "$instance/started" "$(tail -n 5 "$logs/lima-start.log")"
is 'limactl ran as the user' "$user" "$(cat "$lima_home/created")"
is 'the instance is from the template' '# on-a-mac' "$(cat "$instance/lima.yaml")"
ends 'the script uninstalls it' 0 sudo "$support/uninstall.sh"
is 'no file is left' '' "$(ls -d "$daemon_plist" "$support" "$logs" 2>/dev/null)"
rm -rf "$instance"
mv "$work/aside" "$instance"

section 'This machine alone'
alone() {
	cargo run --quiet --package xtask -- autostart "$@"
}
alone_enable() {
	alone enable "$name" --limactl "$limactl" --lima-home "$lima_home" "$@"
}
ends 'autostart enables it for boot' 0 alone_enable --condition boot
is 'the file is root'\''s' 'root wheel 644' "$(stat -f '%Su %Sg %Lp' "$daemon_plist")"
is 'the job runs' running "$(field "system/$daemon" state)"
matches 'autostart sees that' "^$name *boot *$user *yes *yes .* no *$daemon_plist\$" "$(alone status "$name")"
ends 'autostart enables it for login in place of that' 0 alone_enable
is 'the agent is the user'\''s own file' "$user 644" "$(stat -f '%Su %Lp' "$agent_plist")"
is 'the daemon is gone' '' "$(ls -d "$daemon_plist" 2>/dev/null)"
ends 'autostart disables it' 0 alone disable "$name"
is 'no file is left' '' "$(ls -d "$agent_plist" "$daemon_plist" 2>/dev/null)"
ends 'launchd has let go' 113 launchctl print "gui/$uid/$agent"

sum_up
