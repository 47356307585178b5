// SPDX-License-Identifier: Apache-2.0

// Command goclients is Go clients of several protocols, each as its users have it, and a server of QUIC. It is a module of its
// own, so that Regent does not depend on these libraries.
//
//	goclients CLIENT FIRST SECOND        use the service once
//	goclients held CLIENT FIRST SECOND   use it, print "ready", wait for a line, and use it until it works again
//	goclients version CLIENT             of its library
//	goclients serve                      QUIC at 443, until it is stopped
//
// FIRST and SECOND are the addresses that the client knows; svc.test is a name that has both. Exit status 0: it was served.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// session is a client that has been set up.
type session struct {
	use func(context.Context) error // the service, once
	end func()
}

// library is a client and the module that it comes from ("": the standard library).
type library struct {
	module string
	open   func(first, second string) (session, error)
}

func libraries() map[string]library {
	return map[string]library{
		"pgx":                 {"github.com/jackc/pgx/v5", openPGX},
		"go-sql-driver/mysql": {"github.com/go-sql-driver/mysql", openMySQL},
		"net/http":            {"", openHTTP},
		"go-redis":            {"github.com/redis/go-redis/v9", openRedis},
		"Go's resolver":       {"", openResolver},
		"paho.mqtt.golang":    {"github.com/eclipse/paho.mqtt.golang", openMQTT},
		"net/smtp":            {"", openSMTP},
		"quic-go":             {"github.com/quic-go/quic-go", openQUIC},
	}
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "serve":
		return serveQUIC()
	case len(args) == 2 && args[0] == "version":
		return printVersion(args[1])
	case len(args) == 4 && args[0] == "held":
		return hold(args[1], args[2], args[3])
	case len(args) == 3:
		s, err := open(args[0], args[1], args[2])
		if err != nil {
			return err
		}
		defer s.end()
		return s.use(context.Background())
	}
	return errors.New("usage: goclients [held] CLIENT FIRST SECOND | version CLIENT | serve")
}

func open(name, first, second string) (session, error) {
	l, ok := libraries()[name]
	if !ok {
		return session{}, fmt.Errorf("no client %q", name)
	}
	return l.open(first, second)
}

// hold uses the service, waits, and uses it again until that works.
func hold(name, first, second string) error {
	s, err := open(name, first, second)
	if err != nil {
		return err
	}
	defer s.end()
	ctx := context.Background()
	if err := s.use(ctx); err != nil {
		return fmt.Errorf("before: %w", err)
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	var seen []string
	for range 20 {
		if err = s.use(ctx); err == nil {
			break
		}
		seen = append(seen, err.Error())
		time.Sleep(10 * time.Millisecond) // as a program that tries again
	}
	if err != nil {
		return err
	}
	if len(seen) == 0 {
		fmt.Println("no error")
	} else {
		fmt.Printf("%d: %s\n", len(seen), strings.Join(seen, "; "))
	}
	return nil
}

func printVersion(name string) error {
	l, ok := libraries()[name]
	info, built := debug.ReadBuildInfo()
	switch {
	case !ok || !built:
		return fmt.Errorf("no client %q", name)
	case l.module == "":
		fmt.Println(strings.TrimPrefix(runtime.Version(), "go"))
		return nil
	}
	for _, m := range info.Deps {
		if m.Path == l.module {
			fmt.Println(strings.TrimPrefix(m.Version, "v"))
			return nil
		}
	}
	return fmt.Errorf("%s is not in this program", l.module)
}
