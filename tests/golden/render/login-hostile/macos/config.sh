# shellcheck shell=sh
# shellcheck disable=SC1003,SC2016,SC2034 # values, taken literally; the scripts that read this file use them
# What the scripts need to know about this instance. Written by
# lima-autostart; every line is a whole value.

# The instance, and the version of the package that starts it.
INSTANCE=Prod.k3s_a-1
VERSION=1.2
# boot: a LaunchDaemon starts it. login: the user's LaunchAgent does.
CONDITION=login
# The account it runs as, and the home folder that the settings assume. Empty:
# found when the package is installed, as is all that is empty below.
LIMA_USER=_o.neil-9
LIMA_USER_HOME='/Users/O'\''Neil "x" & <Söhne>/$(touch planted) `id` \'
# The program, LIMA_HOME, and the folder of the instance in it.
LIMACTL='/opt/it'\''s "lima" %n & <co> \d/$HOME; id/limactl'
LIMA_HOME_DIR='/Volumes/My Disk'\''s "x" %h %% $HOME \ '
INSTANCE_DIR='/Volumes/My Disk'\''s "x" %h %% $HOME \ /Prod.k3s_a-1'
# Its PATH; and yes, where the settings give another one, which wins.
SEARCH_PATH='/opt/it'\''s "lima" %n & <co> \d/$HOME; id:/usr/bin:/bin:/usr/sbin:/sbin'
SETS_PATH=yes
# What the instance is created from where there is none (empty: it is not), and
# the environment for that, each word for printf's %b.
TEMPLATE=
ENVIRONMENT=
# launchd's names for it, one for each condition.
DAEMON_LABEL=io.lima-vm.daemon.Prod.k3s_a-1
AGENT_LABEL=io.lima-vm.autostart.Prod.k3s_a-1
# The package's own folder, and where the package puts the property list.
SUPPORT_DIR='/Library/Application Support/com.example.R-D/Prod.k3s_a-1'
PACKAGED_PLIST='/Library/Application Support/com.example.R-D/Prod.k3s_a-1/io.lima-vm.autostart.Prod.k3s_a-1.plist'
# Seconds that launchd gives the VM to shut down, and that Installer gives a
# script.
EXIT_TIMEOUT=400
TIME_LIMIT=700
# yes: an instance that could not be started is a failed installation.
REQUIRE_START=yes
# The receipts of the two packages.
INSTALLER_ID=com.example.R-D.installer.Prod.k3s_a-1
UNINSTALLER_ID=com.example.R-D.uninstaller.Prod.k3s_a-1
