// SPDX-License-Identifier: Apache-2.0

// Command goclients is Go clients of several protocols, each as its users have it, and the servers of two protocols that are
// too much to write by hand. It is a module of its own, so that Regent does not depend on these libraries.
//
//	goclients pgx FIRST SECOND      goclients nethttp FIRST SECOND     …
//	goclients serve ADDRESS         QUIC at 443, SSH at 22, until it is stopped
//
// FIRST and SECOND are the addresses that the client knows; svc.test is a name that has both. Exit status 0: it was served.
package main

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/smtp"
	"os"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/quic-go/quic-go"
	"github.com/redis/go-redis/v9"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: goclients CLIENT FIRST SECOND | goclients serve ADDRESS")
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var err error
	if os.Args[1] == "serve" {
		err = serve(os.Args[2])
	} else if client := clients[os.Args[1]]; client == nil || len(os.Args) != 4 {
		err = fmt.Errorf("no client %q", os.Args[1])
	} else {
		err = client(ctx, os.Args[2], os.Args[3])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var clients = map[string]func(ctx context.Context, first, second string) error{
	"pgx":      pgxClient,
	"mysql":    mysqlClient,
	"nethttp":  httpClient,
	"goredis":  redisClient,
	"resolver": resolverClient,
	"paho":     mqttClient,
	"smtp":     smtpClient,
	"quic":     quicClient,
}

// pgxClient lists both hosts in its connection string.
func pgxClient(ctx context.Context, first, second string) error {
	c, err := pgx.Connect(ctx, fmt.Sprintf("postgres://u@%s:5432,%s:5432/d", first, second))
	if err != nil {
		return err
	}
	return c.Close(ctx)
}

// mysqlClient has a name with two addresses.
func mysqlClient(ctx context.Context, _, _ string) error {
	mysql.SetLogger(mysql.Logger(&mysql.NopLogger{})) //nolint:errcheck // it is not nil
	db, err := sql.Open("mysql", "u@tcp(svc.test:3306)/")
	if err != nil {
		return err
	}
	defer db.Close()
	return db.PingContext(ctx)
}

// httpClient has a name with two addresses.
func httpClient(ctx context.Context, _, _ string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://svc.test/", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return errors.New(res.Status)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

// redisClient has a name with two addresses.
func redisClient(ctx context.Context, _, _ string) error {
	c := redis.NewClient(&redis.Options{Addr: "svc.test:6379"})
	defer c.Close()
	return c.Ping(ctx).Err()
}

// resolverClient is Go's own resolver with two servers in resolv.conf.
func resolverClient(ctx context.Context, _, _ string) error {
	_, err := (&net.Resolver{PreferGo: true}).LookupNetIP(ctx, "ip4", "www.example.")
	return err
}

// mqttClient knows two brokers.
func mqttClient(_ context.Context, first, second string) error {
	o := mqtt.NewClientOptions().AddBroker("tcp://" + first + ":1883").AddBroker("tcp://" + second + ":1883").SetClientID("c")
	c := mqtt.NewClient(o)
	t := c.Connect()
	if !t.WaitTimeout(20 * time.Second) {
		return errors.New("no connection")
	}
	c.Disconnect(0)
	return t.Error()
}

// smtpClient goes through its servers as a mail server goes through MX records: after a connection that fails, or a greeting
// or answer of class 4, the next.
func smtpClient(_ context.Context, first, second string) error {
	var errs []error
	for _, host := range []string{first, second} {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, "25"), 10*time.Second)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		c, err := smtp.NewClient(conn, host)
		if err == nil {
			err = c.Hello("client.example")
		}
		if err == nil {
			return c.Quit()
		}
		conn.Close()
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// quicClient tries one address after the other: quic-go itself knows one.
func quicClient(ctx context.Context, first, second string) error {
	var errs []error
	for _, host := range []string{first, second} {
		c, err := quic.DialAddr(ctx, net.JoinHostPort(host, "443"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h"}}, nil)
		if err == nil {
			return c.CloseWithError(0, "")
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
