#!/bin/sh
# Whether the package that uninstalls has anything to do: 0 if the Mac still has
# what starts the instance, 1 if it has not. Munki runs this as root. The
# uninstaller is looked for because it goes last.
DAEMON_PLIST={{ daemon_plist }}
UNINSTALLER={{ uninstaller }}
[ -e "$DAEMON_PLIST" ] || [ -L "$DAEMON_PLIST" ] || [ -e "$UNINSTALLER" ]
