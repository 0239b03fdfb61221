DAEMON_PLIST={{ daemon_plist }}
UNINSTALLER={{ uninstaller }}
if [ -e "$DAEMON_PLIST" ] || [ -L "$DAEMON_PLIST" ] || [ -e "$UNINSTALLER" ]; then exit 0; fi
