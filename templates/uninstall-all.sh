UNINSTALLER={{ uninstaller }}
DAEMON_PLIST={{ daemon_plist }}
if [ -e "$UNINSTALLER" ]; then
	/bin/sh "$UNINSTALLER" || FAILED=1
elif [ -e "$DAEMON_PLIST" ] || [ -L "$DAEMON_PLIST" ]; then
	echo "$DAEMON_PLIST exists, but $UNINSTALLER is missing; install again, then uninstall" >&2
	FAILED=1
fi
