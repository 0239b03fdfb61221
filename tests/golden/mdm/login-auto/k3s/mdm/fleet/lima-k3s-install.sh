#!/bin/sh
# Fleet runs this as root, with the path of the package that it has downloaded
# in INSTALLER_PATH.
/usr/sbin/installer -pkg "$INSTALLER_PATH" -target /
