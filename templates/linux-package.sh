# What the scripts of the Linux package of one instance do is for this package,
# instance and user. `auto`: each user whose Lima folder holds the instance.
LINUX_PACKAGE={{ package }}
LINUX_UNIT={{ unit }}
LINUX_DROP_IN={{ drop_in }}
LINUX_USER={{ user }}
LINUX_CONDITION={{ condition }}
# Seconds that are enough for the VM to shut down.
LINUX_PATIENCE={{ patience }}
