# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# Shared by all steps of the lab: the cache, messages, and packages of other Debian suites.
#
# This file is sourced. Packages are fetched with a private apt configuration (its own lists and state, an
# empty status file, one source list per suite), so nothing on the machine changes. The archive is the one
# that the machine's own apt uses.

set -euo pipefail
export LC_ALL=C

cache=${XDG_CACHE_HOME:-$HOME/.cache}/kvmmmu
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
suites=(bullseye bookworm trixie trixie-backports forky sid)

say()
{
	printf 'lab: %s\n' "$*" >&2
}

die()
{
	say "$*"
	exit 1
}

need()
{
	local tool package
	for pair; do
		tool=${pair%%:*} package=${pair##*:}
		command -v "$tool" >/dev/null || die "$tool is missing: apt-get install $package"
	done
}

# with_lock NAME: take a lock until the process ends, so that two labs wait for each other. A lock that
# this process already holds is not taken again, which would block forever.
declare -A locks
with_lock()
{
	local lock_fd
	[ -z "${locks[$1]-}" ] || return 0
	mkdir -p "$cache/lock"
	exec {lock_fd}>"$cache/lock/$1"
	flock "$lock_fd"
	locks[$1]=$lock_fd
}

# publish TMP DEST: the last action of every step, so that an interrupted step leaves no DEST.
publish()
{
	rm -rf "$2"
	mv -T "$1" "$2"
}

# archive_uri [SUITE]: print where this machine's apt gets SUITE from; by default its own suite.
archive_uri()
{
	local codename=${1-}
	[ -n "$codename" ] || codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' |
		awk -v release="$codename" '$2 == release && $3 == "main" && !uri { uri = $1 } END { print uri }'
}

# apt_in SUITE PROGRAM ARGS...: run apt-get or apt-cache with this suite only.
apt_in()
{
	local suite=$1 program=$2
	shift 2
	APT_CONFIG=$cache/apt/apt.conf "$program" -q -o "Dir::Etc::sourcelist=$cache/apt/$suite.list" "$@"
}

# suite_of PACKAGE: print the suite that has its newest version; nothing if no suite has it.
suite_of()
{
	apt_in all apt-cache madison "$1" |
		awk -F ' *[|] *' '{ split($3, where, "[ /]+"); print where[length(where) - 3]; exit }'
}

apt_setup()
{
	local apt=$cache/apt uri suite
	with_lock apt
	[ -n "$(find "$apt/updated" -mmin -360 2>/dev/null)" ] && [ -e "$apt/${suites[0]}.list" ] && return
	need apt-get:apt dpkg-deb:dpkg
	[ -f $keyring ] || die "$keyring is missing: apt-get install debian-archive-keyring"
	uri=$(archive_uri)
	[ -n "$uri" ] || die "apt on this machine has no Debian archive configured"
	mkdir -p "$apt"/{lists/partial,archives/partial,state,etc}
	: >"$apt/state/status"
	cat >"$apt/apt.conf" <<-CONF
		Dir::State "$apt/state";
		Dir::State::lists "$apt/lists";
		Dir::State::status "$apt/state/status";
		Dir::Cache "$apt";
		Dir::Cache::pkgcache "";
		Dir::Cache::srcpkgcache "";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferencesparts "/dev/null";
		Acquire::Languages "none";
		Acquire::Retries "3";
		APT::Architecture "amd64";
		APT::Architectures "amd64";
		APT::Sandbox::User "root";
		APT::Install-Recommends "false";
	CONF
	for suite in "${suites[@]}"; do
		echo "deb [signed-by=$keyring arch=amd64] $uri $suite main"
	done >"$apt/all.list"
	for suite in "${suites[@]}"; do
		grep " $suite main" "$apt/all.list" >"$apt/$suite.list"
	done
	say "reading the package lists of ${suites[*]}"
	apt_in all apt-get update --error-on=any >"$apt/update.log" 2>&1 ||
		die "no package lists: is the network up? (see $apt/update.log)"
	touch "$apt/updated"
}

fetch_failed()
{
	local suite=$1 dir=$2
	shift 2
	# The archive may have changed since the lists were read.
	rm -f "$cache/apt/updated"
	die "cannot download $* of $suite: is the network up? (see $dir/fetch.log)"
}

# fetch SUITE DIR PACKAGE...: download exactly these packages.
fetch()
{
	local suite=$1 dir=$2
	shift 2
	mkdir -p "$dir"
	(cd "$dir" && apt_in "$suite" apt-get download "$@" >fetch.log 2>&1) ||
		fetch_failed "$suite" "$dir" "$@"
}

# fetch_closure SUITE DIR PACKAGE...: download these packages and everything they depend on.
fetch_closure()
{
	local suite=$1 dir=$2
	shift 2
	mkdir -p "$dir/partial"
	apt_in "$suite" apt-get install -y --download-only -o "Dir::Cache::archives=$dir" "$@" \
		>"$dir/fetch.log" 2>&1 ||
		fetch_failed "$suite" "$dir" "$@"
}
