// SPDX-License-Identifier: Apache-2.0

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
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // registers "pgx"
	"github.com/quic-go/quic-go"
	"github.com/redis/go-redis/v9"
)

const host = "svc.test" // a name with both addresses

// openPGX lists both hosts in its connection string.
func openPGX(first, second string) (session, error) {
	return database("pgx", fmt.Sprintf("postgres://u@%s:5432,%s:5432/postgres", first, second))
}

// openMySQL has a name with two addresses.
func openMySQL(_, _ string) (session, error) {
	if err := mysql.SetLogger(&mysql.NopLogger{}); err != nil {
		return session{}, err
	}
	return database("mysql", "u@tcp("+host+":3306)/")
}

func database(driver, source string) (session, error) {
	db, err := sql.Open(driver, source)
	if err != nil {
		return session{}, err
	}
	return session{
		use: func(ctx context.Context) error { _, err := db.ExecContext(ctx, "select 1"); return err },
		end: func() { db.Close() },
	}, nil
}

// openHTTP has a name with two addresses.
func openHTTP(_, _ string) (session, error) {
	return session{end: func() {}, use: func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/", nil)
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
	}}, nil
}

// openRedis has a name with two addresses.
func openRedis(_, _ string) (session, error) {
	c := redis.NewClient(&redis.Options{Addr: host + ":6379"})
	return session{use: func(ctx context.Context) error { return c.Ping(ctx).Err() }, end: func() { c.Close() }}, nil
}

// openResolver is Go's own resolver with two servers in resolv.conf.
func openResolver(_, _ string) (session, error) {
	r := &net.Resolver{PreferGo: true}
	return session{end: func() {}, use: func(ctx context.Context) error {
		_, err := r.LookupNetIP(ctx, "ip4", "www.example.")
		return err
	}}, nil
}

// openMQTT knows two brokers.
func openMQTT(first, second string) (session, error) {
	o := mqtt.NewClientOptions().AddBroker("tcp://" + first + ":1883").AddBroker("tcp://" + second + ":1883").SetClientID("c")
	c := mqtt.NewClient(o)
	done := func(t mqtt.Token) error {
		if !t.WaitTimeout(20 * time.Second) {
			return errors.New("no answer for 20 s")
		}
		return t.Error()
	}
	return session{end: func() { c.Disconnect(0) }, use: func(context.Context) error {
		if !c.IsConnected() {
			if err := done(c.Connect()); err != nil {
				return err
			}
		}
		return done(c.Publish("t", 1, false, "m"))
	}}, nil
}

// openSMTP goes through its servers as a mail server goes through MX records: after a connection that fails, or a greeting or
// answer that is not what it wants, the next.
func openSMTP(first, second string) (session, error) {
	return session{end: func() {}, use: func(context.Context) error {
		var errs []error
		for _, server := range []string{first, second} {
			conn, err := net.DialTimeout("tcp", net.JoinHostPort(server, "25"), 10*time.Second)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			c, err := smtp.NewClient(conn, server)
			if err == nil {
				err = c.Hello("here.test")
			}
			if err == nil {
				return c.Quit()
			}
			conn.Close()
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}}, nil
}

// openQUIC tries one address after the other: quic-go itself knows one.
func openQUIC(first, second string) (session, error) {
	var held *quic.Conn
	return session{end: func() {}, use: func(ctx context.Context) error {
		if held != nil {
			err := echo(ctx, held)
			if err != nil {
				held = nil
			}
			return err
		}
		var errs []error
		for _, server := range []string{first, second} {
			c, err := quic.DialAddr(ctx, net.JoinHostPort(server, "443"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"echo"}}, nil)
			if err == nil {
				err = echo(ctx, c)
			}
			if err == nil {
				held = c
				return nil
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}}, nil
}

// echo has a byte sent back.
func echo(ctx context.Context, c *quic.Conn) error {
	s, err := c.OpenStreamSync(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := s.Write([]byte{1}); err != nil {
		return err
	}
	_, err = io.ReadFull(s, make([]byte, 1))
	return err
}
