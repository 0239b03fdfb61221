#!/bin/sh
# Removes what starts these Lima instances, each by its own uninstaller, run as root. The
# instances stay. Exits with 1 if one could not be removed; the others are.
FAILED=0
UNINSTALLER='/Library/Application Support/io.lima-vm/autostart/uninstall.sh'
DAEMON_PLIST=/Library/LaunchDaemons/io.lima-vm.daemon.autostart.plist
if [ -e "$UNINSTALLER" ]; then
	/bin/sh "$UNINSTALLER" || FAILED=1
elif [ -e "$DAEMON_PLIST" ] || [ -L "$DAEMON_PLIST" ]; then
	echo "$DAEMON_PLIST exists, but $UNINSTALLER is missing; install again, then uninstall" >&2
	FAILED=1
fi
UNINSTALLER='/Library/Application Support/io.lima-vm/docker/uninstall.sh'
DAEMON_PLIST=/Library/LaunchDaemons/io.lima-vm.daemon.docker.plist
if [ -e "$UNINSTALLER" ]; then
	/bin/sh "$UNINSTALLER" || FAILED=1
elif [ -e "$DAEMON_PLIST" ] || [ -L "$DAEMON_PLIST" ]; then
	echo "$DAEMON_PLIST exists, but $UNINSTALLER is missing; install again, then uninstall" >&2
	FAILED=1
fi
exit "$FAILED"
