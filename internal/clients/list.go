// SPDX-License-Identifier: Apache-2.0

package clients

// Answers of the ports, as values of [service.respond].
const (
	answerPostgreSQL = `"postgresql"`
	answerMySQL      = `"mysql"`
	answerHTTP       = `"http"`
	answerRedirect   = `{ answer = "http", location = "http://` + Second + `/" }`
	answerDNS        = `"dns"`
	answerSMTP       = `"smtp"`
	answerMQTT       = `"mqtt"`
	answerQUIC       = `"quic"`
	answerRedis      = `"redis"`
	answerLDAP       = `"ldap"`
	answerTLS        = `"tls-alert"`
	answerSSH        = `"ssh"`
)

const (
	byName   = "a name"
	byList   = "a list"
	byResolv = "resolv.conf"
)

// List returns all clients, in the order of the report.
func List() []Client {
	return []Client{
		psql(byList, "@FIRST@,@SECOND@", "prefer", "57P03, which `postgresql` says, makes libpq try the next host of its list."),
		psql(byName, Host, "prefer", "After 57P03 libpq tries the next host. A name is one host, however many addresses it has."),
		psql("a list, `sslmode=require`", "@FIRST@,@SECOND@", "require", "It is told that there is no encryption before it can be told more."),
		goClient("pgx", byList, "tcp/5432", "postgresql", answerPostgreSQL),
		mariadb(byName, Host),
		mariadb(byList, "@FIRST@,@SECOND@"),
		goClient("go-sql-driver/mysql", byName, "tcp/3306", "mariadb", answerMySQL),
		curl(byName, Host, "It tries the next address 0.2 s after the first, and not at the error."),
		curl("one address", "@FIRST@", "It knows no second address: only the redirection tells it of one."),
		{Name: "wget", How: byName, Version: []string{"wget", "--version"}, Port: "tcp/80", Server: "nginx",
			Command: []string{"wget", "-nv", "-t", "1", "-O", "-", "http://" + Host + "/"}, Prints: "served", Answers: []string{answerHTTP, answerRedirect}},
		goClient("net/http", byName, "tcp/80", "nginx", answerHTTP, answerRedirect),
		{Name: "curl, https", How: byName, Version: []string{"curl", "--version"}, Port: "tcp/443", Server: "nginx",
			Command: []string{"curl", "-sS", "-k", "--fail", "https://" + Host + "/"}, Prints: "served", Answers: []string{answerTLS}},
		{Name: "redis-cli", How: byName, Note: "hiredis tries the next address after \"host unreachable\" alone.",
			Version: []string{"redis-cli", "--version"}, Port: "tcp/6379", Server: "redis",
			Command: []string{"redis-cli", "-h", Host, "ping"}, Prints: "PONG", Answers: []string{answerRedis}},
		goClient("go-redis", byName, "tcp/6379", "redis", answerRedis),
		dig(),
		getent(),
		goClient("Go's resolver", byResolv, "udp/53", "dnsmasq", answerDNS),
		{Name: "mosquitto_pub", How: byName, Version: []string{"mosquitto_pub", "--version"}, Port: "tcp/1883", Server: "mosquitto",
			Command: []string{"mosquitto_pub", "-h", Host, "-t", "t", "-m", "m", "-q", "1"}, Answers: []string{answerMQTT}},
		goClient("paho.mqtt.golang", byList, "tcp/1883", "mosquitto", answerMQTT),
		{Name: "ldapsearch", How: byList, Version: []string{"ldapsearch", "-VV"}, Port: "tcp/389", Server: "slapd",
			Command: []string{"ldapsearch", "-x", "-LLL", "-H", "ldap://@FIRST@ ldap://@SECOND@", "-s", "base", "-b", ""}, Answers: []string{answerLDAP}},
		{Name: "exim", How: byList, Version: []string{"exim4", "--version"}, Port: "tcp/25", Server: "exim",
			Command: []string{"sh", "-c", "d=$(mktemp -d @DIR@/spool.XXXXXX) && chmod 777 $d && echo text | " +
				"exim4 -C @DIR@/exim-client.conf -DSPOOL=$d -DHOSTS=@FIRST@:@SECOND@ -v -odf -f a@here.test b@there.test"},
			Prints: "=> b@there.test", Answers: []string{answerSMTP}},
		{Name: "msmtp", How: byName, Note: "421 is the answer of its only server. Mail servers, such as exim, go to the next.",
			Version: []string{"msmtp", "--version"}, Port: "tcp/25", Server: "exim",
			Command: []string{"sh", "-c", "echo text | msmtp -C /dev/null --host=" + Host + " --from=a@here.test b@there.test"}, Answers: []string{answerSMTP}},
		goClient("net/smtp", "a list, gone through", "tcp/25", "exim", answerSMTP),
		noted(goClient("quic-go", "a list, gone through", "udp/443", "quic", answerQUIC),
			"It does not heed ICMP, and gives up after 5 s. `quic`, which says that there is no version in common, it heeds."),
		{Name: "ssh", How: byName, Version: []string{"ssh", "-V"}, Port: "tcp/22", Server: "sshd",
			Command: []string{"ssh", "-F", "none", "-i", "@DIR@/id", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
				"-o", "LogLevel=ERROR", Host, "echo served"}, Prints: "served", Answers: []string{answerSSH}},
	}
}

