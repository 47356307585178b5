// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Debian returns the servers as Debian packages them, and QUIC of the module goclients, in no order.
func Debian() []Server {
	return []Server{
		{Name: "postgresql", Version: []string{"postgres", "--version"}, start: startPostgreSQL},
		{Name: "mariadb", Version: []string{"mariadbd", "--version"}, start: startMariaDB},
		{Name: "nginx", Version: []string{"nginx", "-v"}, start: startNginx},
		{Name: "redis", Version: []string{"redis-server", "--version"}, start: startRedis},
		{Name: "dnsmasq", Version: []string{"dnsmasq", "--version"}, start: startDnsmasq},
		{Name: "mosquitto", Version: []string{"mosquitto", "-h"}, start: startMosquitto},
		{Name: "slapd", Version: []string{"slapd", "-VV"}, start: startSlapd},
		{Name: "exim", Version: []string{"exim4", "--version"}, start: startExim},
		{Name: "sshd", Version: []string{"ssh", "-V"}, start: startSSHD},
		{Name: "quic", Version: []string{"@GO@", "version", "quic-go"}, start: startQUIC},
	}
}

// run starts a program, as a user if one is named, and lets it run.
func (st stage) run(ctx context.Context, as, program string, args ...string) error {
	path, err := lookup(program)
	if err != nil {
		return err
	}
	c := st.node.Command(ctx, path, args...)
	if err := become(c.SysProcAttr, as); err != nil {
		return err
	}
	c.Dir = st.dir
	return c.Start()
}

// finish runs a program to its end.
func (st stage) finish(ctx context.Context, as, program string, args ...string) error {
	path, err := lookup(program)
	if err != nil {
		return err
	}
	c := st.node.Command(ctx, path, args...)
	if err := become(c.SysProcAttr, as); err != nil {
		return err
	}
	c.Dir = st.dir
	if err := c.Run(); err != nil {
		text, _ := os.ReadFile(c.Log) // what there is
		return fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(string(text)))
	}
	return nil
}

// become makes a process that of a user.
func become(a *syscall.SysProcAttr, name string) error {
	if name == "" {
		return nil
	}
	uid, gid, err := account(name)
	if err != nil {
		return err
	}
	a.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return nil
}

func account(name string) (uid, gid int, err error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, 0, err
	}
	if uid, err = strconv.Atoi(u.Uid); err != nil {
		return 0, 0, err
	}
	gid, err = strconv.Atoi(u.Gid)
	return uid, gid, err
}

// own gives the server's directory to a user.
func (st stage) own(name string) error {
	uid, gid, err := account(name)
	if err != nil {
		return err
	}
	return os.Chown(st.dir, uid, gid)
}

