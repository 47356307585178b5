// SPDX-License-Identifier: Apache-2.0

package requestor_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/regent-ha/regent/requestor"
)

// refusing returns an address at which nothing listens: the kernel refuses for it, as an
// inheriting node does.
func refusing() string {
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func ExampleDialer() {
	standby := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }))
	defer standby.Close()

	d := &requestor.Dialer{
		Addresses: []string{refusing(), standby.Listener.Addr().String()},
		Timeout:   time.Second,
		Trace:     func(a requestor.Attempt) { fmt.Println(a.Outcome) },
	}
	conn, err := d.DialContext(context.Background(), "tcp", "orders:5432")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	fmt.Println("connected to the standby:", conn.RemoteAddr().String() == standby.Listener.Addr().String())
	// Output:
	// refused
	// answered
	// connected to the standby: true
}

// Net/http takes the dialer as it is. A request for any host goes to the
// service's addresses; the names in Names limit it to those.
func ExampleDialer_DialContext_http() {
	standby := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }))
	defer standby.Close()

	d := &requestor.Dialer{Names: map[string][]string{
		"shop.example": {refusing(), standby.Listener.Addr().String()},
	}}
	client := &http.Client{Transport: &http.Transport{DialContext: d.DialContext}}
	response, err := client.Get("http://shop.example/")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	fmt.Println(string(body), err)
	// Output: hello <nil>
}

// Drivers for database/sql take a dial function in their own ways; package
// documentation lists some. A connection that breaks is the driver's to replace:
// database/sql retries on driver.ErrBadConn, and the next dial starts with the address that answers.
// A server that accepts and then says that it cannot serve (a starting database)
// is reported with Avoid.
func ExampleDialer_Avoid() {
	starting := httptest.NewServer(nil)
	defer starting.Close()
	running := httptest.NewServer(nil)
	defer running.Close()

	const service = "orders:5432"
	d := &requestor.Dialer{Addresses: []string{starting.Listener.Addr().String(), running.Listener.Addr().String()}}
	login := func(conn net.Conn) error {
		if conn.RemoteAddr().String() == starting.Listener.Addr().String() {
			return errors.New("the database system is starting up")
		}
		return nil
	}
	for range 2 {
		conn, err := d.DialContext(context.Background(), "tcp", service)
		if err != nil {
			fmt.Println(err)
			return
		}
		err = login(conn)
		if err != nil {
			d.Avoid(service, conn)
		}
		fmt.Println("login:", err)
		conn.Close()
	}
	// Output:
	// login: the database system is starting up
	// login: <nil>
}

func ExampleExchange() {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	go func() {
		b := make([]byte, 512)
		n, from, err := server.ReadFrom(b)
		if err == nil {
			server.WriteTo(append([]byte("you said "), b[:n]...), from)
		}
	}()
	reply, err := requestor.Exchange(context.Background(), []string{refusing(), server.LocalAddr().String()}, []byte("hello"))
	fmt.Println(string(reply), err)
	// Output: you said hello <nil>
}

// Database/sql takes a driver.Connector. Drivers have a place for a dialer: pgx in config.DialFunc, go-sql-driver/mysql in
// RegisterDialContext. The one of this example does nothing but connect, to show that every connection of the pool goes to the
// address that answers.
func ExampleDialer_DialContext_sql() {
	standby := httptest.NewServer(http.NotFoundHandler())
	defer standby.Close()

	d := &requestor.Dialer{Addresses: []string{refusing(), standby.Listener.Addr().String()}}
	db := sql.OpenDB(connector{func(ctx context.Context) (net.Conn, error) { return d.DialContext(ctx, "tcp", "orders:5432") }})
	defer db.Close()
	fmt.Println(db.PingContext(context.Background()))
	// Output: <nil>
}

// connector is the least that a driver is.
type connector struct {
	dial func(context.Context) (net.Conn, error)
}

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.dial(ctx)
	return session{conn}, err
}

func (connector) Driver() driver.Driver { return nil }

// session is a connection of the driver.
type session struct{ net.Conn }

func (session) Prepare(string) (driver.Stmt, error) { return nil, driver.ErrSkip }
func (session) Begin() (driver.Tx, error)           { return nil, driver.ErrSkip }
