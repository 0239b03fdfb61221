#!/bin/sh
# Prepares the start of a Lima instance, runs it, and starts it again.
# One file made of several, so that it needs none beside it.
# shellcheck disable=SC1003,SC2016,SC2034,SC2089,SC2090,SC2154,SC2317 # literal values; a part of what is defined is used

<pkg-scripts/version.sh>

<pkg-scripts/start-log.sh>

<pkg-scripts/start-processes.sh>

<pkg-scripts/start-stale.sh>

<pkg-scripts/start-needs.sh>

<pkg-scripts/start-run.sh>

<pkg-scripts/start-look.sh>

<pkg-scripts/lima-start>
