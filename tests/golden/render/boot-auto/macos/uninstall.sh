#!/bin/sh
# Removes what starts the Lima instance k3s; the instance itself stays.
# One file made of several, so that it needs none beside it.
# shellcheck disable=SC1003,SC2016,SC2034,SC2089,SC2090,SC2154,SC2317 # literal values; a part of what is defined is used

<config.sh>

<pkg-scripts/launchd.sh>

<pkg-scripts/basics.sh>

<pkg-scripts/common.sh>

<pkg-scripts/user.sh>

<pkg-scripts/logs.sh>

<pkg-scripts/bundle.sh>

<pkg-scripts/uninstall>
