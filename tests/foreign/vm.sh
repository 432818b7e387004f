#!/bin/sh
# SPDX-License-Identifier: MIT
# Run a command in a virtual machine of another processor, all of it emulated, in a copy of this source: on a kernel of its own
# (Debian 12's), where qemu-user would hand system calls to this machine's. It has no network but its own. As root, because
# debootstrap needs that.
#
#     vm.sh FOLDER ARCHITECTURE COMMAND...    FOLDER is made, some 4 GB, or used again; the one ARCHITECTURE is arm64
#
#     vm.sh /tmp/arm64 arm64 ./quickstart check
#     BUILD='./bootstrap && ./configure --host=$HOST && make' vm.sh /tmp/arm64 arm64 ./sndtimeo --version
#
# From the environment: BUILD, shell commands that are run before, by this machine, whose compilers are much faster than emulated
# ones (Debian: gcc-aarch64-linux-gnu); they see HOST, and what configure wants to know of the other machine. VM_SECONDS, after
# which it is switched off (7200); and DEBIAN_MIRROR (else the one that apt uses). What the machine wrote stays in FOLDER/disk,
# for debugfs, and what it said in FOLDER/console.
set -u

folder=${1:?FOLDER} architecture=${2:?ARCHITECTURE}
shift 2
: "${1:?COMMAND}"
here=$(cd "$(dirname "$0")/../.." && pwd)
packages=autoconf,automake,ca-certificates,curl,gcc,git,iproute2,libc6-dev,libcriterion-dev,libtool,make,openssl,pkgconf,procps,python3,python3-requests,strace
seconds=${VM_SECONDS-7200}
running=

lacks() {
	echo "vm.sh: $*" >&2
	exit 125
}

quoted() {
	for one; do
		printf "'%s' " "$(printf %s "$one" | sed "s/'/'\\\\''/g")"
	done
}

# inside COMMAND...: in the Debian, under qemu-user. This machine is not told of qemu-user for that: a user namespace has its
# own table of formats (Linux 6.7), unless this machine knows already. unshare needs another package to map more than one user.
inside() {
	rm -f "$folder/go" && mkfifo "$folder/go" || return
	# shellcheck disable=SC2016 # for the inner sh; debootstrap makes no devices where it finds lxc, and may not
	timeout -k 1 "$seconds" nice -n 10 unshare --user --mount --net --pid --fork --kill-child sh -c '
		read -r pid _ </proc/self/stat && echo "$pid" >"$1" && read -r _ <"$1" && shift
		{ mount -t binfmt_misc none /proc/sys/fs/binfmt_misc && cat "$1" >/proc/sys/fs/binfmt_misc/register; } 2>/dev/null ||
			[ -e "/proc/sys/fs/binfmt_misc/${1##*/}" ] || exit 125
		shift
		mount -t proc proc "$0/proc" && ip link set lo up &&
			exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C container=lxc chroot "$0" "$@"' \
		"$root" "$folder/go" "/usr/lib/binfmt.d/$format.conf" "$@" </dev/null &
	running=$!
	read -r pid <"$folder/go"
	echo 0 0 65536 >"/proc/$pid/uid_map" && echo 0 0 65536 >"/proc/$pid/gid_map"
	echo >"$folder/go"
	wait $running
	status=$?
	running=
	return $status
}

case $architecture in
arm64)
	# Pointers are signed by a hash of qemu's own, because that of processors is slow to emulate.
	machine='qemu-system-aarch64 -M virt -cpu max,pauth-impdef=on' console=ttyAMA0 host=aarch64-linux-gnu format=qemu-aarch64
	;;
*) lacks "there is no machine of $architecture" ;;
esac
[ "$(id -u)" = 0 ] || lacks 'it takes root'
for program in debootstrap mke2fs unshare "${machine%% *}"; do
	command -v "$program" >/dev/null || lacks "there is no $program (Debian: debootstrap, e2fsprogs, util-linux, qemu-system-arm)"
done
[ -e "/usr/lib/binfmt.d/$format.conf" ] || lacks "there is no $format.conf (Debian: qemu-user-static)"

