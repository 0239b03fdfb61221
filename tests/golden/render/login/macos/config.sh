# shellcheck shell=sh
# shellcheck disable=SC1003,SC2016,SC2034 # values, taken literally; the scripts that read this file use them
# What the scripts need to know about this instance. Written by
# lima-autostart; every line is a whole value.

# The instance, and the version of the package that starts it.
INSTANCE=k3s
VERSION=1.2
# boot: a LaunchDaemon starts it. login: the user's LaunchAgent does.
CONDITION=login
# The account it runs as, and the home folder that the settings assume. Empty:
# found when the package is installed, as is all that is empty below.
LIMA_USER=alice
LIMA_USER_HOME=/Users/alice
# The program, LIMA_HOME, and the folder of the instance in it.
LIMACTL=/opt/homebrew/bin/limactl
LIMA_HOME_DIR=/Users/alice/.lima
INSTANCE_DIR=/Users/alice/.lima/k3s
# Its PATH; and yes, where the settings give another one, which wins.
SEARCH_PATH=/opt/homebrew/bin:/usr/bin:/bin:/usr/sbin:/sbin
SETS_PATH=no
# What the instance is created from where there is none (empty: it is not), and
# the environment for that, each word for printf's %b.
TEMPLATE=
ENVIRONMENT=
# launchd's names for it, one for each condition.
DAEMON_LABEL=io.lima-vm.daemon.k3s
AGENT_LABEL=io.lima-vm.autostart.k3s
# The package's own folder, and where the package puts the property list.
SUPPORT_DIR='/Library/Application Support/io.lima-vm/k3s'
PACKAGED_PLIST='/Library/Application Support/io.lima-vm/k3s/io.lima-vm.autostart.k3s.plist'
# Seconds that launchd gives the VM to shut down, and that Installer gives a
# script.
EXIT_TIMEOUT=180
TIME_LIMIT=600
# yes: an instance that could not be started is a failed installation.
REQUIRE_START=no
# The receipts of the two packages.
INSTALLER_ID=io.lima-vm.installer.k3s
UNINSTALLER_ID=io.lima-vm.uninstaller.k3s