func dig() Client {
	return Client{Name: "dig", How: byResolv, Note: "It shows what a server says: REFUSED is an answer.",
		Version: []string{"dig", "-v"}, Port: "udp/53", Server: "dnsmasq",
		Command: []string{"dig", "www.example."}, Prints: "192.0.2.1", Answers: []string{answerDNS}}
}

func getent() Client {
	return Client{Name: "glibc", How: byResolv, Version: []string{"getent", "--version"}, Port: "udp/53", Server: "dnsmasq",
		Command: []string{"getent", "ahostsv4", "www.example."}, Prints: "192.0.2.1", Answers: []string{answerDNS}}
}

func curl(how, host, note string) Client {
	return Client{Name: "curl -L", How: how, Note: note, Version: []string{"curl", "--version"}, Port: "tcp/80", Server: "nginx",
		Command: []string{"curl", "-sS", "-L", "--fail", "http://" + host + "/"}, Prints: "served", Answers: []string{answerHTTP, answerRedirect}}
}

func psql(how, hosts, tls, note string) Client {
	return Client{Name: "psql", How: how, Note: note, Version: []string{"psql", "--version"}, Port: "tcp/5432", Server: "postgresql",
		Command: []string{"psql", "-X", "-A", "-t", "-c", "select 'served'", "host=" + hosts + " user=u dbname=postgres sslmode=" + tls},
		Prints:  "served", Answers: []string{answerPostgreSQL}}
}

func mariadb(how, hosts string) Client {
	return Client{Name: "mariadb", How: how, Version: []string{"mariadb", "--version"}, Port: "tcp/3306", Server: "mariadb",
		Command: []string{"mariadb", "--no-defaults", "-u", "u", "-h", hosts, "-N", "-B", "-e", "select 'served'"},
		Prints:  "served", Answers: []string{answerMySQL}}
}

func noted(c Client, note string) Client {
	c.Note = note
	return c
}

// goClient is a client of the module goclients, which knows it by the same name.
func goClient(name, how, port, server string, answers ...string) Client {
	return Client{Name: name, How: how, Version: []string{"@GO@", "version", name}, Port: port, Server: server,
		Command: []string{"@GO@", name, "@FIRST@", "@SECOND@"}, Answers: answers}
}

// HeldList returns the clients that keep connections, in the order of the report.
func HeldList() []Client {
	var held []Client
	for _, c := range List() {
		switch c.Name {
		case "pgx", "go-sql-driver/mysql", "net/http", "go-redis", "paho.mqtt.golang", "quic-go":
			c.Held = true
			c.Command = append([]string{"@GO@", "held"}, c.Command[1:]...)
			c.Note = ""
			if c.Name == "quic-go" {
				c.Note = "Nobody without its keys can end a QUIC connection. It lasts until its idle time is over."
			}
			c.Answers = nil // nothing is said in the middle of a conversation
			held = append(held, c)
		}
	}
	return held
}