mkdir -p "$folder" || exit
folder=$(cd "$folder" && pwd)
root=$folder/root
trap '[ -z "$running" ] || kill $running; rm -f "$folder/go"' EXIT
trap 'exit 1' INT TERM HUP
if [ ! -e "$folder/made" ]; then
	mirror=${DEBIAN_MIRROR-$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | grep -v security | head -n 1)}
	echo "debootstrap to $root"
	rm -rf "${root:?}"
	# shellcheck disable=SC2086 # none, or one
	timeout 600 debootstrap --foreign --variant=minbase --arch="$architecture" --include="$packages,linux-image-$architecture" \
		bookworm "$root" $mirror >"$folder/log" 2>&1 &&
		# Whoever loses what is made here makes it again.
		echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io" &&
		# All other modules would be copied one by one into the initrd.
		mkdir -p "$root/etc/initramfs-tools/conf.d" && echo MODULES=list >"$root/etc/initramfs-tools/conf.d/list" &&
		printf '%s\n' virtio_pci virtio_blk ext4 >"$root/etc/initramfs-tools/modules" &&
		inside /debootstrap/debootstrap --second-stage >>"$folder/log" 2>&1
	status=$?
	if [ $status != 0 ]; then
		tail -n 20 "$folder/log" >&2
		lacks 'debootstrap does not come to an end'
	fi
	rm -f "$root"/var/cache/apt/archives/*.deb
	echo '127.0.0.1 localhost' >"$root/etc/hosts"
	: >"$folder/made"
fi
source=$folder/sndtimeo
rm -rf "$source" && mkdir "$source" || exit
# What is not under git is left behind, above all what was built here.
(cd "$here" && git ls-files -z --cached --others --exclude-standard | tar -c --null -T - -f -) | tar -x -C "$source" || exit
if [ "${BUILD-}" ]; then
	(
		# A make that runs this script has nothing to say to those in it.
		unset MAKEFLAGS MFLAGS MAKELEVEL
		export HOST="$host" CC="$host-gcc --sysroot=$root" PKG_CONFIG_SYSROOT_DIR="$root" AWK=awk PYTHON=/usr/bin/python3
		export PKG_CONFIG_LIBDIR="$root/usr/lib/$host/pkgconfig:$root/usr/share/pkgconfig"
		cd "$source" && eval "$BUILD"
	) >"$folder/build.log" 2>&1 || {
		tail -n 20 "$folder/build.log" >&2
		lacks 'what was to be built is not'
	}
fi
rm -rf "${root:?}/sndtimeo" && cp -a "$source" "$root/sndtimeo" || exit

# The initrd has mounted some of it. A shell that is process 1 takes in orphans, too. What the command says goes through a pipe,
# because a console is a terminal.
cat >"$root/init.sh" <<END
#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C
mountpoint -q /proc || mount -t proc proc /proc
mountpoint -q /sys || mount -t sysfs sysfs /sys
mountpoint -q /dev || mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mountpoint -q /dev/pts || mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd
echo localhost >/proc/sys/kernel/hostname
ip link set lo up
# udev would make its node, which loads it.
modprobe tun
# Where it was built, and with what CC is told of there.
mkdir -p $(quoted "$source")
mount --bind /sndtimeo $(quoted "$source")
ln -s / $(quoted "$root")
cd $(quoted "$source")
mkfifo /tmp/said
cat /tmp/said &
saying=\$!
setsid sh -c 'exec "\$@"' sh $(quoted "$@") >/tmp/said 2>&1 </dev/null
status=\$?
rm /tmp/said
sleep 2
echo
echo "vm.sh: status \$status"
sync
mount -o remount,ro /
echo o >/proc/sysrq-trigger
sleep 60
END
chmod 755 "$root/init.sh"
rm -f "$folder/disk" && mke2fs -q -t ext4 -d "$root" "$folder/disk" 5G >/dev/null || exit
# shellcheck disable=SC2086 # words
{
	set -- "$root"/boot/vmlinuz-*
	kernel=$1
	set -- "$root"/boot/initrd.img-*
	mkfifo "$folder/go" || exit
	sed -u 's/\r//' <"$folder/go" | tee "$folder/console" &
	saying=$!
	timeout -k 10 "$seconds" nice -n 10 $machine -smp 2 -m 3G -nographic -nic none -no-reboot -kernel "$kernel" -initrd "$1" \
		-drive "file=$folder/disk,format=raw,if=virtio,cache=unsafe" \
		-append "root=/dev/vda rw console=$console init=/init.sh panic=-1 loglevel=4" >"$folder/go" 2>&1 </dev/null &
	running=$!
}
wait $running
ended=$?
running=
wait $saying
[ $ended != 124 ] || lacks "the machine did not come to an end in $seconds s"
status=$(sed -n 's/^vm\.sh: status \([0-9]*\)$/\1/p' "$folder/console" | tail -n 1)
exit "${status:-125}"
