#!/bin/sh
# The life of the packages in a copy-on-write view of this machine: what is installed, upgraded and purged in it is gone with it.
#
#   unshare --mount life.sh REGENT ALIAS NEXT-REGENT NEXT-ALIAS
#
# It prints what happened; what it may not find ends it.
set -eu
lab=$(mktemp -d)
mount -t tmpfs tmpfs "$lab" # an overlay's upper layer is not possible on every file system
mkdir "$lab/upper" "$lab/work" "$lab/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$lab/upper,workdir=$lab/work" "$lab/root"
mount -t tmpfs tmpfs "$lab/root/run"
mount -t tmpfs tmpfs "$lab/root/tmp"
mount --rbind /proc "$lab/root/proc"
mount --rbind /dev "$lab/root/dev"
mkdir "$lab/root/tmp/debs"
cp "$1" "$lab/root/tmp/debs/regent.deb"
cp "$2" "$lab/root/tmp/debs/alias.deb"
cp "$3" "$lab/root/tmp/debs/next-regent.deb"
cp "$4" "$lab/root/tmp/debs/next-alias.deb"

# Nobody else's systemctl: this one writes down what it is asked for. Units are enabled, and active if /run/active exists.
mkdir -p "$lab/root/usr/local/sbin"
cat >"$lab/root/usr/local/sbin/systemctl" <<'STUB'
#!/bin/sh
for word; do
	case $word in
	start | stop | restart | daemon-reload) echo "systemctl $*" | sed 's/--[a-z]* //g' >>/run/calls; exit 0 ;;
	is-enabled) echo enabled; exit 0 ;;
	is-active) [ -e /run/active ]; exit ;;
	esac
done
exec /usr/bin/systemctl "$@" # preset, which writes links
STUB
chmod 755 "$lab/root/usr/local/sbin/systemctl"
rm -f "$lab/root/usr/sbin/policy-rc.d"

in_root() { chroot "$lab/root" env PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }
calls() { # what systemctl was asked for since the last time, once each
	[ ! -e "$lab/root/run/calls" ] || sort -u "$lab/root/run/calls"
	rm -f "$lab/root/run/calls"
}
package() { # dpkg, silent unless it fails
	in_root dpkg --force-confold "$@" >"$lab/log" 2>&1 || { cat "$lab/log"; exit 1; }
}
traces() { # files that the packages left, or changed
	(cd "$lab/upper" && find . ! -type d ! -type c ! -path './var/lib/dpkg/*' ! -path './var/log/*.log' ! -path './var/cache/*' ! -path './var/lib/systemd/catalog/*' \
		! -path './etc/passwd*' ! -path './etc/group*' ! -path './etc/shadow*' ! -path './etc/gshadow*' ! -path './etc/.pwd.lock' \
		! -path './etc/subuid*' ! -path './etc/subgid*' ! -path ./usr/local/sbin/systemctl ! -path ./usr/sbin/policy-rc.d -print)
	(cd "$lab/upper" && find . -type d -iname '*regent*' ! -path './var/lib/dpkg/*')
	for f in passwd group; do
		cmp -s "/etc/$f" "$lab/root/etc/$f" || echo "/etc/$f was changed"
	done
	if in_root dpkg -s regent >/dev/null 2>&1 || in_root dpkg -s regent-keepalived >/dev/null 2>&1; then echo "dpkg knows it"; fi
}

echo "== installed without systemd"
package -i /tmp/debs/regent.deb
calls
in_root regent version | cut -d' ' -f1,2
in_root regent check --node db1 /etc/regent/regent.toml.example
in_root getent passwd regent | cut -d: -f1,6,7
in_root readlink /etc/systemd/system/multi-user.target.wants/regent.service
in_root stat -c '%a %U:%G %n' /etc/regent /etc/regent/regent.toml.example /usr/sbin/regent
in_root sh -c 'zcat /usr/share/man/man8/regent-run.8.gz | grep -c "^.TH"; bash -c ". /usr/share/bash-completion/completions/regent && complete -p regent"'

echo "== purged"
package -P regent
calls
traces

echo "== installed with systemd"
mkdir -p "$lab/root/run/systemd/system"
package -i /tmp/debs/regent.deb
calls

echo "== upgraded while it does not run"
package -i /tmp/debs/next-regent.deb
calls

echo "== installed again while it runs"
touch "$lab/root/run/active"
package -i /tmp/debs/next-regent.deb
calls

echo "== in place of keepalived"
package -i /tmp/debs/next-alias.deb
calls
in_root keepalived -v 2>&1 | head -1 | cut -d' ' -f1
in_root readlink /etc/systemd/system/multi-user.target.wants/keepalived.service || echo "not enabled"
in_root dpkg-query -W -f '${db:Status-Status}\n' keepalived 2>/dev/null | sed 's/not-installed/config-files/' || echo config-files
package -P regent-keepalived
calls

echo "== removed, then purged, with what the daemon and the operator wrote"
in_root sh -c 'mkdir -p /var/lib/regent /var/log/regent && echo x >/var/lib/regent/policy.json && echo x >/etc/regent/regent.toml'
package -r regent
calls
in_root ls /etc/regent
package -P regent
calls
in_root ls /etc/regent
in_root rm -r /etc/regent
traces | grep -v keepalived || true # Debian's own has left its configuration, as it should
