# shellcheck shell=sh
# shellcheck disable=SC2016,SC2034 # values, taken literally; the scripts that read this file use them
# What the scripts need to know about what the package brings beside the
# instances. Written by lima-autostart; every line is a whole value.

# What it is called where something of the package could not be set up.
INSTANCE='Lima 2.2.0'
# Lima's version (empty: the package brings none).
LIMA_VERSION=2.2.0
# Where it lies, what its receipts begin with, and what has shells find it.
LIMA_ROOT=/opt/io.lima-vm/lima
LIMA_ID=io.lima-vm.lima
PATHS_D=/private/etc/paths.d/io.lima-vm.lima
# Where the instances of this prefix have their folders.
SUPPORT_ROOT='/Library/Application Support/io.lima-vm'
# What it takes on the disk.
NEEDED_KBYTES=204800
# Seconds that Installer gives a script.
TIME_LIMIT=600
