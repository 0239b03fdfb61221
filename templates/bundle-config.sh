# shellcheck shell=sh
# shellcheck disable=SC2016,SC2034 # values, taken literally; the scripts that read this file use them
# What the scripts need to know about what the package brings beside the
# instances. Written by lima-autostart; every line is a whole value.

# What it is called where something of the package could not be set up.
INSTANCE={{ name }}
# Lima's version (empty: the package brings none).
LIMA_VERSION={{ version }}
# Where it lies, what its receipts begin with, and what has shells find it.
LIMA_ROOT={{ root }}
LIMA_ID={{ id }}
PATHS_D={{ paths_d }}
# Where the instances of this prefix have their folders.
SUPPORT_ROOT={{ support_root }}
# What it takes on the disk.
NEEDED_KBYTES={{ needed_kbytes }}
# Seconds that Installer gives a script.
TIME_LIMIT={{ time_limit }}