func startPostgreSQL(ctx context.Context, st stage) error {
	const as = "postgres"
	if err := st.own(as); err != nil {
		return err
	}
	data := filepath.Join(st.dir, "data")
	if err := st.finish(ctx, as, "initdb", "-D", data, "-A", "trust", "-U", "u", "--no-sync", "--no-instructions"); err != nil {
		return err
	}
	uid, gid, err := account(as)
	if err != nil {
		return err
	}
	for name, text := range map[string]string{"pg_hba.conf": "host all all all trust\n", "cert.pem": "", "key.pem": ""} {
		if text == "" {
			b, err := os.ReadFile(filepath.Join(st.site, name))
			if err != nil {
				return err
			}
			text = string(b)
		}
		path := filepath.Join(data, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
		if err := os.Chown(path, uid, gid); err != nil {
			return err
		}
	}
	return st.run(ctx, as, "postgres", "-D", data, "-c", "listen_addresses=*", "-c", "unix_socket_directories=", "-c", "fsync=off",
		"-c", "shared_buffers=16MB", "-c", "ssl=on", "-c", "ssl_cert_file=cert.pem", "-c", "ssl_key_file=key.pem")
}

func startMariaDB(ctx context.Context, st stage) error {
	const as = "mysql"
	if err := st.own(as); err != nil {
		return err
	}
	data := "--datadir=" + filepath.Join(st.dir, "data")
	if err := st.finish(ctx, as, "mariadb-install-db", "--no-defaults", data, "--skip-test-db", "--auth-root-authentication-method=normal"); err != nil {
		return err
	}
	return st.run(ctx, as, "mariadbd", "--no-defaults", data, "--socket="+filepath.Join(st.dir, "socket"), "--pid-file="+filepath.Join(st.dir, "pid"),
		"--bind-address=0.0.0.0", "--skip-grant-tables", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0")
}

func startNginx(ctx context.Context, st stage) error {
	conf, err := st.file("nginx.conf", fmt.Sprintf(`daemon off; user root; worker_processes 1; pid nginx.pid; error_log stderr;
events {}
http {
	access_log off;
	server {
		listen 80;
		listen 443 ssl;
		ssl_certificate %[1]s/cert.pem;
		ssl_certificate_key %[1]s/key.pem;
		location / { return 200 "served\n"; }
	}
}
`, st.site))
	if err != nil {
		return err
	}
	return st.run(ctx, "", "nginx", "-p", st.dir, "-e", "stderr", "-c", conf)
}

func startRedis(ctx context.Context, st stage) error {
	return st.run(ctx, "", "redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "", "--dir", st.dir)
}

func startDnsmasq(ctx context.Context, st stage) error {
	return st.run(ctx, "", "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--pid-file=",
		"--host-record=www.example,192.0.2.1")
}

func startMosquitto(ctx context.Context, st stage) error {
	conf, err := st.file("mosquitto.conf", "listener 1883 0.0.0.0\nallow_anonymous true\nuser root\n")
	if err != nil {
		return err
	}
	return st.run(ctx, "", "mosquitto", "-c", conf)
}

func startSlapd(ctx context.Context, st stage) error {
	conf, err := st.file("slapd.conf", "include /etc/ldap/schema/core.schema\n") // the root entry is all that is asked for
	if err != nil {
		return err
	}
	return st.run(ctx, "", "slapd", "-d", "0", "-f", conf, "-h", "ldap://0.0.0.0:389")
}

// eximClient is the configuration of the client: mail goes to the first host of the route that takes it.
const eximClient = `primary_hostname = here.test
spool_directory = SPOOL
log_file_path = SPOOL/%slog
host_lookup =
keep_environment =
never_users =
begin routers
there:
  driver = manualroute
  domains = there.test
  transport = smtp
  route_list = * HOSTS byname
begin transports
smtp:
  driver = smtp
begin retry
*  *  F,1h,1h
`

// eximServer takes mail and throws it away.
const eximServer = `primary_hostname = there.test
spool_directory = %[1]s
log_file_path = %[1]s/%%slog
host_lookup =
keep_environment =
never_users =
rfc1413_query_timeout = 0s
tls_advertise_hosts =
acl_smtp_rcpt = accept
begin routers
away:
  driver = redirect
  data = :blackhole:
`

func startExim(ctx context.Context, st stage) error {
	if err := st.own("Debian-exim"); err != nil {
		return err
	}
	conf, err := st.file("exim.conf", fmt.Sprintf(eximServer, filepath.Join(st.dir, "spool")))
	if err != nil {
		return err
	}
	return st.run(ctx, "", "exim4", "-C", conf, "-bdf", "-oX", "0.0.0.0.25", "-oP", filepath.Join(st.dir, "pid"))
}

func startSSHD(ctx context.Context, st stage) error {
	conf, err := st.file("sshd_config", fmt.Sprintf("HostKey %[1]s/id\nAuthorizedKeysFile %[1]s/id.pub\nStrictModes no\nUsePAM no\nUseDNS no\nPidFile none\n", st.site))
	if err != nil {
		return err
	}
	sshd, err := lookup("sshd")
	if err != nil {
		return err
	}
	// It insists on a directory that is there when the machine's own runs.
	return st.run(ctx, "", "unshare", "-m", "sh", "-c", `mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec "$@"`, "sh", sshd, "-D", "-e", "-f", conf)
}

func startQUIC(ctx context.Context, st stage) error {
	return st.run(ctx, "", st.gc, "serve")
}
