// SPDX-License-Identifier: Apache-2.0

package clients

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// client is a client and how it is told of two addresses.
type client struct {
	name    string
	knows   string // how it is told of them
	port    string // of its answer in words
	answer  string // its name; "": a client has no other answer than the default one
	program string // whose presence is needed; "": goclients
	version []string
	wants   string // that a content client says
	common  bool   // runs with the tests
	command func(s *site, first string) []string
	advice  string // what to configure
	says    string // in the line of its output that tells why it stopped; "": the last line
	unmoved bool   // nothing moves it
}

// words makes a command from a text; FIRST and SECOND are addresses.
func words(text string) func(*site, string) []string {
	return func(_ *site, first string) []string {
		var args []string
		for _, w := range strings.Split(text, " ") {
			w = strings.NewReplacer("FIRST", first, "SECOND", second, "\u00a0", " ").Replace(w)
			args = append(args, w)
		}
		return args
	}
}

// inGo is a client of the program goclients.
func inGo(name string) func(*site, string) []string {
	return func(s *site, first string) []string { return []string{s.goclients, name, first, second} }
}

const (
	byName = "a name with two addresses"
	byList = "a list"
)

// list is all clients, in the order of the table.
func list() []client {
	return []client{
		{name: "psql (libpq)", knows: byList, port: "tcp/5432", answer: "postgresql", program: "psql", version: []string{"psql", "--version"}, common: true,
			command: words("psql host=FIRST,SECOND\u00a0user=u\u00a0dbname=d\u00a0connect_timeout=10 -c select\u00a01"), advice: "reset; `postgresql` if people should read why"},
		{name: "psql, sslmode=require", knows: byList, port: "tcp/5432", answer: "postgresql", program: "psql", version: []string{"psql", "--version"},
			wants: second, command: refusesTLS, advice: "reset"},
		{name: "pgx (Go)", knows: byList, port: "tcp/5432", answer: "postgresql", version: []string{"github.com/jackc/pgx/v5"}, command: inGo("pgx"), advice: "reset, or `postgresql`"},
		{name: "mariadb", knows: byName, port: "tcp/3306", answer: "mysql", program: "mariadb", version: []string{"mariadb", "--version"},
			command: words("mariadb -h svc.test -P 3306 -u u --connect-timeout=10 -e do\u00a01"), advice: "reset"},
		{name: "go-sql-driver/mysql", knows: byName, port: "tcp/3306", answer: "mysql", version: []string{"github.com/go-sql-driver/mysql"}, command: inGo("mysql"), advice: "reset"},
		{name: "curl", knows: byName, port: "tcp/80", answer: "http", program: "curl", version: []string{"curl", "--version"}, wants: "served", common: true,
			command: words("curl -sS --max-time 11 --fail-with-body http://svc.test/"), advice: "reset"},
		{name: "curl, redirected", knows: "one address", port: "tcp/8080", answer: "http, location", program: "curl", version: []string{"curl", "--version"}, wants: "served",
			command: words("curl -sSL --max-time 11 --fail-with-body http://FIRST:8080/"), advice: "`http` with `location`: it knows no other address"},
		{name: "Go net/http", knows: byName, port: "tcp/80", answer: "http", version: []string{"go"}, common: true, command: inGo("nethttp"), advice: "reset"},
		{name: "redis-cli", knows: byName, port: "tcp/6379", answer: "redis", program: "redis-cli", version: []string{"redis-cli", "--version"}, wants: "PONG",
			command: words("redis-cli -h svc.test PING"), advice: "reset; it tries one address only", unmoved: true},
		{name: "go-redis", knows: byName, port: "tcp/6379", answer: "redis", version: []string{"github.com/redis/go-redis/v9"}, command: inGo("goredis"), advice: "reset"},
		{name: "dig", knows: "resolv.conf", port: "udp/53", answer: "dns", program: "dig", version: []string{"dig", "-v"}, wants: "192.0.2.1", common: true,
			command: words("dig www.example A"), advice: "reset", says: "status:"},
		{name: "glibc's resolver", knows: "resolv.conf", port: "udp/53", answer: "dns", program: "getent", version: []string{"ldd", "--version"}, wants: "192.0.2.1", common: true,
			command: words("getent ahostsv4 www.example"), advice: "reset, or `dns`"},
		{name: "Go's resolver", knows: "resolv.conf", port: "udp/53", answer: "dns", version: []string{"go"}, command: inGo("resolver"), advice: "reset, or `dns`"},
		{name: "mosquitto_pub", knows: byName, port: "tcp/1883", answer: "mqtt", program: "mosquitto_pub", version: []string{"mosquitto_pub", "--version"},
			command: words("mosquitto_pub -h svc.test -t a -m b"), advice: "reset"},
		{name: "paho (Go)", knows: byList, port: "tcp/1883", answer: "mqtt", version: []string{"github.com/eclipse/paho.mqtt.golang"}, command: inGo("paho"), advice: "reset, or `mqtt`"},
		{name: "ldapsearch (libldap)", knows: byList, port: "tcp/389", answer: "ldap", program: "ldapsearch", version: []string{"ldapsearch", "-VV"},
			command: words("ldapsearch -x -LLL -o nettimeout=10 -H ldap://FIRST\u00a0ldap://SECOND -s base"), advice: "reset"},
		{name: "msmtp", knows: byName, port: "tcp/25", answer: "smtp", program: "msmtp", version: []string{"msmtp", "--version"},
			command: words("sh -c echo\u00a0hi\u00a0|\u00a0msmtp\u00a0--host=svc.test\u00a0--port=25\u00a0--from=a@b.example\u00a0--timeout=10\u00a0c@d.example"), advice: "reset"},
		{name: "Go net/smtp, as by MX", knows: byList, port: "tcp/25", answer: "smtp", version: []string{"go"}, command: inGo("smtp"), advice: "reset, or `smtp`"},
		{name: "quic-go", knows: byList, port: "udp/443", answer: "quic", version: []string{"github.com/quic-go/quic-go"}, command: inGo("quic"), advice: "`quic`"},
		{name: "ssh (OpenSSH)", knows: byName, port: "tcp/22", answer: "ssh", program: "ssh", version: []string{"ssh", "-V"},
			command: words("ssh -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR u@svc.test true"), advice: "reset"},
	}
}

// refusesTLS is content when the second server tells it that it has no TLS: it got there.
func refusesTLS(_ *site, first string) []string {
	return []string{"sh", "-c", `said=$(psql "host=` + first + `,` + second + ` user=u dbname=d connect_timeout=10 sslmode=require" -c "select 1" 2>&1); echo "$said"; echo "$said" | grep -q ` + second}
}

var numbers = regexp.MustCompile(`v?[0-9]+(\.[0-9]+)+[a-zA-Z0-9._+~-]*`)

// versionOf is the version of a client.
func versionOf(c *client) string {
	if c.version[0] == "go" {
		out, err := exec.Command("go", "env", "GOVERSION").Output()
		if err != nil {
			return ""
		}
		return strings.TrimPrefix(strings.TrimSpace(string(out)), "go")
	}
	if strings.Contains(c.version[0], "/") { // a module
		file, err := os.ReadFile("goclients/go.mod")
		if err != nil {
			return ""
		}
		_, rest, _ := strings.Cut(string(file), c.version[0]+" ")
		return numbers.FindString(rest)
	}
	out, err := exec.Command(c.version[0], c.version[1:]...).CombinedOutput()
	if err != nil && len(out) == 0 {
		return ""
	}
	return numbers.FindString(string(out))
}
